import { describe, expect, test } from 'vitest';
import { ACK, FIN, RST, type Segment, SYN } from '../../src/capture/link-layer.js';
import { reassemble } from '../../src/capture/tcp.js';
import { ascii } from '../helpers.js';
import { CLIENT, eventsOf, type Flow, flowsOf, lines, SERVER, segment, talk } from './helpers.js';

const LOGIN = lines('S: 220 ready', 'C: USER anonymous', 'S: 331 name ok', 'C: QUIT', 'S: 221 bye');
const SAID: [string, string] = ['USER anonymous\r\nQUIT\r\n', '220 ready\r\n331 name ok\r\n221 bye\r\n'];

/** Where the segments of `talk(LOGIN)` stand in it. */
const AT = { syn: 0, synAck: 1, ack: 2, greeting: 3, user: 5, name: 7, quit: 9, bye: 11, clientFin: 13 };

/** The only connection there is. */
function flowOf(segments: Iterable<Segment>): Flow {
  const flows = flowsOf(segments);
  expect(flows).toHaveLength(1);
  return flows[0]!;
}

function fromClient(seq: number, text: string, given: Partial<Segment> = {}): Segment {
  return segment({ seq: seq >>> 0, payload: ascii(text), ack: 5001, ...given });
}

function fromServer(seq: number, text: string, given: Partial<Segment> = {}): Segment {
  return segment({ source: SERVER, seq: seq >>> 0, payload: ascii(text), ack: 1001, ...given });
}

/** The three segments that open a connection: its first octets are 1001 and 5001. */
const OPEN = talk([], { close: 'open' });

describe('a connection', () => {
  test('gives what each end said, and how it ended', () => {
    expect(flowOf(talk(LOGIN))).toEqual({
      id: 0,
      ends: [CLIENT, SERVER],
      opener: 0,
      opened: 'answered',
      texts: SAID,
      by: ['fin', 'fin'],
    });
  });

  test('gives it in the order of the packets', () => {
    expect(eventsOf(talk(lines('S: 220', 'C: QUIT')))).toEqual([
      '4 1 220\r\n',
      '6 0 QUIT\r\n',
      '8 0 (fin)',
      '9 1 (fin)',
    ]);
  });

  test('gives the times of the packets, and views into them', () => {
    const segments = talk(LOGIN);
    const { connections, events } = reassemble(segments);
    const [first] = events();
    const { time, payload } = segments[AT.greeting]!;
    expect(first).toEqual({ kind: 'data', connection: connections.get(0), from: 1, time, data: payload });
    expect(first).toMatchObject({ data: { buffer: payload.buffer } });
  });

  test('gives it as often as it is asked', () => {
    const { events } = reassemble(talk(LOGIN));
    expect([...events()]).toEqual([...events()]);
  });

  test('may end by a reset; what is sent behind it still counts', () => {
    const { length } = talk(LOGIN, { close: 'reset' });
    const late = fromServer(5001 + SAID[1].length, '426 late\r\n');
    const flow = flowOf([...talk(LOGIN, { close: 'reset' }), late]);
    expect(flow).toMatchObject({ texts: [SAID[0], `${SAID[1]}426 late\r\n`], by: ['reset', 'reset'] });
    expect(eventsOf([...talk(LOGIN, { close: 'reset' }), late]).slice(-3)).toEqual([
      `${length} 0 (reset)`,
      `${length + 1} 1 426 late\r\n`,
      `${length + 1} 1 (reset)`,
    ]);
  });

  test('may be open when the capture ends', () => {
    expect(flowOf(talk(LOGIN, { close: 'open' }))).toMatchObject({ texts: SAID, by: ['open', 'open'] });
  });

  test('is empty for a capture without segments', () => {
    expect(flowsOf([])).toEqual([]);
  });

  test('may be one that a socket has with itself', () => {
    const own = { destination: CLIENT, seq: 1000 };
    const opened = [segment({ ...own, flags: SYN }), segment({ ...own, flags: SYN | ACK, ack: 1001 })];
    expect(flowOf([...opened, fromClient(1001, 'AB', { destination: CLIENT, ack: 1001 })])).toMatchObject({
      ends: [CLIENT, CLIENT],
      opened: 'late-answer',
      texts: ['AB', ''],
    });
  });
});

describe('how a connection was opened', () => {
  const segments = talk(LOGIN);
  const without = (...places: number[]) => segments.filter((_, place) => !places.includes(place));

  test.each([
    ['SYN not captured', without(AT.syn), { opened: 'missing', opener: 1, ends: [SERVER, CLIENT] }],
    ['neither SYN captured', without(AT.syn, AT.synAck), { opened: 'missing', opener: undefined }],
    ['nothing of it captured', without(AT.syn, AT.synAck, AT.ack), { opened: 'missing', opener: undefined }],
    ['the answer not captured', without(AT.synAck), { opened: 'late-answer', opener: 0 }],
    ['SYN captured behind its answer', [segments[1]!, segments[0]!, ...segments.slice(2)], { opened: 'answered' }],
    ['SYN captured last of the three', [...segments.slice(1, 3), segments[0]!, ...segments.slice(3)], {}],
    ['SYN captured behind the first line', [...segments.slice(1, 6), segments[0]!, ...segments.slice(6)], {}],
    ['every segment twice', segments.flatMap(it => [it, it]), { opened: 'answered', opener: 0 }],
  ])('%s', (_name, captured, expected) => {
    const flow = flowOf(captured);
    expect(flow).toMatchObject(expected);
    const client = flow.ends.indexOf(CLIENT);
    expect([flow.texts[client], flow.texts[1 - client]]).toEqual(SAID);
    expect(flow.by).toEqual(['fin', 'fin']);
    if (flow.opened === 'answered') expect(flow.ends[flow.opener!]).toBe(CLIENT);
  });

  test('a SYN without an answer', () => {
    const syn = segments[0]!;
    expect(flowOf([syn, syn])).toMatchObject({ opened: 'unanswered', opener: 0, by: ['open', 'open'] });
    const refusal = segment({ source: SERVER, flags: RST | ACK, ack: 1001 });
    expect(flowOf([syn, refusal])).toMatchObject({ opened: 'unanswered', by: ['reset', 'reset'] });
    // A server that still holds another connection of these ports says so.
    const stale = segment({ source: SERVER, seq: 77, ack: 0x70000000 });
    expect(flowOf([syn, stale])).toMatchObject({ opened: 'unanswered' });
    const retried = flowOf([syn, stale, segment({ seq: 0x70000000, flags: RST }), ...segments]);
    expect(retried).toMatchObject({ opened: 'answered', opener: 0, texts: SAID });
  });

  test('both ends at once', () => {
    const [a, b, ...rest] = segments;
    const simultaneous = [a!, { ...b!, flags: SYN, ack: 0 }, { ...a!, flags: SYN | ACK, ack: 5001 }, b!, ...rest];
    expect(flowOf(simultaneous)).toMatchObject({ opened: 'answered', opener: 0, texts: SAID });
  });

  test('with octets in the SYN', () => {
    const [a, b, ...rest] = talk(lines('C: USER x', 'S: 331'));
    const text = 'USER x\r\n';
    expect(eventsOf([{ ...a!, payload: ascii(text) }, { ...b!, ack: 1001 + text.length }, ...rest])).toEqual([
      '1 0 USER x\r\n',
      '6 1 331\r\n',
      '8 0 (fin)',
      '9 1 (fin)',
    ]);
  });
});

describe('several connections', () => {
  const other: [string, string] = ['[2001:db8::1]:40000', '[2001:db8::2]:2121'];

  test('stand in the order of their SYNs', () => {
    const [syn, ...rest] = talk(LOGIN);
    const flows = flowsOf([...rest.slice(0, 1), ...talk(LOGIN, { ends: other }), syn!, ...rest.slice(1)]);
    expect(flows.map(({ ends, opener }) => ends[opener!])).toEqual([other[0], CLIENT]);
    expect(flows.map(({ texts }) => texts)).toEqual([SAID, [SAID[1], SAID[0]]]);
  });

  test('stand where their first packet does when the SYN is missing', () => {
    const late = talk(LOGIN, { ends: other });
    const flows = flowsOf([...talk(LOGIN).slice(3), ...late]);
    expect(flows.map(({ opened }) => opened)).toEqual(['missing', 'answered']);
    expect(flowsOf([...late, ...talk(LOGIN).slice(3)]).map(({ opened }) => opened)).toEqual(['answered', 'missing']);
  });

  test('are kept apart when they are mixed', () => {
    const [a, b] = [talk(LOGIN), talk(LOGIN, { ends: other, isns: [0xfffffffa, 7] })];
    const flows = flowsOf(a.flatMap((it, i) => [it, b[i]!]));
    expect(flows.map(({ texts }) => texts)).toEqual([SAID, SAID]);
  });

  test.each([
    ['closed', talk(LOGIN)],
    ['reset', talk(LOGIN, { close: 'reset' })],
    ['broken off', talk(LOGIN, { close: 'open' })],
    ['refused', [talk(LOGIN)[0]!, segment({ source: SERVER, flags: RST | ACK, ack: 1001 })]],
    ['seen from its middle', talk(LOGIN).slice(6)],
  ])('may have the same ports one after the other: the first %s', (_name, first) => {
    const [before] = flowsOf(first);
    const [one, two, ...more] = flowsOf([...first, ...talk(LOGIN, { isns: [900_000, 800_000] })]);
    expect(more).toEqual([]);
    expect(one).toEqual(before);
    expect(two).toMatchObject({ opened: 'answered', opener: 0, texts: SAID, by: ['fin', 'fin'] });
  });

  test('may have the same ports with the roles changed', () => {
    const back = talk(LOGIN, { ends: [SERVER, CLIENT], isns: [77, 88] });
    expect(flowsOf([...talk(LOGIN), ...back]).map(({ ends }) => ends[0])).toEqual([CLIENT, SERVER]);
  });

  test.each([0, 1] as const)('are not what a forged SYN of end %i begins', end => {
    const segments = talk(LOGIN);
    for (let at = 4; at < segments.length - 3; at++) {
      const { source, destination } = segments.find(({ source }) => source === [CLIENT, SERVER][end])!;
      for (const seq of [77, 900_000, 0x90000000]) {
        for (const flags of [SYN, SYN | ACK]) {
          const forged = segment({ source, destination, seq, flags, ack: 12_345 });
          expect(flowsOf([...segments.slice(0, at), forged, ...segments.slice(at)])).toEqual(flowsOf(segments));
        }
      }
    }
  });

  test.each(['reset', 'fin'] as const)('are not what a late segment of the one before says: %s', close => {
    const first = talk(LOGIN, { close });
    const second = talk(LOGIN, { isns: [900_000_000, 800_000_000] });
    for (const late of first.filter(({ source, flags }) => source === SERVER && (flags & SYN) === 0)) {
      const before = first.filter(it => it !== late);
      const flows = flowsOf([...before, second[0]!, late, ...second.slice(1)]);
      expect(flows).toHaveLength(2);
      expect(flows[1]).toEqual({ ...flowsOf(second)[0], id: flows[1]!.id });
      expect(flows[0]!.texts[0]).toBe(SAID[0]);
    }
  });

  test('are what goes on, even if a SYN does not fit', () => {
    const [syn, , ...rest] = talk(LOGIN);
    const [flow] = flowsOf([{ ...syn!, seq: 900_000_000 }, ...rest.filter(({ source }) => source === SERVER)]);
    expect(flow!.texts[1].endsWith(SAID[1].slice(-10))).toBe(true);
  });

  test('have the same ports, and the first is not ended', () => {
    const first = talk(LOGIN, { close: 'open' });
    const second = talk(LOGIN, { isns: [900_000, 800_000] });
    for (const captured of [second, second.filter((_, i) => i !== 1), second.slice(1)]) {
      const flows = flowsOf([...first, ...captured]);
      expect(flows).toMatchObject([{ texts: SAID, by: ['open', 'open'] }, { by: ['fin', 'fin'] }]);
      expect([...flows[1]!.texts].sort()).toEqual([...SAID].sort());
    }
  });

  test('may have the same ports when only the answer to the second SYN was captured', () => {
    const [, ...second] = talk(LOGIN, { isns: [900_000, 800_000] });
    const [one, two] = flowsOf([...talk(LOGIN), ...second]);
    expect(one).toMatchObject({ opened: 'answered', texts: SAID });
    expect(two).toMatchObject({ opened: 'missing', opener: 1, ends: [SERVER, CLIENT], texts: [SAID[1], SAID[0]] });
  });
});

describe('octets in another order than they were sent', () => {
  test('come when those before them have', () => {
    const segments = [...OPEN, fromClient(1005, 'E'), fromClient(1003, 'CD'), fromClient(1001, 'AB')];
    expect(eventsOf(segments).slice(0, 3)).toEqual(['6 0 AB', '6 0 CD', '6 0 E']);
  });

  test('come once when they are sent again', () => {
    const again = [fromClient(1001, 'AB'), fromClient(1003, 'CD'), fromClient(1001, 'ABCD'), fromClient(1001, 'ABCDE')];
    expect(eventsOf([...OPEN, ...again]).slice(0, 3)).toEqual(['4 0 AB', '5 0 CD', '7 0 E']);
  });

  test.each([
    ['the later in front', [fromClient(1001, 'abcdef'), fromClient(1004, 'XYZ+')], 'abcdef+'],
    ['the later behind', [fromClient(1004, 'def'), fromClient(1001, 'ABCDEF')], 'ABCdef'],
    ['the later around', [fromClient(1003, 'c'), fromClient(1001, 'ABCDE')], 'ABcDE'],
    ['the earlier around', [fromClient(1002, 'bcde'), fromClient(1003, 'XX'), fromClient(1001, 'a')], 'abcde'],
    ['a chain', [fromClient(1005, 'ef'), fromClient(1003, 'CDE'), fromClient(1001, '123')], '12CDef'],
    [
      'a fan',
      [fromClient(1003, 'c'), fromClient(1005, 'e'), fromClient(1002, 'BCDEF'), fromClient(1001, '12')],
      '1BcDeF',
    ],
  ])('of two copies the first captured counts: %s', (_name, segments, text) => {
    expect(flowOf([...OPEN, ...segments]).texts[0]).toBe(text);
  });

  test('a FIN that comes early waits', () => {
    const fin = fromClient(1003, 'CD', { flags: FIN | ACK });
    expect(eventsOf([...OPEN, fin, fromClient(1001, 'AB')]).slice(0, 3)).toEqual(['5 0 AB', '5 0 CD', '5 0 (fin)']);
  });

  test('probes of an idle connection are none', () => {
    const said = fromClient(1001, 'AB');
    const keepAlive = fromClient(1002, '');
    const withOctet = fromClient(1002, '\0');
    expect(flowOf([...OPEN, said, keepAlive, withOctet, fromClient(1003, 'CD')]).texts[0]).toBe('ABCD');
    const closed = [...OPEN, said, fromClient(1003, '', { flags: FIN | ACK }), fromClient(1003, '\0')];
    expect(flowOf(closed)).toMatchObject({ texts: ['AB', ''], by: ['fin', 'open'] });
  });

  test('a probe of a closed window is the next octet', () => {
    const probe = fromClient(1003, 'C');
    expect(flowOf([...OPEN, fromClient(1001, 'AB'), probe, probe, fromClient(1003, 'CD')]).texts[0]).toBe('ABCD');
  });
});

describe('packets of the two directions in another order than they were sent', () => {
  test('come behind what they acknowledge, a gap in it too', () => {
    const answer = fromClient(1001, 'USER', { ack: 5007 });
    const greeting = fromServer(5001, '220');
    expect(eventsOf([...OPEN, answer, greeting, fromServer(5004, 'ABC')]).slice(0, 3)).toEqual([
      '5 1 220',
      '6 1 ABC',
      '6 0 USER',
    ]);
    expect(eventsOf([...OPEN, answer, greeting]).slice(0, 3)).toEqual(['5 1 220', '5 1 {3}', '5 0 USER']);
  });

  test('wait for nothing that was never sent', () => {
    expect(eventsOf([...OPEN, fromClient(1001, 'USER', { ack: 5001 + 2 ** 25 }), fromServer(5001, '220')])[0]).toBe(
      '4 0 USER',
    );
  });

  test('do not wait for each other, where one came again and acknowledges the other', () => {
    const segments = [fromClient(1001, 'USER', { ack: 5004 }), fromServer(5001, '220', { ack: 1005 })];
    expect(eventsOf([...OPEN, ...segments]).slice(0, 2)).toEqual(['5 0 USER', '5 1 220']);
    expect(eventsOf([...OPEN, ...segments.reverse()]).slice(0, 2)).toEqual(['5 1 220', '5 0 USER']);
  });
});

describe('sequence numbers', () => {
  test.each([0xffffffff, 0xfffffff0, 0x7fffffff, 0])('wrap around: %i', isn => {
    const flow = flowOf(talk(LOGIN, { isns: [isn, (isn + 7) >>> 0] }));
    expect(flow).toMatchObject({ texts: SAID, by: ['fin', 'fin'] });
  });

  test('wrap around more than once', () => {
    const payload = new Uint8Array(65_000);
    const count = 140_000;
    function* long(): Generator<Segment> {
      yield* OPEN;
      for (let i = 0; i < count; i++) yield segment({ seq: (1001 + i * payload.length) >>> 0, ack: 5001, payload });
      yield segment({ seq: (1001 + count * payload.length) >>> 0, ack: 5001, flags: FIN | ACK });
    }
    let octets = 0;
    for (const event of reassemble({ [Symbol.iterator]: long }).events()) {
      expect(event.kind).not.toBe('lost');
      if (event.kind === 'data') octets += event.data.length;
    }
    expect(octets).toBe(count * payload.length);
    expect(octets).toBeGreaterThan(2 * 2 ** 32);
  });

  test('far from all that was seen mean nothing', () => {
    const start = fromClient(1001, 'AB');
    const wild = (at: number, given: Partial<Segment> = {}) => fromClient(1001 + at, 'JUNK', given);
    for (const at of [2 ** 24 + 8, 2 ** 29, 2 ** 31 - 1, 2 ** 31, -5, -(2 ** 24), -(2 ** 30)]) {
      const segments = [...OPEN, start, wild(at + Math.sign(at) * 100), wild(at), fromClient(1003, 'CD')];
      expect(flowOf(segments), `${at}`).toMatchObject({ texts: ['ABCD', ''] });
      const flags = FIN | ACK;
      const closed = [...OPEN, start, wild(at, { flags }), fromClient(1003, 'CD', { flags })];
      expect(flowOf(closed), `${at}`).toMatchObject({ texts: ['ABCD', ''], by: ['fin', 'open'] });
    }
  });

  test('far from all that was seen are counted, but for resets', () => {
    const wild = fromClient(1001 + 2 ** 29, 'JUNK');
    const reset = fromClient(1001 + 2 ** 29, 'go away', { flags: RST | ACK });
    const { strays } = reassemble([...OPEN, fromClient(1001, 'AB'), wild, fromClient(1003, 'CD'), reset]);
    expect(strays).toBe(1);
    expect(reassemble(talk(LOGIN)).strays).toBe(0);
    expect(reassemble([...OPEN, fromClient(1001 - 5000, 'JUNK'), fromClient(1001, 'AB')]).strays).toBe(1);
    expect(reassemble([...OPEN, fromClient(1000, '\0'), fromClient(1001, 'AB')]).strays).toBe(0);
  });

  test('far ahead are believed when a second segment goes on from them', () => {
    const gap = 2 ** 30;
    const behind = [fromClient(1003 + gap, 'EF'), fromClient(1005 + gap, 'GH'), fromClient(1007 + gap, 'I')];
    expect(flowOf([...OPEN, fromClient(1001, 'AB'), ...behind]).texts[0]).toBe(`AB{${gap + 2}}GHI`);
  });

  test('of acknowledgments count the same way', () => {
    const wild = fromServer(5001, '', { ack: 1001 + 2 ** 25 });
    expect(flowOf([...OPEN, wild, fromClient(1001, 'AB')]).texts).toEqual(['AB', '']);
  });
});

describe('octets that were not captured', () => {
  test('are lost, and said where the capture first shows it: by the next octets', () => {
    const segments = [...OPEN, fromClient(1001, 'AB'), fromClient(1006, 'FG'), fromClient(1008, 'H')];
    expect(eventsOf(segments).slice(0, 4)).toEqual(['4 0 AB', '5 0 {3}', '5 0 FG', '6 0 H']);
  });

  test('by the acknowledgment, before what the other end said with it', () => {
    const segments = talk(LOGIN).filter((_, place) => place !== AT.user && place !== AT.user + 1);
    expect(eventsOf(segments).slice(0, 4)).toEqual([
      '4 1 220 ready\r\n',
      '6 0 {16}',
      '6 1 331 name ok\r\n',
      '8 0 QUIT\r\n',
    ]);
  });

  test('in several segments: each where the other end has acknowledged it', () => {
    const segments = talk(LOGIN).filter((_, place) => place !== AT.name && place !== AT.bye);
    const events = eventsOf(segments).map(line => line.replace(/^\d+ /, ''));
    expect(events.slice(0, 5)).toEqual(['1 220 ready\r\n', '0 USER anonymous\r\n', '1 {13}', '0 QUIT\r\n', '1 {9}']);
  });

  test('at the start, at the end, and all of them', () => {
    const segments = talk(LOGIN);
    const without = (...places: number[]) => flowOf(segments.filter((_, place) => !places.includes(place))).texts[1];
    expect(without(AT.greeting)).toBe('{11}331 name ok\r\n221 bye\r\n');
    expect(without(AT.bye)).toBe('220 ready\r\n331 name ok\r\n{9}');
    expect(without(AT.greeting, AT.name, AT.bye)).toBe('{33}');
  });

  test('at the end of a connection that shows no end', () => {
    const segments = talk(LOGIN, { close: 'open' }).filter((_, place) => place !== AT.bye);
    expect(flowOf(segments)).toMatchObject({
      texts: [SAID[0], '220 ready\r\n331 name ok\r\n{9}'],
      by: ['open', 'open'],
    });
  });

  test('are none when it was a FIN', () => {
    const { length } = talk(LOGIN);
    const segments = talk(LOGIN).filter((_, place) => place !== length - 2);
    expect(flowOf(segments)).toMatchObject({ texts: SAID, by: ['fin', 'open'] });
  });

  test('are none when they come later', () => {
    const segments = [...OPEN, fromClient(1004, 'D'), fromServer(5001, '', { ack: 1005 }), fromClient(1001, 'ABC')];
    expect(eventsOf(segments).slice(0, 2)).toEqual(['6 0 ABC', '6 0 D']);
  });

  test('are those that the capture cut off', () => {
    const cut = fromClient(1001, 'AB', { missing: 3 });
    expect(flowOf([...OPEN, cut, fromClient(1006, 'FG')]).texts[0]).toBe('AB{3}FG');
    expect(flowOf([...OPEN, cut]).texts[0]).toBe('AB{3}');
    expect(flowOf([...OPEN, cut, fromClient(1001, 'ABCDE')]).texts[0]).toBe('ABCDE');
    expect(flowOf([...OPEN, { ...cut, flags: FIN | ACK }])).toMatchObject({
      texts: ['AB{3}', ''],
      by: ['fin', 'open'],
    });
    expect(flowOf([...OPEN, fromClient(1001, 'AB', { missing: 2 ** 31 })]).texts[0]).toBe('');
  });

  test('of one direction alone do not hold up the other', () => {
    const segments = talk(LOGIN).filter(({ source }) => source === CLIENT);
    // The last acknowledgment is of the FIN: it can't be distinguished from an octet.
    expect(flowOf(segments)).toMatchObject({ opened: 'late-answer', texts: [SAID[0], `{${SAID[1].length + 1}}`] });
  });
});

describe('a capture that starts in the middle', () => {
  test('gives what it has', () => {
    expect(flowOf(talk(LOGIN).slice(AT.user))).toMatchObject({
      ends: [CLIENT, SERVER],
      opened: 'missing',
      opener: undefined,
      texts: [SAID[0], '331 name ok\r\n221 bye\r\n'],
      by: ['fin', 'fin'],
    });
  });

  test('with octets in another order', () => {
    const segments = [fromClient(1003, 'CD'), fromClient(1001, 'AB'), fromServer(5001, 'x', { ack: 1005 })];
    expect(eventsOf(segments).slice(0, 3)).toEqual(['2 0 AB', '2 0 CD', '3 1 x']);
  });

  test('with octets that the other end already had', () => {
    const segments = [fromServer(5001, '', { ack: 1003 }), fromClient(1001, 'AB'), fromClient(1001, 'ABCD')];
    expect(flowOf(segments).texts).toEqual(['', 'CD']);
  });

  test('with a probe', () => {
    const probe = fromClient(1002, '\0');
    const answer = fromServer(5001, '', { ack: 1003 });
    expect(flowOf([answer, probe, fromClient(1003, 'CD')]).texts).toEqual(['', 'CD']);
    expect(flowOf([fromClient(1002, ''), answer, fromClient(1003, 'CD')]).texts).toEqual(['CD', '']);
  });

  test('with octets under way that it does not have', () => {
    const segments = [fromServer(5001, '', { ack: 1001 }), fromClient(1003, 'CD')];
    expect(flowOf(segments).texts).toEqual(['', '{2}CD']);
  });

  test('at its end', () => {
    const segments = talk(LOGIN);
    for (let from = 1; from < segments.length; from++) {
      const { texts, by, opened } = flowOf(segments.slice(from));
      expect(opened).toBe('missing');
      expect(by).not.toContain('reset');
      const expected = segments[from]!.source === CLIENT ? SAID : [SAID[1], SAID[0]];
      expect([expected[0]!.endsWith(texts[0]), expected[1]!.endsWith(texts[1])]).toEqual([true, true]);
    }
  });

  test('with segments too far from each other', () => {
    expect(flowOf([fromClient(0x50000000, 'AB'), fromClient(0x40000000, 'JUNK')]).texts).toEqual(['AB', '']);
  });

  test('with a reset alone', () => {
    expect(flowOf([segment({ flags: RST })])).toMatchObject({ opened: 'missing', by: ['reset', 'reset'] });
  });
});
