/**
 * The messages of krb_mk_safe and krb_mk_priv (RFC 2228 appendix II), in both byte orders:
 *
 *     safe      04, 0e or 0f, body, checksum of the body
 *     private   04, 0c or 0d, length of the rest (4 octets), body and zeros up to whole blocks, encrypted in PCBC mode
 *     body      length (4 octets), plaintext, 5-millisecond units (1 octet), address of the sender (4 octets), seconds
 *               since 1970 (4 octets, negative in one of the two directions)
 *
 * If the lowest bit of the second octet is set, numbers are little-endian, including the four of the checksum.
 */
import { concat, concatAll, copy, equalConstantTime, u32be, viewOf } from '../../bytes.js';
import { badChecksum, badToken, FtpSecurityError } from '../../errors.js';
import type { Unwrapped } from '../../protection/mechanism.js';
import { BLOCK, type DesKey, pcbcDecrypt, pcbcEncrypt, quadCksum } from './crypto.js';

/** The contents of a message. */
export interface Krb4Message {
  plaintext: Uint8Array;
  sealed: boolean;
  /** IPv4, in network order. */
  sender: Uint8Array;
  /** Negative in one of the two directions. */
  seconds: number;
  fiveMs: number;
}

const VERSION = 4;
const SAFE = 0x0e;
const PRIVATE = 0x0c;
const CHECKSUM = 16;
/** Octets of the body before and after the plaintext. */
const LENGTH = 4;
const TRAILER = 9;

/** The number of octets by which a safe message is longer than its plaintext (RFC 2228 appendix II). */
const SAFE_OVERHEAD = 2 + LENGTH + TRAILER + CHECKSUM;

/** Makes a safe or private message. */
export function buildMessage(key: DesKey, message: Krb4Message, littleEndian: boolean): Uint8Array {
  const { plaintext, sealed, sender, seconds, fiveMs } = message;
  const number = (value: number) => u32(value, littleEndian);
  const body = concat(number(plaintext.length), plaintext, Uint8Array.of(fiveMs), sender, number(seconds));
  const head = Uint8Array.of(VERSION, (sealed ? PRIVATE : SAFE) | Number(littleEndian));
  if (!sealed) return concat(head, body, checksumOf(key, body, littleEndian));
  const blocks = pcbcEncrypt(key, body);
  return concat(head, number(blocks.length), blocks);
}

/**
 * Opens a message and verifies its checksum, if it has one.
 * @throws FtpSecurityError `security/bad-token`, `security/bad-checksum`
 */
export function openMessage(key: DesKey, token: Uint8Array): Krb4Message {
  const header = readHeader(token);
  return header.sealed ? openPrivate(key, token, header) : openSafe(key, token, header);
}

/** The header of a message. */
export interface MessageHeader {
  sealed: boolean;
  littleEndian: boolean;
  /** Length of the plaintext of a safe message, or of the ciphertext of a private one, in octets. */
  length: number;
}

/**
 * Reads the header of a message, without a key.
 * @throws FtpSecurityError `security/bad-token` if it is not a message of Kerberos V4, or its length is wrong
 */
export function readHeader(token: Uint8Array): MessageHeader {
  const type = (token[1] ?? 0) & ~1;
  if (token[0] !== VERSION || (type !== SAFE && type !== PRIVATE)) throw badToken('not a message of Kerberos V4');
  const sealed = type === PRIVATE;
  const littleEndian = (token[1]! & 1) === 1;
  const length = token.length - (sealed ? 2 + LENGTH : SAFE_OVERHEAD);
  if (length < (sealed ? 2 * BLOCK : 0)) throw badToken('message of Kerberos V4 too short');
  if (viewOf(token).getUint32(2, littleEndian) !== length)
    throw badToken('the length in the message is not its real length');
  if (sealed && length % BLOCK !== 0) throw badToken('private message: not a whole number of blocks');
  return { sealed, littleEndian, length };
}

/** The length of the longest plaintext whose token has at most `maxToken` octets; 0 if no token is that short. */
export function plaintextLimit(sealed: boolean, maxToken: number): number {
  const blocks = Math.floor((maxToken - 2 - LENGTH) / BLOCK) * BLOCK;
  return Math.max(0, sealed ? blocks - LENGTH - TRAILER : maxToken - SAFE_OVERHEAD);
}

function openSafe(key: DesKey, token: Uint8Array, { littleEndian, length }: MessageHeader): Krb4Message {
  const body = copy(token, 2, -CHECKSUM);
  if (!equalConstantTime(checksumOf(key, body, littleEndian), token.subarray(-CHECKSUM))) {
    throw badChecksum('wrong checksum in a safe message');
  }
  return { ...readBody(body, length, littleEndian), sealed: false };
}

/**
 * A private message has no checksum. Only its length and padding can show a wrong key or a changed message, so both are checked,
 * which the original libraries did not: a change of the last block then shows in the padding or in the sender's address.
 */
function openPrivate(key: DesKey, token: Uint8Array, { littleEndian }: MessageHeader): Krb4Message {
  const body = pcbcDecrypt(key, token.subarray(2 + LENGTH));
  const length = viewOf(body).getUint32(0, littleEndian);
  const end = LENGTH + length + TRAILER;
  if (end > body.length || body.length - end >= BLOCK || body.subarray(end).some(octet => octet !== 0)) {
    throw badChecksum('wrong length or padding in a decrypted private message');
  }
  return { ...readBody(body, length, littleEndian), sealed: true };
}

function readBody(body: Uint8Array, length: number, littleEndian: boolean): Omit<Krb4Message, 'sealed'> {
  const end = LENGTH + length;
  return {
    plaintext: copy(body, LENGTH, end),
    fiveMs: body[end]!,
    sender: copy(body, end + 1, end + 5),
    seconds: viewOf(body).getInt32(end + 5, littleEndian),
  };
}

function checksumOf({ octets }: DesKey, body: Uint8Array, littleEndian: boolean): Uint8Array {
  return concatAll(quadCksum(octets, body, 2).map(word => u32(word, littleEndian)));
}

/** The text of the server's answer, which proves that it has decrypted the authenticator. */
export function answerTo(checksum: number): Uint8Array {
  return u32be(checksum + 1);
}

/** @throws FtpSecurityError `security/bad-token`, `security/bad-checksum` */
export function assertAnswers(checksum: number, { plaintext, level }: Omit<Unwrapped, 'sequence'>): void {
  if (level !== 'safe') throw badToken('expected a safe message, got a private one');
  if (!equalConstantTime(plaintext, answerTo(checksum))) {
    throw new FtpSecurityError('security/bad-checksum', "the server's answer belongs to another authenticator");
  }
}

/** A number in 4 octets. */
export function u32(value: number, littleEndian: boolean): Uint8Array {
  const octets = new Uint8Array(4);
  viewOf(octets).setUint32(0, value, littleEndian);
  return octets;
}
