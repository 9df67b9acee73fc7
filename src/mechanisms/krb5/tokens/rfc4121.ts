/**
 * Per-message tokens of RFC 4121 §4.2. Wrap tokens: a header in clear, then text and checksum, or the encrypted text. Tokens of
 * GSS_GetMIC: a header, and a checksum over a text that is not in the token.
 */
import { concat, copy, equalConstantTime, u64be, viewOf } from '../../../bytes.js';
import { badToken, FtpSecurityError } from '../../../errors.js';
import type { Enctype, KerberosKey } from '../crypto/enctypes.js';
import {
  assertSender,
  FILLER,
  FLAG,
  HEADER,
  type Opened,
  readTokenHeader,
  type Sender,
  type TokenHeader,
  type WrapHeader,
} from './token-header.js';

const REFUSALS: Record<Exclude<TokenHeader['kind'], 'wrap'>, string> = {
  mic: 'expected a Wrap token, got a GetMIC token, which holds no text',
  deletion: 'expected a Wrap token, got a context deletion token',
  'rfc1964-wrap': 'a Wrap token of RFC 1964, where this key makes tokens of RFC 4121',
  'rfc1964-mic': 'a GetMIC token of RFC 1964, which holds no text',
  'rfc1964-deletion': 'a context deletion token of RFC 1964',
};

/** KG-USAGE-ACCEPTOR-SEAL and KG-USAGE-INITIATOR-SEAL: of all Wrap tokens, sealed or not (§2). */
const USAGE = { acceptor: 22, initiator: 24 } as const;

/**
 * Makes a Wrap token, not rotated. It is `wrapOverhead` octets longer than the plaintext.
 * @param confounder  for vectors only; random unless given
 */
export function buildWrapToken(
  key: KerberosKey,
  { sentByAcceptor, acceptorSubkey, sealed, sequence }: Sender & Omit<Opened, 'plaintext'>,
  plaintext: Uint8Array,
  confounder?: Uint8Array,
): Uint8Array {
  const flags =
    (sentByAcceptor ? FLAG.sentByAcceptor : 0) |
    (sealed ? FLAG.sealed : 0) |
    (acceptorSubkey ? FLAG.acceptorSubkey : 0);
  const usage = usageOf(sentByAcceptor);
  const header = concat(Uint8Array.of(0x05, 0x04, flags, FILLER, 0, 0, 0, 0), u64be(sequence));
  const covered = concat(plaintext, header);
  if (sealed) return concat(header, key.encrypt(usage, covered, confounder));
  // The checksum is made while EC is zero (§4.2.4); covered is a copy.
  viewOf(header).setUint16(4, key.enctype.checksumLength);
  return concat(header, plaintext, key.checksum(usage, covered));
}

/** By how many octets a Wrap token is longer than its plaintext. */
export function wrapOverhead(enctype: Enctype, sealed: boolean): number {
  const { checksumLength, confounderLength } = enctype;
  return sealed ? HEADER + confounderLength + HEADER + checksumLength : HEADER + checksumLength;
}

/**
 * Opens a Wrap token and verifies it; whether its sequence number may come is not looked at.
 * @param sender  what its flags must say. Unknown flags are ignored (§4.2.2), but covered by the checksum
 * @throws FtpSecurityError `security/bad-token`, `security/wrong-direction`, `security/bad-checksum`
 */
export function openWrapToken(key: KerberosKey, sender: Sender, token: Uint8Array): Opened {
  const header = readTokenHeader(token);
  if (header.kind !== 'wrap') throw badToken(REFUSALS[header.kind]);
  assertSender(header, sender);
  const body = unrotate(token.subarray(HEADER), header.rrc);
  const plaintext = header.sealed ? unseal(key, token, header, body) : verify(key, token, header, body);
  return { plaintext, sealed: header.sealed, sequence: header.sequence };
}

function unseal(key: KerberosKey, token: Uint8Array, header: WrapHeader, body: Uint8Array): Uint8Array {
  const whole = key.decrypt(usageOf(header.sentByAcceptor), body);
  const end = whole.length - header.ec - HEADER;
  if (end < 0) throw badToken('EC counts more filler than there is');
  // In the sealed copy of the header RRC is zero, EC is not (§4.2.4).
  if (!equalConstantTime(whole.subarray(-HEADER), headerWithout(token, 6, 8))) {
    throw new FtpSecurityError('security/bad-checksum', 'the header is not the one that was sealed');
  }
  return copy(whole, 0, end);
}

function verify(key: KerberosKey, token: Uint8Array, header: WrapHeader, body: Uint8Array): Uint8Array {
  const { checksumLength, name } = key.enctype;
  const end = body.length - checksumLength;
  if (header.ec !== checksumLength) throw badToken(`EC is ${header.ec}, and ${name} has ${checksumLength}`);
  if (end < 0) throw badToken('too short for its checksum');
  const plaintext = copy(body, 0, end);
  // EC and RRC are zero for the checksum (§4.2.4).
  const computed = key.checksum(usageOf(header.sentByAcceptor), concat(plaintext, headerWithout(token, 4, 8)));
  if (!equalConstantTime(computed, body.subarray(end))) {
    throw new FtpSecurityError('security/bad-checksum', 'checksum mismatch in the token');
  }
  return plaintext;
}

/** The header, with the octets from `start` up to `end` zero. */
function headerWithout(token: Uint8Array, start: number, end: number): Uint8Array {
  return copy(token, 0, HEADER).fill(0, start, end);
}

/** Any count is good, also one greater than the length (§4.2.5). */
function unrotate(body: Uint8Array, rrc: number): Uint8Array {
  const count = body.length === 0 ? 0 : rrc % body.length;
  return count === 0 ? body : concat(body.subarray(count), body.subarray(0, count));
}

function usageOf(sentByAcceptor: boolean): number {
  return sentByAcceptor ? USAGE.acceptor : USAGE.initiator;
}

/** KG-USAGE-ACCEPTOR-SIGN and KG-USAGE-INITIATOR-SIGN (§2). */
const MIC_USAGE = { acceptor: 23, initiator: 25 } as const;

export function buildMicToken(key: KerberosKey, sender: Sender, sequence: bigint, text: Uint8Array): Uint8Array {
  const flags = (sender.sentByAcceptor ? FLAG.sentByAcceptor : 0) | (sender.acceptorSubkey ? FLAG.acceptorSubkey : 0);
  const header = concat(Uint8Array.of(0x04, 0x04, flags, 0xff, 0xff, 0xff, 0xff, 0xff), u64be(sequence));
  return concat(header, key.checksum(micUsageOf(sender), concat(text, header)));
}

/**
 * Verifies a token, and gives its sequence number; whether that may come is not looked at.
 * @param sender  what its flags must say
 * @throws FtpSecurityError `security/bad-token`, `security/wrong-direction`, `security/bad-checksum`
 */
export function verifyMicToken(key: KerberosKey, sender: Sender, token: Uint8Array, text: Uint8Array): bigint {
  const header = readTokenHeader(token);
  if (header.kind !== 'mic') {
    throw badToken(`expected a GetMIC token, got one of kind ${header.kind}`);
  }
  assertSender(header, sender);
  const computed = key.checksum(micUsageOf(sender), concat(text, token.subarray(0, HEADER)));
  if (!equalConstantTime(computed, token.subarray(HEADER))) {
    throw new FtpSecurityError('security/bad-checksum', 'checksum mismatch in the token');
  }
  return header.sequence;
}

function micUsageOf({ sentByAcceptor }: Sender): number {
  return sentByAcceptor ? MIC_USAGE.acceptor : MIC_USAGE.initiator;
}
