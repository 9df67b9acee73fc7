/** The client's side, live: foreign AP-REPs and tickets, and what must be refused. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { copy, fromHex, toHex } from '../../../../src/bytes.js';
import { enctypeOf } from '../../../../src/mechanisms/krb5/crypto/enctypes.js';
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
import { type ApReq, encApRepPart, type KrbError, USAGE } from '../../../../src/mechanisms/krb5/messages/kerberos.js';
import { nodeCiphers } from '../../../../src/node/index.js';
import type { Step } from '../../../../src/protection/mechanism.js';
import { errorOf, expectCode, onlyRefuses } from '../../../helpers.js';
import { type Exchange, exchangeOf, exchanges, requestOf } from '../exchange-vectors.js';
import { type RealmOptions, realm, SERVICE, START } from '../live.js';
import { ENCTYPE_NUMBERS } from '../tokens.js';

const passed = { ciphers: nodeCiphers, allowWeak: true };

/** Ours under the ticket of a foreign exchange, at the time at which its own AP-REQ was made. */
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
  const begun = () => {
    const initiator = krb5Initiator(options);
    return { initiator, token: (initiator.step() as Step).token! };
  };

  test('the AP-REQ is one that the service takes, with the flags of a library', () => {
    const { token } = begun();
    const acceptor = krb5Acceptor({ ...options, service: options.service, keytab: exchange.keytab });
    const { facts } = acceptor.step(token) as { facts: Krb5Facts };
    expect(facts).toMatchObject({ clientName: exchange.context.client, ticketEnctype: exchange.etype });
    expect(facts.flags).toEqual(['mutual', 'replay', 'sequence', 'conf', 'integ', 'trans']);
  });

  test.runIf(exchange.apRep)('the library’s AP-REP is taken, since its time is ours', () => {
    const { context, facts } = begun().initiator.step(exchange.apRep!) as { context: object; facts: Krb5Facts };
    expect(context).toBeDefined();
    const { acceptor_subkey } = exchange.context.keys;
    expect(facts).toMatchObject({ enctype: acceptor_subkey!.etype, keyFrom: 'acceptor subkey' });
  });
});

test('a message of the library opens in the context that its AP-REP gives', () => {
  // The acceptor's subkey and number are all that the context has of either side.
  for (const exchange of exchanges) {
    const { apRep, context } = exchange;
    if (apRep === undefined || !context.message_key_is_acceptor_subkey) continue;
    const initiator = krb5Initiator(inPlaceOf(exchange));
    initiator.step();
    const opens = (initiator.step(apRep) as Step).context!;
    for (const { from, op, plaintext, token } of context.messages) {
      if (from === 'acceptor' && op !== 'mic') expect(toHex(opens.unwrap(fromHex(token)).plaintext)).toBe(plaintext);
    }
  }
});

const mit = exchangeOf('krb5-mit-aes256-cts-hmac-sha1-96');

/** Ours in our own realm. */
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
  const seen = parseContextToken(token);
  if (seen.kind !== 'AP-REQ') throw new Error('no AP-REQ');
  return seen.message;
}

describe('what the AP-REQ says', () => {
  const opened = (enctype: number, options: Partial<Krb5InitiatorOptions> = {}) => {
    const { initiator, keytab } = initiate(enctype, { ...options, allowWeak: true });
    const { token, facts } = initiator.step() as { token: Uint8Array; facts: Krb5Facts };
    return { ...openApReq(requestIn(token), keytab, passed), message: requestIn(token), facts };
  };

  test('flags, bindings and delegation', () => {
    const bindings = channelBindings({ initiator: Uint8Array.of(127, 0, 0, 1), acceptor: Uint8Array.of(127, 0, 0, 1) });
    const { checksum, message, facts } = opened(18, { bindings, delegation: Uint8Array.of(7, 7) });
    expect(checksum).toEqual({ flags: 0x13f, bindings, delegation: Uint8Array.of(7, 7) });
    expect(message.apOptions).toBe(2 ** 29);
    expect(facts).toMatchObject({ bindings: toHex(bindings), mutual: true, clientName: 'user@EXAMPLE.TEST' });
    const other = opened(18, { mutual: false, sequence: false });
    expect([other.checksum!.flags, other.message.apOptions]).toEqual([0x134, 0]);
  });

  test('a subkey of the session key’s type, and a number below 2^30', () => {
    for (const enctype of ENCTYPE_NUMBERS) {
      const { authenticator, ticket } = opened(enctype);
      expect(authenticator.subkey?.keytype).toBe(enctype);
      expect(authenticator.subkey?.keyvalue.length).toBe(enctypeOf(enctype)!.keyLength);
      expect(toHex(authenticator.subkey!.keyvalue)).not.toBe(toHex(ticket.key.keyvalue));
      expect(authenticator.seqNumber).toBeLessThan(2 ** 30);
    }
  });

  test('an offer of stronger encryption types, in the octets of RFC 4537', () => {
    const offer = (enctype: number, options = {}) =>
      opened(enctype, options).authenticator.authorizationData?.map(({ adType, adData }) => [adType, toHex(adData)]);
    expect(offer(18)).toEqual([[1, '30143012a00402020081a10a04083006020114020112']]);
    expect(offer(20)).toBeUndefined();
    expect(offer(18, { mutual: false })).toBeUndefined();
    const { initiator, keytab } = initiate(17, { ciphers: undefined });
    const { authenticator } = openApReq(requestIn((initiator.step() as Step).token!), keytab);
    expect(toHex(authenticator.authorizationData![0]!.adData)).toMatch(/300c020114020112020113020111$/);
  });

  test('no two of one millisecond have one time', () => {
    const times = Array.from({ length: 20 }, () => opened(18).authenticator.cusec);
    expect(new Set(times).size).toBeGreaterThan(15);
    expect(Math.max(...times)).toBeLessThan(1000);
  });
});

describe('a credential', () => {
  test('is found by any form of the name', () => {
    for (const service of ['ftp@HOST.example.test', 'ftp/host.example.test', 'ftp/host.example.test@EXAMPLE.TEST']) {
      expect((initiate(18, { service }).initiator.step() as Step).token).toBeDefined();
    }
    expect((initiate(18, { service: SERVICE }).initiator.step() as Step).token).toBeDefined();
  });

  test('that is not there: the error names those that are', () => {
    const step = (service: string) =>
      errorOf(() => krb5Initiator({ credentials: mit.cache, service, clock: () => START * 1000 }).step());
    const error = step('host@aes256-sha1.example.test');
    expect([error.code, error.side]).toEqual(['security/no-key', 'local']);
    expect(error.message).toBe(
      'no ticket for host/aes256-sha1.example.test; there is krbtgt/EXAMPLE.TEST@EXAMPLE.TEST, ' +
        'ftp/aes256-sha1.example.test@EXAMPLE.TEST',
    );
    expect(step('ftp/aes256-sha1.example.test@OTHER.TEST').message).toMatch(/^no ticket for .*@OTHER.TEST;/);
    expect(errorOf(() => initiate(18, { credentials: [] }).initiator.step()).message).toMatch(/none at all$/);
  });

  test('whose time is over, or has not come, or which is weak or unknown', () => {
    const { credential } = realm(18);
    const refusal = (change: object, options = {}) => {
      const { code, side } = errorOf(() =>
        initiate(18, { credentials: [{ ...credential, ...change }], ...options }).initiator.step(),
      );
      return [code, side];
    };
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

  test('that does not serve is passed over for one that does', () => {
    const { credential } = realm(18);
    const credentials = [{ ...credential, endTime: START - 1 }, credential];
    expect((initiate(18, { credentials }).initiator.step() as Step).token).toBeDefined();
  });
});

describe('the answer', () => {
  const begin = (enctype = 18, options: Partial<Krb5InitiatorOptions> = {}) => {
    const { initiator, acceptor } = initiate(enctype, options);
    return { initiator, acceptor, token: (initiator.step() as Step).token! };
  };

  test('has to repeat the time, and to be whole', () => {
    const other = exchangeOf('krb5-mit-aes256-cts-hmac-sha1-96', ', mutual-replay-sequence');
    const { step } = krb5Initiator(inPlaceOf(mit));
    step();
    expectCode(() => step(other.apRep), 'security/bad-token');
    const { initiator, acceptor, token } = begin();
    const answer = (acceptor().step(token) as Step).token!;
    expectCode(() => initiator.step(answer.subarray(0, -1)), 'security/bad-token');
    expectCode(() => initiator.step(answer), 'sequence/closed');
    const altered = begin();
    const whole = copy((altered.acceptor().step(altered.token) as Step).token!);
    whole[whole.length - 1]! ^= 1;
    expectCode(() => altered.initiator.step(whole), 'security/bad-checksum');
  });

  test('has to come, and to be an AP-REP', () => {
    expectCode(() => begin().initiator.step(), 'security/bad-token');
    const { initiator, token } = begin();
    expectCode(() => initiator.step(token), 'security/bad-token');
    expectCode(() => initiate(18).initiator.step(token), 'security/bad-token');
  });

  test('as a KRB-ERROR says which, and that nothing vouches for it', () => {
    const refusal = (more: object) => {
      const { initiator, acceptor, token } = begin();
      const { token: answer } = errorOf(() => acceptor(more).step(token));
      const { code, message, side } = errorOf(() => initiator.step(answer));
      return [code, message, side];
    };
    expect(refusal({ clock: () => (START + 400) * 1000 })).toEqual([
      'security/clock-skew',
      'the acceptor answers with a KRB-ERROR: 37, KRB_AP_ERR_SKEW (not authenticated)',
      'peer',
    ]);
    expect(refusal({ service: 'host@host.example.test' })[0]).toBe('security/wrong-name');
    const { realm: of, sname } = requestOf(mit).ticket;
    const error: KrbError = { pvno: 5, msgType: 30, stime: 0, susec: 0, errorCode: 4711, realm: of, sname };
    const { code, message } = errorOf(() =>
      begin().initiator.step(formatContextToken({ kind: 'KRB-ERROR', message: error })),
    );
    expect([code, message]).toEqual([
      'security/bad-token',
      'the acceptor answers with a KRB-ERROR: 4711 (not authenticated)',
    ]);
  });

  test('with a weak subkey is refused without leave', () => {
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
    expect(error.message).toBe('the acceptor’s subkey is of enctype 20, and offered was 18');
  });

  test('is none without mutual authentication: the context is there at once', () => {
    const { initiator, acceptor } = initiate(18, { mutual: false });
    const { token, context, facts } = initiator.step() as Step;
    const taken = acceptor().step(token) as Step;
    expect([taken.token, facts?.['keyFrom']]).toEqual([undefined, 'initiator subkey']);
    const text = Uint8Array.of(1, 2);
    expect(taken.context!.unwrap(context!.wrap(text, 'private').token).plaintext).toEqual(text);
    expect(context!.unwrap(taken.context!.wrap(text, 'private').token).sequence).toBe('ok');
    expectCode(() => initiator.step(), 'sequence/closed');
  });

  test('whatever it is, nothing but an FtpSecurityError escapes', () => {
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

test('misuse is told apart', () => {
  expect(() => initiate(18, { service: 'ftp' })).toThrow(RangeError);
  expect(() => initiate(18, { bindings: new Uint8Array(3) })).toThrow(RangeError);
  // @ts-expect-error: a caller without types
  expect(() => initiate(18, { delegation: 'secret' })).toThrow(TypeError);
});
