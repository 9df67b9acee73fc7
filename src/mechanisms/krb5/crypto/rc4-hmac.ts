/** RC4 with HMAC-MD5 (RFC 4757 §3 to §5). */
import { md5 } from '@noble/hashes/legacy.js';
import { equalConstantTime, toUtf8, u32be } from '../../../bytes.js';
import { totalLength, withMemory } from '../../../work-memory.js';
import { consume, keyedHmac, type Mac } from './aes-hmac.js';
import { assertChecksum, encryptedLength, type Profile, type Sizes, setConfounded, type UsageKey } from './profiles.js';
import { rc4 } from './rc4.js';

const DIGEST = 16;

/** Key usage numbers whose message type is a different number (RFC 4757 §3); for all others, it is the usage number itself. */
const MESSAGE_TYPES: Readonly<Record<number, number>> = { 3: 8, 9: 8, 23: 13 };

/** The ciphertext starts with the checksum, which covers confounder and plaintext (RFC 4757 §4). */
export const rc4Hmac: Profile = (sizes, key) => ({
  usage: number => rc4HmacUsage(sizes, key, number),
  destroy: () => {},
});

/** @param key  valid during the call only */
function rc4HmacUsage(sizes: Sizes, key: Uint8Array, usage: number): UsageKey {
  const { confounderLength, checksumLength } = sizes;
  const messageType = u32le(MESSAGE_TYPES[usage] ?? usage);
  const signing = consume(derive(key, toUtf8('signaturekey\0')), hmacMd5);
  const integrity = consume(derive(key, messageType), hmacMd5);
  const checksum = (parts: readonly Uint8Array[]) => {
    const hash = md5.create().update(messageType);
    for (const part of parts) hash.update(part);
    return signing.digest(hash.digest());
  };
  const crypt = (checksum: Uint8Array, octets: Uint8Array) =>
    consume(integrity.digest(checksum), messageKey => rc4(messageKey, octets));
  return {
    ciphertextLength: length => confounderLength + length + checksumLength,
    encryptInto(to, at, confounder, parts) {
      const length = confounderLength + totalLength(parts);
      withMemory(length, memory => {
        setConfounded(memory, sizes, confounder, parts);
        const checksum = new Uint8Array(checksumLength);
        integrity.digestInto(memory, length, checksum, 0);
        crypt(checksum, memory.octets.subarray(0, length));
        to.set(checksum, at);
        to.set(memory.octets.subarray(0, length), at + checksumLength);
      });
    },
    decrypt(octets, start, take) {
      const length = encryptedLength(octets, start, sizes);
      const checksum = octets.slice(start, start + checksumLength);
      return withMemory(length, memory => {
        memory.octets.set(octets.subarray(start + checksumLength));
        crypt(checksum, memory.octets.subarray(0, length));
        assertChecksum(integrity.matches(memory, length, checksum, 0));
        return take(memory.octets, confounderLength, length);
      });
    },
    checksumInto: (to, at, parts) => to.set(checksum(parts), at),
    checksumMatches: (parts, octets, at) => equalConstantTime(checksum(parts), octets.subarray(at)),
    destroy() {
      integrity.destroy();
      signing.destroy();
    },
  };
}

/** HMAC-MD5, 16 octets. */
export function hmacMd5(key: Uint8Array): Mac {
  return keyedHmac(md5, key, DIGEST);
}

/** Derives a key from another: the HMAC-MD5 of `data` under `key`. */
export function derive(key: Uint8Array, data: Uint8Array): Uint8Array {
  const mac = hmacMd5(key);
  const derived = mac.digest(data);
  mac.destroy();
  return derived;
}

function u32le(value: number): Uint8Array {
  return u32be(value).reverse();
}
