/**
 * Per-message tokens of RFC 1964 §1.2 and RFC 4757 §7.2 and §7.3: the frame of RFC 2743 §3.1, a header, the encrypted sequence
 * number and a checksum; in Wrap tokens then a body of confounder, text and padding, sealed or not. Tokens of GSS_GetMIC have
 * no body.
 */
import { randomBytes } from '@noble/hashes/utils.js';
import { concat, copy, equalConstantTime, u32be, viewOf } from '../../../bytes.js';
import { badToken, FtpSecurityError } from '../../../errors.js';
import { formatFrame, openFrame } from '../messages/gss-framing.js';
import type { Rfc1964Key } from './rfc1964-keys.js';
import { type Opened, readTokenHeader, type TokenHeader } from './token-header.js';

/** Where the parts are, counted from TOK_ID. */
const AT = { signing: 2, sealing: 4, filler: 6, sequence: 8, checksum: 16 } as const;
const WRAP_TOKEN_ID = 0x0201;
const MIC_TOKEN_ID = 0x0101;
const NOT_SEALED = 0xffff;
const FILLER = 0xffff;
const CONFOUNDER = 8;
/** Tag and object identifier: what a frame has besides its length and its contents. */
const FRAME = 12;

const REFUSALS: Record<Exclude<TokenHeader['kind'], 'rfc1964-wrap'>, string> = {
  'rfc1964-mic': 'expected a Wrap token, got a GetMIC token, which holds no text',
  'rfc1964-deletion': 'expected a Wrap token, got a context deletion token',
  wrap: 'a Wrap token of RFC 4121, where this key makes tokens of RFC 1964',
  mic: 'a GetMIC token of RFC 4121, which holds no text',
  deletion: 'a context deletion token',
};

/**
 * Makes a Wrap token.
 * @param confounder  8 octets, for vectors only; random unless given
 */
export function buildRfc1964Wrap(
  key: Rfc1964Key,
  { sentByAcceptor, sealed, sequence }: { sentByAcceptor: boolean } & Omit<Opened, 'plaintext'>,
  plaintext: Uint8Array,
  confounder: Uint8Array = randomBytes(CONFOUNDER),
): Uint8Array {
  const [signing, checksumOf] = [...key.signing][0]!;
  const header = concat(u16be(WRAP_TOKEN_ID), u16be(signing), u16be(sealed ? key.sealing : NOT_SEALED), u16be(FILLER));
  const padding = key.blockSize - (plaintext.length % key.blockSize);
  const body = concat(confounder, plaintext, new Uint8Array(padding).fill(padding));
  const checksum = checksumOf(concat(header, body));
  const numbered = sequenceField(key, sequence, sentByAcceptor);
  const sent = sealed ? key.seal(body, numbered) : body;
  return formatFrame(concat(header, key.encryptSequence(numbered, checksum), checksum, sent));
}

/** The longest plaintext whose token has at most `maxToken` octets; 0 when there is none. */
export function rfc1964SizeLimit({ checksumLength, blockSize }: Rfc1964Key, maxToken: number): number {
  const besides = FRAME + AT.checksum + checksumLength + CONFOUNDER;
  let longest = 0;
  // The length in the frame takes 1 to 5 octets; a shorter one has a limit of its own (X.690 §8.1.3).
  for (let size = 1; size <= 5; size++) {
    const counted = size === 1 ? 0x7f : 256 ** (size - 1) - 1;
    const room = Math.min(maxToken - besides - size, counted - (besides - 1));
    // One octet of padding at least.
    longest = Math.max(longest, Math.floor(room / blockSize) * blockSize - 1);
  }
  return longest;
}

/**
 * Opens a Wrap token and verifies it; whether its sequence number may come is not looked at. Padding, checksum and sequence
 * number are all looked at before one of them is refused, and the error does not say which.
 * @param sentByAcceptor  what its direction must say
 * @throws FtpSecurityError `security/bad-token`, `security/wrong-direction`, `security/bad-checksum`
 */
export function openRfc1964Wrap(key: Rfc1964Key, sentByAcceptor: boolean, token: Uint8Array): Opened {
  const { kind } = readTokenHeader(token);
  if (kind !== 'rfc1964-wrap') throw badToken(REFUSALS[kind]);
  const inside = token.subarray(openFrame(token));
  const { checksumOf, sealed, bodyStart } = readHeader(key, inside);
  const checksum = inside.subarray(AT.checksum, bodyStart);
  const numbered = key.decryptSequence(inside.subarray(AT.sequence, AT.checksum), checksum);
  const sent = inside.subarray(bodyStart);
  const body = sealed ? key.unseal(sent, numbered) : sent;
  const { sequence, sender } = readSequence(key, numbered);
  const checks = [
    equalConstantTime(checksumOf(concat(inside.subarray(0, AT.sequence), body)), checksum),
    isPadded(body, key.blockSize),
    sender !== undefined,
  ];
  if (checks.includes(false)) {
    throw new FtpSecurityError('security/bad-checksum', 'the checksum, the padding or the sequence number is wrong');
  }
  assertDirection(sender, sentByAcceptor);
  return { plaintext: copy(body, CONFOUNDER, body.length - body.at(-1)!), sealed, sequence };
}

/** What can be read without a key. */
interface FramedParts {
  checksumOf: (data: Uint8Array) => Uint8Array;
  sealed: boolean;
  bodyStart: number;
}

function readHeader(key: Rfc1964Key, inside: Uint8Array): FramedParts {
  const bodyStart = AT.checksum + key.checksumLength;
  const bodyLength = inside.length - bodyStart;
  if (bodyLength < CONFOUNDER + key.blockSize || bodyLength % key.blockSize !== 0) {
    throw badToken('no whole number of blocks, or too short for a confounder and padding');
  }
  const view = viewOf(inside);
  const sealing = view.getUint16(AT.sealing);
  const checksumOf = key.signing.get(view.getUint16(AT.signing));
  if (checksumOf === undefined) throw badToken('SGN_ALG is not one of this key');
  if (sealing !== key.sealing && sealing !== NOT_SEALED) throw badToken('SEAL_ALG is not that of this key');
  if (view.getUint16(AT.filler) !== FILLER) throw badToken('filler is not FFFF');
  return { checksumOf, sealed: sealing !== NOT_SEALED, bodyStart };
}

/** The plaintext of SND_SEQ: the number, and four octets of direction (RFC 1964 §1.2.1.2). */
function sequenceField({ littleEndian }: Rfc1964Key, sequence: bigint, sentByAcceptor: boolean): Uint8Array {
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
  throw new FtpSecurityError('security/wrong-direction', 'the direction says that the token comes from our side');
}

/** Whether a body ends in 1 to `blockSize` octets that count themselves; the time does not tell how many there are. */
function isPadded(body: Uint8Array, blockSize: number): boolean {
  const count = body.at(-1)!;
  // Negative where the count is out of range.
  let wrong = (count - 1) | (blockSize - count);
  wrong &= ~0x7fffffff;
  for (let i = 1; i <= blockSize; i++) {
    const counted = (i - 1 - count) >> 31;
    wrong |= counted & (body[body.length - i]! ^ count);
  }
  return wrong === 0;
}

function u16be(value: number): Uint8Array {
  return Uint8Array.of(value >>> 8, value);
}

export function buildRfc1964Mic(
  key: Rfc1964Key,
  sentByAcceptor: boolean,
  sequence: bigint,
  text: Uint8Array,
): Uint8Array {
  const [signing, checksumOf] = [...key.signingAlone][0]!;
  const header = concat(u16be(MIC_TOKEN_ID), u16be(signing), u16be(FILLER), u16be(FILLER));
  const checksum = checksumOf(concat(header, text));
  const numbered = sequenceField(key, sequence, sentByAcceptor);
  return formatFrame(concat(header, key.encryptSequence(numbered, checksum), checksum));
}

/**
 * Verifies a token, and gives its sequence number; whether that may come is not looked at.
 * @param sentByAcceptor  what its direction must say
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
  const inside = token.subarray(openFrame(token));
  if (inside.length !== AT.checksum + key.checksumLength) throw badToken('a GetMIC token of another length');
  const checksumOf = key.signingAlone.get(viewOf(inside).getUint16(AT.signing));
  if (checksumOf === undefined) throw badToken('SGN_ALG is not one of this key');
  const checksum = inside.subarray(AT.checksum);
  const numbered = key.decryptSequence(inside.subarray(AT.sequence, AT.checksum), checksum);
  const { sequence, sender } = readSequence(key, numbered);
  const holds = equalConstantTime(checksumOf(concat(inside.subarray(0, AT.sequence), text)), checksum);
  if (!holds || sender === undefined) {
    throw new FtpSecurityError('security/bad-checksum', 'the checksum or the sequence number is wrong');
  }
  assertDirection(sender, sentByAcceptor);
  return sequence;
}
