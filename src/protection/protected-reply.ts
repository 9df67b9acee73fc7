/** 63z replies taken apart and put together (RFC 2228 §5.2), without crypto: text is what a security context makes of the tokens. */
import { encodeBase64 } from '../base64.js';
import { assertBytes, concatAll, fromUtf8, startsWith, toUtf8 } from '../bytes.js';
import { FtpSecurityError } from '../errors.js';
import { linesOf } from '../ftp/line.js';
import type { Reply } from '../ftp/reply.js';
import { type Deviation, Deviations, type Tolerance } from './deviations.js';
import { factsOf, levelOfCode, type ProtectionLevel, type TokenLevel } from './protection-level.js';
import { BLANK, decodeToken, withoutEndOfLine } from './token-text.js';

export interface ProtectedReply {
  /** What the reply code claims. What the tokens really had, a security context tells. */
  level: TokenLevel;
  /** One token for each line, in order. */
  tokens: Uint8Array[];
  /** The deviations seen; absent when there was none. */
  tolerated?: Deviation[];
}

const HYPHEN = 0x2d;

/**
 * Takes a protected reply apart.
 * @throws FtpSecurityError `sequence/unprotected` for a reply in the clear, `syntax/bad-reply` for a line without the
 *   code or without a token, or a deviation that is not tolerated, `syntax/bad-base64`; offsets count from the reply's start
 */
export function decodeProtectedReply(reply: Reply, tolerance: Tolerance = {}): ProtectedReply {
  const level = protectedLevelOf(reply);
  const deviations = new Deviations(tolerance);
  const tokens: Uint8Array[] = [];
  for (const { raw, start } of linesOf(reply.raw)) {
    tokens.push(decodeReplyLine(raw, reply.code, deviations, start));
  }
  const tolerated = deviations.seen;
  return tolerated.length > 0 ? { level, tokens, tolerated } : { level, tokens };
}

/** Whether a reply has a line that came in the clear: one without any code of 63z. */
export function hasClearLine(reply: Reply): boolean {
  for (const { raw } of linesOf(reply.raw)) {
    const code = /^([0-9]{3})(?:[ \-\r\n]|$)/.exec(fromUtf8(raw.subarray(0, 4)))?.[1];
    if (levelOfCode(Number(code)) === undefined) return true;
  }
  return false;
}

/**
 * The level that a reply's code claims.
 * @throws FtpSecurityError `sequence/unprotected` for a reply in the clear, `syntax/bad-reply` for a code of 6yz that §5.2 doesn't have
 */
function protectedLevelOf(reply: Reply): TokenLevel {
  const level = levelOfCode(reply.code);
  if (level !== undefined) return level;
  if (reply.code < 600) throw new FtpSecurityError('sequence/unprotected', `reply ${reply.code} in the clear`);
  throw new FtpSecurityError('syntax/bad-reply', `${reply.code} is no code of a protected reply`);
}

/**
 * Puts a protected reply together: one line for each token, `63z-` before all but the last (§5.2).
 * @returns octets, every line ended by CRLF
 * @throws RangeError when there is no token, or an empty one, or no such level
 */
export function encodeProtectedReply({
  level,
  tokens,
}: {
  level: TokenLevel;
  tokens: readonly Uint8Array[];
}): Uint8Array {
  const { code } = factsOf(level as ProtectionLevel);
  if (code === undefined) throw new RangeError('a clear reply has no tokens');
  if (tokens.length === 0) throw new RangeError('a protected reply has at least one token');
  return concatAll(
    tokens.flatMap((token, index) => {
      assertBytes(token, 'token');
      if (token.length === 0) throw new RangeError('a token has at least one octet');
      const separator = index < tokens.length - 1 ? '-' : ' ';
      return [toUtf8(`${code}${separator}`), encodeBase64(token), toUtf8('\r\n')];
    }),
  );
}

/**
 * The token of one line of a protected reply. §5.2 is stricter than RFC 959: every line begins with the code.
 * @param raw  the line, with its line end or without
 * @param base  added to offsets in errors
 * @throws FtpSecurityError as {@link decodeProtectedReply}
 */
export function decodeReplyLine(raw: Uint8Array, code: number, deviations: Deviations, base = 0): Uint8Array {
  const line = withoutEndOfLine(raw, deviations, 'syntax/bad-reply');
  const prefix = toUtf8(`${code}`);
  // The bare code ends a reply, too; here it lacks a token.
  const separator = line[prefix.length] ?? BLANK;
  if (!startsWith(line, prefix) || (separator !== HYPHEN && separator !== BLANK)) {
    throw new FtpSecurityError('syntax/bad-reply', `a line of a ${code} reply without the code`, { offset: base });
  }
  return decodeToken(line, prefix.length + 1, 'syntax/bad-reply', deviations, base);
}
