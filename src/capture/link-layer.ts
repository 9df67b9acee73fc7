/**
 * Finds the TCP segments in captured packets (RFC 9293 §3.1), through link layers, tags, tunnels and IP fragments. A
 * packet that can't be read is counted by reason and is never an error, because a capture can contain anything.
 */

import { endText } from './end-texts.js';
import { ETHER_TYPES } from './ethernet.js';
import { IP_PROTOCOLS } from './ip.js';
import { IpFragments } from './ip-fragments.js';
import { broken, type DecoderTable, Frame, layer, type Next, type Registry, TCP } from './layers.js';
import { LINK_TYPES } from './link-types.js';
import { u32 } from './numbers.js';
import type { CapturedPacket } from './packet.js';
import { PPP_PROTOCOLS } from './ppp.js';
import { UDP_PORTS } from './tunnels.js';

/** Bits of `Segment.flags`. */
export const FIN = 0x01;
export const SYN = 0x02;
export const RST = 0x04;
export const ACK = 0x10;

export interface Segment {
  /** Nanoseconds since 1970-01-01 UTC; undefined if the capture has no time. */
  time: bigint | undefined;
  /** `address:port`; an IPv6 address is in the form of RFC 5952 and in brackets. */
  source: string;
  destination: string;
  /** The sequence and acknowledgment numbers as sent, 32 bits. */
  seq: number;
  ack: number;
  flags: number;
  /** A view into the captured packet, or into the reassembled fragments. */
  payload: Uint8Array;
  /** Octets of payload that were on the wire but were cut off by the capture. */
  missing: number;
}

const REGISTRIES: Record<Registry, DecoderTable> = {
  'link type': LINK_TYPES,
  EtherType: ETHER_TYPES,
  'PPP protocol': PPP_PROTOCOLS,
  'IP protocol': IP_PROTOCOLS,
  'UDP port': UDP_PORTS,
};

const LINKS: ReadonlyMap<number, Next> = new Map(
  [...LINK_TYPES.keys()].map(number => [number, layer('link type', number)]),
);

/** More headers than real packets have, including tags and extension headers; a hostile packet may consist of headers only. */
const MAX_LAYERS = 32;

/** How many different reasons are counted; only damaged or hostile captures have more. */
const MAX_REASONS = 64;

/** The segments of a capture, read again on each iteration, and counts of the packets that could not be read. */
export class SegmentReader implements Iterable<Segment> {
  readonly #packets: Iterable<CapturedPacket>;
  #unread = new Map<string, number>();

  constructor(packets: Iterable<CapturedPacket>) {
    this.#packets = packets;
  }

  /**
   * Number of packets that could not be read in the last iteration, by reason. Packets that are known to hold no TCP
   * are not counted.
   */
  get unread(): Record<string, number> {
    return Object.fromEntries(this.#unread);
  }

  [Symbol.iterator](): Iterator<Segment> {
    this.#unread = new Map();
    const fragments = new IpFragments((reason, packets) => this.#count(reason, packets));
    return new Segments(this.#packets[Symbol.iterator](), fragments, reason => this.#count(reason, 1));
  }

  #count(reason: string, packets: number): void {
    const name = this.#unread.has(reason) || this.#unread.size < MAX_REASONS ? reason : 'other reasons';
    this.#unread.set(name, (this.#unread.get(name) ?? 0) + packets);
  }
}

/** Not a generator: there are many segments, and a generator takes several times as long for each. */
class Segments implements Iterator<Segment> {
  readonly #packets: Iterator<CapturedPacket>;
  readonly #fragments: IpFragments;
  readonly #frame: Frame;
  readonly #onUnread: (reason: string) => void;

  constructor(packets: Iterator<CapturedPacket>, fragments: IpFragments, onUnread: (reason: string) => void) {
    this.#packets = packets;
    this.#fragments = fragments;
    this.#frame = new Frame(fragments);
    this.#onUnread = onUnread;
  }

  next(): IteratorResult<Segment, undefined> {
    for (;;) {
      const packet = this.#packets.next();
      if (packet.done === true) {
        this.#fragments.finish();
        return END;
      }
      const segment = readSegment(packet.value, this.#frame);
      if (typeof segment === 'string') this.#onUnread(segment);
      else if (segment !== undefined) return { done: false, value: segment };
    }
  }

  return(): IteratorResult<Segment, undefined> {
    this.#packets.return?.();
    return END;
  }
}

const END: IteratorResult<Segment, undefined> = { done: true, value: undefined };

/**
 * The TCP segment that a packet holds or completes.
 * @param frame  for its layers; what it had before does not matter
 * @returns a text with the reason if the packet can't be read; undefined if it holds no TCP, or is a fragment of an
 *   incomplete packet
 */
function readSegment(packet: CapturedPacket, frame: Frame): Segment | string | undefined {
  const { linkType } = packet;
  if (linkType === undefined) return 'interface that the capture does not describe';
  frame.begin(packet);
  let current = LINKS.get(linkType) ?? layer('link type', linkType);
  for (let layers = 0; layers < MAX_LAYERS; layers++) {
    current.decoder ??= REGISTRIES[current.registry].get(current.number);
    if (current.decoder === undefined) return nameOf(current);
    const next = current.decoder(frame);
    if (next === TCP) return readTcp(frame);
    if (next === undefined || typeof next === 'string') return next;
    current = next;
  }
  return `more than ${MAX_LAYERS} headers`;
}

/** A layer by its registry, and its number in the notation of that. */
function nameOf({ registry, number }: Next): string {
  const hex = registry === 'EtherType' || registry === 'PPP protocol';
  return `${registry} ${hex ? `0x${number.toString(16).padStart(4, '0')}` : number}`;
}

function readTcp(frame: Frame): Segment | string {
  const { time, data, at, end, source, destination } = frame;
  if (Math.min(data.length, end) - at < 20) return broken(frame, 'TCP');
  const start = at + (data[at + 12]! >> 4) * 4;
  if (start - at < 20 || start > end) return 'malformed TCP header';
  const captured = Math.max(start, Math.min(data.length, end));
  return {
    time,
    source: endText(source, (data[at]! << 8) | data[at + 1]!),
    destination: endText(destination, (data[at + 2]! << 8) | data[at + 3]!),
    seq: u32(data, at + 4),
    ack: u32(data, at + 8),
    flags: data[at + 13]!,
    payload: start < captured ? data.subarray(start, captured) : NOTHING,
    missing: end - captured,
  };
}

const NOTHING = new Uint8Array(0);
