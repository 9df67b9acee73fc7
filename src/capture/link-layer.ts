/**
 * From a captured packet to its TCP segment: link layers, VLAN tags (IEEE 802.1Q), IPv4 (RFC 791), IPv6 (RFC 8200), TCP
 * (RFC 9293 §3.1). What is malformed or no TCP is skipped and counted, never an error: a capture holds anything.
 */
import type { CapturedPacket } from './packet.js';

/** Bits of `Segment.flags`. */
export const FIN = 0x01;
export const SYN = 0x02;
export const RST = 0x04;
export const ACK = 0x10;

export interface Segment {
  /** Nanoseconds since 1970-01-01, UTC. */
  time: bigint;
  /** `address:port`, an IPv6 address as RFC 5952 has it and in brackets. */
  source: string;
  destination: string;
  /** The sequence and acknowledgment numbers as sent, 32 bits. */
  seq: number;
  ack: number;
  flags: number;
  /** A view into the captured packet. */
  payload: Uint8Array;
  /** Octets of payload that followed on the wire, and that the capture cut off. */
  missing: number;
}

/** Why a packet gives no segment. */
export type SkipReason = 'link-type' | 'not-tcp' | 'fragment' | 'malformed';

interface LinkLayer {
  header: number;
  /** Where the EtherType stands; absent where the version of the IP header tells. */
  etherType?: number;
}

const RAW_IP: LinkLayer = { header: 0 };
// The family number before the header differs from system to system, and in byte order; the IP version says the same.
const LOOPBACK: LinkLayer = { header: 4 };

const LINK_LAYERS: ReadonlyMap<number, LinkLayer> = new Map([
  [0, LOOPBACK],
  [1, { header: 14, etherType: 12 }],
  [12, RAW_IP],
  [14, RAW_IP],
  [101, RAW_IP],
  [108, LOOPBACK],
  [113, { header: 16, etherType: 14 }],
  [228, RAW_IP],
  [229, RAW_IP],
  [276, { header: 20, etherType: 0 }],
]);

const VLAN_TAGS: readonly number[] = [0x8100, 0x88a8, 0x9100];
const IPV4 = 0x0800;
const IPV6 = 0x86dd;

const TCP = 6;

/** IPv6 extension headers that may stand before TCP, with their lengths from the length octet (RFC 8200 §4, RFC 4302 §2.2). */
const EXTENSION_HEADERS: ReadonlyMap<number, (length: number) => number> = new Map([
  [0, inEights],
  [43, inEights],
  [60, inEights],
  [44, () => 8],
  [51, length => (length + 2) * 4],
]);
const FRAGMENT = 44;

function inEights(length: number): number {
  return (length + 1) * 8;
}

/** The segments of a capture, read anew each time they are gone through, and a count of what was no segment. */
export class SegmentReader implements Iterable<Segment> {
  readonly #packets: Iterable<CapturedPacket>;
  #skipped = noneSkipped();

  constructor(packets: Iterable<CapturedPacket>) {
    this.#packets = packets;
  }

  /** Packets that gave no segment, by reason, the last time that the segments were gone through. */
  get skipped(): Readonly<Record<SkipReason, number>> {
    return this.#skipped;
  }

  *[Symbol.iterator](): Generator<Segment> {
    const skipped = noneSkipped();
    this.#skipped = skipped;
    for (const packet of this.#packets) {
      const segment = readSegment(packet);
      if (typeof segment === 'string') skipped[segment]++;
      else yield segment;
    }
  }
}

function noneSkipped(): Record<SkipReason, number> {
  return { 'link-type': 0, 'not-tcp': 0, fragment: 0, malformed: 0 };
}

/** The TCP segment in a packet, or why there is none. */
export function readSegment(packet: CapturedPacket): Segment | SkipReason {
  const link = LINK_LAYERS.get(packet.linkType);
  if (link === undefined) return 'link-type';
  const { data } = packet;
  let at = link.header;
  let etherType: number | undefined;
  if (link.etherType !== undefined) {
    etherType = u16(data, link.etherType);
    for (; VLAN_TAGS.includes(etherType); at += 4) etherType = u16(data, at + 2);
  }
  if (data.length <= at) return 'malformed';
  if (etherType !== undefined && etherType !== IPV4 && etherType !== IPV6) return 'not-tcp';
  const version = data[at]! >> 4;
  if (version === 4 && etherType !== IPV6) return readIpv4(packet, at);
  if (version === 6 && etherType !== IPV4) return readIpv6(packet, at);
  return 'malformed';
}

function readIpv4(packet: CapturedPacket, at: number): Segment | SkipReason {
  const { data } = packet;
  if (data.length - at < 20) return 'malformed';
  const header = (data[at]! & 0x0f) * 4;
  const end = endOf(packet, at, u16(data, at + 2));
  if (header < 20 || end - at < header) return 'malformed';
  // The offset and the bit that more follow: a fragment's TCP header, if it has one, tells a length that isn't here.
  if ((u16(data, at + 6) & 0x3fff) !== 0) return 'fragment';
  if (data[at + 9] !== TCP) return 'not-tcp';
  return readTcp(packet, at + header, end, formatIpv4(data, at + 12), formatIpv4(data, at + 16));
}

function readIpv6(packet: CapturedPacket, at: number): Segment | SkipReason {
  const { data } = packet;
  if (data.length - at < 40) return 'malformed';
  const length = u16(data, at + 4);
  const end = endOf(packet, at, length === 0 ? 0 : length + 40);
  let next = data[at + 6]!;
  let inner = at + 40;
  for (let size = EXTENSION_HEADERS.get(next); size !== undefined; size = EXTENSION_HEADERS.get(next)) {
    if (data.length - inner < 8) return 'malformed';
    if (next === FRAGMENT && (u16(data, inner + 2) & 0xfff9) !== 0) return 'fragment';
    next = data[inner]!;
    inner += size(data[inner + 1]!);
  }
  if (next !== TCP) return 'not-tcp';
  const source = `[${formatIpv6(data, at + 8)}]`;
  return readTcp(packet, inner, end, source, `[${formatIpv6(data, at + 24)}]`);
}

/**
 * Where an IP packet ends, which may be short of the link's padding, or past the captured octets. Senders that leave
 * the cutting into segments to the network card show a length of 0: then it ends with the packet.
 */
function endOf({ data, originalLength }: CapturedPacket, at: number, length: number): number {
  return length === 0 ? Math.max(data.length, originalLength) : at + length;
}

function readTcp(
  { time, data }: CapturedPacket,
  at: number,
  end: number,
  source: string,
  destination: string,
): Segment | SkipReason {
  if (Math.min(data.length, end) - at < 20) return 'malformed';
  const start = at + (data[at + 12]! >> 4) * 4;
  if (start - at < 20 || start > end) return 'malformed';
  const captured = Math.max(start, Math.min(data.length, end));
  return {
    time,
    source: `${source}:${u16(data, at)}`,
    destination: `${destination}:${u16(data, at + 2)}`,
    seq: u32(data, at + 4),
    ack: u32(data, at + 8),
    flags: data[at + 13]!,
    payload: data.subarray(start, captured),
    missing: end - captured,
  };
}

function formatIpv4(data: Uint8Array, at: number): string {
  return `${data[at]}.${data[at + 1]}.${data[at + 2]}.${data[at + 3]}`;
}

/** RFC 5952: lower case, no leading zeros, the first of the longest runs of zeros cut, IPv4-mapped addresses with dots. */
function formatIpv6(data: Uint8Array, at: number): string {
  const groups = Array.from({ length: 8 }, (_, i) => u16(data, at + 2 * i));
  let start = 0;
  let length = 1;
  for (let i = 0; i < 8; i++) {
    let end = i;
    while (groups[end] === 0) end++;
    if (end - i > length) {
      start = i;
      length = end - i;
    }
  }
  if (start === 0 && length === 5 && groups[5] === 0xffff) return `::ffff:${formatIpv4(data, at + 12)}`;
  const hex = groups.map(group => group.toString(16));
  if (length === 1) return hex.join(':');
  return `${hex.slice(0, start).join(':')}::${hex.slice(start + length).join(':')}`;
}

/** 0 past the end: no length, type or offset that is asked for means anything by it. */
function u16(data: Uint8Array, at: number): number {
  return ((data[at] ?? 0) << 8) | (data[at + 1] ?? 0);
}

function u32(data: Uint8Array, at: number): number {
  return ((u16(data, at) << 16) | u16(data, at + 2)) >>> 0;
}
