/** The tokens that establish a context: the frame of RFC 2743 §3.1 around a TOK_ID and a Kerberos message (RFC 4121 §4.1). */
import { assertBytes, concat, fromHex, startsWith, toHex } from '../../../bytes.js';
import { badToken } from '../../../errors.js';
import { APPLICATION, formatDer, formatElement, parseDer, readElement } from '../../der.js';
import { type ApRep, type ApReq, apRep, apReq, type KrbError, krbError } from './kerberos.js';

export type ContextToken =
  | { kind: 'AP-REQ'; message: ApReq }
  | { kind: 'AP-REP'; message: ApRep }
  | { kind: 'KRB-ERROR'; message: KrbError };

/** Object identifiers with tag and length, as in a frame. */
const MECHANISMS = {
  /** 1.2.840.113554.1.2.2 (RFC 4121 §1) */
  kerberos: fromHex('06092a864886f712010202'),
  /** 1.3.6.1.5.5.2 (RFC 4178 §3.2) */
  spnego: fromHex('06062b0601050502'),
} as const;

type FramedMechanism = keyof typeof MECHANISMS;

/** TOK_ID (RFC 4121 §4.1). */
const TOKEN_IDS = { 'AP-REQ': '0100', 'AP-REP': '0200', 'KRB-ERROR': '0300' } as const;

/** The mechanism that a token's frame names, and the offset of the mechanism's own octets. */
interface Frame {
  mechanism: FramedMechanism;
  start: number;
}

/** The frame that a token starts with, even if it is truncated; undefined for an unknown mechanism. */
export function frameOf(token: Uint8Array): Frame | undefined {
  if (token[0] !== APPLICATION || token[1] === undefined) return undefined;
  const at = token[1] < 0x80 ? 2 : 2 + (token[1] & 0x7f);
  const names: FramedMechanism[] = ['kerberos', 'spnego'];
  const mechanism = names.find(name => startsWith(token.subarray(at), MECHANISMS[name]));
  return mechanism && { mechanism, start: at + MECHANISMS[mechanism].length };
}

/** The mechanism that a token's frame names; undefined if there is no frame or the mechanism is unknown. */
export function mechanismOf(token: Uint8Array): FramedMechanism | undefined {
  return frameOf(token)?.mechanism;
}

/**
 * Parses a context token of Kerberos: frame, TOK_ID and message.
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
      throw badToken(`expected an AP-REQ, AP-REP or KRB-ERROR, got TOK_ID ${id || '(missing)'}`, { offset: at });
  }
}

/** Formats a context token of Kerberos. */
export function formatContextToken(token: ContextToken): Uint8Array {
  return formatFrame(concat(fromHex(TOKEN_IDS[token.kind]), formatMessage(token)));
}

/** Puts a mechanism's frame around its own octets, which start with TOK_ID for Kerberos. */
export function formatFrame(content: Uint8Array, mechanism: FramedMechanism = 'kerberos'): Uint8Array {
  return formatElement(APPLICATION, concat(MECHANISMS[mechanism], content));
}

/**
 * Checks the frame around a token, and returns the offset of the mechanism's own octets.
 * @throws FtpSecurityError `security/bad-token`, with the offset in `token`
 */
export function openFrame(token: Uint8Array, mechanism: FramedMechanism = 'kerberos'): number {
  if (token[0] !== APPLICATION) throw badToken('not a GSS-API token: the first octet is not 60', { offset: 0 });
  const { start, end } = readElement(token, 0, token.length);
  if (end !== token.length) throw badToken('trailing octets after the GSS-API token', { offset: end });
  const frame = frameOf(token);
  if (frame === undefined) throw badToken('the GSS-API mechanism is not Kerberos', { offset: start });
  if (frame.mechanism !== mechanism)
    throw badToken('expected a token of Kerberos, got one of SPNEGO (RFC 4178)', { offset: start });
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
