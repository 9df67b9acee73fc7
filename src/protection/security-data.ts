/** The arguments of AUTH, ADAT, PBSZ, PROT and CCC, and the texts of their replies (RFC 2228 §3, §5.1 and §8.1). */
import { encodeBase64 } from '../base64.js';
import { assertBytes, concat, concatAll, toUtf8 } from '../bytes.js';
import { atPlace, type ErrorCode, FtpSecurityError } from '../errors.js';
import { argumentOf, type Command, formatCommand } from '../ftp/command.js';
import { linesOf } from '../ftp/line.js';
import type { Reply } from '../ftp/reply.js';
import { type Deviation, Deviations, type Tolerance } from './deviations.js';
import { decodeCommandToken } from './protected-command.js';
import { factsOf, levelOfProt, type ProtectionLevel } from './protection-level.js';
import { decodeToken, withoutEndOfLine } from './token-text.js';

/** The security data of ADAT or its reply (RFC 2228 §3, ADAT). */
export interface SecurityData {
  /** Octets of one token; undefined if a reply carries none, empty if it carries an empty one. */
  token: Uint8Array | undefined;
  /** The deviations seen. */
  tolerated: Deviation[];
}

/** The largest protection buffer, in octets: 2^32-1 (RFC 2228 §3, PBSZ). */
export const MAX_PROTECTION_BUFFER = 0xffff_ffff;

/**
 * The most octets of security data in one exchange. A ticket of Active Directory has up to 64 KiB, and a ticket delegated with
 * it as many again; certificate chains are shorter. Longer data would only cost the reader work.
 */
export const DEFAULT_MAX_SECURITY_DATA = 0x4_0000;

/**
 * The mechanism named by AUTH, in upper case, since names are case-insensitive (RFC 2228 §3, AUTH).
 * @throws FtpSecurityError `syntax/bad-command` if the name is missing
 */
export function parseAuth(command: Command): string {
  const name = argumentOf(command, 'AUTH');
  if (!/^[!-~]+$/.test(name)) throw new FtpSecurityError('syntax/bad-command', 'AUTH needs a mechanism name');
  return name.toUpperCase();
}

/**
 * The octets of an AUTH command (RFC 2228 §3, AUTH).
 * @throws RangeError for a name that is not one word of printable ASCII
 */
export function formatAuth(mechanism: string): Uint8Array {
  if (!/^[!-~]+$/.test(mechanism)) throw new RangeError('a mechanism name must be one word of printable ASCII');
  return formatCommand('AUTH', mechanism);
}

/**
 * The security data of an ADAT command (RFC 2228 §3, ADAT).
 * @throws FtpSecurityError `syntax/bad-command` or `syntax/bad-base64` (501)
 */
export function parseAdatCommand(command: Command, tolerance: Tolerance = {}): SecurityData {
  argumentOf(command, 'ADAT');
  const deviations = new Deviations(tolerance);
  const token = decodeCommandToken(command, deviations);
  return { token, tolerated: deviations.seen };
}

/**
 * The octets of an ADAT command (RFC 2228 §3, ADAT).
 * @throws RangeError for an empty token
 */
export function formatAdat(token: Uint8Array): Uint8Array {
  assertBytes(token, 'token');
  if (token.length === 0) throw new RangeError('security data must have at least one octet');
  return concat(toUtf8('ADAT '), encodeBase64(token), toUtf8('\r\n'));
}

/** A row of {@link EXCHANGE_REPLIES}. */
export interface ExchangeReply {
  code: number;
  /** The command that the reply accepts. */
  verb: 'AUTH' | 'ADAT';
  /** Whether it completes the exchange; if not, the client's security data is next. */
  completes: boolean;
  /** Whether it may carry security data by the RFC. Some peers send it with 234 too, and it is read. */
  carriesData: boolean;
  /** Whether it answers no other command: then it identifies its command even if replies were lost. */
  answersAlone: boolean;
}

/** The replies that accept AUTH and ADAT (RFC 2228 §3 and §5.1). */
export const EXCHANGE_REPLIES: readonly ExchangeReply[] = [
  { code: 234, verb: 'AUTH', completes: true, carriesData: false, answersAlone: false },
  { code: 334, verb: 'AUTH', completes: false, carriesData: true, answersAlone: true },
  { code: 235, verb: 'ADAT', completes: true, carriesData: true, answersAlone: true },
  { code: 335, verb: 'ADAT', completes: false, carriesData: true, answersAlone: true },
];

/** The row of {@link EXCHANGE_REPLIES} for a reply code; undefined for all other codes. */
export function exchangeReply(code: number): ExchangeReply | undefined {
  return EXCHANGE_REPLIES.find(it => it.code === code);
}

/** It may be anywhere in a line, since peers put text before it. A space or hyphen, which base 64 never contains, precedes it. */
const ADAT_MARK = /(?:^|[ -])ADAT=/i;

/**
 * The security data in a 334, 335 or 235 reply (RFC 2228 §5.1). 234 has none by the RFC, but some peers send it there too.
 * Several `ADAT=` lines are parts of one token, each with separate base 64.
 * @throws FtpSecurityError `syntax/bad-reply` for a reply that can't carry security data, or a deviation that is not tolerated,
 *   `syntax/bad-base64`; offsets count from the start of the reply
 */
export function parseAdatReply(reply: Reply, tolerance: Tolerance = {}): SecurityData {
  if (exchangeReply(reply.code) === undefined) {
    throw new FtpSecurityError('syntax/bad-reply', `a ${reply.code} reply carries no security data`);
  }
  const deviations = new Deviations(tolerance);
  const parts: Uint8Array[] = [];
  for (const { raw, start } of linesOf(reply.raw)) {
    const part = adatOfLine(raw, reply.code, start, deviations);
    if (part === undefined) continue;
    if (reply.lines.length > 1) deviations.accept('multi-line-adat', 'syntax/bad-reply');
    parts.push(part);
  }
  return { token: parts.length > 0 ? concatAll(parts) : undefined, tolerated: deviations.seen };
}

function adatOfLine(raw: Uint8Array, code: number, base: number, deviations: Deviations): Uint8Array | undefined {
  const line = withoutEndOfLine(raw, deviations, 'syntax/bad-reply');
  // One character for each octet, so that offsets in the text are offsets in the line.
  const text = Array.from(line, octet => String.fromCharCode(octet)).join('');
  const found = ADAT_MARK.exec(text);
  if (found === null) return undefined;
  const start = found.index + found[0].length;
  const mark = text.slice(start - 5, start);
  if (text.slice(0, start - 5) !== `${code}${text[3]}`) deviations.accept('text-before-adat', 'syntax/bad-reply');
  if (mark !== 'ADAT=') deviations.accept('adat-case', 'syntax/bad-reply');
  if (/^ *$/.test(text.slice(start))) return new Uint8Array();
  try {
    return decodeToken(line, start, line.length, 'syntax/bad-reply', deviations, base);
  } catch (error) {
    throw atPlace(`security data of a ${code} reply`, error);
  }
}

/**
 * The octets of a reply that carries security data (RFC 2228 §5.1).
 * @param token  may be empty
 * @throws RangeError for a reply code that carries no security data
 */
export function formatAdatReply(code: 334 | 335 | 235, token: Uint8Array): Uint8Array {
  assertBytes(token, 'token');
  if (exchangeReply(code)?.carriesData !== true) throw new RangeError(`a ${code} reply carries no security data`);
  return concat(toUtf8(`${code} ADAT=`), encodeBase64(token), toUtf8('\r\n'));
}

/**
 * The buffer size that PBSZ requests (RFC 2228 §3, PBSZ).
 * @returns octets, 1 to 2^32-1 (§8.1)
 * @throws FtpSecurityError `syntax/bad-command` (501)
 */
export function parsePbszCommand(command: Command): number {
  return parseSize('PBSZ', argumentOf(command, 'PBSZ'), 'syntax/bad-command');
}

/**
 * The octets of a PBSZ command (RFC 2228 §3, PBSZ).
 * @param size  in octets
 * @throws RangeError for a size outside 1 to 2^32-1
 */
export function formatPbsz(size: number): Uint8Array {
  return formatCommand('PBSZ', `${checkedSize(size)}`);
}

/**
 * The smaller buffer size in a server's 200 reply to PBSZ (RFC 2228 §3, PBSZ).
 * @param deviations  records the deviations seen; default: tolerates {@link DEVIATIONS}
 * @returns octets; undefined if the server accepts the requested size
 * @throws FtpSecurityError `syntax/bad-reply`, also for a deviation that is not tolerated
 */
export function parsePbszReply(reply: Reply, deviations: Deviations = new Deviations({})): number | undefined {
  const found = /(?:^|\s)PBSZ( ?)=(\S*)/i.exec(reply.lines.join('\n'));
  if (found === null) return undefined;
  if (found[1] !== '') deviations.accept('blank-in-pbsz', 'syntax/bad-reply');
  return parseSize('PBSZ=', found[2]!, 'syntax/bad-reply');
}

/**
 * The text `PBSZ=size` of a 200 reply (RFC 2228 §3, PBSZ).
 * @param size  in octets
 * @throws RangeError for a size outside 1 to 2^32-1
 */
export function formatPbszText(size: number): string {
  return `PBSZ=${checkedSize(size)}`;
}

/**
 * The level that PROT requests (RFC 2228 §3, PROT).
 * @throws FtpSecurityError `syntax/bad-command` without an argument (501), or for an unknown level (504)
 */
export function parseProt(command: Command): ProtectionLevel {
  const letter = argumentOf(command, 'PROT');
  const level = levelOfProt(letter);
  if (level !== undefined) return level;
  if (letter === '') throw new FtpSecurityError('syntax/bad-command', 'PROT needs C, S, E or P');
  throw new FtpSecurityError('syntax/bad-command', 'the level of PROT must be C, S, E or P', { reply: 504 });
}

/**
 * The octets of a PROT command (RFC 2228 §3, PROT).
 * @throws RangeError for an unknown level
 */
export function formatProt(level: ProtectionLevel): Uint8Array {
  return formatCommand('PROT', factsOf(level).prot);
}

/**
 * Checks a CCC command, which has no argument (RFC 2228 §3, CCC).
 * @throws FtpSecurityError `syntax/bad-command`
 */
export function parseCcc(command: Command): void {
  if (argumentOf(command, 'CCC') !== '')
    throw new FtpSecurityError('syntax/bad-command', 'CCC must not have an argument');
}

/** A decimal number of octets (§8.1). @throws FtpSecurityError `code` */
function parseSize(name: string, text: string, code: ErrorCode): number {
  const size = /^[0-9]{1,20}$/.test(text) ? Number(text) : 0;
  if (size >= 1 && size <= MAX_PROTECTION_BUFFER) return size;
  throw new FtpSecurityError(code, `${name} needs a number from 1 to 4294967295`);
}

function checkedSize(size: number): number {
  if (!Number.isInteger(size) || size < 1 || size > MAX_PROTECTION_BUFFER)
    throw new RangeError('a protection buffer must have 1 to 2^32-1 octets');
  return size;
}
