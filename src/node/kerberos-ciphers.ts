/** The ciphers of `node:crypto` for Kerberos: AES and HMAC for long messages; DES, triple DES and Camellia, if Node's OpenSSL has them. */
import { createCipheriv, createDecipheriv, createHmac, getCipherInfo } from 'node:crypto';
import { concat, copy } from '../bytes.js';
import type { BlockCipher, BlockCiphers } from '../mechanisms/block-cipher.js';

/**
 * The ciphers of `node:crypto` for the option `ciphers` in `rfc2228/krb5` and
 * `rfc2228/krb4`: DES, triple DES and Camellia, which this package does not contain, and AES and HMAC, which are faster than its
 * own for long messages, such as blocks of files. A cipher that Node's OpenSSL lacks is absent.
 * @example
 * krb5Acceptor({ keytab, ciphers: nodeCiphers, allowWeak: true });
 */
export const nodeCiphers: BlockCiphers = {
  ...(isAvailable('des-ede3-cbc') && {
    // OpenSSL disables single DES by default; triple DES (EDE) with three equal keys is the same.
    des: key => cbc('des-ede3-cbc', concat(key, key, key)),
    tripleDes: key => cbc('des-ede3-cbc', copy(key)),
  }),
  ...(isAvailable('camellia-128-cbc') &&
    isAvailable('camellia-256-cbc') && {
      camellia: key => cbc(`camellia-${8 * key.length}-cbc`, copy(key)),
    }),
  aes: key => cbc(`aes-${8 * key.length}-cbc`, copy(key)),
  hmac: (hash, key) => {
    const own = copy(key);
    return {
      digest(parts) {
        const hmac = createHmac(hash, own);
        for (const part of parts) hmac.update(part);
        return hmac.digest();
      },
      destroy: () => void own.fill(0),
    };
  },
};

function isAvailable(name: string): boolean {
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

/** Whole blocks in, as many out, as a plain Uint8Array. */
function run(
  cipher: ReturnType<typeof createCipheriv> | ReturnType<typeof createDecipheriv>,
  blocks: Uint8Array,
): Uint8Array {
  cipher.setAutoPadding(false);
  // Without padding nothing is left for `final`, which tells whether the blocks were whole.
  const octets = cipher.update(blocks);
  cipher.final();
  return new Uint8Array(octets.buffer, octets.byteOffset, octets.length);
}
