/** The exchange passes the conformance suite: bare and in SPNEGO, mutual and not. */
import { describe, test } from 'vitest';
import { type ConformanceSubject, conformanceSuite, establish } from '../../../src/mechanisms/conformance.js';
import { krb5Acceptor, krb5Initiator, krb5Observer, ReplayCache } from '../../../src/mechanisms/krb5/index.js';
import { openFrame } from '../../../src/mechanisms/krb5/messages/gss-framing.js';
import { nodeCiphers } from '../../../src/node/index.js';
import { realm, START } from './live.js';
import { ENCTYPE_NUMBERS } from './tokens.js';

function subject(enctype: number, { mutual, spnego }: { mutual: boolean; spnego: boolean }): ConformanceSubject {
  const { keytab, credential } = realm(enctype);
  const live = { clock: () => START * 1000, ciphers: nodeCiphers, allowWeak: true };
  const exchange = () => ({
    initiator: krb5Initiator({ ...live, credentials: [credential], service: 'ftp@host.example.test', mutual, spnego }),
    acceptor: krb5Acceptor({ ...live, keytab, replayCache: new ReplayCache() }),
  });
  return {
    contexts: () => establish(exchange()),
    levels: ['safe', 'private'],
    numbering: 'window',
    unprotected(token, level) {
      if (token[0] === 5) return [{ start: 6, end: 8 }];
      const start = openFrame(token) + 8;
      return enctype === 23 && level === 'safe' ? [{ start, end: start + 4 }] : [];
    },
    exchange,
    observer: () => krb5Observer({ keys: keytab, ciphers: nodeCiphers }),
  };
}

const KINDS = [true, false].flatMap(mutual => [true, false].map(spnego => ({ mutual, spnego })));

describe.each(ENCTYPE_NUMBERS)('enctype %i', enctype => {
  describe.each(KINDS)('mutual $mutual, SPNEGO $spnego', kind => {
    const cases = conformanceSuite(subject(enctype, kind));
    // The suite tests the tokens of contexts elsewhere; one enctype of each format shows that an exchange gives the same.
    const isWhole = (enctype === 18 || enctype === 23) && kind.mutual && !kind.spnego;
    const chosen = cases.filter(({ topic }) => isWhole || topic === 'exchange' || topic === 'observer');
    for (const { name, run } of chosen) test(name, run);
  });
});
