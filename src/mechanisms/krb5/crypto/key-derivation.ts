/** From a Kerberos key to the keys of one use: n-fold, DR and DK (RFC 3961 §5.1), KDF-HMAC-SHA2 (RFC 8009 §3). */
import type { CHash } from '@noble/hashes/utils.js';
import { concat, fromHex, toHex, u32be } from '../../../bytes.js';
import type { BlockCipher } from '../../block-cipher.js';
import { cut, keyedHmac } from './aes-hmac.js';

/** The octet after the usage number in the constant that a key is derived with (RFC 3961 §5.3, RFC 8009 §5). */
export const KEY_KIND = { checksum: 0x99, encryption: 0xaa, integrity: 0x55 } as const;

/** The well-known constant of a derived key: its usage number, four octets, and its kind. */
export function keyConstant(usage: number, kind: number): Uint8Array {
  return concat(u32be(usage), Uint8Array.of(kind));
}

/**
 * Stretches or folds octets to `length` octets: the input, turned right by 13 bits more each time, is repeated up to
 * the least common multiple, and the chunks of the wanted length are added with end-around carry (RFC 3961 §5.1).
 */
export function nFold(input: Uint8Array, length: number): Uint8Array {
  const inputBits = BigInt(8 * input.length);
  const bits = BigInt(8 * length);
  const mask = (1n << bits) - 1n;
  const number = BigInt(`0x${toHex(input)}`);
  const repeats = length / greatestCommonDivisor(input.length, length);
  let line = 0n;
  for (let i = 0; i < repeats; i++) {
    const turn = BigInt(13 * i) % inputBits;
    const turned = ((number << (inputBits - turn)) | (number >> turn)) & ((1n << inputBits) - 1n);
    line = (line << inputBits) | turned;
  }
  let sum = 0n;
  for (; line > 0n; line >>= bits) sum += line & mask;
  while (sum > mask) sum = (sum & mask) + (sum >> bits);
  return fromHex(sum.toString(16).padStart(2 * length, '0'));
}

/** DR: `length` pseudorandom octets from a cipher that holds the base key (RFC 3961 §5.1). */
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
  return cut(random, length);
}

/** KDF-HMAC-SHA2 without a context, `length` octets: no more than the hash gives (RFC 8009 §3). */
export function kdfHmacSha2(hash: CHash, key: Uint8Array, label: Uint8Array, length: number): Uint8Array {
  const mac = keyedHmac(hash, key, length);
  const derived = mac.digest(u32be(1), label, Uint8Array.of(0), u32be(8 * length));
  mac.destroy();
  return derived;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
