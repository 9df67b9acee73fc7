/** DES in Kerberos: keys (RFC 3961 §6.2 and §6.3.1), the CRC-32 (§6.1.3), the encryption of single DES (§6.2). */
import { md5 } from '@noble/hashes/legacy.js';
import { copy, equalConstantTime, toHex } from '../../../bytes.js';
import { badToken } from '../../../errors.js';
import { totalLength, withMemory } from '../../../work-memory.js';
import { consume } from './aes-hmac.js';
import { assertChecksum, type Profile, padded, setConfounded, type UsageKey } from './profiles.js';

const BLOCK = 8;

/** The weak and semi-weak keys of DES, which key derivation must avoid (RFC 3961 §6.2). */
const WEAK_KEYS = new Set([
  '0101010101010101',
  'fefefefefefefefe',
  'e0e0e0e0f1f1f1f1',
  '1f1f1f1f0e0e0e0e',
  '011f011f010e010e',
  '1f011f010e010e01',
  '01e001e001f101f1',
  'e001e001f101f101',
  '01fe01fe01fe01fe',
  'fe01fe01fe01fe01',
  '1fe01fe00ef10ef1',
  'e01fe01ff10ef10e',
  '1ffe1ffe0efe0efe',
  'fe1ffe1ffe0efe0e',
  'e0fee0fef1fef1fe',
  'fee0fee0fef1fef1',
]);

/** DES-CBC with a CRC-32; the initial vector is the key (RFC 3961 §6.2.3). */
export const desCbcCrc: Profile = desCbc(crc32, key => key);

/** DES-CBC with an MD5 hash; the initial vector is zero (RFC 3961 §6.2.1). */
export const desCbcMd5: Profile = desCbc(md5, () => new Uint8Array(BLOCK));

/** DES3random-to-key: turns 21 random octets into a triple DES key of 24 octets (RFC 3961 §6.3.1). */
export function tripleDesKey(random: Uint8Array): Uint8Array {
  const key = new Uint8Array(3 * BLOCK);
  for (let i = 0; i < 3; i++) consume(desKey(random.subarray(7 * i, 7 * i + 7)), one => key.set(one, BLOCK * i));
  return key;
}

/** The CRC-32 of Kerberos, four octets: it starts from zero and is not complemented at the end (RFC 3961 §6.1.3). */
export function crc32(data: Uint8Array): Uint8Array {
  let crc = 0;
  for (const octet of data) {
    crc ^= octet;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (-(crc & 1) & 0xedb88320);
  }
  return Uint8Array.of(crc, crc >>> 8, crc >>> 16, crc >>> 24);
}

/** The checksum follows the confounder, and covers everything, with zeros in its own place (RFC 3961 §6.2). */
function desCbc(hash: (data: Uint8Array) => Uint8Array, ivOf: (key: Uint8Array) => Uint8Array): Profile {
  return (sizes, key, newCipher) => {
    const { confounderLength, checksumLength } = sizes;
    const cipher = newCipher(key);
    const iv = copy(ivOf(key));
    const textStart = confounderLength + checksumLength;
    const only: UsageKey = {
      ciphertextLength: length => padded(textStart + length, BLOCK),
      encryptInto(to, at, confounder, parts) {
        const length = padded(textStart + totalLength(parts), BLOCK);
        withMemory(length, memory => {
          setConfounded(memory, sizes, confounder, [new Uint8Array(checksumLength), ...parts]);
          const blocks = memory.octets.subarray(0, length);
          blocks.set(hash(blocks), confounderLength);
          to.set(cipher.encrypt(blocks, iv), at);
        });
      },
      decrypt(octets, start, take) {
        const ciphertext = octets.subarray(start);
        if (ciphertext.length < textStart || ciphertext.length % BLOCK !== 0) {
          throw badToken('ciphertext is not a whole number of blocks, or too short');
        }
        return consume(cipher.decrypt(ciphertext, iv), blocks => {
          const received = copy(blocks, confounderLength, textStart);
          blocks.fill(0, confounderLength, textStart);
          assertChecksum(equalConstantTime(hash(blocks), received));
          return take(blocks, textStart, blocks.length);
        });
      },
      checksumInto: noChecksum,
      checksumMatches: noChecksum,
      destroy() {
        cipher.destroy();
        iv.fill(0);
      },
    };
    return { usage: () => only, destroy: only.destroy };
  };
}

function noChecksum(): never {
  throw new RangeError('single DES has no deterministic keyed checksum, only ones with a confounder');
}

/**
 * Turns 7 random octets into a DES key of 8. The low bits, which parity replaces, make up the eighth octet; all octets get
 * odd parity (RFC 3961 §6.3.1).
 */
export function desKey(random: Uint8Array): Uint8Array {
  const key = new Uint8Array(BLOCK);
  key.set(random);
  for (let i = 0; i < 7; i++) key[7]! |= (random[i]! & 1) << (i + 1);
  for (let i = 0; i < BLOCK; i++) key[i] = withOddParity(key[i]!);
  if (WEAK_KEYS.has(toHex(key))) key[7]! ^= 0xf0;
  return key;
}

function withOddParity(octet: number): number {
  let ones = octet >> 1;
  ones ^= ones >> 4;
  ones ^= ones >> 2;
  ones ^= ones >> 1;
  return (octet & 0xfe) | (~ones & 1);
}
