/** AES-CCM, held against NIST's third example (SP 800-38C, appendix C.3) and against Node. */
import { createCipheriv } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromHex, toHex } from '../../../../src/bytes.js';
import { decryptCcm, encryptCcm } from '../../../../src/mechanisms/gsi/tls/ccm.js';

const octets = (minLength: number, maxLength = minLength) => fc.uint8Array({ minLength, maxLength });
const input = fc.record({
  key: fc.constantFrom(16, 32).chain(length => octets(length)),
  nonce: octets(12),
  aad: octets(0, 40),
  plaintext: octets(0, 200),
  tagLength: fc.constantFrom(8, 16),
});

describe('AES-CCM', () => {
  test("gives NIST's example", () => {
    const sealed = encryptCcm(
      fromHex('404142434445464748494a4b4c4d4e4f'),
      fromHex('101112131415161718191a1b'),
      fromHex('000102030405060708090a0b0c0d0e0f10111213'),
      fromHex('202122232425262728292a2b2c2d2e2f3031323334353637'),
      8,
    );
    expect(toHex(sealed)).toBe('e3b201a9f5b71a7a9b1ceaeccd97e70b6176aad9a4428aa5484392fbc1b09951');
  });

  // The header of a record is never empty; RFC 3610 leaves the blocks of additional data out where there are none.
  test('gives what Node gives, and opens it', () => {
    fc.assert(
      fc.property(
        input.filter(({ aad }) => aad.length > 0),
        ({ key, nonce, aad, plaintext, tagLength }) => {
          const algorithm = key.length === 16 ? 'aes-128-ccm' : 'aes-256-ccm';
          const cipher = createCipheriv(algorithm, key, nonce, { authTagLength: tagLength });
          cipher.setAAD(aad, { plaintextLength: plaintext.length });
          const theirs = Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
          const ours = encryptCcm(key, nonce, aad, plaintext, tagLength);
          expect(toHex(ours)).toBe(theirs.toString('hex'));
          expect(decryptCcm(key, nonce, aad, ours, tagLength)).toEqual(plaintext);
        },
      ),
    );
  });

  test('opens nothing that was changed', () => {
    fc.assert(
      fc.property(input, fc.nat(), ({ key, nonce, aad, plaintext, tagLength }, place) => {
        const sealed = encryptCcm(key, nonce, aad, plaintext, tagLength);
        sealed[place % sealed.length]! ^= 1 << (place % 8);
        expect(decryptCcm(key, nonce, aad, sealed, tagLength)).toBeUndefined();
      }),
    );
  });
});
