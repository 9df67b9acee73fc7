/** The AEAD ciphers of `node:crypto`, for long records of live contexts, and for CCM. */
import { type Cipher, type CipherGCMTypes, createCipheriv, createDecipheriv, type Decipher } from 'node:crypto';
import { type BlockEncryption, gcm, type NewAead, nobleAead } from '../../mechanisms/gsi/tls/aead.js';

/**
 * Octets from which on OpenSSL's ciphers are used. Shorter records have our GCM, and noble's ChaCha20: making a cipher of OpenSSL
 * costs as much as these octets, and none can be kept for another nonce.
 */
const LONG = { GCM: 0x100, POLY1305: 0x100, CCM: 0 };

/** As noble's, but faster. */
export const nodeAead: NewAead = (suite, key) => {
  const { keyLength, tagLength } = suite;
  const kind = suite.kind as keyof typeof LONG;
  const short = kind === 'GCM' ? gcm(key, nodeAes) : nobleAead(suite, key);
  // All ciphers here are called like GCM; Node's types have an overload for each mode.
  const mode = kind === 'POLY1305' ? 'chacha20-poly1305' : `aes-${8 * keyLength}-${kind.toLowerCase()}`;
  const name = mode as CipherGCMTypes;
  const options = { authTagLength: tagLength };
  // Only CCM needs the length in advance.
  const lengthOf = (length: number) => (kind === 'CCM' ? { plaintextLength: length } : undefined);
  return {
    seal(octets, start, end, nonce, aad) {
      if (end - start < LONG[kind]) return short.seal(octets, start, end, nonce, aad);
      const cipher = createCipheriv(name, key, nonce, options);
      cipher.setAAD(aad, lengthOf(end - start));
      octets.set(cipher.update(octets.subarray(start, end)), start);
      cipher.final();
      octets.set(cipher.getAuthTag(), end);
    },
    open(sealed, nonce, aad, take) {
      const end = sealed.length - tagLength;
      if (end < LONG[kind]) return short.open(sealed, nonce, aad, take);
      const decipher = createDecipheriv(name, key, nonce, options);
      decipher.setAuthTag(sealed.subarray(end));
      decipher.setAAD(aad, lengthOf(end));
      const plaintext = verified(decipher, sealed.subarray(0, end));
      if (plaintext === undefined) return undefined;
      try {
        return take(plaintext, 0, plaintext.length);
      } finally {
        plaintext.fill(0);
      }
    },
    destroy: () => short.destroy(),
  };
};

/** @returns undefined if the tag is wrong: CCM checks it in `update`, the others in `final` */
function verified(decipher: Decipher, ciphertext: Uint8Array): Uint8Array | undefined {
  let plaintext: Uint8Array | undefined;
  try {
    plaintext = decipher.update(ciphertext);
    decipher.final();
    return plaintext;
  } catch {
    plaintext?.fill(0);
    return undefined;
  }
}

/** AES in ECB mode, whose cipher can be kept: it has no state but the key. */
function nodeAes(key: Uint8Array): BlockEncryption {
  let cipher: Cipher | undefined;
  return {
    encryptBlocks({ octets }, start, end) {
      cipher ??= createCipheriv(`aes-${8 * key.length}-ecb`, key, null).setAutoPadding(false);
      const encrypted = cipher.update(octets.subarray(start, end));
      octets.set(encrypted, start);
      encrypted.fill(0);
    },
    destroy() {
      // OpenSSL erases the key when a cipher ends.
      cipher?.final();
      cipher = undefined;
    },
  };
}
