/** The error class for bad input, its codes, and the reply code that a server sends for each (RFC 2228 §3 and §8.2). */

import { printable, shorten } from './printable.js';

/**
 * Which rule was broken: `syntax/…` the input can't be parsed, `sequence/…` it is not allowed in this state or at this
 * level, `security/…` the mechanism rejects it.
 */
export type ErrorCode =
  | 'syntax/bad-line'
  | 'syntax/bad-reply'
  | 'syntax/bad-command'
  | 'syntax/bad-base64'
  | 'syntax/bad-block'
  | 'syntax/bad-file'
  | 'syntax/limit-exceeded'
  | 'syntax/truncated'
  | 'syntax/trailing-data'
  | 'sequence/unexpected-reply'
  | 'sequence/unexpected-command'
  | 'sequence/unprotected'
  | 'sequence/wrong-level'
  | 'sequence/no-context'
  | 'sequence/closed'
  | 'security/bad-token'
  | 'security/bad-checksum'
  | 'security/replayed'
  | 'security/out-of-sequence'
  | 'security/wrong-direction'
  | 'security/level-unsupported'
  | 'security/expired'
  | 'security/not-yet-valid'
  | 'security/clock-skew'
  | 'security/wrong-name'
  | 'security/bad-bindings'
  | 'security/no-key'
  | 'security/untrusted'
  | 'security/weak';

/** Optional details of an {@link FtpSecurityError}. */
export interface ErrorFacts {
  /** Who broke the rule: `peer`, with the octets that came in, or `local`, with a request of our own caller. Default `peer`. */
  side?: 'local' | 'peer';
  /** Position in the input, in octets from its start. */
  offset?: number | undefined;
  /** The reply code that a server sends, if it differs from that of the error code. */
  reply?: RefusalCode;
  /** Security data that explains the error to the peer, if the mechanism has a token for it. It contains no secret. */
  token?: Uint8Array | undefined;
}

/** In characters. None of our own texts is that long, but a name that a peer has chosen may be. */
const MAX_MESSAGE = 2000;

/**
 * The only error that bad input causes. Its message names the broken rule and public header fields; it never contains a
 * key, a computed checksum, text that has not been verified, or characters that control a terminal or a log. Misuse by
 * the caller is a TypeError or a RangeError instead.
 */
export class FtpSecurityError extends Error {
  override readonly name = 'FtpSecurityError';
  /** Which rule was broken. */
  readonly code: ErrorCode;
  /** Who broke it: the peer, or our own caller. */
  readonly side: 'local' | 'peer';
  /** Position in the input, in octets from its start, if it is known. */
  declare readonly offset?: number;
  /** The reply code of this error, if it differs from that of `code`: see {@link replyCodeFor}. */
  declare readonly reply?: RefusalCode;
  /** Security data that explains the error to the peer, e.g. a KRB-ERROR; present if a rejected exchange has such a token. */
  declare readonly token?: Uint8Array;

  constructor(code: ErrorCode, message: string, { side = 'peer', offset, reply, token }: ErrorFacts = {}) {
    super(shorten(printable(message), MAX_MESSAGE));
    this.code = code;
    this.side = side;
    if (offset !== undefined) this.offset = offset;
    if (reply !== undefined) this.reply = reply;
    if (token !== undefined) this.token = token;
  }
}

/** Makes the error for a token, or a part of one, that can't be parsed or is not allowed: `security/bad-token`. */
export function badToken(message: string, facts?: ErrorFacts): FtpSecurityError {
  return new FtpSecurityError('security/bad-token', message, facts);
}

/** Makes the error for a checksum that does not match: `security/bad-checksum`. */
export function badChecksum(what: string, facts?: ErrorFacts): FtpSecurityError {
  return new FtpSecurityError('security/bad-checksum', `${what}: changed on the way, or made with another key`, facts);
}

/** Returns a caught error with the place of the input, e.g. its line, in front of its message, if it is an FtpSecurityError. */
export function atPlace(place: string, error: unknown): unknown {
  if (!(error instanceof FtpSecurityError)) return error;
  return new FtpSecurityError(error.code, `${place}: ${error.message}`, error);
}

/**
 * Returns a caught error if it is an FtpSecurityError, and throws it again if not: anything else is a programming error,
 * here or in a mechanism, which must not be hidden as bad input.
 */
export function refusalFrom(error: unknown): FtpSecurityError {
  if (error instanceof FtpSecurityError) return error;
  throw error;
}

/** A reply code with which a server rejects a command (RFC 2228 §5.1 and §8.2); after 421 it closes the connection. */
export type RefusalCode = 421 | 431 | 501 | 502 | 503 | 504 | 533 | 534 | 535 | 536 | 537;

/**
 * The reply to each error code. §3 has 501 for what can't be decoded, 503 for a command that comes too early, 533 for a
 * level that the policy denies, 535 for a failed check, and 537 for a level that the mechanism lacks.
 */
const REPLY_TO_ERROR: Record<ErrorCode, RefusalCode> = {
  'syntax/bad-line': 501,
  'syntax/bad-reply': 501,
  'syntax/bad-command': 501,
  'syntax/bad-base64': 501,
  'syntax/bad-block': 535,
  'syntax/bad-file': 431,
  'syntax/limit-exceeded': 501,
  'syntax/truncated': 501,
  'syntax/trailing-data': 501,
  'sequence/unexpected-reply': 503,
  'sequence/unexpected-command': 503,
  'sequence/unprotected': 533,
  'sequence/wrong-level': 533,
  'sequence/no-context': 503,
  'sequence/closed': 503,
  'security/bad-token': 535,
  'security/bad-checksum': 535,
  'security/replayed': 535,
  'security/out-of-sequence': 535,
  'security/wrong-direction': 535,
  'security/level-unsupported': 537,
  'security/expired': 535,
  'security/not-yet-valid': 535,
  'security/clock-skew': 535,
  'security/wrong-name': 535,
  'security/bad-bindings': 535,
  'security/no-key': 431,
  'security/untrusted': 535,
  'security/weak': 534,
};

/**
 * The reply code that a server sends for an error (RFC 2228 §3 and §8.2).
 * @returns the error's own `reply` if it has one, else that of its `code`
 * @example
 * try {
 *   unprotectCommand(context, command);
 * } catch (error) {
 *   if (!(error instanceof FtpSecurityError)) throw error;
 *   socket.write(formatReply(replyCodeFor(error), 'Rejected'));
 * }
 */
export function replyCodeFor(error: FtpSecurityError): RefusalCode {
  return error.reply ?? REPLY_TO_ERROR[error.code];
}
