/** IPv4 (RFC 791), IPv6 and its extension headers (RFC 8200), and decoders by IP protocol number. */

import { ipv4Text } from './end-texts.js';
import {
  broken,
  type DecoderTable,
  ETHERNET,
  type Frame,
  IP,
  ipProtocol,
  MPLS,
  type Next,
  noTcp,
  skip,
  tableOf,
} from './layers.js';
import { u16, u32 } from './numbers.js';
import { gre, udp } from './tunnels.js';

/**
 * https://www.iana.org/assignments/protocol-numbers. TCP is not in the table: it is the last layer, and link-layer.ts
 * reads it.
 */
export const IP_PROTOCOLS: DecoderTable = tableOf([
  // IP in IP (RFC 2003), 6in4 (RFC 4213).
  [[4, 41, 94], () => IP],
  [[17], udp],
  [[47], gre],
  // EtherIP: two octets, and an Ethernet frame (RFC 3378); MPLS (RFC 4023).
  [[97], skip(2, ETHERNET)],
  [[137], () => MPLS],
  // RFC 8200 §4, RFC 6275 §6.1, RFC 7401 §5, RFC 5533 §5; then RFC 4302 §2.2.
  [[0, 43, 60, 135, 139, 140], extension(length => (length + 1) * 8)],
  [[51], extension(length => (length + 2) * 4)],
  [[44], ipv6Fragment],
  // ICMP, IGMP, GGP, EGP, IGP; DCCP, RSVP; ICMPv6, none; EIGRP, OSPF, PIM, VRRP, PGM, IS-IS, SCTP, UDP-Lite.
  [[1, 2, 3, 8, 9, 33, 46, 58, 59, 88, 89, 103, 112, 113, 124, 132, 136], noTcp],
]);

export function ipv4(frame: Frame): Next | string | undefined {
  const { data, at } = frame;
  if (data.length - at < 20 || data[at]! >> 4 !== 4) return broken(frame, 'IPv4');
  const header = (data[at]! & 0x0f) * 4;
  const end = endOf(frame, u16(data, at + 2));
  if (header < 20 || end - at < header) return 'malformed IPv4 header';
  frame.source = ipv4Text(data, at + 12);
  frame.destination = ipv4Text(data, at + 16);
  frame.at = at + header;
  frame.end = end;
  const number = data[at + 9]!;
  const fragment = u16(data, at + 6);
  // Not a fragment: the offset is 0, and no more fragments follow.
  if ((fragment & 0x3fff) === 0) return ipProtocol(number);
  const id = `${number} ${u16(data, at + 4)}`;
  return assemble(frame, id, number, (fragment & 0x1fff) * 8, (fragment & 0x2000) !== 0);
}

export function ipv6(frame: Frame): Next | string | undefined {
  const { data, at } = frame;
  if (data.length - at < 40 || data[at]! >> 4 !== 6) return broken(frame, 'IPv6');
  const length = u16(data, at + 4);
  frame.end = endOf(frame, length === 0 ? 0 : length + 40);
  frame.source = `[${formatIpv6(data, at + 8)}]`;
  frame.destination = `[${formatIpv6(data, at + 24)}]`;
  frame.at = at + 40;
  return ipProtocol(data[at + 6]!);
}

/**
 * Offset of the end of an IP packet. It can be before padding of the link, or after the captured octets. The length is
 * 0 if the sender lets its network card cut the packet into segments; then the packet ends with the frame that holds
 * it.
 */
function endOf({ at, end }: Frame, length: number): number {
  return length === 0 ? end : at + length;
}

function extension(lengthOf: (octet: number) => number) {
  return (frame: Frame): Next | string => {
    const { data, at } = frame;
    if (data.length - at < 8) return broken(frame, 'IPv6 extension');
    frame.at += lengthOf(data[at + 1]!);
    return ipProtocol(data[at]!);
  };
}

/** RFC 8200 §4.5. A fragment that is the whole packet is read alone, even if others have its identification (RFC 6946). */
function ipv6Fragment(frame: Frame): Next | string | undefined {
  const { data, at } = frame;
  if (data.length - at < 8) return broken(frame, 'IPv6 extension');
  const [number, fragment] = [data[at]!, u16(data, at + 2)];
  frame.at += 8;
  if ((fragment & 0xfff9) === 0) return ipProtocol(number);
  return assemble(frame, `${u32(data, at + 4)}`, number, fragment & 0xfff8, (fragment & 1) !== 0);
}

/** Adds a fragment, and continues with the whole packet if the fragment completes it. */
function assemble(
  frame: Frame,
  id: string,
  protocol: number,
  offset: number,
  more: boolean,
): Next | string | undefined {
  const { data, at, end, source, destination, time } = frame;
  if (end > data.length) return 'IP fragment cut by the capture';
  const fragment = { protocol, offset, more, data: data.subarray(at, Math.max(at, end)) };
  const whole = frame.fragments.add(`${source} ${destination} ${id}`, fragment, time);
  if (whole === undefined || typeof whole === 'string') return whole;
  frame.data = whole.data;
  frame.at = 0;
  frame.end = whole.data.length;
  return ipProtocol(whole.protocol);
}

export function formatIpv4(data: Uint8Array, at: number): string {
  return `${data[at]}.${data[at + 1]}.${data[at + 2]}.${data[at + 3]}`;
}

/** RFC 5952: lower case, no leading zeros, `::` for the first of the longest runs of zeros, dots in IPv4-mapped addresses. */
export function formatIpv6(data: Uint8Array, at: number): string {
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
