import { expect, it } from 'vitest';
import { toHex } from '../../../../src/bytes.js';
import { writeConfounder } from '../../../../src/mechanisms/krb5/crypto/confounders.js';

it('never gives the same octets twice, also where the pool is filled again', () => {
  const drawn = Array.from({ length: 1000 }, (_, i) => {
    const octets = new Uint8Array(20);
    writeConfounder(octets, 2, i % 2 === 0 ? 16 : 8);
    return octets;
  });
  expect(new Set(drawn.map(octets => toHex(octets.subarray(2, 10)))).size).toBe(1000);
  for (const [i, octets] of drawn.entries()) {
    expect([...octets.subarray(0, 2), ...octets.subarray(i % 2 === 0 ? 18 : 10)]).toEqual(
      new Array(i % 2 === 0 ? 4 : 12).fill(0),
    );
  }
});
