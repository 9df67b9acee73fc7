/**
 * AES in CCM mode (RFC 3610) with nonces of 12 octets, as in TLS (RFC 6655 §3). It is built from noble's CBC and CTR
 * modes.
 */
import { cbc, ctr } from '@noble/ciphers/aes.js';
import { concat, concatAll, equalConstantTime, u16be, u32be } from '../../../bytes.js';

const BLOCK = 16;

/** Returns the encrypted text with its tag appended. */
export function encryptCcm(
  key: Uint8Array,
  nonce: Uint8Array,
  aad: Uint8Array,
  plaintext: Uint8Array,
  tagLength: number,
): Uint8Array {
  const tag = tagOf(key, nonce, aad, plaintext, tagLength);
  return applyKeystream(key, nonce, plaintext, tag);
}

/** Returns the text, or undefined if the tag is wrong. */
export function decryptCcm(
  key: Uint8Array,
  nonce: Uint8Array,
  aad: Uint8Array,
  sealed: Uint8Array,
  tagLength: number,
): Uint8Array | undefined {
  const length = sealed.length - tagLength;
  const opened = applyKeystream(key, nonce, sealed.subarray(0, length), sealed.subarray(length));
  const plaintext = opened.slice(0, length);
  const isWhole = equalConstantTime(tagOf(key, nonce, aad, plaintext, tagLength), opened.subarray(length));
  return isWhole ? plaintext : undefined;
}

/** Block 0 of the key stream encrypts the tag, the blocks from 1 on encrypt the text. */
function applyKeystream(key: Uint8Array, nonce: Uint8Array, text: Uint8Array, tag: Uint8Array): Uint8Array {
  const counter = concat(Uint8Array.of(2), nonce, new Uint8Array(3));
  const padded = concat(tag, new Uint8Array(BLOCK - tag.length), text);
  const stream = ctr(key, counter).encrypt(padded);
  return concat(stream.subarray(BLOCK), stream.subarray(0, tag.length));
}

/**
 * The last block of CBC over lengths, additional data and text, each padded with zeros. Additional data in TLS is
 * short, so its length takes two octets.
 */
function tagOf(
  key: Uint8Array,
  nonce: Uint8Array,
  aad: Uint8Array,
  plaintext: Uint8Array,
  tagLength: number,
): Uint8Array {
  const flags = 0x40 | (((tagLength - 2) / 2) << 3) | 2;
  const blocks = concatAll([
    Uint8Array.of(flags),
    nonce,
    u32be(plaintext.length).subarray(1),
    padded(concat(u16be(aad.length), aad)),
    padded(plaintext),
  ]);
  return cbc(key, new Uint8Array(BLOCK), { disablePadding: true }).encrypt(blocks).slice(-BLOCK).subarray(0, tagLength);
}

function padded(octets: Uint8Array): Uint8Array {
  return concat(octets, new Uint8Array((BLOCK - (octets.length % BLOCK)) % BLOCK));
}
