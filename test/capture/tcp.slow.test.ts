/** Segments in orders that are hard to put together. */
import { describe, expect, test } from 'vitest';
import { type Segment, SYN } from '../../src/capture/link-layer.js';
import { reassemble } from '../../src/capture/tcp.js';
import { growth, LINEAR } from '../ftp/readers.js';
import { ascii } from '../helpers.js';
import { segment } from './helpers.js';

/** How many octets of the stream come out. */
function octetsOf(segments: readonly Segment[]): number {
  let octets = 0;
  for (const event of reassemble(segments).events()) if (event.kind === 'data') octets += event.data.length;
  return octets;
}

describe('the work is n log n at most', () => {
  const payload = ascii('x');
  const orders: [string, (i: number, count: number) => number][] = [
    ['in order', i => i],
    ['backwards', (i, count) => count - 1 - i],
    ['in pairs', i => i ^ 1],
    ['scattered', (i, count) => (i * 7919) % count],
    ['with gaps', i => 2 * i],
    ['in one place', i => i % 16],
  ];

  test.each(orders)('%s', (_name, place) => {
    const work = (count: number) => {
      const places = Array.from({ length: count }, (_, i) => place(i, count));
      const segments = places.map(at => segment({ seq: 1001 + at, ack: 1, payload }));
      expect(octetsOf([segment({ seq: 1000, flags: SYN }), ...segments])).toBe(new Set(places).size);
    };
    expect(growth(work, 1000)).toBeLessThan(LINEAR);
  });

  test('with one long segment again and again, and short ones in it', () => {
    const work = (count: number) => {
      const long = segment({ seq: 1002, ack: 1, payload: new Uint8Array(count) });
      const shorts = Array.from({ length: count }, (_, i) => [long, segment({ seq: 1003 + i, ack: 1, payload })]);
      const all = [segment({ seq: 1000, flags: SYN }), ...shorts.flat(), segment({ seq: 1001, payload })];
      expect(octetsOf(all)).toBe(count + 2);
    };
    expect(growth(work, 500)).toBeLessThan(LINEAR);
  });
});
