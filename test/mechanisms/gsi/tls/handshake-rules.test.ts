/** What a handshake may not have in it, message by message; and what may be absent. */
import { describe, expect, test } from 'vitest';
import { concat, concatAll, copy, toHex, toUtf8, u16be } from '../../../../src/bytes.js';
import { parseKeyLog } from '../../../../src/mechanisms/gsi/index.js';
import { Handshake } from '../../../../src/mechanisms/gsi/tls/handshake.js';
import {
  HandshakeMessages,
  parseClientHello,
  serverNameOf,
} from '../../../../src/mechanisms/gsi/tls/handshake-messages.js';
import { finishedData13 } from '../../../../src/mechanisms/gsi/tls/key-schedule.js';
import { formatKeyUpdate, parsePostHandshake } from '../../../../src/mechanisms/gsi/tls/post-handshake.js';
import { APPLICATION_DATA } from '../../../../src/mechanisms/gsi/tls/record-cipher.js';
import {
  type Direction,
  directionOf13,
  formatRecord,
  HANDSHAKE,
  sealRecord,
  updatedDirection,
} from '../../../../src/mechanisms/gsi/tls/records.js';
import { suiteByNumber } from '../../../../src/mechanisms/gsi/tls/suites.js';
import type { Peer } from '../../../../src/protection/mechanism.js';
import { errorOf } from '../../../helpers.js';

const [TLS_1_2, TLS_1_3] = [0x0303, 0x0304];
const GCM_12 = 0x009c;
const [GCM_128, GCM_256] = [0x1301, 0x1302];
const UNKNOWN_SUITE = 0x000a;
const RANDOM = { client: new Uint8Array(32).fill(1), server: new Uint8Array(32).fill(2) };
/** RFC 8446 §4.1.3: SHA-256 of "HelloRetryRequest". */
const RETRY = Uint8Array.from(Buffer.from('cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c', 'hex'));

const message = (type: number, ...parts: Uint8Array[]) => {
  const body = concatAll(parts);
  return concat(Uint8Array.of(type, 0, body.length >> 8, body.length), body);
};
const extension = (number: number, ...octets: number[]) =>
  concatAll([u16be(number), u16be(octets.length), Uint8Array.from(octets)]);
const listed = (extensions: readonly Uint8Array[]) => {
  const octets = concatAll(extensions);
  return concat(u16be(octets.length), octets);
};
const helloBody = (suites: readonly number[], ...rest: Uint8Array[]) =>
  concatAll([
    u16be(TLS_1_2),
    RANDOM.client,
    Uint8Array.of(0),
    u16be(2 * suites.length),
    ...suites.map(u16be),
    Uint8Array.of(1, 0),
    ...rest,
  ]);
const clientHello = (...suites: number[]) => message(1, helloBody(suites));

interface Answer {
  random?: Uint8Array;
  compression?: number;
  extensions?: Uint8Array[];
}

const serverHello = (suite: number, { random = RANDOM.server, compression = 0, extensions }: Answer = {}) => {
  const head = concatAll([u16be(TLS_1_2), random, Uint8Array.of(0), u16be(suite), Uint8Array.of(compression)]);
  return message(2, extensions ? concat(head, listed(extensions)) : head);
};
const TLS13 = [extension(43, 3, 4)];
const serverHello13 = (suite: number, random?: Uint8Array) =>
  serverHello(suite, { extensions: TLS13, ...(random && { random }) });

const record = (...messages: Uint8Array[]) => formatRecord(HANDSHAKE, TLS_1_2, concatAll(messages));

/** A handshake that has begun with the client's offer, and what the server's messages do to it. */
function offered(...suites: number[]) {
  const handshake = new Handshake({ keyLogs: [], rsaKeys: [] });
  handshake.push('client', record(clientHello(...suites)));
  return handshake;
}
const refusalOf = (handshake: Handshake, from: Peer, ...messages: Uint8Array[]) => {
  const { code, message } = errorOf(() => handshake.push(from, record(...messages)));
  expect(code).toBe('security/bad-token');
  return message;
};

describe('a hello', () => {
  test('may not select compression', () => {
    const hello = serverHello(GCM_12, { compression: 1 });
    expect(refusalOf(offered(GCM_12), 'server', hello)).toContain('TLS compression');
  });

  test('may not have an extension twice', () => {
    const hello = serverHello(GCM_12, { extensions: [extension(23), extension(22), extension(23)] });
    expect(refusalOf(offered(GCM_12), 'server', hello)).toBe('TLS extension 23 comes twice');
  });

  test('may have no extensions at all, and then names no server', () => {
    const hello = parseClientHello(helloBody([GCM_12]));
    expect(hello.extensions.size).toBe(0);
    expect(serverNameOf(hello)).toBeUndefined();
  });

  test('names the server if its extension has a name', () => {
    const name = [...toUtf8('host.test')];
    const named = (...octets: number[]) =>
      serverNameOf(parseClientHello(helloBody([GCM_12], listed([extension(0, ...octets)]))));
    expect(named(0, name.length + 3, 0, 0, name.length, ...name)).toEqual(Uint8Array.from(name));
    expect(named(0, 3, 0, 0, 0)).toBeUndefined();
  });

  test('of the server comes once, and not from the client', () => {
    const handshake = offered(GCM_12);
    expect(refusalOf(handshake, 'client', serverHello(GCM_12))).toBe('unexpected ServerHello');
    handshake.push('server', record(serverHello(GCM_12)));
    expect(handshake.agreed).toMatchObject({ version: TLS_1_2, suite: suiteByNumber(GCM_12) });
    expect(refusalOf(handshake, 'server', serverHello(GCM_12))).toBe('unexpected ServerHello');
  });

  test('may ask for another once, and then selects the same suite', () => {
    const retried = () => {
      const handshake = offered(GCM_128, GCM_256);
      handshake.push('server', record(serverHello13(GCM_128, RETRY)));
      handshake.push('client', record(clientHello(GCM_128, GCM_256)));
      return handshake;
    };
    expect(refusalOf(retried(), 'server', serverHello13(GCM_128, RETRY))).toBe('second HelloRetryRequest');
    expect(refusalOf(retried(), 'server', serverHello13(GCM_256))).toBe(
      'the server has changed the cipher suite after HelloRetryRequest',
    );
    const handshake = retried();
    handshake.push('server', record(serverHello13(GCM_128)));
    expect(handshake.agreed).toMatchObject({ version: TLS_1_3, suite: suiteByNumber(GCM_128) });
  });

  test('with an unknown suite ends what is read, also in the same record', () => {
    const handshake = offered(UNKNOWN_SUITE);
    // Of the server this would be refused.
    handshake.push('server', record(serverHello(UNKNOWN_SUITE), clientHello(GCM_12)));
    expect(handshake.problem?.code).toBe('security/no-key');
  });
});

describe('a handshake', () => {
  test('begins with the hello of the client, which comes once', () => {
    const handshake = new Handshake({ keyLogs: [], rsaKeys: [] });
    const first = 'a TLS handshake begins with ClientHello';
    expect(refusalOf(handshake, 'client', message(11, Uint8Array.of(0, 0, 0)))).toBe(first);
    expect(refusalOf(handshake, 'server', message(12))).toBe(first);
    const begun = offered(GCM_12);
    begun.push('server', record(serverHello(GCM_12)));
    expect(refusalOf(begun, 'client', clientHello(GCM_12))).toBe('unexpected ClientHello: renegotiation is refused');
  });

  test('has a key exchange of the client alone, behind ServerHello', () => {
    const exchange = message(16, Uint8Array.of(0, 0));
    expect(refusalOf(offered(GCM_12), 'client', exchange)).toBe('unexpected ClientKeyExchange');
    const handshake = offered(GCM_12);
    handshake.push('server', record(serverHello(GCM_12)));
    expect(refusalOf(handshake, 'server', exchange)).toBe('unexpected ClientKeyExchange');
    handshake.push('client', record(exchange));
    expect(refusalOf(handshake, 'client', exchange)).toBe('unexpected ClientKeyExchange');
  });

  test('has no version after TLS 1.3, and no suite of a later version', () => {
    const selecting = (suite: number, minor: number) => {
      const hello = serverHello(suite, { extensions: [extension(43, 3, minor)] });
      return refusalOf(offered(suite), 'server', hello);
    };
    expect(selecting(GCM_128, 5)).toBe('TLS version 305');
    // TLS_RSA_WITH_AES_128_CBC_SHA256, whose MAC exists since TLS 1.2 (RFC 5246 §1.2).
    for (const minor of [1, 2])
      expect(selecting(0x003c, minor)).toMatch(/^TLS_RSA_WITH_AES_128_CBC_SHA256 is not a cipher suite of TLS 1.[01]$/);
    const handshake = offered(0x003c);
    handshake.push('server', record(serverHello(0x003c)));
    expect(handshake.agreed?.version).toBe(TLS_1_2);
  });

  test('has at most 1 MiB of messages on each side', () => {
    const messages = new HandshakeMessages();
    expect(messages.push(Uint8Array.from({ length: 2 ** 20 }, (_, i) => (i < 4 ? 0xff : 0)))).toEqual([]);
    expect(errorOf(() => messages.push(Uint8Array.of(0))).code).toBe('syntax/limit-exceeded');
  });

  test('ends with an alert, also one that is cut', () => {
    for (const [octets, name] of [
      [[2, 40], 'handshake_failure'],
      [[2], 'truncated alert'],
    ] as const) {
      const handshake = offered(GCM_12);
      handshake.push('server', formatRecord(21, TLS_1_2, Uint8Array.from(octets)));
      expect(handshake.problem?.message).toBe(`TLS alert of the server: ${name}`);
    }
  });

  /** As OpenSSL's: otherwise a client could hide from an observer what the server sees. */
  test('goes on after a warning, but for close_notify and no_renegotiation', () => {
    const afterWarning = (description: number, from: Peer = 'client') => {
      const handshake = offered(GCM_12);
      handshake.push(from, formatRecord(21, TLS_1_2, Uint8Array.of(1, description)));
      handshake.push('server', record(serverHello(GCM_12)));
      return [handshake.problem?.message, handshake.agreed?.version];
    };
    for (const description of [46, 90, 112]) expect(afterWarning(description)).toEqual([undefined, TLS_1_2]);
    expect(afterWarning(0)).toEqual(['TLS alert of the client: close_notify', undefined]);
    expect(afterWarning(100, 'server')).toEqual(['TLS alert of the server: no_renegotiation', undefined]);
  });

  test('has empty records in the clear, which say nothing', () => {
    const handshake = new Handshake({ keyLogs: [], rsaKeys: [] });
    const empty = formatRecord(HANDSHAKE, TLS_1_2, new Uint8Array());
    handshake.push('client', concat(empty, record(clientHello(GCM_12)), empty));
    handshake.push('server', concat(empty, record(serverHello(GCM_12))));
    expect(handshake.agreed?.version).toBe(TLS_1_2);
  });

  test('has ChangeCipherSpec from ClientHello on, in any number, in TLS 1.3', () => {
    const change = formatRecord(20, TLS_1_2, Uint8Array.of(1));
    const handshake = offered(GCM_128);
    handshake.push('client', concat(change, change));
    handshake.push('server', concat(record(serverHello13(GCM_128)), change));
    expect(handshake.agreed?.version).toBe(TLS_1_3);
    const early = new Handshake({ keyLogs: [], rsaKeys: [] });
    expect(errorOf(() => early.push('client', change)).message).toBe('unexpected ChangeCipherSpec');
  });
});

test('certificates that come before ServerHello are read as those of TLS 1.2', () => {
  const handshake = offered(GCM_12);
  const certificate = toUtf8('a certificate');
  const list = concatAll([Uint8Array.of(0), u16be(certificate.length), certificate]);
  handshake.push('server', record(message(11, Uint8Array.of(0), u16be(list.length), list)));
  expect(handshake.certificatesOf('server')).toEqual([certificate]);
});

test('Finished may not come in the clear', () => {
  const handshake = offered(GCM_12);
  handshake.push('server', record(serverHello(GCM_12)));
  expect(refusalOf(handshake, 'server', message(20, new Uint8Array(12)))).toBe('Finished in the clear');
});

test('a record has at most 2^14 octets of content', () => {
  const handshake = new Handshake({ keyLogs: [], rsaKeys: [] });
  handshake.push('client', formatRecord(HANDSHAKE, TLS_1_2, new Uint8Array(2 ** 14).fill(1)));
  expect(refusalOf(new Handshake({ keyLogs: [], rsaKeys: [] }), 'client', new Uint8Array(2 ** 14 + 1).fill(1))).toBe(
    'TLS record with too much content',
  );
});

describe('after a handshake of TLS 1.3', () => {
  const suite = suiteByNumber(GCM_128)!;
  const LABELS = [
    'CLIENT_HANDSHAKE_TRAFFIC_SECRET',
    'SERVER_HANDSHAKE_TRAFFIC_SECRET',
    'CLIENT_TRAFFIC_SECRET_0',
    'SERVER_TRAFFIC_SECRET_0',
  ];
  const secretOf = (label: string) => new Uint8Array(32).fill(40 + LABELS.indexOf(label));
  const log = LABELS.map(label => `${label} ${toHex(RANDOM.client)} ${toHex(secretOf(label))}\n`).join('');
  const sealed = (direction: Direction, type: number, content: Uint8Array) => sealRecord(direction, { type, content });

  function withHellos(isLive = false) {
    const handshake = new Handshake({ keyLogs: [parseKeyLog(toUtf8(log))], rsaKeys: [], isLive });
    const transcript = [clientHello(GCM_128), serverHello13(GCM_128)];
    handshake.push('client', record(transcript[0]!));
    handshake.push('server', record(transcript[1]!));
    return { handshake, transcript };
  }

  /** Both hellos, and each side's Finished in a record with further octets after it. */
  function handshakeWith(trailing = new Uint8Array(), isLive = false) {
    const { handshake, transcript } = withHellos(isLive);
    for (const peer of ['server', 'client'] as const) {
      const secret = secretOf(`${peer.toUpperCase()}_HANDSHAKE_TRAFFIC_SECRET`);
      const finished = message(20, finishedData13(suite, secret, transcript));
      const content = concat(finished, peer === 'client' ? trailing : new Uint8Array());
      handshake.push(peer, sealed(directionOf13(suite, secret), HANDSHAKE, content).octets);
      transcript.push(finished);
    }
    return handshake;
  }

  test('text of both sides is read, with new keys after KeyUpdate', () => {
    const handshake = handshakeWith();
    expect([handshake.isComplete, handshake.problem]).toEqual([true, undefined]);
    const first = directionOf13(suite, secretOf('CLIENT_TRAFFIC_SECRET_0'));
    const update = sealed(first, HANDSHAKE, formatKeyUpdate());
    const text = sealed(updatedDirection(first), APPLICATION_DATA, toUtf8('D'));
    handshake.push('client', concat(update.octets, text.octets));
    expect(handshake.textsOf('client')).toEqual([toUtf8('D')]);
    const old = handshakeWith();
    expect(
      errorOf(() =>
        old.push('client', concat(update.octets, sealed(update.next, APPLICATION_DATA, toUtf8('D')).octets)),
      ).code,
    ).toBe('security/bad-checksum');
  });

  test('a token has 32 KeyUpdates at most if it is for us, and as many as it likes in a recording', () => {
    let next = directionOf13(suite, secretOf('CLIENT_TRAFFIC_SECRET_0'));
    const updates = Array.from({ length: 33 }, () => {
      const { octets } = sealed(next, HANDSHAKE, formatKeyUpdate());
      next = updatedDirection(next);
      return octets;
    });
    const live = () => handshakeWith(undefined, true);
    expect(errorOf(() => live().push('client', concat(...updates))).message).toBe(
      'more than 32 KeyUpdates in one token',
    );
    const handshake = live();
    handshake.push('client', concat(...updates.slice(0, 32)));
    handshake.push('client', updates[32]!);
    expect(handshake.problem).toBeUndefined();
    const recorded = handshakeWith();
    recorded.push('client', concat(...updates, sealed(next, APPLICATION_DATA, toUtf8('D')).octets));
    expect(recorded.textsOf('client')).toEqual([toUtf8('D')]);
  });

  test('a KeyUpdate may be split over records and tokens, but not by other records', () => {
    const first = directionOf13(suite, secretOf('CLIENT_TRAFFIC_SECRET_0'));
    const one = sealed(first, HANDSHAKE, formatKeyUpdate().subarray(0, 2));
    const two = sealed(one.next, HANDSHAKE, formatKeyUpdate().subarray(2));
    const text = sealed(updatedDirection(two.next), APPLICATION_DATA, toUtf8('D'));
    for (const tokens of [[one, two, text], [one]]) {
      const handshake = handshakeWith();
      handshake.push('client', concat(...tokens.map(({ octets }) => octets)));
      if (tokens.length === 1) handshake.push('client', concat(two.octets, text.octets));
      expect(handshake.textsOf('client')).toEqual([toUtf8('D')]);
    }
    const between = concat(one.octets, sealed(one.next, APPLICATION_DATA, toUtf8('D')).octets);
    expect(errorOf(() => handshakeWith().push('client', between)).message).toBe(
      'TLS record within a handshake message',
    );
  });

  test('an alert is passed over if it says that the user has canceled, in the clear too', () => {
    const alert = (level: number, description: number) => formatRecord(21, TLS_1_2, Uint8Array.of(level, description));
    const { handshake } = withHellos();
    handshake.push('client', concat(alert(1, 90), alert(2, 90)));
    expect(handshake.problem).toBeUndefined();
    handshake.push('client', alert(1, 46));
    expect(handshake.problem?.message).toBe('TLS alert of the client: certificate_unknown');
  });

  test('a Finished that is wrong is a problem, and the handshake is not complete', () => {
    const { handshake, transcript } = withHellos();
    const secret = secretOf('SERVER_HANDSHAKE_TRAFFIC_SECRET');
    const data = finishedData13(suite, secret, transcript);
    data[31]! ^= 1;
    handshake.push('server', sealed(directionOf13(suite, secret), HANDSHAKE, message(20, data)).octets);
    expect([handshake.problem?.code, handshake.isComplete, handshake.directionOf('server')]).toEqual([
      'security/bad-checksum',
      false,
      undefined,
    ]);
    expect(handshake.problem?.message).toBe('Finished of the server does not match the handshake');
  });

  test('ChangeCipherSpec may come between messages before Finished, and has only the octet 1', () => {
    const changed = (...octets: number[]) => formatRecord(20, TLS_1_2, Uint8Array.from(octets));
    const { handshake } = withHellos();
    handshake.push('server', changed(1));
    handshake.push('client', changed(1));
    for (const octets of [[], [0], [2], [1, 1], [1, 0]]) {
      expect(errorOf(() => withHellos().handshake.push('client', changed(...octets))).message).toBe(
        'unexpected ChangeCipherSpec',
      );
    }
    const cut = offered(GCM_128);
    cut.push('server', record(serverHello13(GCM_128).subarray(0, 10)));
    expect(errorOf(() => cut.push('server', changed(1))).message).toBe('unexpected ChangeCipherSpec');
  });

  test('records that are not protected are refused, and so are types that no text has', () => {
    for (const [type, octets] of [
      [21, [2, 48]],
      [20, [1]],
    ] as const) {
      const token = formatRecord(type, TLS_1_2, Uint8Array.from(octets));
      expect(errorOf(() => handshakeWith().push('client', token)).message).toBe('unencrypted TLS record');
    }
    const direction = () => directionOf13(suite, secretOf('CLIENT_TRAFFIC_SECRET_0'));
    for (const type of [0, 24, 255]) {
      const handshake = handshakeWith();
      const error = errorOf(() => handshake.push('client', sealed(direction(), type, toUtf8('D')).octets));
      expect([error.code, handshake.textsOf('client')]).toEqual(['security/bad-token', []]);
    }
  });

  test('nothing may follow Finished in its record', () => {
    expect(errorOf(() => handshakeWith(Uint8Array.of(24))).message).toBe('handshake message after Finished');
  });

  test('no other messages come than tickets and new keys', () => {
    const rest = new Uint8Array();
    const nothing = { updatesKeys: false, wantsUpdate: false, rest };
    expect(parsePostHandshake(TLS_1_3, message(4, copy(RANDOM.server)))).toEqual(nothing);
    for (const wantsUpdate of [false, true]) {
      const update = message(24, Uint8Array.of(Number(wantsUpdate)));
      expect(parsePostHandshake(TLS_1_3, update)).toEqual({ updatesKeys: true, wantsUpdate, rest });
    }
    expect(errorOf(() => parsePostHandshake(TLS_1_3, message(11))).message).toBe(
      'handshake message 11 after the handshake',
    );
    const ticket = message(4, new Uint8Array(5000));
    expect(parsePostHandshake(TLS_1_3, ticket.subarray(0, 4096)).rest.length).toBe(4096);
    expect(errorOf(() => parsePostHandshake(TLS_1_3, ticket.subarray(0, 4097))).message).toBe(
      'incomplete handshake message',
    );
  });
});
