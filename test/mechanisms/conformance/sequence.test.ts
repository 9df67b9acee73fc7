/** The checks of sequence numbers find faults. */
import { describe, expect, test } from 'vitest';
import { toHex } from '../../../src/bytes.js';
import { FtpSecurityError } from '../../../src/errors.js';
import {
  type ConformancePair,
  type ConformanceSubject,
  conformanceSuite,
} from '../../../src/mechanisms/conformance.js';
import type { SecurityContext, Unwrapped } from '../../../src/protection/mechanism.js';
import { inOrderSubject } from '../in-order.js';
import { pskSubject } from '../psk/subject.js';
import { type Fault, type FaultyRow, faulty, remembersWhatItOpened, run, subjectOf } from './faulty.js';

const PLACES = 'lastReceived and lastFollows tell the place of each token';

const FAULTY: readonly FaultyRow[] = [
  [
    'safe: tokens of the same plaintext differ',
    /must differ/,
    good => {
      const { token, level } = good.wrap(new Uint8Array(20), 'safe');
      return { wrap: () => ({ token, level }) };
    },
  ],
  [
    'safe: a replay is refused; a gap and a late token are reported',
    /that was received before must be refused/,
    remembersWhatItOpened,
  ],
  [
    'safe: a replay is refused; a gap and a late token are reported',
    /must have the sequence state gap/,
    good => ({ unwrap: token => ({ ...good.unwrap(token), sequence: 'ok' }) }),
  ],
  [
    'safe: the first token may arrive late',
    /must have the sequence state late/,
    good => ({ unwrap: token => ({ ...good.unwrap(token), sequence: 'gap' }) }),
  ],
  [
    'safe: a late token is not taken for a replay, however late it is',
    /has left the window/,
    good => {
      let newest = 0n;
      return {
        unwrap: token => {
          const number = new DataView(token.buffer, token.byteOffset).getBigUint64(1);
          if (number + 64n < newest) throw new FtpSecurityError('security/replayed', 'has left the window');
          const unwrapped = good.unwrap(token);
          if (number > newest) newest = number;
          return unwrapped;
        },
      };
    },
  ],
  [`safe: ${PLACES}`, /lastReceived must be the position/, () => ({ lastReceived: undefined })],
  [`safe: ${PLACES}`, /lastReceived must grow by one/, () => ({ lastReceived: 0n })],
  [`safe: ${PLACES}`, /lastFollows must be true for token 0: .* it is the first/, () => ({ lastFollows: undefined })],
  [`safe: ${PLACES}`, /lastFollows must be false for token 4: .* is missing/, () => ({ lastFollows: true })],
  [
    `private: ${PLACES}`,
    /lastReceived must grow by one/,
    good => ({
      get lastReceived() {
        return good.lastReceived && good.lastReceived * 36n;
      },
    }),
  ],
  [
    `private: ${PLACES}`,
    /refused must not change lastReceived/,
    good => {
      let attempts = -1n;
      return {
        unwrap: token => {
          attempts++;
          return good.unwrap(token);
        },
        get lastReceived() {
          return attempts < 0n ? undefined : attempts;
        },
      };
    },
  ],
  [
    `private: ${PLACES}`,
    /refused must not change .*lastFollows/,
    good => {
      let refused = false;
      return {
        unwrap: token => {
          try {
            return good.unwrap(token);
          } catch (error) {
            refused = true;
            throw error;
          }
        },
        get lastFollows() {
          return refused ? !good.lastFollows : good.lastFollows;
        },
      };
    },
  ],
  [
    'levels with integrity share one sequence',
    /must have the sequence state gap|must have the sequence state ok/,
    () => ({}),
    { contexts: async () => apart(await pskSubject.contexts(), await pskSubject.contexts()) },
  ],
];

/** Private tokens have an association of their own, and so a sequence of their own. */
function apart(safe: ConformancePair, others: ConformancePair): ConformancePair {
  const join = (side: keyof ConformancePair): SecurityContext =>
    faulty(safe[side], () => ({
      wrap: (plaintext, level) => (level === 'private' ? others : safe)[side].wrap(plaintext, level),
      unwrap: token => (/p/i.test(String.fromCharCode(token[0]!)) ? others : safe)[side].unwrap(token),
    }));
  return { initiator: join('initiator'), acceptor: join('acceptor') };
}

test.each(FAULTY)('the case "%s" finds a fault (%s)', async (name, message, fault, changes) => {
  await expect(run(subjectOf(fault, changes), name)).rejects.toThrow(message);
});

test('the place of the first token may be any', async () => {
  const subject = subjectOf(good => ({
    get lastReceived() {
      return good.lastReceived === undefined ? undefined : good.lastReceived + 7n;
    },
  }));
  await expect(run(subject, `safe: ${PLACES}`)).resolves.toBeUndefined();
});

const IN_ORDER = 'a token that is skipped, late or replayed is refused, and changes nothing';

describe('a mechanism may take its tokens in order only', () => {
  const cases = conformanceSuite(inOrderSubject);

  test('then no token may come late', () => {
    const differ = 'tokens of the same plaintext differ';
    const names = cases.filter(({ topic }) => topic === 'numbering').map(({ name }) => name);
    expect(names).toEqual([
      ...['safe', 'private'].flatMap(level => [differ, PLACES, IN_ORDER].map(name => `${level}: ${name}`)),
      'levels with integrity share one sequence',
    ]);
  });

  for (const { name, run } of cases) test(name, run);

  test('what opens a skipped token is not one of them', async () => {
    const claims: ConformanceSubject = { ...pskSubject, numbering: 'in-order' };
    await expect(run(claims, `safe: ${IN_ORDER}`)).rejects.toThrow(/token 1, which is skipped.* must be refused/);
  });

  test('nor is what opens a replayed one', async () => {
    const repeats: Fault = good => {
      const opened = new Map<string, Unwrapped>();
      return {
        unwrap: token => {
          const unwrapped = opened.get(toHex(token)) ?? good.unwrap(token);
          opened.set(toHex(token), unwrapped);
          return unwrapped;
        },
      };
    };
    const contexts = async () => {
      const { initiator, acceptor } = await inOrderSubject.contexts();
      return { initiator, acceptor: faulty(acceptor, repeats) };
    };
    const forgetful = run({ ...inOrderSubject, contexts }, `private: ${IN_ORDER}`);
    await expect(forgetful).rejects.toThrow(/token 0, which is .*replayed.* must be refused/);
  });

  test('and gives the place of each', async () => {
    const contexts = async () => {
      const { initiator, acceptor } = await inOrderSubject.contexts();
      return { initiator, acceptor: faulty(acceptor, () => ({ lastReceived: undefined })) };
    };
    const silent = run({ ...inOrderSubject, contexts }, `safe: ${PLACES}`);
    await expect(silent).rejects.toThrow(/lastReceived must be the position/);
  });

  test('and it has no window', async () => {
    const claims: ConformanceSubject = { ...inOrderSubject, numbering: 'window' };
    const late = 'safe: a replay is refused; a gap and a late token are reported';
    await expect(run(claims, late)).rejects.toThrow();
  });
});
