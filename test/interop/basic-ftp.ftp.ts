/** Our client, basic-ftp with the adapter, against our server: both levels, both families, large files. */
import { createHash } from 'node:crypto';
import { createReadStream, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Client } from 'basic-ftp';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { hashing, type Level, loggedIn, madeOctets, sha256 } from './ftp-client.js';
import { acceptor, shown, tickets } from './ftp-realm.js';
import { type FtpServer, startFtpServer } from './ftp-server.js';

const SIZE = 50_000_000;
const SMALL = Buffer.from('A line of text\r\n'.repeat(5000));
const CHANGED = new Date('2026-02-28T23:59:58Z');

const its = tickets();
let folder: string;
let server: FtpServer;

const CASES = (['safe', 'private'] as const).flatMap(level =>
  ['127.0.0.1', '::1'].map((host): [Level, string] => [level, host]),
);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rfc2228-served-'));
  writeFileSync(join(folder, 'small.txt'), SMALL);
  utimesSync(join(folder, 'small.txt'), CHANGED, CHANGED);
});

afterEach(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

async function serve(host: string): Promise<void> {
  server = await startFtpServer({
    folder,
    host,
    limit: 10_000,
    mechanisms: { GSSAPI: () => acceptor(its) },
    requireSecurity: true,
    mayBe: (user, { clientName }) => clientName === its.principal && user === 'user',
  });
}

test.each(CASES)('%s %s', (level, host) =>
  shown(
    {
      peer: `basic-ftp with the adapter, ${host}`,
      levels: `${level}, data ${level}`,
      operation: '50 MB each way, REST, LIST, SIZE, MDTM, HELP, wrong file',
      expected: 'same hashes',
    },
    async () => {
      await serve(host);
      const client = await loggedIn(its, { host, port: server.port, level });
      await largeFiles(client);
      await smallFiles(client);
      await client.send('QUIT');
      client.close();
      const levels = server.noted.flatMap(it => (it.kind === 'command' ? [it.level] : []));
      expect(new Set(levels)).toEqual(new Set([level]));
      expect(server.noted.flatMap(it => (it.kind === 'failed' ? [it.error] : []))).toEqual(['ENOENT', 'ENOENT']);
      expect(readdirSync(folder).filter(name => name.startsWith('.'))).toEqual([]);
      return 'same hashes';
    },
  ),
);

async function largeFiles(client: Client): Promise<void> {
  const up = madeOctets(SIZE);
  await client.uploadFrom(up.source, 'large.bin');
  const sent = up.hash();
  expect(await hashOfFile(join(folder, 'large.bin'))).toBe(sent);
  const down = hashing();
  await client.downloadTo(down.sink, 'large.bin');
  expect([down.length(), down.hash()]).toEqual([SIZE, sent]);
  expect(await client.size('large.bin')).toBe(SIZE);
}

async function smallFiles(client: Client): Promise<void> {
  const rest = hashing();
  await client.downloadTo(rest.sink, 'small.txt', 12_345);
  expect(rest.hash()).toBe(sha256(SMALL.subarray(12_345)));
  await client.uploadFrom(madeOctets(0).source, 'empty');
  const listed = (await client.list()).map(({ name, size }) => [name, size]);
  expect(listed).toEqual([
    ['empty', 0],
    ['large.bin', SIZE],
    ['small.txt', SMALL.length],
  ]);
  expect(await client.lastMod('small.txt')).toEqual(CHANGED);
  await expect(client.downloadTo(hashing().sink, 'nope')).rejects.toMatchObject({ code: 550 });
  await expect(client.cd('/../../etc')).rejects.toMatchObject({ code: 550 });
  expect((await client.send('HELP')).message.split('\n')).toHaveLength(4);
  expect(await client.pwd()).toBe('/');
}

async function hashOfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}
