/**
 * Addresses of data connections, parsed and formatted: the arguments of PORT, EPRT and LPRT, and the texts of 227, 229 and 228
 * (RFC 959 §4.1.2 and §5.4, RFC 2428 §2 and §3, RFC 1639 §2 and §3). Do not trust an address that a peer names: RFC 2577 §3
 * lists what a server should check.
 */
import { FtpSecurityError } from '../errors.js';
import { argumentOf, type Command, formatCommand } from './command.js';
import type { Reply } from './reply.js';

/** The address of PORT and 227 (RFC 959 §4.1.2 and §5.4). */
export interface PortAddress {
  /** IPv4, four numbers with dots. */
  host: string;
  /** 1 to 65535. */
  port: number;
}

/** The address of EPRT (RFC 2428 §2). */
export interface ExtendedAddress extends PortAddress {
  /** The network protocol: 1 is IPv4, 2 is IPv6. `host` is checked for these two; a server answers others with 522. */
  family: number;
}

/** The address of LPRT and 228 (RFC 1639 §2 and §3). */
export interface LongAddress {
  /** The address family: 4 is IPv4, 6 is IPv6. */
  family: number;
  /** Octets in network byte order. */
  host: Uint8Array;
  /** Octets in network byte order; two for TCP. */
  port: Uint8Array;
}

/** The port of 229 (RFC 2428 §3), on the address of the control connection. */
export interface ExtendedPort {
  /** 1 to 65535. */
  port: number;
  /** Family and host as they were sent, although §3 requires both to be empty. 1 is IPv4, 2 is IPv6. */
  family?: number;
  host?: string;
}

/** How addresses in replies are parsed. */
export interface AddressOptions {
  /**
   * Accept only the form of the RFC: parentheses around the numbers, no spaces, and for 229 no family or host. Default false:
   * servers leave the parentheses out (RFC 1123 §4.1.2.6), or put spaces between the numbers.
   */
  strict?: boolean;
}

/**
 * The address in a PORT command (RFC 959 §4.1.2).
 * @throws FtpSecurityError `syntax/bad-command` (501); RangeError for another command
 */
export function parsePort(command: Pick<Command, 'verb' | 'argument'>): PortAddress {
  const numbers = octetsOf(argumentOf(command, 'PORT'), /^\d{1,3}(?:,\d{1,3}){5}$/);
  return portAddress(numbers, badArgument, 'PORT');
}

/**
 * The octets of a PORT command (RFC 959 §4.1.2).
 * @throws RangeError for a host that is not an IPv4 address, or a port outside 1 to 65535
 */
export function formatPort(address: PortAddress): Uint8Array {
  return formatCommand('PORT', portText(address));
}

/**
 * The address in an EPRT command (RFC 2428 §2).
 * @throws FtpSecurityError `syntax/bad-command` (501); RangeError for another command
 */
export function parseEprt(command: Pick<Command, 'verb' | 'argument'>): ExtendedAddress {
  const match = /^([!-~])(\d{1,5})\1([0-9A-Fa-f:.]{1,45})\1(\d{1,5})\1$/.exec(argumentOf(command, 'EPRT'));
  if (match === null)
    throw badArgument('EPRT: expected family, host and port between delimiters, as in |1|192.0.2.1|6275|');
  const [family, host, port] = [Number(match[2]), match[3]!, portOf(Number(match[4]), badArgument, 'EPRT')];
  const isHost = family === 1 ? isIpv4(host) : family === 2 ? isIpv6(host) : true;
  if (!isHost) throw badArgument('EPRT: the host is not an address of its family');
  return { family, host, port };
}

/**
 * The octets of an EPRT command (RFC 2428 §2). The family is derived from the host.
 * @throws RangeError for a host that is not an IPv4 or IPv6 address, or a port outside 1 to 65535
 */
export function formatEprt({ host, port }: PortAddress): Uint8Array {
  const family = isIpv4(host) ? 1 : isIpv6(host) ? 2 : undefined;
  if (family === undefined) throw new RangeError('the host must be an IPv4 or IPv6 address');
  return formatCommand('EPRT', `|${family}|${host}|${checkedPort(port)}|`);
}

/**
 * The address in an LPRT command (RFC 1639 §2).
 * @throws FtpSecurityError `syntax/bad-command` (501); RangeError for another command
 */
export function parseLprt(command: Pick<Command, 'verb' | 'argument'>): LongAddress {
  return longAddress(octetsOf(argumentOf(command, 'LPRT'), /^\d{1,3}(?:,\d{1,3}){4,512}$/), badArgument, 'LPRT');
}

/**
 * The octets of an LPRT command (RFC 1639 §2).
 * @throws RangeError for a family outside 0 to 255, or a host or port that doesn't have 1 to 255 octets
 */
export function formatLprt(address: LongAddress): Uint8Array {
  return formatCommand('LPRT', longText(address));
}

/**
 * The address in the text of a 227 reply to PASV (RFC 959 §5.4).
 * @throws FtpSecurityError `syntax/bad-reply`
 */
export function parsePassiveReply({ lines }: Pick<Reply, 'lines'>, { strict }: AddressOptions = {}): PortAddress {
  const list = strict
    ? /(?<=\()\d{1,3}(?:,\d{1,3}){5}(?=\))/
    : /(?<!\d|\d {0,2}, {0,2})\d{1,3}(?: {0,2}, {0,2}\d{1,3}){5}(?!(?: {0,2}, {0,2})?\d)/;
  return portAddress(octetsOf(lines.join('\n'), list), badText, '227');
}

/**
 * The text of a 227 reply to PASV (RFC 959 §5.4).
 * @throws RangeError as {@link formatPort}
 */
export function formatPassiveText(address: PortAddress): string {
  return `Entering Passive Mode (${portText(address)})`;
}

/**
 * The address in the text of a 228 reply to LPSV (RFC 1639 §3).
 * @throws FtpSecurityError `syntax/bad-reply`
 */
export function parseLongPassiveReply({ lines }: Pick<Reply, 'lines'>, { strict }: AddressOptions = {}): LongAddress {
  const list = strict ? /(?<=\()\d{1,3}(?:,\d{1,3}){4,512}(?=\))/ : /(?<!\d|\d,)\d{1,3}(?:,\d{1,3}){4,512}(?!,?\d)/;
  return longAddress(octetsOf(lines.join('\n'), list), badText, '228');
}

/**
 * The text of a 228 reply to LPSV (RFC 1639 §3).
 * @throws RangeError as {@link formatLprt}
 */
export function formatLongPassiveText(address: LongAddress): string {
  return `Entering Long Passive Mode (${longText(address)})`;
}

/**
 * The port in the text of a 229 reply to EPSV (RFC 2428 §3).
 * @throws FtpSecurityError `syntax/bad-reply`
 */
export function parseExtendedPassiveReply(
  { lines }: Pick<Reply, 'lines'>,
  { strict }: AddressOptions = {},
): ExtendedPort {
  // The delimiter may be any printable character (§2). The bounds keep the search linear.
  const match = /\(([!-~])(\d{0,5})\1([0-9A-Fa-f:.]{0,45})\1(\d{1,5})\1\)/.exec(lines.join('\n'));
  if (match === null) throw badText('229: the port between delimiters, as in (|||6446|), is missing');
  const [, , family, host, port] = match;
  if (strict && (family || host)) throw badText('229: family and host must be empty');
  return {
    port: portOf(Number(port), badText, '229'),
    ...(family && { family: Number(family) }),
    ...(host && { host }),
  };
}

/**
 * The text of a 229 reply to EPSV (RFC 2428 §3).
 * @throws RangeError for a port outside 1 to 65535
 */
export function formatExtendedPassiveText(port: number): string {
  return `Entering Extended Passive Mode (|||${checkedPort(port)}|)`;
}

type Refuse = (message: string) => FtpSecurityError;

function portAddress(numbers: Uint8Array | undefined, refuse: Refuse, where: string): PortAddress {
  if (numbers === undefined) throw refuse(`${where}: expected six numbers from 0 to 255, with commas`);
  return { host: numbers.subarray(0, 4).join('.'), port: portOf(256 * numbers[4]! + numbers[5]!, refuse, where) };
}

/** Family, length and octets of the host, length and octets of the port. */
function longAddress(numbers: Uint8Array | undefined, refuse: Refuse, where: string): LongAddress {
  if (numbers === undefined) throw refuse(`${where}: expected a list of numbers from 0 to 255, with commas`);
  const hostEnd = 2 + numbers[1]!;
  const host = numbers.slice(2, hostEnd);
  const port = numbers.slice(hostEnd + 1);
  if (host.length === 0 || port.length === 0 || numbers[hostEnd] !== port.length) {
    throw refuse(`${where}: the lengths of host and port don't match the list`);
  }
  return { family: numbers[0]!, host, port };
}

function portText({ host, port }: PortAddress): string {
  if (!isIpv4(host)) throw new RangeError('the host must be an IPv4 address');
  checkedPort(port);
  return [...host.split('.'), port >> 8, port & 0xff].join(',');
}

function longText({ family, host, port }: LongAddress): string {
  const isOctet = Number.isInteger(family) && family >= 0 && family <= 0xff;
  if (!isOctet) throw new RangeError('the family must be 0 to 255');
  if (![host, port].every(({ length }) => length >= 1 && length <= 0xff)) {
    throw new RangeError('host and port must have 1 to 255 octets');
  }
  return [family, host.length, ...host, port.length, ...port].join(',');
}

/** The numbers of the first match; undefined if there is no match, or a number is above 255. */
function octetsOf(text: string, list: RegExp): Uint8Array | undefined {
  const numbers = list.exec(text)?.[0].split(',').map(Number);
  return numbers?.every(number => number <= 0xff) ? Uint8Array.from(numbers) : undefined;
}

function isIpv4(host: string): boolean {
  return /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/.test(host);
}

/** RFC 4291 §2.2: eight groups, `::` for one or more of them, and IPv4 for the last two; no zone. */
function isIpv6(host: string): boolean {
  const tail = /(?<=:)\d+\.[\d.]+$/.exec(host)?.[0];
  if (tail !== undefined && !isIpv4(tail)) return false;
  const halves = (tail === undefined ? host : `${host.slice(0, -tail.length)}0:0`).split('::');
  const groups = halves.flatMap(half => (half === '' ? [] : half.split(':')));
  if (!groups.every(group => /^[0-9A-Fa-f]{1,4}$/.test(group))) return false;
  return halves.length === 1 ? groups.length === 8 : halves.length === 2 && groups.length <= 7;
}

/** Port 0 is not valid: it can't be connected to. */
function portOf(port: number, refuse: Refuse, where: string): number {
  if (port < 1 || port > 0xffff) throw refuse(`${where}: a port must be 1 to 65535`);
  return port;
}

function checkedPort(port: number): number {
  if (!Number.isInteger(port) || port < 1 || port > 0xffff) throw new RangeError('a port must be 1 to 65535');
  return port;
}

function badArgument(message: string): FtpSecurityError {
  return new FtpSecurityError('syntax/bad-command', message);
}

function badText(message: string): FtpSecurityError {
  return new FtpSecurityError('syntax/bad-reply', message);
}
