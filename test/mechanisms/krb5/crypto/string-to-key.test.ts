/** Keys from passwords, held against the vectors of both RFCs. */
import { describe, expect, it } from 'vitest';
import { concat, fromHex, toHex, toUtf8 } from '../../../../src/bytes.js';
import { PASSWORD_ENCTYPES, stringToKey } from '../../../../src/mechanisms/krb5/crypto/string-to-key.js';

const ATHENA = toUtf8('ATHENA.MIT.EDUraeburn');
const PASSWORD = toUtf8('password');

describe('stringToKey', () => {
  // RFC 3962 appendix B: iterations, password, salt, keys of 128 and of 256 bits.
  it.each([
    [
      1,
      PASSWORD,
      ATHENA,
      '42263c6e89f4fc28b8df68ee09799f15',
      'fe697b52bc0d3ce14432ba036a92e65bbb52280990a2fa27883998d72af30161',
    ],
    [
      2,
      PASSWORD,
      ATHENA,
      'c651bf29e2300ac27fa469d693bdda13',
      'a2e16d16b36069c135d5e9d2e25f896102685618b95914b467c67622225824ff',
    ],
    [
      1200,
      PASSWORD,
      ATHENA,
      '4c01cd46d632d01e6dbe230a01ed642a',
      '55a6ac740ad17b4846941051e1e8b0a7548d93b0ab30a8bc3ff16280382b8c2a',
    ],
    [
      5,
      PASSWORD,
      fromHex('1234567878563412'),
      'e9b23d52273747dd5c35cb55be619d8e',
      '97a4e786be20d81a382d5ebc96d5909cabcdadc87ca48f574504159f16c36e31',
    ],
    [
      1200,
      toUtf8('X'.repeat(64)),
      toUtf8('pass phrase equals block size'),
      '59d1bb789a828b1aa54ef9c2883f69ed',
      '89adee3608db8bc71f1bfbfe459486b05618b70cbae22092534e56c553ba4b34',
    ],
    [
      1200,
      toUtf8('X'.repeat(65)),
      toUtf8('pass phrase exceeds block size'),
      'cb8005dc5f90179a7f02104c0018751d',
      'd78c5c9cb872a8c9dad4697f0bb5b2d21496c82beb2caeda2112fceea057401b',
    ],
    [
      50,
      fromHex('f09d849e'),
      toUtf8('EXAMPLE.COMpianist'),
      'f149c1f2e154a73452d43e7fe62a56e5',
      '4b6d9839f84406df1f09cc166db4b83c571848b784a3d6bdc346589a3e393f9e',
    ],
  ])('derives the keys of RFC 3962 with %i iterations', (iterations, password, salt, key128, key256) => {
    expect(toHex(stringToKey(17, password, salt, iterations))).toBe(key128);
    expect(toHex(stringToKey(18, password, salt, iterations))).toBe(key256);
  });

  // RFC 8009 appendix A: 32768 iterations, which is the default.
  it.each([
    [19, '089bca48b105ea6ea77ca5d2f39dc5e7'],
    [20, '45bd806dbf6a833a9cffc1c94589a222367a79bc21c413718906e9f578a78467'],
  ])('derives the key of RFC 8009 of enctype %i', (enctype, key) => {
    const salt = concat(fromHex('10df9dd783e5bc8acea1730e74355f61'), ATHENA);
    expect(toHex(stringToKey(enctype, PASSWORD, salt))).toBe(key);
  });

  it('knows the AES encryption types only', () => {
    expect(PASSWORD_ENCTYPES).toEqual([17, 18, 19, 20]);
    expect(() => stringToKey(23, PASSWORD, ATHENA)).toThrow(RangeError);
  });
});
