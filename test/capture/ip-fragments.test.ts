/** IP fragments put together: overlaps, copies, identifications used again, and bounds. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Fragment, IpFragments, type Reassembled } from '../../src/capture/ip-fragments.js';
import { ascii } from '../helpers.js';

const SECOND = 1_000_000_000n;

/** What became of fragments: what `add` gave for each, and how many were lost, by reason. */
function assemble(fragments: readonly (Partial<Fragment> & { key?: string; time?: bigint })[]) {
  const lost: Record<string, number> = {};
  const assembler = new IpFragments((reason, packets) => {
    lost[reason] = (lost[reason] ?? 0) + packets;
  });
  const given = fragments.map(({ key = 'k', time = 0n, ...rest }) => {
    const fragment = { protocol: 6, offset: 0, more: true, data: ascii('01234567'), ...rest };
    return assembler.add(key, fragment, time);
  });
  assembler.finish();
  return { given, lost };
}

function textOf(reassembled: Reassembled | string | undefined): string | undefined {
  return typeof reassembled === 'object' ? Buffer.from(reassembled.data).toString('latin1') : reassembled;
}

describe('a packet in three', () => {
  const whole = ascii('The quick brown fox jumps');
  const parts = [
    { offset: 0, data: whole.subarray(0, 8), protocol: 6 },
    { offset: 8, data: whole.subarray(8, 24), protocol: 17 },
    { offset: 24, data: whole.subarray(24), more: false, protocol: 50 },
  ];

  test.each([
    [0, 1, 2],
    [0, 2, 1],
    [1, 0, 2],
    [1, 2, 0],
    [2, 0, 1],
    [2, 1, 0],
  ])('in the order %i %i %i: whole with the last, and of the protocol that the first names', (a, b, c) => {
    const { given, lost } = assemble([parts[a]!, parts[b]!, parts[c]!]);
    expect(given.slice(0, 2)).toEqual([undefined, undefined]);
    expect(given[2]).toEqual({ protocol: 6, data: whole });
    expect(lost).toEqual({});
  });

  test('the first copy of an octet counts', () => {
    const other = { offset: 0, data: ascii('XXXXXXXXYYYYYYYYZZZZZZZZ') };
    expect(textOf(assemble([parts[1]!, other, ...parts]).given[4])).toBe('XXXXXXXXk brown fox jumps');
  });

  test('what is said again behind it is a copy; what is not, is a new packet', () => {
    const copies = assemble([...parts, ...parts, parts[1]!]);
    expect(copies.given.filter(it => it !== undefined)).toHaveLength(1);
    expect(copies.lost).toEqual({});
    const next = [
      { offset: 0, data: ascii('another ') },
      { offset: 8, data: ascii('one'), more: false },
    ];
    const both = assemble([...parts, ...next]);
    expect(both.given.filter(it => it !== undefined).map(textOf)).toEqual(['The quick brown fox jumps', 'another one']);
    expect(both.lost).toEqual({});
  });

  test('other keys are other packets', () => {
    const { given, lost } = assemble([{ ...parts[0]!, key: 'a' }, { ...parts[1]!, key: 'b' }, parts[2]!]);
    expect(given).toEqual([undefined, undefined, undefined]);
    expect(lost).toEqual({ 'IP fragment without the rest': 1, 'IP fragment without its first': 2 });
  });

  test('after a minute an identification is used again', () => {
    const late = { ...parts[2]!, time: 61n * SECOND };
    expect(assemble([parts[0]!, parts[1]!, late])).toEqual({
      given: [undefined, undefined, undefined],
      lost: { 'IP fragment without the rest': 2, 'IP fragment without its first': 1 },
    });
    expect(textOf(assemble([parts[0]!, parts[1]!, { ...late, time: 59n * SECOND }]).given[2])).toHaveLength(25);
  });

  test('octets behind the last fragment do not count', () => {
    const behind = { offset: 32, data: ascii('12345678') };
    expect(textOf(assemble([behind, ...parts]).given[3])).toBe('The quick brown fox jumps');
    expect(textOf(assemble([parts[2]!, behind, parts[1]!, parts[0]!]).given[3])).toBe('The quick brown fox jumps');
  });
});

test.each([
  ['a middle that is no multiple of eight', { data: ascii('1234567') }],
  ['a middle of nothing', { data: ascii('') }],
  ['more than an IP packet can hold', { offset: 65_528, data: ascii('12345678') }],
])('%s is malformed', (_, fragment) => {
  expect(assemble([fragment])).toEqual({ given: ['malformed IP fragment'], lost: {} });
});

test('a last fragment of nothing ends the packet', () => {
  expect(textOf(assemble([{}, { offset: 8, data: ascii(''), more: false }]).given[1])).toBe('01234567');
});

test('any cutting, in any order, with copies and overlaps, gives the packet', () => {
  const cuts = fc.array(fc.nat(40), { maxLength: 6 });
  const order = fc.array(fc.nat(1000), { minLength: 60, maxLength: 60 });
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 320 }), cuts, order, (data, places, keys) => {
      const ends = [...new Set(places.map(it => it * 8).filter(it => it > 0 && it < data.length))].sort(
        (a, b) => a - b,
      );
      const pieces = [0, ...ends].map((from, i) => ({
        offset: from,
        // Some of them go over into the next.
        data: data.subarray(from, i % 2 === 0 ? (ends[i] ?? data.length) : (ends[i + 1] ?? data.length)),
        more: (i % 2 === 0 ? ends[i] : ends[i + 1]) !== undefined,
      }));
      const shuffled = [...pieces, ...pieces]
        .map((piece, i) => ({ piece, key: keys[i]! }))
        .sort((a, b) => a.key - b.key)
        .map(({ piece }) => piece);
      const { given, lost } = assemble(shuffled);
      expect(given.filter(it => it !== undefined)).toEqual([{ protocol: 6, data: Uint8Array.from(data) }]);
      expect(lost).toEqual({});
    }),
  );
});

test('300,000 fragments of packets that never come are dropped in linear time, and all are counted', () => {
  const lost: Record<string, number> = {};
  const assembler = new IpFragments((reason, packets) => {
    lost[reason] = (lost[reason] ?? 0) + packets;
  });
  const data = ascii('12345678');
  const start = process.cpuUsage();
  for (let i = 0; i < 300_000; i++) assembler.add(`${i}`, { protocol: 6, offset: 8, more: true, data }, 0n);
  assembler.finish();
  expect(lost).toEqual({ 'IP fragment without its first': 300_000 });
  // Seconds, where a search from the oldest on takes minutes.
  const { user, system } = process.cpuUsage(start);
  expect(user + system).toBeLessThan(10_000_000);
});

test('the smallest fragments of the largest packets, backwards, cost no more than their octets', () => {
  const assembler = new IpFragments(() => {});
  const data = ascii('12345678');
  const start = performance.now();
  for (let packet = 0; packet < 20; packet++) {
    for (let offset = 65_520; offset >= 0; offset -= 8) {
      assembler.add(`${packet}`, { protocol: 6, offset, more: offset < 65_520, data }, 0n);
    }
  }
  expect(performance.now() - start).toBeLessThan(10_000);
});
