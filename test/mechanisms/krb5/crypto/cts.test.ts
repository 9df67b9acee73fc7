import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromHex, toHex, toUtf8 } from '../../../../src/bytes.js';
import { aes } from '../../../../src/mechanisms/krb5/crypto/aes-hmac.js';
import { decrypted, encrypted } from './cts-arrays.js';

// RFC 3962 appendix B: each input is the beginning of this text.
const KEY = toUtf8('chicken teriyaki');
const TEXT = toUtf8("I would like the General Gau's Chicken, please, and wonton soup.");

describe('CBC with ciphertext stealing', () => {
  it.each([
    [17, 'c6353568f2bf8cb4d8a580362da7ff7f97'],
    [31, 'fc00783e0efdb2c1d445d4c8eff7ed2297687268d6ecccc0c07b25e25ecfe5'],
    [32, '39312523a78662d5be7fcbcc98ebf5a897687268d6ecccc0c07b25e25ecfe584'],
    [47, '97687268d6ecccc0c07b25e25ecfe584b3fffd940c16a18c1b5549d2f838029e39312523a78662d5be7fcbcc98ebf5'],
    [48, '97687268d6ecccc0c07b25e25ecfe5849dad8bbb96c4cdc03bc103e1a194bbd839312523a78662d5be7fcbcc98ebf5a8'],
    [
      64,
      '97687268d6ecccc0c07b25e25ecfe58439312523a78662d5be7fcbcc98ebf5a84807efe836ee89a526730dbc2f7bc8409dad8bbb96c4cdc03bc103e1a194bbd8',
    ],
  ])('encrypts and decrypts %i octets of RFC 3962 appendix B', (length, output) => {
    const cipher = aes(KEY);
    expect(toHex(encrypted(cipher, TEXT.slice(0, length)))).toBe(output);
    expect(decrypted(cipher, fromHex(output))).toEqual(TEXT.slice(0, length));
  });

  it('is plain CBC for a single block', () => {
    const cipher = aes(KEY);
    const block = TEXT.slice(0, 16);
    expect(encrypted(cipher, block)).toEqual(cipher.encrypt(block));
    expect(decrypted(cipher, cipher.encrypt(block))).toEqual(block);
  });

  it('decrypts what it encrypts, with a cipher that works in place as with one that makes arrays', () => {
    const keys = fc.constantFrom(16, 32).chain(n => fc.uint8Array({ minLength: n, maxLength: n }));
    fc.assert(
      fc.property(keys, fc.uint8Array({ minLength: 16, maxLength: 200 }), (key, text) => {
        const cipher = aes(key);
        const { encryptInPlace: _, decryptInPlace: __, ...ofArrays } = cipher;
        const ciphertext = encrypted(cipher, text);
        expect(ciphertext.length).toBe(text.length);
        expect(encrypted(ofArrays, text)).toEqual(ciphertext);
        expect(decrypted(cipher, ciphertext)).toEqual(text);
        expect(decrypted(ofArrays, ciphertext)).toEqual(text);
      }),
    );
  });
});
