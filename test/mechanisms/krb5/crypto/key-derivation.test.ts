import { createCipheriv, createDecipheriv } from 'node:crypto';
import { sha256, sha384 } from '@noble/hashes/sha2.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BlockCipher } from '../../../../src/block-cipher.js';
import { fromHex, toHex, toUtf8 } from '../../../../src/bytes.js';
import {
  deriveRandom,
  kdfHmacSha2,
  keyConstant,
  nFold,
} from '../../../../src/mechanisms/krb5/crypto/key-derivation.js';

describe('nFold', () => {
  // RFC 3961 appendix A.1: bits, input, output.
  it.each([
    [64, '012345', 'be072631276b1955'],
    [56, 'password', '78a07b6caf85fa'],
    [64, 'Rough Consensus, and Running Code', 'bb6ed30870b7f0e0'],
    [168, 'password', '59e4a8ca7c0385c3c37b3f6d2000247cb6e6bd5b3e'],
    [192, 'MASSACHVSETTS INSTITVTE OF TECHNOLOGY', 'db3b0d8f0b061e603282b308a50841229ad798fab9540c1b'],
    [168, 'Q', '518a54a215a8452a518a54a215a8452a518a54a215'],
    [168, 'ba', 'fb25d531ae8974499f52fd92ea9857c4ba24cf297e'],
    [64, 'kerberos', '6b65726265726f73'],
    [128, 'kerberos', '6b65726265726f737b9b5b2b93132b93'],
    [168, 'kerberos', '8372c236344e5f1550cd0747e15d62ca7a5a3bcea4'],
    [256, 'kerberos', '6b65726265726f737b9b5b2b93132b935c9bdcdad95c9899c4cae4dee6d6cae4'],
  ])('folds to %i bits: %s', (bits, input, output) => {
    expect(toHex(nFold(toUtf8(input), bits / 8))).toBe(output);
  });

  it('starts with the input if the output is a multiple as long', () => {
    const input = fc.uint8Array({ minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(input, fc.integer({ min: 1, max: 4 }), (octets, times) => {
        const folded = nFold(octets, times * octets.length);
        expect(folded.length).toBe(times * octets.length);
        expect(folded.slice(0, octets.length)).toEqual(octets);
      }),
    );
  });
});

/** Triple DES as a caller may provide it. Since its blocks have 8 octets, DR must encrypt its own output several times. */
function tripleDes(key: Uint8Array): BlockCipher {
  const zero = new Uint8Array(8);
  return {
    blockSize: 8,
    encrypt: (blocks, iv = zero) =>
      new Uint8Array(createCipheriv('des-ede3-cbc', key, iv).setAutoPadding(false).update(blocks)),
    decrypt: (blocks, iv = zero) =>
      new Uint8Array(createDecipheriv('des-ede3-cbc', key, iv).setAutoPadding(false).update(blocks)),
    destroy() {},
  };
}

describe('deriveRandom', () => {
  // RFC 3961 appendix A.3: key, constant, DR.
  it.each([
    ['dce06b1f64c857a11c3db57c51899b2cc1791008ce973b92', '0000000155', '935079d14490a75c3093c4a6e8c3b049c71e6ee705'],
    ['5e13d31c70ef765746578531cb51c15bf11ca82c97cee9f2', '00000001aa', '9f58e5a047d894101c469845d67ae3c5249ed812f2'],
    ['98e6fd8a04a4b6859b75a176540b9752bad3ecd610a252bc', '0000000155', '12fff90c773f956d13fc2ca0d0840349dbd39908eb'],
    ['622aec25a2fe2cad7094680b7c64940280084c1a7cec92b5', '00000001aa', 'f8debf05b097e7dc0603686aca35d91fd9a5516a70'],
    [
      'd3f8298ccb166438dcb9b93ee5a7629286a491f838f802fb',
      '6b65726265726f73',
      '2270db565d2a3d64cfbfdc5305d4f778a6de42d9da',
    ],
    ['c1081649ada74362e6a1459d01dfd30d67c2234c940704da', '0000000155', '348056ec98fcc517171d2b4d7a9493af482d999175'],
    ['5d154af238f46713155719d55e2f1f790dd661f279a7917c', '00000001aa', 'a8818bc367dadacbe9a6c84627fb60c294b01215e5'],
    ['798562e049852f57dc8c343ba17f2ca1d97394efc8adc443', '0000000155', 'c813f88b3be2b2f75424ce9175fbc8483b88c8713a'],
    ['26dce334b545292f2feab9a8701a89a4b99eb9942cecd016', '00000001aa', 'f58efc6f83f93e55e695fd252cf8fe59f7d5ba37ec'],
  ])('derives with key %s and constant %s', (key, constant, random) => {
    expect(toHex(deriveRandom(tripleDes(fromHex(key)), fromHex(constant), 21))).toBe(random);
  });
});

describe('kdfHmacSha2', () => {
  const key128 = '3705d96080c17728a0e800eab6e0d23c';
  const key256 = '6d404d37faf79f9df0d33568d320669800eb4836472ea8a026d16b7182460c52';

  // RFC 8009 appendix A, key usage 2.
  it.each([
    { hash: sha256, key: key128, kind: 0x99, derived: 'b31a018a48f54776f403e9a396325dc3' },
    { hash: sha256, key: key128, kind: 0xaa, derived: '9b197dd1e8c5609d6e67c3e37c62c72e' },
    { hash: sha256, key: key128, kind: 0x55, derived: '9fda0e56ab2d85e1569a688696c26a6c' },
    { hash: sha384, key: key256, kind: 0x99, derived: 'ef5718be86cc84963d8bbb5031e9f5c4ba41f28faf69e73d' },
    {
      hash: sha384,
      key: key256,
      kind: 0xaa,
      derived: '56ab22bee63d82d7bc5227f6773f8ea7a5eb1c825160c38312980c442e5c7e49',
    },
    { hash: sha384, key: key256, kind: 0x55, derived: '69b16514e3cd8e56b82010d5c73012b622c4d00ffc23ed1f' },
  ])('derives $derived', ({ hash, key, kind, derived }) => {
    expect(toHex(kdfHmacSha2(hash, fromHex(key), keyConstant(2, kind), derived.length / 2))).toBe(derived);
  });
});
