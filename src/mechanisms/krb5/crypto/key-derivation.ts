/** Derivation of usage keys from a protocol key: n-fold, DR and DK (RFC 3961 §5.1), KDF-HMAC-SHA2 (RFC 8009 §3). */
import type { CHash } from '@noble/hashes/utils.js';
import type { BlockCipher } from '../../../block-cipher.js';
import { concat, u32be } from '../../../bytes.js';
import { keyedHmac, type Mac, truncate } from './aes-hmac.js';

/** The last octet of a derivation constant: Kc, Ke or Ki (RFC 3961 §5.3, RFC 8009 §5). */
export const KEY_KIND = { checksum: 0x99, encryption: 0xaa, integrity: 0x55 } as const;

/** The derivation constant of a key: the usage number in four octets, then the kind (RFC 3961 §5.3). */
export function keyConstant(usage: number, kind: number): Uint8Array {
  return concat(u32be(usage), Uint8Array.of(kind));
}

/**
 * Stretches or folds octets to `length` octets (RFC 3961 §5.1). The input is repeated up to the least common multiple of both
 * lengths, each copy rotated right by 13 bits more than the one before; the pieces of `length` octets are then added with
 * end-around carry.
 */
export function nFold(input: Uint8Array, length: number): Uint8Array {
  const sums = new Array<number>(length).fill(0);
  const bits = 8 * input.length;
  const total = (input.length * length) / greatestCommonDivisor(input.length, length);
  for (let i = 0; i < total; i++) {
    const rotation = 13 * Math.floor(i / input.length);
    // The first of the eight bits of the input that stand here.
    const bit = (((8 * i - rotation) % bits) + bits) % bits;
    const octet = bit >> 3;
    const pair = (input[octet]! << 8) | input[(octet + 1) % input.length]!;
    sums[i % length]! += (pair >> (8 - (bit & 7))) & 0xff;
  }
  for (let carry = 0, rounds = 0; rounds === 0 || carry > 0; rounds++) {
    for (let i = length - 1; i >= 0; i--) {
      const sum = sums[i]! + carry;
      sums[i] = sum & 0xff;
      carry = sum >> 8;
    }
  }
  return Uint8Array.from(sums);
}

/** DR: derives `length` pseudorandom octets with a cipher that holds the base key (RFC 3961 §5.1). */
export function deriveRandom(cipher: BlockCipher, constant: Uint8Array, length: number): Uint8Array {
  const random = new Uint8Array(Math.ceil(length / cipher.blockSize) * cipher.blockSize);
  let block = nFold(constant, cipher.blockSize);
  for (let at = 0; at < length; at += cipher.blockSize) {
    const next = cipher.encrypt(block);
    block.fill(0);
    block = next;
    random.set(block, at);
  }
  block.fill(0);
  return truncate(random, length);
}

/**
 * KDF-HMAC-SHA2 without a context (RFC 8009 §3).
 * @param length  in octets, at most the length of the hash
 */
export function kdfHmacSha2(hash: CHash, key: Uint8Array, label: Uint8Array, length: number): Uint8Array {
  const base = keyedHmac(hash, key, hash.outputLen);
  const derived = deriveHmacSha2(base, label, length);
  base.destroy();
  return derived;
}

/** The same, of the whole HMAC with the key that another is derived from. */
export function deriveHmacSha2(base: Mac, label: Uint8Array, length: number): Uint8Array {
  return truncate(base.digest(u32be(1), label, Uint8Array.of(0), u32be(8 * length)), length);
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
