/** The ciphers of `node:crypto` for Kerberos: AES; HMAC for long messages; DES, triple DES and Camellia, if Node's OpenSSL has them. */
import { type Cipher, createCipheriv, createDecipheriv, createHmac, type Decipher, getCipherInfo } from 'node:crypto';
import type { BlockCipher, BlockCiphers } from '../block-cipher.js';
import { concat, copy } from '../bytes.js';

/**
 * The ciphers of `node:crypto` for the option `ciphers` in `rfc2228/krb5` and `rfc2228/krb4`: DES, triple DES and Camellia,
 * which this package does not contain; AES, which is faster than its own; and HMAC, which is so for long messages. A cipher
 * that Node's OpenSSL lacks is absent.
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

/** Longer messages have a cipher of their own to encrypt: making one costs little beside them. */
const LONGEST_COPIED = 0x1000;

/**
 * CBC with ciphers of OpenSSL that are kept, since making one costs more than a short message. A kept cipher goes on from its
 * last block of ciphertext; XORed into the first block of plaintext, beside the initial vector, that block has no effect.
 */
function cbc(name: string, key: Uint8Array): BlockCipher {
  const blockSize = name.startsWith('des') ? 8 : 16;
  const zero = new Uint8Array(blockSize);
  const [sent, received] = [new Uint8Array(blockSize), new Uint8Array(blockSize)];
  let input: Uint8Array | undefined;
  let encrypting: Cipher | undefined;
  let decrypting: Decipher | undefined;
  return {
    blockSize,
    encrypt(blocks, iv = zero) {
      assertWhole(blocks, blockSize);
      if (blocks.length > LONGEST_COPIED) return once(createCipheriv(name, key, iv), blocks);
      encrypting ??= createCipheriv(name, key, zero).setAutoPadding(false);
      input ??= new Uint8Array(LONGEST_COPIED);
      const copied = input.subarray(0, blocks.length);
      copied.set(blocks);
      restart(copied, sent, iv);
      const encrypted = plain(encrypting.update(copied));
      copied.fill(0);
      sent.set(encrypted.subarray(-blockSize));
      return encrypted;
    },
    decrypt(blocks, iv = zero) {
      assertWhole(blocks, blockSize);
      decrypting ??= createDecipheriv(name, key, zero).setAutoPadding(false);
      const decrypted = plain(decrypting.update(blocks));
      restart(decrypted, received, iv);
      received.set(blocks.subarray(-blockSize));
      return decrypted;
    },
    destroy() {
      // A block of ciphertext is a key where one is derived.
      for (const octets of [key, sent, received]) octets.fill(0);
      // OpenSSL erases the key when a cipher ends.
      encrypting?.final();
      decrypting?.final();
      encrypting = undefined;
      decrypting = undefined;
    },
  };
}

/** XORs into the first block what makes it the first of a message: see {@link cbc}. */
function restart(blocks: Uint8Array, last: Uint8Array, iv: Uint8Array): void {
  if (blocks.length === 0) return;
  for (let i = 0; i < last.length; i++) blocks[i]! ^= last[i]! ^ iv[i]!;
}

function once(cipher: Cipher, blocks: Uint8Array): Uint8Array {
  cipher.setAutoPadding(false);
  const encrypted = cipher.update(blocks);
  cipher.final();
  return plain(encrypted);
}

function assertWhole(blocks: Uint8Array, blockSize: number): void {
  if (blocks.length % blockSize !== 0) throw new RangeError('the input of a block cipher must be whole blocks');
}

/** The same octets as a plain Uint8Array. */
function plain({ buffer, byteOffset, length }: Buffer): Uint8Array {
  return new Uint8Array(buffer, byteOffset, length);
}
