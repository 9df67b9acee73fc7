/** What a proxy says on a connection before the control connection begins: it is no part of that one. */
import { fromUtf8, startsWith, viewOf } from '../bytes.js';

/** Octets of each direction, that of the client first. */
export type Preamble = readonly [client: number, server: number];

const NONE: Preamble = [0, 0];

/** How the second version of the PROXY protocol begins (its specification, §2.2). */
const PROXY_2 = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a];

/** A header of the PROXY protocol, from the end that connects, or a conversation by SOCKS that was granted. */
export function preambleOf(fromClient: Uint8Array, fromServer: Uint8Array): Preamble {
  const header = proxyHeader(fromClient);
  if (header > 0) return [header, 0];
  if (fromClient[0] === 4) return socks4(fromClient, fromServer) ?? NONE;
  if (fromClient[0] === 5) return socks5(fromClient, fromServer) ?? NONE;
  return NONE;
}

function proxyHeader(octets: Uint8Array): number {
  // §2.1 gives the line 107 octets at the most.
  const line = /^PROXY (?:TCP4|TCP6|UNKNOWN)(?: [^\r\n]*)?\r\n/.exec(fromUtf8(octets.subarray(0, 107)));
  if (line !== null) return line[0].length;
  if (!startsWith(octets, PROXY_2) || octets.length < 16) return 0;
  return 16 + viewOf(octets).getUint16(14);
}

/** SOCKS 4 and 4A: a request, which has a name in place of an address 0.0.0.x, and an answer of 8 octets; 90 grants it. */
function socks4(fromClient: Uint8Array, fromServer: Uint8Array): Preamble | undefined {
  if (fromServer[0] !== 0 || fromServer[1] !== 90) return undefined;
  const hasName = fromClient[4] === 0 && fromClient[5] === 0 && fromClient[6] === 0 && fromClient[7] !== 0;
  const user = fromClient.indexOf(0, 8);
  const end = hasName && user > 0 ? fromClient.indexOf(0, user + 1) : user;
  return end < 0 ? undefined : [end + 1, 8];
}

/** SOCKS 5 (RFC 1928): methods, a password if it is asked for (RFC 1929), the request. */
function socks5(fromClient: Uint8Array, fromServer: Uint8Array): Preamble | undefined {
  let [client, server] = [2 + (fromClient[1] ?? 0), 2];
  if (fromServer[0] !== 5) return undefined;
  if (fromServer[1] === 2) {
    const user = fromClient[client + 1] ?? 0;
    client += 3 + user + (fromClient[client + 2 + user] ?? 0);
    server += 2;
  }
  if (fromClient[client] !== 5 || fromServer[server] !== 5 || fromServer[server + 1] !== 0) return undefined;
  return [client + socks5Length(fromClient, client), server + socks5Length(fromServer, server)];
}

/** A request or its answer (RFC 1928 §4 to §6): the kind of the address gives the length. */
function socks5Length(octets: Uint8Array, at: number): number {
  const addresses: Readonly<Record<number, number>> = { 1: 4, 3: 1 + (octets[at + 4] ?? 0), 4: 16 };
  return 6 + (addresses[octets[at + 3] ?? 0] ?? 0);
}
