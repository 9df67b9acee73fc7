/**
 * Per-message tokens of RFC 1964 §1.2, and of RFC 4757 §7.2 and §7.3 for RC4. A token is the frame of RFC 2743 §3.1, a header, the
 * encrypted sequence number and a checksum. A Wrap token also has a body of confounder, plaintext and padding, which may be
 * encrypted; a GetMIC token has no body.
 */
import { concat, copy, equalConstantTime, u16be, u32be, viewOf } from '../../../bytes.js';
import { badChecksum, badToken, FtpSecurityError } from '../../../errors.js';
import { writeConfounder } from '../crypto/confounders.js';
import { formatFrame, openFrame } from '../messages/gss-framing.js';
import type { Rfc1964Key } from './rfc1964-keys.js';
import { type Opened, readTokenHeader, type TokenHeader } from './token-header.js';

/** Offsets from TOK_ID. */
const AT = { signing: 2, sealing: 4, filler: 6, sequence: 8, checksum: 16 } as const;
const WRAP_TOKEN_ID = 0x0201;
const MIC_TOKEN_ID = 0x0101;
const NOT_SEALED = 0xffff;
const FILLER = 0xffff;
const CONFOUNDER = 8;
/** Octets of the frame's tag and object identifier. */
const FRAME = 12;

const NOT_A_WRAP_TOKEN: Record<Exclude<TokenHeader['kind'], 'rfc1964-wrap'>, string> = {
  'rfc1964-mic': 'expected a Wrap token, got a GetMIC token',
  'rfc1964-deletion': 'expected a Wrap token, got a context deletion token',
  wrap: 'expected a Wrap token of RFC 1964, got one of RFC 4121',
  mic: 'expected a Wrap token of RFC 1964, got a GetMIC token of RFC 4121',
  deletion: 'expected a Wrap token, got a context deletion token',
};

/**
 * Makes a Wrap token.
 * @param confounder  8 octets; default random, only test vectors give it
 */
export function buildRfc1964Wrap(
  key: Rfc1964Key,
  { sentByAcceptor, sealed, sequence }: { sentByAcceptor: boolean } & Omit<Opened, 'plaintext'>,
  plaintext: Uint8Array,
  confounder?: Uint8Array,
): Uint8Array {
  const [signing, checksumOf] = [...key.signing][0]!;
  const header = concat(u16be(WRAP_TOKEN_ID), u16be(signing), u16be(sealed ? key.sealing : NOT_SEALED), u16be(FILLER));
  const padding = key.blockSize - (plaintext.length % key.blockSize);
  const body = new Uint8Array(CONFOUNDER + plaintext.length + padding).fill(padding);
  if (confounder === undefined) writeConfounder(body, 0, CONFOUNDER);
  else body.set(confounder);
  body.set(plaintext, CONFOUNDER);
  const checksum = checksumOf(concat(header, body));
  const numberField = formatSequence(key, sequence, sentByAcceptor);
  const sent = sealed ? key.seal(body, numberField) : body;
  return formatFrame(concat(header, key.encryptSequence(numberField, checksum), checksum, sent));
}

/** The length of the longest plaintext whose token has at most `maxToken` octets; 0 if no token is that short. */
export function rfc1964SizeLimit({ checksumLength, blockSize }: Rfc1964Key, maxToken: number): number {
  const overhead = FRAME + AT.checksum + checksumLength + CONFOUNDER;
  let longest = 0;
  // The frame's length field takes 1 to 5 octets, and each size of it has a greatest length (X.690 §8.1.3).
  for (let size = 1; size <= 5; size++) {
    const greatest = size === 1 ? 0x7f : 256 ** (size - 1) - 1;
    // The length field does not count the frame's tag.
    const room = Math.min(maxToken - overhead - size, greatest - (overhead - 1));
    // At least one octet is padding.
    longest = Math.max(longest, Math.floor(room / blockSize) * blockSize - 1);
  }
  return longest;
}

/**
 * Verifies and opens a Wrap token; the caller checks its sequence number. Checksum, padding and direction are all checked before
 * an error is thrown, and the error does not say which was wrong: otherwise it would be a padding oracle.
 * @param sentByAcceptor  the direction that the token must have
 * @throws FtpSecurityError `security/bad-token`, `security/wrong-direction`, `security/bad-checksum`
 */
export function openRfc1964Wrap(key: Rfc1964Key, sentByAcceptor: boolean, token: Uint8Array): Opened {
  const { kind } = readTokenHeader(token);
  if (kind !== 'rfc1964-wrap') throw badToken(NOT_A_WRAP_TOKEN[kind]);
  const content = token.subarray(openFrame(token));
  const { checksumOf, sealed, bodyStart } = readHeader(key, content);
  const checksum = content.subarray(AT.checksum, bodyStart);
  const numberField = key.decryptSequence(content.subarray(AT.sequence, AT.checksum), checksum);
  const received = content.subarray(bodyStart);
  const body = sealed ? key.unseal(received, numberField) : received;
  const { sequence, sender } = readSequence(key, numberField);
  const checks = [
    equalConstantTime(checksumOf(concat(content.subarray(0, AT.sequence), body)), checksum),
    isPadded(body, key.blockSize),
    sender !== undefined,
  ];
  if (checks.includes(false)) {
    throw badChecksum('wrong checksum, padding or sequence number in the Wrap token');
  }
  assertDirection(sender, sentByAcceptor);
  return { plaintext: copy(body, CONFOUNDER, body.length - body.at(-1)!), sealed, sequence };
}

/** What the clear part of a Wrap token says. */
interface WrapParts {
  checksumOf: (data: Uint8Array) => Uint8Array;
  sealed: boolean;
  bodyStart: number;
}

function readHeader(key: Rfc1964Key, content: Uint8Array): WrapParts {
  const bodyStart = AT.checksum + key.checksumLength;
  const bodyLength = content.length - bodyStart;
  if (bodyLength < CONFOUNDER + key.blockSize) throw badToken('Wrap token too short for a confounder and padding');
  if (bodyLength % key.blockSize !== 0) throw badToken('the body of the Wrap token is not a whole number of blocks');
  const view = viewOf(content);
  const sealing = view.getUint16(AT.sealing);
  const checksumOf = key.signing.get(view.getUint16(AT.signing));
  if (checksumOf === undefined) throw badToken('SGN_ALG does not fit the key of the context');
  if (sealing !== key.sealing && sealing !== NOT_SEALED) throw badToken('SEAL_ALG does not fit the key of the context');
  if (view.getUint16(AT.filler) !== FILLER) throw badToken('the filler of the header is not FFFF');
  return { checksumOf, sealed: sealing !== NOT_SEALED, bodyStart };
}

/** The plaintext of SND_SEQ: the sequence number, then four octets of direction (RFC 1964 §1.2.1.2). */
function formatSequence({ littleEndian }: Rfc1964Key, sequence: bigint, sentByAcceptor: boolean): Uint8Array {
  const number = u32be(Number(sequence));
  return concat(littleEndian ? number.reverse() : number, new Uint8Array(4).fill(sentByAcceptor ? 0xff : 0));
}

function readSequence(
  { littleEndian }: Rfc1964Key,
  field: Uint8Array,
): { sequence: bigint; sender: 'initiator' | 'acceptor' | undefined } {
  const view = viewOf(field);
  const direction = view.getUint32(4);
  const sender = direction === 0 ? 'initiator' : direction === 0xffffffff ? 'acceptor' : undefined;
  return { sequence: BigInt(view.getUint32(0, littleEndian)), sender };
}

function assertDirection(sender: 'initiator' | 'acceptor' | undefined, sentByAcceptor: boolean): void {
  if ((sender === 'acceptor') === sentByAcceptor) return;
  throw new FtpSecurityError('security/wrong-direction', 'reflected token: its direction is that of our own tokens');
}

/**
 * Whether a body ends in valid padding: 1 to `blockSize` octets, each equal to their number. The time it takes does not depend on
 * the padding.
 */
function isPadded(body: Uint8Array, blockSize: number): boolean {
  const count = body.at(-1)!;
  // Negative if the count is out of range.
  let wrong = (count - 1) | (blockSize - count);
  wrong &= ~0x7fffffff;
  for (let i = 1; i <= blockSize; i++) {
    const counted = (i - 1 - count) >> 31;
    wrong |= counted & (body[body.length - i]! ^ count);
  }
  return wrong === 0;
}

/** Makes a GetMIC token for `text` (RFC 1964 §1.2.1). */
export function buildRfc1964Mic(
  key: Rfc1964Key,
  sentByAcceptor: boolean,
  sequence: bigint,
  text: Uint8Array,
): Uint8Array {
  const [signing, checksumOf] = [...key.micSigning][0]!;
  const header = concat(u16be(MIC_TOKEN_ID), u16be(signing), u16be(FILLER), u16be(FILLER));
  const checksum = checksumOf(concat(header, text));
  const numberField = formatSequence(key, sequence, sentByAcceptor);
  return formatFrame(concat(header, key.encryptSequence(numberField, checksum), checksum));
}

/**
 * Verifies a GetMIC token and returns its sequence number, which the caller checks.
 * @param sentByAcceptor  the direction that the token must have
 * @throws FtpSecurityError `security/bad-token`, `security/wrong-direction`, `security/bad-checksum`
 */
export function verifyRfc1964Mic(
  key: Rfc1964Key,
  sentByAcceptor: boolean,
  token: Uint8Array,
  text: Uint8Array,
): bigint {
  const { kind } = readTokenHeader(token);
  if (kind !== 'rfc1964-mic') throw badToken(`expected a GetMIC token, got one of kind ${kind}`);
  const content = token.subarray(openFrame(token));
  if (content.length !== AT.checksum + key.checksumLength) throw badToken('GetMIC token with a wrong length');
  const checksumOf = key.micSigning.get(viewOf(content).getUint16(AT.signing));
  if (checksumOf === undefined) throw badToken('SGN_ALG does not fit the key of the context');
  const checksum = content.subarray(AT.checksum);
  const numberField = key.decryptSequence(content.subarray(AT.sequence, AT.checksum), checksum);
  const { sequence, sender } = readSequence(key, numberField);
  const isMatch = equalConstantTime(checksumOf(concat(content.subarray(0, AT.sequence), text)), checksum);
  if (!isMatch || sender === undefined) {
    throw badChecksum('wrong checksum or sequence number in the GetMIC token');
  }
  assertDirection(sender, sentByAcceptor);
  return sequence;
}
