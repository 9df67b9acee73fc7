import { expect, it } from 'vitest';
import { toHex } from '../../../../src/bytes.js';
import { confounder } from '../../../../src/mechanisms/krb5/crypto/confounders.js';

it('never gives the same octets twice, also where the pool is filled again', () => {
  const drawn = Array.from({ length: 1000 }, (_, i) => confounder(i % 2 === 0 ? 16 : 8));
  expect(drawn.map(({ length }) => length).slice(0, 2)).toEqual([16, 8]);
  expect(new Set(drawn.map(octets => toHex(octets.subarray(0, 8)))).size).toBe(1000);
});
