/** Channel bindings: a hash of both ends of the control connection, in the authenticator (RFC 4121 §4.1.1.2, RFC 2228 appendix I). */
import { md5 } from '@noble/hashes/legacy.js';
import { assertBytes, concat, u32be } from '../../../bytes.js';
import type { ChannelEnds } from '../../../protection/mechanism.js';

export interface Channel extends ChannelEnds {
  /** Data of an application that both sides know, e.g. of a TLS channel around it. */
  application?: Uint8Array;
}

/** GSS_C_AF_UNSPEC, GSS_C_AF_INET, and what MIT and Heimdal use for IPv6, by the length of the address. */
export const ADDRESS_TYPES: ReadonlyMap<number, number> = new Map([
  [0, 0],
  [4, 2],
  [16, 24],
]);

const NOTHING = new Uint8Array();

/**
 * The 16 octets that both sides give to the exchange.
 * @throws RangeError when an address has another length
 */
export function channelBindings({ initiator, acceptor, application = NOTHING }: Channel): Uint8Array {
  assertBytes(application, 'application');
  const ends = concat(address(initiator, 'initiator'), address(acceptor, 'acceptor'));
  return md5(concat(ends, u32le(application.length), application));
}

/**
 * All that clients at these ends may send: what {@link channelBindings} gives; and over IPv4 what curl makes of it, to which an
 * address has the 8 octets of zeros that follow it in a socket address.
 */
export function acceptableBindings(ends: ChannelEnds): readonly Uint8Array[] {
  const ours = channelBindings(ends);
  if (ends.initiator?.length !== 4 || ends.acceptor?.length !== 4) return [ours];
  const [initiator, acceptor] = [ends.initiator, ends.acceptor].map(octets => concat(octets, new Uint8Array(8)));
  return [ours, md5(concat(typed(2, initiator!), typed(2, acceptor!), u32le(0)))];
}

function address(octets: Uint8Array = NOTHING, name: string): Uint8Array {
  assertBytes(octets, name);
  const type = ADDRESS_TYPES.get(octets.length);
  if (type === undefined) throw new RangeError(`${name}: an address has 4 or 16 octets`);
  return typed(type, octets);
}

function typed(type: number, octets: Uint8Array): Uint8Array {
  return concat(u32le(type), u32le(octets.length), octets);
}

function u32le(value: number): Uint8Array {
  return u32be(value).reverse();
}
