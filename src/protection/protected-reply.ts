/** The syntax of 63z replies: decoded and encoded without cryptography (RFC 2228 §5.2). The result is tokens, never text. */
import type { Allocate } from '../base64.js';
import { CR, HYPHEN, LF, SPACE } from '../bytes.js';
import { atPlace, FtpSecurityError } from '../errors.js';
import { lineAt } from '../ftp/line.js';
import { CODE_LENGTH, hasCode, type Reply, threeDigits } from '../ftp/reply.js';
import { type Deviation, Deviations, type Tolerance } from './deviations.js';
import { factsOf, levelOfCode, type ProtectionLevel, type TokenLevel } from './protection-level.js';
import { decodeToken, encodeTokenLines, endOfText } from './token-text.js';

/** A 63z reply, decoded (RFC 2228 §5.2). */
export interface ProtectedReply {
  /** The level that the reply code claims. Only a security context can verify what the tokens really have. */
  level: TokenLevel;
  /** One token for each line, in order; not verified: see {@link unprotectReply}. */
  tokens: Uint8Array[];
  /** The deviations seen; absent if there were none. */
  tolerated?: Deviation[];
}

/** What may follow the code of a line; the input may end there. */
const SEPARATORS = [SPACE, HYPHEN, CR, LF, undefined];

/**
 * Decodes a 63z reply (RFC 2228 §5.2). The tokens are not verified: {@link unprotectReply} does that too.
 * @throws FtpSecurityError `sequence/unprotected` for a reply in the clear, `syntax/bad-reply` for a line without the code or
 *   without a token, or a deviation that is not tolerated, `syntax/bad-base64`; offsets count from the start of the reply
 * @example
 * decodeProtectedReply(parseReply(octetsOf('632-AAEC\r\n632 AwQF\r\n')));
 * // { level: 'private', tokens: [Uint8Array [0, 1, 2], Uint8Array [3, 4, 5]] }
 */
export function decodeProtectedReply(reply: Reply, tolerance: Tolerance = {}): ProtectedReply {
  const level = protectedLevelOf(reply);
  const deviations = new Deviations(tolerance);
  const tokens = decodeReplyLines(reply, deviations);
  const tolerated = deviations.seen;
  return tolerated.length > 0 ? { level, tokens, tolerated } : { level, tokens };
}

/**
 * Decodes the tokens of all lines, which together are not longer than the reply.
 * @param allocate  gives the memory of each; default new memory
 * @throws FtpSecurityError as {@link decodeProtectedReply}
 */
export function decodeReplyLines({ code, raw }: Reply, deviations: Deviations, allocate?: Allocate): Uint8Array[] {
  const tokens: Uint8Array[] = [];
  try {
    for (let start = 0; start < raw.length; ) {
      const { next } = lineAt(raw, start);
      tokens.push(decodeReplyLine(raw, start, next, code, deviations, allocate));
      start = next;
    }
  } catch (error) {
    throw atPlace(lineOf(code, tokens.length), error);
  }
  return tokens;
}

/** The place of a line in errors. @param index  from 0 */
export function lineOf(code: number, index: number): string {
  return `line ${index + 1} of a ${code} reply`;
}

/** Whether a line of a protected reply is in the clear, which means without a 63z code. The first line has that of the reply. */
export function hasClearLine({ raw }: Reply): boolean {
  for (let { next: start } = lineAt(raw, 0); start < raw.length; start = lineAt(raw, start).next) {
    const level = levelOfCode(threeDigits(raw, start) ?? 0);
    if (level === undefined || !SEPARATORS.includes(raw[start + CODE_LENGTH])) return true;
  }
  return false;
}

/**
 * The level that a reply's code claims.
 * @throws FtpSecurityError `sequence/unprotected` for a reply in the clear, `syntax/bad-reply` for a 6yz code that is not in §5.2
 */
export function protectedLevelOf(reply: Reply): TokenLevel {
  const level = levelOfCode(reply.code);
  if (level !== undefined) return level;
  if (reply.code < 600)
    throw new FtpSecurityError('sequence/unprotected', `reply ${reply.code} in the clear, expected 631, 632 or 633`);
  throw new FtpSecurityError(
    'syntax/bad-reply',
    `reply ${reply.code} is not a protected reply: expected 631, 632 or 633`,
  );
}

/**
 * Encodes a 63z reply from tokens (RFC 2228 §5.2): one line for each token, with `63z-` on all but the last.
 * @returns octets, every line with CRLF
 * @throws RangeError for no token, an empty token, or an unknown level
 * @example
 * encodeProtectedReply({ level: 'private', tokens: [Uint8Array.of(0, 1, 2)] }); // the octets of "632 AAEC\r\n"
 */
export function encodeProtectedReply({
  level,
  tokens,
}: {
  level: TokenLevel;
  tokens: readonly Uint8Array[];
}): Uint8Array {
  const { code } = factsOf(level as ProtectionLevel);
  if (code === undefined) throw new RangeError('a reply at level clear has no tokens');
  if (tokens.length === 0) throw new RangeError('a protected reply must have at least one token');
  const last = tokens.length - 1;
  return encodeTokenLines(
    tokens.map((_, i) => `${code}${i < last ? '-' : ' '}`),
    tokens,
  );
}

/**
 * Decodes the token of one line of a protected reply, the octets from `start` to `next`, with or without their line end. §5.2
 * is stricter than RFC 959: every line must begin with the code.
 * @throws FtpSecurityError as {@link decodeProtectedReply}
 */
export function decodeReplyLine(
  octets: Uint8Array,
  start: number,
  next: number,
  code: number,
  deviations: Deviations,
  allocate?: Allocate,
): Uint8Array {
  const end = endOfText(octets, next, deviations, 'syntax/bad-reply');
  // The bare code may end an ordinary reply; here its token is missing.
  const separator = end - start > CODE_LENGTH ? octets[start + CODE_LENGTH] : SPACE;
  if (!hasCode(octets, code, start) || (separator !== HYPHEN && separator !== SPACE)) {
    throw new FtpSecurityError('syntax/bad-reply', `a line of a ${code} reply doesn't begin with the code`, {
      offset: start,
    });
  }
  return decodeToken(octets, start + CODE_LENGTH + 1, end, 'syntax/bad-reply', deviations, 0, allocate);
}
