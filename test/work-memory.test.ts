import { describe, expect, it } from 'vitest';
import { keptOctets, type WorkMemory, withMemory } from '../src/work-memory.js';

const isZero = ({ octets }: WorkMemory) => octets.every(octet => octet === 0);

describe('withMemory', () => {
  it.each([1, 2048, 65_536, 69_632, 70_000, 1_000_000])(
    'gives %i octets, which are overwritten after the work',
    length => {
      for (let time = 0; time < 3; time++) {
        const memory = withMemory(length, given => {
          expect(given.octets.length).toBeGreaterThanOrEqual(length);
          expect(isZero(given)).toBe(true);
          given.octets.fill(7, 0, length);
          return given;
        });
        expect(isZero(memory)).toBe(true);
        expect(Math.max(...keptOctets().map(({ length }) => length))).toBeLessThanOrEqual(69_632);
      }
    },
  );

  it('gives the same memory again', () => {
    expect(withMemory(100, memory => memory)).toBe(withMemory(50, memory => memory));
  });

  it('overwrites it when the work throws', () => {
    const seen: WorkMemory[] = [];
    const fail = () =>
      withMemory(8, memory => {
        seen.push(memory);
        memory.octets.fill(1, 0, 8);
        throw new Error('failed');
      });
    expect(fail).toThrow('failed');
    expect(isZero(seen[0]!)).toBe(true);
  });

  it('gives other memory to work within work', () => {
    withMemory(8, outer => {
      outer.octets[0] = 1;
      withMemory(8, inner => {
        expect(inner).not.toBe(outer);
        inner.octets[0] = 2;
      });
      expect(outer.octets[0]).toBe(1);
    });
    expect(keptOctets().every(octets => octets[0] === 0)).toBe(true);
  });
});
