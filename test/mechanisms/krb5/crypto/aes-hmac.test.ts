import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto';
import { cbc } from '@noble/ciphers/aes.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha1 } from '@noble/hashes/legacy.js';
import { sha256, sha384 } from '@noble/hashes/sha2.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat, copy } from '../../../../src/bytes.js';
import { aes, aesCbc, fastHmac, HASHES, keyedHmac } from '../../../../src/mechanisms/krb5/crypto/aes-hmac.js';
import { nodeCiphers } from '../../../../src/node/index.js';
import { withMemory } from '../../../../src/work-memory.js';
import { errorOf } from '../../../helpers.js';

function octets(length: number): fc.Arbitrary<Uint8Array> {
  return fc.uint8Array({ minLength: length, maxLength: length });
}

const keys = fc.constantFrom(16, 24, 32).chain(octets);
const wholeBlocks = fc.nat(9).chain(blocks => octets(16 * blocks));

describe('aes', () => {
  it('encrypts and decrypts as noble and node:crypto do', () => {
    fc.assert(
      fc.property(keys, octets(16), wholeBlocks, (key, iv, blocks) => {
        const cipher = aes(key);
        const encrypted = cipher.encrypt(blocks, iv);
        expect(encrypted).toEqual(cbc(key, iv, { disablePadding: true }).encrypt(blocks));
        const name = `aes-${8 * key.length}-cbc`;
        const node = createCipheriv(name, key, iv).setAutoPadding(false);
        expect(encrypted).toEqual(concat(node.update(blocks), node.final()));
        const decipher = createDecipheriv(name, key, iv).setAutoPadding(false);
        expect(concat(decipher.update(encrypted), decipher.final())).toEqual(blocks);
        expect(cipher.decrypt(encrypted, iv)).toEqual(blocks);
      }),
    );
  });

  it('has an initial vector of zero bits by default', () => {
    const cipher = aes(new Uint8Array(16).fill(1));
    const blocks = new Uint8Array(32).fill(2);
    expect(cipher.encrypt(blocks)).toEqual(cipher.encrypt(blocks, new Uint8Array(16)));
    expect(cipher.decrypt(blocks)).toEqual(cipher.decrypt(blocks, new Uint8Array(16)));
  });

  it('reads octets at any offset, and does not change them', () => {
    const cipher = aes(new Uint8Array(32).fill(1));
    const blocks = Uint8Array.from({ length: 48 }, (_, i) => i);
    for (let offset = 0; offset < 8; offset++) {
      const around = concat(new Uint8Array(offset), blocks, new Uint8Array(3));
      const before = copy(around);
      const view = around.subarray(offset, offset + 48);
      expect(cipher.encrypt(view)).toEqual(cipher.encrypt(blocks));
      expect(cipher.decrypt(view)).toEqual(cipher.decrypt(blocks));
      expect(around).toEqual(before);
    }
  });

  it('works in place from any block on, with the block before as the initial vector', () => {
    const cipher = aes(new Uint8Array(16).fill(1));
    const blocks = Uint8Array.from({ length: 80 }, (_, i) => 3 * i);
    for (let start = 0; start < blocks.length; start += 16) {
      const iv = start === 0 ? undefined : blocks.subarray(start - 16, start);
      withMemory(blocks.length, memory => {
        memory.octets.set(blocks);
        cipher.encryptInPlace(memory, start, blocks.length);
        const encrypted = copy(memory.octets, 0, blocks.length);
        expect(encrypted).toEqual(concat(blocks.subarray(0, start), cipher.encrypt(blocks.subarray(start), iv)));
        cipher.decryptInPlace(memory, start, blocks.length);
        expect(copy(memory.octets, 0, blocks.length)).toEqual(blocks);
      });
    }
  });

  it('has no key any more after it has been destroyed', () => {
    const cipher = aes(new Uint8Array(16).fill(1));
    const other = aes(new Uint8Array(16).fill(2));
    const block = new Uint8Array(16);
    expect(cipher.encrypt(block)).not.toEqual(other.encrypt(block));
    cipher.destroy();
    other.destroy();
    expect(cipher.encrypt(block)).toEqual(other.encrypt(block));
    expect(cipher.decrypt(block)).toEqual(other.decrypt(block));
  });
});

describe('keyedHmac', () => {
  const hashes = [
    { name: 'sha1', hash: sha1 },
    { name: 'sha256', hash: sha256 },
    { name: 'sha384', hash: sha384 },
  ];

  it.each(hashes)('computes the same HMACs as noble and node:crypto, several with one key: $name', ({ name, hash }) => {
    // Keys and data shorter and longer than the block sizes, 64 and 128 octets.
    const data = fc.uint8Array({ maxLength: 300 });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 150 }), fc.array(fc.array(data, { maxLength: 3 })), (key, digests) => {
        const mac = keyedHmac(hash, key, hash.outputLen);
        for (const parts of digests) {
          const whole = concat(...parts);
          const digest = mac.digest(...parts);
          expect(digest).toEqual(hmac(hash, key, whole));
          expect(digest).toEqual(new Uint8Array(createHmac(name, key).update(whole).digest()));
        }
      }),
    );
  });

  it.each(hashes)(
    'computes them for lengths around whole blocks, in one part, in several and within memory: $name',
    ({ hash }) => {
      const key = new Uint8Array(20).fill(1);
      const mac = keyedHmac(hash, key, hash.outputLen);
      const data = Uint8Array.from({ length: 3100 }, (_, i) => i * 7);
      const around = [128, 1024, 2048, 3072].flatMap(end => Array.from({ length: 40 }, (_, i) => end - 20 + i));
      for (const length of around) {
        const whole = data.subarray(0, length);
        const expected = hmac(hash, key, whole);
        expect(mac.digest(whole)).toEqual(expected);
        expect(mac.digest(data.subarray(0, 100), data.subarray(100, length))).toEqual(expected);
        const written = new Uint8Array(hash.outputLen + 2);
        withMemory(length, memory => {
          memory.octets.set(whole);
          mac.digestInto(memory, length, written, 1);
          expect(copy(memory.octets, 0, length)).toEqual(whole);
        });
        expect(written).toEqual(concat(Uint8Array.of(0), expected, Uint8Array.of(0)));
      }
    },
  );

  it('is truncated to the given length', () => {
    const key = new Uint8Array(20).fill(1);
    const whole = hmac(sha1, key, new Uint8Array(5));
    const truncated = keyedHmac(sha1, key, 12).digest(new Uint8Array(5));
    expect(truncated).toEqual(whole.slice(0, 12));
    expect(truncated.buffer.byteLength).toBe(12);
  });

  it('throws after it has been destroyed', () => {
    const mac = keyedHmac(sha256, new Uint8Array(16), 16);
    mac.destroy();
    const error = errorOf(() => mac.digest(new Uint8Array(1)));
    expect([error.code, error.side]).toEqual(['sequence/closed', 'local']);
  });
});

describe.each([
  { external: 'none', ciphers: {} },
  { external: 'those of Node', ciphers: nodeCiphers },
])('ciphers of the caller: $external', ({ ciphers }) => {
  const lengths = [16, 32, 112, 128, 496, 512, 1008, 1024, 1040, 4096, 65_536, 70_000 - (70_000 % 16)];

  it('encrypt and decrypt as the built-in AES does', () => {
    for (const length of lengths) {
      const key = new Uint8Array(32).fill(length);
      const [fast, built] = [aesCbc(key, ciphers), aes(key)];
      const blocks = Uint8Array.from({ length }, (_, i) => i * 5);
      const expected = built.encrypt(blocks);
      withMemory(length, memory => {
        memory.octets.set(blocks);
        fast.encryptInPlace(memory, 0, length);
        expect(copy(memory.octets, 0, length)).toEqual(expected);
        fast.decryptInPlace(memory, 0, length);
        expect(copy(memory.octets, 0, length)).toEqual(blocks);
      });
      fast.destroy();
    }
  });

  it.each(['sha1', 'sha256', 'sha384'] as const)('compute HMAC as noble does: %s', name => {
    for (const length of lengths) {
      const key = new Uint8Array(20).fill(length);
      const data = Uint8Array.from({ length }, (_, i) => i * 5);
      const mac = fastHmac(name, key, 12, ciphers);
      const digest = mac.digest(data.subarray(0, 7), data.subarray(7));
      const written = new Uint8Array(14);
      withMemory(length, memory => {
        memory.octets.set(data);
        mac.digestInto(memory, length, written, 1);
      });
      expect(written).toEqual(concat(Uint8Array.of(0), digest, Uint8Array.of(0)));
      expect(digest).toEqual(hmac(HASHES[name], key, data).slice(0, 12));
      expect(Object.getPrototypeOf(digest)).toBe(Uint8Array.prototype);
      mac.destroy();
      expect(() => mac.digest(data)).toThrow('the key is destroyed');
    }
  });
});
