/** X-PSK with one fault, to show that the conformance suite finds it. */
import { toHex } from '../../../src/bytes.js';
import { FtpSecurityError } from '../../../src/errors.js';
import {
  type ConformancePair,
  type ConformanceSubject,
  conformanceSuite,
} from '../../../src/mechanisms/conformance.js';
import { PskContext } from '../../../src/mechanisms/psk/context.js';
import type { SecurityContext, Unwrapped } from '../../../src/protection/mechanism.js';
import { pskSubject } from '../psk/subject.js';

/** What a faulty context does differently from `good`. */
export type Fault = (good: SecurityContext) => Partial<SecurityContext>;

export function faulty(good: SecurityContext, fault: Fault): SecurityContext {
  const same: SecurityContext = {
    mechanism: good.mechanism,
    supports: level => good.supports(level),
    wrap: (plaintext, level) => good.wrap(plaintext, level),
    unwrap: token => good.unwrap(token),
    wrapSizeLimit: (level, maxToken) => good.wrapSizeLimit(level, maxToken),
    get lastReceived() {
      return good.lastReceived;
    },
    get lastFollows() {
      return good.lastFollows;
    },
    destroy: () => good.destroy(),
  };
  // A fault may have getters too.
  return Object.defineProperties(same, Object.getOwnPropertyDescriptors(fault(good)));
}

export function subjectOf(fault: Fault, changes: Partial<ConformanceSubject> = {}): ConformanceSubject {
  return {
    ...pskSubject,
    contexts: async () => {
      const { initiator, acceptor } = await pskSubject.contexts();
      return { initiator: faulty(initiator, fault), acceptor: faulty(acceptor, fault) };
    },
    ...changes,
  };
}

export function run(subject: ConformanceSubject, name: string): Promise<void> {
  const found = conformanceSuite(subject).find(one => one.name === name);
  if (found === undefined) throw new Error(`no case is called ${name}`);
  return Promise.resolve(found.run());
}

/** Tries, and answers an error of this code in another way. */
export function unless<T>(code: string, attempt: () => T, otherwise: (error: FtpSecurityError) => T): T {
  try {
    return attempt();
  } catch (error) {
    if (error instanceof FtpSecurityError && (code === '' || error.code === code)) return otherwise(error);
    throw error;
  }
}

export const readSafe = (token: Uint8Array): Unwrapped => ({
  plaintext: token.slice(9, -32),
  level: 'safe',
  sequence: 'ok',
});

export const remembersWhatItOpened: Fault = good => {
  const opened = new Map<string, Unwrapped>();
  return {
    unwrap: token => {
      const unwrapped = unless(
        'security/replayed',
        () => good.unwrap(token),
        () => opened.get(toHex(token))!,
      );
      opened.set(toHex(token), unwrapped);
      return unwrapped;
    },
  };
};

/** A row of a table: the case that must fail, its message, the fault, and other changes of the subject. */
export type FaultyRow = [name: string, message: RegExp, fault: Fault, changes?: Partial<ConformanceSubject>];

/** Two contexts with the same key and fixed nonces. */
export function pairOf(key: Uint8Array): ConformancePair {
  const nonces = new Uint8Array(64);
  return {
    initiator: new PskContext({ role: 'initiator', key, nonces }),
    acceptor: new PskContext({ role: 'acceptor', key, nonces }),
  };
}
