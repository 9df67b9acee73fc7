/**
 * AES in CBC mode (FIPS 197) and HMAC (RFC 2104), each with its key schedule computed once per key. Only this file uses
 * noble's `unsafe` exports and the states of its hashes, which may change between releases; its test compares the results with
 * noble's documented functions and with node:crypto.
 */
import { unsafe } from '@noble/ciphers/aes.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha1 } from '@noble/hashes/legacy.js';
import { sha256, sha384 } from '@noble/hashes/sha2.js';
import type { CHash } from '@noble/hashes/utils.js';
import type { BlockCipher, BlockCiphers } from '../../../block-cipher.js';
import { copy, equalConstantTime } from '../../../bytes.js';
import { FtpSecurityError } from '../../../errors.js';
import { setAll, totalLength, type WorkMemory, withMemory } from '../../../work-memory.js';
import { type InPlaceCipher, inPlace } from './cts.js';

/** A keyed checksum of a fixed length. */
export interface Mac {
  /** Returns the checksum of the concatenated parts. */
  digest(...parts: readonly Uint8Array[]): Uint8Array;
  /** Writes the checksum of the first `end` octets of the memory to `to` from `at` on. */
  digestInto(memory: WorkMemory, end: number, to: Uint8Array, at: number): void;
  /** Whether that checksum is in `octets` from `at` to their end. The time that it takes depends on the lengths only. */
  matches(memory: WorkMemory, end: number, octets: Uint8Array, at: number): boolean;
  /** Overwrites the key. */
  destroy(): void;
}

const BLOCK = 16;

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

/** AES-CBC, by the caller's cipher if there is one. */
export function aesCbc(key: Uint8Array, { aes: external }: BlockCiphers): InPlaceCipher {
  return external === undefined ? aes(key) : inPlace(external(key));
}

/**
 * From this many octets on, the caller's HMAC is used: each call of it costs as much as some blocks of ours; as one of SHA-384,
 * whose words have 64 bits.
 */
const LONG: Readonly<Record<HashName, number>> = { sha1: 0x180, sha256: 0x100, sha384: 0 };

/** HMAC as {@link keyedHmac}, and with the caller's for long messages. */
export function fastHmac(name: HashName, key: Uint8Array, length: number, { hmac: external }: BlockCiphers): Mac {
  const short = keyedHmac(HASHES[name], key, length);
  if (external === undefined) return short;
  let destroyed = false;
  // Ours refuses to go on without its key.
  const isLong = (octets: number) => !destroyed && octets >= LONG[name];
  const long = external(name, key);
  const longDigest = ({ octets }: WorkMemory, end: number) =>
    long.digest([octets.subarray(0, end)]).subarray(0, length);
  return {
    digest: (...parts) =>
      isLong(totalLength(parts)) ? copy(long.digest(parts), 0, length) : digestOf(short, parts, length),
    digestInto(memory, end, to, at) {
      if (isLong(end)) to.set(longDigest(memory, end), at);
      else short.digestInto(memory, end, to, at);
    },
    matches: (memory, end, octets, at) =>
      isLong(end)
        ? equalConstantTime(longDigest(memory, end), octets.subarray(at))
        : short.matches(memory, end, octets, at),
    destroy() {
      destroyed = true;
      short.destroy();
      long.destroy();
    },
  };
}

/** The checksum of the concatenated parts, `length` octets. */
function digestOf(mac: Pick<Mac, 'digestInto'>, parts: readonly Uint8Array[], length: number): Uint8Array {
  const total = totalLength(parts);
  const digest = new Uint8Array(length);
  withMemory(total, memory => {
    setAll(memory, 0, parts);
    mac.digestInto(memory, total, digest, 0);
  });
  return digest;
}

/** The hashes of the encryption types, by name. */
export const HASHES: Readonly<Record<HashName, CHash>> = { sha1, sha256, sha384 };
export type HashName = 'sha1' | 'sha256' | 'sha384';

/** AES-CBC with a key of 16, 24 or 32 octets. Most keys are used in one direction only, so each schedule is made when it is needed. */
export function aes(key: Uint8Array): BlockCipher & InPlaceCipher {
  const own = copy(key);
  let forward: Uint32Array | undefined;
  let backward: Uint32Array | undefined;
  const encryptInPlace = (memory: WorkMemory, start: number, end: number) => {
    forward ??= unsafe.expandKeyLE(own);
    encryptCbc(forward, memory, start, end);
  };
  const decryptInPlace = (memory: WorkMemory, start: number, end: number) => {
    backward ??= unsafe.expandKeyDecLE(own);
    decryptCbc(backward, memory, start, end);
  };
  return {
    blockSize: BLOCK,
    encrypt: (blocks, iv) => outOfPlace(blocks, iv, (memory, end) => encryptInPlace(memory, BLOCK, end)),
    decrypt: (blocks, iv) => outOfPlace(blocks, iv, (memory, end) => decryptInPlace(memory, BLOCK, end)),
    encryptInPlace,
    decryptInPlace,
    destroy() {
      own.fill(0);
      forward?.fill(0);
      backward?.fill(0);
    },
  };
}

/** Runs `work` in place on a copy of the input, with the initial vector as the block before it. */
function outOfPlace(
  blocks: Uint8Array,
  iv: Uint8Array | undefined,
  work: (memory: WorkMemory, end: number) => void,
): Uint8Array {
  const end = BLOCK + blocks.length;
  return withMemory(end, memory => {
    if (iv !== undefined) memory.octets.set(iv);
    memory.octets.set(blocks, BLOCK);
    work(memory, end);
    return memory.octets.slice(BLOCK, end);
  });
}

/**
 * Encrypts the blocks from `start` to `end`. The initial vector is the block before them, or zero at the start of the memory.
 * Words are read as little-endian, since noble's AES state is.
 */
function encryptCbc(key: Uint32Array, { view }: WorkMemory, start: number, end: number): void {
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  for (let at = start === 0 ? 0 : start - BLOCK; at < end; at += BLOCK) {
    s0 ^= view.getUint32(at, true);
    s1 ^= view.getUint32(at + 4, true);
    s2 ^= view.getUint32(at + 8, true);
    s3 ^= view.getUint32(at + 12, true);
    if (at < start) continue;
    ({ s0, s1, s2, s3 } = unsafe.encrypt(key, s0, s1, s2, s3));
    view.setUint32(at, s0, true);
    view.setUint32(at + 4, s1, true);
    view.setUint32(at + 8, s2, true);
    view.setUint32(at + 12, s3, true);
  }
}

/** Reverses {@link encryptCbc}. */
function decryptCbc(key: Uint32Array, { view }: WorkMemory, start: number, end: number): void {
  let b0 = 0;
  let b1 = 0;
  let b2 = 0;
  let b3 = 0;
  for (let at = start === 0 ? 0 : start - BLOCK; at < end; at += BLOCK) {
    const c0 = view.getUint32(at, true);
    const c1 = view.getUint32(at + 4, true);
    const c2 = view.getUint32(at + 8, true);
    const c3 = view.getUint32(at + 12, true);
    if (at >= start) {
      const { s0, s1, s2, s3 } = unsafe.decrypt(key, c0, c1, c2, c3);
      view.setUint32(at, s0 ^ b0, true);
      view.setUint32(at + 4, s1 ^ b1, true);
      view.setUint32(at + 8, s2 ^ b2, true);
      view.setUint32(at + 12, s3 ^ b3, true);
    }
    b0 = c0;
    b1 = c1;
    b2 = c2;
    b3 = c3;
  }
}

/** The parts of noble's hashes that are used: the words of the state, and a function that processes one block. */
interface HashState {
  readonly blockLen: number;
  readonly outputLen: number;
  /** Octets of the length field at the end of the last block. */
  readonly padOffset: number;
  readonly isLE: boolean;
  process(view: DataView, offset: number): void;
  /** The words of the state; the hash is its first words. */
  get(): number[];
  /** Erases the words of the last block. */
  roundClean(): void;
  destroy(): void;
  _cloneInto(to: HashState): void;
}

/** The last blocks of a message, with its padding: at most two of any hash. Zero between digests. */
const tail = new Uint8Array(256);
const tailView = new DataView(tail.buffer);

/** The state in which digests of a hash are computed; it is erased after each digest. */
const states = new Map<CHash, HashState>();

function stateOf(hash: CHash): HashState {
  let state = states.get(hash);
  if (state === undefined) {
    state = hash.create() as unknown as HashState;
    states.set(hash, state);
  }
  return state;
}

/** HMAC, truncated to its first `length` octets (RFC 3961 §5.3, RFC 8009 §5). */
export function keyedHmac(hash: CHash, key: Uint8Array, length: number): Mac {
  const keyed = hmac.create(hash, key);
  const inner = keyed.iHash as unknown as HashState;
  const outer = keyed.oHash as unknown as HashState;
  const state = stateOf(hash);
  let destroyed = false;
  /** Leaves the checksum at the start of `tail`. */
  const compute = (memory: WorkMemory, end: number) => {
    if (destroyed) throw new FtpSecurityError('sequence/closed', 'the key is destroyed', { side: 'local' });
    inner._cloneInto(state);
    finish(state, absorb(state, memory, end), end);
    outer._cloneInto(state);
    finish(state, state.outputLen, state.outputLen);
    state.roundClean();
    state.destroy();
  };
  const mac: Mac = {
    digest: (...parts) => digestOf(mac, parts, length),
    digestInto(memory, end, to, at) {
      compute(memory, end);
      for (let i = 0; i < length; i++) to[at + i] = tail[i]!;
      tail.fill(0, 0, state.outputLen);
    },
    matches(memory, end, octets, at) {
      compute(memory, end);
      let difference = octets.length - at - length;
      for (let i = 0; i < length; i++) difference |= tail[i]! ^ octets[at + i]!;
      tail.fill(0, 0, state.outputLen);
      return difference === 0;
    },
    destroy() {
      destroyed = true;
      keyed.destroy();
    },
  };
  return mac;
}

/** Hashes the whole blocks, and copies the rest to `tail`. Returns the number of octets there. */
function absorb(state: HashState, { octets, view }: WorkMemory, end: number): number {
  const { blockLen } = state;
  let at = 0;
  for (; at + blockLen <= end; at += blockLen) state.process(view, at);
  for (let i = at; i < end; i++) tail[i - at] = octets[i]!;
  return end - at;
}

/**
 * Hashes the rest in `tail` with its padding, and writes the hash to the start of `tail`, followed by zeros.
 * @param total  octets after the key, which takes one block more
 */
function finish(state: HashState, rest: number, total: number): void {
  const { blockLen, padOffset, isLE, outputLen } = state;
  const end = rest + 1 + padOffset > blockLen ? 2 * blockLen : blockLen;
  tail[rest] = 0x80;
  writeLength(end, total + blockLen, isLE);
  for (let block = 0; block < end; block += blockLen) state.process(tailView, block);
  tail.fill(0, 0, end);
  const words = state.get();
  for (let i = 0; 4 * i < outputLen; i++) tailView.setUint32(4 * i, words[i]!, isLE);
}

/** Writes the number of bits as 64 bits before `end`. */
function writeLength(end: number, octets: number, isLE: boolean): void {
  const low = (octets << 3) >>> 0;
  const high = Math.floor(octets / 2 ** 29);
  tailView.setUint32(end - 8, isLE ? low : high, isLE);
  tailView.setUint32(end - 4, isLE ? high : low, isLE);
}
