/**
 * What the decoders of all layers share. Each decoder removes one header, and names the next layer by its number in the
 * registry that the header uses; link-layer.ts calls them one after another.
 */
import type { IpFragments } from './ip-fragments.js';
import { u16 } from './numbers.js';

/** A packet while its layers are decoded. */
export interface Frame {
  data: Uint8Array;
  /** Offset of the next layer in `data`. */
  at: number;
  /** The greatest possible offset of that layer's end; greater than the length of `data` if the capture cut the packet. */
  end: number;
  /** Addresses of the innermost IP header so far; an IPv6 address is in brackets. */
  source: string;
  destination: string;
  /** Nanoseconds since 1970-01-01 UTC; undefined if unknown. */
  time: bigint | undefined;
  readonly fragments: IpFragments;
}

export type Registry = 'link type' | 'EtherType' | 'PPP protocol' | 'IP protocol' | 'UDP port';

/** The next layer; its decoder is in the table of the registry. */
export interface Next {
  readonly registry: Registry;
  readonly number: number;
  /** Once it has been looked up: the layers of most packets are the constants below. */
  decoder?: Decoder | undefined;
}

/**
 * Removes a header: moves `frame.at` to what follows it.
 * @returns the next layer; a text with the reason if the packet can't be read; undefined if it holds no TCP, or if more
 *   fragments are needed
 */
export type Decoder = (frame: Frame) => Next | string | undefined;

export type DecoderTable = ReadonlyMap<number, Decoder>;

export const ETHERNET: Next = { registry: 'link type', number: 1 };
export const PPP: Next = { registry: 'link type', number: 9 };
/** An IEEE 802.2 header, which RFC 2684 §5 puts before packets. */
export const LLC: Next = { registry: 'link type', number: 100 };
export const IPV4: Next = { registry: 'EtherType', number: 0x0800 };
export const IPV6: Next = { registry: 'EtherType', number: 0x86dd };
export const TCP: Next = { registry: 'IP protocol', number: 6 };
/** IP, of the version in its first four bits. */
export const IP: Next = { registry: 'link type', number: 101 };
export const CISCO_HDLC: Next = { registry: 'link type', number: 104 };
export const WIFI: Next = { registry: 'link type', number: 105 };
export const MPLS: Next = { registry: 'EtherType', number: 0x8847 };
export const PPPOE: Next = { registry: 'EtherType', number: 0x8864 };

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
  return number === IPV4.number ? IPV4 : { registry: 'EtherType', number };
}

export function ipProtocol(number: number): Next {
  return number === TCP.number ? TCP : { registry: 'IP protocol', number };
}

/** The reason why a header can't be read: it is not whole, or it contradicts itself. */
export function broken({ data, end }: Frame, header: string): string {
  return data.length < end ? `${header} header cut by the capture` : `malformed ${header} header`;
}
