/** Faults on the way between our client and our server: each ends in its error, nothing unverified arrives, nothing hangs. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import type { Client } from 'basic-ftp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { withTimeout } from '../../src/node/timeout.js';
import { blocks, type FaultProxy, lines, startProxy, type Tampering } from './fault-proxy.js';
import { type Case, type Earlier, faults, type Step } from './faults.js';
import { connected, type Level, madeOctets, secured } from './ftp-client.js';
import { mechanism, shown, tickets, USER } from './ftp-realm.js';
import { type Noted, startFtpServer } from './ftp-server.js';
import { SeededOctets } from './messages.js';

const SEED = process.env['INTEROP_SEED'] ?? '2228';
/** Milliseconds for an answer; the server gives the client more. */
const CLIENT_LIMIT = 3_000;
const SERVER_LIMIT = 5_000;
const ALL_LIMIT = 20_000;
const BUFFER_SIZE = 4096;

const DOWN = madeOctets(40_000, 7).source.read(40_000) as Buffer;
const UP = madeOctets(40_000, 8).source.read(40_000) as Buffer;

const service = tickets();
const folder = mkdtempSync(join(tmpdir(), 'rfc2228-faults-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe.each(['safe', 'private'] as const)('%s', level => {
  const random = new SeededOctets(`${SEED} ${level}`);
  let earlier: Earlier;
  beforeAll(async () => {
    const untouched = await session(level);
    expect(textOf(untouched)).toBe('ok');
    earlier = untouched.lines;
  });

  const all = faults(() => random.fraction());
  const title = '$where, from the $from: $name';
  // Many turns of the event loop, which others would make long.
  const isSlow = ({ name }: Case) => name === 'single octets';
  test.each(all.filter(isSlow))(title, its => judge(level, its, earlier));
  test.concurrent.each(all.filter(it => !isSlow(it)))(title, its => judge(level, its, earlier));
});

function judge(level: Level, its: Case, earlier: Earlier): Promise<void> {
  const { where, from, name, client, step, server } = its;
  const row = {
    peer: `on the way: ${where} from the ${from}`,
    levels: `${level}, data ${level}`,
    operation: name,
    expected: textOf({ client: nameIn(ofLevel(client, level)), step, server: nameIn(server) }),
  };
  let found: Outcome | undefined;
  const work = async () => {
    found = await session(level, its, earlier);
    return textOf(found);
  };
  return shown(row, work, () => isExpected(its, level, found!));
}

interface Outcome {
  /** `ok`, or its first error. */
  client: string;
  /** Where that was. */
  step: Step | undefined;
  /** What it noted, but for ends of connections. */
  server: string;
}

function textOf({ client, step, server }: Outcome): string {
  return `${client}${step ? ` in ${step}` : ''}${server ? `; server ${server}` : ''}`;
}

const ofLevel = (client: Case['client'], level: Level) =>
  typeof client === 'string' || client instanceof RegExp ? client : client[level];

const nameIn = (expected: string | RegExp) => (typeof expected === 'string' ? expected : expected.source);

function isExpected({ client, step, server }: Case, level: Level, found: Outcome): boolean {
  const fits = (expected: string | RegExp, text: string) =>
    typeof expected === 'string' ? text === expected : expected.test(text);
  return (
    fits(ofLevel(client, level), found.client) &&
    (step === undefined || step === found.step) &&
    fits(server, found.server)
  );
}

/** One session, all of it checked but for how it ended. */
async function session(
  level: Level,
  its?: Case,
  earlier: Earlier = { client: [], server: [] },
): Promise<Outcome & { lines: Earlier }> {
  const served = mkdtempSync(join(folder, 's-'));
  for (const name of ['down', 'kept']) writeFileSync(join(served, name), DOWN);
  const proxies: FaultProxy[] = [];
  const between = async (port: number, where: Case['where'], faulty: boolean) => {
    const tampering: Tampering | undefined =
      its?.where === where && faulty ? { from: its.from, fault: its.fault(earlier) } : undefined;
    const proxy = await startProxy('127.0.0.1', port, where === 'data' ? blocks : lines, tampering);
    proxies.push(proxy);
    return proxy;
  };
  let transfers = 0;
  const server = await startFtpServer({
    folder: served,
    timeout: SERVER_LIMIT,
    mechanisms: [mechanism(service)],
    requireSecurity: true,
    mayLogIn: (user, { clientName }) => clientName === service.principal && user === USER,
    announce: async port => (await between(port, 'data', transfers++ === (its?.from === 'server' ? 0 : 1))).port,
  });
  try {
    const control = await between(server.port, 'control', true);
    const seen = await withTimeout(ALL_LIMIT, 'the session', clientSession(control.port, level));
    await withTimeout(SERVER_LIMIT + CLIENT_LIMIT, 'the server to be done', server.idle());
    checkClaims(seen, served, server.noted, control);
    const lines = { client: linesOf(control.sent), server: linesOf(control.received) };
    return { client: seen.client, step: seen.step, server: errorsOf(server.noted), lines };
  } finally {
    for (const proxy of proxies) proxy.close();
    await server.close();
  }
}

interface Seen {
  client: string;
  step: Step | undefined;
  /** What came to its end. */
  done: Set<Step>;
  /** Codes of the replies that reached it, from PBSZ on. */
  heard: number[];
  /** What the download gave. */
  down: Buffer;
}

async function clientSession(port: number, level: Level): Promise<Seen> {
  const settings = { port, level, timeout: CLIENT_LIMIT, bufferSize: BUFFER_SIZE };
  const client = await connected(settings);
  const seen: Seen = { client: 'ok', step: undefined, done: new Set(), heard: [], down: Buffer.alloc(0) };
  for (const [step, work] of stepsOf(client, seen, () => secured(client, service, settings))) {
    try {
      await work();
      seen.done.add(step);
    } catch (error) {
      Object.assign(seen, { client: nameOf(error), step });
      break;
    }
  }
  client.close();
  return seen;
}

function stepsOf(client: Client, seen: Seen, secure: () => Promise<void>): [Step, () => Promise<unknown>][] {
  const sink = new Writable({
    write(chunk, _encoding, done) {
      seen.down = Buffer.concat([seen.down, chunk]);
      done();
    },
  });
  return [
    [
      'secure',
      async () => {
        await secure();
        client.ftp.log = message => seen.heard.push(...codesIn(message));
      },
    ],
    ['login', () => client.login(USER)],
    ['help', async () => expect((await client.send('HELP')).message.split('\n')).toHaveLength(4)],
    ['download', () => client.downloadTo(sink, 'down')],
    ['upload', () => client.uploadFrom(Readable.from([UP]), 'up')],
    ['list', async () => expect((await client.list()).map(({ name }) => name)).toEqual(['down', 'kept', 'up'])],
    ['quit', () => client.send('QUIT')],
  ];
}

/** What holds whatever the fault. */
function checkClaims({ done, heard, down }: Seen, served: string, noted: readonly Noted[], { sent }: FaultProxy): void {
  if (done.has('download')) expect(down.equals(DOWN)).toBe(true);
  expect(down.equals(DOWN.subarray(0, down.length)), 'what was delivered is a beginning of the file').toBe(true);
  const up = join(served, 'up');
  expect(existsSync(up) ? readFileSync(up).equals(UP) : !done.has('upload'), 'what was stored is the file').toBe(true);
  expect(existsSync(join(served, 'kept')), 'only the client deletes').toBe(true);
  const said = noted.flatMap(it => ('code' in it ? [it.code] : []));
  for (const code of heard) {
    const at = said.indexOf(code);
    expect(at, `${code} was said by the server`).toBeGreaterThanOrEqual(0);
    said.splice(0, at + 1);
  }
  expect(Buffer.concat(sent).toString('latin1')).not.toMatch(/^(USER|PASS|RETR|STOR|HELP)/m);
}

const codesIn = (message: string) => [...message.matchAll(/^(?:< )?(\d{3}) /gm)].map(([, code]) => Number(code));

const linesOf = (chunks: readonly Buffer[]) =>
  Buffer.concat(chunks)
    .toString('latin1')
    .split(/(?<=\n)/)
    .map(line => Buffer.from(line, 'latin1'));

/** Ends that a client brings about when it gives up; there is no one to reply to then. */
const ENDS = /^(ECONNRESET|EPIPE|ERR_STREAM_\w+|ABORT_ERR|sequence\/closed)$/;

function errorsOf(noted: readonly Noted[]): string {
  const errors = noted.flatMap(it =>
    'error' in it && it.error !== undefined && !ENDS.test(it.error) ? [it.error] : [],
  );
  return [...new Set(errors)].join(', ');
}

/** Two clocks may end the same wait. */
function nameOf(error: unknown): string {
  const { code, message } = error as { code?: string | number; message: string };
  return /timed? ?out/i.test(message) ? 'ETIMEDOUT' : `${code ?? message}`;
}
