/**
 * Cryptography that mechanisms take from the caller: block ciphers that this package does not contain, and a faster AES and HMAC.
 */
import { FtpSecurityError } from './errors.js';

/** A block cipher with one key, in CBC mode over whole blocks, without padding. Results never share memory with the input. */
export interface BlockCipher {
  /** Block size in octets. */
  readonly blockSize: number;
  /**
   * Encrypts whole blocks.
   * @param iv  initial vector, one block; default all zero bits, the initial cipher state of RFC 3961 §5.3
   */
  encrypt(blocks: Uint8Array, iv?: Uint8Array): Uint8Array;
  /** Decrypts whole blocks; `iv` as in `encrypt`. */
  decrypt(blocks: Uint8Array, iv?: Uint8Array): Uint8Array;
  /** Overwrites the key. */
  destroy(): void;
}

/** Creates a block cipher from a key, whose octets it copies. */
export type NewBlockCipher = (key: Uint8Array) => BlockCipher;

/** Computes HMAC (RFC 2104) with one key: the whole checksum of the concatenated parts. */
export interface ExternalHmac {
  /** Returns a new array that the caller may keep. */
  digest(parts: readonly Uint8Array[]): Uint8Array;
  /** Overwrites the key. */
  destroy(): void;
}

/** Creates an HMAC from a key, whose octets it copies. */
export type NewHmac = (hash: 'sha1' | 'sha256' | 'sha384', key: Uint8Array) => ExternalHmac;

/**
 * Block ciphers, and HMAC, that the caller provides; `nodeCiphers` of `rfc2228/node` has all of them. Without a cipher, the
 * encryption types of Kerberos V5 that need it are not usable; Kerberos V4 needs `des`.
 */
export interface BlockCiphers {
  /** Single DES with a key of 8 octets, whose parity bits are ignored. */
  readonly des?: NewBlockCipher;
  /** Triple DES (DES-EDE) with three keys, 24 octets in total. */
  readonly tripleDes?: NewBlockCipher;
  /** Camellia with a key of 16 or 32 octets. */
  readonly camellia?: NewBlockCipher;
  /** AES with a key of 16 or 32 octets. Default the built-in one. */
  readonly aes?: NewBlockCipher;
  /** HMAC, used for long messages. Default the built-in one. */
  readonly hmac?: NewHmac;
}

/** What to do about a missing cipher. */
export const CIPHER_REMEDY = 'pass it in the option "ciphers" (nodeCiphers of rfc2228/node has it)';

/**
 * The error for a cipher that the caller has not provided.
 * @param name  what needs it: an encryption type or a mechanism
 */
export function missingCipher(name: string, cipher: keyof BlockCiphers): FtpSecurityError {
  return new FtpSecurityError('security/no-key', `${name} needs the cipher ${cipher}: ${CIPHER_REMEDY}`);
}
