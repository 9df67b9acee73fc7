/** A mechanism offers the sides for which it has options, and each of them is what its own function makes. */
import { expect, test } from 'vitest';
import { krb4, parseTicketFile } from '../../src/mechanisms/krb4/index.js';
import { krb5 } from '../../src/mechanisms/krb5/index.js';
import { psk } from '../../src/mechanisms/psk/index.js';
import type { Mechanism } from '../../src/protection/mechanism.js';
import { expectCode } from '../helpers.js';
import { clockOf, SAMPLE } from './krb4/exchanges.js';
import { CLIENT, ciphers, keyOf, SERVER, ticketFileOf } from './krb4/vectors.js';
import { at } from './krb5/acceptors.js';
import { realm } from './krb5/live.js';

const SIDES = ['initiator', 'acceptor', 'observer'] as const;
const key = new Uint8Array(32);
const { keytab, credential } = realm(18);
const shared = { ciphers, allowWeak: true, clock: clockOf(SAMPLE) };

const KRB5 = {
  initiator: { credentials: [credential], service: 'ftp@host.example.test', ...at(0) },
  acceptor: { keytab },
  observer: { keys: keytab },
};
const KRB4 = {
  initiator: {
    ...{ tickets: parseTicketFile(ticketFileOf(SAMPLE, false)), service: keyOf(SAMPLE) },
    ...{ local: CLIENT, peer: SERVER, ...shared },
  },
  acceptor: { srvtab: [keyOf(SAMPLE)], local: SERVER, peer: CLIENT, ...shared },
  observer: { keys: [keyOf(SAMPLE)], ciphers },
};
/** In place of what is in the file. */
const PATH = '/etc/keys' as never;
const PSK = { initiator: { key }, acceptor: { key }, observer: { keys: [key] } };

const MECHANISMS: [string, (sides?: object) => Mechanism, Record<(typeof SIDES)[number], object>][] = [
  ['krb5', krb5, KRB5],
  ['krb4', krb4, KRB4],
  ['psk', psk, PSK],
];

test.each(MECHANISMS)('%s has no side without options', (_, mechanism) => {
  expect(SIDES.filter(side => side in mechanism())).toEqual([]);
});

test.each(MECHANISMS)('%s has each side alone', (_, mechanism, options) => {
  for (const side of SIDES) {
    const made = mechanism({ [side]: options[side] });
    expect(SIDES.filter(name => name in made)).toEqual([side]);
    // A new one for each connection.
    expect(made[side]!()).not.toBe(made[side]!());
  }
});

test.each<[string, () => Mechanism]>([
  ['krb5, initiator', () => krb5({ initiator: { ...KRB5.initiator, credentials: PATH } })],
  ['krb5, acceptor', () => krb5({ acceptor: { keytab: PATH } })],
  ['krb5, observer', () => krb5({ observer: { keys: PATH } })],
  ['krb4, acceptor', () => krb4({ acceptor: { ...KRB4.acceptor, srvtab: PATH } })],
  ['krb4, observer', () => krb4({ observer: { keys: PATH, ciphers } })],
  ['psk, initiator', () => psk({ initiator: { key: PATH } })],
  ['psk, acceptor', () => psk({ acceptor: { key: PATH } })],
  ['psk, observer', () => psk({ observer: { keys: PATH } })],
])('%s: a file that was not read is refused when options are bound, not in each connection', (_, bind) => {
  expect(bind).toThrow(TypeError);
});

test.each(MECHANISMS)('%s makes sides that work', (_, mechanism, options) => {
  const { initiator, acceptor, observer } = mechanism(options);
  expect(initiator!().step()).toHaveProperty('token');
  expectCode(() => acceptor!().step(Uint8Array.of(1)), 'security/bad-token');
  expectCode(() => observer!().observe('client', Uint8Array.of(1)), 'security/bad-token');
});
