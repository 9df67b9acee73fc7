/** The arguments of AUTH, ADAT, PBSZ and PROT, and what their replies carry (RFC 2228 §3, §5.1 and §8.1). */
import { encodeBase64 } from '../base64.js';
import { assertBytes, concat, concatAll, toUtf8 } from '../bytes.js';
import { FtpSecurityError } from '../errors.js';
import { type Command, formatCommand } from '../ftp/command.js';
import { linesOf } from '../ftp/line.js';
import type { Reply } from '../ftp/reply.js';
import { type Deviation, Deviations, type Tolerance } from './deviations.js';
import { decodeCommandToken } from './protected-command.js';
import { factsOf, levelOfProt, type ProtectionLevel } from './protection-level.js';
import { decodeToken, withoutEndOfLine } from './token-text.js';

export interface SecurityData {
  /** Octets of one token; undefined where a reply carries none, empty where it carries an empty one. */
  token: Uint8Array | undefined;
  tolerated: Deviation[];
}

/** The largest protection buffer: what 32 bits hold (§3, PBSZ). Unit: octets. */
export const MAX_PROTECTION_BUFFER = 0xffff_ffff;

/**
 * The octets of security data that one exchange may bring. A ticket of Active Directory has up to 64 KiB, one that is delegated
 * with it as many again; chains of certificates are shorter. What is longer only costs the reader work.
 */
export const DEFAULT_MAX_SECURITY_DATA = 0x4_0000;

/**
 * The mechanism that AUTH names, in upper case: names are case-insensitive (§3, AUTH).
 * @throws FtpSecurityError `syntax/bad-command` when there is none
 */
export function parseAuth(command: Command): string {
  const name = argumentOf(command, 'AUTH');
  if (!/^[!-~]+$/.test(name)) throw new FtpSecurityError('syntax/bad-command', 'AUTH without a mechanism name');
  return name.toUpperCase();
}

/** @throws RangeError for a name that is no single word of printable ASCII */
export function formatAuth(mechanism: string): Uint8Array {
  if (!/^[!-~]+$/.test(mechanism)) throw new RangeError('not the name of a mechanism');
  return formatCommand('AUTH', mechanism);
}

/**
 * The security data of an ADAT command.
 * @throws FtpSecurityError `syntax/bad-command` or `syntax/bad-base64`: 501 is owed (§3, ADAT)
 */
export function parseAdatCommand(command: Command, tolerance: Tolerance = {}): SecurityData {
  argumentOf(command, 'ADAT');
  const deviations = new Deviations(tolerance);
  const token = decodeCommandToken(command, deviations);
  return { token, tolerated: deviations.seen };
}

/** @throws RangeError for an empty token */
export function formatAdat(token: Uint8Array): Uint8Array {
  assertBytes(token, 'token');
  if (token.length === 0) throw new RangeError('security data has at least one octet');
  return concat(toUtf8('ADAT '), encodeBase64(token), toUtf8('\r\n'));
}

export interface ExchangeReply {
  code: number;
  /** The command that it accepts. */
  verb: 'AUTH' | 'ADAT';
  /** Whether the exchange is complete with it; else the client's security data is next. */
  completes: boolean;
  /** Whether the RFC lets it carry security data. Peers send some with 234 as well, which is read. */
  carriesData: boolean;
  /** Whether no other command may have it: it then shows which command was answered, where replies have been lost. */
  answersAlone: boolean;
}

/** The replies that accept AUTH and ADAT (§3 and §5.1). */
export const EXCHANGE_REPLIES: readonly ExchangeReply[] = [
  { code: 234, verb: 'AUTH', completes: true, carriesData: false, answersAlone: false },
  { code: 334, verb: 'AUTH', completes: false, carriesData: true, answersAlone: true },
  { code: 235, verb: 'ADAT', completes: true, carriesData: true, answersAlone: true },
  { code: 335, verb: 'ADAT', completes: false, carriesData: true, answersAlone: true },
];

/** What a reply says about the exchange; undefined for all other codes. */
export function exchangeReply(code: number): ExchangeReply | undefined {
  return EXCHANGE_REPLIES.find(it => it.code === code);
}

/** Sought anywhere in a line, since peers put words before it. A blank or hyphen precedes it, which base 64 never holds. */
const ADAT_MARK = /(?:^|[ -])ADAT=/i;

/**
 * The security data in a reply of the exchange (§5.1; 234 has none by the RFC, and is read alike). Several `ADAT=` lines are parts of one token, each with base 64
 * of its own.
 * @throws FtpSecurityError `syntax/bad-reply` for a reply that can't carry any or a deviation that is not tolerated,
 *   `syntax/bad-base64`; offsets count from the reply's start
 */
export function parseAdatReply(reply: Reply, tolerance: Tolerance = {}): SecurityData {
  if (exchangeReply(reply.code) === undefined) {
    throw new FtpSecurityError('syntax/bad-reply', `${reply.code} carries no security data`);
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
  // One character for an octet, so that the offsets of the text are those of the line.
  const text = Array.from(line, octet => String.fromCharCode(octet)).join('');
  const found = ADAT_MARK.exec(text);
  if (found === null) return undefined;
  const start = found.index + found[0].length;
  const mark = text.slice(start - 5, start);
  if (text.slice(0, start - 5) !== `${code}${text[3]}`) deviations.accept('text-before-adat', 'syntax/bad-reply');
  if (mark !== 'ADAT=') deviations.accept('adat-case', 'syntax/bad-reply');
  if (/^ *$/.test(text.slice(start))) return new Uint8Array();
  return decodeToken(line, start, 'syntax/bad-reply', deviations, base);
}

/**
 * The text of a reply that carries security data.
 * @param token  may be empty
 */
export function formatAdatReply(code: 334 | 335 | 235, token: Uint8Array): Uint8Array {
  assertBytes(token, 'token');
  if (exchangeReply(code)?.carriesData !== true) throw new RangeError(`${code} carries no security data`);
  return concat(toUtf8(`${code} ADAT=`), encodeBase64(token), toUtf8('\r\n'));
}

/**
 * The buffer size that PBSZ asks for.
 * @returns octets, 1 to 2^32-1 (§8.1)
 * @throws FtpSecurityError `syntax/bad-command`: 501 is owed
 */
export function parsePbszCommand(command: Command): number {
  const size = parseSize(argumentOf(command, 'PBSZ'));
  if (size === undefined) throw new FtpSecurityError('syntax/bad-command', 'PBSZ wants a number from 1 to 4294967295');
  return size;
}

/** @throws RangeError for a size out of 1 to 2^32-1 */
export function formatPbsz(size: number): Uint8Array {
  return formatCommand('PBSZ', `${checkedSize(size)}`);
}

/**
 * The smaller buffer size that a server states in its 200 reply to PBSZ (§3, PBSZ).
 * @param deviations  notes those that it sees; default tolerates {@link DEVIATIONS}
 * @returns octets; undefined when it takes what the client asked for
 * @throws FtpSecurityError `syntax/bad-reply`, also for a deviation that is not tolerated
 */
export function parsePbszReply(reply: Reply, deviations: Deviations = new Deviations({})): number | undefined {
  const found = /(?:^|\s)PBSZ( ?)=(\S*)/i.exec(reply.lines.join('\n'));
  if (found === null) return undefined;
  if (found[1] !== '') deviations.accept('blank-in-pbsz', 'syntax/bad-reply');
  const size = parseSize(found[2]!);
  if (size === undefined) throw new FtpSecurityError('syntax/bad-reply', 'PBSZ= wants a number from 1 to 4294967295');
  return size;
}

/** The text `PBSZ=size` of a 200 reply. @throws RangeError for a size out of 1 to 2^32-1 */
export function formatPbszText(size: number): string {
  return `PBSZ=${checkedSize(size)}`;
}

/**
 * The level that PROT asks for (§8.1).
 * @throws FtpSecurityError `syntax/bad-command` without an argument (501), or for a letter that is no level (504, §3)
 */
export function parseProt(command: Command): ProtectionLevel {
  const letter = argumentOf(command, 'PROT');
  const level = levelOfProt(letter);
  if (level !== undefined) return level;
  if (letter === '') throw new FtpSecurityError('syntax/bad-command', 'PROT wants C, S, E or P');
  throw new FtpSecurityError('syntax/bad-command', 'PROT with a level that is none of C, S, E, P', { reply: 504 });
}

export function formatProt(level: ProtectionLevel): Uint8Array {
  return formatCommand('PROT', factsOf(level).prot);
}

/** CCC takes no argument (§3). @throws FtpSecurityError `syntax/bad-command` */
export function parseCcc(command: Command): void {
  if (argumentOf(command, 'CCC') !== '') throw new FtpSecurityError('syntax/bad-command', 'CCC takes no argument');
}

/** @throws RangeError when the caller hands in another command */
function argumentOf(command: Command, verb: string): string {
  if (command.verb !== verb) throw new RangeError(`not ${verb}`);
  return command.argument ?? '';
}

/** A decimal number of octets (§8.1), or undefined. */
function parseSize(text: string): number | undefined {
  if (!/^[0-9]{1,20}$/.test(text)) return undefined;
  const size = Number(text);
  return size >= 1 && size <= MAX_PROTECTION_BUFFER ? size : undefined;
}

function checkedSize(size: number): number {
  if (!Number.isInteger(size) || size < 1 || size > MAX_PROTECTION_BUFFER) throw new RangeError('not a size of PBSZ');
  return size;
}
