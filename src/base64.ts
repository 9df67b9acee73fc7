/** Base 64 as in RFC 2228 §10: RFC 1421 §4.3.2.4 without line breaks, padded and canonical. Nothing else is accepted. */
import { FtpSecurityError } from './errors.js';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const PAD = 0x3d;
const NOT_IN_ALPHABET = 64;

const CHARACTERS = Uint8Array.from(ALPHABET, character => character.charCodeAt(0));
const VALUES = new Uint8Array(256).fill(NOT_IN_ALPHABET);
CHARACTERS.forEach((character, value) => {
  VALUES[character] = value;
});

/**
 * Encodes octets in base 64 with padding, without line breaks (RFC 2228 §10).
 * @returns the characters as octets: 4 for every 3, rounded up
 */
export function encodeBase64(bytes: Uint8Array): Uint8Array {
  const encoded = new Uint8Array(Math.ceil(bytes.length / 3) * 4);
  let at = 0;
  for (let i = 0; i < bytes.length; i += 3) {
    const group = (bytes[i]! << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    encoded[at++] = CHARACTERS[group >> 18]!;
    encoded[at++] = CHARACTERS[(group >> 12) & 63]!;
    encoded[at++] = i + 1 < bytes.length ? CHARACTERS[(group >> 6) & 63]! : PAD;
    encoded[at++] = i + 2 < bytes.length ? CHARACTERS[group & 63]! : PAD;
  }
  return encoded;
}

/**
 * Decodes base 64 (RFC 2228 §10).
 * @param encoded  characters as octets; may be empty
 * @param base  added to the offset in errors, if `encoded` is part of something larger
 * @throws FtpSecurityError `syntax/bad-base64` with the offset of the fault. Its message begins with one of four words:
 *   `character` (outside the alphabet), `padding` (missing, superfluous or early), `length` (impossible for whole octets),
 *   `non-canonical` (bits set after the last octet)
 */
export function decodeBase64(encoded: Uint8Array, base = 0): Uint8Array {
  const { length } = encoded;
  let padding = 0;
  while (padding < 2 && padding < length && encoded[length - 1 - padding] === PAD) padding++;
  const characters = length - padding;
  const bytes = new Uint8Array(Math.floor((characters * 3) / 4));
  let group = 0;
  let at = 0;
  for (let i = 0; i < characters; i++) {
    const value = VALUES[encoded[i]!]!;
    if (value === NOT_IN_ALPHABET) {
      if (encoded[i] === PAD) throw fault('padding before the end', base + i);
      throw fault('character outside the alphabet', base + i);
    }
    group = (group << 6) | value;
    if (i % 4 === 0) continue;
    // Of the four characters of a group, the second, third and fourth each complete an octet.
    const spare = 6 - 2 * (i % 4);
    bytes[at++] = group >> spare;
    group &= (1 << spare) - 1;
  }
  if (characters % 4 === 1) throw fault('length impossible for whole octets', base + characters);
  if (padding !== (4 - (characters % 4)) % 4) throw fault('padding missing or superfluous', base + characters);
  if (group !== 0) throw fault('non-canonical: bits set after the last octet', base + characters - 1);
  return bytes;
}

function fault(kind: string, offset: number): FtpSecurityError {
  return new FtpSecurityError('syntax/bad-base64', kind, { offset });
}
