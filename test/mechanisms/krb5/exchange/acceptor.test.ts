/** The server's side, live: foreign AP-REQs at their own time, and what must be refused. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { copy, fromHex, toHex } from '../../../../src/bytes.js';
import { replyCodeFor } from '../../../../src/errors.js';
import { enctypeOf } from '../../../../src/mechanisms/krb5/crypto/enctypes.js';
import { openApRep, openApReq } from '../../../../src/mechanisms/krb5/exchange/ap-exchange.js';
import {
  channelBindings,
  type Krb5AcceptorOptions,
  type Krb5Context,
  type Krb5Facts,
  type Krb5InitiatorOptions,
  krb5Acceptor,
  krb5Initiator,
  principalText,
  ReplayCache,
} from '../../../../src/mechanisms/krb5/index.js';
import { formatGssChecksum, gssFlagNames } from '../../../../src/mechanisms/krb5/messages/gss-checksum.js';
import { formatContextToken, parseContextToken } from '../../../../src/mechanisms/krb5/messages/gss-framing.js';
import type { Authenticator, EncTicketPart } from '../../../../src/mechanisms/krb5/messages/kerberos.js';
import { krb5Context } from '../../../../src/mechanisms/krb5/tokens/context.js';
import { nodeCiphers } from '../../../../src/node/index.js';
import type { ChannelEnds, Step } from '../../../../src/protection/mechanism.js';
import { errorOf, expectCode, onlyRefuses } from '../../../helpers.js';
import { type Exchange, exchangeOf, exchanges, requestOf } from '../exchange-vectors.js';
import { errorNumberOf, type Realm, type RealmOptions, realm, reseal, SERVICE, START } from '../live.js';

const passed = { ciphers: nodeCiphers, allowWeak: true };

/** Our answer to a foreign AP-REQ, at the time at which it was made. */
function accept(exchange: Exchange, options: Partial<Krb5AcceptorOptions> = {}) {
  const opened = openApReq(requestOf(exchange), exchange.keytab, passed);
  const { ctime, cusec } = opened.authenticator;
  const acceptor = krb5Acceptor({
    keytab: exchange.keytab,
    clock: () => ctime * 1000 + cusec / 1000,
    replayCache: new ReplayCache(),
    ...passed,
    ...options,
  });
  return { opened, step: acceptor.step(exchange.apReq) as Step & { facts: Krb5Facts } };
}

describe.each(exchanges)('$title', exchange => {
  const { context } = exchange;
  const { opened, step } = accept(exchange);
  const isMutual = (context.initiator_flags & 2) !== 0;

  test('is taken, and the facts are the file’s', () => {
    expect(step.facts.clientName).toBe(context.client);
    expect(step.facts.flags).toEqual(gssFlagNames(context.initiator_flags));
    expect(step.facts.ticketEnctype).toBe(exchange.etype);
    expect(step.facts.mutual).toBe(isMutual);
    const bindings = (context.authenticator_checksum ?? context.authenticator_checksum_head!).slice(8, 40);
    expect(step.facts.bindings).toBe(/^0+$/.test(bindings) ? undefined : bindings);
    expect(step.facts.delegation !== undefined).toBe((context.initiator_flags & 1) !== 0);
    expect(step.facts.weak).toBe(enctypeOf(exchange.etype)!.weak);
  });

  test.skipIf(isMutual)('no AP-REP answers it', () => {
    expect(step.token).toBeUndefined();
  });

  test.runIf(isMutual)('the AP-REP answers it, with a subkey as its enctype wants it', () => {
    const answer = parseContextToken(step.token!);
    if (answer.kind !== 'AP-REP') throw new Error('no AP-REP');
    const { subkey, seqNumber } = openApRep(answer.message, opened, passed);
    const theirs = opened.authenticator.subkey!;
    expect(seqNumber).toBeLessThan(2 ** 30);
    expect(subkey?.keytype).toBe(step.facts.enctype);
    const isRepeated = enctypeOf(subkey!.keytype)!.tokens === 'rfc1964';
    expect(toHex(subkey!.keyvalue) === toHex(theirs.keyvalue)).toBe(isRepeated);
    expect(step.facts.keyFrom).toBe(isRepeated ? 'initiator subkey' : 'acceptor subkey');
  });

  const { message_key, initiator_subkey } = context.keys;
  const isTheirKey = step.facts.keyFrom === 'initiator subkey' && message_key.key === initiator_subkey.key;

  test.runIf(isTheirKey)('its messages, which are under the initiator’s subkey, open', () => {
    for (const { from, op, plaintext, token } of context.messages) {
      if (from !== 'initiator' || op === 'mic') continue;
      expect(toHex(step.context!.unwrap(fromHex(token)).plaintext)).toBe(plaintext);
    }
  });

  test.skipIf(isMutual)('without mutual authentication our tokens start where the library’s would', () => {
    const initiator = krb5Context({
      ...passed,
      role: 'initiator',
      enctype: context.keys.message_key.etype,
      key: fromHex(context.keys.message_key.key),
      acceptorSubkey: false,
      sendSequence: context.initiator_send_seq,
      receiveSequence: context.acceptor_send_seq,
    });
    const { token } = accept(exchange).step.context!.wrap(Uint8Array.of(1), 'safe');
    expect(initiator.unwrap(token).sequence).toBe('ok');
  });
});

test('how many foreign messages are opened at all', () => {
  const under = exchanges.filter(({ context: { keys } }) => keys.message_key.key === keys.initiator_subkey.key);
  expect(under.length).toBeGreaterThan(30);
});

test('an offer of stronger encryption types is taken (RFC 4537), as far as it is permitted', () => {
  const arcfour = exchangeOf('krb5-mit-upgrade-arcfour');
  expect(accept(arcfour).step.facts).toMatchObject({ ticketEnctype: 23, enctype: 20, weak: true });
  const { step } = accept(exchangeOf('krb5-mit-arcfour-hmac-md5'));
  expect(step.facts).toMatchObject({ enctype: 23, keyFrom: 'initiator subkey' });
});

test('channel bindings hold where both sides give them', () => {
  const local = Uint8Array.of(127, 0, 0, 1);
  const bound = exchangeOf('krb5-mit-aes256-cts-hmac-sha1-96');
  const unbound = exchangeOf('krb5-mit-aes256-cts-hmac-sha1-96', ', mutual-replay-sequence');
  const bindings = channelBindings({ initiator: local, acceptor: local });
  expect(accept(bound, { bindings }).step.context).toBeDefined();
  expect(accept(unbound, { bindings }).step.context).toBeDefined();
  const other = channelBindings({ initiator: local, acceptor: Uint8Array.of(127, 0, 0, 2) });
  const error = errorOf(() => accept(bound, { bindings: other }));
  expect([error.code, errorNumberOf(error.token)]).toEqual(['security/bad-bindings', 60]);
});

test('channel bindings that are required, and what clients of every kind send at the same addresses', () => {
  const ends = { initiator: Uint8Array.of(127, 0, 0, 1), acceptor: Uint8Array.of(127, 0, 0, 1) };
  const other = { ...ends, acceptor: Uint8Array.of(127, 0, 0, 2) };
  const made = realm(18);
  const attempt = (bindings: Uint8Array | undefined, channel: ChannelEnds | undefined, requireBindings = false) => {
    const options = { clock: () => START * 1000, replayCache: new ReplayCache(), keytab: made.keytab };
    const initiator = krb5Initiator({
      credentials: [made.credential],
      service: 'ftp@host.example.test',
      ...options,
      ...(bindings && { bindings }),
    });
    const { token } = initiator.step() as Step;
    return (krb5Acceptor({ ...options, requireBindings }).step(token, channel) as Step).context;
  };
  const curls = fromHex('b2682ad188190ceba548b386e7ca4fab');
  for (const theirs of [channelBindings(ends), curls]) {
    expect(attempt(theirs, ends, true)).toBeDefined();
    expectCode(() => attempt(theirs, other), 'security/bad-bindings');
    expect(attempt(theirs, undefined)).toBeDefined();
    expect(attempt(theirs, { initiator: ends.initiator })).toBeDefined();
  }
  expect(attempt(undefined, ends)).toBeDefined();
  expect(errorOf(() => attempt(undefined, ends, true)).message).toMatch(/required, and the client gave none/);
  expect(errorOf(() => attempt(curls, undefined, true)).message).toMatch(/required, and ours are not known/);
});

test('both sides take the bindings of their connection, unless they were given others', () => {
  const ends = { initiator: new Uint8Array(16).fill(1), acceptor: new Uint8Array(16).fill(2) };
  const given = channelBindings({ application: Uint8Array.of(1) });
  const made = realm(18);
  const bound = (options: Partial<Krb5InitiatorOptions>, channel?: ChannelEnds) => {
    const clock = () => START * 1000;
    const { step } = krb5Initiator({
      credentials: [made.credential],
      service: 'ftp@host.example.test',
      clock,
      ...options,
    });
    const { facts } = step(undefined, channel) as { facts: Krb5Facts };
    return facts.bindings;
  };
  expect(bound({}, ends)).toBe(toHex(channelBindings(ends)));
  expect(bound({ bindings: given }, ends)).toBe(toHex(given));
  expect(bound({}, { acceptor: ends.acceptor })).toBeUndefined();
  expect(bound({})).toBeUndefined();
});

test('the addresses of a ticket are held against the connection', () => {
  const made = realm(18, inside({ caddr: [address] }));
  const attempt = (initiator: Uint8Array, options: Partial<Krb5AcceptorOptions> = {}) => {
    const clock = () => START * 1000;
    const acceptor = krb5Acceptor({ keytab: made.keytab, clock, replayCache: new ReplayCache(), ...options });
    return acceptor.step(meetToken(made, {}), { initiator }) as Step;
  };
  expect(attempt(address.address).context).toBeDefined();
  expectCode(() => attempt(Uint8Array.of(192, 0, 2, 8)), 'security/wrong-name');
  expectCode(() => attempt(address.address, { peerAddress: Uint8Array.of(192, 0, 2, 8) }), 'security/wrong-name');
});

test('a client without the flags CONF or INTEG has no such level, nor have we to it', () => {
  const levels = (flags: number) => {
    const checksum = formatGssChecksum({ bindings: new Uint8Array(16), flags });
    const { context } = meet(
      realm(18),
      {},
      { authenticator: whole => ({ ...whole, cksum: { cksumtype: 0x8003, checksum } }) },
    );
    return context!;
  };
  const [both, safe, none, odd] = [0x32, 0x22, 0x02, 0x12].map(levels) as [
    Krb5Context,
    Krb5Context,
    Krb5Context,
    Krb5Context,
  ];
  const supported = ({ supports }: Krb5Context, context: Krb5Context) =>
    (['safe', 'private'] as const).filter(level => supports.call(context, level));
  expect([both, safe, none, odd].map(one => supported(one, one))).toEqual([
    ['safe', 'private'],
    ['safe'],
    [],
    ['private'],
  ]);
  const text = Uint8Array.of(1);
  expect(safe.wrap(text, 'safe').level).toBe('safe');
  const error = errorOf(() => safe.wrap(text, 'private'));
  expect([error.code, error.side, replyCodeFor(error)]).toEqual(['security/level-unsupported', 'local', 537]);
  expectCode(() => none.wrapSizeLimit('safe', 1000), 'security/level-unsupported');
});

test('a sealed token of a client that has no such level opens as what it is, for the session to refuse', () => {
  const key = {
    enctype: 18,
    key: new Uint8Array(32).fill(1),
    acceptorSubkey: true,
    sendSequence: 1,
    receiveSequence: 1,
  };
  const client = krb5Context({ ...key, role: 'initiator' });
  const server = krb5Context({ ...key, role: 'acceptor', levels: ['safe'] });
  const sealed = client.wrap(Uint8Array.of(1), 'private').token;
  const { level, sequence } = server.unwrap(sealed);
  expect([server.supports(level), level, sequence]).toEqual([false, 'private', 'ok']);
  expect(server.unwrap(client.wrap(Uint8Array.of(2), 'safe').token).sequence).toBe('ok');
});

test('a service that is named, in each form', () => {
  const mit = exchangeOf('krb5-mit-aes256-cts-hmac-sha1-96');
  const { principal } = mit.keytab[0]!;
  for (const service of ['ftp@AES256-sha1.example.test', 'ftp/aes256-sha1.example.test', principal]) {
    expect(accept(mit, { service }).step.context).toBeDefined();
  }
  for (const service of ['host@aes256-sha1.example.test', 'ftp/aes256-sha1.example.test@OTHER.TEST']) {
    expect(errorNumberOf(errorOf(() => accept(mit, { service })).token)).toBe(35);
  }
});

/** A first token of ours, and our acceptor at the same time. */
function meet(
  { keytab, credential }: Realm,
  options: Partial<Krb5AcceptorOptions> = {},
  change: Parameters<typeof reseal>[2] = {},
) {
  const initiator = krb5Initiator({
    credentials: [credential],
    service: 'ftp@host.example.test',
    clock: () => START * 1000,
    ...passed,
  });
  const { token } = initiator.step() as Step;
  const acceptor = krb5Acceptor({
    keytab,
    clock: () => START * 1000,
    replayCache: new ReplayCache(),
    ciphers: nodeCiphers,
    ...options,
  });
  return acceptor.step(reseal(token!, { keytab, credential }, change)) as Step & {
    facts: Krb5Facts;
    context: Krb5Context;
  };
}

interface Refused {
  name: string;
  code: string;
  number: number;
  says: RegExp;
  enctype?: number;
  of?: RealmOptions;
  change?: (made: Realm) => Realm;
  options?: Partial<Krb5AcceptorOptions>;
  message?: Parameters<typeof reseal>[2]['message'];
  authenticator?: (whole: Authenticator) => Authenticator;
}

const inside = (ticket: Partial<EncTicketPart>): RealmOptions => ({ ticket });
const cross = { crealm: 'OTHER.TEST', transited: { trType: 1, contents: Uint8Array.of(0x41) } };
const ofCross = (whole: Authenticator): Authenticator => ({ ...whole, crealm: 'OTHER.TEST' });
const withKey =
  (key: Partial<Realm['keytab'][number]>) =>
  (made: Realm): Realm => ({
    ...made,
    keytab: [{ ...made.keytab[0]!, ...key }],
  });
/** The key of the service is that of the second realm. */
const inTwoRealms = ({ keytab: [entry] }: Realm): Realm['keytab'] => [
  { ...entry!, key: new Uint8Array(32) },
  { ...entry!, principal: { ...SERVICE, realm: 'OTHER.TEST' } },
];
const at = (seconds: number) => ({ clock: () => (START + seconds) * 1000 });
const address = { addrType: 2, address: Uint8Array.of(192, 0, 2, 7) };

const REFUSED: readonly Refused[] = [
  { name: 'a clock that is slow', code: 'clock-skew', number: 37, says: /clock.*over 300 seconds/, options: at(301) },
  { name: 'a clock that is fast', code: 'clock-skew', number: 37, says: /clock/, options: at(-301) },
  {
    name: 'less skew',
    code: 'clock-skew',
    number: 37,
    says: /over 10 seconds/,
    options: { ...at(11), maxClockSkew: 10 },
  },
  {
    name: 'an expired ticket',
    code: 'expired',
    number: 32,
    says: /ended at 2026/,
    of: inside({ endtime: START - 301 }),
  },
  {
    name: 'a ticket of the future',
    code: 'not-yet-valid',
    number: 33,
    says: /not valid before 2026/,
    of: inside({ starttime: START + 301 }),
  },
  {
    name: 'a ticket without a start, of the future',
    code: 'not-yet-valid',
    number: 33,
    says: /before/,
    of: inside({ authtime: START + 301 }),
  },
  { name: 'an invalid ticket', code: 'not-yet-valid', number: 33, says: /validated/, of: inside({ flags: 2 ** 24 }) },
  {
    name: 'another client in the authenticator',
    code: 'wrong-name',
    number: 36,
    says: /client/,
    authenticator: whole => ({ ...whole, cname: { nameType: 1, nameString: ['root'] } }),
  },
  { name: 'another realm of the client', code: 'wrong-name', number: 36, says: /client/, authenticator: ofCross },
  {
    name: 'realms on the way that nobody has checked',
    code: 'wrong-name',
    number: 51,
    says: /realms/,
    of: inside({ ...cross, flags: 0 }),
    authenticator: ofCross,
  },
  {
    name: 'the same, where the ticket says in the clear that the service is of the client’s realm',
    code: 'wrong-name',
    number: 51,
    says: /realms/,
    of: { ...inside({ ...cross, flags: 0 }), realm: 'OTHER.TEST' },
    authenticator: ofCross,
    change: made => ({ ...made, keytab: made.keytab.map(({ principal, ...bare }) => bare) }),
  },
  {
    name: 'a ticket of no realm under the key of another realm than is meant',
    code: 'wrong-name',
    number: 35,
    says: /under the key of ftp.host.example.test@OTHER.TEST, which is not a service/,
    of: { realm: '' },
    change: made => ({ ...made, keytab: inTwoRealms(made) }),
    options: { service: 'ftp/host.example.test@EXAMPLE.TEST' },
  },
  {
    name: 'a ticket of no realm, which no realm that is meant has',
    code: 'wrong-name',
    number: 35,
    says: /ftp.host.example.test@EXAMPLE.TEST, which is not a service/,
    of: { realm: '' },
    options: { service: 'ftp/host.example.test@OTHER.TEST' },
  },
  {
    name: 'a ticket with a restriction that is not known',
    code: 'bad-token',
    number: 60,
    says: /of type 9/,
    of: inside({ authorizationData: [{ adType: 9, adData: Uint8Array.of(0x30, 0) }] }),
  },
  {
    name: 'an authenticator with one',
    code: 'bad-token',
    number: 60,
    says: /of type 5/,
    authenticator: whole => ({ ...whole, authorizationData: [{ adType: 5, adData: Uint8Array.of(0x30, 0) }] }),
  },
  {
    name: 'another address',
    code: 'wrong-name',
    number: 38,
    says: /address/,
    of: inside({ caddr: [address] }),
    options: { peerAddress: Uint8Array.of(192, 0, 2, 8) },
  },
  {
    name: 'an address of another family',
    code: 'wrong-name',
    number: 38,
    says: /address/,
    of: inside({ caddr: [address] }),
    options: { peerAddress: new Uint8Array(16) },
  },
  {
    name: 'a key of another service',
    code: 'wrong-name',
    number: 35,
    says: /under the key of HTTP\/host.example.test@EXAMPLE.TEST, which is not a service/,
    change: withKey({ principal: { ...SERVICE, name: ['HTTP', 'host.example.test'] } }),
  },
  {
    name: 'no key of that name that opens it',
    code: 'no-key',
    number: 45,
    says: /no key opens the ticket for ftp.host.example.test@EXAMPLE.TEST \(enctype 18, key version 3\); here is host.other@/,
    change: withKey({ principal: { ...SERVICE, name: ['host', 'other'] }, key: new Uint8Array(32) }),
  },
  {
    name: 'no key of that enctype',
    code: 'no-key',
    number: 45,
    says: /ftp.host.example.test@EXAMPLE.TEST \(enctype 18, key version 3\); here is .*\(enctype 17, key version 3\)$/,
    change: withKey({ enctype: 17 }),
  },
  {
    name: 'no key of that version that opens it',
    code: 'no-key',
    number: 44,
    says: /version.*key version 3\); here is .*\(enctype 18, key version 4\)$/,
    change: withKey({ kvno: 4, key: new Uint8Array(32) }),
  },
  {
    name: 'a key that is another',
    code: 'bad-checksum',
    number: 31,
    says: /does not open the ticket/,
    change: withKey({ key: new Uint8Array(32) }),
  },
  {
    name: 'user to user',
    code: 'no-key',
    number: 45,
    says: /user to user/,
    message: whole => ({ ...whole, apOptions: 2 ** 30 }),
  },
  {
    name: 'an authenticator under another key',
    code: 'bad-checksum',
    number: 31,
    says: /./,
    message: whole => ({ ...whole, authenticator: { etype: 18, cipher: new Uint8Array(100) } }),
  },
  {
    name: 'no checksum',
    code: 'bad-token',
    number: 50,
    says: /0x8003/,
    authenticator: ({ cksum, ...rest }) => rest,
  },
  {
    name: 'a checksum of another type',
    code: 'bad-token',
    number: 50,
    says: /0x8003/,
    authenticator: whole => ({ ...whole, cksum: { cksumtype: 7, checksum: new Uint8Array(16) } }),
  },
  {
    name: 'a checksum that is cut short',
    code: 'bad-token',
    number: 60,
    says: /checksum/,
    authenticator: whole => ({ ...whole, cksum: { cksumtype: 0x8003, checksum: new Uint8Array(4) } }),
  },
  {
    name: 'an offer that can’t be read',
    code: 'bad-token',
    number: 60,
    says: /DER/,
    authenticator: whole => ({ ...whole, authorizationData: [{ adType: 1, adData: Uint8Array.of(1) }] }),
  },
  {
    name: 'a subkey without the length of its enctype',
    code: 'no-key',
    number: 45,
    says: /octets/,
    // Without the flag mutual, lest a subkey of the acceptor take its place.
    authenticator: whole => ({
      ...whole,
      cksum: { cksumtype: 0x8003, checksum: formatGssChecksum({ bindings: new Uint8Array(16), flags: 0x130 }) },
      subkey: { keytype: 18, keyvalue: new Uint8Array(5) },
    }),
  },
  {
    name: 'a weak ticket',
    code: 'weak',
    number: 14,
    says: /ticket is of arcfour/,
    enctype: 18,
    of: { serviceEnctype: 23 },
  },
  {
    name: 'a weak session key',
    code: 'weak',
    number: 14,
    says: /session key is of arcfour/,
    enctype: 23,
    of: { serviceEnctype: 18 },
  },
  {
    name: 'a weak subkey',
    code: 'weak',
    number: 14,
    says: /subkey is of arcfour/,
    authenticator: whole => ({ ...whole, subkey: { keytype: 23, keyvalue: new Uint8Array(16) } }),
  },
];

test.each(REFUSED)('$name is refused', ({ code, number, says, ...given }) => {
  const made = realm(given.enctype ?? 18, given.of);
  const token = meetToken(made, given);
  const changed = given.change?.(made) ?? made;
  const acceptor = krb5Acceptor({
    keytab: changed.keytab,
    clock: () => START * 1000,
    replayCache: new ReplayCache(),
    ciphers: nodeCiphers,
    ...given.options,
  });
  const error = errorOf(() => acceptor.step(token));
  expect([error.code, errorNumberOf(error.token), error.side]).toEqual([`security/${code}`, number, 'peer']);
  expect(error.message).toMatch(says);
  for (const { key } of made.keytab) expect(JSON.stringify(error) + error.message).not.toContain(toHex(key));
  expect(replyCodeFor(error)).toBe(code === 'no-key' ? 431 : code === 'weak' ? 534 : 535);
  expectCode(() => acceptor.step(token), 'sequence/closed');
});

function meetToken(made: Realm, { message, authenticator }: Pick<Refused, 'message' | 'authenticator'>): Uint8Array {
  const { step } = krb5Initiator({
    credentials: [made.credential],
    service: 'ftp@host.example.test',
    clock: () => START * 1000,
    ...passed,
  });
  const change = { ...(message && { message }), ...(authenticator && { authenticator }) };
  return reseal((step() as Step).token!, made, change);
}

describe('what is taken', () => {
  test('up to the skew, on both sides', () => {
    for (const seconds of [299, -299]) expect(meet(realm(18), at(seconds)).context).toBeDefined();
    expect(meet(realm(18, inside({ endtime: START - 299 }))).context).toBeDefined();
    expect(meet(realm(18, inside({ starttime: START + 299 }))).context).toBeDefined();
  });

  test('a ticket without a version, one of no realm, and bare keys', () => {
    expect(meet(realm(18, { kvno: undefined })).context).toBeDefined();
    expect(meet(realm(18, { realm: '' })).context).toBeDefined();
    const { keytab, credential } = realm(18);
    const bare = { enctype: 18, key: keytab[0]!.key };
    const token = meetToken({ keytab, credential }, {});
    const wrong = { enctype: 18, key: new Uint8Array(32) };
    const options = { clock: () => START * 1000, replayCache: new ReplayCache() };
    expect(krb5Acceptor({ keytab: [wrong, bare], ...options }).step(token)).toMatchObject({ facts: { enctype: 20 } });
  });

  test('a ticket of no realm: the service is the one whose key opens it', () => {
    const made = realm(18, { realm: '' });
    expect(meet(made).facts.serverName).toBe('ftp/host.example.test@EXAMPLE.TEST');
    const token = meetToken(made, {});
    const options = { clock: () => START * 1000, replayCache: new ReplayCache() };
    const { facts } = krb5Acceptor({ keytab: inTwoRealms(made), ...options }).step(token) as Step;
    expect(facts?.serverName).toBe('ftp/host.example.test@OTHER.TEST');
  });

  test('a key of whose version the keytab has the low 8 bits', () => {
    expect(meet(realm(18, { kvno: 256 + 3 })).facts.ticketKvno).toBe(259);
  });

  test('a key that opens the ticket is the proof: another version, zero, another name, an alias, another case', () => {
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
      const token = meetToken(made, {});
      const wrong = { ...made.keytab[0]!, key: new Uint8Array(32).fill(9) };
      const right = { ...made.keytab[0]!, ...entry };
      const options = { clock: () => START * 1000, replayCache: new ReplayCache() };
      const { facts, context } = krb5Acceptor({ keytab: [wrong, right], ...options }).step(token) as Step;
      expect(context).toBeDefined();
      expect(facts?.serverName).toBe(principalText(right.principal!));
    }
    for (const kvno of [0, 9]) expect(meet(realm(18, { kvno })).context).toBeDefined();
  });

  test('one key under several names: that one is told which the ticket names, or which is a service here', () => {
    const made = realm(18);
    const under = (...names: string[][]) =>
      names.map(name => ({ ...made.keytab[0]!, principal: { ...SERVICE, name } }));
    const serverName = (keytab: Realm['keytab'], options: Partial<Krb5AcceptorOptions> = {}) => {
      const acceptor = krb5Acceptor({ keytab, clock: () => START * 1000, replayCache: new ReplayCache(), ...options });
      return (acceptor.step(meetToken(made, {})) as Step).facts?.serverName;
    };
    expect(serverName(under(['HTTP', 'h'], ['host', 'h']))).toBe('host/h@EXAMPLE.TEST');
    expect(serverName(under(['host', 'h'], SERVICE.name))).toBe('ftp/host.example.test@EXAMPLE.TEST');
    expect(serverName(under(['HTTP', 'h']), { services: 'any' })).toBe('HTTP/h@EXAMPLE.TEST');
    expect(serverName(under(['HTTP', 'h']), { services: ['ftp', 'http'] })).toBe('HTTP/h@EXAMPLE.TEST');
    expect(serverName(under(['HTTP', 'h']), { service: 'HTTP@h' })).toBe('HTTP/h@EXAMPLE.TEST');
    expectCode(() => serverName(under(['HTTP', 'h']), { service: 'ftp@h' }), 'security/wrong-name');
    expectCode(() => serverName(under(['HTTP', 'h']), { service: 'HTTP@h', services: ['ftp'] }), 'security/wrong-name');
    expectCode(() => serverName(under(['HOST$']), { service: 'ftp@host' }), 'security/wrong-name');
    // A principal of a user, not of a machine.
    expectCode(() => serverName(under(['ftp'])), 'security/wrong-name');
  });

  test('authorization data that may be passed over', () => {
    const authorizationData = [1, 4, 8].map(adType => ({ adType, adData: Uint8Array.of(0x30, 0) }));
    expect(meet(realm(18, inside({ authorizationData }))).context).toBeDefined();
  });

  test('a client of another realm, when its way is checked or direct', () => {
    for (const ticket of [cross, { ...cross, flags: 0, transited: { trType: 1, contents: new Uint8Array() } }]) {
      const { facts } = meet(realm(18, { ticket }), {}, { authenticator: ofCross });
      expect(facts.clientName).toBe('user@OTHER.TEST');
    }
  });

  test('an address that the ticket names, and any where we know none', () => {
    const named = () => realm(18, inside({ caddr: [address] }));
    expect(meet(named(), { peerAddress: address.address }).context).toBeDefined();
    expect(meet(named()).context).toBeDefined();
    expect(meet(realm(18), { peerAddress: address.address }).context).toBeDefined();
  });

  test('a ticket that names the client’s NetBIOS name alone, as Windows has it', () => {
    const name = { addrType: 20, address: new TextEncoder().encode('CLIENT          ') };
    const options = { peerAddress: address.address };
    expect(meet(realm(18, inside({ caddr: [name] })), options).context).toBeDefined();
    expect(meet(realm(18, inside({ caddr: [name, address] })), options).context).toBeDefined();
    const other = realm(18, inside({ caddr: [name, { ...address, address: Uint8Array.of(192, 0, 2, 8) }] }));
    expectCode(() => meet(other, options), 'security/wrong-name');
  });

  test('no subkey and no number: the session key, from zero', () => {
    for (const enctype of [18, 23]) {
      const { facts } = meet(
        realm(enctype),
        { allowWeak: true },
        {
          authenticator: ({ subkey, seqNumber, authorizationData, ...rest }) => rest,
        },
      );
      expect(facts.keyFrom).toBe(enctype === 18 ? 'acceptor subkey' : 'session key');
    }
  });

  test('a weak key by leave alone, and then stronger messages where they are offered', () => {
    expect(meet(realm(23), { allowWeak: true }).facts).toMatchObject({ enctype: 20, weak: true });
    expect(meet(realm(1), { allowWeak: true }).facts).toMatchObject({ enctype: 20, weak: true });
  });
});

describe('the replay cache', () => {
  const made = realm(18);
  const token = meetToken(made, {});
  const acceptor = (options: Partial<Krb5AcceptorOptions>, { keytab } = made) =>
    krb5Acceptor({ keytab, clock: () => START * 1000, ...options });

  /** A second process: its cache begins `seconds` after the AP-REQ was made, which somebody has recorded. */
  const afterwards = (seconds: number, age = 0) => {
    let now = 0;
    const replayCache = new ReplayCache({ clock: () => now });
    now += 1000 * age;
    return { ...at(seconds), replayCache };
  };
  /** What clients send whose sessions rest on what they sent alone. */
  const REPLAYABLE = [
    { name: 'without mutual authentication', enctype: 18, mutual: false, spnego: false },
    { name: 'the same in SPNEGO', enctype: 18, mutual: false, spnego: true },
    { name: 'RC4, where the AP-REP repeats their subkey', enctype: 23, mutual: true, spnego: false },
    { name: 'DES, the same', enctype: 3, mutual: true, spnego: false },
  ];

  test.each(REPLAYABLE)('$name: an AP-REQ that is older than the cache is refused', ({ enctype, mutual, spnego }) => {
    const theirs = realm(enctype);
    const given = { credentials: [theirs.credential], service: 'ftp@host.example.test', mutual, spnego, enctypes: [] };
    const { token: recorded } = krb5Initiator({ ...given, ...at(0), ...passed }).step() as Step;
    const attempt = (options: Partial<Krb5AcceptorOptions>) =>
      (acceptor({ ...passed, ...options }, theirs).step(recorded) as Step).context;
    const error = errorOf(() => attempt(afterwards(2, 1.998)));
    expect(error).toMatchObject({
      code: 'security/replayed',
      message: expect.stringMatching(/older than the replay cache/),
    });
    if (!spnego) expect(errorNumberOf(error.token)).toBe(34);
    expect(attempt(afterwards(2, 2))).toBeDefined();
    expect(attempt({ ...at(299), replayCache: { add: () => true } })).toBeDefined();
    expectCode(() => attempt({ ...at(299), replayCache: { age: 298.9, add: () => true } }), 'security/replayed');
  });

  test('with a subkey of our own a replay is of no use, and a younger cache takes an older AP-REQ', () => {
    expect((acceptor(afterwards(299)).step(token) as Step).context).toBeDefined();
  });

  test('keeps an authenticator as long as a clock that is set back could take it again', () => {
    const SKEW = 300;
    const replayCache = new ReplayCache();
    acceptor({ replayCache }).step(reseal(token, made, { authenticator: whole => ({ ...whole, cusec: 999_999 }) }));
    const again = reseal(token, made, { authenticator: whole => ({ ...whole, cusec: 999_999 }) });
    // The clock runs as far ahead as may be, something else comes, and then it is set right.
    replayCache.add('other', START + 10 * SKEW, START + 2 * SKEW + 1);
    expect(replayCache.size).toBe(2);
    expectCode(() => acceptor({ replayCache, ...at(SKEW) }).step(again), 'security/replayed');
    expectCode(() => acceptor({ replayCache, ...at(-SKEW + 1) }).step(again), 'security/replayed');
    replayCache.add('another', START + 10 * SKEW, START + 2 * SKEW + 1.001);
    expect(replayCache.size).toBe(2);
  });

  test('is shared: a second acceptor refuses what the first has taken', () => {
    const replayCache = new ReplayCache();
    acceptor({ replayCache }).step(token);
    const error = errorOf(() => acceptor({ replayCache }).step(token));
    expect([error.code, errorNumberOf(error.token)]).toEqual(['security/replayed', 34]);
    expect(replayCache.size).toBe(1);
  });

  test('is everyone’s unless one is given', () => {
    acceptor({}).step(token);
    expectCode(() => acceptor({}).step(token), 'security/replayed');
  });

  test('notes nothing of what was refused', () => {
    const replayCache = new ReplayCache();
    expectCode(() => acceptor({ replayCache, ...at(400) }).step(token), 'security/clock-skew');
    expect(replayCache.size).toBe(0);
    expect((acceptor({ replayCache }).step(token) as Step).context).toBeDefined();
  });
});

describe('what is no AP-REQ', () => {
  const acceptor = () => krb5Acceptor({ keytab: realm(18).keytab, replayCache: new ReplayCache() });

  test('is refused, without an answer', () => {
    const mit = exchangeOf('krb5-mit-aes256-cts-hmac-sha1-96');
    for (const token of [undefined, new Uint8Array(), mit.apRep!, fromHex('050404ff')]) {
      const error = errorOf(() => acceptor().step(token));
      expect([error.code, error.token]).toEqual(['security/bad-token', undefined]);
    }
  });

  test('misuse is told apart', () => {
    // @ts-expect-error: a caller without types
    expect(() => acceptor().step('token')).toThrow(TypeError);
    const { keytab } = realm(18);
    expect(() => krb5Acceptor({ keytab, maxClockSkew: -1 })).toThrow(RangeError);
    expect(() => krb5Acceptor({ keytab, bindings: new Uint8Array(5) })).toThrow(RangeError);
    expect(() => krb5Acceptor({ keytab, service: 'ftp' })).toThrow(RangeError);
    for (const services of [[], [''], ['ftp/host'], ['ftp@host']]) {
      expect(() => krb5Acceptor({ keytab, services })).toThrow(RangeError);
    }
    // @ts-expect-error: callers without types
    for (const services of ['ftp', [7]]) expect(() => krb5Acceptor({ keytab, services })).toThrow(TypeError);
    // @ts-expect-error: a caller without types
    expect(() => krb5Acceptor({ keytab, peerAddress: '127.0.0.1' })).toThrow(TypeError);
  });
});

test('whatever octets come, nothing but an FtpSecurityError escapes', () => {
  const made = realm(18);
  const token = meetToken(made, {});
  const step = (octets: Uint8Array) =>
    onlyRefuses(() =>
      krb5Acceptor({ keytab: made.keytab, clock: () => START * 1000, replayCache: new ReplayCache() }).step(octets),
    );
  const refuses = (octets: Uint8Array): void => {
    expect(step(octets)).toBeUndefined();
  };
  const place = fc.nat(token.length - 1);
  fc.assert(
    fc.property(fc.array(fc.tuple(place, fc.nat(255)), { minLength: 1, maxLength: 3 }), changes => {
      const altered = copy(token);
      for (const [index, octet] of changes) altered[index] = octet;
      step(altered);
    }),
  );
  fc.assert(fc.property(place, length => refuses(token.subarray(0, length))));
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), refuses));
  const framed = fc.uint8Array({ minLength: 1, maxLength: 80 });
  fc.assert(
    fc.property(framed, cipher => {
      const seen = parseContextToken(token);
      if (seen.kind !== 'AP-REQ') throw new Error('no AP-REQ');
      const message = { ...seen.message, authenticator: { etype: 18, cipher } };
      refuses(formatContextToken({ kind: 'AP-REQ', message }));
    }),
  );
});
