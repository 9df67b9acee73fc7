/**
 * The table of Kerberos encryption types, and keys of all of them (RFC 3961 §3). The numbers are from RFC 3961 §8, RFC 3962 §7,
 * RFC 8009 §7, RFC 6803 §6 and RFC 4757 §5.
 */
import { type BlockCiphers, missingCipher, type NewBlockCipher } from '../../../block-cipher.js';
import { assertBytes, copy } from '../../../bytes.js';
import { FtpSecurityError } from '../../../errors.js';
import { aes, consume } from './aes-hmac.js';
import { desCbcCrc, desCbcMd5, desKey, tripleDesKey } from './des.js';
import {
  aesSha1,
  aesSha2,
  type BaseKey,
  camelliaCmac,
  type Profile,
  paddedSha1,
  type Sizes,
  type TakePlaintext,
  type UsageKey,
} from './profiles.js';
import { rc4Hmac } from './rc4-hmac.js';

/** A Kerberos encryption type (RFC 3961 §3). Its sizes are in octets. */
export interface Enctype extends Sizes {
  /** The number assigned by IANA, e.g. 18. */
  readonly number: number;
  /** The name assigned by IANA, e.g. `aes256-cts-hmac-sha1-96`. */
  readonly name: string;
  /** Whether its cryptography is broken or outdated: refused for live contexts without `allowWeak`, and marked in transcripts. */
  readonly weak: boolean;
  /** The format of the per-message tokens under its keys: RFC 4121 §4.2, or RFC 1964 §1.2 for DES, triple DES and RC4. */
  readonly tokens: 'rfc4121' | 'rfc1964';
  /** Rank among all enctypes, greater is stronger: by key length, then checksum length; the weak ones rank lowest. */
  readonly strength: number;
}

/** Block ciphers that encryption types need and this package does not contain. */
export interface CipherOptions {
  /**
   * Ciphers for Camellia (enctypes 25 and 26), triple DES (16) and DES (1 and 3), e.g. `nodeCiphers` of `rfc2228/node`.
   * AES and RC4 are built in; with the slots `aes` and `hmac` long messages take less time. Default none, but `ClientControl`,
   * `ServerControl` and `secureBasicFtp` of `rfc2228/node` give `nodeCiphers` to an exchange whose options name none; `{}` is none.
   */
  ciphers?: BlockCiphers | undefined;
}

interface ProfiledEnctype extends Enctype {
  readonly profile: Profile;
  /** The block cipher that the caller must provide in `ciphers`; absent for AES and RC4, which are built in. */
  readonly externalCipher?: 'des' | 'tripleDes' | 'camellia';
  /** Random-to-key (RFC 3961 §3) and the length of its input in octets; absent where it is the identity. */
  readonly randomToKey?: { readonly length: number; readonly make: (random: Uint8Array) => Uint8Array };
}

/** All supported encryption types. */
export const ENCTYPES: readonly ProfiledEnctype[] = [
  {
    number: 17,
    name: 'aes128-cts-hmac-sha1-96',
    keyLength: 16,
    confounderLength: 16,
    checksumLength: 12,
    messageBlock: 1,
    weak: false,
    tokens: 'rfc4121',
    strength: 6,
    profile: aesSha1,
  },
  {
    number: 18,
    name: 'aes256-cts-hmac-sha1-96',
    keyLength: 32,
    confounderLength: 16,
    checksumLength: 12,
    messageBlock: 1,
    weak: false,
    tokens: 'rfc4121',
    strength: 9,
    profile: aesSha1,
  },
  {
    number: 19,
    name: 'aes128-cts-hmac-sha256-128',
    keyLength: 16,
    confounderLength: 16,
    checksumLength: 16,
    messageBlock: 1,
    weak: false,
    tokens: 'rfc4121',
    strength: 7,
    profile: aesSha2('sha256'),
  },
  {
    number: 20,
    name: 'aes256-cts-hmac-sha384-192',
    keyLength: 32,
    confounderLength: 16,
    checksumLength: 24,
    messageBlock: 1,
    weak: false,
    tokens: 'rfc4121',
    strength: 10,
    profile: aesSha2('sha384'),
  },
  {
    number: 25,
    name: 'camellia128-cts-cmac',
    keyLength: 16,
    confounderLength: 16,
    checksumLength: 16,
    messageBlock: 1,
    weak: false,
    tokens: 'rfc4121',
    strength: 5,
    profile: camelliaCmac,
    externalCipher: 'camellia',
  },
  {
    number: 26,
    name: 'camellia256-cts-cmac',
    keyLength: 32,
    confounderLength: 16,
    checksumLength: 16,
    messageBlock: 1,
    weak: false,
    tokens: 'rfc4121',
    strength: 8,
    profile: camelliaCmac,
    externalCipher: 'camellia',
  },
  {
    number: 23,
    name: 'arcfour-hmac',
    keyLength: 16,
    confounderLength: 8,
    checksumLength: 16,
    messageBlock: 1,
    weak: true,
    tokens: 'rfc1964',
    strength: 3,
    profile: rc4Hmac,
  },
  {
    number: 16,
    name: 'des3-cbc-sha1-kd',
    keyLength: 24,
    confounderLength: 8,
    checksumLength: 20,
    messageBlock: 8,
    weak: true,
    tokens: 'rfc1964',
    strength: 4,
    profile: paddedSha1(21, tripleDesKey),
    externalCipher: 'tripleDes',
    randomToKey: { length: 21, make: tripleDesKey },
  },
  {
    number: 3,
    name: 'des-cbc-md5',
    keyLength: 8,
    confounderLength: 8,
    checksumLength: 16,
    messageBlock: 8,
    weak: true,
    tokens: 'rfc1964',
    strength: 2,
    profile: desCbcMd5,
    externalCipher: 'des',
    randomToKey: { length: 7, make: desKey },
  },
  {
    number: 1,
    name: 'des-cbc-crc',
    keyLength: 8,
    confounderLength: 8,
    checksumLength: 4,
    messageBlock: 8,
    weak: true,
    tokens: 'rfc1964',
    strength: 1,
    profile: desCbcCrc,
    externalCipher: 'des',
    randomToKey: { length: 7, make: desKey },
  },
];

/** Looks up an encryption type by its number, e.g. 18; undefined if it is not supported. */
export function enctypeOf(number: number): Enctype | undefined {
  return ENCTYPES.find(entry => entry.number === number);
}

/** Makes a new key of a supported encryption type from the octets that `random` returns. */
export function randomKey(enctype: number, random: (length: number) => Uint8Array): Uint8Array {
  const { keyLength, randomToKey } = ENCTYPES.find(entry => entry.number === enctype)!;
  return randomToKey === undefined ? random(keyLength) : consume(random(randomToKey.length), randomToKey.make);
}

/** Whether keys of an encryption type can be used: it is supported, and the cipher it needs is available. */
export function isUsable(enctype: number, { ciphers }: CipherOptions): boolean {
  const entry = ENCTYPES.find(({ number }) => number === enctype);
  return entry !== undefined && (entry.externalCipher === undefined || ciphers?.[entry.externalCipher] !== undefined);
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
    this.#base = enctype.profile(enctype, key, newCipher, ciphers);
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
