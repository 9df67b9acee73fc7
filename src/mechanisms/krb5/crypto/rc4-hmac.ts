/** RC4 with HMAC-MD5 (RFC 4757 §3 to §5). */
import { md5 } from '@noble/hashes/legacy.js';
import { concat, copy, toUtf8, u32be } from '../../../bytes.js';
import { consume, keyedHmac, type Mac } from './aes-hmac.js';
import { checkLength, type Profile, verifyChecksum } from './profiles.js';
import { rc4 } from './rc4.js';

const DIGEST = 16;

/** Message types of RFC 4757 §3 that are not the key usage of RFC 4120 and RFC 4121; all others are. */
const MESSAGE_TYPES: Readonly<Record<number, number>> = { 3: 8, 9: 8, 23: 13 };

/** The checksum comes first, and covers confounder and plaintext. */
export const rc4Hmac: Profile = (sizes, key, usage) => {
  const { confounderLength, checksumLength } = sizes;
  const type = u32le(MESSAGE_TYPES[usage] ?? usage);
  const signing = consume(derive(key, toUtf8('signaturekey\0')), hmacMd5);
  const integrity = consume(derive(key, type), hmacMd5);
  const crypt = (checksum: Uint8Array, octets: Uint8Array) =>
    consume(integrity.digest(checksum), messageKey => rc4(messageKey, octets));
  return {
    encrypt(plaintext, confounder) {
      return consume(concat(confounder, plaintext), confounded => {
        const checksum = integrity.digest(confounded);
        return concat(checksum, crypt(checksum, confounded));
      });
    },
    decrypt(ciphertext) {
      checkLength(ciphertext, sizes);
      const checksum = ciphertext.subarray(0, checksumLength);
      return consume(crypt(checksum, ciphertext.subarray(checksumLength)), confounded => {
        verifyChecksum(integrity.digest(confounded), checksum);
        return copy(confounded, confounderLength);
      });
    },
    checksum: data => signing.digest(md5(concat(type, data))),
    destroy() {
      integrity.destroy();
      signing.destroy();
    },
  };
};

/** HMAC-MD5 under one key, all 16 octets. */
export function hmacMd5(key: Uint8Array): Mac {
  return keyedHmac(md5, key, DIGEST);
}

/** HMAC-MD5 of `data` under `key`, as a key is derived from another. */
export function derive(key: Uint8Array, data: Uint8Array): Uint8Array {
  const mac = hmacMd5(key);
  const derived = mac.digest(data);
  mac.destroy();
  return derived;
}

function u32le(value: number): Uint8Array {
  return u32be(value).reverse();
}
