/** The syntax of MIC, CONF and ENC: decoded and encoded without cryptography (RFC 2228 §3). */
import type { Allocate } from '../base64.js';
import { SPACE } from '../bytes.js';
import { atPlace, FtpSecurityError } from '../errors.js';
import type { Command } from '../ftp/command.js';
import { type Deviation, Deviations, type Tolerance } from './deviations.js';
import { factsOf, levelOfVerb, type ProtectionLevel, type TokenLevel } from './protection-level.js';
import { decodeToken, encodeTokenLines, endOfText } from './token-text.js';

/** A MIC, CONF or ENC command, decoded (RFC 2228 §3). */
export interface ProtectedCommand {
  /** The level that the verb claims. Only a security context can verify what the token really has. */
  level: TokenLevel;
  /** The token, not verified: see {@link unprotectCommand}. */
  token: Uint8Array;
  /** The deviations seen; absent if there were none. */
  tolerated?: Deviation[];
}

/**
 * Decodes a MIC, CONF or ENC command (RFC 2228 §3). The token is not verified: {@link unprotectCommand} does that too.
 * @throws FtpSecurityError `sequence/unprotected` for any other verb, `syntax/bad-command` for a missing token or a
 *   deviation that is not tolerated, `syntax/bad-base64`; offsets count from the start of the command
 * @example
 * decodeProtectedCommand(parseCommand(octetsOf('ENC AAEC\r\n')));
 * // { level: 'private', token: Uint8Array [0, 1, 2] }
 */
export function decodeProtectedCommand(command: Command, tolerance: Tolerance = {}): ProtectedCommand {
  const level = protectedLevelOfCommand(command);
  const deviations = new Deviations(tolerance);
  const token = decodeCommandToken(command, deviations);
  const tolerated = deviations.seen;
  return tolerated.length > 0 ? { level, token, tolerated } : { level, token };
}

/**
 * The level that a command's verb claims.
 * @throws FtpSecurityError `sequence/unprotected` for any verb but MIC, CONF and ENC
 */
export function protectedLevelOfCommand({ verb }: Command): TokenLevel {
  const level = levelOfVerb(verb);
  if (level !== undefined) return level;
  throw new FtpSecurityError('sequence/unprotected', `${verb} in the clear, expected MIC, CONF or ENC`);
}

/**
 * Decodes the base 64 argument of a command: a token, or security data.
 * @param allocate  gives the memory of it; default new memory
 * @throws FtpSecurityError `syntax/bad-command` or `syntax/bad-base64`
 */
export function decodeCommandToken({ verb, raw }: Command, deviations: Deviations, allocate?: Allocate): Uint8Array {
  const end = endOfText(raw, raw.length, deviations, 'syntax/bad-command');
  const space = raw.indexOf(SPACE);
  try {
    return decodeToken(raw, space < 0 ? end : space + 1, end, 'syntax/bad-command', deviations, 0, allocate);
  } catch (error) {
    throw atPlace(`argument of ${verb}`, error);
  }
}

/**
 * Encodes a MIC, CONF or ENC command from a token (RFC 2228 §3).
 * @returns octets of one line, with CRLF
 * @throws RangeError for an empty token, or an unknown level
 * @example
 * encodeProtectedCommand({ level: 'private', token: Uint8Array.of(0, 1, 2) }); // the octets of "ENC AAEC\r\n"
 */
export function encodeProtectedCommand({ level, token }: { level: TokenLevel; token: Uint8Array }): Uint8Array {
  const { verb } = factsOf(level as ProtectionLevel);
  if (verb === undefined) throw new RangeError('a command at level clear has no token');
  return encodeTokenLines([`${verb} `], [token]);
}
