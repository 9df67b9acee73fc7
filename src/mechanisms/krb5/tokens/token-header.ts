/** The headers of per-message tokens, which can be read without a key (RFC 4121 §4.2, RFC 1964 §1.2). */
import { u16beAt, u64beAt } from '../../../bytes.js';
import { badToken, FtpSecurityError } from '../../../errors.js';
import { mechanismOf } from '../messages/gss-framing.js';

/** The flags that are the same in all tokens of one sender (RFC 4121 §4.2.2). */
export interface Sender {
  /** Whether the acceptor sent the token. */
  sentByAcceptor: boolean;
  /** Whether the key is the acceptor's subkey. */
  acceptorSubkey: boolean;
}

/** The header of a Wrap token of RFC 4121 §4.2.6.2. */
export interface WrapHeader extends Sender {
  /** TOK_ID 05 04. */
  kind: 'wrap';
  /** Whether the token is encrypted. */
  sealed: boolean;
  /** Extra count in octets: the filler of an encrypted token, the checksum of another (RFC 4121 §4.2.3). */
  ec: number;
  /** Right rotation count in octets (RFC 4121 §4.2.5). */
  rrc: number;
  /** SND_SEQ, 64 bits. */
  sequence: bigint;
}

/** The header of a GetMIC token (RFC 4121 §4.2.6.1), or of a context deletion token, which has the same layout. */
export interface MicHeader extends Sender {
  /** TOK_ID 04 04, or 04 05 for a deletion token. */
  kind: 'mic' | 'deletion';
  /** SND_SEQ, 64 bits. */
  sequence: bigint;
}

/** A token of RFC 1964 §1.2, whose sequence number can't be read without the key. */
export interface Rfc1964Header {
  /** TOK_ID 02 01, 01 01 or 01 02. */
  kind: 'rfc1964-wrap' | 'rfc1964-mic' | 'rfc1964-deletion';
}

/** The header of any per-message token; `kind` distinguishes them. */
export type TokenHeader = WrapHeader | MicHeader | Rfc1964Header;

/** A verified Wrap token. */
export interface Opened {
  plaintext: Uint8Array;
  sealed: boolean;
  sequence: bigint;
}

/** Length of a header of RFC 4121, in octets. */
export const HEADER = 16;
export const FILLER = 0xff;
export const FLAG = { sentByAcceptor: 1, sealed: 2, acceptorSubkey: 4 } as const;

export const WRAP_ID = 0x0504;
export const MIC_ID = 0x0404;

/** TOK_ID (RFC 4121 §4.2.6). RFC 4121 has no deletion token, but old versions of MIT Kerberos send this one. */
const TOKEN_IDS = new Map<number, 'wrap' | 'mic' | 'deletion'>([
  [WRAP_ID, 'wrap'],
  [MIC_ID, 'mic'],
  [0x0405, 'deletion'],
]);

/** The first octet of a frame (RFC 2743 §3.1). */
const FRAME_TAG = 0x60;

/** TOK_ID after the frame (RFC 1964 §1.2.1 to §1.2.3). */
const RFC1964_TOKEN_IDS = new Map<number, Rfc1964Header['kind']>([
  [0x0201, 'rfc1964-wrap'],
  [0x0101, 'rfc1964-mic'],
  [0x0102, 'rfc1964-deletion'],
]);

/**
 * Reads the header of a per-message token. Nothing in it has been verified.
 * @throws FtpSecurityError `security/bad-token` if it is not a per-message token of Kerberos V5, or its header is malformed
 */
export function readTokenHeader(token: Uint8Array): TokenHeader {
  const rfc1964Kind = token[0] === FRAME_TAG ? RFC1964_TOKEN_IDS.get(rfc1964TokenId(token)) : undefined;
  if (rfc1964Kind !== undefined) return { kind: rfc1964Kind };
  const kind = TOKEN_IDS.get(u16beAt(token, 0));
  if (kind === undefined) throw badToken('not a per-message token of Kerberos V5');
  if (token.length < HEADER) throw badToken(`token of ${token.length} octets, but its header alone has ${HEADER}`);
  const fillerEnd = kind === 'wrap' ? 4 : 8;
  for (let at = 3; at < fillerEnd; at++) {
    if (token[at] !== FILLER) throw badToken('the filler of the token header is not FF', { offset: at });
  }
  const flags = token[2]!;
  const sentByAcceptor = (flags & FLAG.sentByAcceptor) !== 0;
  const acceptorSubkey = (flags & FLAG.acceptorSubkey) !== 0;
  const sequence = u64beAt(token, 8);
  if (kind !== 'wrap') return { kind, sentByAcceptor, acceptorSubkey, sequence };
  const sealed = (flags & FLAG.sealed) !== 0;
  return { kind, sentByAcceptor, acceptorSubkey, sealed, ec: u16beAt(token, 4), rrc: u16beAt(token, 6), sequence };
}

/** @throws FtpSecurityError `security/wrong-direction`, `security/bad-token` */
export function assertSender(header: Sender, { sentByAcceptor, acceptorSubkey }: Sender): void {
  if (header.sentByAcceptor !== sentByAcceptor) {
    throw new FtpSecurityError('security/wrong-direction', 'reflected token: SentByAcceptor is that of our own tokens');
  }
  if (header.acceptorSubkey !== acceptorSubkey) {
    throw badToken(`AcceptorSubkey must be ${acceptorSubkey ? 'set' : 'clear'} in the tokens of this context`);
  }
}

/** The TOK_ID after the frame of RFC 2743 §3.1; -1 if there is no frame. */
function rfc1964TokenId(token: Uint8Array): number {
  if (mechanismOf(token) !== 'kerberos') return -1;
  const oidStart = token[1]! < 0x80 ? 2 : 2 + (token[1]! & 0x7f);
  const at = oidStart + 11;
  return u16beAt(token, at);
}
