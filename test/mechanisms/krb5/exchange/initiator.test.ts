/** The initiator: with tickets and AP-REPs that other implementations made, and what it must refuse. */
import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { copy, fromHex, toHex } from '../../../../src/bytes.js';
import { formatDer, parseDer } from '../../../../src/mechanisms/der.js';
import { ENCTYPES, enctypeOf } from '../../../../src/mechanisms/krb5/crypto/enctypes.js';
import { openApReq } from '../../../../src/mechanisms/krb5/exchange/ap-exchange.js';
import {
  channelBindings,
  type Krb5Facts,
  type Krb5InitiatorOptions,
  krb5Acceptor,
  krb5Initiator,
  ReplayCache,
} from '../../../../src/mechanisms/krb5/index.js';
import { sealData } from '../../../../src/mechanisms/krb5/messages/encrypted-data.js';
import { formatContextToken, parseContextToken } from '../../../../src/mechanisms/krb5/messages/gss-framing.js';
import {
  type ApReq,
  encApRepPart,
  type KrbError,
  ticket,
  USAGE,
} from '../../../../src/mechanisms/krb5/messages/kerberos.js';
import { nodeCiphers } from '../../../../src/node/index.js';
import type { Step } from '../../../../src/protection/mechanism.js';
import { errorOf, expectCode, onlyRefuses } from '../../../helpers.js';
import { type Exchange, exchangeOf, exchanges, requestOf } from '../exchange-vectors.js';
import { type RealmOptions, realm, SERVICE, START } from '../live.js';

const passed = { ciphers: nodeCiphers, allowWeak: true };

/** Options for an initiator with the ticket of a recorded exchange, at the time at which its AP-REQ was made. */
function inPlaceOf(exchange: Exchange, options: Partial<Krb5InitiatorOptions> = {}) {
  const { ticket } = requestOf(exchange);
  const { authenticator } = openApReq(requestOf(exchange), exchange.keytab, passed);
  const credentials = exchange.cache.credentials.filter(({ server }) => server.realm === ticket.realm);
  const service = { name: ticket.sname.nameString, realm: ticket.realm, type: 0 };
  const clock = () => authenticator.ctime * 1000 + authenticator.cusec / 1000;
  return { credentials, service, clock, ...passed, ...options };
}

describe.each(exchanges)('$title', exchange => {
  const options = inPlaceOf(exchange);
  const begin = () => {
    const initiator = krb5Initiator(options);
    return { initiator, token: (initiator.step() as Step).token! };
  };

  test('an acceptor accepts the AP-REQ, which has the same flags as that of MIT Kerberos', () => {
    const { token } = begin();
    const acceptor = krb5Acceptor({ ...options, service: options.service, keytab: exchange.keytab });
    const { facts } = acceptor.step(token) as { facts: Krb5Facts };
    expect(facts).toMatchObject({ clientName: exchange.context.client, ticketEnctype: exchange.etype });
    expect(facts.flags).toEqual(['mutual', 'replay', 'sequence', 'conf', 'integ', 'trans']);
  });

  test.runIf(exchange.apRep)('the recorded AP-REP is accepted, since it repeats the same time', () => {
    const { context, facts } = begin().initiator.step(exchange.apRep!) as { context: object; facts: Krb5Facts };
    expect(context).toBeDefined();
    const { acceptor_subkey } = exchange.context.keys;
    expect(facts).toMatchObject({ enctype: acceptor_subkey!.etype, keyFrom: 'acceptor subkey' });
  });
});

test('the context that a recorded AP-REP establishes unwraps the recorded messages', () => {
  // Such a context depends only on the acceptor's subkey and sequence number.
  for (const exchange of exchanges) {
    const { apRep, context } = exchange;
    if (apRep === undefined || !context.message_key_is_acceptor_subkey) continue;
    const initiator = krb5Initiator(inPlaceOf(exchange));
    initiator.step();
    const receiver = (initiator.step(apRep) as Step).context!;
    for (const { from, op, plaintext, token } of context.messages) {
      if (from === 'acceptor' && op !== 'mic') expect(toHex(receiver.unwrap(fromHex(token)).plaintext)).toBe(plaintext);
    }
  }
});

const mit = exchangeOf('krb5-mit-aes256-cts-hmac-sha1-96');

/** An initiator of the test realm, and its acceptor. */
function initiate(enctype: number, options: Partial<Krb5InitiatorOptions> = {}, of: RealmOptions = {}) {
  const made = realm(enctype, of);
  const given = {
    credentials: [made.credential],
    service: 'ftp@host.example.test',
    clock: () => START * 1000,
    ciphers: nodeCiphers,
    ...options,
  };
  const acceptor = (more = {}) =>
    krb5Acceptor({ keytab: made.keytab, clock: given.clock, replayCache: new ReplayCache(), ...passed, ...more });
  return { ...made, initiator: krb5Initiator(given), acceptor };
}

function requestIn(token: Uint8Array): ApReq {
  const parsed = parseContextToken(token);
  if (parsed.kind !== 'AP-REQ') throw new Error('expected an AP-REQ');
  return parsed.message;
}

describe('the AP-REQ', () => {
  const opened = (enctype: number, options: Partial<Krb5InitiatorOptions> = {}) => {
    const { initiator, keytab } = initiate(enctype, { ...options, allowWeak: true });
    const { token, facts } = initiator.step() as { token: Uint8Array; facts: Krb5Facts };
    return { ...openApReq(requestIn(token), keytab, passed), message: requestIn(token), facts };
  };

  test('has the flag sequence by default, and both sides know then that the peer may require order', () => {
    const orderOf = (options: Partial<Krb5InitiatorOptions>) => {
      const { initiator, acceptor } = initiate(18, options);
      const first = initiator.step() as Step;
      return [first.facts!.inOrder, (acceptor().step(first.token) as Step).facts!.inOrder];
    };
    expect(orderOf({})).toEqual([true, true]);
    expect(orderOf({ sequence: false })).toEqual([undefined, undefined]);
  });

  test('has flags, channel bindings and delegated credentials', () => {
    const bindings = channelBindings({ initiator: Uint8Array.of(127, 0, 0, 1), acceptor: Uint8Array.of(127, 0, 0, 1) });
    const { checksum, message, facts } = opened(18, { bindings, delegation: Uint8Array.of(7, 7) });
    expect(checksum).toEqual({ flags: 0x13f, bindings, delegation: Uint8Array.of(7, 7) });
    expect(message.apOptions).toBe(2 ** 29);
    expect(facts).toMatchObject({ bindings: toHex(bindings), mutual: true, clientName: 'user@EXAMPLE.TEST' });
    const other = opened(18, { mutual: false, sequence: false });
    expect([other.checksum!.flags, other.message.apOptions]).toEqual([0x134, 0]);
  });

  test.each(ENCTYPES)('has a subkey of the session key’s enctype, and a number below 2^30: $name', entry => {
    const { authenticator, ticket } = opened(entry.number);
    expect(authenticator.subkey?.keytype).toBe(entry.number);
    expect(authenticator.subkey?.keyvalue.length).toBe(entry.keyLength);
    expect(toHex(authenticator.subkey!.keyvalue)).not.toBe(toHex(ticket.key.keyvalue));
    expect(authenticator.seqNumber).toBeLessThan(2 ** 30);
  });

  test('has an offer of stronger encryption types (RFC 4537)', () => {
    const offer = (enctype: number, options = {}) =>
      opened(enctype, options).authenticator.authorizationData?.map(({ adType, adData }) => [adType, toHex(adData)]);
    expect(offer(18)).toEqual([[1, '30143012a00402020081a10a04083006020114020112']]);
    expect(offer(20)).toBeUndefined();
    expect(offer(18, { mutual: false })).toBeUndefined();
    const { initiator, keytab } = initiate(17, { ciphers: undefined });
    const { authenticator } = openApReq(requestIn((initiator.step() as Step).token!), keytab);
    expect(toHex(authenticator.authorizationData![0]!.adData)).toMatch(/300c020114020112020113020111$/);
  });

  test('is not made with a session key of a wrong length, and the subkey for it is erased', () => {
    const given: Uint8Array[] = [];
    const random = (length: number) => {
      given.push(new Uint8Array(length).fill(7));
      return given.at(-1)!;
    };
    const { credential } = realm(18);
    const credentials = [{ ...credential, key: { keytype: 18, keyvalue: new Uint8Array(5) } }];
    expectCode(() => initiate(18, { credentials, random }).initiator.step(), 'security/no-key');
    expect(given.filter(({ length }) => length === 32)).toEqual([new Uint8Array(32)]);
  });

  test('has a time that differs even from others in the same millisecond', () => {
    const times = Array.from({ length: 20 }, () => opened(18).authenticator.cusec);
    expect(new Set(times).size).toBeGreaterThan(15);
    expect(Math.max(...times)).toBeLessThan(1000);
  });
});

describe('a credential', () => {
  test('is found by any form of the service’s name', () => {
    for (const service of ['ftp@HOST.example.test', 'ftp/host.example.test', 'ftp/host.example.test@EXAMPLE.TEST']) {
      expect((initiate(18, { service }).initiator.step() as Step).token).toBeDefined();
    }
    expect((initiate(18, { service: SERVICE }).initiator.step() as Step).token).toBeDefined();
  });

  test('that is missing causes an error that lists the others and names the remedy', () => {
    const step = (service: string) =>
      errorOf(() => krb5Initiator({ credentials: mit.cache, service, clock: () => START * 1000 }).step());
    const error = step('host@aes256-sha1.example.test');
    expect([error.code, error.side]).toEqual(['security/no-key', 'local']);
    expect(error.message).toBe(
      'no ticket for host/aes256-sha1.example.test (the cache holds krbtgt/EXAMPLE.TEST@EXAMPLE.TEST, ' +
        'ftp/aes256-sha1.example.test@EXAMPLE.TEST): run "kvno host/aes256-sha1.example.test"',
    );
    expect(step('ftp/aes256-sha1.example.test@OTHER.TEST').message).toMatch(/^no ticket for .*@OTHER.TEST \(/);
    expect(
      errorOf(() => initiate(18, { credentials: { ...mit.cache, credentials: [] } }).initiator.step()).message,
    ).toMatch(/holds no tickets\)/);
  });

  test('that is expired, not yet valid, weak or unusable is refused', () => {
    const { credential } = realm(18);
    const errorFor = (change: object) =>
      errorOf(() => initiate(18, { credentials: [{ ...credential, ...change }] }).initiator.step());
    const refusal = (change: object) => {
      const { code, side } = errorFor(change);
      return [code, side];
    };
    expect(errorFor({ endTime: START - 1 }).message).toBe(
      'the ticket for ftp/host.example.test@EXAMPLE.TEST expired at 2026-11-22T10:21:39Z: run "kinit"',
    );
    expect(errorFor({ key: { keytype: 23, keyvalue: new Uint8Array(16) } }).message).toMatch(
      /has a session key of enctype arcfour-hmac, which is weak/,
    );
    const last = initiate(18, { credentials: [{ ...credential, endTime: START, startTime: START }] });
    expect((last.initiator.step() as Step).token).toBeDefined();
    expect(refusal({ endTime: START - 1 })).toEqual(['security/expired', 'local']);
    expect(refusal({ startTime: START + 1 })).toEqual(['security/not-yet-valid', 'local']);
    expect(refusal({ authTime: START + 1 })).toEqual(['security/not-yet-valid', 'local']);
    expect(refusal({ key: { keytype: 23, keyvalue: new Uint8Array(16) } })).toEqual(['security/weak', 'local']);
    expect(refusal({ key: { keytype: 99, keyvalue: new Uint8Array(16) } })).toEqual(['security/no-key', 'local']);
    expect(refusal({ ticket: realm(23).credential.ticket })).toEqual(['security/weak', 'local']);
    expect(refusal({ isSessionKey: true })).toEqual(['security/no-key', 'local']);
    expect(refusal({ ticket: Uint8Array.of(1, 2) })).toEqual(['security/bad-token', 'local']);
    const camellia = realm(25).credential;
    expectCode(() => initiate(18, { credentials: [camellia], ciphers: undefined }).initiator.step(), 'security/no-key');
  });

  test('that is unusable is skipped if there is another', () => {
    const { credential } = realm(18);
    for (const unusable of [{ ...credential, endTime: START - 1 }, realm(25).credential]) {
      const credentials = [unusable, credential];
      const { facts } = initiate(18, { credentials, ciphers: undefined }).initiator.step() as Step;
      expect((facts as Krb5Facts).ticketEnctype).toBe(18);
    }
  });

  test('may have a ticket of an enctype that only the service needs to know', () => {
    const { credential } = realm(18);
    const sealed = parseDer(ticket, credential.ticket);
    const unknown = formatDer(ticket, { ...sealed, encPart: { ...sealed.encPart, etype: 99 } });
    const { facts } = initiate(18, { credentials: [{ ...credential, ticket: unknown }] }).initiator.step() as Step;
    expect((facts as Krb5Facts).ticketEnctype).toBe(99);
  });
});

describe('the AP-REP', () => {
  const begin = (enctype = 18, options: Partial<Krb5InitiatorOptions> = {}) => {
    const { initiator, acceptor } = initiate(enctype, options);
    return { initiator, acceptor, token: (initiator.step() as Step).token! };
  };

  test('is refused if it has another time, is truncated or was changed', () => {
    const other = exchangeOf('krb5-mit-aes256-cts-hmac-sha1-96', ', mutual-replay-sequence');
    const { step } = krb5Initiator(inPlaceOf(mit));
    step();
    expectCode(() => step(other.apRep), 'security/bad-token');
    const { initiator, acceptor, token } = begin();
    const answer = (acceptor().step(token) as Step).token!;
    expectCode(() => initiator.step(answer.subarray(0, -1)), 'security/bad-token');
    expectCode(() => initiator.step(answer), 'sequence/closed');
    const changedExchange = begin();
    const changed = copy((changedExchange.acceptor().step(changedExchange.token) as Step).token!);
    changed[changed.length - 1]! ^= 1;
    expectCode(() => changedExchange.initiator.step(changed), 'security/bad-checksum');
  });

  test('is refused if it repeats only a part of the time', () => {
    const answerAt = (seconds: number, microseconds: number) => {
      const { initiator, keytab, credential } = initiate(18);
      const { token } = initiator.step() as Step;
      const { ctime, cusec } = openApReq(requestIn(token!), keytab, passed).authenticator;
      const part = { ctime: ctime + seconds, cusec: cusec + microseconds };
      const encPart = sealData(encApRepPart, part, USAGE.apRep, credential.key, passed);
      return initiator.step(formatContextToken({ kind: 'AP-REP', message: { pvno: 5, msgType: 15, encPart } })) as Step;
    };
    expect(answerAt(0, 0).facts?.['keyFrom']).toBe('initiator subkey');
    for (const [seconds, microseconds] of [
      [1, 0],
      [-1, 0],
      [0, 1],
    ] as const) {
      const error = errorOf(() => answerAt(seconds, microseconds));
      expect([error.code, error.message]).toEqual([
        'security/bad-token',
        expect.stringContaining('belongs to another AP-REQ'),
      ]);
    }
  });

  test('must not be missing or another token', () => {
    expectCode(() => begin().initiator.step(), 'security/bad-token');
    const { initiator, token } = begin();
    const error = errorOf(() => initiator.step(token));
    expect([error.code, error.message]).toEqual(['security/bad-token', 'expected an AP-REP, got an AP-REQ']);
    expectCode(() => initiate(18).initiator.step(token), 'security/bad-token');
  });

  test('may be a KRB-ERROR, which is reported as not authenticated', () => {
    const refusal = (more: object) => {
      const { initiator, acceptor, token } = begin();
      const { token: answer } = errorOf(() => acceptor(more).step(token));
      const { code, message, side } = errorOf(() => initiator.step(answer));
      return [code, message, side];
    };
    expect(refusal({ clock: () => (START + 400) * 1000 })).toEqual([
      'security/clock-skew',
      'the acceptor sent a KRB-ERROR (not authenticated): 37, KRB_AP_ERR_SKEW',
      'peer',
    ]);
    expect(refusal({ service: 'host@host.example.test' })[0]).toBe('security/wrong-name');
    const { realm: of, sname } = requestOf(mit).ticket;
    const error: KrbError = { pvno: 5, msgType: 30, stime: 0, susec: 0, errorCode: 4711, realm: of, sname };
    const { code, message } = errorOf(() =>
      begin().initiator.step(formatContextToken({ kind: 'KRB-ERROR', message: error })),
    );
    expect([code, message]).toEqual(['security/bad-token', 'the acceptor sent a KRB-ERROR (not authenticated): 4711']);
  });

  test('with a weak subkey is accepted with allowWeak only', () => {
    const exchange = exchangeOf('krb5-mit-arcfour-hmac-md5');
    const { step } = krb5Initiator(inPlaceOf(exchange, { allowWeak: true }));
    step();
    expect((step(exchange.apRep) as Step).facts).toMatchObject({ weak: true, enctype: 23 });
    const strict = krb5Initiator(inPlaceOf(exchange, { allowWeak: false }));
    expectCode(() => strict.step(), 'security/weak');
  });

  test('with a subkey of an enctype that was not offered is refused', () => {
    const answerWith = (keytype: number, options: Partial<Krb5InitiatorOptions> = {}) => {
      const { initiator, keytab, credential } = initiate(18, { allowWeak: true, ...options });
      const { token } = initiator.step() as Step;
      const { ctime, cusec } = openApReq(requestIn(token!), keytab, passed).authenticator;
      const subkey = { keytype, keyvalue: new Uint8Array(enctypeOf(keytype)!.keyLength).fill(7) };
      const encPart = sealData(encApRepPart, { ctime, cusec, subkey }, USAGE.apRep, credential.key, passed);
      return initiator.step(formatContextToken({ kind: 'AP-REP', message: { pvno: 5, msgType: 15, encPart } })) as Step;
    };
    expect(answerWith(18).facts?.enctype).toBe(18);
    expect(answerWith(20).facts?.enctype).toBe(20);
    expect(answerWith(18, { enctypes: [] }).facts?.enctype).toBe(18);
    for (const enctype of [17, 23, 3]) expectCode(() => answerWith(enctype), 'security/bad-token');
    const error = errorOf(() => answerWith(20, { enctypes: [] }));
    expect([error.code, error.side]).toEqual(['security/bad-token', 'peer']);
    expect(error.message).toBe("the acceptor's subkey has enctype 20, but only 18 were offered");
  });

  test('does not exist without mutual authentication: the first step returns the context', () => {
    const { initiator, acceptor } = initiate(18, { mutual: false });
    const { token, context, facts } = initiator.step() as Step;
    const accepted = acceptor().step(token) as Step;
    expect([accepted.token, facts?.['keyFrom']]).toEqual([undefined, 'initiator subkey']);
    const text = Uint8Array.of(1, 2);
    expect(accepted.context!.unwrap(context!.wrap(text, 'private').token).plaintext).toEqual(text);
    expect(context!.unwrap(accepted.context!.wrap(text, 'private').token).sequence).toBe('ok');
    const { code, message } = errorOf(() => initiator.step());
    expect([code, message]).toEqual(['sequence/closed', expect.stringMatching(/^the Kerberos exchange is over/)]);
  });

  test('throws nothing but FtpSecurityError if it is arbitrary or changed', () => {
    const { acceptor, token } = begin();
    const answer = (acceptor().step(token) as Step).token!;
    fc.assert(
      fc.property(fc.nat(answer.length - 1), fc.integer({ min: 1, max: 255 }), (index, change) => {
        const altered = copy(answer);
        altered[index]! ^= change;
        const { initiator } = begin();
        expect(onlyRefuses(() => initiator.step(altered))).toBeUndefined();
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), octets => {
        const { initiator } = begin();
        expect(onlyRefuses(() => initiator.step(octets))).toBeUndefined();
      }),
    );
  });
});

test('krb5Initiator throws RangeError or TypeError for invalid options', () => {
  expect(() => initiate(18, { service: 'ftp' })).toThrow(RangeError);
  expect(() => initiate(18, { bindings: new Uint8Array(3) })).toThrow(RangeError);
  // @ts-expect-error: a caller without types
  expect(() => initiate(18, { delegation: 'secret' })).toThrow(TypeError);
  for (const credentials of [undefined, null, 'file', 7, new Uint8Array(9), [], {}]) {
    expect(() => krb5Initiator({ credentials: credentials as never, service: 'ftp@host' })).toThrow(
      expect.objectContaining({
        name: 'TypeError',
        message: expect.stringMatching(/^credentials must .*parseCredentialCache/),
      }),
    );
  }
});

test('the clock is that of the system by default', () => {
  const { credential } = realm(18);
  const now = vi.spyOn(Date, 'now');
  try {
    const request = () =>
      krb5Initiator({ credentials: [credential], service: 'ftp@host.example.test', ...passed }).step() as Step;
    now.mockReturnValue((START + 5) * 1000);
    // With microseconds that are never the same.
    expect((request().facts as Krb5Facts).clientTime).toMatch(/^2026-11-22T10:21:45(\.000\d*)?Z$/);
    now.mockReturnValue((credential.endTime + 1) * 1000);
    expectCode(request, 'security/expired');
  } finally {
    now.mockRestore();
  }
});

test('a credential has the times of start and renewal only if they are set', () => {
  const factsOf = (times: object) => {
    const credentials = [{ ...realm(18).credential, ...times }];
    const clock = () => (START + 60) * 1000;
    const { facts } = krb5Initiator({ credentials, service: 'ftp@host.example.test', clock, ...passed }).step() as Step;
    return [facts!['startTime'], facts!['renewTill']];
  };
  expect(factsOf({})).toEqual([undefined, undefined]);
  expect(factsOf({ startTime: 1_795_342_900, renewTill: 1_800_000_000 })).toEqual([
    '2026-11-22T10:21:40Z',
    '2027-01-15T08:00:00Z',
  ]);
});

test('the clock is that of the KDC if the credential cache has the difference, unless the caller has another', () => {
  const { credential } = realm(18);
  const cache = { principal: credential.client, credentials: [credential], configuration: [] };
  const clientTime = (options: Partial<Krb5InitiatorOptions>) => {
    const given = { credentials: cache, service: 'ftp@host.example.test', ...options };
    return (krb5Initiator(given).step() as Step).facts!['clientTime'] as string;
  };
  const milliseconds = (options: Partial<Krb5InitiatorOptions>) => Date.parse(clientTime(options));
  vi.useFakeTimers({ now: (START - 1000) * 1000 });
  try {
    expectCode(() => clientTime({}), 'security/not-yet-valid');
    const credentials = { ...cache, timeOffset: 1001.2503 };
    expect(milliseconds({ credentials })).toBe(START * 1000 + 1250);
    expect(milliseconds({ credentials, clock: () => (START + 2) * 1000 })).toBe(START * 1000 + 2000);
    // Authenticators of the same millisecond are no replays of each other.
    expect(new Set(Array.from({ length: 10 }, () => clientTime({ credentials }))).size).toBeGreaterThan(1);
  } finally {
    vi.useRealTimers();
  }
});
