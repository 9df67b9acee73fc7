/**
 * The texts of addresses and ends. Most packets have those of one of the last packets, and the same text again is compared and
 * looked up faster than an equal one.
 */
import { u32 } from './numbers.js';

/** How many texts are kept of each kind; a power of two. */
const KEPT = 4096;

const addresses = new Uint32Array(KEPT);
const hosts: (string | undefined)[] = Array(KEPT).fill(undefined);

/** An IPv4 address as text. */
export function ipv4Text(data: Uint8Array, at: number): string {
  const address = u32(data, at);
  const place = (address ^ (address >>> 12) ^ (address >>> 24)) & (KEPT - 1);
  const known = hosts[place];
  if (known !== undefined && addresses[place] === address) return known;
  const text = `${data[at]}.${data[at + 1]}.${data[at + 2]}.${data[at + 3]}`;
  addresses[place] = address;
  hosts[place] = text;
  return text;
}

const hostsOfEnds: (string | undefined)[] = Array(KEPT).fill(undefined);
const ports = new Uint16Array(KEPT);
const ends: string[] = Array(KEPT).fill('');

/** `host:port`. */
export function endText(host: string, port: number): string {
  const place = port & (KEPT - 1);
  if (ports[place] === port && hostsOfEnds[place] === host) return ends[place]!;
  const text = `${host}:${port}`;
  hostsOfEnds[place] = host;
  ports[place] = port;
  ends[place] = text;
  return text;
}
