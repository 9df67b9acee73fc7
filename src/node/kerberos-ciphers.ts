/** The block ciphers that Kerberos borrows from Node: DES, triple DES, Camellia, as far as Node's OpenSSL has them. */
import { createCipheriv, createDecipheriv, getCipherInfo } from 'node:crypto';
import { concat, copy } from '../bytes.js';
import type { BlockCipher, BlockCiphers } from '../mechanisms/block-cipher.js';

/** For the option `ciphers` of `krb5Context`, `krb5Observer` and the other parts of `rfc2228/krb5` and `rfc2228/krb4`. */
export const nodeCiphers: BlockCiphers = {
  ...(isThere('des-ede3-cbc') && {
    // OpenSSL keeps single DES among its old ciphers, which are off; with three equal keys EDE is the same.
    des: key => cbc('des-ede3-cbc', concat(key, key, key)),
    tripleDes: key => cbc('des-ede3-cbc', copy(key)),
  }),
  ...(isThere('camellia-128-cbc') &&
    isThere('camellia-256-cbc') && {
      camellia: key => cbc(`camellia-${8 * key.length}-cbc`, copy(key)),
    }),
};

function isThere(name: string): boolean {
  return getCipherInfo(name) !== undefined;
}

function cbc(name: string, key: Uint8Array): BlockCipher {
  const blockSize = name.startsWith('des') ? 8 : 16;
  const zero = new Uint8Array(blockSize);
  return {
    blockSize,
    encrypt: (blocks, iv = zero) => run(createCipheriv(name, key, iv), blocks),
    decrypt: (blocks, iv = zero) => run(createDecipheriv(name, key, iv), blocks),
    destroy: () => void key.fill(0),
  };
}

/** Whole blocks in, as many out, and no Buffer. */
function run(
  cipher: ReturnType<typeof createCipheriv> | ReturnType<typeof createDecipheriv>,
  blocks: Uint8Array,
): Uint8Array {
  cipher.setAutoPadding(false);
  const octets = cipher.update(blocks);
  const result = concat(octets, cipher.final());
  octets.fill(0);
  return result;
}
