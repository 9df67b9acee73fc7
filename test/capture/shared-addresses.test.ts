/** Data connections at an address that several control connections announce, or whose announcement can't be read. */
import { describe, expect, it } from 'vitest';
import { DataConnections } from '../../src/capture/data-connections.js';
import { type DataRecord, type FindingRecord, verifyRecording } from '../../src/capture/index.js';
import type { Segment } from '../../src/capture/link-layer.js';
import { psk } from '../../src/mechanisms/psk/index.js';
import { pcapOf, talk } from './helpers.js';
import { KEY, PskSession } from './psk-session.js';

const OTHER_KEY = new Uint8Array(16).fill(8);

/** What is said of the data connections of sessions that take turns, one part each. */
function taking(sessions: PskSession[], change: (parts: Segment[][][]) => void = () => {}): [number, string | null][] {
  const parts = sessions.map(it => it.parts);
  change(parts);
  const longest = Math.max(...parts.map(it => it.length));
  const segments = Array.from({ length: longest }, (_, i) => parts.flatMap(it => it[i] ?? [])).flat();
  return dataOf(segments).map(({ connection, name, verdict, error, found_by }) => [
    connection,
    `${name} ${verdict} ${error?.code ?? found_by}`,
  ]);
}

function dataOf(segments: Segment[]): DataRecord[] {
  const { records } = verifyRecording(pcapOf(segments), { mechanisms: [psk({ observer: { keys: [KEY] } })] });
  const isAccusing = (it: FindingRecord) => it.severity === 'high';
  expect(records.filter(it => it.type === 'finding').filter(isAccusing)).toEqual([]);
  return records.filter(it => it.type === 'data');
}

const at = (port: number, listens = '192.0.2.2:50000', host = '192.0.2.1'): [string, string] => [
  `${host}:${port}`,
  listens,
];

describe('an address that a server uses for one transfer after the other', () => {
  it.each(['192.0.2.1', '192.0.2.9'])('is not that of a session without a key, from %s', async host => {
    const known = await PskSession.begin('192.0.2.1:40000');
    const unknown = await PskSession.begin(`${host}:40001`, OTHER_KEY);
    for (const round of [1, 2]) {
      known.retrieves(`a${round}`, at(41_000 + round));
      unknown.retrieves(`b${round}`, at(42_000 + round, undefined, host));
    }
    // The other session is a little behind.
    const found = taking([known, unknown], ([, behind]) => behind!.unshift([]));
    expect(found).toEqual([
      [1, 'a1 verified address'],
      [1, 'a2 verified address'],
    ]);
  });

  it('is that of the session that waits, where the line that announces it is missing', async () => {
    const [one, other] = [await PskSession.begin('192.0.2.1:40000'), await PskSession.begin('192.0.2.1:40001')];
    one.retrieves('a', at(41_000));
    other.retrieves('b', at(42_000));
    const found = taking([one, other], ([, behind]) => {
      // Neither the reply to EPSV nor its acknowledgment was captured.
      behind!.splice(-6, 1, []);
      behind!.unshift([], []);
    });
    expect(found).toEqual([
      [1, 'a verified address'],
      [2, 'b verified time'],
    ]);
  });

  it('is that of the next transfer, where the line that announces it again is missing', async () => {
    const session = await PskSession.begin('192.0.2.1:40000');
    session.retrieves('a', at(41_000)).retrieves('b', at(41_001));
    const found = taking([session], ([parts]) => parts!.splice(-6, 1));
    expect(found).toEqual([
      [1, 'a verified address'],
      [1, 'b verified time'],
    ]);
  });

  it('is that of a transfer that is not known, where its lines are missing', async () => {
    const session = await PskSession.begin('192.0.2.1:40000');
    session.retrieves('a', at(41_000)).retrieves('b', at(41_001)).asks('NOOP', '200 Done');
    const found = taking([session], ([parts]) => parts!.splice(-9, 4));
    expect(found).toEqual([
      [1, 'a verified address'],
      [1, 'null verified address'],
    ]);
  });

  it('is not that of the transfer before, where only the commands of the next one are missing', async () => {
    const session = await PskSession.begin('192.0.2.1:40000');
    session.retrieves('a', at(41_000)).retrieves('b', at(41_001, '192.0.2.2:50001')).asks('NOOP', '200 Done');
    const found = taking([session], ([parts]) => {
      // RETR b, and EPSV before it; and the end of the data connection of a.
      parts!.splice(-7, 1);
      parts!.splice(-8, 1);
      parts!.at(-9)!.splice(-3, 3);
    });
    expect(found).toEqual([
      [1, 'null verified address'],
      // It has no end here.
      [1, 'a verified address'],
    ]);
  });

  it('may have several connections of one transfer, which are judged as long as no other session may have announced it', async () => {
    const session = await PskSession.begin('192.0.2.1:40000');
    session.asks('EPSV', '229 Extended (|||50000|)').asks('RETR a', '150 Go').sends(at(41_000), 1, ['one', '']);
    const parts = session.sends(at(41_001), 1, ['two', '']).replies('226 Done').parts;
    const altered = parts.at(-3)!.find(({ payload }) => payload.length > 0)!;
    altered.payload = altered.payload.map((octet, i, { length }) => (i === length - 1 ? octet ^ 1 : octet));
    const ended = (await PskSession.begin('192.0.2.1:40001')).parts;
    for (const before of [[], ended.flat()]) {
      const recording = pcapOf([...before, ...parts.flat()]);
      const { records } = verifyRecording(recording, { mechanisms: [psk({ observer: { keys: [KEY] } })] });
      expect(records.filter(it => it.type === 'data').map(({ verdict }) => verdict)).toEqual(['verified', 'failed']);
    }
  });
});

it.each([
  ['SOCKS 4', '\x04\x01\xc3\x50\x0a\0\0\x01me\0', '\0\x5a\0\0\0\0\0\0'],
  ['CONNECT', 'CONNECT ftp.example:50000 HTTP/1.1\r\n\r\n', 'HTTP/1.1 200 OK\r\n\r\n'],
])('a data connection through the proxy of its control connection is found, behind %s', async (_, asked, granted) => {
  const before = [
    { from: 0 as const, text: asked },
    { from: 1 as const, text: granted },
  ];
  const session = await PskSession.begin('192.0.2.1:40000', KEY, before);
  session.asks('EPSV', '229 Extended (|||50000|)').asks('RETR a', '150 Go');
  const blocks = session.blocks(1, ['text', '']);
  session.adds({ data: talk([...before, ...blocks], { ends: at(41_000, '192.0.2.2:21') }) }).replies('226 Done');
  expect(dataOf(session.parts.flat()).map(it => [it.name, it.verdict, it.whole])).toEqual([['a', 'verified', true]]);
});

describe('an address whose announcement is missing is found by the transfer that waits', () => {
  it.each([
    ['passive', 'EPSV', '229 Extended (|||50000|)', at(41_000), 1],
    ['active', 'PORT 192,0,2,1,195,80', '200 Done', ['192.0.2.2:20', '192.0.2.1:50000'], 0],
  ] as const)('%s', async (_, command, reply, ends, from) => {
    const session = await PskSession.begin('192.0.2.1:40000');
    session.asks(command, reply).asks('RETR a', '150 Go');
    const parts = session.sends([...ends], from, ['text', '']).replies('226 Done').parts;
    const missing = command === 'EPSV' ? -6 : -7;
    parts.splice(missing, 1);
    expect(dataOf(parts.flat()).map(it => [it.name, it.verdict, it.found_by])).toEqual([['a', 'verified', 'time']]);
  });
});

describe('announced addresses', () => {
  const hosts = (client: string) => ({ client, server: '192.0.2.2' });
  const connectionTo = (port: number, client: string) => {
    const ends = [`${client}:40000`, `192.0.2.2:${port}`] as const;
    return { id: 0, ends, opener: 0, opened: 'answered' } as const;
  };

  it.each([1, 40])('are looked up among the last sixteen, where the first look comes after %i', looked => {
    const addresses = new DataConnections<string>(() => false);
    const announcing = addresses.begin('control', hosts('192.0.2.1'), 40_000);
    for (let i = 1; i <= 40; i++) {
      addresses.announce(announcing, 'server', { host: undefined, port: 50_000 + i }, i);
      if (i === looked) addresses.find(connectionTo(9, '192.0.2.1'));
    }
    const found = Array.from({ length: 40 }, (_, i) => addresses.find(connectionTo(50_001 + i, '192.0.2.1'))?.message);
    expect(found).toEqual(Array.from({ length: 40 }, (_, i) => (i < 24 ? undefined : i + 1)));
  });

  it('of the session that announced last are meant, whichever began last', () => {
    const addresses = new DataConnections<string>(() => false);
    const [first, second, ended] = ['first', 'second', 'ended'].map(name =>
      addresses.begin(name, hosts('192.0.2.1'), 40_000),
    );
    for (const [i, session] of [second, first, ended].entries())
      addresses.announce(session!, 'server', { host: '192.0.2.2', port: 50_000 }, i + 1);
    addresses.forget(ended!);
    expect(addresses.find(connectionTo(50_000, '192.0.2.1'))?.control).toBe('first');
    addresses.forget(first!);
    expect(addresses.find(connectionTo(50_000, '192.0.2.1'))?.control).toBe('second');
  });
});
