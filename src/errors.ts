/** The one error that bad input gives, its codes, and the reply that a server owes for each (RFC 2228 §3 and §8.2). */

/** What was broken: `syntax/…` it can't be read, `sequence/…` it may not come now or so, `security/…` a mechanism refuses it. */
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
  | 'security/weak';

export interface ErrorFacts {
  /** Who broke the rule: `peer`, the octets that came in; `local`, what we were asked to do. Default `peer`. */
  side?: 'local' | 'peer';
  /** Where in the input, in octets from its start. */
  offset?: number | undefined;
  /** The reply that a server owes, where the rule that was broken has one of its own. */
  reply?: RefusalCode;
  /** Security data that tells the peer why, where the mechanism has a token for it. It holds no secret. */
  token?: Uint8Array | undefined;
}

/**
 * The only error that escapes on bad input. Its message names the rule and header facts; it never carries a key, a
 * computed checksum, or text that has not been verified. Misuse by the caller is a TypeError or a RangeError instead.
 */
export class FtpSecurityError extends Error {
  override readonly name = 'FtpSecurityError';
  readonly code: ErrorCode;
  readonly side: 'local' | 'peer';
  readonly offset?: number;
  /** See {@link replyCodeFor}. */
  readonly reply?: RefusalCode;
  /** Security data that tells the peer why: a KRB-ERROR, say. Present where a refused exchange has an answer. */
  readonly token?: Uint8Array;

  constructor(code: ErrorCode, message: string, { side = 'peer', offset, reply, token }: ErrorFacts = {}) {
    super(message);
    this.code = code;
    this.side = side;
    if (offset !== undefined) this.offset = offset;
    if (reply !== undefined) this.reply = reply;
    if (token !== undefined) this.token = token;
  }
}

/** The error of a token, or of a part of one, that can't be read or must not be there: `security/bad-token`. */
export function badToken(message: string, facts?: ErrorFacts): FtpSecurityError {
  return new FtpSecurityError('security/bad-token', message, facts);
}

/**
 * What was caught, if it refuses bad input. Anything else is a fault of ours, or of a mechanism, and is thrown again: taken
 * for a refusal, it would be hidden.
 */
export function refusalFrom(error: unknown): FtpSecurityError {
  if (error instanceof FtpSecurityError) return error;
  throw error;
}

/** A reply code by which RFC 2228 lets a server refuse; behind 421 it closes the connection. */
export type RefusalCode = 421 | 431 | 501 | 502 | 503 | 504 | 533 | 534 | 535 | 536 | 537;

/** Every code has its reply: §3 names 501 for what can't be decoded, 503 for what comes too early, 533 for a level that policy denies, 535 for a failed check, 537 for a level that the mechanism lacks. */
const REPLY_CODES: Record<ErrorCode, RefusalCode> = {
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
  'security/weak': 534,
};

/**
 * The reply code that a server owes for an error (RFC 2228 §3, §8.2).
 * @returns the error's own reply where the rule that was broken has one, else that of its code
 */
export function replyCodeFor(error: FtpSecurityError): RefusalCode {
  return error.reply ?? REPLY_CODES[error.code];
}
