/** Block ciphers as mechanisms take them from the platform: types only. */

/** A block cipher under one key, in CBC mode over whole blocks, without padding. Results never share the input's octets. */
export interface BlockCipher {
  /** Octets of a block. */
  readonly blockSize: number;
  /** @param iv  one block; default all zero bits, the initial cipher state of RFC 3961 §5.3 */
  encrypt(blocks: Uint8Array, iv?: Uint8Array): Uint8Array;
  decrypt(blocks: Uint8Array, iv?: Uint8Array): Uint8Array;
  /** Overwrites the key. */
  destroy(): void;
}

export type NewBlockCipher = (key: Uint8Array) => BlockCipher;

/**
 * Block ciphers that a platform lends, each for keys of the lengths that it says. A key is copied. What is missing leaves
 * what needs it without use: encryption types of Kerberos V5, all of Kerberos V4. Node's are in `rfc2228/node`.
 */
export interface BlockCiphers {
  /** Single DES, 8 octets, whose parity bits do not count. */
  readonly des?: NewBlockCipher;
  /** DES-EDE with three keys, 24 octets. */
  readonly tripleDes?: NewBlockCipher;
  /** 16 or 32 octets. */
  readonly camellia?: NewBlockCipher;
}
