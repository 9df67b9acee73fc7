import { describe, test } from 'vitest';
import { type ConformanceSubject, conformanceSuite } from '../../../src/mechanisms/conformance.js';
import { enctypeOf } from '../../../src/mechanisms/krb5/crypto/enctypes.js';
import { openFrame } from '../../../src/mechanisms/krb5/messages/gss-framing.js';
import { krb5Context } from '../../../src/mechanisms/krb5/tokens/context.js';
import { nodeCiphers } from '../../../src/node/index.js';
import type { TokenLevel } from '../../../src/protection/protection-level.js';
import { ENCTYPE_NUMBERS } from './tokens.js';

/**
 * Of RFC 4121: RRC, octets 6 and 7, is in no checksum (§4.2.4: it is zero where the checksum is computed). It says by how
 * much the rest is rotated, so a change that is a multiple of that length goes unnoticed, and changes nothing. Of RFC 4757:
 * the number itself, the first half of SND_SEQ, where the token is not sealed (§7.3); the other half is the direction.
 */
function unprotected(enctype: number, token: Uint8Array, level: TokenLevel): { start: number; end: number }[] {
  if (enctypeOf(enctype)!.tokens === 'rfc4121') return [{ start: 6, end: 8 }];
  const start = enctype === 23 && level === 'safe' ? openFrame(token) + 8 : 0;
  return start === 0 ? [] : [{ start, end: start + 4 }];
}

function subject(enctype: number, acceptorSubkey: boolean, start: bigint): ConformanceSubject {
  // Even, since the lowest bit of an octet means nothing to DES.
  let made = 0;
  const count = enctypeOf(enctype)!.tokens === 'rfc4121' ? 2n ** 64n : 2n ** 32n;
  return {
    contexts() {
      made += 2;
      const key = new Uint8Array(enctypeOf(enctype)!.keyLength).fill(made);
      const both = { enctype, key, acceptorSubkey, ciphers: nodeCiphers, allowWeak: true };
      const other = (start + 1000n) % count;
      return {
        initiator: krb5Context({ ...both, role: 'initiator', sendSequence: start, receiveSequence: other }),
        acceptor: krb5Context({ ...both, role: 'acceptor', sendSequence: other, receiveSequence: start }),
      };
    },
    levels: ['safe', 'private'],
    numbering: 'window',
    unprotected: (token, level) => unprotected(enctype, token, level),
  };
}

describe.each(ENCTYPE_NUMBERS)('Kerberos, enctype %i, passes the conformance suite', enctype => {
  for (const { name, run } of conformanceSuite(subject(enctype, true, 0x3fff_fff0n))) test(name, run);
});

describe('whatever numbers it starts at, and whoever asserted the key', () => {
  const numbers = /replay|late|sequence/;
  const starts: [enctype: number, start: bigint][] = [
    [17, 0n],
    [17, 2n ** 32n - 2n],
    [17, 2n ** 64n - 1003n],
    [23, 0n],
    [23, 2n ** 32n - 2n],
    [3, 2n ** 32n - 1003n],
  ];
  for (const [enctype, start] of starts) {
    for (const { name, run } of conformanceSuite(subject(enctype, false, start))) {
      if (numbers.test(name)) test(`enctype ${enctype} from ${start}: ${name}`, run);
    }
  }
});
