/** The acceptor: AP-REQs that other implementations made, accepted at their own time; its levels, names and arguments. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { copy, fromHex, toHex } from '../../../../src/bytes.js';
import { replyCodeFor } from '../../../../src/errors.js';
import { enctypeOf } from '../../../../src/mechanisms/krb5/crypto/enctypes.js';
import { openApRep } from '../../../../src/mechanisms/krb5/exchange/ap-exchange.js';
import { type Krb5Context, krb5Acceptor, krb5Initiator } from '../../../../src/mechanisms/krb5/index.js';
import { formatGssChecksum, gssFlagNames } from '../../../../src/mechanisms/krb5/messages/gss-checksum.js';
import { formatContextToken, parseContextToken } from '../../../../src/mechanisms/krb5/messages/gss-framing.js';
import { krb5Context } from '../../../../src/mechanisms/krb5/tokens/context.js';
import type { Step } from '../../../../src/protection/mechanism.js';
import { errorOf, expectCode, onlyRefuses } from '../../../helpers.js';
import { accept, acceptorAt, acceptRecorded, at, PERMISSIVE, requestFor } from '../acceptors.js';
import { exchangeOf, exchanges } from '../exchange-vectors.js';
import { errorNumberOf, realm } from '../live.js';

describe.each(exchanges)('$title', exchange => {
  const { context } = exchange;
  const { opened, step } = acceptRecorded(exchange);
  const isMutual = (context.initiator_flags & 2) !== 0;

  test('is accepted, with the facts that the vectors have', () => {
    const { step } = acceptRecorded(exchange);
    expect(step.facts.clientName).toBe(context.client);
    expect(step.facts.flags).toEqual(gssFlagNames(context.initiator_flags));
    expect(step.facts.ticketEnctype).toBe(exchange.etype);
    expect(step.facts.mutual).toBe(isMutual);
    const bindings = (context.authenticator_checksum ?? context.authenticator_checksum_head!).slice(8, 40);
    expect(step.facts.bindings).toBe(/^0+$/.test(bindings) ? undefined : bindings);
    expect('delegation' in step.facts).toBe((context.initiator_flags & 1) !== 0);
    expect(step.facts.weak).toBe(enctypeOf(exchange.etype)!.weak);
  });

  test.skipIf(isMutual)('has no AP-REP without mutual authentication', () => {
    expect(acceptRecorded(exchange).step).not.toHaveProperty('token');
  });

  test.runIf(isMutual)(
    'has an AP-REP, whose subkey is the acceptor’s own with RFC 4121 and the client’s with RFC 1964',
    () => {
      const answer = parseContextToken(step.token!);
      if (answer.kind !== 'AP-REP') throw new Error('no AP-REP');
      const { subkey, seqNumber } = openApRep(answer.message, opened, PERMISSIVE);
      const initiatorSubkey = opened.authenticator.subkey!;
      expect(seqNumber).toBeLessThan(2 ** 30);
      expect(subkey?.keytype).toBe(step.facts.enctype);
      const isRepeated = enctypeOf(subkey!.keytype)!.tokens === 'rfc1964';
      expect(toHex(subkey!.keyvalue) === toHex(initiatorSubkey.keyvalue)).toBe(isRepeated);
      expect(step.facts.keyFrom).toBe(isRepeated ? 'initiator subkey' : 'acceptor subkey');
    },
  );

  const { message_key, initiator_subkey } = context.keys;
  const hasClientKey = step.facts.keyFrom === 'initiator subkey' && message_key.key === initiator_subkey.key;

  test.runIf(hasClientKey)(
    'establishes a context that unwraps the messages, if the initiator’s subkey protects them',
    () => {
      const accepted = acceptRecorded(exchange).step.context!;
      for (const { from, op, plaintext, token } of context.messages) {
        if (from !== 'initiator' || op === 'mic') continue;
        expect(toHex(accepted.unwrap(fromHex(token)).plaintext)).toBe(plaintext);
      }
    },
  );

  test.skipIf(isMutual)(
    'starts its own tokens at the initiator’s sequence number without mutual authentication',
    () => {
      const initiator = krb5Context({
        ...PERMISSIVE,
        role: 'initiator',
        enctype: context.keys.message_key.etype,
        key: fromHex(context.keys.message_key.key),
        acceptorSubkey: false,
        sendSequence: context.initiator_send_seq,
        receiveSequence: context.acceptor_send_seq,
      });
      const { token } = acceptRecorded(exchange).step.context!.wrap(Uint8Array.of(1), 'safe');
      expect(initiator.unwrap(token).sequence).toBe('ok');
    },
  );
});

test('the vectors have enough exchanges whose messages the initiator’s subkey protects', () => {
  const usable = exchanges.filter(({ context: { keys } }) => keys.message_key.key === keys.initiator_subkey.key);
  expect(usable.length).toBeGreaterThan(30);
});

test('the acceptor chooses the strongest offered enctype that is permitted (RFC 4537)', () => {
  const arcfour = exchangeOf('krb5-mit-upgrade-arcfour');
  expect(acceptRecorded(arcfour).step.facts).toMatchObject({ ticketEnctype: 23, enctype: 20, weak: true });
  const { step } = acceptRecorded(exchangeOf('krb5-mit-arcfour-hmac-md5'));
  expect(step.facts).toMatchObject({ enctype: 23, keyFrom: 'initiator subkey' });
});

test('the context supports a level only if the client set its flag, CONF or INTEG', () => {
  const levels = (flags: number) => {
    const checksum = formatGssChecksum({ bindings: new Uint8Array(16), flags });
    const { context } = accept(
      realm(18),
      {},
      { authenticator: original => ({ ...original, cksum: { cksumtype: 0x8003, checksum } }) },
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

test('an encrypted token of a client without level private is unwrapped, so that the session can refuse its level', () => {
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

test('the option service is accepted in each form', () => {
  const mit = exchangeOf('krb5-mit-aes256-cts-hmac-sha1-96');
  const { principal } = mit.keytab[0]!;
  for (const service of ['ftp@AES256-sha1.example.test', 'ftp/aes256-sha1.example.test', principal]) {
    expect(acceptRecorded(mit, { service }).step.context).toBeDefined();
  }
  for (const service of ['host@aes256-sha1.example.test', 'ftp/aes256-sha1.example.test@OTHER.TEST']) {
    expect(errorNumberOf(errorOf(() => acceptRecorded(mit, { service })).token)).toBe(35);
  }
});

test('strictOrder is kept by the context', () => {
  const text = Uint8Array.of(1);
  const of = (strictOrder: boolean) => {
    const { keytab, credential } = realm(18);
    const { step } = krb5Initiator({
      credentials: [credential],
      service: 'ftp@host.example.test',
      ...at(0),
      strictOrder,
    });
    const accepted = acceptorAt(keytab, { strictOrder }).step((step() as Step).token) as Step;
    return [accepted.context!, (step(accepted.token) as Step).context!] as const;
  };
  for (const strictOrder of [true, false]) {
    const [server, client] = of(strictOrder);
    for (const [from, to] of [
      [server, client],
      [client, server],
    ] as const) {
      from.wrap(text, 'safe');
      const { token } = from.wrap(text, 'safe');
      if (strictOrder) expectCode(() => to.unwrap(token), 'security/out-of-sequence');
      else expect(to.unwrap(token).sequence).toBe('gap');
    }
  }
});

describe('a token other than an AP-REQ', () => {
  const acceptor = () => acceptorAt(realm(18).keytab);

  test('is refused without a KRB-ERROR', () => {
    const mit = exchangeOf('krb5-mit-aes256-cts-hmac-sha1-96');
    for (const token of [undefined, new Uint8Array(), mit.apRep!, fromHex('050404ff')]) {
      const error = errorOf(() => acceptor().step(token));
      expect([error.code, error.token]).toEqual(['security/bad-token', undefined]);
    }
  });

  test('is a TypeError if it is not a Uint8Array', () => {
    // @ts-expect-error: a caller without types
    expect(() => acceptor().step('token')).toThrow(TypeError);
  });
});

describe('krb5Acceptor', () => {
  const { keytab } = realm(18);

  test.each([
    ['a negative clock skew', { maxClockSkew: -1 }],
    ['a clock skew without end', { maxClockSkew: Number.POSITIVE_INFINITY }],
    ['a clock skew that is no number', { maxClockSkew: Number.NaN }],
    ['channel bindings of another length', { bindings: new Uint8Array(5) }],
    ['a service without a host', { service: 'ftp' }],
    ['an empty list of services', { services: [] }],
    ['an empty name of a service', { services: [''] }],
    ['one empty name among others', { services: ['ftp', ''] }],
    ['a name of a service with a slash', { services: ['ftp/host'] }],
    ['a name of a service with an at sign', { services: ['ftp@host'] }],
  ])('throws RangeError for %s', (_, options) => {
    expect(() => krb5Acceptor({ keytab, ...options })).toThrow(RangeError);
  });

  test('throws TypeError for options of a wrong type', () => {
    // @ts-expect-error: callers without types
    for (const services of ['ftp', [7]]) expect(() => krb5Acceptor({ keytab, services })).toThrow(TypeError);
    for (const transitedRealms of ['CORP.COM', [7], ['']] as unknown as string[][])
      expect(() => krb5Acceptor({ keytab, transitedRealms })).toThrow(/^transitedRealms must be a list of/);
    // @ts-expect-error: a caller without types
    expect(() => krb5Acceptor({ keytab, peerAddress: '127.0.0.1' })).toThrow(TypeError);
    for (const wrong of [undefined, new Uint8Array(9), [], {}])
      expect(() => krb5Acceptor({ keytab: wrong as never })).toThrow(/^keytab must .*parseKeytab/);
  });
});

test('arbitrary and changed tokens throw nothing but FtpSecurityError', () => {
  const made = realm(18);
  const token = requestFor(made);
  const step = (octets: Uint8Array) => onlyRefuses(() => acceptorAt(made.keytab).step(octets));
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
  const ciphertexts = fc.uint8Array({ minLength: 1, maxLength: 80 });
  fc.assert(
    fc.property(ciphertexts, cipher => {
      const parsed = parseContextToken(token);
      if (parsed.kind !== 'AP-REQ') throw new Error('expected an AP-REQ');
      const message = { ...parsed.message, authenticator: { etype: 18, cipher } };
      refuses(formatContextToken({ kind: 'AP-REQ', message }));
    }),
  );
});
