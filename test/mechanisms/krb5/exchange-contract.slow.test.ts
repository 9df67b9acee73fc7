/** The exchange keeps the contract of mechanisms: bare and in SPNEGO, mutual and not. */
import { describe, test } from 'vitest';
import { type ContractSubject, establish, mechanismContract } from '../../../src/mechanisms/contract.js';
import { openFrame } from '../../../src/mechanisms/krb5/gss-token.js';
import { krb5Acceptor, krb5Initiator, krb5Witness, ReplayCache } from '../../../src/mechanisms/krb5/index.js';
import { nodeCiphers } from '../../../src/node/index.js';
import { realm, START } from './live.js';
import { ENCTYPE_NUMBERS } from './tokens.js';

function subject(enctype: number, { mutual, spnego }: { mutual: boolean; spnego: boolean }): ContractSubject {
  const { keytab, credential } = realm(enctype);
  const live = { clock: () => START * 1000, ciphers: nodeCiphers, allowWeak: true };
  const exchange = () => ({
    initiator: krb5Initiator({ ...live, credentials: [credential], service: 'ftp@host.example.test', mutual, spnego }),
    acceptor: krb5Acceptor({ ...live, keytab, replayCache: new ReplayCache() }),
  });
  return {
    contexts: () => establish(exchange()),
    levels: ['safe', 'private'],
    numbered: true,
    unprotected(token, level) {
      if (token[0] === 5) return [{ start: 6, end: 8 }];
      const start = openFrame(token) + 8;
      return enctype === 23 && level === 'safe' ? [{ start, end: start + 4 }] : [];
    },
    exchange,
    witness: () => krb5Witness(keytab, { ciphers: nodeCiphers }),
  };
}

const KINDS = [true, false].flatMap(mutual => [true, false].map(spnego => ({ mutual, spnego })));

describe.each(ENCTYPE_NUMBERS)('enctype %i', enctype => {
  describe.each(KINDS)('mutual $mutual, SPNEGO $spnego', kind => {
    const cases = mechanismContract(subject(enctype, kind));
    // The tokens are in the contract of contexts; one enctype of each format shows that an exchange gives the same.
    const isWhole = (enctype === 18 || enctype === 23) && kind.mutual && !kind.spnego;
    for (const { name, run } of cases) if (isWhole || /exchange|witness/.test(name)) test(name, run);
  });
});
