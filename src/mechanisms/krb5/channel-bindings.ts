/** Channel bindings: a hash of both ends of the control connection, in the authenticator (RFC 4121 §4.1.1.2, RFC 2228 appendix I). */
import { md5 } from '@noble/hashes/legacy.js';
import { assertBytes, concat, u32be } from '../../bytes.js';

export interface ChannelEnds {
  /** Address of the client, 4 octets of IPv4 or 16 of IPv6. None: not bound to it. */
  initiator?: Uint8Array;
  /** Address of the server. */
  acceptor?: Uint8Array;
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
export function channelBindings({
  initiator = NOTHING,
  acceptor = NOTHING,
  application = NOTHING,
}: ChannelEnds): Uint8Array {
  assertBytes(application, 'application');
  return md5(
    concat(address(initiator, 'initiator'), address(acceptor, 'acceptor'), u32le(application.length), application),
  );
}

function address(octets: Uint8Array, name: string): Uint8Array {
  assertBytes(octets, name);
  const type = ADDRESS_TYPES.get(octets.length);
  if (type === undefined) throw new RangeError(`${name}: an address has 4 or 16 octets`);
  return concat(u32le(type), u32le(octets.length), octets);
}

function u32le(value: number): Uint8Array {
  return u32be(value).reverse();
}
