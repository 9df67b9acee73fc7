import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ReplayCache } from '../../src/mechanisms/replay-cache.js';

describe('a replay cache', () => {
  it('takes an authenticator once, until it has expired', () => {
    const cache = new ReplayCache();
    expect([cache.add('a', 100, 50), cache.add('b', 100, 50), cache.add('a', 100, 100)]).toEqual([true, true, false]);
    expect(cache.add('c', 200, 101)).toBe(true);
    expect(cache.size).toBe(1);
  });

  it('when full forgets what expires first, and refuses what that may have been', () => {
    const cache = new ReplayCache({ capacity: 2 });
    expect([cache.add('a', 100, 50), cache.add('b', 120, 50), cache.add('c', 130, 50)]).toEqual([true, true, true]);
    expect(cache.size).toBe(2);
    expect([cache.add('a', 100, 50), cache.add('d', 99, 50), cache.add('b', 120, 50)]).toEqual([false, false, false]);
  });

  it('never takes one twice, and never holds more than its capacity', () => {
    const entry = fc.record({ id: fc.constantFrom(...'abcdef'), expires: fc.integer({ min: 100, max: 120 }) });
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 60 }), fc.integer({ min: 1, max: 5 }), (entries, capacity) => {
        const cache = new ReplayCache({ capacity });
        const taken = new Set<string>();
        for (const { id, expires } of entries) {
          const key = `${id} ${expires}`;
          if (cache.add(key, expires, 100)) {
            expect(taken.has(key)).toBe(false);
            taken.add(key);
          }
          expect(cache.size).toBeLessThanOrEqual(capacity);
        }
      }),
    );
  });

  it('has room for one at least', () => {
    for (const capacity of [0, 1.5, Number.NaN]) expect(() => new ReplayCache({ capacity })).toThrow(RangeError);
  });
});
