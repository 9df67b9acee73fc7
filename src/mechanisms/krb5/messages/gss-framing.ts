/**
 * The tokens that establish a context: the frame of RFC 2743 §3.1, and in it a token id and a Kerberos message (RFC 4121
 * §4.1).
 */
import { assertBytes, concat, fromHex, startsWith, toHex } from '../../../bytes.js';
import { badToken } from '../../../errors.js';
import { APPLICATION, formatDer, formatElement, parseDer, readElement } from '../../der.js';
import { type ApRep, type ApReq, apRep, apReq, type KrbError, krbError } from './kerberos.js';

export type ContextToken =
  | { kind: 'AP-REQ'; message: ApReq }
  | { kind: 'AP-REP'; message: ApRep }
  | { kind: 'KRB-ERROR'; message: KrbError };

/** Object identifiers, each with its tag and length as it is in a frame. */
const MECHANISMS = {
  /** 1.2.840.113554.1.2.2 (RFC 4121 §1) */
  kerberos: fromHex('06092a864886f712010202'),
  /** 1.3.6.1.5.5.2 (RFC 4178 §3.2) */
  spnego: fromHex('06062b0601050502'),
} as const;

type FramedMechanism = keyof typeof MECHANISMS;

/** TOK_ID (RFC 4121 §4.1). */
const TOKEN_IDS = { 'AP-REQ': '0100', 'AP-REP': '0200', 'KRB-ERROR': '0300' } as const;

/** What the first octets of a token say: its mechanism, and where that one's own octets start. */
interface Frame {
  mechanism: FramedMechanism;
  start: number;
}

/** The frame that a token starts with, whole or not; undefined for an unknown mechanism. */
export function frameOf(token: Uint8Array): Frame | undefined {
  if (token[0] !== APPLICATION || token[1] === undefined) return undefined;
  const at = token[1] < 0x80 ? 2 : 2 + (token[1] & 0x7f);
  const names: FramedMechanism[] = ['kerberos', 'spnego'];
  const mechanism = names.find(name => startsWith(token.subarray(at), MECHANISMS[name]));
  return mechanism && { mechanism, start: at + MECHANISMS[mechanism].length };
}

/** The mechanism that a token's frame names; undefined when there is no such frame. */
export function mechanismOf(token: Uint8Array): FramedMechanism | undefined {
  return frameOf(token)?.mechanism;
}

/**
 * A context token of Kerberos, its frame taken off and its message read.
 * @throws FtpSecurityError `security/bad-token`, with the offset in `token`
 */
export function parseContextToken(token: Uint8Array): ContextToken {
  assertBytes(token, 'token');
  const at = openFrame(token);
  const id = toHex(token.subarray(at, at + 2));
  switch (id) {
    case TOKEN_IDS['AP-REQ']:
      return { kind: 'AP-REQ', message: parseDer(apReq, token, at + 2) };
    case TOKEN_IDS['AP-REP']:
      return { kind: 'AP-REP', message: parseDer(apRep, token, at + 2) };
    case TOKEN_IDS['KRB-ERROR']:
      return { kind: 'KRB-ERROR', message: parseDer(krbError, token, at + 2) };
    default:
      throw badToken(`token id ${id || 'missing'}: no AP-REQ, AP-REP or KRB-ERROR`, { offset: at });
  }
}

export function formatContextToken(token: ContextToken): Uint8Array {
  return formatFrame(concat(fromHex(TOKEN_IDS[token.kind]), formatMessage(token)));
}

/** The frame of a mechanism around its own octets; those of Kerberos start with a token id. */
export function formatFrame(inside: Uint8Array, mechanism: FramedMechanism = 'kerberos'): Uint8Array {
  return formatElement(APPLICATION, concat(MECHANISMS[mechanism], inside));
}

/**
 * Checks the frame around a whole token, and gives where the mechanism's own octets start.
 * @throws FtpSecurityError `security/bad-token`, with the offset in `token`
 */
export function openFrame(token: Uint8Array, mechanism: FramedMechanism = 'kerberos'): number {
  if (token[0] !== APPLICATION) throw badToken('no GSS-API frame: the first octet is not 60', { offset: 0 });
  const { start, end } = readElement(token, 0, token.length);
  if (end !== token.length) throw badToken('octets after the GSS-API frame', { offset: end });
  const frame = frameOf(token);
  if (frame === undefined) throw badToken('the mechanism is not Kerberos', { offset: start });
  if (frame.mechanism !== mechanism)
    throw badToken('a token of SPNEGO (RFC 4178) where one of Kerberos is expected', { offset: start });
  return frame.start;
}

function formatMessage(token: ContextToken): Uint8Array {
  switch (token.kind) {
    case 'AP-REQ':
      return formatDer(apReq, token.message);
    case 'AP-REP':
      return formatDer(apRep, token.message);
    case 'KRB-ERROR':
      return formatDer(krbError, token.message);
  }
}
