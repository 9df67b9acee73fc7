/** Octets of a file, or an empty list, in place of the keys that are parsed from it: a TypeError that says so, everywhere. */
import { describe, expect, it } from 'vitest';
import { gsiObserver, parseKeyLog } from '../../src/mechanisms/gsi/index.js';
import {
  krb4Acceptor,
  krb4Initiator,
  krb4Observer,
  parseSrvtab,
  parseTicketFile,
} from '../../src/mechanisms/krb4/index.js';
import {
  krb5Acceptor,
  krb5Initiator,
  krb5Observer,
  parseCredentialCache,
  parseKeytab,
} from '../../src/mechanisms/krb5/index.js';
import { pskAcceptor, pskInitiator, pskObserver } from '../../src/mechanisms/psk/index.js';
import {
  gsiAcceptor,
  gsiInitiator,
  gsiTrust,
  nodeCiphers,
  parseGsiCredential,
  rsaDecrypt,
} from '../../src/node/index.js';
import { USER } from '../node/gsi/certificates.js';
import { trust } from '../node/gsi/sides.js';

const OCTETS = Buffer.from('0502', 'hex');
const endpoint = { address: Uint8Array.of(127, 0, 0, 1), port: 21 };
const krb4 = { ciphers: nodeCiphers, local: endpoint, peer: endpoint, allowWeak: true };
const service = { name: 'ftp', instance: 'host', realm: 'A.TEST' };

type Taker = [what: string, take: (keys: never) => unknown, message: RegExp];

const LISTS: Taker[] = [
  ['keytab of krb5Acceptor', keytab => krb5Acceptor({ keytab }), /^keytab must .*parseKeytab/],
  [
    'credentials of krb5Initiator',
    credentials => krb5Initiator({ credentials, service: 'ftp@host' }),
    /^credentials must .*parseCredentialCache/,
  ],
  ['keys of krb5Observer', keys => krb5Observer({ keys }), /^keys must .*parseKeytab/],
  ['srvtab of krb4Acceptor', srvtab => krb4Acceptor({ ...krb4, srvtab }), /^srvtab must .*parseSrvtab/],
  [
    'tickets of krb4Initiator',
    tickets => krb4Initiator({ ...krb4, tickets, service }),
    /^tickets.credentials must .*parseTicketFile/,
  ],
  ['keys of krb4Observer', keys => krb4Observer({ keys, ciphers: nodeCiphers }), /^keys must .*parseSrvtab/],
  ['keyLogs of gsiObserver', keyLogs => gsiObserver({ keyLogs }), /^keyLogs must .*parseKeyLog/],
  ['rsaKeys of gsiObserver', rsaKeys => gsiObserver({ rsaKeys }), /^rsaKeys must .*rsaDecrypt/],
  ['keys of pskObserver', keys => pskObserver({ keys }), /^keys? must be a (list of )?Uint8Array/],
  ['authorities of gsiTrust', authorities => gsiTrust({ authorities }), /authorities must be a/],
];

const OBJECTS: Taker[] = [
  ['credential of gsiInitiator', credential => gsiInitiator({ credential, trust, server: 'a' }), /parseGsiCredential/],
  ['credential of gsiAcceptor', credential => gsiAcceptor({ credential, trust }), /parseGsiCredential/],
  ['trust of gsiInitiator', it => gsiInitiator({ credential: USER, trust: it, server: 'a' }), /gsiTrust/],
  ['trust of gsiAcceptor', it => gsiAcceptor({ credential: USER, trust: it }), /gsiTrust/],
];

const FILES: Taker[] = [
  ['parseKeytab', parseKeytab, /bytes must be a Uint8Array/],
  ['parseCredentialCache', parseCredentialCache, /bytes must be a Uint8Array/],
  ['parseSrvtab', parseSrvtab, /bytes must be a Uint8Array/],
  ['parseTicketFile', parseTicketFile, /bytes must be a Uint8Array/],
  ['parseKeyLog', parseKeyLog, /file must be a Uint8Array/],
  ['rsaDecrypt', rsaDecrypt, /file must be a Uint8Array/],
  ['parseGsiCredential', parseGsiCredential, /certificates must be a Uint8Array/],
  ['a file of gsiTrust', file => gsiTrust({ authorities: [file] }), /a file of authorities must be a Uint8Array/],
  ['pskInitiator', key => pskInitiator({ key }), /key must be a Uint8Array/],
  ['pskAcceptor', key => pskAcceptor({ key }), /key must be a Uint8Array/],
];

function expectMisuse([, take, message]: Taker, value: unknown): void {
  const attempt = () => take(value as never);
  expect(attempt, String(value)).toThrow(TypeError);
  expect(attempt, String(value)).toThrow(message);
}

describe('what is not parsed is a TypeError that says so', () => {
  it.each(LISTS)('%s', (...taker) => {
    for (const value of ['/etc/krb5.keytab', 5, null, OCTETS, {}, [5], [[]]]) expectMisuse(taker, value);
  });

  it.each(OBJECTS)('%s', (...taker) => {
    for (const value of [undefined, '/tmp/x509up_u0', 5, null, OCTETS, {}, []]) expectMisuse(taker, value);
  });

  it.each(FILES)('%s', (...taker) => {
    for (const value of ['/etc/krb5.keytab', 5, null, {}, []]) expectMisuse(taker, value);
  });
});

describe('an empty list, with which nothing can be done, too', () => {
  it.each([
    ['keytab', () => krb5Acceptor({ keytab: [] })],
    ['credentials', () => krb5Initiator({ credentials: [], service: 'ftp@host' })],
    ['srvtab', () => krb4Acceptor({ ...krb4, srvtab: [] })],
    ['authorities', () => gsiTrust({ authorities: [] })],
  ])('%s', (name, attempt) => {
    expect(attempt).toThrow(TypeError);
    expect(attempt).toThrow(`${name} must not be empty`);
  });
});
