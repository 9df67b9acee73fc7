/** Encryption, decryption and checksums with the keys of one usage: a function for each family of encryption types. */
import type { BlockCiphers, NewBlockCipher } from '../../../block-cipher.js';
import { badChecksum, badToken } from '../../../errors.js';
import { setAll, totalLength, type WorkMemory, withMemory } from '../../../work-memory.js';
import { aes, aesCbc, consume, fastHmac, HASHES, keyedHmac, type Mac } from './aes-hmac.js';
import { cmac, kdfFeedbackCmac } from './cmac.js';
import { writeConfounder } from './confounders.js';
import { ctsRoom, decryptCts, encryptCts, type InPlaceCipher, inPlace } from './cts.js';
import { deriveHmacSha2, deriveRandom, KEY_KIND, keyConstant } from './key-derivation.js';

/** Sizes of an encryption type, in octets (RFC 3961 §3). */
export interface Sizes {
  /** Length of a protocol key. */
  readonly keyLength: number;
  /** Length of the random octets that are encrypted in front of each plaintext. */
  readonly confounderLength: number;
  /** Length of a checksum, in a ciphertext or on its own. */
  readonly checksumLength: number;
  /** What is encrypted, confounder included, is padded to a multiple of this; 1 means no padding. */
  readonly messageBlock: number;
}

/** Gets octets that the plaintext is in, from `start` to `end`. They are overwritten after the call, so it copies what it needs. */
export type TakePlaintext<T> = (octets: Uint8Array, start: number, end: number) => T;

/** The keys derived for one usage, and the operations with them. */
export interface UsageKey {
  /** The length of the ciphertext of `length` octets, its checksum included. */
  ciphertextLength(length: number): number;
  /**
   * Encrypts the concatenated parts, and writes ciphertext and checksum to `to` from `at` on.
   * @param confounder  undefined for random octets
   */
  encryptInto(to: Uint8Array, at: number, confounder: Uint8Array | undefined, parts: readonly Uint8Array[]): void;
  /**
   * Verifies and decrypts the ciphertext that begins at `start`, and returns what `take` makes of the plaintext.
   * @throws FtpSecurityError `security/bad-token` if the length is impossible, `security/bad-checksum`
   */
  decrypt<T>(octets: Uint8Array, start: number, take: TakePlaintext<T>): T;
  /** Writes the checksum of the concatenated parts to `to` from `at` on. */
  checksumInto(to: Uint8Array, at: number, parts: readonly Uint8Array[]): void;
  /** Whether that checksum is in `octets` from `at` to their end. The time that it takes depends on the lengths only. */
  checksumMatches(parts: readonly Uint8Array[], octets: Uint8Array, at: number): boolean;
  /** Overwrites the keys. */
  destroy(): void;
}

/** A protocol key of `sizes.keyLength` octets, prepared for the derivation of others. */
export interface BaseKey {
  /** The keys of a usage number. They are derived when they are needed: most usages need one or two of three. */
  usage(number: number): UsageKey;
  /** Overwrites the key, but none that was derived from it. */
  destroy(): void;
}

export type Profile = (sizes: Sizes, key: Uint8Array, newCipher: NewBlockCipher, ciphers: BlockCiphers) => BaseKey;

/** AES-CTS with HMAC-SHA1 (RFC 3962 §6). Keys are derived with DK; the checksum covers confounder and plaintext. */
export const aesSha1: Profile = (sizes, key, _newCipher, ciphers) => {
  const base = aes(key);
  return {
    usage(number) {
      const derive = (kind: number) => deriveRandom(base, keyConstant(number, kind), sizes.keyLength);
      return macThenEncrypt(
        sha1Keys(derive, key => aesCbc(key, ciphers), sizes, ciphers),
        sizes,
        CTS,
      );
    },
    destroy: base.destroy,
  };
};

/**
 * A block cipher in plain CBC with HMAC-SHA1, for triple DES (RFC 3961 §6.3).
 * @param randomLength  octets that DR derives for each key
 * @param toKey  random-to-key
 */
export function paddedSha1(randomLength: number, toKey: (random: Uint8Array) => Uint8Array): Profile {
  return (sizes, key, newCipher, ciphers) => {
    const base = newCipher(key);
    return {
      usage(number) {
        const derive = (kind: number) => consume(deriveRandom(base, keyConstant(number, kind), randomLength), toKey);
        return macThenEncrypt(
          sha1Keys(derive, key => inPlace(newCipher(key)), sizes, ciphers),
          sizes,
          CBC,
        );
      },
      destroy: () => base.destroy(),
    };
  };
}

/** Camellia-CTS with CMAC (RFC 6803 §3 to §5). */
export const camelliaCmac: Profile = (sizes, key, newCipher) => {
  const base = cmac(newCipher(key));
  return {
    usage(number) {
      const derive = (kind: number) =>
        consume(kdfFeedbackCmac(base, keyConstant(number, kind), sizes.keyLength), newCipher);
      const keys = new SpecificKeys({
        ke: () => inPlace(derive(KEY_KIND.encryption)),
        ki: () => cmac(derive(KEY_KIND.integrity)),
        kc: () => cmac(derive(KEY_KIND.checksum)),
      });
      return macThenEncrypt(keys, sizes, CTS);
    },
    destroy: base.destroy,
  };
};

/** AES-CTS with HMAC-SHA2 (RFC 8009 §5). Ki and Kc are as long as the checksum. */
export function aesSha2(hash: 'sha256' | 'sha384'): Profile {
  return (sizes, key, _newCipher, ciphers) => {
    const { keyLength, checksumLength } = sizes;
    const base = keyedHmac(HASHES[hash], key, HASHES[hash].outputLen);
    const mac = (octets: Uint8Array) => fastHmac(hash, octets, checksumLength, ciphers);
    return {
      usage(number) {
        const derive = (kind: number, length: number) => deriveHmacSha2(base, keyConstant(number, kind), length);
        const keys = new SpecificKeys({
          ke: () => consume(derive(KEY_KIND.encryption, keyLength), octets => aesCbc(octets, ciphers)),
          ki: () => consume(derive(KEY_KIND.integrity, checksumLength), mac),
          kc: () => consume(derive(KEY_KIND.checksum, checksumLength), mac),
        });
        return encryptThenMac(keys, sizes);
      },
      destroy: base.destroy,
    };
  };
}

/**
 * The length of the ciphertext that begins at `start`, without its checksum.
 * @throws FtpSecurityError `security/bad-token` if it is too short for a confounder and a checksum
 */
export function encryptedLength(
  octets: Uint8Array,
  start: number,
  { confounderLength, checksumLength }: Sizes,
): number {
  const length = octets.length - start;
  if (length < confounderLength + checksumLength) {
    throw badToken(`ciphertext of ${length} octets is too short for a confounder and a checksum`);
  }
  return length - checksumLength;
}

/** @throws FtpSecurityError `security/bad-checksum` */
export function assertChecksum(matches: boolean): void {
  if (!matches) throw badChecksum('checksum mismatch in the ciphertext');
}

/**
 * Writes a confounder to the start of the memory, and the parts after it.
 * @param confounder  undefined for random octets
 */
export function setConfounded(
  memory: WorkMemory,
  { confounderLength }: Sizes,
  confounder: Uint8Array | undefined,
  parts: readonly Uint8Array[],
): void {
  if (confounder === undefined) writeConfounder(memory.octets, 0, confounderLength);
  else memory.octets.set(confounder);
  setAll(memory, confounderLength, parts);
}

/** The least multiple of `block` that is not below `length`. */
export function padded(length: number, block: number): number {
  return Math.ceil(length / block) * block;
}

/** The keys of one usage: Ke, Ki and Kc of RFC 3961 §5.3. Each is derived when it is first needed. */
class SpecificKeys {
  readonly #derive: { ke: () => InPlaceCipher; ki: () => Mac; kc: () => Mac };
  #ke: InPlaceCipher | undefined;
  #ki: Mac | undefined;
  #kc: Mac | undefined;

  constructor(derive: { ke: () => InPlaceCipher; ki: () => Mac; kc: () => Mac }) {
    this.#derive = derive;
  }

  get ke(): InPlaceCipher {
    this.#ke ??= this.#derive.ke();
    return this.#ke;
  }

  get ki(): Mac {
    this.#ki ??= this.#derive.ki();
    return this.#ki;
  }

  get kc(): Mac {
    this.#kc ??= this.#derive.kc();
    return this.#kc;
  }

  /** Overwrites those that were derived. */
  destroy(): void {
    this.#ke?.destroy();
    this.#ki?.destroy();
    this.#kc?.destroy();
  }
}

/** The cipher's mode of operation, on the first `length` octets of the memory. */
interface Mode {
  /** The number of octets that the work on `length` octets needs. */
  room(cipher: InPlaceCipher, length: number): number;
  encrypt(cipher: InPlaceCipher, memory: WorkMemory, length: number): void;
  decrypt(cipher: InPlaceCipher, memory: WorkMemory, length: number): void;
}

const CTS: Mode = { room: ctsRoom, encrypt: encryptCts, decrypt: decryptCts };

const CBC: Mode = {
  room: (_cipher, length) => length,
  encrypt: (cipher, memory, length) => cipher.encryptInPlace(memory, 0, length),
  decrypt(cipher, memory, length) {
    if (length % cipher.blockSize !== 0) throw badToken('ciphertext is not a whole number of blocks');
    cipher.decryptInPlace(memory, 0, length);
  },
};

function sha1Keys(
  derive: (kind: number) => Uint8Array,
  newCipher: (key: Uint8Array) => InPlaceCipher,
  { checksumLength }: Sizes,
  ciphers: BlockCiphers,
): SpecificKeys {
  const mac = (octets: Uint8Array) => fastHmac('sha1', octets, checksumLength, ciphers);
  return new SpecificKeys({
    ke: () => consume(derive(KEY_KIND.encryption), newCipher),
    ki: () => consume(derive(KEY_KIND.integrity), mac),
    kc: () => consume(derive(KEY_KIND.checksum), mac),
  });
}

/** The checksum covers confounder and plaintext, so it can only be verified after decryption (RFC 3961 §5.3). */
function macThenEncrypt(keys: SpecificKeys, sizes: Sizes, mode: Mode): UsageKey {
  const { confounderLength, checksumLength, messageBlock } = sizes;
  const confoundedLength = (length: number) => padded(confounderLength + length, messageBlock);
  return {
    ciphertextLength: length => confoundedLength(length) + checksumLength,
    encryptInto(to, at, confounder, parts) {
      const { ke, ki } = keys;
      const length = confoundedLength(totalLength(parts));
      withMemory(mode.room(ke, length), memory => {
        setConfounded(memory, sizes, confounder, parts);
        ki.digestInto(memory, length, to, at + length);
        mode.encrypt(ke, memory, length);
        to.set(memory.octets.subarray(0, length), at);
      });
    },
    decrypt(octets, start, take) {
      const { ke, ki } = keys;
      const length = encryptedLength(octets, start, sizes);
      return withMemory(mode.room(ke, length), memory => {
        memory.octets.set(octets.subarray(start, start + length));
        mode.decrypt(ke, memory, length);
        assertChecksum(ki.matches(memory, length, octets, start + length));
        return take(memory.octets, confounderLength, length);
      });
    },
    ...checksumAndDestroy(keys),
  };
}

/** The checksum covers cipher state and ciphertext, and is verified before decryption (RFC 8009 §5). */
function encryptThenMac(keys: SpecificKeys, sizes: Sizes): UsageKey {
  const { confounderLength, checksumLength } = sizes;
  /** The cipher state is one block of AES. */
  const stateLength = 16;
  /** Writes cipher state, which is zero as the memory is, and ciphertext to the memory. Returns where they end. */
  const setEncrypted = ({ octets }: WorkMemory, encrypted: Uint8Array) => {
    octets.set(encrypted, stateLength);
    return stateLength + encrypted.length;
  };
  return {
    ciphertextLength: length => confounderLength + length + checksumLength,
    encryptInto(to, at, confounder, parts) {
      const { ke, ki } = keys;
      const length = confounderLength + totalLength(parts);
      withMemory(ctsRoom(ke, length), memory => {
        setConfounded(memory, sizes, confounder, parts);
        encryptCts(ke, memory, length);
        to.set(memory.octets.subarray(0, length), at);
      });
      withMemory(stateLength + length, memory =>
        ki.digestInto(memory, setEncrypted(memory, to.subarray(at, at + length)), to, at + length),
      );
    },
    decrypt(octets, start, take) {
      const { ke, ki } = keys;
      const length = encryptedLength(octets, start, sizes);
      const encrypted = octets.subarray(start, start + length);
      withMemory(stateLength + length, memory =>
        assertChecksum(ki.matches(memory, setEncrypted(memory, encrypted), octets, start + length)),
      );
      return withMemory(ctsRoom(ke, length), memory => {
        memory.octets.set(encrypted);
        decryptCts(ke, memory, length);
        return take(memory.octets, confounderLength, length);
      });
    },
    ...checksumAndDestroy(keys),
  };
}

function checksumAndDestroy(keys: SpecificKeys): Pick<UsageKey, 'checksumInto' | 'checksumMatches' | 'destroy'> {
  return {
    checksumInto: (to, at, parts) => withParts(parts, (memory, end) => keys.kc.digestInto(memory, end, to, at)),
    checksumMatches: (parts, octets, at) => withParts(parts, (memory, end) => keys.kc.matches(memory, end, octets, at)),
    destroy: () => keys.destroy(),
  };
}

/** Passes memory that begins with the concatenated parts, and where they end. */
function withParts<T>(parts: readonly Uint8Array[], use: (memory: WorkMemory, end: number) => T): T {
  const end = totalLength(parts);
  return withMemory(end, memory => {
    setAll(memory, 0, parts);
    return use(memory, end);
  });
}
