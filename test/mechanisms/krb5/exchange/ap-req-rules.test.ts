/** The rules by which the acceptor accepts or refuses an AP-REQ (RFC 4120 §3.2.3). */
import { describe, expect, test, vi } from 'vitest';
import { toHex } from '../../../../src/bytes.js';
import { replyCodeFor } from '../../../../src/errors.js';
import { ENCTYPES } from '../../../../src/mechanisms/krb5/crypto/enctypes.js';
import { kerberosKey } from '../../../../src/mechanisms/krb5/crypto/kerberos-key.js';
import { type Krb5AcceptorOptions, principalText } from '../../../../src/mechanisms/krb5/index.js';
import { formatGssChecksum } from '../../../../src/mechanisms/krb5/messages/gss-checksum.js';
import { type Authenticator, USAGE } from '../../../../src/mechanisms/krb5/messages/kerberos.js';
import { nodeCiphers } from '../../../../src/node/index.js';
import type { Step } from '../../../../src/protection/mechanism.js';
import { errorOf, expectCode } from '../../../helpers.js';
import {
  accept,
  acceptorAt,
  at,
  CLIENT_ADDRESS,
  CROSS_REALM,
  inTwoRealms,
  ofOtherRealm,
  type RequestChange,
  requestFor,
  through,
  withTicket,
} from '../acceptors.js';
import { errorNumberOf, type Realm, type RealmOptions, realm, SERVICE, START } from '../live.js';

/** A change that makes the acceptor refuse the AP-REQ. */
interface Refused {
  name: string;
  code: string;
  /** Of the KRB-ERROR. */
  number: number;
  text: RegExp;
  /** Of the session key; default 18. */
  enctype?: number;
  of?: RealmOptions;
  message?: RequestChange['message'];
  authenticator?: RequestChange['authenticator'];
  /** A change of the keytab after the ticket has been made. */
  change?: (made: Realm) => Realm;
  options?: Partial<Krb5AcceptorOptions>;
}

const WEAK = ENCTYPES.filter(({ weak }) => weak);

const withKey =
  (key: Partial<Realm['keytab'][number]>) =>
  (made: Realm): Realm => ({
    ...made,
    keytab: [{ ...made.keytab[0]!, ...key }],
  });

const checksumWith = (bindings: Uint8Array) => ({
  cksumtype: 0x8003,
  checksum: formatGssChecksum({ bindings, flags: 0x132 }),
});

const REFUSED: readonly Refused[] = [
  {
    name: 'a clock that is slow',
    code: 'clock-skew',
    number: 37,
    text: /clock.*more than 300 seconds/,
    options: at(301),
  },
  { name: 'a clock that is fast', code: 'clock-skew', number: 37, text: /clock/, options: at(-301) },
  {
    name: 'a clock skew over a smaller limit',
    code: 'clock-skew',
    number: 37,
    text: /more than 10 seconds/,
    options: { ...at(11), maxClockSkew: 10 },
  },
  {
    name: 'an expired ticket',
    code: 'expired',
    number: 32,
    text: /expired at 2026/,
    of: withTicket({ endtime: START - 301 }),
  },
  {
    name: 'a ticket that is not valid yet',
    code: 'not-yet-valid',
    number: 33,
    text: /not valid before 2026/,
    of: withTicket({ starttime: START + 301 }),
  },
  {
    name: 'a ticket without a start time that is not valid yet',
    code: 'not-yet-valid',
    number: 33,
    text: /before/,
    of: withTicket({ authtime: START + 301 }),
  },
  {
    name: 'an invalid ticket',
    code: 'not-yet-valid',
    number: 33,
    text: /validated/,
    of: withTicket({ flags: 2 ** 24 }),
  },
  {
    name: 'an authenticator of another client',
    code: 'wrong-name',
    number: 36,
    text: /client/,
    authenticator: original => ({ ...original, cname: { nameType: 1, nameString: ['root'] } }),
  },
  {
    name: 'an authenticator of another realm',
    code: 'wrong-name',
    number: 36,
    text: /client/,
    authenticator: ofOtherRealm,
  },
  {
    name: 'a ticket whose transited realms no KDC has checked',
    code: 'wrong-name',
    number: 51,
    text: /came through A, which is not trusted between OTHER.TEST and EXAMPLE.TEST/,
    of: withTicket({ ...CROSS_REALM, flags: 0 }),
    authenticator: ofOtherRealm,
  },
  {
    name: 'a ticket that came through the realm above both, without hierarchicalTrust',
    code: 'wrong-name',
    number: 51,
    text: /came through TEST, which is not trusted/,
    of: through('TEST'),
    authenticator: ofOtherRealm,
    options: { hierarchicalTrust: false },
  },
  {
    name: 'a ticket that came through a realm that only one of the realms of its key trusts',
    code: 'wrong-name',
    number: 51,
    text: /came through TEST, which is not trusted between OTHER.TEST and A.OTHER.TEST/,
    of: through('TEST'),
    authenticator: ofOtherRealm,
    change: ({ credential, keytab: [entry] }) => ({
      credential,
      keytab: [entry!, { ...entry!, principal: { ...SERVICE, realm: 'A.OTHER.TEST' } }],
    }),
  },
  {
    name: 'a ticket whose transited realms are in another encoding',
    code: 'wrong-name',
    number: 51,
    text: /unknown encoding, 2/,
    of: through('TEST', 2),
    authenticator: ofOtherRealm,
  },
  {
    name: 'a ticket whose transited realms are malformed',
    code: 'bad-token',
    number: 60,
    text: /transited realms of the ticket: a backslash/,
    of: through('TEST\\'),
    authenticator: ofOtherRealm,
  },
  {
    name: 'the same ticket if its clear part claims that the service is in the client’s realm',
    code: 'wrong-name',
    number: 51,
    text: /cannot be judged/,
    of: { ...withTicket({ ...CROSS_REALM, flags: 0 }), realm: 'OTHER.TEST' },
    authenticator: ofOtherRealm,
    change: made => ({ ...made, keytab: made.keytab.map(({ principal, ...bare }) => bare) }),
  },
  {
    name: 'a ticket without a realm, encrypted with a key of another realm than that of the option service',
    code: 'wrong-name',
    number: 35,
    text: /the ticket is for ftp.host.example.test@OTHER.TEST, which this acceptor does not serve/,
    of: { realm: '' },
    change: made => ({ ...made, keytab: inTwoRealms(made) }),
    options: { service: 'ftp/host.example.test@EXAMPLE.TEST' },
  },
  {
    name: 'a ticket without a realm if the keytab does not have the realm of the option service',
    code: 'wrong-name',
    number: 35,
    text: /for ftp.host.example.test@EXAMPLE.TEST, which this acceptor does not serve/,
    of: { realm: '' },
    options: { service: 'ftp/host.example.test@OTHER.TEST' },
  },
  {
    name: 'a ticket with unknown authorization data',
    code: 'bad-token',
    number: 60,
    text: /of type 9/,
    of: withTicket({ authorizationData: [{ adType: 9, adData: Uint8Array.of(0x30, 0) }] }),
  },
  {
    name: 'an authenticator with unknown authorization data',
    code: 'bad-token',
    number: 60,
    text: /of type 5/,
    authenticator: original => ({ ...original, authorizationData: [{ adType: 5, adData: Uint8Array.of(0x30, 0) }] }),
  },
  {
    name: 'a ticket for another address',
    code: 'wrong-name',
    number: 38,
    text: /address/,
    of: withTicket({ caddr: [CLIENT_ADDRESS] }),
    options: { peerAddress: Uint8Array.of(192, 0, 2, 8) },
  },
  {
    name: 'a ticket for an address of another family',
    code: 'wrong-name',
    number: 38,
    text: /address/,
    of: withTicket({ caddr: [CLIENT_ADDRESS] }),
    options: { peerAddress: new Uint8Array(16) },
  },
  {
    name: 'a ticket for an address of the same octets, but another type',
    code: 'wrong-name',
    number: 38,
    text: /address/,
    of: withTicket({ caddr: [{ ...CLIENT_ADDRESS, addrType: 5 }] }),
    options: { peerAddress: CLIENT_ADDRESS.address },
  },
  {
    name: 'channel bindings that are not ours, with a zero among them',
    code: 'bad-bindings',
    number: 60,
    text: /mismatch \(the client sent 0001/,
    authenticator: original => ({ ...original, cksum: checksumWith(Uint8Array.from({ length: 16 }, (_, i) => i)) }),
    options: { bindings: new Uint8Array(16).fill(1) },
  },
  {
    name: 'no channel bindings where they are required',
    code: 'bad-bindings',
    number: 60,
    text: /required, but the client sent none/,
    options: { bindings: new Uint8Array(16).fill(1), requireBindings: true },
  },
  {
    name: 'a ticket for a service that is not served',
    code: 'wrong-name',
    number: 35,
    text: /for HTTP\/host.example.test@EXAMPLE.TEST, which this acceptor does not serve/,
    change: withKey({ principal: { ...SERVICE, name: ['HTTP', 'host.example.test'] } }),
  },
  {
    name: 'a ticket for a name that the keytab does not have',
    code: 'no-key',
    number: 45,
    text: /no key decrypts the ticket for ftp.host.example.test@EXAMPLE.TEST \(enctype 18, key version 3\) \(known keys: host.other@/,
    change: withKey({ principal: { ...SERVICE, name: ['host', 'other'] }, key: new Uint8Array(32) }),
  },
  {
    name: 'a ticket of an enctype that the keytab does not have',
    code: 'no-key',
    number: 45,
    text: /ftp.host.example.test@EXAMPLE.TEST \(enctype 18, key version 3\) \(known keys: .*\(enctype 17, key version 3\)\)$/,
    change: withKey({ enctype: 17 }),
  },
  {
    name: 'a ticket of an unknown enctype',
    code: 'no-key',
    number: 45,
    text: /no key for the ticket for ftp.host.example.test@EXAMPLE.TEST \(enctype 99, key version 3\)/,
    message: original => ({
      ...original,
      ticket: { ...original.ticket, encPart: { ...original.ticket.encPart, etype: 99 } },
    }),
  },
  {
    name: 'a ticket whose name controls a terminal',
    code: 'no-key',
    number: 45,
    text: /no key for the ticket for ftp.\\u\{1b\}\[2J\\r@EXAMPLE.TEST \(enctype 99/,
    message: original => ({
      ...original,
      ticket: {
        ...original.ticket,
        sname: { nameType: 1, nameString: ['ftp', '\x1b[2J\r'] },
        encPart: { ...original.ticket.encPart, etype: 99 },
      },
    }),
  },
  {
    name: 'a subkey of an unknown enctype',
    code: 'no-key',
    number: 45,
    text: /encryption type 99 is not supported/,
    authenticator: original => ({ ...original, subkey: { keytype: 99, keyvalue: new Uint8Array(32) } }),
  },
  {
    name: 'a ticket of a key version that the keytab does not have',
    code: 'no-key',
    number: 44,
    text: /version.*key version 3\).*\(known keys: .*\(enctype 18, key version 4\)\)$/,
    change: withKey({ kvno: 4, key: new Uint8Array(32) }),
  },
  // The version is known, though not all of it in a keytab (the low 8 bits), or not at all.
  ...[
    { of: { kvno: 256 + 3 }, key: {} },
    { of: { kvno: 3 }, key: { kvno: undefined as never } },
    { of: { kvno: undefined }, key: {} },
    { of: { kvno: 259 }, key: { kvno: 259 } },
  ].map(
    ({ of, key }, i): Refused => ({
      name: `a ticket that no key of its version decrypts, way ${i + 1}`,
      code: 'bad-checksum',
      number: 31,
      text: /does not decrypt the ticket/,
      of,
      change: withKey({ ...key, key: new Uint8Array(32) }),
    }),
  ),
  ...[
    { of: { kvno: 3 }, key: { kvno: 259 } },
    { of: { kvno: 256 }, key: { kvno: 256 + 256 } },
    { of: { kvno: 256 + 4 }, key: {} },
  ].map(
    ({ of, key }, i): Refused => ({
      name: `a ticket of another key version, whose low 8 bits alone do not count, way ${i + 1}`,
      code: 'no-key',
      number: 44,
      text: /no key has the version number/,
      of,
      change: withKey({ ...key, key: new Uint8Array(32) }),
    }),
  ),
  {
    name: 'a ticket of another realm than all keys, which do not decrypt it',
    code: 'no-key',
    number: 45,
    text: /no key decrypts/,
    change: withKey({ principal: { ...SERVICE, realm: 'OTHER.TEST' }, key: new Uint8Array(32) }),
  },
  {
    name: 'a ticket without a realm, which the key of its service does not decrypt',
    code: 'bad-checksum',
    number: 31,
    text: /does not decrypt/,
    of: { realm: '' },
    change: withKey({ key: new Uint8Array(32) }),
  },
  {
    name: 'a ticket that the key does not decrypt',
    code: 'bad-checksum',
    number: 31,
    text: /does not decrypt the ticket/,
    change: withKey({ key: new Uint8Array(32) }),
  },
  {
    name: 'user-to-user authentication',
    code: 'no-key',
    number: 45,
    text: /user-to-user/,
    message: original => ({ ...original, apOptions: 2 ** 30 }),
  },
  {
    name: 'an authenticator encrypted with another key',
    code: 'bad-checksum',
    number: 31,
    text: /./,
    message: original => ({ ...original, authenticator: { etype: 18, cipher: new Uint8Array(100) } }),
  },
  {
    name: 'an authenticator without a checksum',
    code: 'bad-token',
    number: 50,
    text: /0x8003/,
    authenticator: ({ cksum, ...rest }) => rest,
  },
  {
    name: 'a checksum of another type',
    code: 'bad-token',
    number: 50,
    text: /0x8003/,
    authenticator: original => ({ ...original, cksum: { cksumtype: 7, checksum: new Uint8Array(16) } }),
  },
  {
    name: 'a truncated checksum',
    code: 'bad-token',
    number: 60,
    text: /checksum/,
    authenticator: original => ({ ...original, cksum: { cksumtype: 0x8003, checksum: new Uint8Array(4) } }),
  },
  {
    name: 'a malformed offer of enctypes',
    code: 'bad-token',
    number: 60,
    text: /DER/,
    authenticator: original => ({ ...original, authorizationData: [{ adType: 1, adData: Uint8Array.of(1) }] }),
  },
  {
    name: 'a subkey without the length of its enctype',
    code: 'no-key',
    number: 45,
    text: /octets/,
    // Without the flag mutual, since a subkey of the acceptor would replace it.
    authenticator: whole => ({
      ...whole,
      cksum: { cksumtype: 0x8003, checksum: formatGssChecksum({ bindings: new Uint8Array(16), flags: 0x130 }) },
      subkey: { keytype: 18, keyvalue: new Uint8Array(5) },
    }),
  },
  ...WEAK.flatMap(({ number: etype, name, keyLength }): Refused[] => {
    const common = { code: 'weak', number: 14 };
    const textFor = (what: string) => new RegExp(`^the ${what}'s enctype ${name} is weak \\(set allowWeak`);
    const subkey = { keytype: etype, keyvalue: new Uint8Array(keyLength) };
    return [
      { ...common, name: `a ${name} ticket`, text: textFor('ticket'), of: { serviceEnctype: etype } },
      {
        ...common,
        name: `a ${name} session key`,
        text: textFor('session key'),
        enctype: etype,
        of: { serviceEnctype: 18 },
      },
      {
        ...common,
        name: `a ${name} subkey`,
        text: textFor('subkey'),
        authenticator: original => ({ ...original, subkey }),
      },
    ];
  }),
];

test.each(REFUSED)('$name is refused', ({ code, number, text, ...given }) => {
  const made = realm(given.enctype ?? 18, given.of);
  const { message, authenticator } = given;
  const token = requestFor(made, { ...(message && { message }), ...(authenticator && { authenticator }) });
  const changed = given.change?.(made) ?? made;
  const acceptor = acceptorAt(changed.keytab, given.options);
  const error = errorOf(() => acceptor.step(token));
  expect([error.code, errorNumberOf(error.token), error.side]).toEqual([`security/${code}`, number, 'peer']);
  expect(error.message).toMatch(text);
  for (const { key } of made.keytab) expect(JSON.stringify(error) + error.message).not.toContain(toHex(key));
  expect(replyCodeFor(error)).toBe(code === 'no-key' ? 431 : code === 'weak' ? 534 : 535);
  const closed = errorOf(() => acceptor.step(token));
  expect([closed.code, closed.message]).toEqual([
    'sequence/closed',
    expect.stringMatching(/^the Kerberos exchange is over/),
  ]);
});

test('a ticket that the key decrypts to something else is malformed, and no other key is tried', () => {
  const made = realm(18);
  const { enctype, key } = made.keytab[0]!;
  const cipher = kerberosKey(enctype, key).encrypt(USAGE.ticket, Uint8Array.of(0x63, 0x02, 0x30, 0x00));
  const message: RequestChange['message'] = original => ({
    ...original,
    ticket: { ...original.ticket, encPart: { ...original.ticket.encPart, cipher } },
  });
  const error = errorOf(() => acceptorAt([...made.keytab, ...made.keytab]).step(requestFor(made, { message })));
  expect([error.code, errorNumberOf(error.token)]).toEqual(['security/bad-token', 60]);
});

test('a key that does not decrypt the ticket is tried once, however many names it has', () => {
  const made = realm(18);
  const token = requestFor(made);
  const wrong = (octet: number) => ({ ...made.keytab[0]!, key: new Uint8Array(32).fill(octet) });
  const tried = (keytab: Realm['keytab']) => {
    const aes = vi.fn(nodeCiphers.aes!);
    expectCode(() => acceptorAt(keytab, { ciphers: { aes } }).step(token), 'security/bad-checksum');
    return aes.mock.calls.length;
  };
  const once = tried([wrong(1)]);
  expect(once).toBeGreaterThan(0);
  expect(tried([wrong(1), wrong(1), wrong(2), wrong(1), wrong(2)])).toBe(2 * once);
});

describe('the acceptor accepts', () => {
  test('clocks up to the greatest clock skew', () => {
    // Authenticators of one process differ in their microseconds, which here would count.
    const even = { authenticator: (original: Authenticator) => ({ ...original, cusec: 0 }) };
    for (const seconds of [300, -300]) expect(accept(realm(18), at(seconds), even).context).toBeDefined();
    expect(accept(realm(18), { maxClockSkew: 0 }, even).context).toBeDefined();
    expect(accept(realm(18, withTicket({ endtime: START - 300 }))).context).toBeDefined();
    expect(accept(realm(18, withTicket({ starttime: START + 300 }))).context).toBeDefined();
    expect(accept(realm(18, withTicket({ authtime: START + 301, starttime: START }))).context).toBeDefined();
  });

  test('a clock to the microsecond of the authenticator', () => {
    const late = { authenticator: (original: Authenticator) => ({ ...original, cusec: 500_000 }) };
    expect(accept(realm(18), at(300.5), late).context).toBeDefined();
    expect(accept(realm(18), at(-299.5), late).context).toBeDefined();
    for (const seconds of [300.501, -299.501])
      expectCode(() => accept(realm(18), at(seconds), late), 'security/clock-skew');
  });

  test('a ticket without a key version, one without a realm, and keys without a principal', () => {
    expect(accept(realm(18, { kvno: undefined })).context).toBeDefined();
    expect(accept(realm(18, { realm: '' })).context).toBeDefined();
    const { keytab, credential } = realm(18);
    const withoutPrincipal = { enctype: 18, key: keytab[0]!.key };
    const token = requestFor({ keytab, credential }, {});
    const wrong = { enctype: 18, key: new Uint8Array(32) };
    expect(acceptorAt([wrong, withoutPrincipal]).step(token)).toMatchObject({ facts: { enctype: 20 } });
  });

  test('a ticket without a realm, and reports the service whose key decrypts it', () => {
    const made = realm(18, { realm: '' });
    expect(accept(made).facts.serverName).toBe('ftp/host.example.test@EXAMPLE.TEST');
    const token = requestFor(made);
    const { facts } = acceptorAt(inTwoRealms(made)).step(token) as Step;
    expect(facts?.serverName).toBe('ftp/host.example.test@OTHER.TEST');
  });

  test('a key version of which the keytab has the low 8 bits', () => {
    expect(accept(realm(18, { kvno: 256 + 3 })).facts.ticketKvno).toBe(259);
  });

  test('any key that decrypts the ticket, even with another version or name', () => {
    const named = (...name: string[]) => ({ ...SERVICE, name });
    const entries = [
      { kvno: 4 },
      { kvno: 0 },
      { kvno: 257 },
      { principal: named('ftp', 'alias.example.test') },
      { principal: named('host', 'host.example.test') },
      { principal: named('FTP', 'HOST.example.test') },
      { principal: named('HOST$') },
    ];
    for (const entry of entries) {
      const made = realm(18);
      const token = requestFor(made);
      const wrong = { ...made.keytab[0]!, key: new Uint8Array(32).fill(9) };
      const right = { ...made.keytab[0]!, ...entry };
      const { facts, context } = acceptorAt([wrong, right]).step(token) as Step;
      expect(context).toBeDefined();
      expect(facts?.serverName).toBe(principalText(right.principal!));
    }
    for (const kvno of [0, 9]) expect(accept(realm(18, { kvno })).context).toBeDefined();
  });

  test('a key with several names, and reports the name in the ticket or one that is served', () => {
    const made = realm(18);
    const under = (...names: string[][]) =>
      names.map(name => ({ ...made.keytab[0]!, principal: { ...SERVICE, name } }));
    const serverName = (keytab: Realm['keytab'], options: Partial<Krb5AcceptorOptions> = {}) => {
      return (acceptorAt(keytab, options).step(requestFor(made)) as Step).facts?.serverName;
    };
    expect(serverName(under(['HTTP', 'h'], ['host', 'h']))).toBe('host/h@EXAMPLE.TEST');
    expect(serverName(under(['host', 'h'], SERVICE.name))).toBe('ftp/host.example.test@EXAMPLE.TEST');
    expect(serverName(under(['HTTP', 'h']), { services: 'any' })).toBe('HTTP/h@EXAMPLE.TEST');
    expect(serverName(under(['HTTP', 'h']), { services: ['ftp', 'http'] })).toBe('HTTP/h@EXAMPLE.TEST');
    expect(serverName(under(['HTTP', 'h']), { service: 'HTTP@h' })).toBe('HTTP/h@EXAMPLE.TEST');
    expectCode(() => serverName(under(['HTTP', 'h']), { service: 'ftp@h' }), 'security/wrong-name');
    expectCode(() => serverName(under(['HTTP', 'h']), { service: 'HTTP@h', services: ['ftp'] }), 'security/wrong-name');
    expectCode(() => serverName(under(['HOST$']), { service: 'ftp@host' }), 'security/wrong-name');
    const { message } = errorOf(() => serverName(under(['HTTP', 'h'], ['imap', 'h'])));
    expect(message).toContain('for HTTP/h@EXAMPLE.TEST, imap/h@EXAMPLE.TEST, which');
    // A user's principal, not a machine account.
    expectCode(() => serverName(under(['ftp'])), 'security/wrong-name');
  });

  test('channel bindings that are ours, also with a zero among them, and reports them', () => {
    const bindings = Uint8Array.from({ length: 16 }, (_, i) => i);
    const authenticator = (original: Authenticator) => ({ ...original, cksum: checksumWith(bindings) });
    const { facts } = accept(realm(18), { bindings, requireBindings: true }, { authenticator });
    expect(facts.bindings).toBe(toHex(bindings));
  });

  test('authorization data that may be ignored', () => {
    const authorizationData = [1, 4, 8].map(adType => ({ adType, adData: Uint8Array.of(0x30, 0) }));
    expect(accept(realm(18, withTicket({ authorizationData }))).context).toBeDefined();
  });

  test('a client of another realm if a KDC has checked the transited realms', () => {
    const { facts } = accept(realm(18, { ticket: CROSS_REALM }), {}, { authenticator: ofOtherRealm });
    expect(facts.clientName).toBe('user@OTHER.TEST');
  });

  test.each([0, 1])('a client of any realm if none was transited, by encoding %i, unchecked', trType => {
    const transited = { trType, contents: new Uint8Array() };
    const own = realm(18, withTicket({ flags: 0, transited }));
    expect(accept(own).facts.clientName).toBe('user@EXAMPLE.TEST');
    const other = realm(18, withTicket({ ...CROSS_REALM, flags: 0, transited }));
    expect(accept(other, {}, { authenticator: ofOtherRealm }).facts.clientName).toBe('user@OTHER.TEST');
  });

  test('such a ticket, judged by the names of its key that are served, and no others', () => {
    const made = realm(18, through('TEST'));
    const [entry] = made.keytab;
    // No realm may vouch for clients of the realm of these.
    const named = (name: string[]) => ({ ...entry!, principal: { ...SERVICE, name, realm: 'OTHER.TEST' } });
    const request = () => requestFor(made, { authenticator: ofOtherRealm });
    const [same, unserved] = [named(SERVICE.name), named(['nfs', 'host.example.test'])];
    expectCode(() => acceptorAt([entry!, same]).step(request()), 'security/wrong-name');
    const service = 'ftp/host.example.test@EXAMPLE.TEST';
    expect((acceptorAt([entry!, same], { service }).step(request()) as Step).context).toBeDefined();
    expect((acceptorAt([entry!, unserved]).step(request()) as Step).context).toBeDefined();
  });

  test.each([
    ['of the hierarchy', 'TEST', {}],
    ['of the option', 'ROOT', { transitedRealms: ['ROOT'] }],
    ['of either', 'ROOT,TEST', { transitedRealms: ['ROOT'] }],
  ])('a client of another realm if all transited realms are %s', (_name, contents, options) => {
    const made = realm(18, through(contents));
    expect(accept(made, options, { authenticator: ofOtherRealm }).facts.clientName).toBe('user@OTHER.TEST');
  });

  test('such a client with a key that names no realm if the option service does', () => {
    const made = realm(18, through('TEST'));
    const keytab = [{ enctype: 18, key: made.keytab[0]!.key }];
    const request = () => requestFor(made, { authenticator: ofOtherRealm });
    const service = 'ftp/host.example.test@EXAMPLE.TEST';
    expect((acceptorAt(keytab, { service }).step(request()) as Step).context).toBeDefined();
    expectCode(() => acceptorAt(keytab, { service: 'ftp@host' }).step(request()), 'security/wrong-name');
  });

  test('the address that is in the ticket, and any address if the acceptor knows none', () => {
    const named = () => realm(18, withTicket({ caddr: [CLIENT_ADDRESS] }));
    expect(accept(named(), { peerAddress: CLIENT_ADDRESS.address }).context).toBeDefined();
    const other = { addrType: 2, address: Uint8Array.of(192, 0, 2, 8) };
    const two = () => realm(18, withTicket({ caddr: [other, CLIENT_ADDRESS] }));
    for (const { address } of [other, CLIENT_ADDRESS])
      expect(accept(two(), { peerAddress: address }).context).toBeDefined();
    expect(accept(named()).context).toBeDefined();
    expect(accept(realm(18), { peerAddress: CLIENT_ADDRESS.address }).context).toBeDefined();
  });

  test('a ticket that has only the client’s NetBIOS name, as Windows makes it', () => {
    const name = { addrType: 20, address: new TextEncoder().encode('CLIENT          ') };
    const options = { peerAddress: CLIENT_ADDRESS.address };
    expect(accept(realm(18, withTicket({ caddr: [name] })), options).context).toBeDefined();
    expect(accept(realm(18, withTicket({ caddr: [name, CLIENT_ADDRESS] })), options).context).toBeDefined();
    const other = realm(18, withTicket({ caddr: [name, { ...CLIENT_ADDRESS, address: Uint8Array.of(192, 0, 2, 8) }] }));
    expectCode(() => accept(other, options), 'security/wrong-name');
  });

  test.each(ENCTYPES)('an authenticator with neither subkey nor sequence number: $name', ({ number, tokens }) => {
    const { facts } = accept(
      realm(number),
      { allowWeak: true },
      { authenticator: ({ subkey, seqNumber, authorizationData, ...rest }) => rest },
    );
    expect(facts.keyFrom).toBe(tokens === 'rfc4121' ? 'acceptor subkey' : 'session key');
  });

  test.each(WEAK)('$name with allowWeak, and chooses a stronger enctype if it is offered', ({ number }) => {
    expect(accept(realm(number), { allowWeak: true }).facts).toMatchObject({ enctype: 20, weak: true });
  });
});
