/** The headers of per-message tokens (RFC 4121 §4.2, RFC 1964 §1.2): what a token is, before any key is used. */
import { viewOf } from '../../../bytes.js';
import { badToken, FtpSecurityError } from '../../../errors.js';
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
export const HEADER = 16;
export const FILLER = 0xff;
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

/**
 * What a per-message token says about itself. Nothing of it has been verified.
 * @throws FtpSecurityError `security/bad-token` when it is not a per-message token, or too short for its header
 */
export function readTokenHeader(token: Uint8Array): TokenHeader {
  const framed = FRAMED_TOKEN_IDS.get(framedId(token));
  if (framed !== undefined) return { kind: framed };
  const kind = TOKEN_IDS.get(token.length < 2 ? -1 : viewOf(token).getUint16(0));
  if (kind === undefined) throw badToken('not a per-message token of Kerberos V5');
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

/** @throws FtpSecurityError `security/wrong-direction`, `bad-token` */
export function assertSender(header: Sender, { sentByAcceptor, acceptorSubkey }: Sender): void {
  if (header.sentByAcceptor !== sentByAcceptor) {
    throw new FtpSecurityError('security/wrong-direction', 'SentByAcceptor says that the token comes from our side');
  }
  if (header.acceptorSubkey !== acceptorSubkey) {
    throw badToken(`AcceptorSubkey is ${header.acceptorSubkey ? 'set' : 'clear'}, against what the context says`);
  }
}

/** The TOK_ID after the frame of RFC 2743 §3.1; -1 when there is none. */
function framedId(token: Uint8Array): number {
  if (mechanismOf(token) !== 'kerberos') return -1;
  const mechanism = token[1]! < 0x80 ? 2 : 2 + (token[1]! & 0x7f);
  const at = mechanism + 11;
  return token.length < at + 2 ? -1 : viewOf(token).getUint16(at);
}
