/**
 * What the decoders of all layers share. Each decoder removes one header, and names the next layer by its number in the
 * registry that the header uses; link-layer.ts calls them one after another.
 */
import type { IpFragments } from './ip-fragments.js';
import { u16 } from './numbers.js';
import type { CapturedPacket } from './packet.js';

const NOTHING = new Uint8Array(0);

/** A packet while its layers are decoded. One is used for all packets of a capture. */
export class Frame {
  data: Uint8Array = NOTHING;
  /** Offset of the next layer in `data`. */
  at = 0;
  /** The greatest possible offset of that layer's end; greater than the length of `data` if the capture cut the packet. */
  end = 0;
  /** Addresses of the innermost IP header so far; an IPv6 address is in brackets. */
  source = '';
  destination = '';
  /** Nanoseconds since 1970-01-01 UTC; undefined if unknown. */
  time: bigint | undefined;
  readonly fragments: IpFragments;

  constructor(fragments: IpFragments) {
    this.fragments = fragments;
  }

  /** Begins with the next packet. */
  begin({ data, originalLength, time }: CapturedPacket): void {
    this.data = data;
    this.at = 0;
    this.end = Math.max(data.length, originalLength);
    this.source = '';
    this.destination = '';
    this.time = time;
  }
}

export type Registry = 'link type' | 'EtherType' | 'PPP protocol' | 'IP protocol' | 'UDP port';

/** The next layer; its decoder is in the table of the registry. */
export interface Next {
  readonly registry: Registry;
  readonly number: number;
  /** Undefined until it is looked up: the layers of most packets are the constants below. */
  decoder: Decoder | undefined;
}

/**
 * Removes a header: moves `frame.at` to what follows it.
 * @returns the next layer; a text with the reason if the packet can't be read; undefined if it holds no TCP, or if more
 *   fragments are needed
 */
export type Decoder = (frame: Frame) => Next | string | undefined;

/** A layer by its number in a registry. */
export function layer(registry: Registry, number: number): Next {
  return { registry, number, decoder: undefined };
}

export type DecoderTable = ReadonlyMap<number, Decoder>;

export const ETHERNET: Next = layer('link type', 1);
export const PPP: Next = layer('link type', 9);
/** An IEEE 802.2 header, which RFC 2684 §5 puts before packets. */
export const LLC: Next = layer('link type', 100);
export const IPV4: Next = layer('EtherType', 0x0800);
export const IPV6: Next = layer('EtherType', 0x86dd);
export const TCP: Next = layer('IP protocol', 6);
/** IP, of the version in its first four bits. */
export const IP: Next = layer('link type', 101);
export const CISCO_HDLC: Next = layer('link type', 104);
export const WIFI: Next = layer('link type', 105);
export const MPLS: Next = layer('EtherType', 0x8847);
export const PPPOE: Next = layer('EtherType', 0x8864);

/** Both service access points of IEEE 802.2 for SNAP (RFC 1042). */
export const SNAP = 0xaaaa;

/** Decoder of a header that has a fixed length and does not name the next layer. */
export function skip(length: number, next: Next): Decoder {
  return frame => {
    frame.at += length;
    return next;
  };
}

/** Decoder of protocols that never carry TCP. */
export const noTcp: Decoder = () => undefined;

export function tableOf(rows: readonly (readonly [numbers: readonly number[], decoder: Decoder])[]): DecoderTable {
  return new Map(rows.flatMap(([numbers, decoder]) => numbers.map(number => [number, decoder] as const)));
}

/**
 * Continues with the layer that an EtherType names. A number below 0x0600 is a length instead, and an IEEE 802.2 header
 * follows (IEEE 802.3 §3.2.6). In frames longer than that standard allows, the number can also be a length; then SNAP
 * follows.
 */
export function etherType(frame: Frame, typeAt: number, payloadAt: number = typeAt + 2): Next | string {
  if (frame.data.length < payloadAt) return broken(frame, 'link layer');
  const number = u16(frame.data, typeAt);
  frame.at = payloadAt;
  const isLength = number < 0x0600 || (number === frame.end - payloadAt && u16(frame.data, payloadAt) === SNAP);
  if (isLength) return LLC;
  return number === IPV4.number ? IPV4 : layer('EtherType', number);
}

export function ipProtocol(number: number): Next {
  return number === TCP.number ? TCP : layer('IP protocol', number);
}

/** The reason why a header can't be read: it is not whole, or it contradicts itself. */
export function broken({ data, end }: Frame, header: string): string {
  return data.length < end ? `${header} header cut by the capture` : `malformed ${header} header`;
}
