/** Keys of all encryption types: encryption, decryption and checksums with a key usage (RFC 3961 §3). */
import { type BlockCiphers, missingCipher, type NewBlockCipher } from '../../../block-cipher.js';
import { assertBytes, copy } from '../../../bytes.js';
import { FtpSecurityError } from '../../../errors.js';
import { aes, consume } from './aes-hmac.js';
import { desCbcCrc, desCbcMd5, desKey, tripleDesKey } from './des.js';
import { type CipherOptions, ENCTYPES, type Enctype, type ProfiledEnctype, type ProfileName } from './enctypes.js';
import {
  aesSha1,
  aesSha2,
  type BaseKey,
  camelliaCmac,
  type Profile,
  paddedSha1,
  type TakePlaintext,
  type UsageKey,
} from './profiles.js';
import { rc4Hmac } from './rc4-hmac.js';

const TRIPLE_DES_RANDOM = 21;

const PROFILES: Record<ProfileName, Profile> = {
  aesSha1,
  aesSha256: aesSha2('sha256'),
  aesSha384: aesSha2('sha384'),
  camelliaCmac,
  rc4Hmac,
  tripleDesSha1: paddedSha1(TRIPLE_DES_RANDOM, tripleDesKey),
  desCbcMd5,
  desCbcCrc,
};

/** Random-to-key (RFC 3961 §3) and the length of its input in octets; absent where it is the identity. */
const RANDOM_TO_KEY: {
  [P in ProfileName]?: { readonly length: number; readonly make: (random: Uint8Array) => Uint8Array };
} = {
  tripleDesSha1: { length: TRIPLE_DES_RANDOM, make: tripleDesKey },
  desCbcMd5: { length: 7, make: desKey },
  desCbcCrc: { length: 7, make: desKey },
};

/** Makes a new key of a supported encryption type from the octets that `random` returns. */
export function randomKey(enctype: number, random: (length: number) => Uint8Array): Uint8Array {
  const { keyLength, profile } = ENCTYPES.find(entry => entry.number === enctype)!;
  const randomToKey = RANDOM_TO_KEY[profile];
  return randomToKey === undefined ? random(keyLength) : consume(random(randomToKey.length), randomToKey.make);
}

/** A protocol key (RFC 3961 §3). The keys of each usage are derived once, when the usage number is first used. */
export interface KerberosKey {
  readonly enctype: Enctype;
  /**
   * Encrypts a plaintext.
   * @param usage  key usage number (RFC 4120 §7.5.1, RFC 4121 §2)
   * @param confounder  default random octets; only test vectors give it
   * @returns ciphertext and checksum: `confounderLength + checksumLength` octets longer than the plaintext, plus padding
   *   up to a multiple of `messageBlock`
   */
  encrypt(usage: number, plaintext: Uint8Array, confounder?: Uint8Array): Uint8Array;
  /**
   * Encrypts the concatenated parts as {@link encrypt} does, and writes the result to `to` from `at` on, where there must be room
   * for it.
   */
  encryptInto(to: Uint8Array, at: number, usage: number, parts: readonly Uint8Array[], confounder?: Uint8Array): void;
  /**
   * Verifies and decrypts a ciphertext. Up to `messageBlock - 1` octets of padding follow the plaintext and cannot be told
   * from it (RFC 3961 §3).
   * @throws FtpSecurityError `security/bad-token` if the length is impossible, `security/bad-checksum`
   */
  decrypt(usage: number, ciphertext: Uint8Array): Uint8Array;
  /**
   * The same for a ciphertext that begins at `start`. Returns what `take` makes of the plaintext, which is overwritten then.
   */
  decryptTo<T>(usage: number, octets: Uint8Array, start: number, take: TakePlaintext<T>): T;
  /**
   * Computes the required checksum of the encryption type (get_mic of RFC 3961 §3) over `first` and then `second`.
   * @throws RangeError for single DES, whose keyed checksums are not deterministic
   */
  checksum(usage: number, first: Uint8Array, second?: Uint8Array): Uint8Array;
  /** Writes the same checksum to `to` from `at` on, where there must be room for it. */
  checksumInto(to: Uint8Array, at: number, usage: number, parts: readonly Uint8Array[]): void;
  /**
   * Whether the checksum of the concatenated parts is in `octets` from `at` to their end. The time that it takes depends on the
   * lengths only.
   */
  checksumMatches(usage: number, parts: readonly Uint8Array[], octets: Uint8Array, at: number): boolean;
  /** Overwrites every key. Later calls throw `sequence/closed`. */
  destroy(): void;
}

/**
 * Prepares a key for use; the octets of `key` are copied.
 * @throws FtpSecurityError `security/no-key` if the encryption type is not supported, the key has the wrong length, or the
 *   cipher is missing in `ciphers`
 */
export function kerberosKey(enctype: number, key: Uint8Array, { ciphers = {} }: CipherOptions = {}): KerberosKey {
  assertBytes(key, 'key');
  const entry = ENCTYPES.find(({ number }) => number === enctype);
  if (entry === undefined) {
    throw new FtpSecurityError('security/no-key', `encryption type ${enctype} is not supported`);
  }
  const { name, keyLength, externalCipher } = entry;
  if (key.length !== keyLength) {
    throw new FtpSecurityError('security/no-key', `a ${name} key has ${keyLength} octets, this one has ${key.length}`);
  }
  const newCipher = externalCipher === undefined ? aes : ciphers[externalCipher];
  if (newCipher === undefined) throw missingCipher(name, externalCipher!);
  return new ProfiledKey(entry, copy(key), newCipher, ciphers);
}

const NOTHING = new Uint8Array();

class ProfiledKey implements KerberosKey {
  readonly enctype: ProfiledEnctype;
  readonly #key: Uint8Array;
  readonly #base: BaseKey;
  readonly #usages = new Map<number, UsageKey>();
  #destroyed = false;

  constructor(enctype: ProfiledEnctype, key: Uint8Array, newCipher: NewBlockCipher, ciphers: BlockCiphers) {
    this.enctype = enctype;
    this.#key = key;
    this.#base = PROFILES[enctype.profile](enctype, key, newCipher, ciphers);
  }

  encrypt(usage: number, plaintext: Uint8Array, confounder?: Uint8Array): Uint8Array {
    const ciphertext = new Uint8Array(this.#usage(usage).ciphertextLength(plaintext.length));
    this.encryptInto(ciphertext, 0, usage, [plaintext], confounder);
    return ciphertext;
  }

  encryptInto(to: Uint8Array, at: number, usage: number, parts: readonly Uint8Array[], confounder?: Uint8Array): void {
    const { confounderLength } = this.enctype;
    if (confounder !== undefined && confounder.length !== confounderLength) {
      throw new RangeError(`confounder must have ${confounderLength} octets`);
    }
    this.#usage(usage).encryptInto(to, at, confounder, parts);
  }

  decrypt(usage: number, ciphertext: Uint8Array): Uint8Array {
    return this.decryptTo(usage, ciphertext, 0, copy);
  }

  decryptTo<T>(usage: number, octets: Uint8Array, start: number, take: TakePlaintext<T>): T {
    return this.#usage(usage).decrypt(octets, start, take);
  }

  checksum(usage: number, first: Uint8Array, second: Uint8Array = NOTHING): Uint8Array {
    const checksum = new Uint8Array(this.enctype.checksumLength);
    this.checksumInto(checksum, 0, usage, [first, second]);
    return checksum;
  }

  checksumInto(to: Uint8Array, at: number, usage: number, parts: readonly Uint8Array[]): void {
    this.#usage(usage).checksumInto(to, at, parts);
  }

  checksumMatches(usage: number, parts: readonly Uint8Array[], octets: Uint8Array, at: number): boolean {
    return this.#usage(usage).checksumMatches(parts, octets, at);
  }

  destroy(): void {
    this.#destroyed = true;
    this.#key.fill(0);
    for (const usage of this.#usages.values()) usage.destroy();
    this.#usages.clear();
    this.#base.destroy();
  }

  #usage(number: number): UsageKey {
    if (this.#destroyed) throw new FtpSecurityError('sequence/closed', 'the key is destroyed', { side: 'local' });
    let usage = this.#usages.get(number);
    if (usage === undefined) {
      usage = this.#base.usage(number);
      this.#usages.set(number, usage);
    }
    return usage;
  }
}
