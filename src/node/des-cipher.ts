/** Single DES of node:crypto, as mechanisms that need it take it: DES-EDE3 with three equal keys is DES. */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { concat, copy } from '../bytes.js';
import type { BlockCipher } from '../mechanisms/krb4/index.js';

/** @param key  8 octets; their parity bits do not count */
export function desCipher(key: Uint8Array): BlockCipher {
  const thrice = concat(key, key, key);
  // Without filling, update gives every whole block at once, so one of each serves for good.
  const encryption = createCipheriv('des-ede3', thrice, null).setAutoPadding(false);
  const decryption = createDecipheriv('des-ede3', thrice, null).setAutoPadding(false);
  return {
    encrypt: blocks => copy(encryption.update(blocks)),
    decrypt: blocks => copy(decryption.update(blocks)),
  };
}
