/** Packets inside IP packets: GRE and ERSPAN, and tunnels in UDP, recognised by their port. */
import {
  broken,
  type DecoderTable,
  ETHERNET,
  type Frame,
  IP,
  layer,
  MPLS,
  type Next,
  PPP,
  tableOf,
  WIFI,
} from './layers.js';
import { u16, u32 } from './numbers.js';

/** Bits of the first two octets of GRE (RFC 2784 §2.1, RFC 2890 §2, RFC 2637 §4.1). */
const GRE_CHECKSUM = 0x8000;
const GRE_ROUTING = 0x4000;
const GRE_KEY = 0x2000;
const GRE_SEQUENCE = 0x1000;
const GRE_ACKNOWLEDGMENT = 0x0080;
const GRE_VERSION = 0x0007;

const GRE_PPP = 0x880b;
const ERSPAN_2 = 0x88be;
const ERSPAN_3 = 0x22eb;

/** GRE version 0 with its optional fields, and version 1, in which PPTP carries PPP. The protocol type is an EtherType. */
export function gre(frame: Frame): Next | string | undefined {
  const { data } = frame;
  const [flags, type] = [u16(data, frame.at), u16(data, frame.at + 2)];
  frame.at += 4;
  // If either flag is set, both the checksum and the routing offset are present.
  if ((flags & (GRE_CHECKSUM | GRE_ROUTING)) !== 0) frame.at += 4;
  if ((flags & GRE_KEY) !== 0) frame.at += 4;
  if ((flags & GRE_SEQUENCE) !== 0) frame.at += 4;
  if ((flags & GRE_VERSION) === 1) {
    if ((flags & GRE_ACKNOWLEDGMENT) !== 0) frame.at += 4;
    // A packet without a sequence number is only an acknowledgment.
    return (flags & GRE_SEQUENCE) === 0 ? undefined : PPP;
  }
  if ((flags & GRE_ROUTING) !== 0) skipRouting(frame);
  if ((flags & GRE_VERSION) !== 0 || data.length < frame.at) return broken(frame, 'GRE');
  if (type === GRE_PPP) return PPP;
  if (type === ERSPAN_2 || type === ERSPAN_3) return erspan(frame, type, (flags & GRE_SEQUENCE) !== 0);
  // Types below 0x0600 are not EtherTypes: keepalives have 0, and OSI has other small numbers.
  return type < 0x0600 ? undefined : layer('EtherType', type);
}

/** Skips the routing entries of RFC 1701. The fourth octet of each entry is its length; an empty entry ends the list. */
function skipRouting(frame: Frame): void {
  const { data } = frame;
  let length = 0;
  do {
    length = u16(data, frame.at) === 0 ? 0 : (data[frame.at + 3] ?? 0);
    frame.at += 4 + length;
  } while (length > 0 && frame.at < data.length);
}

/**
 * draft-foschiano-erspan: type I has no header and no sequence number; type II has eight octets; type III has twelve,
 * and eight more if its last bit is set. The five bits of its field "frame type" distinguish IP from Ethernet.
 */
function erspan(frame: Frame, type: number, numbered: boolean): Next | string {
  if (type === ERSPAN_2) {
    if (numbered) frame.at += 8;
    return ETHERNET;
  }
  const { data, at } = frame;
  const last = u16(data, at + 10);
  frame.at += (last & 1) === 0 ? 12 : 20;
  if (data.length < frame.at) return broken(frame, 'ERSPAN');
  return ((last >> 10) & 0x1f) === 2 ? IP : ETHERNET;
}

/** Tunnels by destination port. Other programs may use these ports, so a packet without the tunnel's header is not a tunnel. */
export const UDP_PORTS: DecoderTable = tableOf([
  [[1701], l2tp],
  [[2152], gtp],
  // The port of IANA, the earlier port of Linux, and the port of the generic extension.
  [[4789, 8472, 4790], vxlan],
  [[4500], ipsec],
  // RFC 8086, if its reserved bits are zero; RFC 7510.
  [[4754], frame => ((u16(frame.data, frame.at) & 0x4fff) === 0 ? gre(frame) : undefined)],
  [[6081], geneve],
  [[6635], () => MPLS],
  [[37008], tzsp],
]);

/** Its answers come from this port, and may go to any (RFC 2661 §8.1). */
const L2TP_PORT = 1701;

/** RFC 3948 §2: a key exchange after four zero octets, a keepalive of one octet, or ESP, which is encrypted. */
function ipsec({ data, at, end }: Frame): Next | undefined {
  return end - at < 4 || u32(data, at) === 0 ? undefined : layer('IP protocol', 50);
}

/** RFC 768. */
export function udp(frame: Frame): Next | string | undefined {
  const { data, at } = frame;
  if (data.length < at + 8) return broken(frame, 'UDP');
  const [source, destination] = [u16(data, at), u16(data, at + 2)];
  const number = source === L2TP_PORT ? source : destination;
  frame.at += 8;
  if (!UDP_PORTS.has(number)) return undefined;
  const cut = data.length < Math.min(frame.at + 8, frame.end);
  return cut ? broken(frame, 'tunnel') : layer('UDP port', number);
}

/** Protocol numbers of the generic extension of VXLAN (draft-ietf-nvo3-vxlan-gpe §3.2). */
const GPE_PROTOCOLS: ReadonlyMap<number, Next> = new Map([
  [1, IP],
  [2, IP],
  [3, ETHERNET],
  [5, MPLS],
]);

/** RFC 7348 §5: the flag I, a network identifier, and an Ethernet frame; with the flag P, another protocol. */
function vxlan(frame: Frame): Next | string | undefined {
  const { data, at } = frame;
  const flags = data[at] ?? 0;
  if ((flags & 0x08) === 0) return undefined;
  frame.at += 8;
  if ((flags & 0x04) === 0) return ETHERNET;
  const protocol = data[at + 3] ?? 0;
  return GPE_PROTOCOLS.get(protocol) ?? `VXLAN protocol ${protocol}`;
}

/** RFC 8926 §3.4: version 0, the length of the options in units of four octets, and an EtherType. */
function geneve(frame: Frame): Next | undefined {
  const { data, at } = frame;
  const first = data[at] ?? 0xff;
  if (first >> 6 !== 0) return undefined;
  frame.at += 8 + (first & 0x3f) * 4;
  return layer('EtherType', u16(data, at + 2));
}

/** Numbers of encapsulated protocols in TZSP: Ethernet, 802.11, and that with a Prism or an AVS header. */
const TZSP_PROTOCOLS: ReadonlyMap<number, Next> = new Map([
  [1, ETHERNET],
  [18, WIFI],
  [119, layer('link type', 119)],
  [127, layer('link type', 163)],
]);

/** TZSP, in which access points and routers send what they capture: version 1, a received or sent packet, and tags up to tag 1. */
function tzsp(frame: Frame): Next | string | undefined {
  const { data, at } = frame;
  if (data[at] !== 1 || data[at + 1]! > 1) return undefined;
  const protocol = u16(data, at + 2);
  frame.at += 4;
  for (let tag = data[frame.at++]; tag !== 1; tag = data[frame.at++]) {
    if (tag === undefined) return broken(frame, 'TZSP');
    // Tag 0 is padding; each other one has a length.
    if (tag !== 0) frame.at += 1 + (data[frame.at] ?? 0);
  }
  return TZSP_PROTOCOLS.get(protocol) ?? `TZSP protocol ${protocol}`;
}

const GTP_USER_DATA = 255;

/** 3GPP TS 29.281 §5: version 1 and the message type. If any of three flags is set, four octets and extension headers follow. */
function gtp(frame: Frame): Next | string | undefined {
  const { data, at } = frame;
  const flags = data[at] ?? 0;
  if ((flags & 0xf0) !== 0x30 || data[at + 1] !== GTP_USER_DATA) return undefined;
  frame.at += 8;
  if ((flags & 0x07) === 0) return IP;
  frame.at += 4;
  if ((flags & 0x04) === 0) return IP;
  // Each extension header begins with its length in units of four octets, and ends with the type of the next one.
  while ((data[frame.at - 1] ?? 0) !== 0) {
    const length = (data[frame.at] ?? 0) * 4;
    if (length === 0) return broken(frame, 'GTP');
    frame.at += length;
  }
  return IP;
}

/** RFC 2661 §3.1: version 2, and flags for a control message, a length, sequence numbers and an offset. */
function l2tp(frame: Frame): Next | undefined {
  const { data, at } = frame;
  const flags = u16(data, at);
  if ((flags & 0x800f) !== 2) return undefined;
  frame.at += 6;
  if ((flags & 0x4000) !== 0) frame.at += 2;
  if ((flags & 0x0800) !== 0) frame.at += 4;
  if ((flags & 0x0200) !== 0) frame.at += 2 + u16(data, frame.at);
  return PPP;
}
