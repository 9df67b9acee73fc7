/**
 * AES in CBC mode and HMAC, each with its key schedule computed once (FIPS 197, RFC 2104). This is the one file that uses
 * what noble exports with less promise; its test compares it with noble's ordinary functions and with node:crypto.
 */
import { unsafe } from '@noble/ciphers/aes.js';
import { hmac } from '@noble/hashes/hmac.js';
import type { CHash } from '@noble/hashes/utils.js';
import { viewOf } from '../../../bytes.js';
import type { BlockCipher } from '../../block-cipher.js';

/** A keyed checksum, cut to its length. */
export interface Mac {
  /** The checksum of the parts, joined. */
  digest(...parts: readonly Uint8Array[]): Uint8Array;
  destroy(): void;
}

const BLOCK = 16;
const ZERO_BLOCK = new Uint8Array(BLOCK);

/** Erases octets after their last use. */
export function consume<T>(octets: Uint8Array, use: (octets: Uint8Array) => T): T {
  try {
    return use(octets);
  } finally {
    octets.fill(0);
  }
}

/** The first `length` octets; no others are left behind. */
export function cut(octets: Uint8Array, length: number): Uint8Array {
  return octets.length === length ? octets : consume(octets, whole => whole.slice(0, length));
}

/** AES with a key of 16, 24 or 32 octets. */
export function aes(key: Uint8Array): BlockCipher {
  const forward = unsafe.expandKeyLE(key);
  const backward = unsafe.expandKeyDecLE(key);
  return {
    blockSize: BLOCK,
    encrypt: (blocks, iv = ZERO_BLOCK) => encryptCbc(forward, blocks, iv),
    decrypt: (blocks, iv = ZERO_BLOCK) => decryptCbc(backward, blocks, iv),
    destroy() {
      forward.fill(0);
      backward.fill(0);
    },
  };
}

/** HMAC, its first `length` octets (RFC 3961 §5.3, RFC 8009 §5). */
export function keyedHmac(hash: CHash, key: Uint8Array, length: number): Mac {
  const keyed = hmac.create(hash, key);
  // A digest wipes its state; copying into the same object again saves making two hashes for each checksum.
  const scratch = keyed._cloneInto();
  return {
    digest(...parts) {
      keyed._cloneInto(scratch);
      for (const part of parts) scratch.update(part);
      return cut(scratch.digest(), length);
    },
    destroy() {
      keyed.destroy();
      scratch.destroy();
    },
  };
}

/** Words are little-endian: noble's AES has its state that way round. */
function encryptCbc(key: Uint32Array, blocks: Uint8Array, iv: Uint8Array): Uint8Array {
  const result = new Uint8Array(blocks.length);
  const from = viewOf(blocks);
  const to = viewOf(result);
  const start = viewOf(iv);
  let s0 = start.getUint32(0, true);
  let s1 = start.getUint32(4, true);
  let s2 = start.getUint32(8, true);
  let s3 = start.getUint32(12, true);
  for (let at = 0; at < blocks.length; at += BLOCK) {
    s0 ^= from.getUint32(at, true);
    s1 ^= from.getUint32(at + 4, true);
    s2 ^= from.getUint32(at + 8, true);
    s3 ^= from.getUint32(at + 12, true);
    ({ s0, s1, s2, s3 } = unsafe.encrypt(key, s0, s1, s2, s3));
    to.setUint32(at, s0, true);
    to.setUint32(at + 4, s1, true);
    to.setUint32(at + 8, s2, true);
    to.setUint32(at + 12, s3, true);
  }
  return result;
}

function decryptCbc(key: Uint32Array, blocks: Uint8Array, iv: Uint8Array): Uint8Array {
  const result = new Uint8Array(blocks.length);
  const from = viewOf(blocks);
  const to = viewOf(result);
  // The ciphertext block before, at first the initial vector.
  let before = viewOf(iv);
  let beforeAt = 0;
  for (let at = 0; at < blocks.length; at += BLOCK) {
    const { s0, s1, s2, s3 } = unsafe.decrypt(
      key,
      from.getUint32(at, true),
      from.getUint32(at + 4, true),
      from.getUint32(at + 8, true),
      from.getUint32(at + 12, true),
    );
    to.setUint32(at, s0 ^ before.getUint32(beforeAt, true), true);
    to.setUint32(at + 4, s1 ^ before.getUint32(beforeAt + 4, true), true);
    to.setUint32(at + 8, s2 ^ before.getUint32(beforeAt + 8, true), true);
    to.setUint32(at + 12, s3 ^ before.getUint32(beforeAt + 12, true), true);
    before = from;
    beforeAt = at;
  }
  return result;
}
