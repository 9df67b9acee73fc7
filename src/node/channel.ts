/** The addresses of a control connection, for mechanisms with channel bindings (RFC 2228 appendix I). */
import { isIPv4, isIPv6 } from 'node:net';
import type { ChannelEnds } from '../protection/mechanism.js';
import type { AnySocket } from './socket-stream.js';

/** The addresses of both ends. An end without one, e.g. of a stream that is not a socket, is absent. */
export function channelOf(socket: AnySocket, side: 'client' | 'server'): ChannelEnds {
  const [local, remote] = [octetsOfAddress(socket.localAddress), octetsOfAddress(socket.remoteAddress)];
  const [initiator, acceptor] = side === 'client' ? [local, remote] : [remote, local];
  return { ...(initiator && { initiator }), ...(acceptor && { acceptor }) };
}

/** The 4 octets of an IPv4 address, also if it is mapped into IPv6 (RFC 4291 §2.5.5.2), or the 16 of an IPv6 address. */
export function octetsOfAddress(text = ''): Uint8Array | undefined {
  const [address = ''] = text.split('%');
  if (isIPv4(address)) return Uint8Array.from(address.split('.'), Number);
  if (!isIPv6(address)) return undefined;
  // URL writes every IPv6 address in one form, without dots.
  const [before = '', after] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const [head, tail] = [groupsOf(before), groupsOf(after ?? '')];
  const groups = [...head, ...new Array<number>(8 - head.length - tail.length).fill(0), ...tail];
  const octets = Uint8Array.from(groups.flatMap(group => [group >> 8, group & 0xff]));
  const isMapped = groups.slice(0, 5).every(group => group === 0) && groups[5] === 0xffff;
  return isMapped ? octets.slice(12) : octets;
}

function groupsOf(text: string): number[] {
  return text === '' ? [] : text.split(':').map(group => Number.parseInt(group, 16));
}
