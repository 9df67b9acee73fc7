/** MIC, CONF and ENC taken apart and put together (RFC 2228 §3), without crypto. */
import { encodeBase64 } from '../base64.js';
import { assertBytes, concat, toUtf8 } from '../bytes.js';
import { FtpSecurityError } from '../errors.js';
import type { Command } from '../ftp/command.js';
import { type Deviation, Deviations, type Tolerance } from './deviations.js';
import { factsOf, levelOfVerb, type ProtectionLevel, type TokenLevel } from './protection-level.js';
import { BLANK, decodeToken, withoutEndOfLine } from './token-text.js';

export interface ProtectedCommand {
  /** What the verb claims. What the token really had, a security context tells. */
  level: TokenLevel;
  token: Uint8Array;
  /** The deviations seen; absent when there was none. */
  tolerated?: Deviation[];
}

/**
 * Takes a protected command apart.
 * @throws FtpSecurityError `sequence/unprotected` for any other verb, `syntax/bad-command` for a missing token or a
 *   deviation that is not tolerated, `syntax/bad-base64`; offsets count from the command's start
 */
export function decodeProtectedCommand(command: Command, tolerance: Tolerance = {}): ProtectedCommand {
  const level = levelOfVerb(command.verb);
  if (level === undefined) throw new FtpSecurityError('sequence/unprotected', 'a command in the clear');
  const deviations = new Deviations(tolerance);
  const token = decodeCommandToken(command, deviations);
  const tolerated = deviations.seen;
  return tolerated.length > 0 ? { level, token, tolerated } : { level, token };
}

/**
 * The base 64 argument of a command: a token, or security data.
 * @throws FtpSecurityError `syntax/bad-command` or `syntax/bad-base64`
 */
export function decodeCommandToken({ raw }: Command, deviations: Deviations): Uint8Array {
  const line = withoutEndOfLine(raw, deviations, 'syntax/bad-command');
  const blank = line.indexOf(BLANK);
  const start = blank < 0 ? line.length : blank + 1;
  return decodeToken(line, start, 'syntax/bad-command', deviations);
}

/**
 * Puts a protected command together.
 * @returns octets of one line, ended by CRLF
 * @throws RangeError when the token is empty, or there is no such level
 */
export function encodeProtectedCommand({ level, token }: { level: TokenLevel; token: Uint8Array }): Uint8Array {
  const { verb } = factsOf(level as ProtectionLevel);
  if (verb === undefined) throw new RangeError('a clear command has no token');
  assertBytes(token, 'token');
  if (token.length === 0) throw new RangeError('a token has at least one octet');
  return concat(toUtf8(`${verb} `), encodeBase64(token), toUtf8('\r\n'));
}
