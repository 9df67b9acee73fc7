/** The AEAD ciphers of `node:crypto`, for the records of live contexts. */
import { type CipherGCMTypes, createCipheriv, createDecipheriv } from 'node:crypto';
import { concat } from '../../bytes.js';
import type { NewAead } from '../../mechanisms/gsi/tls/record-cipher.js';

/** As noble's, but faster. */
export const nodeAead: NewAead = ({ kind, keyLength, tagLength }, key) => {
  // All ciphers here are called like GCM; Node's types have an overload for each mode.
  const mode = kind === 'POLY1305' ? 'chacha20-poly1305' : `aes-${8 * keyLength}-${kind.toLowerCase()}`;
  const name = mode as CipherGCMTypes;
  const options = { authTagLength: tagLength };
  // Only CCM needs the length in advance.
  const lengthOf = (length: number) => (kind === 'CCM' ? { plaintextLength: length } : undefined);
  return {
    seal(nonce, aad, plaintext) {
      const cipher = createCipheriv(name, key, nonce, options);
      cipher.setAAD(aad, lengthOf(plaintext.length));
      const encrypted = cipher.update(plaintext);
      cipher.final();
      return concat(encrypted, cipher.getAuthTag());
    },
    open(nonce, aad, sealed) {
      const end = sealed.length - tagLength;
      const decipher = createDecipheriv(name, key, nonce, options);
      decipher.setAuthTag(sealed.subarray(end));
      decipher.setAAD(aad, lengthOf(end));
      try {
        // With CCM `update` checks the tag, with the others `final`.
        const plaintext = decipher.update(sealed.subarray(0, end));
        decipher.final();
        return new Uint8Array(plaintext.buffer, plaintext.byteOffset, plaintext.length);
      } catch {
        return undefined;
      }
    },
  };
};
