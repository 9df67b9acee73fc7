/**
 * Much data through both ends in one process, at levels S and P: the same hash at the far end, and memory that does not grow.
 * `INTEROP_MEGABYTES` says how much each way; it is compared with a plain TCP connection with the same source and sink.
 */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { afterAll, expect, test } from 'vitest';
import { hashing, type Level, loggedIn, madeOctets } from './ftp-client.js';
import { mechanism, shown, tickets, USER } from './ftp-realm.js';
import { startFtpServer } from './ftp-server.js';
import { type Memory, watchMemory } from './memory.js';

const MEGABYTES = Number(process.env['INTEROP_MEGABYTES'] ?? 200);
const SIZE = MEGABYTES * 1_000_000;
/** Milliseconds: a megabyte in a second is slower than anything. */
const LIMIT = 60_000 + MEGABYTES * 4000;

const its = tickets();
const folder = mkdtempSync(join(tmpdir(), 'rfc2228-volume-'));
const measured: string[] = [];

afterAll(() => {
  rmSync(folder, { recursive: true });
  console.info(['', `${MEGABYTES} MB each way, both ends in one process:`, ...measured, ''].join('\n'));
});

const pass = async (what: string, done: () => number, work: () => Promise<unknown>) => {
  const memory = watchMemory(SIZE, done);
  const start = performance.now();
  await work();
  const seconds = (performance.now() - start) / 1000;
  const found = memory();
  measured.push(described(what, seconds, found));
  return found.steady ? 'steady' : 'growing';
};

test('a plain TCP connection', { timeout: LIMIT }, async () => {
  const listener = createServer();
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const down = hashing();
  const up = madeOctets(SIZE);
  await pass('plain TCP', down.length, async () => {
    const sender = connect((listener.address() as AddressInfo).port, '127.0.0.1');
    const [receiver] = (await once(listener, 'connection')) as [Socket];
    await Promise.all([pipeline(up.source, sender), pipeline(receiver, down.sink)]);
  });
  listener.close();
  expect(down.hash()).toBe(up.hash());
});

test.each(['safe', 'private'] as const)('%s', { timeout: LIMIT }, level =>
  shown(
    {
      peer: 'basic-ftp with the adapter, volume',
      levels: `${level}, data ${level}`,
      operation: `${MEGABYTES} MB each way`,
      expected: 'same hashes; memory steady, steady',
    },
    () => thereAndBack(level),
  ),
);

async function thereAndBack(level: Level): Promise<string> {
  const server = await startFtpServer({
    folder,
    timeout: 10_000,
    mechanisms: [mechanism(its)],
    transfers: [level],
    mayLogIn: (user, { clientName }) => clientName === its.principal && user === USER,
  });
  const client = await loggedIn(its, { port: server.port, level });
  const up = madeOctets(SIZE);
  const stored = await pass(`STOR, ${level}`, up.made, () => client.uploadFrom(up.source, 'file'));
  const down = hashing();
  const read = await pass(`RETR, ${level}`, down.length, () => client.downloadTo(down.sink, 'file'));
  client.close();
  await server.close();
  expect(down.hash()).toBe(up.hash());
  return `same hashes; memory ${stored}, ${read}`;
}

function described(what: string, seconds: number, { halves, most, rss }: Memory): string {
  const mebi = (octets: number) => `${(octets / 2 ** 20).toFixed(1)} MiB`;
  const speed = `${(MEGABYTES / seconds).toFixed(0)} MB/s`;
  const memory = `live ${mebi(halves[0])}, then ${mebi(halves[1])}, at most ${mebi(most)}; RSS ${mebi(rss)}`;
  return `  ${what.padEnd(14)} ${speed.padStart(9)}, ${memory}`;
}
