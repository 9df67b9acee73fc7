/** Our client, basic-ftp with the adapter, against our server: both levels, both families, large files. */
import { createHash } from 'node:crypto';
import { createReadStream, mkdtempSync, readdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Client, enterPassiveModeIPv4, enterPassiveModeIPv6 } from 'basic-ftp';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { connected, hashing, type Level, loggedIn, madeOctets, ODD, ODD_LINES, secured, sha256 } from './ftp-client.js';
import { mechanism, shown, tickets } from './ftp-realm.js';
import { type FtpServer, startFtpServer } from './ftp-server.js';

const CODES = '533 533 530 530 230 550 550 550';
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
    timeout: 10_000,
    mechanisms: [mechanism(its)],
    requireSecurity: true,
    ccc: 'allowed',
    mayLogIn: (user, { clientName }) => clientName === its.principal && user === 'user',
  });
}

test.each(CASES)('%s %s', (level, host) =>
  shown(
    {
      peer: `basic-ftp with the adapter, ${host}`,
      levels: `${level}, data ${level}`,
      operation: '50 MB each way, REST, LIST, SIZE, MDTM, HELP, wrong file, CCC',
      expected: 'same hashes',
    },
    async () => {
      await serve(host);
      const client = await loggedIn(its, { host, port: server.port, level });
      client.prepareTransfer = host === '::1' ? enterPassiveModeIPv6 : enterPassiveModeIPv4;
      await largeFiles(client);
      await smallFiles(client);
      await client.send('CCC');
      expect(await client.size('large.bin')).toBe(SIZE);
      const rest = hashing();
      await client.downloadTo(rest.sink, 'small.txt');
      expect(rest.hash()).toBe(sha256(SMALL));
      await client.send('QUIT');
      client.close();
      const commands = server.noted.flatMap(it => (it.kind === 'command' ? [it] : []));
      expect(new Set(commands.slice(0, -4).map(it => it.level))).toEqual(new Set([level]));
      expect(commands.slice(-4).map(it => `${it.level} ${it.verb}`)).toEqual(
        ['SIZE', host === '::1' ? 'EPSV' : 'PASV', 'RETR', 'QUIT'].map(verb => `clear ${verb}`),
      );
      expect(server.noted.flatMap(it => (it.kind === 'failed' ? [it.error] : []))).toEqual(['ENOENT', 'ENOENT']);
      expect(readdirSync(folder).filter(name => name.startsWith('.'))).toEqual([]);
      return 'same hashes';
    },
  ),
);

test.each(CASES)('types, %s %s', (level, host) =>
  shown(
    {
      peer: `basic-ftp with the adapter, ${host}`,
      levels: `${level}, data ${level}`,
      operation: 'CR, LF and 0xFF each way in types I and A',
      expected: 'same hashes',
    },
    async () => {
      await serve(host);
      writeFileSync(join(folder, 'odd'), ODD);
      const client = await loggedIn(its, { host, port: server.port, level });
      client.prepareTransfer = host === '::1' ? enterPassiveModeIPv6 : enterPassiveModeIPv4;
      for (const [type, onTheWay] of [
        ['I', ODD],
        ['A', ODD_LINES],
      ] as const) {
        if (type === 'A') await client.send('TYPE A');
        const down = hashing();
        await client.downloadTo(down.sink, 'odd');
        expect(down.hash(), type).toBe(sha256(onTheWay));
        await client.uploadFrom(Readable.from([onTheWay]), `up ${type}`);
        expect(await hashOfFile(join(folder, `up ${type}`)), type).toBe(sha256(ODD));
      }
      client.close();
      return 'same hashes';
    },
  ),
);

test('who may not log in, and what is outside the folder', () =>
  shown(
    {
      peer: 'basic-ftp',
      levels: 'clear, then private',
      operation: 'no ticket; PASS; another user; PASS after 232; a link',
      expected: CODES,
    },
    async () => {
      await serve('127.0.0.1');
      symlinkSync('/etc', join(folder, 'link'));
      const settings = { port: server.port, level: 'private' } as const;
      const client = await connected(settings);
      const codes: unknown[] = [];
      const asked = (work: Promise<unknown>) =>
        work.catch(error => error).then(answer => codes.push((answer as { code?: number } | undefined)?.code));
      await asked(client.login('user', 'password'));
      await asked(client.send('PASS password'));
      await secured(client, its, settings);
      await asked(client.send('PWD'));
      await asked(client.login('root'));
      await client.login('user');
      await asked(client.send('PASS password'));
      await asked(client.cd('link'));
      await asked(client.downloadTo(hashing().sink, 'link/passwd'));
      await asked(client.uploadFrom(madeOctets(1).source, '../outside/file'));
      client.close();
      return codes.join(' ');
    },
  ));

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
