/** A real capture, put on the wire in other ways: what was said, and what was verified of it, stays the same. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type MessageRecord, type TranscriptRecord, verifyRecording } from '../../src/capture/index.js';
import { FIN, type Segment, SYN } from '../../src/capture/link-layer.js';
import { reassemble } from '../../src/capture/tcp.js';
import { krb5, parseKeytab } from '../../src/mechanisms/krb5/index.js';
import {
  type FileOptions,
  flowsOf,
  LINK_HEADERS,
  latin1,
  pcapOf,
  realCapture,
  segmentsOf,
  vectorPath,
} from './helpers.js';

const NAMES = ['heimdal-safe-aes128-cts-hmac-sha1-96', 'krb5ftp-deleg-aes256-sha1'];

interface StreamFacts {
  ends: [string, string];
  octets: [number, number];
  sha256: [string, string];
}

function messagesOf(name: string, file: Uint8Array): MessageRecord[] {
  const keys = parseKeytab(readFileSync(vectorPath(`${name}.keytab`)));
  const { records } = verifyRecording(file, { mechanisms: [krb5({ observer: { keys } })] });
  return records.filter(record => record.type === 'message');
}

type Said = Omit<MessageRecord, 'time'>;
/** What a transcript says, but for the time. */
const said = (messages: readonly MessageRecord[]): Said[] => messages.map(({ time, ...rest }) => rest);

/**
 * The messages where the data connections are missing: so are the numbers of their tokens. Under PROT S or P, the sender of a file
 * has a gap before its first message after the 150.
 */
function withoutData(messages: readonly Said[]): Said[] {
  let isProtected = false;
  let sender: string | undefined;
  let withGap: string | undefined;
  return messages.map(record => {
    const { from, text } = record;
    const [, letter] = /^PROT ([CSP])/.exec(text ?? '') ?? [];
    if (letter !== undefined) isProtected = letter !== 'C';
    if (/^(LIST|RETR|STOR)\b/.test(text ?? '')) sender = text!.startsWith('STOR') ? 'client' : 'server';
    const hasGap = from === withGap;
    if (hasGap) withGap = undefined;
    if (isProtected && text?.startsWith('150')) withGap = sender;
    return hasGap ? { ...record, sequence: 'gap' } : record;
  });
}

describe.each(NAMES)('%s', name => {
  const original = realCapture(name);
  const segments = segmentsOf(original);
  const expected = said(messagesOf(name, original));
  const transcriptOf = (changed: readonly Segment[], options?: FileOptions) =>
    said(messagesOf(name, pcapOf(changed, options)));
  const isControl = ({ source, destination }: Segment) => [source, destination].some(end => end.endsWith(`:${port}`));
  const port = JSON.parse(readFileSync(vectorPath(`${name}.json`), 'utf8')).control_port as number;
  const expectedAlone = withoutData(expected);

  test('has the streams that Wireshark finds', () => {
    const facts: StreamFacts[] = JSON.parse(readFileSync(vectorPath(`${name}.streams.json`), 'utf8'));
    const streams = flowsOf(segments).map(({ ends, texts }) => ({
      ends,
      octets: texts.map(text => text.length),
      sha256: texts.map(text => createHash('sha256').update(text, 'latin1').digest('hex')),
    }));
    expect(streams).toEqual(facts);
  });

  test.each(Object.keys(LINK_HEADERS))('over %s', link => {
    expect(transcriptOf(segments, { link })).toEqual(expected);
  });

  test.each([
    { littleEndian: true, nanoseconds: true },
    { littleEndian: false, nanoseconds: true },
    { littleEndian: false, nanoseconds: false },
  ])('in a file with %j', options => {
    expect(transcriptOf(segments, options)).toEqual(expected);
  });

  test('keeps its times to the nanosecond', () => {
    const finer = segments.map(it => ({ ...it, time: it.time! + 7n }));
    const [first] = messagesOf(name, pcapOf(finer, { nanoseconds: true }));
    expect(first!.time).toMatch(/\.\d{6}007Z$/);
  });

  test('over IPv6', () => {
    const v6 = (end: string) => `[2001:db8::${end.split(':')[0]!.split('.')[3]}]:${end.split(':')[1]}`;
    const changed = segments.map(it => ({ ...it, source: v6(it.source), destination: v6(it.destination) }));
    expect(transcriptOf(changed)).toEqual(expected);
  });

  test.each([1, 7, 100])('in segments of %i octets', size => {
    const cut = segments.filter(isControl).flatMap(it => {
      if (it.payload.length === 0) return [it];
      return Array.from({ length: Math.ceil(it.payload.length / size) }, (_, i) => {
        const at = i * size;
        const last = at + size >= it.payload.length;
        const flags = last ? it.flags : it.flags & ~FIN;
        return { ...it, flags, seq: (it.seq + at) >>> 0, payload: it.payload.subarray(at, at + size) };
      });
    });
    expect(transcriptOf(cut)).toEqual(expectedAlone);
  });

  test('sent again, whole and in part, with octets of the next one', () => {
    const again = segments.flatMap(it => {
      const half = Math.floor(it.payload.length / 2);
      const part = { ...it, flags: it.flags & ~FIN, seq: (it.seq + half) >>> 0, payload: it.payload.subarray(half) };
      return half === 0 || (it.flags & SYN) !== 0 ? [it, it] : [it, part, it];
    });
    expect(transcriptOf(again)).toEqual(expected);
  });

  test('where both directions wrap around 2^32', () => {
    const first = new Map<string, number>();
    const key = (from: string, to: string) => `${from} ${to}`;
    for (const { source, destination, seq } of segments) {
      if (!first.has(key(source, destination))) first.set(key(source, destination), seq);
    }
    const shift = (number: number, from: string, to: string) =>
      (number - (first.get(key(from, to)) ?? number) + 0xffff_ff00) >>> 0;
    const changed = segments.map(it => ({
      ...it,
      seq: shift(it.seq, it.source, it.destination),
      ack: shift(it.ack, it.destination, it.source),
    }));
    expect(transcriptOf(changed)).toEqual(expected);
  });

  test('captured out of order', () => {
    const changed = segments.flatMap(it => {
      const half = Math.ceil(it.payload.length / 2);
      if (half < 2 || (it.flags & SYN) !== 0) return [it];
      const first = { ...it, flags: it.flags & ~FIN, payload: it.payload.subarray(0, half) };
      return [{ ...it, seq: (it.seq + half) >>> 0, payload: it.payload.subarray(half) }, first];
    });
    expect(changed.length).toBeGreaterThan(segments.length);
    expect(transcriptOf(changed)).toEqual(expected);
  });

  describe('with packets of the two directions in the wrong order', () => {
    const control = segments.filter(isControl);
    const fromServer = ({ source }: Segment) => source.endsWith(`:${port}`);
    const inOrder = spokenIn(control);
    // Bare acknowledgments carry nothing, and would stand between most neighbours.
    const loaded = control.filter(({ payload, flags }) => payload.length > 0 || (flags & SYN) !== 0);

    test('two neighbours, at each place', () => {
      let swapped = 0;
      for (const [i, first] of loaded.entries()) {
        const second = loaded[i + 1];
        if (second === undefined || first.source === second.source) continue;
        const end = first.seq + first.payload.length + (first.flags & SYN ? 1 : 0);
        expect(second.ack).toBe(end >>> 0);
        expect(spokenIn([...loaded.slice(0, i), second, first, ...loaded.slice(i + 2)])).toBe(inOrder);
        swapped++;
      }
      expect(swapped).toBeGreaterThan(50);
    });

    test.each([1, 2, 5, 40, Number.POSITIVE_INFINITY])('one direction by %d packets too late', late => {
      for (const isLate of [fromServer, (it: Segment) => !fromServer(it)]) {
        const place = (it: Segment) => control.indexOf(it) + (isLate(it) ? late : 0);
        const changed = [...control].sort((a, b) => (place(a) === place(b) ? 0 : place(a) - place(b)));
        expect(transcriptOf(changed)).toEqual(expectedAlone);
      }
    });
  });

  test('from the middle on, without either SYN', () => {
    expect(transcriptOf(segments.filter(({ flags }) => (flags & SYN) === 0))).toEqual(expected);
  });

  describe('without the exchange', () => {
    const control = segments.filter(isControl);
    const recordsOf = (changed: readonly Segment[]) => {
      const keys = parseKeytab(readFileSync(vectorPath(`${name}.keytab`)));
      return verifyRecording(pcapOf(changed), { mechanisms: [krb5({ observer: { keys } })] }).records;
    };
    const isMessage = (record: TranscriptRecord) => record.type === 'message';
    const isAdat = ({ payload }: Segment) => latin1(payload.subarray(0, 5)) === 'ADAT ';
    const MISSING = { mechanism: null, keyed: false, problem: { message: 'the exchange is not in the capture' } };

    test('from any packet on: what is protected is verified, or unkeyed and no error', () => {
      const exchange = control.findIndex(isAdat);
      const places = [...control.keys()].filter(start => start < exchange + 30 || start % 20 === 0);
      for (const start of places) {
        const records = recordsOf(control.slice(start));
        const tokens = records.filter(isMessage).filter(({ level }) => level !== 'clear');
        const verdict = start <= exchange ? 'verified' : 'unkeyed';
        expect(tokens.filter(it => it.verdict !== verdict || it.error !== null)).toEqual([]);
        expect(records.filter(isMessage).filter(({ error }) => error !== null)).toEqual([]);
        if (start > exchange && tokens.length > 0)
          expect(records.find(({ type }) => type === 'connection')).toMatchObject(MISSING);
      }
    });

    test.each([true, false])('with one direction alone: that of the server %s', isServer => {
      const records = recordsOf(control.filter(({ source }) => source.endsWith(`:${port}`) === isServer));
      const messages = records.filter(isMessage);
      const tokens = messages.filter(({ level }) => level !== 'clear');
      expect(tokens.length).toBeGreaterThan(10);
      expect(new Set(tokens.map(({ verdict }) => verdict))).toEqual(new Set(['unkeyed']));
      expect(messages.filter(({ error }) => error !== null)).toEqual([]);
      expect(records.filter(({ type }) => type === 'connection')).toEqual([expect.objectContaining({})]);
      expect(records.find(({ type }) => type === 'connection')).toMatchObject(MISSING);
    });
  });

  test('with a segment missing: the gap is said, the rest is verified', () => {
    const tokens = segments.filter(
      it => isControl(it) && Buffer.from(it.payload).toString('latin1').startsWith('MIC '),
    );
    const lost = tokens[Math.floor(tokens.length / 2)]!;
    const file = pcapOf(segments.filter(it => it !== lost));
    const messages = messagesOf(name, file);
    expect(messages.map(({ error }) => error)).toEqual(messages.map(() => null));
    // Only the line that was lost is gone.
    expect(messages).toHaveLength(expected.length - 1);
    expect(messages.every(({ verdict }) => verdict !== 'failed')).toBe(true);
    const keys = parseKeytab(readFileSync(vectorPath(`${name}.keytab`)));
    const { records } = verifyRecording(file, { mechanisms: [krb5({ observer: { keys } })] });
    expect(records.at(-1)).toMatchObject({ type: 'summary', lost_segments: 1 });
  });
});

/** What both ends said, in order, each by its address. */
function spokenIn(segments: readonly Segment[]): string {
  let said = '';
  for (const event of reassemble(segments).events()) {
    if (event.kind === 'data') said += `${event.connection.ends[event.from]} ${latin1(event.data)}`;
  }
  return said;
}
