import { randomBytes } from '@noble/hashes/utils.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { copy, fromHex, fromUtf8, toHex, toUtf8 } from '../../../../src/bytes.js';
import { type CipherOptions, enctypeOf, isUsable } from '../../../../src/mechanisms/krb5/crypto/enctypes.js';
import { type KerberosKey, kerberosKey, randomKey } from '../../../../src/mechanisms/krb5/crypto/kerberos-key.js';
import { nodeCiphers } from '../../../../src/node/index.js';
import { errorOf, expectCode, onlyRefuses } from '../../../helpers.js';
import { watchedCiphers } from '../../watched-ciphers.js';
import { ENCTYPE_NUMBERS, keyOf } from '../tokens.js';
import { CAMELLIA_CHECKSUMS, CAMELLIA_TEXTS } from './camellia-vectors.js';

// RFC 8009 appendix A, key usage 2.
const BASE_KEYS: Record<number, string> = {
  19: '3705d96080c17728a0e800eab6e0d23c',
  20: '6d404d37faf79f9df0d33568d320669800eb4836472ea8a026d16b7182460c52',
};

function baseKey(enctype: number): KerberosKey {
  return kerberosKey(enctype, fromHex(BASE_KEYS[enctype]!));
}

/** Single DES uses the same key for every usage, and has no deterministic checksum. */
const SINGLE_DES: readonly number[] = [1, 3];

/** The padding of a plaintext in octets. */
function paddingOf({ enctype }: KerberosKey, length: number): number {
  const { confounderLength, checksumLength, messageBlock } = enctype;
  // Triple DES does not encrypt its checksum.
  const encrypted = length + confounderLength + (enctype.number === 16 ? 0 : checksumLength);
  return (messageBlock - (encrypted % messageBlock)) % messageBlock;
}

it('the table has every enctype that deployed implementations use', () => {
  expect([...ENCTYPE_NUMBERS].sort((a, b) => a - b)).toEqual([1, 3, 16, 17, 18, 19, 20, 23, 25, 26]);
});

it('an enctype is usable if it is known, and its cipher is given or contained', () => {
  const usable = (options: CipherOptions) =>
    [...ENCTYPE_NUMBERS, 99].filter(number => isUsable(number, options)).sort();
  // Camellia, triple DES and DES are not contained.
  expect(usable({})).toEqual([17, 18, 19, 20, 23]);
  expect(usable({ ciphers: {} })).toEqual([17, 18, 19, 20, 23]);
  expect(usable({ ciphers: { camellia: nodeCiphers.camellia! } })).toEqual([17, 18, 19, 20, 23, 25, 26]);
  expect(usable({ ciphers: nodeCiphers })).toEqual([...ENCTYPE_NUMBERS].sort());
});

describe.each(ENCTYPE_NUMBERS)('a random key of enctype %i', number => {
  const { keyLength } = enctypeOf(number)!;
  const isDes = [1, 3, 16].includes(number);

  it('is as long as its enctype requires, can be used, and erases what it was made from', () => {
    const given: Uint8Array[] = [];
    const random = (length: number) => {
      given.push(Uint8Array.from({ length }, (_, i) => 17 * i + 5));
      return given.at(-1)!;
    };
    const key = randomKey(number, random);
    expect(key.length).toBe(keyLength);
    expect(kerberosKey(number, key, { ciphers: nodeCiphers }).enctype.number).toBe(number);
    // Keys of DES have a bit of parity in each octet (RFC 3961 §6.2 and §6.3.1).
    expect(given.map(({ length }) => length)).toEqual([isDes ? (keyLength * 7) / 8 : keyLength]);
    if (isDes) expect(given[0]!.every(octet => octet === 0)).toBe(true);
    else expect(key).toEqual(Uint8Array.from({ length: keyLength }, (_, i) => 17 * i + 5));
    const parity = (octet: number) => [...octet.toString(2)].filter(bit => bit === '1').length % 2;
    if (isDes) expect([...key].map(parity)).toEqual(Array.from(key, () => 1));
  });

  it('leaves no cipher in use once it is destroyed', () => {
    const { passed, inUse } = watchedCiphers();
    const key = kerberosKey(number, randomKey(number, randomBytes), passed);
    key.decrypt(3, key.encrypt(3, toUtf8('NOOP')));
    key.destroy();
    expect(inUse()).toBe(0);
  });
});

describe('kerberosKey', () => {
  it.each([
    {
      enctype: 19,
      plaintext: '',
      confounder: '7e5895eaf2672435bad817f545a37148',
      ciphertext: 'ef85fb890bb8472f4dab20394dca781dad877eda39d50c870c0d5a0a8e48c718',
    },
    {
      enctype: 19,
      plaintext: '000102030405',
      confounder: '7bca285e2fd4130fb55b1a5c83bc5b24',
      ciphertext: '84d7f30754ed987bab0bf3506beb09cfb55402cef7e6877ce99e247e52d16ed4421dfdf8976c',
    },
    {
      enctype: 19,
      plaintext: '000102030405060708090a0b0c0d0e0f',
      confounder: '56ab21713ff62c0a1457200f6fa9948f',
      ciphertext: '3517d640f50ddc8ad3628722b3569d2ae07493fa8263254080ea65c1008e8fc295fb4852e7d83e1e7c48c37eebe6b0d3',
    },
    {
      enctype: 19,
      plaintext: '000102030405060708090a0b0c0d0e0f1011121314',
      confounder: 'a7a4e29a4728ce10664fb64e49ad3fac',
      ciphertext:
        '720f73b18d9859cd6ccb4346115cd336c70f58edc0c4437c5573544c31c813bce1e6d072c186b39a413c2f92ca9b8334a287ffcbfc',
    },
    {
      enctype: 20,
      plaintext: '',
      confounder: 'f764e9fa15c276478b2c7d0c4e5f58e4',
      ciphertext: '41f53fa5bfe7026d91faf9be959195a058707273a96a40f0a01960621ac612748b9bbfbe7eb4ce3c',
    },
    {
      enctype: 20,
      plaintext: '000102030405',
      confounder: 'b80d3251c1f6471494256ffe712d0b9a',
      ciphertext: '4ed7b37c2bcac8f74f23c1cf07e62bc7b75fb3f637b9f559c7f664f69eab7b6092237526ea0d1f61cb20d69d10f2',
    },
    {
      enctype: 20,
      plaintext: '000102030405060708090a0b0c0d0e0f',
      confounder: '53bf8a0d105265d4e276428624ce5e63',
      ciphertext:
        'bc47ffec7998eb91e8115cf8d19dac4bbbe2e163e87dd37f49beca92027764f68cf51f14d798c2273f35df574d1f932e40c4ff255b36a266',
    },
    {
      enctype: 20,
      plaintext: '000102030405060708090a0b0c0d0e0f1011121314',
      confounder: '763e65367e864f02f55153c7e3b58af1',
      ciphertext:
        '40013e2df58e8751957d2878bcd2d6fe101ccfd556cb1eae79db3c3ee86429f2b2a602ac86fef6ecb647d6295fae077a1feb517508d2c16b4192e01f62',
    },
  ])('encrypts as in RFC 8009 appendix A: $enctype, "$plaintext"', ({ enctype, plaintext, confounder, ciphertext }) => {
    const key = baseKey(enctype);
    expect(toHex(key.encrypt(2, fromHex(plaintext), fromHex(confounder)))).toBe(ciphertext);
    expect(toHex(key.decrypt(2, fromHex(ciphertext)))).toBe(plaintext);
  });

  it.each([
    { enctype: 19, checksum: 'd78367186643d67b411cba9139fc1dee' },
    { enctype: 20, checksum: '45ee791567eefca37f4ac1e0222de80d43c3bfa06699672a' },
  ])('computes the checksum of RFC 8009 appendix A: $enctype', ({ enctype, checksum }) => {
    const data = fromHex('000102030405060708090a0b0c0d0e0f1011121314');
    expect(toHex(baseKey(enctype).checksum(2, data))).toBe(checksum);
  });

  it.each(CAMELLIA_TEXTS)(
    'encrypts as in RFC 6803 §10: $key, "$text"',
    ({ usage, key, text, confounder, ciphertext }) => {
      const enctype = key.length === 32 ? 25 : 26;
      const ours = kerberosKey(enctype, fromHex(key), { ciphers: nodeCiphers });
      expect(toHex(ours.encrypt(usage, toUtf8(text), fromHex(confounder)))).toBe(ciphertext);
      expect(fromUtf8(ours.decrypt(usage, fromHex(ciphertext)))).toBe(text);
    },
  );

  it.each(CAMELLIA_CHECKSUMS)('computes the checksum of RFC 6803 §10: $text', ({ usage, key, text, checksum }) => {
    const enctype = key.length === 32 ? 25 : 26;
    const ours = kerberosKey(enctype, fromHex(key), { ciphers: nodeCiphers });
    expect(toHex(ours.checksum(usage, toUtf8(text)))).toBe(checksum);
  });

  describe.each(ENCTYPE_NUMBERS)('enctype %i', number => {
    const usages = fc.integer({ min: 1, max: 1100 });
    const texts = fc.uint8Array({ maxLength: 100 });
    const isSingleDes = SINGLE_DES.includes(number);

    it('has its row of the table', () => {
      const { enctype } = keyOf(number);
      expect(enctype).toBe(enctypeOf(number));
      expect(enctype.number).toBe(number);
    });

    it('is weak if its cipher is DES, triple DES or RC4 (RFC 6649, RFC 8429), which have tokens of RFC 1964', () => {
      const { enctype } = keyOf(number);
      expect(enctype.weak).toBe([1, 3, 16, 23].includes(number));
      expect(enctype.tokens).toBe(enctype.weak ? 'rfc1964' : 'rfc4121');
    });

    it('decrypts what it encrypts, with any usage', () => {
      const key = keyOf(number);
      fc.assert(
        fc.property(usages, texts, (usage, text) => {
          const given = copy(text);
          const ciphertext = key.encrypt(usage, given);
          const { confounderLength, checksumLength, messageBlock } = key.enctype;
          const around = confounderLength + checksumLength;
          expect(ciphertext.length).toBe(text.length + around + paddingOf(key, text.length));
          const received = copy(ciphertext);
          const opened = key.decrypt(usage, received);
          expect(opened.slice(0, text.length)).toEqual(text);
          expect(opened.length - text.length).toBeLessThan(messageBlock);
          expect(received).toEqual(ciphertext);
          expect(given).toEqual(text);
        }),
      );
    });

    it.skipIf(isSingleDes)('does not decrypt with another usage', () => {
      const key = keyOf(number);
      fc.assert(
        fc.property(usages, texts, (usage, text) => {
          const ciphertext = key.encrypt(usage, text);
          expectCode(() => key.decrypt(usage + 2000, ciphertext), 'security/bad-checksum');
        }),
      );
    });

    it('uses a new random confounder each time', () => {
      const key = keyOf(number);
      expect(key.encrypt(3, new Uint8Array(4))).not.toEqual(key.encrypt(3, new Uint8Array(4)));
    });

    it('refuses a ciphertext with any bit changed, or truncated anywhere', () => {
      const key = keyOf(number);
      const ciphertext = key.encrypt(3, new Uint8Array(21));
      for (let bit = 0; bit < 8 * ciphertext.length; bit++) {
        const changed = copy(ciphertext);
        changed[bit >> 3]! ^= 1 << (bit & 7);
        expectCode(() => key.decrypt(3, changed), 'security/bad-checksum');
      }
      const shortest = key.enctype.confounderLength + key.enctype.checksumLength;
      for (let length = 0; length < ciphertext.length; length++) {
        const { code } = errorOf(() => key.decrypt(3, ciphertext.slice(0, length)));
        if (length < shortest) expect(code).toBe('security/bad-token');
        // An incomplete block is refused before the checksum is computed.
        else if (key.enctype.messageBlock > 1) expect(code).toMatch(/^security\/bad-(token|checksum)$/);
        else expect(code).toBe('security/bad-checksum');
      }
    });

    it('refuses arbitrary octets', () => {
      const key = keyOf(number);
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 120 }), octets => {
          expect(onlyRefuses(() => key.decrypt(3, octets))).toBe(undefined);
        }),
      );
    });

    it('keeps its own copy of the key', () => {
      const octets = new Uint8Array(enctypeOf(number)!.keyLength).fill(1);
      const key = kerberosKey(number, octets, { ciphers: nodeCiphers });
      octets.fill(2);
      const again = kerberosKey(number, octets.fill(1), { ciphers: nodeCiphers });
      const text = new Uint8Array(8);
      expect(again.decrypt(5, key.encrypt(5, text)).slice(0, 8)).toEqual(text);
    });

    it.skipIf(isSingleDes)('has a checksum that depends on key, usage and data', () => {
      const data = new Uint8Array(8);
      const other = kerberosKey(number, new Uint8Array(enctypeOf(number)!.keyLength), { ciphers: nodeCiphers });
      const checksum = keyOf(number).checksum(5, data);
      expect(keyOf(number).checksum(5, data)).toEqual(checksum);
      expect(keyOf(number).checksum(6, data)).not.toEqual(checksum);
      expect(keyOf(number).checksum(5, new Uint8Array(9))).not.toEqual(checksum);
      expect(other.checksum(5, data)).not.toEqual(checksum);
    });

    it.runIf(isSingleDes)('throws RangeError for a checksum', () => {
      expect(() => keyOf(number).checksum(5, new Uint8Array(8))).toThrow(RangeError);
    });

    it('throws sequence/closed after it has been destroyed', () => {
      const key = keyOf(number);
      const ciphertext = key.encrypt(3, new Uint8Array(4));
      key.destroy();
      key.destroy();
      for (const use of [
        () => key.encrypt(3, new Uint8Array(4)),
        () => key.decrypt(3, ciphertext),
        () => key.checksum(7, new Uint8Array(4)),
      ]) {
        const error = errorOf(use);
        expect([error.code, error.side]).toEqual(['sequence/closed', 'local']);
      }
    });
  });

  it('refuses an unknown encryption type, and a key of the wrong length', () => {
    expectCode(() => kerberosKey(99, new Uint8Array(16)), 'security/no-key');
    expectCode(() => kerberosKey(17, new Uint8Array(32)), 'security/no-key');
    expectCode(() => kerberosKey(18, new Uint8Array(0)), 'security/no-key');
    expect(enctypeOf(99)).toBe(undefined);
  });

  it('throws TypeError or RangeError for invalid arguments', () => {
    // @ts-expect-error: a text is no key
    expect(() => kerberosKey(17, 'sixteen octets!!')).toThrow(TypeError);
    expect(() => keyOf(17).encrypt(3, new Uint8Array(4), new Uint8Array(15))).toThrow(RangeError);
  });
});

it.each(ENCTYPE_NUMBERS.filter(number => !SINGLE_DES.includes(number)))(
  'enctype %i: a checksum matches its own parts, usage and octets, wherever it begins',
  number => {
    const key = keyOf(number);
    const parts = [toUtf8('NOOP'), toUtf8('\r\n')];
    const octets = Uint8Array.of(7, ...key.checksum(24, parts[0]!, parts[1]));
    expect(key.checksumMatches(24, parts, octets, 1)).toBe(true);
    expect(key.checksumMatches(24, [toUtf8('NOOP\r\n')], octets, 1)).toBe(true);
    expect(key.checksumMatches(24, [toUtf8('NOOP\r')], octets, 1)).toBe(false);
    expect(key.checksumMatches(23, parts, octets, 1)).toBe(false);
    for (let at = 1; at < octets.length; at++) {
      const other = Uint8Array.from(octets, (octet, i) => (i === at ? octet ^ 1 : octet));
      expect(key.checksumMatches(24, parts, other, 1)).toBe(false);
    }
  },
);
