/** Channel bindings: a hash of both addresses of the control connection (RFC 4121 §4.1.1.2, RFC 2228 appendix I). */
import { md5 } from '@noble/hashes/legacy.js';
import { assertBytes, concat, u32be } from '../../../bytes.js';
import type { ChannelEnds } from '../../../protection/mechanism.js';

/** A channel that an exchange can be bound to: the addresses of the control connection, and application data. */
export interface Channel extends ChannelEnds {
  /** Application data known to both sides, e.g. that of a surrounding TLS channel. Default none. */
  application?: Uint8Array;
}

/** GSS-API address types by address length: GSS_C_AF_UNSPEC, GSS_C_AF_INET, and the one MIT and Heimdal use for IPv6. */
export const ADDRESS_TYPES: ReadonlyMap<number, number> = new Map([
  [0, 0],
  [4, 2],
  [16, 24],
]);

const NOTHING = new Uint8Array();

/**
 * Computes the channel bindings of a connection, 16 octets (RFC 4121 §4.1.1.2). Pass them to both sides as `bindings`.
 * @throws TypeError if an argument is not a Uint8Array, RangeError if an address has neither 4 nor 16 octets
 */
export function channelBindings({ initiator, acceptor, application = NOTHING }: Channel): Uint8Array {
  assertBytes(application, 'application');
  const ends = concat(address(initiator, 'initiator'), address(acceptor, 'acceptor'));
  return md5(concat(ends, u32le(application.length), application));
}

/**
 * All channel bindings that a client with these addresses may send: the correct ones and, over IPv4, those of curl, which appends
 * to each address the 8 zero octets that follow it in a socket address structure.
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
  if (type === undefined) throw new RangeError(`the address of the ${name} must have 4 or 16 octets`);
  return typed(type, octets);
}

function typed(type: number, octets: Uint8Array): Uint8Array {
  return concat(u32le(type), u32le(octets.length), octets);
}

function u32le(value: number): Uint8Array {
  return u32be(value).reverse();
}
