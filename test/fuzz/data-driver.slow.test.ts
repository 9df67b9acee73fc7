/** Mutated transfers played in memory: a conforming peer shows nothing, and each fault of a bad one is found. */
import { describe, expect, it } from 'vitest';
import { concat, fromUtf8, toUtf8 } from '../../src/bytes.js';
import { parseCommand } from '../../src/ftp/command.js';
import type { FuzzCase, TransferCase } from '../../src/fuzz/cases.js';
import { type DataSession, ServerData } from '../../src/fuzz/driver/server-data.js';
import {
  type Baseline,
  type Finding,
  judgeTransfer,
  type Outcome,
  type Plain,
  playToClient,
  playToServer,
  type Seen,
} from '../../src/fuzz/index.js';
import { pskAcceptor, pskInitiator } from '../../src/mechanisms/psk/index.js';
import type { ProtectionLevel } from '../../src/protection/protection-level.js';
import { ServerSession } from '../../src/session/server.js';
import { transferCases } from './case-lists.js';
import { type DataFaults, dataIn, inMemory, pair, pskSide, serveData, visitData, wireOf } from './data-peers.js';
import { PAIRS } from './own-peers.js';

const LIMIT = 300;

async function toServer(one: TransferCase, faults?: DataFaults): Promise<Outcome> {
  const place = inMemory();
  const [ours, theirs] = pair();
  serveData(theirs, place, faults).catch(() => {});
  const target = { ...pskSide(pskInitiator), user: 'anna', data: dataIn(place, LIMIT) };
  const outcome = await playToServer(one, target, wireOf(ours, LIMIT));
  ours.destroy();
  theirs.destroy();

  return outcome;
}

interface Shown {
  kinds: Partial<Record<Outcome['kind'], number>>;
  findings: string[];
}

async function shown(play: (one: TransferCase) => Promise<Outcome>, cases: Iterable<TransferCase>): Promise<Shown> {
  const kinds: Shown['kinds'] = {};
  const findings: string[] = [];
  for (const one of cases) {
    const { kind, finding, detail } = await play(one);
    kinds[kind] = (kinds[kind] ?? 0) + 1;
    if (finding !== undefined) findings.push(`${finding}: ${one.name}, ${one.level}${detail ? `: ${detail}` : ''}`);
  }
  return { kinds, findings };
}

describe('transfers to a server', () => {
  const cases = [...transferCases({ to: 'server', variants: 2 })];

  it('show nothing of a valid one', async () => {
    const { kinds, findings } = await shown(toServer, cases);
    expect(findings).toEqual([]);
    expect(kinds.accepted).toBe(14);
    expect(kinds.refused).toBeGreaterThan(90);
    // That safe ones are lower than private, or sealed, says nothing at the other level.
    expect(kinds.skipped).toBe(4);
    expect(Object.keys(kinds).sort()).toEqual(['accepted', 'refused', 'skipped']);
  });

  it.each<[keyof DataFaults, Finding, string]>([
    ['takesTruncated', 'truncated data accepted', 'no end'],
    ['takesTruncated', 'truncated data accepted', 'nothing at all'],
    ['takesReplays', 'replay accepted', 'a block comes twice'],
    ['takesLower', 'lower level accepted', 'a block that is not sealed, where private is required'],
    ['takesLower', 'lower level accepted', 'a block without integrity'],
    ['takesUnverified', 'unverified text accepted', 'a bit is flipped in a token'],
    ['sendsNoEnd', 'bad data given', 'valid blocks'],
  ])('find that a server %s: %s', async (fault, finding, name) => {
    const found = await shown(
      one => toServer(one, { [fault]: true }),
      cases.filter(it => it.name === name),
    );
    expect(found.findings.join('\n')).toContain(`${finding}: ${name}`);
  });
});

/** A client in memory. */
interface TestClient {
  faults?: DataFaults;
  protection?: ProtectionLevel;
  /** It prints what it is given, or that it has failed. */
  prints?: boolean;
  /** Whatever has failed, it goes on. */
  goesOn?: boolean;
}

async function visit(one: FuzzCase | Plain, { faults, protection, prints, goesOn }: TestClient): Promise<Seen> {
  const place = inMemory();
  const [ours, theirs] = pair();
  let output = '';
  const print = (text: string) => (output += text);
  visitData(theirs, place, { ...faults, ...(goesOn && { goesOn }) }, protection, print).catch(() => {});
  const target = { ...pskSide(pskAcceptor), at: 1, data: dataIn(place, LIMIT) };
  const trace = await playToClient(one, target, wireOf(ours, LIMIT));
  ours.destroy();
  theirs.destroy();
  return { trace, ...(prints && { output }) };
}

const known = new Map<TestClient, Baseline>();

async function toClient(one: TransferCase, client: TestClient): Promise<Outcome> {
  return await judgeTransfer(one, await visit(one, client), async () => {
    const its = known.get(client) ?? {
      usual: await visit('send', client),
      again: await visit('send', client),
      failed: await visit('fail', client),
    };
    known.set(client, its);
    return its;
  });
}

describe('transfers to a client', () => {
  const cases = [...transferCases({ to: 'client', variants: 2 })];
  const client: TestClient = {};

  it('show nothing of a valid one', async () => {
    const { kinds, findings } = await shown(one => toClient(one, client), cases);
    expect(findings).toEqual([]);
    expect(kinds.closed).toBeGreaterThan(40);
    // Blocks of another level than PROT's are not for it.
    expect(kinds.skipped).toBe(cases.length / 2 + 2);
    expect(kinds.accepted).toBe(6);
    expect(Object.keys(kinds).sort()).toEqual(['accepted', 'closed', 'skipped']);
  });

  it('are told by what a client says, where it goes on whatever comes', async () => {
    const says: TestClient = { prints: true, goesOn: true };
    const { kinds, findings } = await shown(one => toClient(one, says), cases);
    expect(findings).toEqual([]);
    expect(kinds.refused).toBeGreaterThan(40);
    const bad: TestClient = { ...says, faults: { takesTruncated: true, takesUnverified: true } };
    const found = await shown(one => toClient(one, bad), cases);
    for (const name of ['no end', 'nothing at all', 'half a block']) {
      expect(found.findings.join('\n')).toContain(`truncated data accepted: ${name}`);
    }
    expect(found.findings.join('\n')).toContain('unverified text accepted: a token of zeros');
  });

  it('are not judged where files go in the clear', async () => {
    const { kinds, findings } = await shown(one => toClient(one, { protection: 'clear' }), cases.slice(0, 8));
    expect([kinds, findings]).toEqual([{ skipped: 8 }, []]);
    expect((await toClient(cases[0]!, { protection: 'clear' })).detail).toBe('transfers are clear');
  });

  it.each<[keyof DataFaults, Finding, string, ProtectionLevel]>([
    ['takesTruncated', 'truncated data accepted', 'no end', 'private'],
    ['takesTruncated', 'truncated data accepted', 'nothing at all', 'safe'],
    ['takesReplays', 'replay accepted', 'a block comes twice', 'private'],
    ['takesLower', 'lower level accepted', 'a block that is not sealed, where private is required', 'private'],
    ['takesUnverified', 'unverified text accepted', 'a bit is flipped in a token', 'safe'],
    ['sendsNoEnd', 'bad data given', 'valid blocks', 'private'],
  ])('find that a client %s: %s: %s', async (fault, finding, name, protection) => {
    const client = { faults: { [fault]: true }, protection };
    const its = cases.filter(it => it.name === name && it.level === protection);
    const found = await shown(one => toClient(one, client), its);
    expect(found.findings.join('\n')).toContain(`${finding}: ${name}`);
  });
});

describe('the data connections of the conforming server', () => {
  const noReader = {
    dataReader: () => expect.unreachable(),
    dataWriter: () => expect.unreachable(),
  };
  const wire = { send: async () => {}, end: () => {}, receive: async () => 'end' as const };
  const plain: DataSession = new ServerSession({ mechanisms: [] });
  const server = (opened: number[] = [], host = '127.0.0.1', session: DataSession = plain) =>
    new ServerData(
      {
        async open(port) {
          opened.push(port);
          return wire;
        },
        listen: async () => ({ host, port: 0x1234, next: async () => wire, close() {} }),
      },
      session,
    );
  const answerTo = async (its: ServerData, line: string) => await its.prepare(parseCommand(toUtf8(`${line}\r\n`)));

  it.each<[string, number, string?]>([
    ['PASV', 227, 'Entering Passive Mode (127,0,0,1,18,52)'],
    ['EPSV', 229, 'Entering Extended Passive Mode (|||4660|)'],
    ['EPSV ALL', 200],
    ['PORT 127,0,0,1,18,52', 200],
    ['PORT 127,0,0,1,18,256', 501],
    ['PORT 127,0,0,1', 501],
    ['EPRT |1|127.0.0.1|4660|', 200],
    ['EPRT |2|::1|4660|', 200],
    ['EPRT |1|127.0.0.1|65536|', 501],
    ['EPRT', 501],
  ])('%s: %i', async (line, code, text) => {
    const answer = await answerTo(server(), line);
    expect(answer?.[0]).toBe(code);
    if (text !== undefined) expect(answer?.[1]).toBe(text);
  });

  it('are not there for IPv6 by PASV, nor for anything without sockets', async () => {
    expect((await answerTo(server([], '::1'), 'PASV'))?.[0]).toBe(425);
    expect((await answerTo(server([], '::ffff:127.0.0.1'), 'PASV'))?.[0]).toBe(227);
    for (const line of ['PASV', 'EPSV', 'PORT 127,0,0,1,18,52']) {
      expect((await answerTo(new ServerData(undefined, plain), line))?.[0]).toBe(425);
    }
    expect(await answerTo(server(), 'NOOP')).toBeUndefined();
  });

  it('go to the port that PORT or EPRT names', async () => {
    const opened: number[] = [];
    const its = server(opened);
    const { session } = PAIRS[0]![1]('client');
    for (const line of ['PORT 192,0,2,1,18,52', 'EPRT |1|192.0.2.1|77|']) {
      await answerTo(its, line);
      expect(its.isReady).toBe(true);
      expect(await its.send('plain', session)).toEqual([226, 'Transfer complete']);
      expect(its.isReady).toBe(false);
    }
    expect(opened).toEqual([0x1234, 77]);
  });

  it('are not the control connection, whose blocks are left out however they come', async () => {
    const block = Uint8Array.of(0, 0, 0, 3, 0x0a, 0x0d, 0);
    const octets = concat(block, toUtf8('MIC AAAA\r\n'), block, block, toUtf8('MIC BBBB\r\n'));
    for (const size of [1, 2, 5, octets.length]) {
      expect(server().withoutBlocks(block)).toEqual(block);
      const its = server([], '127.0.0.1', { ...noReader, protection: 'safe', bufferSize: 200 });
      let lines = '';
      for (let at = 0; at < octets.length; at += size) {
        lines += fromUtf8(its.withoutBlocks(octets.subarray(at, at + size)));
      }
      expect(lines).toBe('MIC AAAA\r\nMIC BBBB\r\n');
      expect(its.notes.dataError?.message).toBe('a data block on the control connection');
    }
  });
});
