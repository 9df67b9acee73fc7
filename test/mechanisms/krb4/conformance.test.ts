import { describe, test } from 'vitest';
import { type ConformanceSubject, conformanceSuite } from '../../../src/mechanisms/conformance.js';
import { krb4Context } from '../../../src/mechanisms/krb4/context.js';
import { krb4Acceptor, krb4Initiator, krb4Observer, parseTicketFile } from '../../../src/mechanisms/krb4/index.js';
import { CLIENT, ciphers, keyOf, SERVER, ticketFileOf, VECTORS } from './vectors.js';

/** Ends with different addresses, and with ports alone to distinguish them. */
const SERVERS: [string, Uint8Array][] = [
  ['of different addresses', Uint8Array.of(198, 51, 100, 20)],
  ['of the same address', Uint8Array.of(192, 0, 2, 1)],
];

/** Exchanges with the ticket of a vector, each with a checksum of its own. */
const VECTOR = VECTORS.ap_req[0]!;
const both = { ciphers, clock: () => VECTOR.issue_date * 1000, allowWeak: true };
const keys = [keyOf(VECTOR)];
const tickets = parseTicketFile(ticketFileOf(VECTOR, false));
const service = keys[0]!;

function subject(serverAddress: Uint8Array, littleEndian: boolean): ConformanceSubject {
  let made = 0;
  const client = { address: Uint8Array.of(192, 0, 2, 1), port: 40_000 };
  const server = { address: serverAddress, port: 21 };
  return {
    contexts() {
      made += 1;
      const key = new Uint8Array(8).fill(2 * made);
      const both = { key, ciphers, clock: () => 1_795_342_788_700, littleEndian, allowWeak: true };
      return {
        initiator: krb4Context({ ...both, local: client, peer: server }),
        acceptor: krb4Context({ ...both, local: server, peer: client }),
      };
    },
    levels: ['safe', 'private'],
    numbering: 'none',
    exchange: () => ({
      initiator: krb4Initiator({ ...both, littleEndian, tickets, service, local: CLIENT, peer: SERVER }),
      acceptor: krb4Acceptor({ ...both, littleEndian, srvtab: keys, local: SERVER, peer: CLIENT }),
    }),
    observer: () => krb4Observer({ keys, ciphers }),
  };
}

describe.each(SERVERS)('KERBEROS_V4 between ends %s passes the conformance suite', (_, address) => {
  for (const { name, run } of conformanceSuite(subject(address, false))) test(name, run);
});

describe('KERBEROS_V4 in little-endian order passes the conformance suite', () => {
  for (const { name, run } of conformanceSuite(subject(SERVERS[0]![1], true))) test(name, run);
});
