/** The encryption type that two sides negotiate from what each permits (RFC 4537); and the option keylog. */
import { expect, test } from 'vitest';
import { formatDer } from '../../../../src/mechanisms/der.js';
import { ENCTYPES, enctypeOf } from '../../../../src/mechanisms/krb5/crypto/enctypes.js';
import {
  chooseEnctype,
  enctypesToOffer,
  offerEnctypes,
  offeredEnctypes,
} from '../../../../src/mechanisms/krb5/exchange/etype-negotiation.js';
import {
  type Krb5AcceptorOptions,
  type Krb5ContextOptions,
  krb5Acceptor,
  krb5Context,
  krb5Initiator,
} from '../../../../src/mechanisms/krb5/index.js';
import { authorizationData } from '../../../../src/mechanisms/krb5/messages/kerberos.js';
import { nodeCiphers } from '../../../../src/node/index.js';
import type { Step } from '../../../../src/protection/mechanism.js';
import { realm, START } from '../live.js';

const live = { clock: () => START * 1000, allowWeak: true, ciphers: nodeCiphers };

type Permitted = Pick<Krb5AcceptorOptions, 'enctypes'>;

async function negotiatedEnctype(ticketEnctype: number, client: Permitted, server: Permitted): Promise<unknown> {
  const { keytab, credential } = realm(ticketEnctype);
  const service = 'ftp@host.example.test';
  const initiator = krb5Initiator({ ...live, ...client, credentials: [credential], service });
  const acceptor = krb5Acceptor({ ...live, ...server, keytab });
  const { token, facts } = await acceptor.step((await initiator.step()).token);
  expect((await initiator.step(token)).facts?.enctype).toBe(facts?.enctype);
  return facts?.enctype;
}

test.each<[ticket: number, initiator: Permitted, acceptor: Permitted, expected: number]>([
  [23, {}, {}, 20],
  [23, { enctypes: [17, 18] }, {}, 18],
  [23, {}, { enctypes: [17, 19] }, 19],
  [23, { enctypes: [17, 18] }, { enctypes: [17, 19] }, 17],
  [23, { enctypes: [17] }, { enctypes: [18] }, 23],
  [23, { enctypes: [16] }, {}, 16],
  [18, { enctypes: [] }, {}, 18],
  [18, {}, { enctypes: [] }, 18],
  [18, { enctypes: [17, 23] }, {}, 18],
])('a ticket of enctype %i, with %j offered and %j permitted', async (ticket, initiator, acceptor, expected) => {
  expect(await negotiatedEnctype(ticket, initiator, acceptor)).toBe(expected);
});

test('each enctype has its own strength, and the weak ones are the last', () => {
  const ordered = [...ENCTYPES].sort((a, b) => b.strength - a.strength);
  expect(ordered.map(({ number }) => number)).toEqual([20, 18, 26, 19, 17, 25, 16, 23, 3, 1]);
  expect(new Set(ENCTYPES.map(({ strength }) => strength)).size).toBe(ENCTYPES.length);
  const weak = ordered.map(one => one.weak);
  expect(weak.lastIndexOf(false)).toBeLessThan(weak.indexOf(true));
});

test.each(ENCTYPES.map(({ number }) => number))('with a key of enctype %i, no weaker one is offered or chosen', own => {
  const policy = { ciphers: nodeCiphers, allowWeak: true };
  const strengthOf = (number: number) => enctypeOf(number)!.strength;
  const offered = enctypesToOffer(own, policy);
  expect(offered.every(number => strengthOf(number) >= strengthOf(own))).toBe(true);
  expect(offered.length).toBe(ENCTYPES.filter(({ strength }) => strength >= strengthOf(own)).length);
  for (const { number } of ENCTYPES) {
    const chosen = chooseEnctype(own, [number], policy);
    expect(chosen).toBe(strengthOf(number) > strengthOf(own) ? number : own);
  }
});

test('with a key of an unknown enctype, no other is offered or chosen', () => {
  expect(enctypesToOffer(99, {})).toEqual([99]);
  expect(chooseEnctype(99, [1, 20], {})).toBe(99);
});

test('only an offer within data that may be ignored counts, and no other data beside it', () => {
  const list = Uint8Array.of(0x30, 3, 2, 1, 20);
  const offer = offerEnctypes([20, 18]);
  expect(offeredEnctypes(offer)).toEqual([20, 18]);
  expect(offeredEnctypes([...offer, ...offerEnctypes([17])])).toEqual([20, 18, 17]);
  // AD-ETYPE-NEGOTIATION (129) must be in AD-IF-RELEVANT (1) (RFC 4537 §3).
  expect(offeredEnctypes([{ adType: 129, adData: list }])).toEqual([]);
  expect(offeredEnctypes([{ adType: 4, adData: offer[0]!.adData }])).toEqual([]);
  const relevant = (adType: number) => [
    { adType: 1, adData: formatDer(authorizationData, [{ adType, adData: list }]) },
  ];
  expect(offeredEnctypes(relevant(129))).toEqual([20]);
  expect(offeredEnctypes(relevant(130))).toEqual([]);
  expect(offeredEnctypes()).toEqual([]);
});

test('a weak enctype is neither offered nor chosen by default', () => {
  const ciphers = { ciphers: nodeCiphers };
  const strong = ENCTYPES.filter(({ weak }) => !weak).sort((a, b) => b.strength - a.strength);
  expect(enctypesToOffer(1, ciphers)).toEqual([...strong.map(({ number }) => number), 1]);
  expect(enctypesToOffer(1, { ...ciphers, allowWeak: true }).slice(-4)).toEqual([16, 23, 3, 1]);
  expect(chooseEnctype(1, [16, 23, 3], ciphers)).toBe(1);
});

test('keylog is called with the options of each context', () => {
  const { keytab, credential } = realm(18);
  const logged: Krb5ContextOptions[] = [];
  const both = { ...live, keylog: (options: Krb5ContextOptions) => void logged.push(options) };
  const initiator = krb5Initiator({ ...both, credentials: [credential], service: 'ftp@host.example.test' });
  const acceptor = krb5Acceptor({ ...both, keytab });
  const { token } = acceptor.step((initiator.step() as Step).token) as Step;
  const { context } = initiator.step(token) as Step;
  expect(logged.map(({ role }) => role)).toEqual(['acceptor', 'initiator']);
  expect(logged[0]!.key).toEqual(logged[1]!.key);
  const text = Uint8Array.of(1, 2, 3);
  expect(krb5Context(logged[0]!).unwrap(context!.wrap(text, 'private').token)).toMatchObject({
    plaintext: text,
    sequence: 'ok',
  });
});
