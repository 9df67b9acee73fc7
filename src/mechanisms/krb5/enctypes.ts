/** Kerberos encryption types as data, and a key of any of them (RFC 3961 §3; RFC 3962 §7, RFC 8009 §7 for the numbers). */
import { sha256, sha384 } from '@noble/hashes/sha2.js';
import { randomBytes } from '@noble/hashes/utils.js';
import { assertBytes, copy } from '../../bytes.js';
import { FtpSecurityError } from '../../errors.js';
import { aesSha1, aesSha2, type Profile, type Sizes, type UsageKey } from './profiles.js';

export interface Enctype extends Sizes {
  readonly number: number;
  readonly name: string;
  /** Not to be trusted any more: refused for live contexts unless allowed, and marked in transcripts. */
  readonly weak: boolean;
}

interface ProfiledEnctype extends Enctype {
  readonly profile: Profile;
}

const ENCTYPES: readonly ProfiledEnctype[] = [
  {
    number: 17,
    name: 'aes128-cts-hmac-sha1-96',
    keyLength: 16,
    confounderLength: 16,
    checksumLength: 12,
    weak: false,
    profile: aesSha1,
  },
  {
    number: 18,
    name: 'aes256-cts-hmac-sha1-96',
    keyLength: 32,
    confounderLength: 16,
    checksumLength: 12,
    weak: false,
    profile: aesSha1,
  },
  {
    number: 19,
    name: 'aes128-cts-hmac-sha256-128',
    keyLength: 16,
    confounderLength: 16,
    checksumLength: 16,
    weak: false,
    profile: aesSha2(sha256),
  },
  {
    number: 20,
    name: 'aes256-cts-hmac-sha384-192',
    keyLength: 32,
    confounderLength: 16,
    checksumLength: 24,
    weak: false,
    profile: aesSha2(sha384),
  },
];

/** The facts of an encryption type; undefined when its number is not known here. */
export function enctypeOf(number: number): Enctype | undefined {
  return ENCTYPES.find(entry => entry.number === number);
}

/** A protocol key (RFC 3961 §3): the keys of each usage are derived once, when the usage is first met. */
export interface KerberosKey {
  readonly enctype: Enctype;
  /**
   * @param usage  key usage number (RFC 4120 §7.5.1, RFC 4121 §2)
   * @param confounder  for vectors only; random octets unless given
   * @returns ciphertext and checksum, `confounderLength + checksumLength` octets longer than the plaintext
   */
  encrypt(usage: number, plaintext: Uint8Array, confounder?: Uint8Array): Uint8Array;
  /**
   * The plaintext, once its checksum has been verified.
   * @throws FtpSecurityError `security/bad-token` too short, `security/bad-checksum`
   */
  decrypt(usage: number, ciphertext: Uint8Array): Uint8Array;
  /** The checksum that the encryption type requires (RFC 3961 §3, get_mic). */
  checksum(usage: number, data: Uint8Array): Uint8Array;
  /** Overwrites every key. Later calls throw `sequence/closed`. */
  destroy(): void;
}

/**
 * A key ready for use; `key` itself is copied.
 * @throws FtpSecurityError `security/no-key` when the encryption type is unknown, or its keys have another length
 */
export function kerberosKey(enctype: number, key: Uint8Array): KerberosKey {
  assertBytes(key, 'key');
  const facts = ENCTYPES.find(entry => entry.number === enctype);
  if (facts === undefined) {
    throw new FtpSecurityError('security/no-key', `encryption type ${enctype} is not supported`);
  }
  if (key.length !== facts.keyLength) {
    throw new FtpSecurityError('security/no-key', `a key of ${facts.name} has ${facts.keyLength} octets`);
  }
  return new ProfiledKey(facts, copy(key));
}

class ProfiledKey implements KerberosKey {
  readonly enctype: ProfiledEnctype;
  readonly #key: Uint8Array;
  readonly #usages = new Map<number, UsageKey>();
  #destroyed = false;

  constructor(enctype: ProfiledEnctype, key: Uint8Array) {
    this.enctype = enctype;
    this.#key = key;
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
      usage = this.enctype.profile(this.enctype, this.#key, number);
      this.#usages.set(number, usage);
    }
    return usage;
  }
}
