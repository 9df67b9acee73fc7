/** Kerberos encryption types as data, and a key of any of them (RFC 3961 §3; RFC 3962 §7, RFC 8009 §7, RFC 6803 §6, RFC 4757 §5 for the numbers). */
import { sha256, sha384 } from '@noble/hashes/sha2.js';
import { randomBytes } from '@noble/hashes/utils.js';
import { assertBytes, copy } from '../../../bytes.js';
import { FtpSecurityError } from '../../../errors.js';
import type { BlockCiphers, NewBlockCipher } from '../../block-cipher.js';
import { aes, consume } from './aes-hmac.js';
import { desCbcCrc, desCbcMd5, desKey, tripleDesKey } from './des.js';
import { aesSha1, aesSha2, camelliaCmac, type Profile, paddedSha1, type Sizes, type UsageKey } from './profiles.js';
import { rc4Hmac } from './rc4-hmac.js';

export interface Enctype extends Sizes {
  readonly number: number;
  readonly name: string;
  /** Not to be trusted any more: refused for live contexts unless allowed, and marked in transcripts. */
  readonly weak: boolean;
  /** The format of the per-message tokens under its keys. */
  readonly tokens: 'rfc4121' | 'rfc1964';
  /** Its place among the others, greater is stronger: longer keys, then longer checksums; the weak ones last. */
  readonly strength: number;
}

export interface CipherOptions {
  /** What Camellia, triple DES and DES need (enctypes 25, 26, 16, 3 and 1). Default none: AES and RC4 need none. */
  ciphers?: BlockCiphers | undefined;
}

interface ProfiledEnctype extends Enctype {
  readonly profile: Profile;
  /** The block cipher that must be among `ciphers`; AES and RC4 are built in. */
  readonly externalCipher?: keyof BlockCiphers;
  /** Random-to-key (RFC 3961 §3) and how many octets it takes, where it is not the identity. */
  readonly randomToKey?: { readonly length: number; readonly make: (random: Uint8Array) => Uint8Array };
}

/** Every encryption type that is known here. */
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
    profile: aesSha2(sha256),
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
    profile: aesSha2(sha384),
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

/** The facts of an encryption type; undefined when its number is not known here. */
export function enctypeOf(number: number): Enctype | undefined {
  return ENCTYPES.find(entry => entry.number === number);
}

/** A new key of an encryption type that is known here, from the octets that `random` gives. */
export function randomKey(enctype: number, random: (length: number) => Uint8Array): Uint8Array {
  const { keyLength, randomToKey } = ENCTYPES.find(entry => entry.number === enctype)!;
  return randomToKey === undefined ? random(keyLength) : consume(random(randomToKey.length), randomToKey.make);
}

/** Whether keys of an encryption type can be used: it is known here, and its cipher is there. */
export function isUsable(enctype: number, { ciphers }: CipherOptions): boolean {
  const entry = ENCTYPES.find(({ number }) => number === enctype);
  return entry !== undefined && (entry.externalCipher === undefined || ciphers?.[entry.externalCipher] !== undefined);
}

/** A protocol key (RFC 3961 §3): the keys of each usage are derived once, when the usage is first met. */
export interface KerberosKey {
  readonly enctype: Enctype;
  /**
   * @param usage  key usage number (RFC 4120 §7.5.1, RFC 4121 §2)
   * @param confounder  for vectors only; random octets unless given
   * @returns ciphertext and checksum, `confounderLength + checksumLength` octets longer than the plaintext, and then as
   *   many as `messageBlock` needs
   */
  encrypt(usage: number, plaintext: Uint8Array, confounder?: Uint8Array): Uint8Array;
  /**
   * The plaintext, once its checksum has been verified. Up to `messageBlock - 1` octets of padding stand behind it, which
   * cannot be distinguished from it (RFC 3961 §3).
   * @throws FtpSecurityError `security/bad-token` too short, `security/bad-checksum`
   */
  decrypt(usage: number, ciphertext: Uint8Array): Uint8Array;
  /**
   * The checksum that the encryption type requires (RFC 3961 §3, get_mic).
   * @throws RangeError for single DES, whose checksums are none of one octet string alone
   */
  checksum(usage: number, data: Uint8Array): Uint8Array;
  /** Overwrites every key. Later calls throw `sequence/closed`. */
  destroy(): void;
}

/**
 * A key ready for use; `key` itself is copied.
 * @throws FtpSecurityError `security/no-key` when the encryption type is unknown, its keys have another length,
 *   or its cipher is not among `ciphers`
 */
export function kerberosKey(enctype: number, key: Uint8Array, { ciphers }: CipherOptions = {}): KerberosKey {
  assertBytes(key, 'key');
  const facts = ENCTYPES.find(entry => entry.number === enctype);
  if (facts === undefined) {
    throw new FtpSecurityError('security/no-key', `encryption type ${enctype} is not supported`);
  }
  if (key.length !== facts.keyLength) {
    throw new FtpSecurityError('security/no-key', `a key of ${facts.name} has ${facts.keyLength} octets`);
  }
  const newCipher = facts.externalCipher === undefined ? aes : ciphers?.[facts.externalCipher];
  if (newCipher === undefined) {
    throw new FtpSecurityError(
      'security/no-key',
      `${facts.name} needs a cipher that was not handed in: ${facts.externalCipher}`,
    );
  }
  return new ProfiledKey(facts, copy(key), newCipher);
}

class ProfiledKey implements KerberosKey {
  readonly enctype: ProfiledEnctype;
  readonly #key: Uint8Array;
  readonly #newCipher: NewBlockCipher;
  readonly #usages = new Map<number, UsageKey>();
  #destroyed = false;

  constructor(enctype: ProfiledEnctype, key: Uint8Array, newCipher: NewBlockCipher) {
    this.enctype = enctype;
    this.#key = key;
    this.#newCipher = newCipher;
  }

  encrypt(
    usage: number,
    plaintext: Uint8Array,
    confounder: Uint8Array = randomBytes(this.enctype.confounderLength),
  ): Uint8Array {
    if (confounder.length !== this.enctype.confounderLength) throw new RangeError('confounder of another length');
    return this.#usage(usage).encrypt(plaintext, confounder);
  }

  decrypt(usage: number, ciphertext: Uint8Array): Uint8Array {
    return this.#usage(usage).decrypt(ciphertext);
  }

  checksum(usage: number, data: Uint8Array): Uint8Array {
    return this.#usage(usage).checksum(data);
  }

  destroy(): void {
    this.#destroyed = true;
    this.#key.fill(0);
    for (const usage of this.#usages.values()) usage.destroy();
    this.#usages.clear();
  }

  #usage(number: number): UsageKey {
    if (this.#destroyed) throw new FtpSecurityError('sequence/closed', 'the key is destroyed', { side: 'local' });
    let usage = this.#usages.get(number);
    if (usage === undefined) {
      usage = this.enctype.profile(this.enctype, this.#key, number, this.#newCipher);
      this.#usages.set(number, usage);
    }
    return usage;
  }
}
