/** PPP (RFC 1661), in HDLC framing (RFC 1662) or over Ethernet (RFC 2516), and Cisco HDLC (RFC 1547 §4.3.1). */
import {
  broken,
  CISCO_HDLC,
  type DecoderTable,
  etherType,
  type Frame,
  IP,
  layer,
  MPLS,
  type Next,
  tableOf,
} from './layers.js';
import { u16 } from './numbers.js';

/** RFC 1661 §2 and its registry. Protocols from 0x4000 on carry no user packets. */
export const PPP_PROTOCOLS: DecoderTable = tableOf([
  [[0x0021, 0x0057], () => IP],
  [[0x0281, 0x0283], () => MPLS],
]);

/** PPP, with or without the framing. Link type 50 may hold Cisco HDLC as well. */
export function ppp(frame: Frame): Next | string | undefined {
  const { data, at } = frame;
  if (data[at] === 0x0f || data[at] === 0x8f) return CISCO_HDLC;
  // Address and control octets, which both ends can agree to omit.
  if (u16(data, at) === 0xff03) frame.at += 2;
  return pppProtocol(frame);
}

/** RFC 2516 §4: version and type, code, session, length. */
export function pppoe(frame: Frame): Next | string | undefined {
  frame.at += 6;
  return pppProtocol(frame);
}

/** Address, control, and an EtherType. */
export function ciscoHdlc(frame: Frame): Next | string {
  return etherType(frame, frame.at + 2);
}

/**
 * The protocol number has one octet if both ends agreed to omit a leading zero (RFC 1661 §6.5). The last octet of a
 * number is odd, all others are even.
 */
function pppProtocol(frame: Frame): Next | string | undefined {
  const { data, at } = frame;
  if (data.length < at + 2) return broken(frame, 'PPP');
  const length = data[at]! & 1 ? 1 : 2;
  const number = length === 1 ? data[at]! : u16(data, at);
  if (number >= 0x4000) return undefined;
  frame.at += length;
  return layer('PPP protocol', number);
}
