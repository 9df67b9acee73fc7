/** Which encryption type two sides come to, by what each permits (RFC 4537); and what they tell of their contexts. */
import { expect, test } from 'vitest';
import { ENCTYPES, enctypeOf } from '../../../../src/mechanisms/krb5/crypto/enctypes.js';
import { chooseEnctype, worthOffering } from '../../../../src/mechanisms/krb5/exchange/etype-negotiation.js';
import {
  type Krb5AcceptorOptions,
  type Krb5ContextOptions,
  krb5Acceptor,
  krb5Context,
  krb5Initiator,
} from '../../../../src/mechanisms/krb5/index.js';
import { nodeCiphers } from '../../../../src/node/index.js';
import type { Step } from '../../../../src/protection/mechanism.js';
import { realm, START } from '../live.js';

const live = { clock: () => START * 1000, allowWeak: true };

type Permitted = Pick<Krb5AcceptorOptions, 'enctypes'>;

async function agreedEnctype(ticketEnctype: number, ours: Permitted, theirs: Permitted): Promise<unknown> {
  const { keytab, credential } = realm(ticketEnctype);
  const service = 'ftp@host.example.test';
  const initiator = krb5Initiator({ ...live, ...ours, credentials: [credential], service });
  const acceptor = krb5Acceptor({ ...live, ...theirs, keytab });
  const { token, facts } = await acceptor.step((await initiator.step()).token);
  expect((await initiator.step(token)).facts?.enctype).toBe(facts?.enctype);
  return facts?.enctype;
}

test.each<[ticket: number, initiator: Permitted, acceptor: Permitted, agreed: number]>([
  [23, {}, {}, 20],
  [23, { enctypes: [17, 18] }, {}, 18],
  [23, {}, { enctypes: [17, 19] }, 19],
  [23, { enctypes: [17, 18] }, { enctypes: [17, 19] }, 17],
  [23, { enctypes: [17] }, { enctypes: [18] }, 23],
  [18, { enctypes: [] }, {}, 18],
  [18, {}, { enctypes: [] }, 18],
  [18, { enctypes: [17, 23] }, {}, 18],
])('a ticket of %i, %j offered, %j permitted', async (ticket, initiator, acceptor, agreed) => {
  expect(await agreedEnctype(ticket, initiator, acceptor)).toBe(agreed);
});

test('strength is a column of the table: no two are alike, none is missing, the weak are the last', () => {
  const ordered = [...ENCTYPES].sort((a, b) => b.strength - a.strength);
  expect(ordered.map(({ number }) => number)).toEqual([20, 18, 26, 19, 17, 25, 16, 23, 3, 1]);
  expect(new Set(ENCTYPES.map(({ strength }) => strength)).size).toBe(ENCTYPES.length);
  const weak = ordered.map(one => one.weak);
  expect(weak.lastIndexOf(false)).toBeLessThan(weak.indexOf(true));
});

test.each(ENCTYPES.map(({ number }) => number))('from a key of %i, nothing weaker is offered or chosen', own => {
  const policy = { ciphers: nodeCiphers, allowWeak: true };
  const strengthOf = (number: number) => enctypeOf(number)!.strength;
  const offered = worthOffering(own, policy);
  expect(offered.every(number => strengthOf(number) >= strengthOf(own))).toBe(true);
  expect(offered.length).toBe(ENCTYPES.filter(({ strength }) => strength >= strengthOf(own)).length);
  for (const { number } of ENCTYPES) {
    const chosen = chooseEnctype(own, [number], policy);
    expect(chosen).toBe(strengthOf(number) > strengthOf(own) ? number : own);
  }
});

test('one that is not known offers nothing but itself', () => {
  expect(worthOffering(99, {})).toEqual([99]);
  expect(chooseEnctype(99, [1, 20], {})).toBe(99);
});

test('keylog is told what each context is made of', () => {
  const { keytab, credential } = realm(18);
  const told: Krb5ContextOptions[] = [];
  const both = { ...live, keylog: (options: Krb5ContextOptions) => void told.push(options) };
  const initiator = krb5Initiator({ ...both, credentials: [credential], service: 'ftp@host.example.test' });
  const acceptor = krb5Acceptor({ ...both, keytab });
  const { token } = acceptor.step((initiator.step() as Step).token) as Step;
  const { context } = initiator.step(token) as Step;
  expect(told.map(({ role }) => role)).toEqual(['acceptor', 'initiator']);
  expect(told[0]!.key).toEqual(told[1]!.key);
  const text = Uint8Array.of(1, 2, 3);
  expect(krb5Context(told[0]!).unwrap(context!.wrap(text, 'private').token)).toMatchObject({
    plaintext: text,
    sequence: 'ok',
  });
});
