/**
 * Per-message tokens of RFC 4121 §4.2; sections here are its own. A Wrap token has a clear header, then either plaintext and
 * checksum, or the encrypted plaintext. A GetMIC token has a header and a checksum of a text that is not in the token.
 */
import { concat, copy, setU64be } from '../../../bytes.js';
import { badChecksum, badToken } from '../../../errors.js';
import type { Enctype } from '../crypto/enctypes.js';
import type { KerberosKey } from '../crypto/kerberos-key.js';
import {
  assertSender,
  FILLER,
  FLAG,
  HEADER,
  MIC_ID,
  type Opened,
  readTokenHeader,
  type Sender,
  type TokenHeader,
  WRAP_ID,
  type WrapHeader,
} from './token-header.js';

const NOT_A_WRAP_TOKEN: Record<Exclude<TokenHeader['kind'], 'wrap'>, string> = {
  mic: 'expected a Wrap token, got a GetMIC token',
  deletion: 'expected a Wrap token, got a context deletion token',
  'rfc1964-wrap': 'expected a Wrap token of RFC 4121, got one of RFC 1964',
  'rfc1964-mic': 'expected a Wrap token of RFC 4121, got a GetMIC token of RFC 1964',
  'rfc1964-deletion': 'expected a Wrap token, got a context deletion token',
};

/** KG-USAGE-ACCEPTOR-SEAL and KG-USAGE-INITIATOR-SEAL, for all Wrap tokens, encrypted or not (§2). */
const WRAP_USAGE = { acceptor: 22, initiator: 24 } as const;

/** KG-USAGE-ACCEPTOR-SIGN and KG-USAGE-INITIATOR-SIGN (§2). */
const MIC_USAGE = { acceptor: 23, initiator: 25 } as const;

/**
 * Makes a Wrap token with a rotation count of zero. It is `wrapOverhead` octets longer than the plaintext.
 * @param confounder  default random; only test vectors give it
 */
export function buildWrapToken(
  key: KerberosKey,
  { sentByAcceptor, acceptorSubkey, sealed, sequence }: Sender & Omit<Opened, 'plaintext'>,
  plaintext: Uint8Array,
  confounder?: Uint8Array,
): Uint8Array {
  const { checksumLength } = key.enctype;
  const usage = wrapUsageOf(sentByAcceptor);
  const flags = flagsOf({ sentByAcceptor, acceptorSubkey }) | (sealed ? FLAG.sealed : 0);
  const token = new Uint8Array(plaintext.length + wrapOverhead(key.enctype, sealed));
  const header = new Uint8Array(HEADER);
  writeHeader(header, WRAP_ID, flags, 0, sequence);
  token.set(header);
  if (sealed) {
    key.encryptInto(token, HEADER, usage, [plaintext, header], confounder);
    return token;
  }
  token.set(plaintext, HEADER);
  key.checksumInto(token, HEADER + plaintext.length, usage, [plaintext, header]);
  // The checksum covers a header whose EC is zero (§4.2.4).
  token[4] = checksumLength >> 8;
  token[5] = checksumLength;
  return token;
}

function flagsOf({ sentByAcceptor, acceptorSubkey }: Sender): number {
  return (sentByAcceptor ? FLAG.sentByAcceptor : 0) | (acceptorSubkey ? FLAG.acceptorSubkey : 0);
}

/**
 * Writes a header to the start of a token.
 * @param rest  each of the octets between filler and sequence number: EC and RRC, or more filler
 */
function writeHeader(token: Uint8Array, id: number, flags: number, rest: number, sequence: bigint): void {
  token[0] = id >> 8;
  token[1] = id;
  token[2] = flags;
  token[3] = FILLER;
  for (let at = 4; at < 8; at++) token[at] = rest;
  setU64be(token, 8, sequence);
}

/** The number of octets by which a Wrap token is longer than its plaintext. */
export function wrapOverhead(enctype: Enctype, sealed: boolean): number {
  const { checksumLength, confounderLength } = enctype;
  return sealed ? HEADER + confounderLength + HEADER + checksumLength : HEADER + checksumLength;
}

/**
 * Verifies and opens a Wrap token; the caller checks its sequence number.
 * @param sender  what the flags must say. Unknown flags are ignored (§4.2.2), but the checksum covers them
 * @throws FtpSecurityError `security/bad-token`, `security/wrong-direction`, `security/bad-checksum`
 */
export function openWrapToken(key: KerberosKey, sender: Sender, token: Uint8Array): Opened {
  const header = readTokenHeader(token);
  if (header.kind !== 'wrap') throw badToken(NOT_A_WRAP_TOKEN[header.kind]);
  assertSender(header, sender);
  const unrotated = unrotate(token, header.rrc);
  const plaintext = header.sealed ? unseal(key, header, unrotated) : verify(key, header, unrotated);
  return { plaintext, sealed: header.sealed, sequence: header.sequence };
}

function unseal(key: KerberosKey, header: WrapHeader, token: Uint8Array): Uint8Array {
  return key.decryptTo(wrapUsageOf(header.sentByAcceptor), token, HEADER, (octets, start, decryptedEnd) => {
    const copyStart = decryptedEnd - HEADER;
    const end = copyStart - header.ec;
    if (end < start) throw badToken(`EC is ${header.ec}, more than the filler that the token can contain`);
    if (!isHeaderCopy(token, octets, copyStart)) {
      throw badChecksum('the header differs from its encrypted copy in the Wrap token');
    }
    return copy(octets, start, end);
  });
}

/** Compares the header with its encrypted copy, which has an RRC of zero, but the real EC (§4.2.4). */
function isHeaderCopy(token: Uint8Array, octets: Uint8Array, start: number): boolean {
  let difference = 0;
  for (let i = 0; i < HEADER; i++) {
    const isRrc = i === 6 || i === 7;
    difference |= octets[start + i]! ^ (isRrc ? 0 : token[i]!);
  }
  return difference === 0;
}

function verify(key: KerberosKey, header: WrapHeader, token: Uint8Array): Uint8Array {
  const { checksumLength, name } = key.enctype;
  const end = token.length - checksumLength;
  if (header.ec !== checksumLength) {
    throw badToken(`EC is ${header.ec}, but a checksum of ${name} has ${checksumLength} octets`);
  }
  if (end < HEADER) throw badToken('Wrap token too short for its checksum');
  const plaintext = copy(token, HEADER, end);
  // EC and RRC are zero for the checksum (§4.2.4).
  const covered = new Uint8Array(HEADER);
  for (let i = 0; i < HEADER; i++) covered[i] = i >= 4 && i < 8 ? 0 : token[i]!;
  if (!key.checksumMatches(wrapUsageOf(header.sentByAcceptor), [plaintext, covered], token, end)) {
    throw badChecksum('checksum mismatch in the Wrap token');
  }
  return plaintext;
}

/** The token without the right rotation of what follows its header. The count may be greater than the length (§4.2.5). */
function unrotate(token: Uint8Array, rrc: number): Uint8Array {
  const length = token.length - HEADER;
  const count = length === 0 ? 0 : rrc % length;
  if (count === 0) return token;
  const start = HEADER + count;
  return concat(token.subarray(0, HEADER), token.subarray(start), token.subarray(HEADER, start));
}

function wrapUsageOf(sentByAcceptor: boolean): number {
  return sentByAcceptor ? WRAP_USAGE.acceptor : WRAP_USAGE.initiator;
}

/** Makes a GetMIC token for `text` (§4.2.6.1). */
export function buildMicToken(key: KerberosKey, sender: Sender, sequence: bigint, text: Uint8Array): Uint8Array {
  const header = new Uint8Array(HEADER);
  writeHeader(header, MIC_ID, flagsOf(sender), FILLER, sequence);
  return concat(header, key.checksum(micUsageOf(sender), text, header));
}

/**
 * Verifies a GetMIC token and returns its sequence number, which the caller checks.
 * @param sender  what the flags must say
 * @throws FtpSecurityError `security/bad-token`, `security/wrong-direction`, `security/bad-checksum`
 */
export function verifyMicToken(key: KerberosKey, sender: Sender, token: Uint8Array, text: Uint8Array): bigint {
  const header = readTokenHeader(token);
  if (header.kind !== 'mic') {
    throw badToken(`expected a GetMIC token, got one of kind ${header.kind}`);
  }
  assertSender(header, sender);
  if (!key.checksumMatches(micUsageOf(sender), [text, token.subarray(0, HEADER)], token, HEADER)) {
    throw badChecksum('checksum mismatch in the GetMIC token');
  }
  return header.sequence;
}

function micUsageOf({ sentByAcceptor }: Sender): number {
  return sentByAcceptor ? MIC_USAGE.acceptor : MIC_USAGE.initiator;
}
