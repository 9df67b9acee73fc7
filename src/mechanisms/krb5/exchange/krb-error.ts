/** Mapping between KRB-ERROR messages and FtpSecurityError, in both directions (RFC 4120 §5.9.1 and §7.5.9). */
import { type ErrorCode, FtpSecurityError } from '../../../errors.js';
import { errorName, errorNumber, type KrbErrorName } from '../messages/error-codes.js';
import { formatContextToken } from '../messages/gss-framing.js';
import type { KrbError, Ticket } from '../messages/kerberos.js';
import { timestampOf } from './clock.js';

/**
 * The first row with an error code gives the KRB-ERROR that we send for it. Codes without a row are sent as KRB_ERR_GENERIC, and
 * received ones without a row become `security/bad-token`.
 */
const CODES: readonly (readonly [KrbErrorName, ErrorCode])[] = [
  ['KRB_AP_ERR_BAD_INTEGRITY', 'security/bad-checksum'],
  ['KRB_AP_ERR_MODIFIED', 'security/bad-checksum'],
  ['KRB_AP_ERR_TKT_EXPIRED', 'security/expired'],
  ['KRB_AP_ERR_TKT_NYV', 'security/not-yet-valid'],
  ['KRB_AP_ERR_REPEAT', 'security/replayed'],
  ['KRB_AP_ERR_SKEW', 'security/clock-skew'],
  ['KRB_AP_ERR_NOT_US', 'security/wrong-name'],
  ['KRB_AP_ERR_BADMATCH', 'security/wrong-name'],
  ['KRB_AP_ERR_BADADDR', 'security/wrong-name'],
  ['KRB_AP_PATH_NOT_ACCEPTED', 'security/wrong-name'],
  ['KRB_AP_ERR_NOKEY', 'security/no-key'],
  ['KRB_AP_ERR_BADKEYVER', 'security/no-key'],
  ['KRB_AP_ERR_USER_TO_USER_REQUIRED', 'security/no-key'],
  ['KDC_ERR_ETYPE_NOSUPP', 'security/weak'],
];

/** Why an AP-REQ is refused: the RFC's error name, and a text for people. */
export type Refusal = readonly [name: KrbErrorName, message: string];

/** The error for a refused AP-REQ, with a KRB-ERROR for its sender; `now` is in milliseconds since 1970. */
export function refusalWithToken(refusal: Refusal, ticket: Ticket, now: number): FtpSecurityError {
  return refusalError(refusal, errorToken(refusal[0], ticket, now));
}

/**
 * The error for a refused AP-REQ.
 * @param token  the token for the peer, if any
 */
export function refusalError([name, message]: Refusal, token?: Uint8Array): FtpSecurityError {
  return new FtpSecurityError(codeOf(name), message, { token });
}

/** A copy of an error, with a KRB-ERROR for the peer. */
export function withKrbError(error: FtpSecurityError, ticket: Ticket, now: number): FtpSecurityError {
  const { code, message, side, offset } = error;
  const name = CODES.find(entry => entry[1] === code)?.[0] ?? 'KRB_ERR_GENERIC';
  return new FtpSecurityError(code, message, { side, offset, token: errorToken(name, ticket, now) });
}

/** The initiator's error for a KRB-ERROR of the acceptor, which is not authenticated. */
export function errorFromKrbError({ errorCode }: KrbError): FtpSecurityError {
  const name = errorName(errorCode);
  const text = name === undefined ? String(errorCode) : `${errorCode}, ${name}`;
  return new FtpSecurityError(codeOf(name), `the acceptor sent a KRB-ERROR (not authenticated): ${text}`);
}

function codeOf(name: KrbErrorName | undefined): ErrorCode {
  return CODES.find(([entry]) => entry === name)?.[1] ?? 'security/bad-token';
}

function errorToken(name: KrbErrorName, { realm, sname }: Ticket, now: number): Uint8Array {
  const { seconds: stime, microseconds: susec } = timestampOf(now);
  const message: KrbError = { pvno: 5, msgType: 30, stime, susec, errorCode: errorNumber(name), realm, sname };
  return formatContextToken({ kind: 'KRB-ERROR', message });
}
