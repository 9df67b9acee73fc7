import { describe, test } from 'vitest';
import { type ContractSubject, mechanismContract } from '../../../src/mechanisms/contract.js';
import { krb5Context } from '../../../src/mechanisms/krb5/context.js';

const KEY_OCTETS: [enctype: number, length: number][] = [
  [17, 16],
  [18, 32],
  [19, 16],
  [20, 32],
];

/**
 * A token's RRC, octets 6 and 7, is in no checksum (RFC 4121 §4.2.4: it is zero where the checksum is computed). It says by
 * how much the rest is rotated, so a change that is a multiple of that length goes unnoticed, and changes nothing.
 */
const unprotected = () => [{ start: 6, end: 8 }];

function subject(enctype: number, length: number, acceptorSubkey: boolean, start: bigint): ContractSubject {
  let made = 0;
  return {
    contexts() {
      made += 1;
      const both = { enctype, key: new Uint8Array(length).fill(made), acceptorSubkey };
      return {
        initiator: krb5Context({ ...both, role: 'initiator', sendSequence: start, receiveSequence: start + 1000n }),
        acceptor: krb5Context({ ...both, role: 'acceptor', sendSequence: start + 1000n, receiveSequence: start }),
      };
    },
    levels: ['safe', 'private'],
    numbered: true,
    unprotected,
  };
}

describe.each(KEY_OCTETS)('Kerberos, enctype %i, keeps the contract of mechanisms', (enctype, length) => {
  for (const { name, run } of mechanismContract(subject(enctype, length, true, 0x3fff_fff0n))) test(name, run);
});

describe('whatever numbers it starts at, and whoever asserted the key', () => {
  const numbers = /replay|late|sequence/;
  for (const start of [0n, 2n ** 32n - 2n, 2n ** 64n - 1003n]) {
    for (const { name, run } of mechanismContract(subject(17, 16, false, start))) {
      if (numbers.test(name)) test(`from ${start}: ${name}`, run);
    }
  }
});
