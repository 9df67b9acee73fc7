import { expect, test } from 'vitest';
import { elementsOf, integerOf, oidOf } from '../../../src/mechanisms/gsi/elements.js';
import { errorOf } from '../../helpers.js';

const THREE = Uint8Array.of(2, 1, 7, 4, 0, 5, 0);

test('elements are read up to the end, and so many as there may be', () => {
  expect(elementsOf(THREE, 3).map(({ tag, octets }) => [tag, ...octets])).toEqual([[2, 7], [4], [5]]);
  const { code, message } = errorOf(() => elementsOf(THREE, 2));
  expect([code, message]).toEqual(['security/bad-token', 'DER: more than 2 elements']);
});

test('an INTEGER is read in its shortest form only', () => {
  const read = (...octets: number[]) => integerOf(elementsOf(Uint8Array.of(2, octets.length, ...octets))[0]);
  for (const octets of [[0], [0x7f], [0x80], [0xff], [0, 0x80], [0xff, 0x7f], [1, 0]])
    expect([...read(...octets)]).toEqual(octets);
  for (const octets of [[], [0, 0], [0, 0x7f], [0xff, 0x80], [0xff, 0xff]])
    expect(errorOf(() => read(...octets)).message).toBe('DER: expected an INTEGER in its shortest form');
  expect(errorOf(() => integerOf(undefined)).code).toBe('security/bad-token');
});

test('an OBJECT IDENTIFIER ends with its last number', () => {
  const read = (...octets: number[]) => oidOf(elementsOf(Uint8Array.of(6, octets.length, ...octets))[0]);
  expect(read(0x55, 4, 3)).toBe('550403');
  for (const octets of [[], [0x55, 4, 0x83]])
    expect(errorOf(() => read(...octets)).message).toBe('DER: expected an OBJECT IDENTIFIER');
});
