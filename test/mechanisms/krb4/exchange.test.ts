/** The exchange with realms of our own: what each side takes, what it refuses, and what it says then. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat, fromHex, toHex, u32be } from '../../../src/bytes.js';
import type { ErrorCode } from '../../../src/errors.js';
import { openApReq, parseApReq } from '../../../src/mechanisms/krb4/ap-req.js';
import { desKey, pcbcDecrypt, pcbcEncrypt } from '../../../src/mechanisms/krb4/crypto.js';
import {
  type Krb4ContextOptions,
  type Krb4InitiatorOptions,
  krb4Acceptor,
  krb4Context,
  krb4Initiator,
  ReplayCache,
  type ReplayStore,
} from '../../../src/mechanisms/krb4/index.js';
import { ascii, errorOf, expectCode, onlyRefuses } from '../../helpers.js';
import { watchedCiphers } from '../watched-ciphers.js';
import { acceptor, answerOf, clockOf, initiator, requestOf, SAMPLE, step } from './exchanges.js';
import { address, CLIENT, ciphers, keyOf, SERVER, terminated, VECTORS } from './vectors.js';

/** A replay cache that began so many seconds ago. */
function agedCache(seconds: number): ReplayCache {
  let now = 0;
  const cache = new ReplayCache({ clock: () => now });
  now += 1000 * seconds;
  return cache;
}

const later = (seconds: number) => ({ clock: () => (SAMPLE.issue_date + seconds) * 1000 });

/** A ticket of a realm of our own, and the token that a client with it sends. */
interface Made {
  client?: string;
  life?: number;
  issued?: number;
  kvno?: number;
}

function made({ client = 'anna', life = 96, issued = SAMPLE.issue_date, kvno = 1 }: Made = {}) {
  const sessionKey = fromHex(SAMPLE.session_key);
  const plaintext = Uint8Array.of(
    0,
    ...terminated(client, '', 'A.TEST'),
    ...CLIENT.address,
    ...sessionKey,
    life,
    ...u32be(issued),
    ...terminated('ftp', 'host'),
  );
  const key = fromHex('133457799bbcdff1');
  const service = { name: 'ftp', instance: 'host', realm: 'A.TEST' };
  const ticket = pcbcEncrypt(desKey(key, ciphers), plaintext);
  const tickets = { name: client, instance: '', credentials: [{ ...service, sessionKey, life, kvno, ticket, issued }] };
  return { srvtab: [{ ...service, kvno, key }], service, tickets };
}

function requestMade(options: Made = {}, others: Partial<Krb4InitiatorOptions> = {}) {
  const { srvtab, tickets, service } = made(options);
  return { srvtab, request: step(initiator({ tickets, service, ...others })).token! };
}

describe('keylog', () => {
  it('is called with the options of each context when the exchange is complete', () => {
    const told: Krb4ContextOptions[] = [];
    const keylog = (options: Krb4ContextOptions) => void told.push(options);
    const [ours, theirs] = [initiator({ keylog }), acceptor({ keylog })];
    const { token } = step(theirs, step(ours).token);
    expect(told.map(({ local }) => local)).toEqual([SERVER]);
    const { context } = step(ours, token);
    expect(told.map(({ local, peer, key }) => [local, peer, toHex(key)])).toEqual([
      [SERVER, CLIENT, SAMPLE.session_key],
      [CLIENT, SERVER, SAMPLE.session_key],
    ]);
    const { plaintext } = krb4Context(told[0]!).unwrap(context!.wrap(ascii('text'), 'private').token);
    expect(plaintext).toEqual(ascii('text'));
  });

  it('is not called if the answer is not for this exchange', () => {
    const told: unknown[] = [];
    const ours = initiator({ keylog: options => told.push(options), random: () => u32be(1) });
    step(ours);
    expectCode(() => step(ours, answerOf(SAMPLE)), 'security/bad-checksum');
    expect(told).toEqual([]);
  });
});

describe('an acceptor', () => {
  it.each([
    ['a client whose clock is behind', later(301), "the client's clock is more than 300 seconds from ours"],
    ['a client whose clock is ahead', later(-301), "the client's clock is more than 300 seconds from ours"],
    [
      'a clock skew over a smaller limit',
      { ...later(3), maxClockSkew: 2 },
      "the client's clock is more than 2 seconds from ours",
    ],
    ['any client if its own clock returns NaN', { clock: () => Number.NaN }, /clock/],
  ] as const)('refuses %s', (_, options, message) => {
    const error = errorOf(() => step(acceptor(options), requestOf(SAMPLE)));
    expect([error.code, error.message]).toEqual(['security/clock-skew', expect.stringMatching(message)]);
  });

  it.each([-300, 300])('accepts a client whose clock is %s seconds from its own', seconds => {
    const options = { ...later(seconds), replayCache: agedCache(300) };
    expect(step(acceptor(options), requestOf(SAMPLE)).context).toBeDefined();
  });

  it.each([
    ['has expired', { life: 1, issued: SAMPLE.issue_date - 301 }, 'security/expired'],
    ['is at its end', { life: 1, issued: SAMPLE.issue_date - 300 }, 'accepted'],
    ['has expired after 10:40 hours', { life: 128, issued: SAMPLE.issue_date - 38_401 }, 'security/expired'],
    ['lives longer than 10:35 hours', { life: 141, issued: SAMPLE.issue_date - 91_581 }, 'accepted'],
    ['never expires', { life: 255, issued: 1 }, 'accepted'],
    ['is not yet valid', { issued: SAMPLE.issue_date + 301 }, 'security/not-yet-valid'],
    ['begins within the skew', { issued: SAMPLE.issue_date + 300 }, 'accepted'],
  ])('checks a ticket that %s', (_, options, verdict) => {
    // Made while the ticket lives, and then given the acceptor's time.
    const { request, srvtab } = requestMade(options, { clock: () => 1000 * (options.issued + 1) });
    const accept = () => step(acceptor({ srvtab, clock: clockOf(SAMPLE) }), retimed(request));
    if (verdict === 'accepted') expect(accept().context).toBeDefined();
    else expectCode(accept, verdict as ErrorCode);
  });

  it('refuses a replayed AP_REQ, even by another acceptor with the same cache', () => {
    const replayCache = new ReplayCache();
    step(acceptor({ replayCache }), requestOf(SAMPLE));
    expectCode(() => step(acceptor({ replayCache, ...later(200) }), requestOf(SAMPLE)), 'security/replayed');
    expectCode(() => step(acceptor({ replayCache, maxClockSkew: 60 }), requestOf(SAMPLE)), 'security/replayed');
    // In the other byte order, which only the header shows.
    const turned = Uint8Array.from(requestOf(SAMPLE), (octet, i) => (i === 1 ? octet ^ 1 : octet));
    errorOf(() => step(acceptor({ replayCache }), turned));
  });

  it('accepts nothing with a store that answers later, which is misuse', () => {
    const replayCache = { add: () => Promise.resolve(true) } as unknown as ReplayStore;
    expect(() => step(acceptor({ replayCache }), requestOf(SAMPLE))).toThrow(TypeError);
  });

  it('refuses an AP_REQ that is older than its cache, since another process may have accepted it', () => {
    const attempt = (replayCache: ReplayStore) =>
      step(acceptor({ replayCache, ...later(200) }), requestOf(SAMPLE)).context;
    const error = errorOf(() => attempt(agedCache(199)));
    expect([error.code, error.message]).toEqual([
      'security/replayed',
      expect.stringContaining('older than the replay cache'),
    ]);
    expect(attempt(agedCache(200))).toBeDefined();
    expect(attempt({ add: () => true })).toBeDefined();
  });

  it.each([
    [0.995, 0, 'the cache began in the second of the AP_REQ'],
    [1.005, 0.1, 'the next second began on the way'],
    [1.2, 0.202, 'the cache began at the end of the second'],
  ])('accepts an AP_REQ whose second began %d s ago with a cache of %d s: %s', (now, age) => {
    const replayCache = agedCache(age);
    expect(step(acceptor({ replayCache, ...later(now) }), requestOf(SAMPLE)).context).toBeDefined();
  });

  it.each([
    [1.2, 0.2, 'the cache began with the next second'],
    [2.5, 0.1, 'or later'],
  ])('refuses an AP_REQ whose second has begun %d s ago with a cache of %d s: %s', (now, age) => {
    const replayCache = agedCache(age);
    expectCode(() => step(acceptor({ replayCache, ...later(now) }), requestOf(SAMPLE)), 'security/replayed');
  });

  it('keeps an authenticator until it could not be replayed even if the clock were set back', () => {
    const replayCache = new ReplayCache();
    step(acceptor({ replayCache }), requestOf(SAMPLE));
    const made = SAMPLE.issue_date;
    replayCache.add('other', made + 10_000, made + 2 * 300 + 1);
    expect(replayCache.size).toBe(2);
    expectCode(() => step(acceptor({ replayCache, ...later(300) }), requestOf(SAMPLE)), 'security/replayed');
  });

  it('has one cache for the process by default', () => {
    const { request, srvtab } = requestMade({}, { random: () => u32be(0x0badcafe) });
    const options = { srvtab, replayCache: undefined as never };
    expect(step(acceptor(options), request).context).toBeDefined();
    expectCode(() => step(acceptor(options), request), 'security/replayed');
  });

  it('detects a replay with a changed last block, even if that block has only a part of the time', () => {
    for (const client of ['anna', 'annab', 'annabe', 'annabel', 'annabell', 'annabella', 'annabellan', 'annabellann']) {
      const replayCache = new ReplayCache();
      const { request, srvtab } = requestMade({ client });
      step(acceptor({ srvtab, replayCache }), request);
      for (let bits = 1; bits < 256; bits++) {
        const altered = Uint8Array.from(request, (octet, i) => (i === request.length - 1 ? octet ^ bits : octet));
        expect(
          onlyRefuses(() => step(acceptor({ srvtab, replayCache }), altered)),
          client,
        ).toBeUndefined();
      }
    }
  });

  it.each([
    ['no key for the realm', { realm: 'B.TEST' }, 'no key for realm HEIM.TEST'],
    ['another key version', { kvno: 7 }, 'no key of version 1 for realm HEIM.TEST (known versions: 7)'],
    ['another key', { key: new Uint8Array(8).fill(4) }, 'no key of version 1 for realm HEIM.TEST decrypts the ticket'],
    ['a key of another host', { instance: 'other' }, 'no key of version 1 for realm HEIM.TEST decrypts the ticket'],
  ])('with %s refuses the ticket, and says why', (_, other, message) => {
    const error = errorOf(() => step(acceptor({ srvtab: [{ ...keyOf(SAMPLE), ...other }] }), requestOf(SAMPLE)));
    expect([error.code, error.message]).toEqual(['security/no-key', message]);
  });

  it('accepts either ftp or rcmd, but not both', () => {
    const rcmd = VECTORS.ap_req[1]!;
    const srvtab = [keyOf(rcmd), keyOf(SAMPLE)];
    expect(step(acceptor({ srvtab }), requestOf(SAMPLE)).context).toBeDefined();
    expectCode(() => step(acceptor({ srvtab }), requestOf(rcmd)), 'security/no-key');
    expect(step(acceptor({ srvtab: [keyOf(rcmd)] }), requestOf(rcmd)).context).toBeDefined();
    expect(step(acceptor({ srvtab, service: keyOf(rcmd) }), requestOf(rcmd)).context).toBeDefined();
    expectCode(() => step(acceptor({ srvtab, service: keyOf(rcmd) }), requestOf(SAMPLE)), 'security/no-key');
  });

  it('has no keys for other services unless it is told to serve them', () => {
    const srvtab = [{ ...keyOf(SAMPLE), name: 'pop' }];
    const error = errorOf(() => step(acceptor({ srvtab }), requestOf(SAMPLE)));
    expect([error.code, error.message]).toEqual(['security/no-key', 'no key for realm HEIM.TEST']);
    const { request, srvtab: own } = requestMade({}, {});
    const asPop = own.map(key => ({ ...key, name: 'pop' }));
    expectCode(() => step(acceptor({ srvtab: asPop, service: asPop[0]! }), request), 'security/no-key');
  });

  it('keeps an entry of the replay cache until the ticket expires, if the last block has a part of the time only', () => {
    // Each further letter of the name moves the end of the time by one octet in its block.
    for (let letters = 1; letters <= 16; letters++) {
      for (const [life, end] of [
        [96, SAMPLE.issue_date + 96 * 300],
        [255, 0xffffffff],
      ] as const) {
        const entries: number[] = [];
        const replayCache = { add: (_: string, expires: number) => entries.push(expires) > 0 };
        const { request, srvtab } = requestMade({ client: 'a'.repeat(letters), life });
        step(acceptor({ srvtab, replayCache }), request);
        // Name, instance and realm with their NULs, checksum, fraction, and the four octets of the time.
        const inLastBlock = (letters + 1 + 1 + 7 + 4 + 1 + 4) % 8 || 8;
        expect(entries, `${letters} letters`).toEqual([inLastBlock >= 4 ? SAMPLE.issue_date + 601 : end]);
      }
    }
  });

  it('accepts several authenticators of one client, whatever its last block has', () => {
    for (let letters = 1; letters <= 8; letters++) {
      const replayCache = new ReplayCache();
      for (const checksum of [1, 2]) {
        const client = 'a'.repeat(letters);
        const { request, srvtab } = requestMade({ client }, { random: () => u32be(checksum) });
        expect(step(acceptor({ srvtab, replayCache }), request).context, client).toBeDefined();
      }
    }
  });

  it('refuses a ticket or an authenticator with a whole block of padding', () => {
    const { request, srvtab } = requestMade();
    const { ticket, authenticator } = parseApReq(request);
    const session = desKey(fromHex(SAMPLE.session_key), ciphers);
    const service = desKey(srvtab[0]!.key, ciphers);
    const more = (key: typeof session, sealed: Uint8Array, octets: number) =>
      pcbcEncrypt(key, concat(pcbcDecrypt(key, sealed), new Uint8Array(octets)));
    const head = request.subarray(0, -(2 + ticket.length + authenticator.length));
    const put = (first: Uint8Array, second: Uint8Array) =>
      concat(head, Uint8Array.of(first.length, second.length), first, second);
    const attempt = (token: Uint8Array) => () => step(acceptor({ srvtab }), token);
    expect(attempt(put(ticket, authenticator))().context).toBeDefined();
    expectCode(attempt(put(more(service, ticket, 8), authenticator)), 'security/no-key');
    expectCode(attempt(put(ticket, more(session, authenticator, 8))), 'security/bad-token');
  });

  it('refuses a client at another address than in its ticket without anyAddress', () => {
    const peer = { address: address('192.0.2.7'), port: 40_001 };
    const error = errorOf(() => step(acceptor({ peer }), requestOf(SAMPLE)));
    expect([error.code, error.message]).toEqual([
      'security/wrong-name',
      "the ticket is not valid for the client's address (set anyAddress to permit it)",
    ]);
    expect(step(acceptor({ peer, anyAddress: true }), requestOf(SAMPLE)).context).toBeDefined();
  });

  it('refuses the authenticator of another client, and no security data at all', () => {
    const { srvtab, tickets, service } = made();
    const request = step(initiator({ tickets: { ...tickets, name: 'otto' }, service })).token!;
    const error = errorOf(() => step(acceptor({ srvtab }), request));
    expect([error.code, error.message]).toEqual([
      'security/wrong-name',
      'ticket and authenticator have different client names',
    ]);
    expectCode(() => step(acceptor()), 'security/bad-token');
  });

  it('does not record a refused AP_REQ', () => {
    const replayCache = new ReplayCache({ capacity: 1 });
    errorOf(() => step(acceptor({ replayCache, ...later(301) }), requestOf(SAMPLE)));
    expect(step(acceptor({ replayCache }), requestOf(SAMPLE)).context).toBeDefined();
  });

  it('survives any change, and never fails otherwise than by refusing', () => {
    const request = requestOf(SAMPLE);
    const change = fc.record({ at: fc.nat(request.length), remove: fc.nat(20), add: fc.uint8Array({ maxLength: 20 }) });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), changes => {
        const changed = changes.reduce(
          (octets, { at, remove, add }) => concat(octets.subarray(0, at), add, octets.subarray(at + remove)),
          request,
        );
        onlyRefuses(() => step(acceptor(), changed));
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 150 }), octets => void onlyRefuses(() => step(acceptor(), octets))),
    );
  });
});

/** Sets the time of the sample into an authenticator of the sample's session key. */
function retimed(request: Uint8Array): Uint8Array {
  const { authenticator } = parseApReq(request);
  const session = desKey(fromHex(SAMPLE.session_key), ciphers);
  const plaintext = pcbcDecrypt(session, authenticator);
  // `anna`, no instance, `A.TEST`, each with its NUL; checksum and fraction.
  plaintext.set(u32be(SAMPLE.issue_date), 5 + 1 + 7 + 5);
  return concat(request.subarray(0, -authenticator.length), pcbcEncrypt(session, plaintext));
}

describe('an initiator', () => {
  it('needs a ticket for the service, and uses the last one', () => {
    const { tickets, service } = made();
    const error = errorOf(() => initiator({ tickets, service: { ...service, name: 'rcmd' } }));
    expect([error.code, error.side, error.message]).toEqual([
      'security/no-key',
      'local',
      expect.stringMatching(/^no ticket for rcmd.host@A.TEST \(the ticket file holds ftp.*\): a client of Kerberos V4/),
    ]);
    const none = errorOf(() => initiator({ tickets: { ...tickets, credentials: [] }, service }));
    expect(none.message).toMatch(/^no ticket for ftp.host@A.TEST \(the ticket file holds no tickets\)/);
    const later = { ...tickets.credentials[0]!, kvno: 9 };
    const both = { ...tickets, credentials: [...tickets.credentials, later] };
    expect(parseApReq(step(initiator({ tickets: both, service })).token!).kvno).toBe(9);
  });

  it('has the realm of the first ticket, which is that of its own ticket server', () => {
    const { tickets, service, srvtab } = made();
    const own = { ...tickets.credentials[0]!, name: 'krbtgt', instance: 'B.TEST', realm: 'B.TEST' };
    const { token } = step(initiator({ tickets: { ...tickets, credentials: [own, ...tickets.credentials] }, service }));
    expectCode(() => openApReq(parseApReq(token!), srvtab, ciphers), 'security/wrong-name');
  });

  it('refuses to use a ticket that has expired, or that no AP_REQ can hold', () => {
    const { tickets, service } = made({ life: 1 });
    const error = errorOf(() => step(initiator({ tickets, service, ...later(301) })));
    expect([error.code, error.side]).toEqual(['security/expired', 'local']);
    expect(step(initiator({ tickets, service, ...later(300) })).token).toBeDefined();
    const longest = [{ ...tickets.credentials[0]!, ticket: new Uint8Array(248) }];
    expect(step(initiator({ tickets: { ...tickets, credentials: longest }, service })).token).toBeDefined();
    for (const length of [0, 12, 256]) {
      const credentials = [{ ...tickets.credentials[0]!, ticket: new Uint8Array(length) }];
      const { code, side } = errorOf(() => step(initiator({ tickets: { ...tickets, credentials }, service })));
      expect([code, side]).toEqual(['security/bad-token', 'local']);
    }
  });

  it.each<[string, Uint8Array, ErrorCode]>([
    ['to another checksum', answerWith({}), 'security/bad-checksum'],
    ['that is private', answerWith({ level: 'private' }), 'security/bad-token'],
    ['of a time ahead', answerWith({ seconds: 301 }), 'security/clock-skew'],
    ['of another time', answerWith({ seconds: -301 }), 'security/expired'],
    ['from another address', answerWith({ from: '192.0.2.9' }), 'security/wrong-direction'],
    ['under another key', answerWith({ key: '0000000000000000' }), 'security/bad-checksum'],
  ])('refuses an answer %s, and is over', (_, answer, code) => {
    const exchange = initiator({ random: () => u32be(1) });
    step(exchange);
    expectCode(() => step(exchange, answer), code);
    expectCode(() => step(exchange, answerOf(SAMPLE)), 'sequence/closed');
  });

  it('survives any answer', () => {
    fc.assert(
      fc.property(fc.nat(40), fc.uint8Array({ maxLength: 60 }), (kept, more) => {
        const exchange = initiator();
        step(exchange);
        const answer = concat(answerOf(SAMPLE).subarray(0, kept), more);
        const established = onlyRefuses(() => step(exchange, answer));
        expect(established === undefined || toHex(answer) === SAMPLE.mutual_reply_safe).toBe(true);
      }),
    );
  });

  it('refuses to go on without an answer, or with one before its time', () => {
    const exchange = initiator();
    step(exchange);
    expectCode(() => step(exchange), 'security/bad-token');
    expectCode(() => step(initiator(), answerOf(SAMPLE)), 'security/bad-token');
  });

  it('has a checksum of its own each time', () => {
    const { srvtab, tickets, service } = made();
    const both = { ciphers, allowWeak: true, clock: clockOf(SAMPLE) };
    const checksums = Array.from({ length: 4 }, () => {
      const { token } = step(krb4Initiator({ ...both, tickets, service, local: CLIENT, peer: SERVER }));
      return openApReq(parseApReq(token!), srvtab, ciphers).authenticator.checksum;
    });
    expect(new Set(checksums).size).toBe(4);
  });

  it('completes with the system clock, in either byte order', () => {
    for (const littleEndian of [false, true]) {
      const issued = Math.floor(Date.now() / 1000);
      const { srvtab, tickets, service } = made({ issued, life: 10 });
      const both = { ciphers, allowWeak: true, littleEndian };
      const client = krb4Initiator({ ...both, tickets, service, local: CLIENT, peer: SERVER });
      const server = krb4Acceptor({ ...both, srvtab, local: SERVER, peer: CLIENT });
      const accepted = step(server, step(client).token!);
      const established = step(client, accepted.token!);
      const { token } = established.context!.wrap(ascii('NOOP'), 'private');
      expect(accepted.context!.unwrap(token).plaintext).toEqual(ascii('NOOP'));
    }
  });
});

/** A safe or private message from the server; its text answers the checksum 0. */
function answerWith({
  level = 'safe' as 'safe' | 'private',
  seconds = 0,
  from = '127.0.0.1',
  key = SAMPLE.session_key,
}) {
  const clock = () => clockOf(SAMPLE)() + 1000 * seconds;
  const local = { address: address(from), port: 21 };
  const options = { key: fromHex(key), ciphers, local, peer: CLIENT, clock, allowWeak: true };
  return krb4Context(options).wrap(u32be(level === 'safe' && seconds === 0 ? 1 : 2), level).token;
}

describe('both sides', () => {
  it('are refused without allowWeak, and say why', () => {
    for (const begin of [initiator, acceptor]) {
      const error = errorOf(() => begin({ allowWeak: false }));
      expect([error.code, error.side]).toEqual(['security/weak', 'local']);
      expect(error.message).toMatch(/KERBEROS_V4 is weak: single DES/);
    }
  });

  it('forget every key but that of their context, and that one when it is destroyed', () => {
    const { passed, inUse } = watchedCiphers();
    const client = initiator(passed);
    const contexts = [step(acceptor(passed), step(client).token!).context!, step(client, answerOf(SAMPLE)).context!];
    expect(inUse()).toBe(contexts.length);
    for (const context of contexts) context.destroy();
    expect(inUse()).toBe(0);
  });

  it('erase all keys of a refused message', () => {
    const { passed, inUse } = watchedCiphers();
    const { srvtab, tickets, service } = made();
    const ofAnother = step(initiator({ tickets: { ...tickets, name: 'otto' }, service })).token!;
    const client = initiator(passed);
    step(client);
    errorOf(() => step(client, answerWith({})));
    errorOf(() => step(acceptor({ ...passed, ...later(301) }), requestOf(SAMPLE)));
    errorOf(() => step(acceptor({ ...passed, srvtab }), ofAnother));
    errorOf(() =>
      step(acceptor({ ...passed, srvtab: [{ ...keyOf(SAMPLE), key: new Uint8Array(8) }] }), requestOf(SAMPLE)),
    );
    expect(inUse()).toBe(0);
  });

  it('distinguish misuse from bad input', () => {
    for (const begin of [initiator, acceptor]) {
      expect(() => begin({ local: { ...SERVER, port: -1 } })).toThrow(RangeError);
      const exchange = begin();
      expect(() => exchange.step('x' as never)).toThrow(TypeError);
    }
  });

  it('need the cipher DES', () => {
    for (const [begin, token] of [
      [initiator, undefined],
      [acceptor, requestOf(SAMPLE)],
    ] as const) {
      const error = errorOf(() => step(begin({ ciphers: {} }), token));
      expect([error.code, error.message]).toEqual([
        'security/no-key',
        expect.stringContaining('KERBEROS_V4 needs the cipher des: '),
      ]);
    }
  });
});
