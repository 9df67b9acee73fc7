import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FtpSecurityError } from '../src/errors.js';
import { ReplayWindow } from '../src/replay-window.js';

/** The state, or the code of the refusal. */
function outcome(action: () => string): string {
  try {
    return action();
  } catch (error) {
    if (error instanceof FtpSecurityError) return error.code;
    throw error;
  }
}

function outcomeAt(place: number, next: number, first: number, seen: ReadonlySet<number>): string {
  if (place < first) return 'security/out-of-sequence';
  if (seen.has(place)) return 'security/replayed';
  if (place === next) return 'ok';
  return place > next ? 'gap' : 'late';
}

describe('ReplayWindow', () => {
  it('distinguishes the next number, a gap, a late number and a replay', () => {
    const numbers = new ReplayWindow(100n);
    expect(numbers.accept(100n)).toBe('ok');
    expect(numbers.accept(103n)).toBe('gap');
    expect(numbers.missing).toBe(2n);
    expect(numbers.accept(104n)).toBe('ok');
    expect(numbers.accept(101n)).toBe('late');
    expect(numbers.missing).toBe(1n);
    expect(outcome(() => numbers.accept(101n))).toBe('security/replayed');
    expect(outcome(() => numbers.accept(100n))).toBe('security/replayed');
    expect(numbers.accept(102n)).toBe('late');
    expect(numbers.missing).toBe(0n);
    expect(outcome(() => numbers.accept(103n))).toBe('security/replayed');
  });

  it('checks without recording', () => {
    const numbers = new ReplayWindow(0n);
    for (let i = 0; i < 2; i++) {
      expect(numbers.check(0n)).toBe('ok');
      expect(numbers.check(5n)).toBe('gap');
    }
    expect(numbers.missing).toBe(0n);
  });

  it('rejects a number before the first expected one at any time', () => {
    for (const modulus of [undefined, 2n ** 32n]) {
      const numbers = new ReplayWindow(10n, { modulus });
      for (const ahead of [10n, 11n, 14n]) {
        for (const early of [9n, 3n, 0n, ...(modulus === undefined ? [] : [modulus - 1n])]) {
          expect(outcome(() => numbers.check(early))).toBe('security/out-of-sequence');
          expect(outcome(() => numbers.accept(early))).toBe('security/out-of-sequence');
        }
        expect(['ok', 'gap']).toContain(numbers.accept(ahead));
      }
      expect([numbers.missing, numbers.last]).toEqual([2n, 14n]);
    }
  });

  it('knows ten thousand late numbers, in any order, from replays', () => {
    const numbers = new ReplayWindow(0n);
    expect(numbers.accept(10_000n)).toBe('gap');
    for (let i = 0n; i < 10_000n; i++) expect(numbers.accept((i * 7n) % 10_000n)).toBe('late');
    expect(numbers.missing).toBe(0n);
    expect(outcome(() => numbers.accept(5_000n))).toBe('security/replayed');
  });

  it('when strict, takes the next number only', () => {
    const numbers = new ReplayWindow(7n, { strict: true });
    expect(outcome(() => numbers.accept(8n))).toBe('security/out-of-sequence');
    expect(outcome(() => numbers.accept(6n))).toBe('security/out-of-sequence');
    expect(numbers.accept(7n)).toBe('ok');
    expect(outcome(() => numbers.accept(7n))).toBe('security/replayed');
    expect(numbers.accept(8n)).toBe('ok');
  });

  it('forgets the oldest gap when there are too many, and refuses its numbers', () => {
    const numbers = new ReplayWindow(0n, { maxGaps: 2 });
    for (const n of [1n, 3n, 5n]) expect(numbers.accept(n)).toBe('gap');
    expect(outcome(() => numbers.accept(0n))).toBe('security/replayed');
    expect(numbers.accept(2n)).toBe('late');
    expect(numbers.accept(4n)).toBe('late');
    expect(numbers.missing).toBe(1n);
  });

  it('forgets the oldest part of a gap that a late number splits', () => {
    const numbers = new ReplayWindow(0n, { maxGaps: 1 });
    expect(numbers.accept(10n)).toBe('gap');
    expect(numbers.accept(5n)).toBe('late');
    expect(outcome(() => numbers.accept(2n))).toBe('security/replayed');
    expect(numbers.accept(7n)).toBe('late');
  });

  it('counts on past the modulus', () => {
    const modulus = 2n ** 32n;
    const numbers = new ReplayWindow(modulus - 2n, { modulus });
    expect(numbers.accept(modulus - 2n)).toBe('ok');
    expect(numbers.accept(1n)).toBe('gap');
    expect(numbers.missing).toBe(2n);
    expect(numbers.accept(modulus - 1n)).toBe('late');
    expect(numbers.accept(0n)).toBe('late');
    expect(outcome(() => numbers.accept(0n))).toBe('security/replayed');
    expect(outcome(() => numbers.accept(modulus - 2n))).toBe('security/replayed');
    expect(numbers.accept(2n)).toBe('ok');
    expect(outcome(() => numbers.accept(modulus - 3n))).toBe('security/out-of-sequence');
  });

  it('names the expected number as it would be sent', () => {
    const numbers = new ReplayWindow(3n, { strict: true, modulus: 4n });
    numbers.accept(3n);
    expect(() => numbers.accept(1n)).toThrow('sequence number 1, expected 0');
  });

  it('refuses misuse', () => {
    expect(() => new ReplayWindow(-1n)).toThrow(RangeError);
    expect(() => new ReplayWindow(4n, { modulus: 4n })).toThrow(RangeError);
    expect(() => new ReplayWindow(0n, { maxGaps: 0.5 })).toThrow(RangeError);
    expect(() => new ReplayWindow(0n).check(-1n)).toThrow(RangeError);
    expect(() => new ReplayWindow(0n, { modulus: 4n }).check(4n)).toThrow(RangeError);
  });

  it('agrees with a set of all numbers received', () => {
    const scenario = fc.record({
      first: fc.nat(20),
      modulus: fc.constantFrom(undefined, 64),
      steps: fc.array(fc.integer({ min: -12, max: 12 }), { maxLength: 120 }),
    });
    fc.assert(
      fc.property(scenario, ({ first, modulus, steps }) => {
        const numbers = new ReplayWindow(BigInt(first), modulus === undefined ? {} : { modulus: BigInt(modulus) });
        const seen = new Set<number>();
        let next = first;
        for (const step of steps) {
          const place = modulus === undefined ? Math.max(0, next + step) : next + step;
          // A place further back than half the modulus from the first would mean another one.
          if (modulus !== undefined && place < first - modulus / 2) continue;
          const number = BigInt(modulus === undefined ? place : ((place % modulus) + modulus) % modulus);
          const expected = outcomeAt(place, next, first, seen);
          expect(outcome(() => numbers.check(number))).toBe(expected);
          expect(outcome(() => numbers.accept(number))).toBe(expected);
          if (place < first) continue;
          seen.add(place);
          next = Math.max(next, place + 1);
        }
        expect(numbers.missing).toBe(BigInt(next - first - seen.size));
      }),
    );
  });

  it('never takes a number twice, however few gaps it may keep', () => {
    const steps = fc.array(fc.bigInt({ min: 0n, max: 40n }), { maxLength: 120 });
    fc.assert(
      fc.property(fc.nat(5), steps, (maxGaps, all) => {
        const numbers = new ReplayWindow(20n, { maxGaps });
        const taken = all.filter(n => !outcome(() => numbers.accept(n)).startsWith('security/'));
        expect(new Set(taken).size).toBe(taken.length);
      }),
    );
  });
});
