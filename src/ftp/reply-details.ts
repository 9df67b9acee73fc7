/** The text of those replies that have a grammar, parsed (RFC 959, 1123, 1639, 2428 and 3659). */
import { FtpSecurityError } from '../errors.js';
import {
  type ExtendedPort,
  type LongAddress,
  type PortAddress,
  parseExtendedPassiveReply,
  parseLongPassiveReply,
  parsePassiveReply,
} from './addresses.js';
import type { Reply } from './reply.js';

/** 110: the names that client and server use for the same position in the data (RFC 959 §4.2.2). */
export interface RestartMarker {
  kind: 'restart-marker';
  user: string;
  server: string;
}

/** 120: how long until the service is ready (RFC 959 §4.2.2). */
export interface ServiceDelay {
  kind: 'service-delay';
  /** 0 to 999. */
  minutes: number;
}

/** 125 or 150 in reply to STOU: the file that the server creates (RFC 1123 §4.1.2.9). */
export interface UniqueFile {
  kind: 'unique-file';
  pathname: string;
}

/** 213 in reply to MDTM: when a file was modified, in UTC (RFC 3659 §2.3 and §3.1). */
export interface ModificationTime {
  kind: 'modification-time';
  year: number;
  /** 1 to 12. */
  month: number;
  day: number;
  hour: number;
  minute: number;
  /** 0 to 60: 60 is a leap second. */
  second: number;
  /** The decimals of the second, as many as were sent; empty if there were none. */
  fraction: string;
}

/** 213 in reply to SIZE: how many octets a transfer would have (RFC 3659 §4.1). */
export interface FileSize {
  kind: 'file-size';
  octets: number;
}

/** 227: where the server listens (RFC 959 §4.2.2). */
export interface PassiveAddress extends PortAddress {
  kind: 'passive';
}

/** 228: where the server listens, in any family of addresses (RFC 1639 §2 and §3). */
export interface LongPassiveAddress extends LongAddress {
  kind: 'long-passive';
}

/** 229: the port where the server listens, on the address of the control connection (RFC 2428 §3). */
export interface ExtendedPassiveAddress extends ExtendedPort {
  kind: 'extended-passive';
}

/** 257: the directory that was created, or is current (RFC 959 appendix II). */
export interface DirectoryName {
  kind: 'directory';
  pathname: string;
}

/** The parsed text of a reply, by `kind`. */
export type ReplyDetails =
  | RestartMarker
  | ServiceDelay
  | UniqueFile
  | ModificationTime
  | FileSize
  | PassiveAddress
  | LongPassiveAddress
  | ExtendedPassiveAddress
  | DirectoryName;

type Grammar = (text: string) => ReplyDetails;

/** By the reply code. */
const GRAMMARS: ReadonlyMap<number, Grammar> = new Map<number, Grammar>([
  [110, restartMarker],
  [120, serviceDelay],
  [227, text => ({ kind: 'passive', ...parsePassiveReply({ lines: [text] }) })],
  [228, text => ({ kind: 'long-passive', ...parseLongPassiveReply({ lines: [text] }) })],
  [229, text => ({ kind: 'extended-passive', ...parseExtendedPassiveReply({ lines: [text] }) })],
  [257, directoryName],
]);

/**
 * By the reply code and the verb. 213 has three uses: free text in reply to STAT, and fourteen digits may be a time or a size; and
 * only STOU has no name of its own.
 */
const GRAMMARS_OF_COMMANDS: ReadonlyMap<string, Grammar> = new Map<string, Grammar>([
  ['125 STOU', uniqueFile(125)],
  ['150 STOU', uniqueFile(150)],
  ['213 MDTM', modificationTime],
  ['213 SIZE', fileSize],
]);

/**
 * Parses the text of a reply: 110, 120, 227, 228, 229 and 257, 213 in reply to MDTM and SIZE, and 125 and 150 in reply to STOU
 * (RFC 959, 1123, 1639, 2428, 3659).
 * @param verb  of the command that the reply answers, in any case; only 125, 150 and 213 need it
 * @returns undefined if the text of this reply has no grammar, or the verb is needed and missing
 * @throws FtpSecurityError `syntax/bad-reply` if the text breaks its grammar; the message says how
 * @example
 * replyDetails({ code: 213, lines: ['1830'] }, 'SIZE'); // { kind: 'file-size', octets: 1830 }
 */
export function replyDetails(reply: Pick<Reply, 'code' | 'lines'>, verb?: string): ReplyDetails | undefined {
  const { code, lines } = reply;
  const grammar = GRAMMARS.get(code) ?? GRAMMARS_OF_COMMANDS.get(`${code} ${verb?.toUpperCase()}`);
  return grammar?.(lines.join('\n'));
}

/** The text is exact, spaces included; a marker consists of printable characters (RFC 959 §3.5). */
function restartMarker(text: string): RestartMarker {
  const [, user, server] = /^MARK ([!-~]+) = ([!-~]+)$/.exec(text) ?? [];
  if (user === undefined || server === undefined) throw malformed('110: the text must be "MARK yyyy = mmmm"');
  return { kind: 'restart-marker', user, server };
}

/** The text may be in any language (RFC 2640 §4), so the first number in it counts. */
function serviceDelay(text: string): ServiceDelay {
  const [digits] = /\d{1,4}/.exec(text) ?? [];
  if (digits === undefined) throw malformed('120: the number of minutes is missing');
  if (digits.length > 3) throw malformed('120: the minutes must have at most three digits');
  return { kind: 'service-delay', minutes: Number(digits) };
}

function uniqueFile(code: number): Grammar {
  return text => {
    const [, pathname] = /^FILE: (.+)$/.exec(text) ?? [];
    if (pathname === undefined) throw malformed(`${code}: the text must be "FILE: pathname"`);
    return { kind: 'unique-file', pathname };
  };
}

function modificationTime(text: string): ModificationTime {
  if (!/^\d{14}(?:\.\d+)?$/.test(text))
    throw malformed('213: a time must have fourteen digits, and may have decimals after a point');
  const digits = (from: number, to: number) => Number(text.slice(from, to));
  const [year, month, day] = [digits(0, 4), digits(4, 6), digits(6, 8)];
  const [hour, minute, second] = [digits(8, 10), digits(10, 12), digits(12, 14)];
  if (year < 1000) throw malformed('213: a year must be 1000 to 9999');
  if (month < 1 || month > 12) throw malformed('213: a month must be 01 to 12');
  if (day < 1 || day > daysIn(year, month)) throw malformed('213: the month has no such day');
  if (hour > 23) throw malformed('213: an hour must be 00 to 23');
  if (minute > 59) throw malformed('213: a minute must be 00 to 59');
  if (second > 60) throw malformed('213: a second must be 00 to 59, or 60 for a leap second');
  return { kind: 'modification-time', year, month, day, hour, minute, second, fraction: text.slice(15) };
}

function daysIn(year: number, month: number): number {
  return new Date(Date.UTC(year, month, 0)).getUTCDate();
}

/** Some servers repeat the verb: `213 SIZE 1830`. */
function fileSize(text: string): FileSize {
  const digits = text.replace(/^SIZE /i, '');
  if (!/^\d+$/.test(digits)) throw malformed('213: a size must consist of digits');
  const octets = Number(digits);
  if (!Number.isSafeInteger(octets)) throw malformed('213: a size must be below 2^53 octets');
  return { kind: 'file-size', octets };
}

/** A quote within the pathname is doubled. */
function directoryName(text: string): DirectoryName {
  if (text[0] !== '"') throw malformed('257: the text must begin with a pathname in double quotes');
  let end = text.indexOf('"', 1);
  while (end !== -1 && text[end + 1] === '"') end = text.indexOf('"', end + 2);
  if (end === -1) throw malformed('257: the quote that ends the pathname is missing');
  const pathname = text.slice(1, end).replaceAll('""', '"');
  if (pathname.includes('\n')) throw malformed('257: the pathname must not contain a line end');
  if (!/^[ \n]?$/.test(text.slice(end + 1, end + 2))) {
    throw malformed('257: a quote in the pathname is not doubled, or no space follows the pathname');
  }
  return { kind: 'directory', pathname };
}

function malformed(message: string): FtpSecurityError {
  return new FtpSecurityError('syntax/bad-reply', message);
}
