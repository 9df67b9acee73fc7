/** Any stream, cut, mixed and damaged in any way, against a reader that looks at one octet after the other. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ACK, FIN, type Segment, SYN } from '../../src/capture/link-layer.js';
import { reassemble } from '../../src/capture/tcp.js';
import { ascii } from '../helpers.js';
import { eventsOf, flowsOf, SERVER, segment, talk } from './helpers.js';

/** A sequence number, most often one that wraps soon. */
const isn = fc.oneof(
  fc.nat(0xffffffff),
  fc.nat(80).map(back => 0xffffffff - back),
);

interface Copy {
  at: number;
  text: string;
}

/** Copies of parts of a stream of 60 octets. Each has letters of its own, so that it can be told from the others. */
const copies: fc.Arbitrary<Copy[]> = fc
  .array(fc.record({ at: fc.nat(59), length: fc.integer({ min: 1, max: 20 }) }), { minLength: 1, maxLength: 25 })
  .map(parts =>
    parts.map(({ at, length }, i) => ({ at, text: String.fromCharCode(97 + i).repeat(Math.min(length, 60 - at)) })),
  );

/** Client segments behind a SYN, and a FIN after 60 octets. */
function clientSide(parts: readonly Copy[], first: number): Segment[] {
  const data = parts.map(({ at, text }) => segment({ seq: (first + 1 + at) >>> 0, payload: ascii(text) }));
  const end = segment({ seq: (first + 61) >>> 0, flags: FIN | ACK });
  return [segment({ seq: first, flags: SYN }), ...data, end].map(it => ({ ...it, ack: 0x30000000 }));
}

/** What each octet of the stream is, and with which segment it came. */
function octetByOctet(parts: readonly Copy[]): { octet: string; segment: number }[] {
  return Array.from({ length: 60 }, (_, position) => {
    const first = parts.findIndex(({ at, text }) => at <= position && position < at + text.length);
    return first < 0 ? { octet: '', segment: 0 } : { octet: parts[first]!.text[0]!, segment: first + 2 };
  });
}

test('of every octet the first copy comes, and what no segment has is lost', () => {
  fc.assert(
    fc.property(copies, isn, (parts, first) => {
      const octets = octetByOctet(parts).map(({ octet }) => octet || '.');
      const expected = octets.join('').replaceAll(/\.+/g, gap => `{${gap.length}}`);
      const [flow] = flowsOf(clientSide(parts, first));
      expect([flow!.texts[0], flow!.by[0]]).toEqual([expected, 'fin']);
    }),
  );
});

test('every octet comes with the segment that brings the last of those up to it', () => {
  fc.assert(
    fc.property(copies, isn, (parts, first) => {
      // A last copy of the whole stream leaves nothing lost.
      const whole = [...parts, { at: 0, text: '+'.repeat(60) }];
      let latest = 0;
      const expected = octetByOctet(whole).map(({ octet, segment }) => {
        latest = Math.max(latest, segment);
        return `${latest} ${octet}`;
      });
      const found = eventsOf(clientSide(whole, first)).flatMap(line => {
        const [when, from, text] = line.split(' ');
        return from === '0' && text !== '(fin)' ? [...text!].map(octet => `${when} ${octet}`) : [];
      });
      expect(found).toEqual(expected);
    }),
  );
});

describe('a talk', () => {
  const spoken = fc.array(fc.record({ from: fc.constantFrom<0 | 1>(0, 1), text: fc.string({ minLength: 1 }) }), {
    maxLength: 8,
  });
  const close = fc.constantFrom('fin', 'reset', 'open');
  const asOctets = (text: string) => text.replaceAll(/[^ -~]/g, '?');
  const talks = fc.record({ spoken, close, isns: fc.tuple(isn, isn) }).map(({ spoken, close, isns }) => {
    const said = spoken.map(({ from, text }) => ({ from, text: asOctets(text) }));
    const texts = [0, 1].map(end => said.flatMap(({ from, text }) => (from === end ? [text] : [])).join(''));
    return { segments: talk(said, { close: close as 'fin', isns }), texts };
  });

  test('is the same however its segments are cut', () => {
    fc.assert(
      fc.property(talks, fc.integer({ min: 1, max: 5 }), ({ segments, texts }, size) => {
        expect(flowsOf(segments.flatMap(it => cut(it, size)))).toMatchObject([{ texts, opened: 'answered' }]);
      }),
    );
  });

  test('is the same when segments come again, and change places with their neighbours', () => {
    fc.assert(
      fc.property(talks, fc.array(fc.nat(6)), fc.array(fc.boolean()), ({ segments, texts }, delays, again) => {
        const mixed = delayed(
          segments.flatMap((it, i) => (again[i] ? [it, it] : [it])),
          delays,
        );
        const [flow, ...more] = flowsOf(mixed);
        expect(more).toEqual([]);
        const turned = flow!.ends[0] === SERVER;
        expect(turned ? [flow!.texts[1], flow!.texts[0]] : flow!.texts).toEqual(texts);
      }),
    );
  });
});

/** A segment as several of at most `size` octets. */
function cut(it: Segment, size: number): Segment[] {
  if (it.payload.length <= size) return [it];
  const parts: Segment[] = [];
  for (let at = 0; at < it.payload.length; at += size) {
    const last = at + size >= it.payload.length;
    const flags = last ? it.flags : it.flags & ~FIN;
    parts.push({ ...it, seq: (it.seq + at) >>> 0, flags, payload: it.payload.subarray(at, at + size) });
  }
  return parts;
}

/** Each item a few places later than it was. */
function delayed<T>(items: readonly T[], delays: readonly number[]): T[] {
  return items
    .map((item, i) => ({ item, place: i + (delays[i % Math.max(delays.length, 1)] ?? 0) }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item);
}

describe('hostile segments', () => {
  const near = fc.nat(40);
  const number = fc.oneof(
    near,
    near.map(back => 0xffffffff - back),
    fc.constantFrom(2 ** 24, 2 ** 31, 2 ** 31 - 1),
    fc.nat(0xffffffff),
  );
  const hostile = fc.array(
    fc.record({
      source: fc.constantFrom('a:1', 'b:2'),
      destination: fc.constantFrom('a:1', 'b:2'),
      seq: number,
      ack: number,
      flags: fc.nat(0x1f),
      payload: fc.uint8Array({ maxLength: 12 }),
      missing: fc.oneof(fc.constant(0), fc.nat(20), fc.nat(0xffffffff)),
      time: fc.constant(0n),
    }),
    { maxLength: 40 },
  );

  test('give no octet that was not sent, one end for each direction, and nothing behind it', () => {
    fc.assert(
      fc.property(hostile, segments => {
        const { connections, events } = reassemble(segments);
        const ended = new Set<string>();
        let octets = 0;
        for (const event of events()) {
          const key = `${event.connection.id} ${event.from}`;
          expect(ended).not.toContain(key);
          if (event.kind === 'end') ended.add(key);
          if (event.kind === 'data') octets += event.data.length;
          if (event.kind === 'data') expect(event.data.length).toBeGreaterThan(0);
          if (event.kind === 'lost') expect(event.octets).toBeGreaterThan(0);
        }
        expect(ended.size).toBe(2 * connections.size);
        expect(octets).toBeLessThanOrEqual(segments.reduce((sum, { payload }) => sum + payload.length, 0));
      }),
    );
  });
});
