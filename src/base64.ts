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
  const encoded = new Uint8Array(base64Length(bytes.length));
  encodeBase64Into(encoded, 0, bytes);
  return encoded;
}

/** The number of characters of `length` octets in base 64. */
export function base64Length(length: number): number {
  return Math.ceil(length / 3) * 4;
}

/** Writes the base 64 of `bytes` to `to` from `start` on. Returns where it ends. */
export function encodeBase64Into(to: Uint8Array, start: number, bytes: Uint8Array): number {
  const { length } = bytes;
  let at = start;
  for (let i = 0; i < length; i += 3) {
    // What is missing at the end reads as undefined, and counts as zero.
    const group = (bytes[i]! << 16) | (bytes[i + 1]! << 8) | bytes[i + 2]!;
    to[at] = CHARACTERS[group >> 18]!;
    to[at + 1] = CHARACTERS[(group >> 12) & 63]!;
    to[at + 2] = CHARACTERS[(group >> 6) & 63]!;
    to[at + 3] = CHARACTERS[group & 63]!;
    at += 4;
  }
  to.fill(PAD, at - ((3 - (length % 3)) % 3), at);
  return at;
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
  return decodeBase64Range(encoded, 0, encoded.length, base);
}

/** Gives memory for a number of octets. */
export type Allocate = (length: number) => Uint8Array;

/**
 * Decodes the characters from `start` to `end`, as {@link decodeBase64} does.
 * @param base  added to offsets in errors, which count from the start of `octets`
 * @param allocate  gives the memory of the result; default new memory
 */
export function decodeBase64Range(
  octets: Uint8Array,
  start: number,
  end: number,
  base = 0,
  allocate: Allocate = length => new Uint8Array(length),
): Uint8Array {
  let last = end;
  while (last > start && last > end - 2 && octets[last - 1] === PAD) last--;
  const characters = last - start;
  const bytes = allocate(Math.floor((characters * 3) / 4));
  const whole = decodeGroups(octets, start, last, bytes);
  let at = (whole / 4) * 3;
  let group = 0;
  for (let i = whole; i < characters; i++) {
    const value = VALUES[octets[start + i]!]!;
    if (value === NOT_IN_ALPHABET) {
      const kind = octets[start + i] === PAD ? 'padding before the end' : 'character outside the alphabet';
      throw fault(kind, base + start + i);
    }
    group = (group << 6) | value;
    if (i % 4 === 0) continue;
    // Of the four characters of a group, the second, third and fourth each complete an octet.
    const spare = 6 - 2 * (i % 4);
    bytes[at++] = group >> spare;
    group &= (1 << spare) - 1;
  }
  if (characters % 4 === 1) throw fault('length impossible for whole octets', base + last);
  if (end - last !== (4 - (characters % 4)) % 4) throw fault('padding missing or superfluous', base + last);
  if (group !== 0) throw fault('non-canonical: bits set after the last octet', base + last - 1);
  return bytes;
}

/** Decodes groups of four characters, up to the first fault. Returns the number of characters decoded. */
function decodeGroups(octets: Uint8Array, start: number, end: number, bytes: Uint8Array): number {
  let at = 0;
  let i = start;
  for (; i + 4 <= end; i += 4) {
    const a = VALUES[octets[i]!]!;
    const b = VALUES[octets[i + 1]!]!;
    const c = VALUES[octets[i + 2]!]!;
    const d = VALUES[octets[i + 3]!]!;
    if ((a | b | c | d) >= NOT_IN_ALPHABET) break;
    bytes[at++] = (a << 2) | (b >> 4);
    bytes[at++] = (b << 4) | (c >> 2);
    bytes[at++] = (c << 6) | d;
  }
  return i - start;
}

function fault(kind: string, offset: number): FtpSecurityError {
  return new FtpSecurityError('syntax/bad-base64', `bad base 64: ${kind}`, { offset });
}
