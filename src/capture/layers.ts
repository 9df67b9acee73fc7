/**
 * What the decoders of a packet's layers have in common. Each takes one header off, and names the next layer by its number
 * in the registry that the header uses; link-layer.ts goes from one to the next.
 */
import type { IpFragments } from './ip-fragments.js';
import { u16 } from './numbers.js';

/** A packet on its way through its layers. */
export interface Frame {
  data: Uint8Array;
  /** Where the layer begins that comes next. */
  at: number;
  /** Where that layer ends on the wire, at the most: past the data where the capture cut it. */
  end: number;
  /** Addresses of the innermost IP header so far, an IPv6 address in brackets. */
  source: string;
  destination: string;
  /** Nanoseconds since 1970, if known. */
  readonly time: bigint | undefined;
  readonly fragments: IpFragments;
}

export type Registry = 'link type' | 'EtherType' | 'PPP protocol' | 'IP protocol' | 'UDP port';

/** The layer that comes next: who takes it off is in the table of its registry. */
export interface Next {
  readonly registry: Registry;
  readonly number: number;
}

/**
 * Takes a header off: moves `frame.at` to what it holds, and says what that is.
 * @returns the next layer; a text, why it can't be read; undefined where it holds no TCP, or where more fragments must come
 */
export type Decoder = (frame: Frame) => Next | string | undefined;

export type DecoderTable = ReadonlyMap<number, Decoder>;

export const ETHERNET: Next = { registry: 'link type', number: 1 };
export const PPP: Next = { registry: 'link type', number: 9 };
/** A header of IEEE 802.2, as RFC 2684 §5 puts it before packets. */
export const LLC: Next = { registry: 'link type', number: 100 };
/** IP of the version that its first four bits tell. */
export const IP: Next = { registry: 'link type', number: 101 };
export const CISCO_HDLC: Next = { registry: 'link type', number: 104 };
export const WIFI: Next = { registry: 'link type', number: 105 };
export const MPLS: Next = { registry: 'EtherType', number: 0x8847 };
export const PPPOE: Next = { registry: 'EtherType', number: 0x8864 };

/** Both access points of IEEE 802.2 as SNAP has them (RFC 1042). */
export const SNAP = 0xaaaa;

/** A header of fixed length that says nothing of what follows. */
export function skip(length: number, next: Next): Decoder {
  return frame => {
    frame.at += length;
    return next;
  };
}

/** What never holds a TCP segment. */
export const noTcp: Decoder = () => undefined;

export function tableOf(rows: readonly (readonly [numbers: readonly number[], decoder: Decoder])[]): DecoderTable {
  return new Map(rows.flatMap(([numbers, decoder]) => numbers.map(number => [number, decoder] as const)));
}

/**
 * Goes on with what an EtherType names; below 0x0600 it is a length, and a header of IEEE 802.2 follows (IEEE 802.3 §3.2.6).
 * Frames that are longer than that standard allows have their length there too: then SNAP stands behind it.
 */
export function etherType(frame: Frame, typeAt: number, payloadAt: number = typeAt + 2): Next | string {
  if (frame.data.length < payloadAt) return broken(frame, 'link layer');
  const number = u16(frame.data, typeAt);
  frame.at = payloadAt;
  const isLength = number < 0x0600 || (number === frame.end - payloadAt && u16(frame.data, payloadAt) === SNAP);
  return isLength ? LLC : { registry: 'EtherType', number };
}

/** Why a header can't be read that is not whole, or contradicts itself. */
export function broken({ data, end }: Frame, header: string): string {
  return data.length < end ? `${header} header cut by the capture` : `malformed ${header} header`;
}
