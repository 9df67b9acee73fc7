/**
 * The table of Kerberos encryption types. It loads none of their cryptography, which is in kerberos-key.ts. The numbers are from
 * RFC 3961 §8, RFC 3962 §7, RFC 8009 §7, RFC 6803 §6 and RFC 4757 §5.
 */
import type { BlockCiphers } from '../../../block-cipher.js';
import type { Sizes } from './profiles.js';

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
   * `ServerControl` and `secureBasicFtp` of `rfc2228/node` give `nodeCiphers` to an exchange without this option; `{}` prevents that.
   */
  ciphers?: BlockCiphers | undefined;
}

/** The cryptography of an encryption type: a profile in kerberos-key.ts. */
export type ProfileName =
  | 'aesSha1'
  | 'aesSha256'
  | 'aesSha384'
  | 'camelliaCmac'
  | 'rc4Hmac'
  | 'tripleDesSha1'
  | 'desCbcMd5'
  | 'desCbcCrc';

/** An encryption type with what its keys need. */
export interface ProfiledEnctype extends Enctype {
  readonly profile: ProfileName;
  /** The block cipher that the caller must provide in `ciphers`; absent for AES and RC4, which are built in. */
  readonly externalCipher?: 'des' | 'tripleDes' | 'camellia';
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
    profile: 'aesSha1',
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
    profile: 'aesSha1',
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
    profile: 'aesSha256',
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
    profile: 'aesSha384',
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
    profile: 'camelliaCmac',
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
    profile: 'camelliaCmac',
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
    profile: 'rc4Hmac',
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
    profile: 'tripleDesSha1',
    externalCipher: 'tripleDes',
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
    profile: 'desCbcMd5',
    externalCipher: 'des',
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
    profile: 'desCbcCrc',
    externalCipher: 'des',
  },
];

/** Looks up an encryption type by its number, e.g. 18; undefined if it is not supported. */
export function enctypeOf(number: number): Enctype | undefined {
  return ENCTYPES.find(entry => entry.number === number);
}

/** Whether keys of an encryption type can be used: it is supported, and the cipher it needs is available. */
export function isUsable(enctype: number, { ciphers }: CipherOptions): boolean {
  const entry = ENCTYPES.find(({ number }) => number === enctype);
  return entry !== undefined && (entry.externalCipher === undefined || ciphers?.[entry.externalCipher] !== undefined);
}
