/**
 * Protection of single records: AEAD ciphers (RFC 5246 §6.2.3.3, RFC 7905, RFC 6655; RFC 8446 §5.2), AES-CBC with an
 * HMAC before the encryption (RFC 5246 §6.2.3.2) or after it (RFC 7366), and HMAC without encryption (§6.2.3.1).
 */
import { cbc } from '@noble/ciphers/aes.js';
import { hmac } from '@noble/hashes/hmac.js';
import type { CHash } from '@noble/hashes/utils.js';
import { randomBytes } from '@noble/hashes/utils.js';
import { concat, copy, equalConstantTime } from '../../../bytes.js';
import { type NewAead, nobleAead } from './aead.js';
import { type RecordKeys, TLS_1_0, TLS_1_2, TLS_1_3 } from './key-schedule.js';
import type { Suite } from './suites.js';

/** A record without its protection. */
export interface PlainRecord {
  type: number;
  content: Uint8Array;
}

/** The input of record protection that depends on the position of the record. */
export interface RecordPlace {
  /** Number of the record under the current keys, from 0. */
  number: number;
  /** The last encrypted block of the record before; used only in TLS 1.0 with CBC. */
  previous: Uint8Array;
}

export interface RecordCipher {
  /**
   * The last encrypted block of a record, without which the next one can't be decrypted. Present only in TLS 1.0 with
   * CBC; elsewhere the record number is enough.
   */
  chain?(fragment: Uint8Array): Uint8Array;
  /** Octets of the fragment that protects `length` octets of content. */
  sealedLength(length: number): number;
  /** Writes the fragment to `to` from `at` on, to its end. */
  seal(to: Uint8Array, at: number, record: PlainRecord, place: RecordPlace): void;
  /**
   * Verifies and decrypts a fragment.
   * @param type  the type in the header of the record
   * @returns octets that nothing else uses; undefined if the checksum is wrong, or the fragment is too short to contain one
   */
  open(type: number, fragment: Uint8Array, place: RecordPlace): PlainRecord | undefined;
  /** The same cipher with its own copy of the keys. */
  copy(): RecordCipher;
  /** Erases the keys. */
  destroy(): void;
}

export interface RecordCipherOptions {
  version: number;
  suite: Suite;
  keys: RecordKeys;
  encryptThenMac?: boolean;
  /** Replaces noble's AEAD ciphers, for those that it returns. */
  newAead?: NewAead | undefined;
}

/** In TLS 1.3 the header of every encrypted record has this type (RFC 8446 §5.2). */
export const APPLICATION_DATA = 23;
const BLOCK = 16;
const NONCE_LENGTH = 12;
/** Octets before the content in the input of every checksum up to TLS 1.2. */
const PREFIX_LENGTH = 13;

/** @param options  the keys become the cipher's, which erases them */
export function recordCipher(options: RecordCipherOptions): RecordCipher {
  const { key, iv, mac } = options.keys;
  const protection = protectionOf(options);
  return {
    ...protection,
    copy: () => recordCipher({ ...options, keys: { key: copy(key), iv: copy(iv), mac: copy(mac) } }),
    destroy() {
      protection.erase?.();
      for (const octets of [key, iv, mac]) octets.fill(0);
    },
  };
}

interface Protection extends Omit<RecordCipher, 'copy' | 'destroy'> {
  /** Erases what was derived from the keys. */
  erase?(): void;
}

function protectionOf(options: RecordCipherOptions): Protection {
  const { version, suite } = options;
  if (suite.kind === 'NULL') return withMacAlone(options);
  if (suite.kind === 'CBC') return withCbc(options);
  return version === TLS_1_3 ? withAead13(options) : withAead(options);
}

/** TLS 1.2. With GCM and CCM each record contains eight octets of its nonce; as sender we use the record number. */
function withAead({ version, suite, keys, newAead = nobleAead }: RecordCipherOptions): Protection {
  const aead = newAead(suite, keys.key);
  const explicit = suite.kind === 'POLY1305' ? 0 : 8;
  const nonce = new Uint8Array(NONCE_LENGTH);
  const aad = new Uint8Array(PREFIX_LENGTH);
  return {
    sealedLength: length => explicit + length + suite.tagLength,
    seal(to, at, { type, content }, { number }) {
      const start = at + explicit;
      setNonce(nonce, keys.iv, number);
      to.set(nonce.subarray(NONCE_LENGTH - explicit), at);
      to.set(content, start);
      setPrefix(aad, number, type, version, content.length);
      aead.seal(to, start, start + content.length, nonce, aad);
    },
    open(type, fragment, { number }) {
      const length = fragment.length - explicit - suite.tagLength;
      if (length < 0) return undefined;
      setNonce(nonce, keys.iv, number);
      nonce.set(fragment.subarray(0, explicit), NONCE_LENGTH - explicit);
      setPrefix(aad, number, type, version, length);
      const content = aead.open(fragment.subarray(explicit), nonce, aad, copy);
      return content && { type, content };
    },
    erase() {
      nonce.fill(0);
      aead.destroy();
    },
  };
}

/** TLS 1.3: the type is encrypted after the content, and zeros may follow it. */
function withAead13({ suite, keys, newAead = nobleAead }: RecordCipherOptions): Protection {
  const aead = newAead(suite, keys.key);
  const sealedLength = (length: number) => length + 1 + suite.tagLength;
  const nonce = new Uint8Array(NONCE_LENGTH);
  const aad = Uint8Array.of(APPLICATION_DATA, TLS_1_2 >> 8, TLS_1_2, 0, 0);
  const prepare = (number: number, length: number) => {
    setNonce(nonce, keys.iv, number);
    aad[3] = length >> 8;
    aad[4] = length;
  };
  return {
    sealedLength,
    seal(to, at, { type, content }, { number }) {
      const end = at + content.length;
      to.set(content, at);
      to[end] = type;
      prepare(number, sealedLength(content.length));
      aead.seal(to, at, end + 1, nonce, aad);
    },
    open(_type, fragment, { number }) {
      if (fragment.length < sealedLength(0)) return undefined;
      prepare(number, fragment.length);
      return aead.open(fragment, nonce, aad, innerRecord);
    },
    erase() {
      nonce.fill(0);
      aead.destroy();
    },
  };
}

/** The record in a plaintext of TLS 1.3. If there are only zeros, the type is 0, which no record has. */
function innerRecord(octets: Uint8Array, start: number, end: number): PlainRecord {
  let last = end - 1;
  while (last > start && octets[last] === 0) last--;
  return { type: octets[last]!, content: copy(octets, start, last) };
}

function withMacAlone({ version, suite, keys }: RecordCipherOptions): Protection {
  const mac = macOf(suite.mac!, keys.mac, version);
  const { outputLen } = suite.mac!;
  return {
    sealedLength: length => length + outputLen,
    seal(to, at, { type, content }, { number }) {
      to.set(content, at);
      to.set(mac(number, type, content), at + content.length);
    },
    open(type, fragment, { number }) {
      const content = copy(fragment, 0, -outputLen);
      const isRight = equalConstantTime(mac(number, type, content), fragment.subarray(content.length));
      return isRight ? { type, content } : undefined;
    },
  };
}

function withCbc(options: RecordCipherOptions): Protection {
  const { version, suite, keys, encryptThenMac } = options;
  const isChained = version === TLS_1_0;
  const { outputLen } = suite.mac!;
  const ivLength = isChained ? 0 : BLOCK;
  const padded = (length: number) => BLOCK * (Math.floor(length / BLOCK) + 1);
  const cipher = { decrypt: decryptCbc(keys.key, isChained), encrypt: encryptCbc(keys.key, isChained) };
  const order = (encryptThenMac ? cbcThenMac : macThenCbc)(macOf(suite.mac!, keys.mac, version), suite.mac!, cipher);
  return {
    ...(isChained && { chain: lastBlock(encryptThenMac ? outputLen : 0) }),
    sealedLength: length => ivLength + (encryptThenMac ? padded(length) + outputLen : padded(length + outputLen)),
    ...order,
  };
}

/** Finds the last encrypted block of a fragment, which has `trailing` more octets after it. */
function lastBlock(trailing: number): (fragment: Uint8Array) => Uint8Array {
  return fragment => copy(fragment, fragment.length - trailing - BLOCK, fragment.length - trailing);
}

type Mac = (number: number, type: number, octets: Uint8Array) => Uint8Array;

interface Cbc {
  /** Returns the initialisation vector, if one is sent, and the encrypted blocks. */
  encrypt(plaintext: Uint8Array, previous: Uint8Array): Uint8Array;
  /** Returns undefined if the length is not valid. */
  decrypt(encrypted: Uint8Array, previous: Uint8Array): Uint8Array | undefined;
}

type Order = (mac: Mac, hash: CHash, cipher: Cbc) => Pick<RecordCipher, 'seal' | 'open'>;

const cbcThenMac: Order = (mac, { outputLen }, { encrypt, decrypt }) => ({
  seal(to, at, { type, content }, { number, previous }) {
    const encrypted = encrypt(concat(content, padding(content.length)), previous);
    to.set(encrypted, at);
    to.set(mac(number, type, encrypted), at + encrypted.length);
  },
  open(type, fragment, { number, previous }) {
    const encrypted = fragment.subarray(0, Math.max(0, fragment.length - outputLen));
    const isRight = equalConstantTime(mac(number, type, encrypted), fragment.subarray(encrypted.length));
    const opened = isRight ? decrypt(encrypted, previous) : undefined;
    if (opened === undefined) return undefined;
    const length = contentLength(opened, 0);
    return length === undefined ? undefined : { type, content: opened.slice(0, length) };
  },
});

const macThenCbc: Order = (mac, hash, { encrypt, decrypt }) => ({
  seal(to, at, { type, content }, { number, previous }) {
    const withMac = concat(content, mac(number, type, content));
    to.set(encrypt(concat(withMac, padding(withMac.length)), previous), at);
  },
  open(type, fragment, { number, previous }) {
    const opened = decrypt(fragment, previous);
    if (opened === undefined) return undefined;
    const found = contentLength(opened, hash.outputLen);
    // Continue as if there were no padding (RFC 5246 §6.2.3.2), so that the time does not reveal a wrong one.
    const length = found ?? opened.length - 1 - hash.outputLen;
    const content = opened.slice(0, length);
    const shown = opened.subarray(length, length + hash.outputLen);
    const isRight = equalConstantTime(mac(number, type, content), shown);
    // The octets after the MAC's input are hashed too, so that the time reveals little of the padding's length.
    hash(opened.subarray(length));
    return isRight && found !== undefined ? { type, content } : undefined;
  },
});

function encryptCbc(key: Uint8Array, isChained: boolean): Cbc['encrypt'] {
  return (plaintext, previous) => {
    const iv = isChained ? previous : randomBytes(BLOCK);
    const blocks = cbc(key, iv, { disablePadding: true }).encrypt(plaintext);
    return isChained ? blocks : concat(iv, blocks);
  };
}

function decryptCbc(key: Uint8Array, isChained: boolean): Cbc['decrypt'] {
  return (encrypted, previous) => {
    const iv = isChained ? previous : encrypted.subarray(0, BLOCK);
    const blocks = isChained ? encrypted : encrypted.subarray(BLOCK);
    if (blocks.length === 0 || blocks.length % BLOCK !== 0) return undefined;
    return cbc(key, iv, { disablePadding: true }).decrypt(blocks);
  };
}

/**
 * The shortest padding for a length. Each of its octets, the length octet too, is the number of octets before the last.
 */
function padding(length: number): Uint8Array {
  const missing = BLOCK - (length % BLOCK);
  return new Uint8Array(missing).fill(missing - 1);
}

/**
 * The length of the content before MAC and padding; undefined if the padding is wrong, or there is no room for both. The
 * time depends only on the length of the whole.
 */
function contentLength(opened: Uint8Array, macLength: number): number | undefined {
  const last = opened.length - 1;
  const length = opened[last]!;
  const most = Math.min(255, last - macLength);
  let wrong = (most - length) >> 31;
  for (let i = 0; i <= most; i++) {
    const isPadding = (i - length - 1) >> 31;
    wrong |= isPadding & (opened[last - i]! ^ length);
  }
  return wrong === 0 ? last - length - macLength : undefined;
}

function macOf(hash: CHash, key: Uint8Array, version: number): Mac {
  return (number, type, octets) => {
    const prefix = new Uint8Array(PREFIX_LENGTH);
    setPrefix(prefix, number, type, version, octets.length);
    return hmac(hash, key, concat(prefix, octets));
  };
}

function setPrefix(prefix: Uint8Array, number: number, type: number, version: number, length: number): void {
  prefix.fill(0, 0, 8);
  xorNumber(prefix, 8, number);
  prefix[8] = type;
  prefix[9] = version >> 8;
  prefix[10] = version;
  prefix[11] = length >> 8;
  prefix[12] = length;
}

/** The nonce of TLS 1.3 and RFC 7905 combines number and fixed octets by XOR; the others have fewer fixed ones, then the number. */
function setNonce(nonce: Uint8Array, iv: Uint8Array, number: number): void {
  for (let i = 0; i < NONCE_LENGTH; i++) nonce[i] = iv[i]!;
  xorNumber(nonce, NONCE_LENGTH, number);
}

/** Combines a number, most significant octet first, with the octets before `end` by XOR. */
function xorNumber(octets: Uint8Array, end: number, number: number): void {
  let rest = number;
  for (let i = end - 1; rest > 0; i--) {
    octets[i]! ^= rest % 256;
    rest = Math.floor(rest / 256);
  }
}
