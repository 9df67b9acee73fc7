/** Exchanges for the tests of streams: X-PSK, and one that hands out ready-made contexts of Kerberos. */
import { pskAcceptor, pskInitiator } from '../../src/mechanisms/psk/index.js';
import type { Exchange, SecurityContext } from '../../src/protection/mechanism.js';
import { ascii } from '../helpers.js';
import { contextPair } from '../mechanisms/krb5/tokens.js';

export interface TestMechanism {
  mechanism: string;
  initiator(): Exchange;
  acceptor(): Exchange;
}

const key = new Uint8Array(32).fill(7);

export const PSK: TestMechanism = {
  mechanism: 'X-PSK',
  initiator: () => pskInitiator({ key }),
  acceptor: () => pskAcceptor({ key }),
};

/** One round, as Kerberos has it: a token, 235 with a token. Its contexts are real. Initiators and acceptors are made in pairs. */
export function kerberos(enctype: number): TestMechanism {
  const initiators: SecurityContext[] = [];
  const acceptors: SecurityContext[] = [];
  const taken = (from: SecurityContext[]): SecurityContext => {
    if (from.length === 0) {
      const pair = contextPair(enctype);
      initiators.push(pair.initiator);
      acceptors.push(pair.acceptor);
    }
    return from.shift()!;
  };
  return {
    mechanism: 'GSSAPI',
    initiator: () => ({
      step: async token => (token === undefined ? { token: ascii('AP-REQ') } : { context: taken(initiators) }),
    }),
    acceptor: () => ({ step: async () => ({ token: ascii('AP-REP'), context: taken(acceptors) }) }),
  };
}
