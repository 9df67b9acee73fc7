/**
 * Where the data connections of a control connection are: the addresses in PORT, EPRT, LPRT, 227, 228 and 229, and in GridFTP's SPOR
 * and the 229 reply to SPAS (GFD.20 §4), which have several. They identify the data connections among the TCP connections of a capture.
 */
import { FtpSecurityError } from '../errors.js';
import {
  parseEprt,
  parseExtendedPassiveReply,
  parseLongPassiveReply,
  parseLprt,
  parsePassiveReply,
  parsePort,
} from '../ftp/addresses.js';
import type { Command } from '../ftp/command.js';
import type { Reply } from '../ftp/reply.js';
import { formatIpv4, formatIpv6 } from './ip.js';

/** The listening end of a TCP connection. */
export interface DataAddress {
  /** In the same form as the ends of captured connections; undefined if only a port was announced: then the server's own host. */
  host: string | undefined;
  port: number;
}

/** What `parseCommand` takes as a command, as text: it was decoded from octets. It may have line ends and NUL behind it. */
const COMMAND = /^([A-Za-z][A-Za-z0-9]{0,15})(?: ([^\r\n\0]*))?[\r\n\0]*$/;

/** A command without its octets. */
export type CommandText = Pick<Command, 'verb' | 'argument'>;

/** The command in a text from a client; undefined if the text has no command. */
export function commandIn(text: string): CommandText | undefined {
  const match = COMMAND.exec(text);
  return match === null ? undefined : { verb: match[1]!.toUpperCase(), argument: match[2] };
}

/** The addresses that a command announces; the client listens there. */
export function announcedByCommand(command: CommandText): DataAddress[] {
  switch (command.verb) {
    case 'PORT':
      return found(() => parsePort(command));
    case 'EPRT':
      return found(() => {
        const { host, port } = parseEprt(command);
        return { host: hostOf(host), port };
      });
    case 'LPRT':
      return found(() => longAddress(parseLprt(command)));
    case 'SPOR':
      return stripes((command.argument ?? '').split(' '));
    default:
      return [];
  }
}

/** The addresses that a reply announces; the server listens there. */
export function announcedByReply(reply: Reply): DataAddress[] {
  switch (reply.code) {
    case 227:
      return found(() => parsePassiveReply(reply));
    case 228:
      return found(() => longAddress(parseLongPassiveReply(reply)));
    case 229: {
      const one = found(() => ({ host: undefined, port: parseExtendedPassiveReply(reply).port }));
      return one.length > 0 ? one : stripes(reply.lines);
    }
    default:
      return [];
  }
}

/** The addresses of a striped transfer, each in the form of PORT. */
function stripes(texts: readonly string[]): DataAddress[] {
  return texts.flatMap(text => found(() => parsePort({ verb: 'PORT', argument: text.trim() })));
}

function found(read: () => DataAddress | undefined): DataAddress[] {
  return [attempt(read) ?? []].flat();
}

/** The address, if TCP runs over its address family. */
function longAddress({ host, port }: { host: Uint8Array; port: Uint8Array }): DataAddress | undefined {
  if (port.length !== 2) return undefined;
  const number = 256 * port[0]! + port[1]!;
  if (host.length === 4) return { host: formatIpv4(host, 0), port: number };
  return host.length === 16 ? { host: `[${formatIpv6(host, 0)}]`, port: number } : undefined;
}

/** An address as text, in the same form as the ends of captured connections. */
function hostOf(text: string): string {
  return text.includes(':') ? `[${formatIpv6(octetsOf(text), 0)}]` : text;
}

/** The octets of a valid IPv6 address in text form (RFC 4291 §2.2). */
function octetsOf(text: string): Uint8Array {
  const dotted = /(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text);
  const [a, b, c, d] = (dotted ?? []).slice(1).map(Number) as [number, number, number, number];
  const plain = dotted === null ? text : `${text.slice(0, dotted.index)}${hex(a, b)}:${hex(c, d)}`;
  const [head = '', tail] = plain.split('::');
  const groups = (part: string) => (part === '' ? [] : part.split(':').map(group => Number.parseInt(group, 16)));
  const [before, after] = [groups(head), groups(tail ?? '')];
  const zeros = Array<number>(Math.max(0, 8 - before.length - after.length)).fill(0);
  return Uint8Array.from([...before, ...zeros, ...after].flatMap(group => [group >> 8, group & 0xff]));
}

function hex(high: number, low: number): string {
  return (256 * high + low).toString(16);
}

/** An announcement that can't be read counts as no announcement. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof FtpSecurityError) return undefined;
    throw error;
  }
}
