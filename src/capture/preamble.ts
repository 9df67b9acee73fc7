/** What a proxy sends on a connection before the control connection begins; it is not part of the control connection. */
import { CR, fromUtf8, LF, startsWith, toUtf8, viewOf } from '../bytes.js';

/** Number of octets in each direction, the client's first. */
export type Preamble = readonly [client: number, server: number];

const NONE: Preamble = [0, 0];

/** First octets of version 2 of the PROXY protocol (its specification, §2.2). */
const PROXY_2 = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a];

/** The length of a PROXY header from the end that connects, or of a negotiation of SOCKS or CONNECT that was granted. */
export function preambleOf(fromClient: Uint8Array, fromServer: Uint8Array): Preamble {
  const header = proxyHeader(fromClient);
  if (header > 0) return [header, 0];
  if (fromClient[0] === 4) return socks4(fromClient, fromServer) ?? NONE;
  if (fromClient[0] === 5) return socks5(fromClient, fromServer) ?? NONE;
  if (startsWith(fromClient, CONNECT)) return httpConnect(fromClient, fromServer) ?? NONE;
  return NONE;
}

const LETTER_P = 0x50;

function proxyHeader(octets: Uint8Array): number {
  if (octets[0] !== LETTER_P && octets[0] !== PROXY_2[0]) return 0;
  // §2.1 limits the line to 107 octets.
  const line = /^PROXY (?:TCP4|TCP6|UNKNOWN)(?: [^\r\n]*)?\r\n/.exec(fromUtf8(octets.subarray(0, 107)));
  if (line !== null) return line[0].length;
  if (!startsWith(octets, PROXY_2) || octets.length < 16) return 0;
  return 16 + viewOf(octets).getUint16(14);
}

const CONNECT = toUtf8('CONNECT ');

/** CONNECT of HTTP (RFC 9110 §9.3.6), again with a password if the proxy asks for one (407); a 2xx answer grants it. */
function httpConnect(fromClient: Uint8Array, fromServer: Uint8Array): Preamble | undefined {
  let [client, server] = [0, 0];
  for (;;) {
    const [request, answer] = [httpHeader(fromClient, client), httpHeader(fromServer, server)];
    if (!/^CONNECT \S+ HTTP\/1\.[01]\r\n/.test(fromUtf8(request))) return undefined;
    client += request.length;
    server += answer.length;
    const text = fromUtf8(answer);
    const code = /^HTTP\/1\.[01] ([0-9]{3})[ \r]/.exec(text)?.[1];
    if (code?.startsWith('2')) return [client, server];
    if (code !== '407') return undefined;
    server += Number(/^content-length:[ \t]*([0-9]{1,9})[ \t]*\r$/im.exec(text)?.[1] ?? 0);
  }
}

/** A header of HTTP, with the blank line at its end; empty if it is not whole. */
function httpHeader(octets: Uint8Array, from: number): Uint8Array {
  for (let lf = octets.indexOf(LF, from); lf !== -1; lf = octets.indexOf(LF, lf + 1))
    if (octets[lf - 1] === CR && octets[lf - 2] === LF) return octets.subarray(from, lf + 1);
  return octets.subarray(0, 0);
}

/** SOCKS 4 and 4A: a request, with a host name if the address is 0.0.0.x, and an answer of 8 octets; code 90 grants it. */
function socks4(fromClient: Uint8Array, fromServer: Uint8Array): Preamble | undefined {
  if (fromServer[0] !== 0 || fromServer[1] !== 90) return undefined;
  const hasName = fromClient[4] === 0 && fromClient[5] === 0 && fromClient[6] === 0 && fromClient[7] !== 0;
  const user = fromClient.indexOf(0, 8);
  const end = hasName && user > 0 ? fromClient.indexOf(0, user + 1) : user;
  return end < 0 ? undefined : [end + 1, 8];
}

/** SOCKS 5 (RFC 1928): methods, a password if the server asks for one (RFC 1929), and the request. */
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

/** The length of a request or its answer (RFC 1928 §4 to §6), which depends on the type of the address. */
function socks5Length(octets: Uint8Array, at: number): number {
  const addresses: Readonly<Record<number, number>> = { 1: 4, 3: 1 + (octets[at + 4] ?? 0), 4: 16 };
  return 6 + (addresses[octets[at + 3] ?? 0] ?? 0);
}
