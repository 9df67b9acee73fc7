/**
 * Who sends, as Kerberos V4 has it: each message names its sender's IPv4 address, and its time is negative when the
 * sender's address, or with equal addresses the port, is less than the receiver's.
 */
import { assertBytes, copy } from '../../bytes.js';

/** One end of the control connection, which stands for its side on the data connections too. */
export interface Krb4Endpoint {
  /** IPv4: 4 octets in network order. */
  address: Uint8Array;
  port: number;
}

/** What every message of one direction has. */
export interface Direction {
  sender: Uint8Array;
  /** Whether the time is negative. */
  negative: boolean;
}

/** @throws TypeError, RangeError when an endpoint is none */
export function directionOf(from: Krb4Endpoint, to: Krb4Endpoint): Direction {
  for (const { address, port } of [from, to]) {
    assertBytes(address, 'address');
    if (address.length !== 4) throw new RangeError('an address of Kerberos V4 has 4 octets');
    if (!Number.isInteger(port) || port < 0 || port > 0xffff) throw new RangeError('a port is from 0 to 65535');
  }
  const order = compareNumbers(from.address, to.address) || compareNumbers(portOctets(from), portOctets(to));
  return { sender: copy(from.address), negative: order < 0 };
}

/**
 * Negative, zero or positive, as the first number is less, equal or greater. The octet that network order puts last counts
 * most: so it came out on a VAX, and so it stayed.
 */
export function compareNumbers(a: Uint8Array, b: Uint8Array): number {
  for (let i = a.length - 1; i >= 0; i--) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return 0;
}

function portOctets({ port }: Krb4Endpoint): Uint8Array {
  return Uint8Array.of(port >> 8, port);
}
