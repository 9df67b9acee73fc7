import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { copy, fromHex, toHex } from '../../../../src/bytes.js';
import { rc4 } from '../../../../src/mechanisms/krb5/crypto/rc4.js';

/** For each key, the key stream at offsets 0 and 16 (RFC 6229 §2). */
const STREAMS: [key: string, at0: string, at16: string][] = [
  ['0102030405', 'b2396305f03dc027ccc3524a0a1118a8', '6982944f18fc82d589c403a47a0d0919'],
  ['0102030405060708090a0b0c0d0e0f10', '9ac7cc9a609d1ef7b2932899cde41b97', '5248c4959014126a6e8a84f11d1a9e1c'],
];

const crypted = (key: Uint8Array, data: Uint8Array) => {
  const octets = copy(data);
  rc4(key, octets);
  return octets;
};

describe('rc4', () => {
  it.each(STREAMS)('makes the key stream of RFC 6229 for key %s', (key, at0, at16) => {
    expect(toHex(crypted(fromHex(key), new Uint8Array(32)))).toBe(at0 + at16);
  });

  it('decrypts what it encrypts, and does not change the key', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 256 }), fc.uint8Array({ maxLength: 600 }), (key, data) => {
        const given = copy(key);
        expect(crypted(key, crypted(key, data))).toEqual(data);
        expect(key).toEqual(given);
      }),
    );
  });
});
