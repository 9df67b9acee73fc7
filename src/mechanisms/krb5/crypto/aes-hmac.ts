/**
 * AES in CBC mode (FIPS 197) and HMAC (RFC 2104), each with its key schedule computed once per key. Only this file uses
 * noble's `unsafe` exports and `_cloneInto`, which may change between releases; its test compares the results with noble's
 * documented functions and with node:crypto.
 */
import { unsafe } from '@noble/ciphers/aes.js';
import { hmac } from '@noble/hashes/hmac.js';
import type { CHash } from '@noble/hashes/utils.js';
import { viewOf } from '../../../bytes.js';
import type { BlockCipher } from '../../block-cipher.js';

/** A keyed checksum of a fixed length. */
export interface Mac {
  /** Returns the checksum of the concatenated parts. */
  digest(...parts: readonly Uint8Array[]): Uint8Array;
  /** Overwrites the key. */
  destroy(): void;
}

const BLOCK = 16;
const ZERO_BLOCK = new Uint8Array(BLOCK);

/** Passes octets to `use`, and overwrites them when it has returned or thrown. */
export function consume<T>(octets: Uint8Array, use: (octets: Uint8Array) => T): T {
  try {
    return use(octets);
  } finally {
    octets.fill(0);
  }
}

/** Returns the first `length` octets. If it has to copy them, it overwrites the input, so that no key material remains. */
export function truncate(octets: Uint8Array, length: number): Uint8Array {
  return octets.length === length ? octets : consume(octets, whole => whole.slice(0, length));
}

/** AES-CBC with a key of 16, 24 or 32 octets. */
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

/** HMAC, truncated to its first `length` octets (RFC 3961 §5.3, RFC 8009 §5). */
export function keyedHmac(hash: CHash, key: Uint8Array, length: number): Mac {
  const keyed = hmac.create(hash, key);
  // `digest` erases the state it works on. Copying the keyed state into one scratch object is cheaper than a new HMAC each time.
  const scratch = keyed._cloneInto();
  return {
    digest(...parts) {
      keyed._cloneInto(scratch);
      for (const part of parts) scratch.update(part);
      return truncate(scratch.digest(), length);
    },
    destroy() {
      keyed.destroy();
      scratch.destroy();
    },
  };
}

/** Words are read as little-endian, since noble's AES state is. */
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
  // The previous ciphertext block; before the first block, the initial vector.
  let previous = viewOf(iv);
  let previousAt = 0;
  for (let at = 0; at < blocks.length; at += BLOCK) {
    const { s0, s1, s2, s3 } = unsafe.decrypt(
      key,
      from.getUint32(at, true),
      from.getUint32(at + 4, true),
      from.getUint32(at + 8, true),
      from.getUint32(at + 12, true),
    );
    to.setUint32(at, s0 ^ previous.getUint32(previousAt, true), true);
    to.setUint32(at + 4, s1 ^ previous.getUint32(previousAt + 4, true), true);
    to.setUint32(at + 8, s2 ^ previous.getUint32(previousAt + 8, true), true);
    to.setUint32(at + 12, s3 ^ previous.getUint32(previousAt + 12, true), true);
    previous = from;
    previousAt = at;
  }
  return result;
}
