import { describe, expect, it } from 'vitest';
import { fromHex, toHex, toUtf8 } from '../../../../src/bytes.js';
import { crc32, tripleDesKey } from '../../../../src/mechanisms/krb5/crypto/des.js';

describe('crc32', () => {
  // RFC 3961 appendix A.5.
  it.each([
    ['foo', '33bc3273'],
    ['test0123456789', 'd6883eb8'],
    ['MASSACHVSETTS INSTITVTE OF TECHNOLOGY', 'f78041e3'],
  ])('computes the checksum of the text %s', (text, crc) => expect(toHex(crc32(toUtf8(text)))).toBe(crc));

  it.each([
    ['8000', '4b98833b'],
    ['0008', '3288db0e'],
    ['0080', '2083b8ed'],
    ['80', '2083b8ed'],
    ['80000000', '3bb659ed'],
    ['00000001', '96300777'],
  ])('computes the checksum of the octets %s', (octets, crc) => expect(toHex(crc32(fromHex(octets)))).toBe(crc));
});

describe('tripleDesKey', () => {
  // RFC 3961 appendix A.3: DR, then DK.
  it.each([
    ['935079d14490a75c3093c4a6e8c3b049c71e6ee705', '925179d04591a79b5d3192c4a7e9c289b049c71f6ee604cd'],
    ['9f58e5a047d894101c469845d67ae3c5249ed812f2', '9e58e5a146d9942a101c469845d67a20e3c4259ed913f207'],
    ['12fff90c773f956d13fc2ca0d0840349dbd39908eb', '13fef80d763e94ec6d13fd2ca1d085070249dad39808eabf'],
    ['f8debf05b097e7dc0603686aca35d91fd9a5516a70', 'f8dfbf04b097e6d9dc0702686bcb3489d91fd9a4516b703e'],
    ['2270db565d2a3d64cfbfdc5305d4f778a6de42d9da', '2370da575d2a3da864cebfdc5204d56df779a7df43d9da43'],
  ])('makes a key from %s', (random, key) => expect(toHex(tripleDesKey(fromHex(random)))).toBe(key));

  it('avoids the weak keys of DES (RFC 3961 §6.2)', () => {
    expect(toHex(tripleDesKey(new Uint8Array(21)))).toBe('01010101010101f1'.repeat(3));
    expect(toHex(tripleDesKey(new Uint8Array(21).fill(0xff)))).toBe('fefefefefefefe0e'.repeat(3));
  });
});
