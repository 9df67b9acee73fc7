/** AEAD with what is kept of noble's ciphers, beside noble's documented functions, node:crypto, and vectors. */
import { type CipherGCMTypes, createCipheriv } from 'node:crypto';
import { gcm as nobleGcm } from '@noble/ciphers/aes.js';
import { chacha20poly1305 } from '@noble/ciphers/chacha.js';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { copy, fromHex, toHex, toUtf8 } from '../../../../src/bytes.js';
import { type Aead, nobleAead } from '../../../../src/mechanisms/gsi/tls/aead.js';
import { type Suite, suiteByNumber } from '../../../../src/mechanisms/gsi/tls/suites.js';
import { nodeAead } from '../../../../src/node/gsi/aead.js';
import { keptOctets } from '../../../../src/work-memory.js';

interface Kind {
  name: string;
  suite: Suite;
  /** noble's function, as its documentation has it. */
  noble(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array): { encrypt(plaintext: Uint8Array): Uint8Array };
}

const KINDS: Kind[] = [
  { name: 'aes-128-gcm', suite: suiteByNumber(0x1301)!, noble: nobleGcm },
  { name: 'aes-256-gcm', suite: suiteByNumber(0x1302)!, noble: nobleGcm },
  { name: 'chacha20-poly1305', suite: suiteByNumber(0x1303)!, noble: chacha20poly1305 },
];
const AEADS = KINDS.flatMap(kind => [
  { ...kind, title: `${kind.name}, noble`, newAead: nobleAead },
  { ...kind, title: `${kind.name}, node`, newAead: nodeAead },
]);

const octets = (length: number, seed: number) => Uint8Array.from({ length }, (_, i) => (i * 7 + seed) & 0xff);

function sealed(aead: Aead, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Uint8Array {
  // What is around the text must stay as it is.
  const room = new Uint8Array(3 + plaintext.length + 16 + 2).fill(0xa5);
  room.set(plaintext, 3);
  aead.seal(room, 3, 3 + plaintext.length, nonce, aad);
  expect([...room.subarray(0, 3), ...room.subarray(-2)]).toEqual([0xa5, 0xa5, 0xa5, 0xa5, 0xa5]);
  return room.slice(3, -2);
}

describe.each(AEADS)('$title', ({ name, suite, newAead, noble }) => {
  const key = octets(suite.keyLength, 1);

  test('seals many messages with one key as noble and OpenSSL do, and opens them', () => {
    const aead = newAead(suite, key);
    const lengths = fc.oneof(fc.nat(70), fc.nat(2000), fc.constantFrom(0, 15, 16, 17, 255, 256, 16_384));
    const nonces = fc.uint8Array({ minLength: 12, maxLength: 12 });
    fc.assert(
      fc.property(lengths, fc.nat(255), fc.uint8Array({ maxLength: 40 }), nonces, (length, seed, aad, nonce) => {
        const plaintext = octets(length, seed);
        const made = sealed(aead, nonce, aad, plaintext);
        expect(toHex(made)).toBe(toHex(noble(key, nonce, aad).encrypt(plaintext)));
        const cipher = createCipheriv(name as CipherGCMTypes, key, nonce, { authTagLength: 16 });
        cipher.setAAD(aad);
        const openssl = Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
        expect(toHex(made)).toBe(openssl.toString('hex'));
        expect(aead.open(made, nonce, aad, copy)).toEqual(plaintext);
      }),
    );
  });

  test.each([0, 1, 40, 300])(
    'refuses %i octets with any octet changed, and another nonce or additional data',
    length => {
      const aead = newAead(suite, key);
      const [nonce, aad] = [octets(12, 4), octets(5, 5)];
      const made = sealed(aead, nonce, aad, octets(length, 6));
      const opens = (...input: [Uint8Array, Uint8Array, Uint8Array]) => aead.open(...input, () => 'opened');
      const changed = (whole: Uint8Array, at: number) => whole.map((octet, i) => (i === at ? octet ^ 0x80 : octet));
      for (let at = 0; at < made.length; at++)
        expect(opens(changed(made, at), nonce, aad), `octet ${at}`).toBeUndefined();
      for (let at = 0; at < 12; at++) expect(opens(made, changed(nonce, at), aad)).toBeUndefined();
      for (let at = 0; at < 5; at++) expect(opens(made, nonce, changed(aad, at))).toBeUndefined();
      expect(opens(made, nonce, new Uint8Array())).toBeUndefined();
      expect(opens(made, nonce, aad)).toBe('opened');
    },
  );

  test('leaves nothing in the kept memory', () => {
    const aead = newAead(suite, key);
    const [nonce, aad] = [octets(12, 4), octets(5, 5)];
    const made = sealed(aead, nonce, aad, octets(100, 6));
    const nothing = () => keptOctets().every(memory => memory.every(octet => octet === 0));
    expect(nothing()).toBe(true);
    aead.open(made, nonce, aad, copy);
    expect(nothing()).toBe(true);
    made[50]! ^= 1;
    aead.open(made, nonce, aad, copy);
    expect(nothing()).toBe(true);
  });

  test('works while it works', () => {
    const aead = newAead(suite, key);
    const other = newAead(suite, octets(suite.keyLength, 9));
    const [nonce, aad] = [octets(12, 4), octets(5, 5)];
    const made = sealed(aead, nonce, aad, octets(100, 6));
    const inner = [sealed(aead, octets(12, 5), aad, octets(90, 7)), sealed(other, nonce, aad, octets(80, 8))];
    const outer = aead.open(made, nonce, aad, (memory, start, end) => {
      expect(sealed(aead, octets(12, 5), aad, octets(90, 7))).toEqual(inner[0]);
      expect(other.open(inner[1]!, nonce, aad, copy)).toEqual(octets(80, 8));
      return copy(memory, start, end);
    });
    expect(outer).toEqual(octets(100, 6));
  });
});

test('AES-256-GCM with additional data: test case 16 of the submission of GCM to NIST', () => {
  const key = fromHex('feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308');
  const plaintext = fromHex(
    'd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39',
  );
  const aad = fromHex('feedfacedeadbeeffeedfacedeadbeefabaddad2');
  const made = sealed(nobleAead(suiteByNumber(0x1302)!, key), fromHex('cafebabefacedbaddecaf888'), aad, plaintext);
  expect(toHex(made)).toBe(
    '522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662' +
      '76fc6ece0f4e1768cddf8853bb2d551b',
  );
});

test('ChaCha20-Poly1305: RFC 8439 §2.8.2', () => {
  const key = Uint8Array.from({ length: 32 }, (_, i) => 0x80 + i);
  const text =
    "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.";
  const nonce = fromHex('070000004041424344454647');
  const aad = fromHex('50515253c0c1c2c3c4c5c6c7');
  const made = sealed(nobleAead(suiteByNumber(0x1303)!, key), nonce, aad, toUtf8(text));
  expect(toHex(made.subarray(0, 16))).toBe('d31a8d34648e60db7b86afbc53ef7ec2');
  expect(toHex(made.subarray(-16))).toBe('1ae10b594f09e26a7e902ecbd0600691');
});
