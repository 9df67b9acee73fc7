/** The acceptor's use of its replay cache (RFC 4120 §3.2.3). */
import { expect, test } from 'vitest';
import { ENCTYPES } from '../../../../src/mechanisms/krb5/crypto/enctypes.js';
import {
  type Krb5AcceptorOptions,
  krb5Acceptor,
  krb5Initiator,
  ReplayCache,
  type ReplayStore,
} from '../../../../src/mechanisms/krb5/index.js';
import type { Step } from '../../../../src/protection/mechanism.js';
import { errorOf, expectCode } from '../../../helpers.js';
import { at, PERMISSIVE, requestFor } from '../acceptors.js';
import { errorNumberOf, realm, reseal, START } from '../live.js';

const made = realm(18);
const token = requestFor(made);
const acceptor = (options: Partial<Krb5AcceptorOptions>, { keytab } = made) =>
  krb5Acceptor({ keytab, clock: () => START * 1000, ...options });

/** A clock, and a replay cache of a new process that is `age` seconds old then. */
const afterRestart = (seconds: number, age = 0) => {
  let now = 0;
  const replayCache = new ReplayCache({ clock: () => now });
  now += 1000 * age;
  return { ...at(seconds), replayCache };
};
/** Exchanges to which the acceptor adds no key of its own, so that a replay of the AP-REQ repeats the session. */
const REPLAYABLE = [
  { name: 'without mutual authentication', enctype: 18, mutual: false, spnego: false },
  { name: 'without mutual authentication in SPNEGO', enctype: 18, mutual: false, spnego: true },
  ...ENCTYPES.filter(({ tokens }) => tokens === 'rfc1964').map(({ number, name }) => ({
    name: `with ${name}`,
    enctype: number,
    mutual: true,
    spnego: false,
  })),
];

test.each(REPLAYABLE)('an AP-REQ $name is refused if it is older than the cache', ({ enctype, mutual, spnego }) => {
  const client = realm(enctype);
  const given = { credentials: [client.credential], service: 'ftp@host.example.test', mutual, spnego, enctypes: [] };
  const { token: recorded } = krb5Initiator({ ...given, ...at(0), ...PERMISSIVE }).step() as Step;
  const attempt = (options: Partial<Krb5AcceptorOptions>) =>
    (acceptor({ ...PERMISSIVE, ...options }, client).step(recorded) as Step).context;
  const error = errorOf(() => attempt(afterRestart(2, 1.998)));
  expect(error).toMatchObject({
    code: 'security/replayed',
    message: expect.stringMatching(/older than the replay cache/),
  });
  if (!spnego) expect(errorNumberOf(error.token)).toBe(34);
  expect(attempt(afterRestart(2, 2))).toBeDefined();
  expect(attempt({ ...at(299), replayCache: { add: () => true } })).toBeDefined();
  expectCode(() => attempt({ ...at(299), replayCache: { age: 298.9, add: () => true } }), 'security/replayed');
});

test('an AP-REQ that is older than the cache is accepted if the acceptor adds a subkey of its own', () => {
  expect((acceptor(afterRestart(299)).step(token) as Step).context).toBeDefined();
});

test('an authenticator is kept until it could not be replayed even if the clock were set back', () => {
  const SKEW = 300;
  const replayCache = new ReplayCache();
  acceptor({ replayCache }).step(reseal(token, made, { authenticator: original => ({ ...original, cusec: 999_999 }) }));
  const again = reseal(token, made, { authenticator: original => ({ ...original, cusec: 999_999 }) });
  // The clock is fast by the greatest skew, another authenticator is added, and then the clock is set back.
  replayCache.add('other', START + 10 * SKEW, START + 2 * SKEW + 1);
  expect(replayCache.size).toBe(2);
  expectCode(() => acceptor({ replayCache, ...at(SKEW) }).step(again), 'security/replayed');
  expectCode(() => acceptor({ replayCache, ...at(-SKEW + 1) }).step(again), 'security/replayed');
  replayCache.add('another', START + 10 * SKEW, START + 2 * SKEW + 1.001);
  expect(replayCache.size).toBe(2);
});

test('acceptors that share a cache refuse what another has accepted', () => {
  const replayCache = new ReplayCache();
  acceptor({ replayCache }).step(token);
  const error = errorOf(() => acceptor({ replayCache }).step(token));
  expect([error.code, errorNumberOf(error.token)]).toEqual(['security/replayed', 34]);
  expect(replayCache.size).toBe(1);
});

test('acceptors that share a cache refuse it though they accept other clocks', () => {
  const replayCache = new ReplayCache();
  acceptor({ replayCache }).step(token);
  for (const maxClockSkew of [60, 600])
    expectCode(() => acceptor({ replayCache, maxClockSkew }).step(token), 'security/replayed');
});

test('a store that answers later, or nothing, is misuse, and nothing is accepted', () => {
  for (const answer of [Promise.resolve(true), undefined, 1]) {
    const replayCache = { add: () => answer } as unknown as ReplayStore;
    expect(() => acceptor({ replayCache }).step(token)).toThrow(TypeError);
  }
});

test('acceptors share one cache by default', () => {
  acceptor({}).step(token);
  expectCode(() => acceptor({}).step(token), 'security/replayed');
});

test('a refused AP-REQ is not recorded', () => {
  const replayCache = new ReplayCache();
  expectCode(() => acceptor({ replayCache, ...at(400) }).step(token), 'security/clock-skew');
  expect(replayCache.size).toBe(0);
  expect((acceptor({ replayCache }).step(token) as Step).context).toBeDefined();
});
