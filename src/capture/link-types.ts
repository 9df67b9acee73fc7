/** Decoders of the link layers of capture files, by LINKTYPE number (https://www.tcpdump.org/linktypes.html). */
import {
  broken,
  CISCO_HDLC,
  type DecoderTable,
  etherType,
  type Frame,
  IP,
  IPV4,
  IPV6,
  LLC,
  layer,
  MPLS,
  type Next,
  PPP,
  PPPOE,
  SNAP,
  skip,
  tableOf,
} from './layers.js';
import { u16, u16le, u32le } from './numbers.js';
import { ciscoHdlc, ppp } from './ppp.js';
import { avs, prism, radiotap, wifi } from './wifi.js';

export const LINK_TYPES: DecoderTable = tableOf([
  // The address family before the header differs between systems, also in byte order; the IP version is enough.
  [[0, 108], skip(4, IP)],
  [[1], ethernet],
  [[8], skip(16, IP)],
  [[9, 50], ppp],
  [[10], skip(13, LLC)],
  [[51], frame => (frame.data.length > frame.at ? PPPOE : broken(frame, 'PPPoE'))],
  [[100], llc],
  [[12, 14, 101, 228, 229], anyIp],
  [[104], ciscoHdlc],
  [[105], wifi],
  [[109], skip(12, IP)],
  [[113], frame => etherType(frame, frame.at + 14)],
  [[117], pflog],
  [[119], prism],
  [[122], skip(16, LLC)],
  [[127], radiotap],
  [[138], frame => etherType(frame, frame.at + 16)],
  [[149, 258], pktap],
  [[163], avs],
  [[192], ppi],
  [[204], skip(1, PPP)],
  [[205], skip(1, CISCO_HDLC)],
  [[219], () => MPLS],
  [[239], nflog],
  [[276], frame => etherType(frame, frame.at, frame.at + 20)],
]);

/** IEEE 802.3 §3.1. */
function ethernet(frame: Frame): Next | string {
  return etherType(frame, frame.at + 12);
}

function anyIp(frame: Frame): Next | string {
  const version = (frame.data[frame.at] ?? 0) >> 4;
  if (version === 4) return IPV4;
  if (version === 6) return IPV6;
  return broken(frame, 'IP');
}

/** IEEE 802.2, and SNAP after it (RFC 1042). Everything except SNAP and IP belongs to other families of protocols. */
function llc(frame: Frame): Next | string | undefined {
  const { data, at } = frame;
  if (data.length < at + 3) return broken(frame, 'LLC');
  if (data[at] === 0x06 && data[at + 2] === 0x03) return skip(3, IP)(frame);
  if (u16(data, at) !== SNAP) return undefined;
  if (data.length < at + 8) return broken(frame, 'SNAP');
  const organization = (u16(data, at + 3) << 8) | data[at + 5]!;
  // Tunnelling bridges use the second organization number (IEEE 802.1H). The third is Cisco's, for CDP and similar
  // protocols.
  if (organization === 0x000000 || organization === 0x0000f8) return etherType(frame, at + 6);
  return organization === 0x00000c ? undefined : `SNAP organization 0x${organization.toString(16).padStart(6, '0')}`;
}

/** The first octet is the length of the header, which is padded to a multiple of four octets. */
function pflog(frame: Frame): Next | string {
  const length = frame.data[frame.at] ?? 0;
  if (length < 4) return broken(frame, 'PFLOG');
  frame.at += (length + 3) & ~3;
  return IP;
}

/**
 * The length of the header is at offset 0 and the link type at offset 8. Both are little-endian, as all machines that
 * write this format are.
 */
function pktap(frame: Frame): Next | string {
  const { data, at } = frame;
  const length = u32le(data, at);
  if (length < 12 || length > data.length - at) return broken(frame, 'PKTAP');
  frame.at += length;
  return layer('link type', u32le(data, at + 8));
}

/** The length of the header is at offset 2 and the link type at offset 4, both little-endian. */
function ppi(frame: Frame): Next | string {
  const { data, at } = frame;
  const length = u16le(data, at + 2);
  if (length < 8 || length > data.length - at) return broken(frame, 'PPI');
  frame.at += length;
  return layer('link type', u32le(data, at + 4));
}

const NFLOG_PAYLOAD = 9;

/**
 * Attributes, each with a length, a type, and a value that is padded to a multiple of four octets. The packet is the
 * value of one attribute. Lengths and types have the byte order of the capturing machine. Types are small, so the
 * position of their zero octet shows the byte order.
 */
function nflog(frame: Frame): Next | string | undefined {
  const { data } = frame;
  let at = frame.at + 4;
  while (data.length >= at + 4) {
    const littleEndian = (data[at + 3]! & 0x3f) === 0;
    const length = littleEndian ? u16le(data, at) : u16(data, at);
    const type = (littleEndian ? u16le(data, at + 2) : u16(data, at + 2)) & 0x3fff;
    if (length < 4) return broken(frame, 'NFLOG');
    if (type === NFLOG_PAYLOAD) {
      frame.at = at + 4;
      return IP;
    }
    at += (length + 3) & ~3;
  }
  return data.length < frame.end || at > data.length ? broken(frame, 'NFLOG') : undefined;
}
