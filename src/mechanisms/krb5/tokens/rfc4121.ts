/**
 * Wrap tokens of RFC 4121 §4.2: a header in clear, then text and checksum, or the encrypted text. The other per-message
 * tokens are told apart from them and refused.
 */
import { concat, copy, equalConstantTime, u64be, viewOf } from '../../../bytes.js';
import { badToken, FtpSecurityError } from '../../../errors.js';
import type { Enctype, KerberosKey } from '../crypto/enctypes.js';
import { mechanismOf } from '../messages/gss-framing.js';

/** Who protects: the flags that do not change during a context (RFC 4121 §4.2.2). */
export interface Sender {
  sentByAcceptor: boolean;
  /** The key is a subkey that the acceptor asserted. */
  acceptorSubkey: boolean;
}

export interface WrapHeader extends Sender {
  kind: 'wrap';
  /** With confidentiality. */
  sealed: boolean;
  /** Extra count: octets of filler when sealed, of checksum when not (§4.2.3). */
  ec: number;
  /** Right rotation count (§4.2.5). */
  rrc: number;
  sequence: bigint;
}

/** Of GSS_GetMIC (§4.2.6.1), which holds no text; or of a context deletion token, which has the same layout. */
export interface MicHeader extends Sender {
  kind: 'mic' | 'deletion';
  sequence: bigint;
}

/** A token in the frame of RFC 1964 §1.2. */
export interface FramedHeader {
  kind: 'rfc1964-wrap' | 'rfc1964-mic' | 'rfc1964-deletion';
}

export type TokenHeader = WrapHeader | MicHeader | FramedHeader;

export interface Opened {
  plaintext: Uint8Array;
  sealed: boolean;
  sequence: bigint;
}

/** Header of both layouts, in octets. */
const HEADER = 16;
const FILLER = 0xff;
export const FLAG = { sentByAcceptor: 1, sealed: 2, acceptorSubkey: 4 } as const;

/** TOK_ID (§4.2.6). RFC 4121 has no deletion token, but MIT's libraries used to send this one. */
const TOKEN_IDS = new Map<number, 'wrap' | 'mic' | 'deletion'>([
  [0x0504, 'wrap'],
  [0x0404, 'mic'],
  [0x0405, 'deletion'],
]);

/** TOK_ID inside the frame (RFC 1964 §1.2.1 to §1.2.3). */
const FRAMED_TOKEN_IDS = new Map<number, FramedHeader['kind']>([
  [0x0201, 'rfc1964-wrap'],
  [0x0101, 'rfc1964-mic'],
  [0x0102, 'rfc1964-deletion'],
]);

const REFUSALS: Record<Exclude<TokenHeader['kind'], 'wrap'>, string> = {
  mic: 'a GetMIC token, which holds no text, where a Wrap token is owed',
  deletion: 'a context deletion token where a Wrap token is owed',
  'rfc1964-wrap': 'a Wrap token of RFC 1964, where this key makes tokens of RFC 4121',
  'rfc1964-mic': 'a GetMIC token of RFC 1964, which holds no text',
  'rfc1964-deletion': 'a context deletion token of RFC 1964',
};

/** KG-USAGE-ACCEPTOR-SEAL and KG-USAGE-INITIATOR-SEAL: of all Wrap tokens, sealed or not (§2). */
const USAGE = { acceptor: 22, initiator: 24 } as const;

/**
 * What a per-message token says about itself. Nothing of it has been verified.
 * @throws FtpSecurityError `security/bad-token` when it is none, or too short for its header
 */
export function readTokenHeader(token: Uint8Array): TokenHeader {
  const framed = FRAMED_TOKEN_IDS.get(framedId(token));
  if (framed !== undefined) return { kind: framed };
  const kind = TOKEN_IDS.get(token.length < 2 ? -1 : viewOf(token).getUint16(0));
  if (kind === undefined) throw badToken('no per-message token of Kerberos V5');
  if (token.length < HEADER) throw badToken(`${token.length} octets, and the header has ${HEADER}`);
  const fillerEnd = kind === 'wrap' ? 4 : 8;
  for (let at = 3; at < fillerEnd; at++) {
    if (token[at] !== FILLER) throw badToken('filler is not FF', { offset: at });
  }
  const view = viewOf(token);
  const flags = token[2]!;
  const sender = {
    sentByAcceptor: (flags & FLAG.sentByAcceptor) !== 0,
    acceptorSubkey: (flags & FLAG.acceptorSubkey) !== 0,
  };
  const sequence = view.getBigUint64(8);
  if (kind !== 'wrap') return { kind, ...sender, sequence };
  const sealed = (flags & FLAG.sealed) !== 0;
  return { kind, ...sender, sealed, ec: view.getUint16(4), rrc: view.getUint16(6), sequence };
}

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

/** @throws FtpSecurityError `security/wrong-direction`, `bad-token` */
export function assertSender(header: Sender, { sentByAcceptor, acceptorSubkey }: Sender): void {
  if (header.sentByAcceptor !== sentByAcceptor) {
    throw new FtpSecurityError('security/wrong-direction', 'SentByAcceptor says that the token comes from our side');
  }
  if (header.acceptorSubkey !== acceptorSubkey) {
    throw badToken(`AcceptorSubkey is ${header.acceptorSubkey ? 'set' : 'clear'}, against what the context says`);
  }
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
    throw new FtpSecurityError('security/bad-checksum', 'the checksum of the token does not hold');
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

/** The TOK_ID after the frame of RFC 2743 §3.1; -1 when there is none. */
function framedId(token: Uint8Array): number {
  if (mechanismOf(token) !== 'kerberos') return -1;
  const mechanism = token[1]! < 0x80 ? 2 : 2 + (token[1]! & 0x7f);
  const at = mechanism + 11;
  return token.length < at + 2 ? -1 : viewOf(token).getUint16(at);
}
