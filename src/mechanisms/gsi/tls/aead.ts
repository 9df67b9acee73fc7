/**
 * AEAD ciphers (RFC 5116) for records: AES-GCM (NIST SP 800-38D) and ChaCha20-Poly1305 (RFC 8439) by noble's primitives, with what
 * they derive from the key computed once per key: for a short record noble's `gcm` spends most of its time on that. Besides
 * krb5's aes-hmac.ts, only this file uses noble's `unsafe` exports, and the states of GHASH and Poly1305, which may change between
 * releases; its test compares the results with noble's documented functions and with node:crypto.
 */
import { Poly1305 } from '@noble/ciphers/_poly1305.js';
import { GHASH } from '@noble/ciphers/_polyval.js';
import { unsafe } from '@noble/ciphers/aes.js';
import { chacha20 } from '@noble/ciphers/chacha.js';
import { equalConstantTime } from '../../../bytes.js';
import { type WorkMemory, withMemory } from '../../../work-memory.js';
import { decryptCcm, encryptCcm } from './ccm.js';
import type { Suite } from './suites.js';

/** Gets octets that a plaintext is in, from `start` to `end`. They are overwritten after the call, so it copies what it needs. */
export type TakePlaintext<T> = (octets: Uint8Array, start: number, end: number) => T;

/** An AEAD cipher with its key (RFC 5116). The tag comes after the ciphertext. */
export interface Aead {
  /** Encrypts the octets from `start` to `end` in place, and writes the tag after them. */
  seal(octets: Uint8Array, start: number, end: number, nonce: Uint8Array, aad: Uint8Array): void;
  /** Returns what `take` makes of the plaintext; undefined if the tag is wrong. `sealed` is at least as long as a tag. */
  open<T>(sealed: Uint8Array, nonce: Uint8Array, aad: Uint8Array, take: TakePlaintext<T>): T | undefined;
  /** Overwrites what was derived from the key. */
  destroy(): void;
}

/** Makes the AEAD cipher of a suite. The key is not copied: it is erased when the cipher is no longer used. */
export type NewAead = (suite: Suite, key: Uint8Array) => Aead;

export const nobleAead: NewAead = ({ kind, tagLength }, key) => {
  if (kind === 'CCM') return ccm(key, tagLength);
  return kind === 'GCM' ? gcm(key) : chacha20Poly1305(key);
};

const BLOCK = 16;
const TAG = 16;

/** AES with one key. */
export interface BlockEncryption {
  /** Encrypts whole blocks of the memory in place, each by itself. */
  encryptBlocks(memory: WorkMemory, start: number, end: number): void;
  /** Overwrites the key. */
  destroy(): void;
}

export function gcm(key: Uint8Array, newAes: (key: Uint8Array) => BlockEncryption = nobleAes): Aead {
  const aes = newAes(key);
  let table: Int32Array | undefined;

  /**
   * Runs `work` with memory for the additional data from 0 on, the text from `from` to `to`, each with zeros at its end, and the
   * tag after them; and then for the counters: the first encrypts the tag, the others the text.
   */
  const withLayout = <T>(
    nonce: Uint8Array,
    aad: Uint8Array,
    length: number,
    work: (memory: WorkMemory, from: number, to: number) => T,
  ): T => {
    const from = padded(aad.length);
    const to = from + padded(length);
    const counters = to + BLOCK;
    const end = counters + BLOCK + padded(length);
    return withMemory(end, memory => {
      const { octets, view } = memory;
      table ??= ghashTable(aes);
      for (let i = 0; i < aad.length; i++) octets[i] = aad[i]!;
      view.setUint32(to + 4, 8 * aad.length);
      view.setUint32(to + 12, 8 * length);
      const [n0, n1, n2] = [wordAt(nonce, 0), wordAt(nonce, 4), wordAt(nonce, 8)];
      for (let at = counters, counter = 1; at < end; at += BLOCK, counter++) {
        view.setInt32(at, n0, true);
        view.setInt32(at + 4, n1, true);
        view.setInt32(at + 8, n2, true);
        view.setInt32(at + 12, counter);
      }
      aes.encryptBlocks(memory, counters, end);
      return work(memory, from, to);
    });
  };
  const applyCounters = ({ view }: WorkMemory, from: number, to: number) => {
    const shift = to - from + 2 * BLOCK;
    for (let at = from; at < to; at += 4) view.setInt32(at, view.getInt32(at) ^ view.getInt32(at + shift));
  };
  /** Computes the tag in place of the lengths. */
  const writeTag = ({ view }: WorkMemory, to: number) => {
    ghash(table!, view, to + BLOCK);
    for (let at = to; at < to + TAG; at += 4) view.setInt32(at, view.getInt32(at) ^ view.getInt32(at + BLOCK));
  };

  return {
    seal(octets, start, end, nonce, aad) {
      const length = end - start;
      withLayout(nonce, aad, length, (memory, from, to) => {
        const work = memory.octets;
        work.set(octets.subarray(start, end), from);
        applyCounters(memory, from, to);
        work.fill(0, from + length, to);
        writeTag(memory, to);
        octets.set(work.subarray(from, from + length), start);
        octets.set(work.subarray(to, to + TAG), end);
      });
    },
    open(sealed, nonce, aad, take) {
      const length = sealed.length - TAG;
      return withLayout(nonce, aad, length, (memory, from, to) => {
        const work = memory.octets;
        work.set(sealed.subarray(0, length), from);
        writeTag(memory, to);
        if (!equalConstantTime(work.subarray(to, to + TAG), sealed.subarray(length))) return undefined;
        applyCounters(memory, from, to);
        return take(work, from, from + length);
      });
    },
    destroy() {
      aes.destroy();
      table?.fill(0);
      table = undefined;
    },
  };
}

/** Words are little-endian, since noble's AES state is. */
function nobleAes(key: Uint8Array): BlockEncryption {
  let schedule: Uint32Array | undefined;
  return {
    encryptBlocks({ view }, start, end) {
      schedule ??= unsafe.expandKeyLE(key);
      for (let at = start; at < end; at += BLOCK) {
        const [w0, w1] = [view.getUint32(at, true), view.getUint32(at + 4, true)];
        const words = unsafe.encrypt(schedule, w0, w1, view.getUint32(at + 8, true), view.getUint32(at + 12, true));
        view.setUint32(at, words.s0, true);
        view.setUint32(at + 4, words.s1, true);
        view.setUint32(at + 8, words.s2, true);
        view.setUint32(at + 12, words.s3, true);
      }
    },
    destroy() {
      schedule?.fill(0);
      schedule = undefined;
    },
  };
}

/** Octets of input for which noble's GHASH makes a table of four bits at a time; a larger one takes 160 KiB. */
const GHASH_INPUT = 0x4000;
/** Words of the table for four bits: 16 products of four words. */
const WINDOW = 64;

/** The table of noble's GHASH, its words one after another, which takes half the time to read. Its key is a block of zeros, encrypted. */
function ghashTable(aes: BlockEncryption): Int32Array {
  return withMemory(BLOCK, memory => {
    aes.encryptBlocks(memory, 0, BLOCK);
    const noble = new GHASH(memory.octets.subarray(0, BLOCK), GHASH_INPUT);
    const products = (noble as unknown as { t: readonly Record<'s0' | 's1' | 's2' | 's3', number>[] }).t;
    const table = new Int32Array(4 * products.length);
    for (const [i, { s0, s1, s2, s3 }] of products.entries()) {
      table[4 * i] = s0;
      table[4 * i + 1] = s1;
      table[4 * i + 2] = s2;
      table[4 * i + 3] = s3;
    }
    noble.destroy();
    return table;
  });
}

/**
 * Hashes the blocks before `end`, and writes the hash over the last one. As noble's GHASH, it looks up the products of all
 * half octets of a block, in a time that does not depend on them but for the caches.
 */
function ghash(table: Int32Array, view: DataView, end: number): void {
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  for (let block = 0; block < end; block += BLOCK) {
    let [o0, o1, o2, o3] = [0, 0, 0, 0];
    let window = 0;
    for (let i = 0; i < BLOCK; i += 4) {
      const state = i === 0 ? s0 : i === 4 ? s1 : i === 8 ? s2 : s3;
      const word = view.getInt32(block + i, true) ^ state;
      for (let bit = 0; bit < 32; bit += 8) {
        const high = window + (((word >>> (bit + 4)) & 15) << 2);
        const low = window + WINDOW + (((word >>> bit) & 15) << 2);
        o0 ^= table[high]! ^ table[low]!;
        o1 ^= table[high + 1]! ^ table[low + 1]!;
        o2 ^= table[high + 2]! ^ table[low + 2]!;
        o3 ^= table[high + 3]! ^ table[low + 3]!;
        window += 2 * WINDOW;
      }
    }
    s0 = o0;
    s1 = o1;
    s2 = o2;
    s3 = o3;
  }
  const last = end - BLOCK;
  view.setInt32(last, s0, true);
  view.setInt32(last + 4, s1, true);
  view.setInt32(last + 8, s2, true);
  view.setInt32(last + 12, s3, true);
}

/** Octets of the first block of ChaCha20's key stream, which begins with the key of Poly1305 (RFC 8439 §2.6). */
const CHACHA_BLOCK = 64;
const POLY1305_KEY = 32;

/** The part of noble's Poly1305 that is used: a function that processes one block. */
interface Poly1305State {
  process(octets: Uint8Array, at: number): void;
  digestInto(to: Uint8Array): void;
  destroy(): void;
}

function chacha20Poly1305(key: Uint8Array): Aead {
  /** One call makes the key of Poly1305, of a block of zeros, and encrypts or decrypts the text after it. */
  const applyKeystream = (work: Uint8Array, end: number, nonce: Uint8Array) => {
    const whole = work.subarray(0, end);
    chacha20(key, nonce, whole, whole);
  };
  /** Writes the tag to the start of the memory, where its key is. Its input is put together at `start`. */
  const writeTag = ({ octets, view }: WorkMemory, start: number, aad: Uint8Array, ciphertext: Uint8Array) => {
    const text = start + padded(aad.length);
    const lengths = text + padded(ciphertext.length);
    octets.set(aad, start);
    octets.set(ciphertext, text);
    view.setUint32(lengths, aad.length, true);
    view.setUint32(lengths + 8, ciphertext.length, true);
    const state = new Poly1305(octets.subarray(0, POLY1305_KEY)) as unknown as Poly1305State;
    for (let at = start; at <= lengths; at += BLOCK) state.process(octets, at);
    state.digestInto(octets.subarray(0, TAG));
    state.destroy();
  };
  const room = (length: number, aad: Uint8Array) => CHACHA_BLOCK + 2 * padded(length) + padded(aad.length) + BLOCK;

  return {
    seal(octets, start, end, nonce, aad) {
      const length = end - start;
      withMemory(room(length, aad), memory => {
        const work = memory.octets;
        const text = work.subarray(CHACHA_BLOCK, CHACHA_BLOCK + length);
        text.set(octets.subarray(start, end));
        applyKeystream(work, CHACHA_BLOCK + length, nonce);
        octets.set(text, start);
        writeTag(memory, CHACHA_BLOCK + padded(length), aad, text);
        octets.set(work.subarray(0, TAG), end);
      });
    },
    open(sealed, nonce, aad, take) {
      const length = sealed.length - TAG;
      return withMemory(room(length, aad), memory => {
        const work = memory.octets;
        const ciphertext = sealed.subarray(0, length);
        work.set(ciphertext, CHACHA_BLOCK);
        applyKeystream(work, CHACHA_BLOCK + length, nonce);
        writeTag(memory, CHACHA_BLOCK + padded(length), aad, ciphertext);
        if (!equalConstantTime(work.subarray(0, TAG), sealed.subarray(length))) return undefined;
        return take(work, CHACHA_BLOCK, CHACHA_BLOCK + length);
      });
    },
    destroy() {},
  };
}

function ccm(key: Uint8Array, tagLength: number): Aead {
  return {
    seal(octets, start, end, nonce, aad) {
      octets.set(encryptCcm(key, nonce, aad, octets.subarray(start, end), tagLength), start);
    },
    open(sealed, nonce, aad, take) {
      const plaintext = decryptCcm(key, nonce, aad, sealed, tagLength);
      if (plaintext === undefined) return undefined;
      const taken = take(plaintext, 0, plaintext.length);
      plaintext.fill(0);
      return taken;
    },
    destroy() {},
  };
}

function padded(length: number): number {
  return Math.ceil(length / BLOCK) * BLOCK;
}

function wordAt(octets: Uint8Array, at: number): number {
  return octets[at]! | (octets[at + 1]! << 8) | (octets[at + 2]! << 16) | (octets[at + 3]! << 24);
}
