/** Decoders by EtherType (IANA's IEEE 802 numbers): IP, VLAN tags, MPLS labels and PPPoE. */

import { ipv4, ipv6 } from './ip.js';
import {
  broken,
  type DecoderTable,
  ETHERNET,
  etherType,
  type Frame,
  IP,
  LLC,
  type Next,
  noTcp,
  skip,
  tableOf,
} from './layers.js';
import { pppoe } from './ppp.js';

export const ETHER_TYPES: DecoderTable = tableOf([
  [[0x0800], ipv4],
  [[0x86dd], ipv6],
  // IEEE 802.1Q, 802.1ad, and the numbers used for 802.1ad before it was a standard.
  [[0x8100, 0x88a8, 0x9100, 0x9200, 0x9300], frame => etherType(frame, frame.at + 2)],
  // IEEE 802.1ah: a tag, and a whole Ethernet frame.
  [[0x88e7], skip(4, ETHERNET)],
  [[0x8847, 0x8848], mpls],
  [[0x8864], pppoe],
  [[0x6558], () => ETHERNET],
  [[0x8870], () => LLC],
  // ARP, Wake-on-LAN, time and audio; DEC, Reverse ARP, AppleTalk, IPX; flow control and LACP, PPPoE discovery.
  [[0x0806, 0x0842, 0x22f0, 0x6002, 0x6003, 0x6004, 0x8035, 0x809b, 0x80f3, 0x8137, 0x8808, 0x8809, 0x8863], noTcp],
  // Home and industrial networks, EAP, ATA, GOOSE; LLDP and similar, PTP, CFM, Fibre Channel, RDMA; loopback, CDP.
  [[0x887b, 0x8892, 0x888e, 0x8899, 0x88a2, 0x88a4, 0x88b8, 0x88b9, 0x88ba, 0x88cc, 0x88d9, 0x88e1, 0x88e3], noTcp],
  [[0x88f5, 0x88f6, 0x88f7, 0x8902, 0x8906, 0x890d, 0x8912, 0x8914, 0x8915, 0x893a, 0x9000, 0x2000], noTcp],
]);

const BOTTOM_OF_STACK = 0x01;

/**
 * A stack of labels (RFC 3032 §2.1). Labels do not name the next protocol, but its first four bits do (RFC 4928): 4 or
 * 6 is IP, 1 is the associated channel, and 0 is the control word of an Ethernet frame (RFC 4385, RFC 4448). An
 * Ethernet frame can also come without the control word.
 */
function mpls(frame: Frame): Next | string | undefined {
  const { data } = frame;
  let { at } = frame;
  while (at + 4 <= data.length && (data[at + 2]! & BOTTOM_OF_STACK) === 0) at += 4;
  frame.at = at + 4;
  const first = data[frame.at];
  if (first === undefined) return broken(frame, 'MPLS');
  const kind = first >> 4;
  if (kind === 4 || kind === 6) return IP;
  if (kind === 1) return undefined;
  // A MAC address may begin with four zero bits too. So these octets are a control word only if the frame has no known
  // EtherType without it.
  const etherTypeAt = (start: number) => ((data[start + 12] ?? 0) << 8) | (data[start + 13] ?? 0);
  if (kind === 0 && !ETHER_TYPES.has(etherTypeAt(frame.at))) frame.at += 4;
  return ETHERNET;
}
