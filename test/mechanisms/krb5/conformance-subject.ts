/** What the conformance suite is given of Kerberos V5. */
import type { ConformanceSubject } from '../../../src/mechanisms/conformance.js';
import { ENCTYPES, type Enctype, enctypeOf } from '../../../src/mechanisms/krb5/crypto/enctypes.js';
import { openFrame } from '../../../src/mechanisms/krb5/messages/gss-framing.js';
import { krb5Context } from '../../../src/mechanisms/krb5/tokens/context.js';
import { nodeCiphers } from '../../../src/node/index.js';
import type { TokenLevel } from '../../../src/protection/protection-level.js';

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

/** Two contexts of an enctype for the conformance suite. */
export function subject(enctype: number, acceptorSubkey: boolean, start: bigint): ConformanceSubject {
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

const wayOf = ({ tokens, messageBlock }: Enctype) => `${tokens} ${messageBlock}`;
/**
 * The first enctype of each way of making tokens: RFC 4121, RFC 4757, and RFC 1964 in whole blocks. `npm run test:slow` has the
 * others.
 */
export const QUICK_ENCTYPES = ENCTYPES.filter((its, i) => ENCTYPES.findIndex(it => wayOf(it) === wayOf(its)) === i).map(
  ({ number }) => number,
);
