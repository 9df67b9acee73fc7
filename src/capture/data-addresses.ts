/**
 * Where the data connections of a control connection are: what PORT, EPRT and LPRT, 227, 228 and 229 have announced, for the
 * TCP connections of a capture to be found by.
 */
import { toUtf8 } from '../bytes.js';
import { FtpSecurityError } from '../errors.js';
import {
  parseEprt,
  parseExtendedPassiveReply,
  parseLongPassiveReply,
  parseLprt,
  parsePassiveReply,
  parsePort,
} from '../ftp/addresses.js';
import { type Command, parseCommand } from '../ftp/command.js';
import type { Reply } from '../ftp/reply.js';
import { formatIpv4, formatIpv6 } from './ip.js';

/** An end of a TCP connection that listens. */
export interface DataAddress {
  /** As the ends of captured connections have it; undefined where only a port was said: then the server's own. */
  host: string | undefined;
  port: number;
}

/** The command in a text that a client has sent; undefined where there is none. */
export function commandIn(text: string): Command | undefined {
  return attempt(() => parseCommand(toUtf8(text.replace(/[\r\n\0]+$/, ''))));
}

/** What a command announces: the client listens. */
export function announcedByCommand(command: Command): DataAddress | undefined {
  switch (command.verb) {
    case 'PORT':
      return attempt(() => parsePort(command));
    case 'EPRT':
      return attempt(() => {
        const { host, port } = parseEprt(command);
        return { host: hostOf(host), port };
      });
    case 'LPRT':
      return attempt(() => longAddress(parseLprt(command)));
    default:
      return undefined;
  }
}

/** What a reply announces: the server listens. */
export function announcedByReply(reply: Reply): DataAddress | undefined {
  switch (reply.code) {
    case 227:
      return attempt(() => parsePassiveReply(reply));
    case 228:
      return attempt(() => longAddress(parseLongPassiveReply(reply)));
    case 229:
      return attempt(() => ({ host: undefined, port: parseExtendedPassiveReply(reply).port }));
    default:
      return undefined;
  }
}

/** Of the families that TCP runs over. */
function longAddress({ host, port }: { host: Uint8Array; port: Uint8Array }): DataAddress | undefined {
  if (port.length !== 2) return undefined;
  const number = 256 * port[0]! + port[1]!;
  if (host.length === 4) return { host: formatIpv4(host, 0), port: number };
  return host.length === 16 ? { host: `[${formatIpv6(host, 0)}]`, port: number } : undefined;
}

/** An address as text, as the ends of captured connections have it. */
function hostOf(text: string): string {
  return text.includes(':') ? `[${formatIpv6(octetsOf(text), 0)}]` : text;
}

/** The octets of an IPv6 address (RFC 4291 §2.2) that is one. */
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

/** A peer that announces what can't be read has announced nothing. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof FtpSecurityError) return undefined;
    throw error;
  }
}
