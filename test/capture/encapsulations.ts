/** Packets put into link layers and tunnels, by the standards and not by the code under test. */
import { concat } from '../../src/bytes.js';
import { ascii } from '../helpers.js';
import type { FileRecord } from './helpers.js';

/** What a network layer is, and its octets: an IP packet, or what a tunnel made of one. */
export interface Payload {
  etherType: number;
  octets: Uint8Array;
}

/** Puts a packet into another; undefined where it can't hold such a packet. */
export type Tunnel = (inner: Payload) => Payload | undefined;

/** Puts a packet on a link. */
export interface Link {
  linkType: number;
  frame: (inner: Payload) => Uint8Array | undefined;
}

const IPV4 = 0x0800;
const IPV6 = 0x86dd;
const MPLS = 0x8847;
const PPP_PROTOCOLS = new Map([
  [IPV4, 0x21],
  [IPV6, 0x57],
  [MPLS, 0x281],
]);
const isIp = ({ etherType }: Payload) => etherType === IPV4 || etherType === IPV6;

const be16 = (value: number) => Uint8Array.of(value >> 8, value & 0xff);
const be32 = (value: number) => concat(be16(value >>> 16), be16(value & 0xffff));
const le16 = (value: number) => be16(value).reverse();
const le32 = (value: number) => be32(value).reverse();
const zeros = (count: number) => new Uint8Array(count);
const bytes = (...values: number[]) => Uint8Array.from(values);
const MAC = bytes(2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2);

const ethernet = ({ etherType, octets }: Payload) => concat(MAC, be16(etherType), octets);
const snap = ({ etherType, octets }: Payload) => concat(bytes(0xaa, 0xaa, 3, 0, 0, 0), be16(etherType), octets);
const ppp = ({ etherType, octets }: Payload) => {
  const protocol = PPP_PROTOCOLS.get(etherType);
  return protocol === undefined ? undefined : concat(be16(protocol), octets);
};
const after = (head: Uint8Array, rest: Uint8Array | undefined) => (rest === undefined ? undefined : concat(head, rest));

let identification = 0;

export function ipv4(protocol: number, data: Uint8Array, { id = ++identification, fragment = 0 } = {}): Payload {
  const header = concat(
    ...[bytes(0x45, 0), be16(20 + data.length), be16(id & 0xffff), be16(fragment)],
    bytes(64, protocol, 0, 0, 10, 9, 0, 1, 10, 9, 0, 2),
  );
  return { etherType: IPV4, octets: concat(header, data) };
}

export function ipv6(next: number, data: Uint8Array): Payload {
  const addresses = concat(bytes(0x20, 1, 0x0d, 0xb8), zeros(11), bytes(1), bytes(0xfe, 0x80), zeros(13), bytes(2));
  return { etherType: IPV6, octets: concat(bytes(0x60, 0, 0, 0), be16(data.length), bytes(next, 64), addresses, data) };
}

export const udp = (port: number, data: Uint8Array, from = 51_515) =>
  ipv4(17, concat(be16(from), be16(port), be16(8 + data.length), be16(0), data));
export const gre = (flags: number, type: number, ...rest: Uint8Array[]) =>
  ipv4(47, concat(be16(flags), be16(type), ...rest));
const tagged = (tag: number) => (inner: Payload) => ({
  etherType: tag,
  octets: concat(bytes(0x20, 7), be16(inner.etherType), inner.octets),
});
const labels = (...tops: number[][]) => concat(...tops.map(top => Uint8Array.from(top)));
const TWO_LABELS = labels([0, 1, 0, 64], [0, 2, 1, 64]);
const ONE_LABEL = labels([0, 1, 1, 64]);

export const TUNNELS: Record<string, Tunnel> = {
  VLAN: tagged(0x8100),
  'service VLAN': tagged(0x88a8),
  'VLAN in VLAN of old': inner => tagged(0x9100)(tagged(0x9100)(inner)),
  'provider backbone': inner => ({ etherType: 0x88e7, octets: concat(bytes(0, 0, 0, 5), ethernet(inner)) }),
  PPPoE: inner => {
    const frame = ppp(inner);
    return frame && { etherType: 0x8864, octets: concat(bytes(0x11, 0, 0, 9), be16(frame.length), frame) };
  },
  'PPPoE with a short protocol': inner =>
    isIp(inner)
      ? {
          etherType: 0x8864,
          octets: concat(
            bytes(0x11, 0, 0, 9),
            be16(inner.octets.length + 1),
            bytes(PPP_PROTOCOLS.get(inner.etherType)!),
            inner.octets,
          ),
        }
      : undefined,
  MPLS: inner => (isIp(inner) ? { etherType: MPLS, octets: concat(TWO_LABELS, inner.octets) } : undefined),
  'MPLS multicast': inner => (isIp(inner) ? { etherType: 0x8848, octets: concat(ONE_LABEL, inner.octets) } : undefined),
  'Ethernet over MPLS': inner => ({ etherType: MPLS, octets: concat(ONE_LABEL, zeros(4), ethernet(inner)) }),
  'Ethernet over MPLS, no control word': inner => ({
    etherType: MPLS,
    octets: concat(ONE_LABEL, bytes(0x02), MAC.subarray(1), be16(inner.etherType), inner.octets),
  }),
  'IP in IP': inner => (isIp(inner) ? ipv4(inner.etherType === IPV4 ? 4 : 41, inner.octets) : undefined),
  'IP in IPv6': inner => (isIp(inner) ? ipv6(inner.etherType === IPV4 ? 4 : 41, inner.octets) : undefined),
  'IP behind extension headers': inner =>
    isIp(inner)
      ? ipv6(
          0,
          concat(
            bytes(60, 0),
            zeros(6),
            bytes(51, 1),
            zeros(14),
            bytes(41 - 37 * Number(inner.etherType === IPV4), 4),
            zeros(22),
            inner.octets,
          ),
        )
      : undefined,
  EtherIP: inner => ipv4(97, concat(bytes(0x30, 0), ethernet(inner))),
  'MPLS in IP': inner => (isIp(inner) ? ipv4(137, concat(ONE_LABEL, inner.octets)) : undefined),
  GRE: ({ etherType, octets }) => gre(0, etherType, octets),
  'GRE with all its fields': ({ etherType, octets }) => gre(0xb000, etherType, zeros(12), octets),
  'GRE with routing': ({ etherType, octets }) =>
    gre(0x4000, etherType, zeros(4), bytes(8, 0, 4, 8), zeros(8), zeros(4), octets),
  'GRE with Ethernet': inner => gre(0x2000, 0x6558, be32(7), ethernet(inner)),
  PPTP: inner => {
    const frame = ppp(inner);
    return frame && gre(0x3081, 0x880b, be16(frame.length + 2), be16(1), be32(1), be32(1), bytes(0xff, 3), frame);
  },
  'ERSPAN I': inner => gre(0, 0x88be, ethernet(inner)),
  'ERSPAN II': inner => gre(0x1000, 0x88be, be32(1), bytes(0x10, 1, 0, 1), zeros(4), ethernet(inner)),
  'ERSPAN III': inner => gre(0x1000, 0x22eb, be32(1), bytes(0x20, 1, 0, 1), zeros(8), ethernet(inner)),
  'ERSPAN III with a subheader': inner =>
    gre(0x1000, 0x22eb, be32(1), bytes(0x20, 1, 0, 1), zeros(4), be16(0), be16(1), zeros(8), ethernet(inner)),
  'ERSPAN III of IP': inner =>
    isIp(inner)
      ? gre(0x1000, 0x22eb, be32(1), bytes(0x20, 1, 0, 1), zeros(4), be16(0), be16(2 << 10), inner.octets)
      : undefined,
  VXLAN: inner => udp(4789, concat(bytes(8, 0, 0, 0, 0, 0, 7, 0), ethernet(inner))),
  'VXLAN on the port of Linux': inner => udp(8472, concat(bytes(8, 0, 0, 0, 0, 0, 7, 0), ethernet(inner))),
  'VXLAN GPE': inner =>
    isIp(inner)
      ? udp(4790, concat(bytes(0x0c, 0, 0, inner.etherType === IPV4 ? 1 : 2, 0, 0, 7, 0), inner.octets))
      : undefined,
  Geneve: inner => udp(6081, concat(bytes(0, 0), be16(0x6558), bytes(0, 0, 7, 0), ethernet(inner))),
  'Geneve with options': ({ etherType, octets }) =>
    udp(6081, concat(bytes(3, 0), be16(etherType), bytes(0, 0, 7, 0), zeros(12), octets)),
  'GTP-U': inner =>
    isIp(inner) ? udp(2152, concat(bytes(0x30, 255), be16(inner.octets.length), be32(9), inner.octets)) : undefined,
  'GTP-U with a number': inner =>
    isIp(inner)
      ? udp(2152, concat(bytes(0x32, 255), be16(inner.octets.length + 4), be32(9), bytes(0, 1, 0, 0x85), inner.octets))
      : undefined,
  'GTP-U with extension headers': inner =>
    isIp(inner)
      ? udp(
          2152,
          concat(
            bytes(0x34, 255),
            be16(inner.octets.length + 16),
            be32(9),
            bytes(0, 0, 0, 0x85, 1, 0, 9, 0x85, 2, 0, 0, 0, 0, 0, 9, 0),
            inner.octets,
          ),
        )
      : undefined,
  L2TP: inner => after(bytes(), ppp(inner)) && udp(1701, concat(bytes(0, 2, 0, 1, 0, 1, 0xff, 3), ppp(inner)!)),
  'L2TP to any port': inner => {
    const frame = ppp(inner);
    return frame && udp(40_000, concat(bytes(0, 2, 0, 1, 0, 1), frame), 1701);
  },
  'GRE in UDP': ({ etherType, octets }) => udp(4754, concat(be16(0x2000), be16(etherType), be32(7), octets)),
  'MPLS in UDP': inner => (isIp(inner) ? udp(6635, concat(ONE_LABEL, inner.octets)) : undefined),
  TZSP: inner => udp(37_008, concat(bytes(1, 0, 0, 1, 0, 10, 1, 200, 0, 1), ethernet(inner))),
  'TZSP of 802.11': inner => udp(37_008, concat(bytes(1, 1, 0, 18, 1), data(inner))),
  'L2TP with all its fields': inner => {
    const frame = ppp(inner);
    return (
      frame &&
      udp(1701, concat(bytes(0x4a, 2), be16(frame.length + 16), bytes(0, 1, 0, 1, 0, 0, 0, 0, 0, 2), zeros(2), frame))
    );
  },
};

const wifi = (control: number[], length: number) => (inner: Payload) =>
  concat(Uint8Array.from(control), zeros(length - control.length), snap(inner));
const data = wifi([0x08, 0x01], 24);
/** Padded to four octets between the header and what it holds, as the flags of radiotap then say. */
const paddedQos = wifi([0x88, 0x02], 28);

export const LINKS: Record<string, Link> = {
  Ethernet: { linkType: 1, frame: ethernet },
  'Ethernet with LLC and SNAP': {
    linkType: 1,
    frame: inner => concat(MAC, be16(inner.octets.length + 8), snap(inner)),
  },
  'Ethernet with SNAP of bridges': {
    linkType: 1,
    frame: ({ etherType, octets }) =>
      concat(MAC, be16(octets.length + 8), bytes(0xaa, 0xaa, 3, 0, 0, 0xf8), be16(etherType), octets),
  },
  'VLAN with LLC and SNAP': {
    linkType: 1,
    frame: inner => concat(MAC, bytes(0x81, 0, 0, 7), be16(inner.octets.length + 8), snap(inner)),
  },
  'Linux cooked': { linkType: 113, frame: ({ etherType, octets }) => concat(zeros(14), be16(etherType), octets) },
  'Linux cooked 2': { linkType: 276, frame: ({ etherType, octets }) => concat(be16(etherType), zeros(18), octets) },
  PPP: { linkType: 9, frame: ppp },
  'PPP in HDLC framing': { linkType: 9, frame: inner => after(bytes(0xff, 3), ppp(inner)) },
  'PPP of link type 50': { linkType: 50, frame: inner => after(bytes(0xff, 3), ppp(inner)) },
  'Cisco HDLC of link type 50': {
    linkType: 50,
    frame: ({ etherType, octets }) => concat(bytes(0x0f, 0), be16(etherType), octets),
  },
  'PPPoE of link type 51': {
    linkType: 51,
    frame: inner => after(concat(bytes(0x11, 0, 0, 9), be16(inner.octets.length + 2)), ppp(inner)),
  },
  'Cisco HDLC': { linkType: 104, frame: ({ etherType, octets }) => concat(bytes(0x8f, 0), be16(etherType), octets) },
  'PPP with a direction': { linkType: 204, frame: inner => after(bytes(1, 0xff, 3), ppp(inner)) },
  MPLS: { linkType: 219, frame: inner => (isIp(inner) ? concat(TWO_LABELS, inner.octets) : undefined) },
  'raw IP': { linkType: 101, frame: inner => (isIp(inner) ? inner.octets : undefined) },
  loopback: { linkType: 0, frame: inner => (isIp(inner) ? concat(bytes(2, 0, 0, 0), inner.octets) : undefined) },
  'IPsec of OpenBSD': {
    linkType: 109,
    frame: inner => (isIp(inner) ? concat(bytes(2), zeros(11), inner.octets) : undefined),
  },
  'log of pf': {
    linkType: 117,
    frame: inner => (isIp(inner) ? concat(bytes(61, 2), zeros(62), inner.octets) : undefined),
  },
  FDDI: { linkType: 10, frame: inner => concat(bytes(0x50), MAC, snap(inner)) },
  'LLC of ATM': { linkType: 100, frame: snap },
  'IP on FireWire': { linkType: 138, frame: ({ etherType, octets }) => concat(zeros(16), be16(etherType), octets) },
  '802.11': { linkType: 105, frame: data },
  '802.11 between access points': { linkType: 105, frame: wifi([0x08, 0x03], 30) },
  '802.11 with QoS': { linkType: 105, frame: wifi([0x88, 0x01], 26) },
  '802.11 with QoS and HT control': { linkType: 105, frame: wifi([0x88, 0x81], 30) },
  'radiotap, no field': { linkType: 127, frame: inner => concat(bytes(0, 0), le16(8), le32(0), data(inner)) },
  'radiotap, flags': {
    linkType: 127,
    frame: inner => concat(bytes(0, 0), le16(9), le32(2), bytes(0x20), paddedQos(inner)),
  },
  'radiotap, a timer and more words': {
    linkType: 127,
    frame: inner =>
      concat(bytes(0, 0), le16(25), le32(0x80000003), le32(0), zeros(4), zeros(8), bytes(0x20), paddedQos(inner)),
  },
  Prism: { linkType: 119, frame: inner => concat(bytes(0x44, 0, 0, 0), zeros(140), data(inner)) },
  AVS: { linkType: 163, frame: inner => concat(be32(0x80211001), be32(64), zeros(56), data(inner)) },
  'AVS under the number of Prism': {
    linkType: 119,
    frame: inner => concat(be32(0x80211001), be32(64), zeros(56), data(inner)),
  },
  PPI: { linkType: 192, frame: inner => concat(bytes(0, 0), le16(12), le32(105), zeros(4), data(inner)) },
  'PKTAP with Ethernet': {
    linkType: 258,
    frame: inner => concat(le32(108), le32(1), le32(1), zeros(96), ethernet(inner)),
  },
  'PKTAP with raw IP': {
    linkType: 149,
    frame: inner => (isIp(inner) ? concat(le32(112), le32(1), le32(12), zeros(100), inner.octets) : undefined),
  },
  NFLOG: {
    linkType: 239,
    frame: inner =>
      isIp(inner)
        ? concat(
            ...[bytes(2, 0, 0, 0), le16(8), le16(1), zeros(4), le16(7), le16(10), ascii('in\0'), zeros(1)],
            ...[le16(4 + inner.octets.length), le16(9), inner.octets, zeros(-inner.octets.length & 3)],
          )
        : undefined,
  },
  'NFLOG of a big-endian machine': {
    linkType: 239,
    frame: inner =>
      isIp(inner)
        ? concat(bytes(2, 0, 0, 0), be16(8), be16(1), zeros(4), be16(4 + inner.octets.length), be16(9), inner.octets)
        : undefined,
  },
};

/** Records of one link type with every packet in the tunnels, the first of them innermost; undefined where one can't hold another. */
export function encapsulated(
  packets: readonly { time: bigint; payload: Payload }[],
  link: Link,
  tunnels: readonly Tunnel[] = [],
): FileRecord[] | undefined {
  const records: FileRecord[] = [];
  for (const { time, payload } of packets) {
    let inner: Payload | undefined = payload;
    for (const tunnel of tunnels) inner &&= tunnel(inner);
    const frame = inner && link.frame(inner);
    if (frame === undefined) return undefined;
    records.push({ time, data: frame });
  }
  return records;
}

/** An IPv4 packet in fragments of `size` octets, in their order. */
export function fragmentsOfIpv4({ octets }: Payload, size: number): Payload[] {
  const header = (octets[0]! & 15) * 4;
  return cut(octets.subarray(header), size).map(({ at, piece, more }) => {
    const fragment = concat(octets.subarray(0, header), piece);
    fragment.set(be16(fragment.length), 2);
    fragment.set(be16((at >> 3) | (more ? 0x2000 : 0)), 6);
    return { etherType: IPV4, octets: fragment };
  });
}

/** An IPv6 packet without extension headers in fragments of `size` octets. */
export function fragmentsOfIpv6({ octets }: Payload, size: number, id = ++identification): Payload[] {
  return cut(octets.subarray(40), size).map(({ at, piece, more }) => {
    const head = octets.slice(0, 40);
    head.set(be16(8 + piece.length), 4);
    head[6] = 44;
    const extension = concat(bytes(octets[6]!, 0), be16(at | Number(more)), be32(id));
    return { etherType: IPV6, octets: concat(head, extension, piece) };
  });
}

function cut(data: Uint8Array, size: number): { at: number; piece: Uint8Array; more: boolean }[] {
  return Array.from({ length: Math.max(1, Math.ceil(data.length / size)) }, (_, i) => {
    const at = i * size;
    return { at, piece: data.subarray(at, at + size), more: at + size < data.length };
  });
}
