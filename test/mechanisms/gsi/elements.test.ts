import { expect, test } from 'vitest';
import { elementsOf } from '../../../src/mechanisms/gsi/elements.js';
import { errorOf } from '../../helpers.js';

const THREE = Uint8Array.of(2, 1, 7, 4, 0, 5, 0);

test('elements are read up to the end, and so many as there may be', () => {
  expect(elementsOf(THREE, 3).map(({ tag, octets }) => [tag, ...octets])).toEqual([[2, 7], [4], [5]]);
  const { code, message } = errorOf(() => elementsOf(THREE, 2));
  expect([code, message]).toEqual(['security/bad-token', 'DER: more than 2 elements']);
});
