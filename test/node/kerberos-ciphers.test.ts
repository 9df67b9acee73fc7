import { describe, expect, it } from 'vitest';
import { copy, fromHex, toHex } from '../../src/bytes.js';
import { nodeCiphers } from '../../src/node/index.js';

describe('nodeCiphers', () => {
  // FIPS 81 appendix B, DES-ECB of "Now is t"; RFC 3713 appendix A.
  const DES = { key: '0123456789abcdef', block: '4e6f772069732074', encrypted: '3fa40e8a984d4815' };
  const CAMELLIA = '0123456789abcdeffedcba9876543210';

  it.each([
    { name: 'des', ...DES },
    { name: 'tripleDes', ...DES, key: DES.key.repeat(3) },
    { name: 'camellia', key: CAMELLIA, block: CAMELLIA, encrypted: '67673138549669730857065648eabe43' },
    {
      name: 'camellia',
      key: `${CAMELLIA}00112233445566778899aabbccddeeff`,
      block: CAMELLIA,
      encrypted: '9acc237dff16d76c20ef7c919e3a7509',
    },
  ] as const)('$name encrypts the block of its standard', ({ name, key, block, encrypted }) => {
    const cipher = nodeCiphers[name]!(fromHex(key));
    expect(toHex(cipher.encrypt(fromHex(block)))).toBe(encrypted);
    expect(toHex(cipher.decrypt(fromHex(encrypted)))).toBe(block);
    expect(cipher.blockSize).toBe(block.length / 2);
  });

  it('chains blocks from the initial vector, and shares no octets', () => {
    for (const [name, length] of [
      ['des', 8],
      ['tripleDes', 24],
      ['camellia', 16],
      ['aes', 32],
    ] as const) {
      const key = Uint8Array.from({ length }, (_, i) => 3 * i);
      const cipher = nodeCiphers[name]!(key);
      const iv = new Uint8Array(cipher.blockSize).fill(9);
      const blocks = Uint8Array.from({ length: 6 * cipher.blockSize }, (_, i) => i);
      const given = Buffer.from(blocks);
      const encrypted = cipher.encrypt(given, iv);
      expect(Object.getPrototypeOf(encrypted)).toBe(Uint8Array.prototype);
      expect(encrypted).not.toEqual(cipher.encrypt(blocks));
      expect(cipher.decrypt(encrypted, iv)).toEqual(blocks);
      expect(copy(given)).toEqual(blocks);
      expect(cipher.encrypt(new Uint8Array(0))).toEqual(new Uint8Array(0));
      key.fill(0);
      expect(cipher.encrypt(blocks, iv)).toEqual(encrypted);
    }
  });

  it.each(['des', 'tripleDes', 'camellia', 'aes'] as const)(
    '%s gives the same for each message, whatever came before it and however long it is',
    name => {
      const key = Uint8Array.from({ length: { des: 8, tripleDes: 24, camellia: 16, aes: 16 }[name] }, (_, i) => 3 * i);
      const kept = nodeCiphers[name]!(key);
      const { blockSize } = kept;
      const iv = new Uint8Array(blockSize).fill(7);
      for (const length of [0, 1, 2, 9, 256, 257, 512, 513, 5000, 1].map(blocks => blocks * blockSize)) {
        const blocks = Uint8Array.from({ length }, (_, i) => i * 7);
        const encrypted = nodeCiphers[name]!(key).encrypt(blocks, iv);
        expect(kept.encrypt(blocks, iv)).toEqual(encrypted);
        expect(kept.decrypt(encrypted, iv)).toEqual(blocks);
      }
    },
  );

  it('takes whole blocks only', () => {
    const cipher = nodeCiphers.aes!(new Uint8Array(16));
    expect(() => cipher.encrypt(new Uint8Array(17))).toThrow(RangeError);
    expect(() => cipher.decrypt(new Uint8Array(15))).toThrow(RangeError);
  });

  it('takes keys of their own length', () => {
    expect(() => nodeCiphers.tripleDes!(new Uint8Array(8)).encrypt(new Uint8Array(8))).toThrow();
  });

  it('forgets a key that is destroyed', () => {
    const block = new Uint8Array(8);
    const cipher = nodeCiphers.tripleDes!(new Uint8Array(24).fill(2));
    cipher.destroy();
    expect(cipher.encrypt(block)).toEqual(nodeCiphers.tripleDes!(new Uint8Array(24)).encrypt(block));
  });
});
