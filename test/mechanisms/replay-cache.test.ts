/** The replay cache: what it knows, for how long, and how much it holds. */
import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { isOlderThan, ReplayCache, recordIn } from '../../src/mechanisms/replay-cache.js';

describe('a store', () => {
  test.each([true, false])('answers whether an authenticator is new: %s', isNew => {
    const asked: unknown[] = [];
    const add = (...args: unknown[]) => {
      asked.push(args);
      return isNew;
    };
    expect(recordIn({ add }, 'a', 10, 5)).toBe(isNew);
    expect(asked).toEqual([['a', 10, 5]]);
  });

  // All but the last would count as true.
  test.each([Promise.resolve(false), 1, 'new', {}, undefined])('that answers otherwise is misuse: %s', answer => {
    expect(() => recordIn({ add: () => answer as boolean }, 'a', 10, 5)).toThrow(TypeError);
  });
});

describe('ReplayCache', () => {
  test('accepts each authenticator once', () => {
    const cache = new ReplayCache();
    expect([cache.add('a', 10, 0), cache.add('b', 10, 0), cache.add('a', 10, 5), cache.size]).toEqual([
      true,
      true,
      false,
      2,
    ]);
  });

  test('accepts each authenticator once however long it must be kept, and keeps it for the longest of these times', () => {
    const cache = new ReplayCache();
    expect([cache.add('a', 10, 0), cache.add('a', 5, 0), cache.add('a', 20, 0), cache.add('a', 10, 0)]).toEqual([
      true,
      false,
      false,
      false,
    ]);
    expect([cache.size, cache.add('a', 20, 15), cache.add('b', 30, 20.5), cache.size]).toEqual([1, false, true, 1]);
  });

  test('makes room only for a new one, and as much as it takes', () => {
    const cache = new ReplayCache({ capacity: 2 });
    for (const [id, expires] of [
      ['a', 10],
      ['b', 20],
      ['b', 20],
      ['a', 30],
    ] as const) {
      cache.add(id, expires, 0);
    }
    expect([cache.size, cache.add('a', 10, 0)]).toEqual([2, false]);
    const other = new ReplayCache({ capacity: 2 });
    for (const [id, expires] of Object.entries({ a: 10, b: 20 })) other.add(id, expires, 0);
    expect([other.add('b', 30, 0), other.size]).toEqual([false, 2]);
    // What expires at 10 is none any more, so those of 20 go.
    expect([cache.add('c', 25, 0), cache.size, cache.add('a', 30, 0), cache.add('b', 20, 0)]).toEqual([
      true,
      2,
      false,
      false,
    ]);
  });

  test('removes an entry when it has expired, and not before', () => {
    const cache = new ReplayCache();
    cache.add('a', 10, 0);
    expect(cache.add('a', 10, 10)).toBe(false);
    expect(cache.add('b', 20, 10.5)).toBe(true);
    expect(cache.size).toBe(1);
  });

  test('removes all entries that expire in the same second', () => {
    const cache = new ReplayCache();
    for (const id of ['a', 'b', 'c']) cache.add(id, 10, 0);
    expect([cache.add('d', 20, 11), cache.size]).toEqual([true, 1]);
    expect(cache.add('a', 20, 11)).toBe(true);
  });

  test('when it is full, removes the entries that expire first, and refuses others that expire then', () => {
    const cache = new ReplayCache({ capacity: 3 });
    for (const [id, expires] of [
      ['a', 10],
      ['b', 11],
      ['c', 12],
    ] as const) {
      expect(cache.add(id, expires, 0)).toBe(true);
    }
    expect(cache.add('d', 12, 0)).toBe(true);
    expect([cache.size, cache.add('a', 10, 0), cache.add('e', 9, 0)]).toEqual([2 + 1, false, false]);
    expect([cache.add('b', 11, 0), cache.add('c', 12, 0)]).toEqual([false, false]);
  });

  const steps = fc.array(fc.tuple(fc.nat(30), fc.nat(20), fc.nat(3)), { maxLength: 100 });

  test('never accepts an unexpired authenticator twice, however full it is (random operations)', () => {
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 40 }), (asked, capacity) => {
        const cache = new ReplayCache({ capacity });
        const taken = new Map<string, number>();
        let now = 0;
        for (const [number, ahead, passed] of asked) {
          now += passed;
          const [id, expires] = [`${number} ${now + ahead}`, now + ahead];
          const known = taken.has(id);
          const isTaken = cache.add(id, expires, now);
          expect(known && isTaken).toBe(false);
          if (isTaken) taken.set(id, expires);
          expect(cache.size).toBeLessThanOrEqual(capacity);
        }
      }),
    );
  });

  test('accepts one once until the last of its times, while there is room (random operations)', () => {
    fc.assert(
      fc.property(steps, asked => {
        const cache = new ReplayCache();
        const taken = new Map<number, number>();
        let now = 0;
        for (const [number, ahead, passed] of asked) {
          now += passed;
          const until = taken.get(number) ?? -1;
          expect(cache.add(`${number}`, now + ahead, now)).toBe(until < now);
          taken.set(number, Math.max(until, now + ahead));
        }
      }),
    );
  });

  test('counts its age by the clock it is given, or the system’s', () => {
    let now = 5000;
    const cache = new ReplayCache({ clock: () => now });
    expect(cache.age).toBe(0);
    now += 1500;
    expect(cache.age).toBe(1.5);
    expect(new ReplayCache().age).toBeLessThan(60);
  });

  test('is not older when the clock of the system is set forward, and younger when it is set back', () => {
    const real = Date.now;
    const clock = vi.spyOn(Date, 'now');
    const cache = new ReplayCache();
    clock.mockImplementation(() => real() + 3_600_000);
    expect(cache.age).toBeLessThan(60);
    clock.mockImplementation(() => real() - 3_600_000);
    expect(cache.age).toBeLessThan(-3500);
  });

  test('has room for one at least', () => {
    for (const capacity of [0, -1, 1.5, Number.NaN]) expect(() => new ReplayCache({ capacity })).toThrow(RangeError);
  });
});

describe('an authenticator is older than a store', () => {
  const add = () => true;

  test('if it was made before the store began, to the millisecond', () => {
    expect([1000, 1000.0001, 999.9999, 999.999].map(created => isOlderThan({ age: 5, add }, created, 1005))).toEqual([
      false,
      false,
      false,
      true,
    ]);
  });

  test('never, if the store has no age', () => {
    expect(isOlderThan({ add }, 0, 2 ** 32)).toBe(false);
  });

  test('if the age is no number', () => {
    expect(isOlderThan({ age: Number.NaN, add }, 1000, 1000)).toBe(true);
  });
});
