import { describe, expect, test, vi } from 'vitest';
import { concat, fromHex, fromUtf8, toHex, toUtf8 } from '../../../src/bytes.js';
import { RecordContext } from '../../../src/mechanisms/gsi/context.js';
import { gsiObserver, parseKeyLog } from '../../../src/mechanisms/gsi/index.js';
import { nextTrafficSecret, TLS_1_0, TLS_1_2, TLS_1_3 } from '../../../src/mechanisms/gsi/tls/key-schedule.js';
import {
  ALERT,
  copyDirection,
  type Direction,
  formatRecord,
  HANDSHAKE,
  sealRecord,
  updatedDirection,
} from '../../../src/mechanisms/gsi/tls/records.js';
import type { ObservedStep, Peer } from '../../../src/protection/mechanism.js';
import { errorOf } from '../../helpers.js';
import { directionsFor, directionsForBoth, PROTOCOLS, pairOf, protocolOf } from './pairs.js';
import { file, VECTORS } from './vectors.js';

const TLS13 = protocolOf(TLS_1_3, 'TLS_AES_128_GCM_SHA256');
const TLS12 = protocolOf(TLS_1_2, 'TLS_RSA_WITH_AES_128_GCM_SHA256');
const TEXT = toUtf8('NOOP\r\n');
const KEY_UPDATE = 24;
const NEW_SESSION_TICKET = 4;

const message = (type: number, ...body: number[]) => Uint8Array.of(type, 0, 0, body.length, ...body);

/** A context, and the direction of its peer. */
function receiver(protocol: typeof TLS13, maxSkipped = 0): { context: RecordContext; peer: Direction } {
  const { client, server } = directionsFor(protocol);
  return { context: new RecordContext({ receive: client, send: server, maxSkipped }), peer: client };
}

/** The octets of records that a direction makes in a row. */
function recordsOf(direction: Direction, ...records: [type: number, content: Uint8Array][]): Uint8Array[] {
  let next = direction;
  return records.map(([type, content]) => {
    const sealed = sealRecord(next, { type, content });
    next = type === HANDSHAKE && content[0] === KEY_UPDATE ? updatedDirection(sealed.next) : sealed.next;
    return sealed.octets;
  });
}

/** The peer itself has sent what TLS does not allow: a live context ends, and one of a recording goes on without it. */
function expectFatal(protocol: typeof TLS13, record: [type: number, content: Uint8Array], message = /./): void {
  const { client, server } = directionsFor(protocol);
  const [text, bad] = recordsOf(client, [23, TEXT], record);
  const [sameNumber] = recordsOf(client, record);
  const recorded = new RecordContext({ receive: copyDirection(client) });
  const live = new RecordContext({ receive: client, send: server });
  for (const context of [recorded, live]) {
    const error = errorOf(() => context.unwrap(sameNumber!));
    expect([error.code, message.test(error.message)]).toEqual(['security/bad-token', true]);
  }
  expect(recorded.unwrap(text!).plaintext).toEqual(TEXT);
  expect(errorOf(() => recorded.unwrap(bad!)).code).toBe('security/bad-token');
  expect(errorOf(() => live.unwrap(text!)).code).toBe('sequence/closed');
  expect(errorOf(() => live.wrap(TEXT, 'private')).code).toBe('sequence/closed');
}

describe('KeyUpdate', () => {
  interface Recorded {
    keylog: string[];
    exchange: { from: Peer; token: string }[];
    messages: { by: Peer; typed: string; plain: string; tokens: { from: Peer; token: string }[] }[];
  }
  const recorded: Recorded = JSON.parse(file('openssl-key-update.json').toString());

  test('a recording of OpenSSL with new keys of both sides opens to its end', () => {
    const observer = gsiObserver({ keyLogs: [parseKeyLog(toUtf8(recorded.keylog.join('\n')))] });
    let step: ObservedStep = { facts: {} };
    for (const { from, token } of recorded.exchange) step = observer.observe(from, fromHex(token));
    const said = recorded.messages.map(({ by, tokens }) =>
      tokens.map(({ token }) =>
        fromUtf8((by === 'client' ? step.fromClient! : step.fromServer!).unwrap(fromHex(token)).plaintext),
      ),
    );
    expect(said).toEqual(recorded.messages.map(({ plain }) => [plain]));
    expect(recorded.messages.filter(({ plain }) => plain === '').length).toBe(3);
  });

  const refused: [type: number, content: Uint8Array][] = [[ALERT, Uint8Array.of(1, 0)]];
  test.each([
    ['that is replaced again in the same token', [], undefined],
    ['of a token that is refused later', refused, 'security/bad-token'],
  ] as const)('erases the keys of a direction %s', (_, further, code) => {
    const [{ client }, theirs] = directionsForBoth(TLS13);
    const context = new RecordContext({ receive: client });
    const update: [number, Uint8Array] = [HANDSHAKE, message(KEY_UPDATE, 0)];
    const between = nextTrafficSecret(client.suite, client.secret!);
    const slice = vi.spyOn(Uint8Array.prototype, 'slice');
    const token = concat(...recordsOf(theirs.client, update, ...(code ? [] : [update]), ...further));
    slice.mockClear();
    let error: unknown;
    try {
      context.unwrap(token);
    } catch (thrown) {
      error = thrown;
    }
    const copies = slice.mock.results
      .map(({ value }) => value as Uint8Array)
      .filter(({ length }) => length === between.length);
    slice.mockRestore();
    expect((error as { code?: string } | undefined)?.code).toBe(code);
    expect(copies.length).toBeGreaterThan(0);
    expect(copies.filter(copy => toHex(copy) === toHex(between))).toEqual([]);
    if (code) expect(context.unwrap(recordsOf(theirs.client, [23, TEXT])[0]!).plaintext).toEqual(TEXT);
  });

  test('one that asks for ours is answered before the next text, and changes what fits', () => {
    const [{ client, server }, theirs] = directionsForBoth(TLS13);
    const context = new RecordContext({ receive: client, send: server });
    const [update, text] = recordsOf(theirs.client, [HANDSHAKE, message(KEY_UPDATE, 1)], [23, TEXT]);
    const fits = context.wrapSizeLimit('private', 100);
    expect(context.unwrap(update!).plaintext).toEqual(new Uint8Array());
    expect(context.unwrap(text!).plaintext).toEqual(TEXT);
    const limit = context.wrapSizeLimit('private', 100);
    expect(limit).toBeLessThan(fits);
    const { token } = context.wrap(new Uint8Array(limit), 'private');
    expect(token.length).toBe(100);
    const other = new RecordContext({ receive: theirs.server });
    expect(other.unwrap(token).plaintext.length).toBe(limit);
    expect(context.wrapSizeLimit('private', 100)).toBe(fits);
    expect(other.unwrap(context.wrap(TEXT, 'private').token).plaintext).toEqual(TEXT);
  });

  test('as many as a peer likes take more time than it, so that a token has 32 at most', () => {
    const update: [number, Uint8Array] = [HANDSHAKE, message(KEY_UPDATE, 0)];
    const many = (count: number) => Array.from({ length: count }, () => update);
    for (const [count, isAccepted] of [
      [32, true],
      [33, false],
    ] as const) {
      const { context, peer } = receiver(TLS13);
      const token = concat(...recordsOf(peer, ...many(count), [23, TEXT]));
      if (isAccepted) expect(context.unwrap(token).plaintext).toEqual(TEXT);
      else expect(errorOf(() => context.unwrap(token)).message).toBe('more than 32 KeyUpdates in one token');
    }
  });

  test('a recording has as many as the peer has taken', () => {
    const { client } = directionsFor(TLS13);
    const updates = Array.from({ length: 40 }, (): [number, Uint8Array] => [HANDSHAKE, message(KEY_UPDATE, 0)]);
    const token = concat(...recordsOf(client, ...updates, [23, TEXT]));
    expect(new RecordContext({ receive: client }).unwrap(token).plaintext).toEqual(TEXT);
  });

  test('one that is split over records or tokens is followed in a recording, and ends a live context', () => {
    const { client, server } = directionsFor(TLS13);
    const one = sealRecord(client, { type: HANDSHAKE, content: Uint8Array.of(KEY_UPDATE, 0) });
    const two = sealRecord(one.next, { type: HANDSHAKE, content: Uint8Array.of(0, 1, 0) });
    const text = sealRecord(updatedDirection(two.next), { type: 23, content: TEXT });
    const between = sealRecord(one.next, { type: 23, content: TEXT });
    const recorded = () => new RecordContext({ receive: copyDirection(client) });
    expect(recorded().unwrap(concat(one.octets, two.octets, text.octets)).plaintext).toEqual(TEXT);
    const context = recorded();
    context.unwrap(one.octets);
    expect(errorOf(() => context.unwrap(between.octets)).message).toBe('TLS record within a handshake message');
    expect(context.unwrap(concat(two.octets, text.octets)).plaintext).toEqual(TEXT);
    const live = new RecordContext({ receive: copyDirection(client), send: server });
    expect(errorOf(() => live.unwrap(concat(one.octets, two.octets))).message).toBe('incomplete handshake message');
    expect(errorOf(() => live.unwrap(text.octets)).code).toBe('sequence/closed');
  });

  test('a text under the old keys is refused behind it', () => {
    const { context, peer } = receiver(TLS13);
    const [update] = recordsOf(peer, [HANDSHAKE, message(KEY_UPDATE, 0)]);
    const [, stale] = recordsOf(peer, [23, TEXT], [23, TEXT]);
    context.unwrap(update!);
    expect(errorOf(() => context.unwrap(stale!)).code).toBe('security/bad-checksum');
  });

  test.each([
    ['with another request', [KEY_UPDATE, 0, 0, 1, 2]],
    ['with a message behind it', [KEY_UPDATE, 0, 0, 1, 0, NEW_SESSION_TICKET, 0, 0, 0]],
    ['without its octet', [KEY_UPDATE, 0, 0, 0]],
    ['in an empty record', []],
  ])('one %s is refused, and ends a live context', (_, octets) => {
    expectFatal(TLS13, [HANDSHAKE, Uint8Array.from(octets)]);
  });
});

describe('records that are no text', () => {
  test('session tickets stand between texts', () => {
    const { context, peer } = receiver(TLS13);
    const ticket = message(NEW_SESSION_TICKET, 1, 2, 3);
    const records = recordsOf(peer, [HANDSHAKE, concat(ticket, ticket)], [23, TEXT], [HANDSHAKE, ticket]);
    expect(context.unwrap(concat(...records)).plaintext).toEqual(TEXT);
  });

  test.each(PROTOCOLS.filter(({ version }) => version < TLS_1_3))(
    '$name: renegotiation is refused, and ends a live context',
    protocol => {
      for (const content of [message(0), message(1, 3, 3)]) {
        expectFatal(protocol, [HANDSHAKE, content], /^TLS renegotiation is refused$/);
      }
    },
  );

  test.each([TLS12, TLS13])('$name: alerts are refused, with their names', protocol => {
    const { client } = directionsFor(protocol);
    const context = new RecordContext({ receive: client });
    const [alert] = recordsOf(client, [ALERT, Uint8Array.of(2, 48)]);
    const [text] = recordsOf(client, [23, TEXT]);
    expect(errorOf(() => context.unwrap(alert!)).message).toBe('TLS alert: unknown_ca');
    expect(context.unwrap(text!).plaintext).toEqual(TEXT);
  });

  /** Otherwise a client could hide from an observer what its server, whose TLS is OpenSSL, accepts. */
  test.each([TLS12, TLS13])('$name: an alert after which TLS goes on hides no text of a recording', protocol => {
    const { client, server } = directionsFor(protocol);
    const canceled: [number, Uint8Array] = [ALERT, Uint8Array.of(1, 90)];
    const tokens = [recordsOf(client, canceled, [23, TEXT]), recordsOf(client, [23, TEXT], canceled)].map(records =>
      concat(...records),
    );
    for (const token of tokens) {
      expect(new RecordContext({ receive: copyDirection(client) }).unwrap(token).plaintext).toEqual(TEXT);
      const live = new RecordContext({ receive: copyDirection(client), send: copyDirection(server) });
      expect(errorOf(() => live.unwrap(token)).message).toBe('TLS alert: user_canceled');
    }
    const recorded = new RecordContext({ receive: copyDirection(client) });
    expect(errorOf(() => recorded.unwrap(recordsOf(client, canceled, canceled)[0]!)).message).toBe(
      'TLS alert: user_canceled',
    );
    for (const content of [Uint8Array.of(1, 0), Uint8Array.of(1, 100), Uint8Array.of(1), Uint8Array.of(1, 90, 0)])
      expect(
        errorOf(() => recorded.unwrap(concat(...recordsOf(client, [ALERT, content], [23, TEXT])))).message,
      ).toMatch(/^TLS alert: |truncated/);
    const warned = concat(...recordsOf(client, [ALERT, Uint8Array.of(1, 46)], [23, TEXT]));
    if (protocol === TLS12) expect(recorded.unwrap(warned).plaintext).toEqual(TEXT);
    else expect(errorOf(() => recorded.unwrap(warned)).message).toBe('TLS alert: certificate_unknown');
  });

  test.each([TLS12, TLS13])('$name: an alert ends a live context', protocol => {
    const { context, peer } = receiver(protocol);
    const [text, alert, further] = recordsOf(peer, [23, TEXT], [ALERT, Uint8Array.of(2, 48)], [23, TEXT]);
    expect(errorOf(() => context.unwrap(concat(text!, alert!, further!))).message).toBe('TLS alert: unknown_ca');
    expect(errorOf(() => context.unwrap(further!)).code).toBe('sequence/closed');
    expect(errorOf(() => context.wrap(TEXT, 'private')).code).toBe('sequence/closed');
  });

  test.each([TLS12, TLS13])('$name: no record behind an alert is read, whatever it is', protocol => {
    for (const behind of [recordsOf(directionsFor(protocol).client, [23, TEXT])[0]!, formatRecord(20, TLS_1_2, TEXT)]) {
      const { context, peer } = receiver(protocol);
      const [alert] = recordsOf(peer, [ALERT, Uint8Array.of(2, 48)]);
      expect(errorOf(() => context.unwrap(concat(alert!, behind))).message).toBe('TLS alert: unknown_ca');
      const error = errorOf(() => context.unwrap(alert!));
      expect([error.code, error.side, error.message]).toEqual([
        'sequence/closed',
        'local',
        'the context has ended: TLS alert: unknown_ca',
      ]);
    }
  });

  test.each([TLS12, TLS13])('$name: an alert that is forged changes nothing', protocol => {
    const { context, peer } = receiver(protocol);
    const [text] = recordsOf(peer, [23, TEXT]);
    for (const content of [Uint8Array.of(2, 48), new Uint8Array(26)]) {
      errorOf(() => context.unwrap(formatRecord(ALERT, TLS_1_2, content)));
      errorOf(() => context.unwrap(formatRecord(23, TLS_1_2, content)));
    }
    expect(context.unwrap(text!).plaintext).toEqual(TEXT);
  });

  test('types that no record has are refused', () => {
    for (const type of [0, 20, 24, 255]) {
      expectFatal(TLS13, [type, TEXT]);
      expectFatal(TLS13, [type, message(KEY_UPDATE, 0)]);
    }
    const { context } = receiver(TLS13);
    expect(errorOf(() => context.unwrap(formatRecord(23, TLS_1_2, new Uint8Array(17)))).code).toBe(
      'security/bad-checksum',
    );
    expect(errorOf(() => context.unwrap(formatRecord(22, TLS_1_2, new Uint8Array(17)))).code).toBe(
      'security/bad-token',
    );
  });
});

describe('records that are missing', () => {
  const skipping = PROTOCOLS.filter(({ version, suite }) => version > TLS_1_0 || suite.kind === 'NULL');

  /** A recording in which three records may be missing; `state` opens one of twelve by its number. */
  function numbered(protocol: typeof TLS13) {
    const { context, peer } = receiver(protocol, 3);
    const tokens = recordsOf(
      peer,
      ...Array.from({ length: 12 }, (_, i): [number, Uint8Array] => [23, Uint8Array.of(i)]),
    );
    const state = (i: number) => {
      const { plaintext, sequence } = context.unwrap(tokens[i]!);
      return [plaintext[0], sequence, context.lastReceived, context.lastFollows];
    };
    return { context, state };
  }

  test.each(skipping)('$name: so many may be missing, and not one more', protocol => {
    const { context, state } = numbered(protocol);
    expect([context.lastReceived, context.lastFollows]).toEqual([undefined, false]);
    expect(state(0)).toEqual([0, 'ok', 0n, true]);
    expect(state(2)).toEqual([2, 'gap', 2n, false]);
    expect(state(3)).toEqual([3, 'ok', 3n, true]);
    expect(errorOf(() => state(8)).code).toBe('security/bad-checksum');
    expect(state(7)).toEqual([7, 'gap', 7n, false]);
    expect(state(8)).toEqual([8, 'ok', 8n, true]);
  });

  test.each(skipping)('$name: what is missing may come late, once, and changes nothing for what follows', protocol => {
    const { state } = numbered(protocol);
    expect(state(3)).toEqual([3, 'gap', 3n, false]);
    expect(state(2)).toEqual([2, 'late', 2n, false]);
    expect(state(1)).toEqual([1, 'late', 1n, false]);
    expect(state(0)).toEqual([0, 'late', 0n, true]);
    for (const i of [0, 1, 2, 3]) expect(errorOf(() => state(i)).code).toBe('security/replayed');
    expect(state(4)).toEqual([4, 'ok', 4n, true]);
    expect(state(6)).toEqual([6, 'gap', 6n, false]);
    expect(state(5)).toEqual([5, 'late', 5n, true]);
    expect(state(10)).toEqual([10, 'gap', 10n, false]);
    expect(state(8)).toEqual([8, 'late', 8n, false]);
    expect(state(9)).toEqual([9, 'late', 9n, true]);
    expect(state(7)).toEqual([7, 'late', 7n, true]);
  });

  test('a token of several records that has come late is missing in no part', () => {
    const { context, peer } = receiver(TLS12, 3);
    const [one, two, three] = recordsOf(peer, [23, TEXT], [23, TEXT], [23, TEXT]);
    context.unwrap(three!);
    expect(context.unwrap(concat(one!, two!)).sequence).toBe('late');
    expect(errorOf(() => context.unwrap(two!)).code).toBe('security/bad-checksum');
  });

  test('the last 64 missing records of several gaps may come late', () => {
    const { context, peer } = receiver(TLS12, 40);
    const tokens = recordsOf(peer, ...Array.from({ length: 82 }, (): [number, Uint8Array] => [23, TEXT]));
    for (const i of [40, 81]) expect(context.unwrap(tokens[i]!).sequence).toBe('gap');
    expect(errorOf(() => context.unwrap(tokens[15]!)).code).toBe('security/bad-checksum');
    for (const i of [16, 39, 41, 80]) expect(context.unwrap(tokens[i]!).sequence).toBe('late');
  });

  test.each(PROTOCOLS)('$name: a token that came before is a replay, and one that was changed is not', protocol => {
    const { context, peer } = receiver(protocol, 3);
    const [one, two, three] = recordsOf(peer, [23, TEXT], [23, TEXT], [23, TEXT]);
    const both = concat(one!, two!);
    expect(context.unwrap(both).sequence).toBe('ok');
    for (const token of [both, one!]) expect(errorOf(() => context.unwrap(token)).code).toBe('security/replayed');
    for (const token of [both, three!]) {
      const altered = token.slice();
      altered[6]! ^= 1;
      expect(errorOf(() => context.unwrap(altered)).code).toBe('security/bad-checksum');
    }
    expect(context.unwrap(three!).sequence).toBe('ok');
    expect(errorOf(() => context.unwrap(three!)).code).toBe('security/replayed');
  });

  test('the last 64 missing records may come late, and the last 4096 tokens are known again', () => {
    const { context, peer } = receiver(TLS12, 70);
    const tokens = recordsOf(peer, ...Array.from({ length: 4170 }, (): [number, Uint8Array] => [23, TEXT]));
    context.unwrap(tokens[70]!);
    expect(errorOf(() => context.unwrap(tokens[5]!)).code).toBe('security/bad-checksum');
    expect(context.unwrap(tokens[6]!).sequence).toBe('late');
    for (const token of tokens.slice(71, 4165)) context.unwrap(token);
    for (const i of [6, 70]) expect(errorOf(() => context.unwrap(tokens[i]!)).code).toBe('security/replayed');
    context.unwrap(tokens[4165]!);
    const codes = [70, 6, 71].map(i => errorOf(() => context.unwrap(tokens[i]!)).code);
    expect(codes).toEqual(['security/bad-checksum', 'security/replayed', 'security/replayed']);
  });

  test('a live context does not tell a replay from another record', () => {
    const { context, peer } = receiver(TLS12);
    const [one] = recordsOf(peer, [23, TEXT]);
    context.unwrap(one!);
    expect(errorOf(() => context.unwrap(one!)).code).toBe('security/bad-checksum');
  });

  test('under keys that were replaced nothing comes late or again', () => {
    const { context, peer } = receiver(TLS13, 3);
    const [missing, text, update, next] = recordsOf(
      peer,
      [23, TEXT],
      [23, TEXT],
      [HANDSHAKE, message(KEY_UPDATE, 0)],
      [23, TEXT],
    );
    for (const token of [text!, update!, next!]) context.unwrap(token);
    for (const token of [missing!, text!])
      expect(errorOf(() => context.unwrap(token)).code).toBe('security/bad-checksum');
    expect(errorOf(() => context.unwrap(next!)).code).toBe('security/replayed');
  });

  test('an alert that comes late is one', () => {
    const { context, peer } = receiver(TLS13, 3);
    const [alert, text] = recordsOf(peer, [ALERT, Uint8Array.of(1, 0)], [23, TEXT]);
    context.unwrap(text!);
    expect(errorOf(() => context.unwrap(alert!)).message).toMatch(/alert/);
  });

  test.each([false, true])(
    'none may in TLS 1.0 with CBC, where its block is needed (encrypt-then-MAC: %s)',
    encryptThenMac => {
      const protocol = protocolOf(TLS_1_0, 'TLS_RSA_WITH_AES_128_CBC_SHA', encryptThenMac);
      const { context, peer } = receiver(protocol, 3);
      const tokens = recordsOf(peer, [23, TEXT], [23, TEXT]);
      expect(errorOf(() => context.unwrap(tokens[1]!)).code).toBe('security/bad-checksum');
      for (const token of tokens) expect(context.unwrap(token).plaintext).toEqual(TEXT);
      // With several blocks only the first would be decrypted to a wrong text, and the padding would be right.
      const long = new Uint8Array(60).fill(65);
      const further = receiver(protocol, 3);
      const [first, second] = recordsOf(further.peer, [23, long], [23, long]);
      expect(errorOf(() => further.context.unwrap(second!)).code).toBe('security/bad-checksum');
      expect(further.context.unwrap(first!).plaintext).toEqual(long);
      further.context.interrupted();
      expect(further.context.unwrap(second!).sequence).toBe('ok');
    },
  );

  test('the place goes on over tokens of several records', () => {
    const { initiator, acceptor } = pairOf(TLS12);
    for (const length of [5, 40_000, 5]) acceptor.unwrap(initiator.wrap(new Uint8Array(length), 'private').token);
    expect(acceptor.lastReceived).toBe(2n);
  });
});

describe('limits', () => {
  test('no number is used twice: at the last there is no further token', () => {
    const { client, server } = directionsFor(TLS12);
    const context = new RecordContext({ receive: server, send: { ...client, number: 2 ** 24 - 2 } });
    context.wrap(TEXT, 'private');
    const error = errorOf(() => context.wrap(TEXT, 'private'));
    expect([error.code, error.side]).toEqual(['security/out-of-sequence', 'local']);
  });

  test('new keys that are due begin at number 0 again, so a text may come after the last number', () => {
    const [{ client, server }, theirs] = directionsForBoth(TLS13);
    const send = { ...server, number: 2 ** 24 - 1 };
    const context = new RecordContext({ receive: client, send });
    expect(errorOf(() => context.wrap(TEXT, 'private')).code).toBe('security/out-of-sequence');
    context.unwrap(recordsOf(theirs.client, [HANDSHAKE, message(KEY_UPDATE, 1)])[0]!);
    const peer = new RecordContext({ receive: { ...theirs.server, number: send.number } });
    expect(peer.unwrap(context.wrap(TEXT, 'private').token).plaintext).toEqual(TEXT);
  });

  test('numbers past 2^32 protect as they must', () => {
    const number = 2 ** 40 + 7;
    const { client } = directionsFor(TLS13);
    const { octets } = sealRecord({ ...client, number }, { type: 23, content: TEXT });
    expect(new RecordContext({ receive: { ...client, number } }).unwrap(octets).plaintext).toEqual(TEXT);
    expect(
      errorOf(() => new RecordContext({ receive: { ...client, number: number % 2 ** 32 } }).unwrap(octets)).code,
    ).toBe('security/bad-checksum');
  });

  test('a record holds 16384 octets at most', () => {
    for (const protocol of [TLS12, TLS13]) expectFatal(protocol, [23, new Uint8Array(16_385)], /too much content/);
    const { context } = receiver(TLS13);
    expect(errorOf(() => context.unwrap(formatRecord(23, TLS_1_2, new Uint8Array(18_433)))).code).toBe(
      'security/bad-token',
    );
  });

  test('there is no token for an empty text: Globus makes none either', () => {
    const { initiator, acceptor } = pairOf(TLS12);
    expect(() => initiator.wrap(new Uint8Array(), 'private')).toThrow(RangeError);
    expect(acceptor.unwrap(initiator.wrap(TEXT, 'private').token).sequence).toBe('ok');
    for (const { messages } of VECTORS) {
      const empty = messages.filter(({ op, qop, plain_hex }) => op === 'wrap' && qop === 0 && plain_hex === '');
      for (const { token_hex } of empty) expect(token_hex).toBe('');
    }
  });

  test('a context without keys to send with, or without encryption, says so', () => {
    const context = new RecordContext({ receive: directionsFor(TLS13).client });
    expect(context.supports('private')).toBe(true);
    expect(errorOf(() => context.wrap(TEXT, 'private')).message).toBe('this context only unwraps');
    const { initiator } = pairOf(protocolOf(TLS_1_2, 'TLS_RSA_WITH_NULL_SHA256'));
    expect(initiator.supports('private')).toBe(false);
    expect(errorOf(() => initiator.wrap(TEXT, 'private')).message).toBe('this cipher suite has no level private');
  });

  test('after destroy it says so, and the keys are zeros', () => {
    const { client, server } = directionsFor(TLS13);
    const context = new RecordContext({ receive: client, send: server });
    context.destroy();
    expect(errorOf(() => context.wrap(TEXT, 'private')).message).toBe('the context is destroyed');
    expect([client, server].map(({ secret }) => toHex(secret!))).toEqual(['00'.repeat(32), '00'.repeat(32)]);
  });

  test('integrity-only tokens are refused where their key is not given', () => {
    const { context } = receiver(TLS12);
    const error = errorOf(() =>
      context.unwrap(fromHex('1a0300001c00000000000000000000000500000000000000000000000000000000aabb')),
    );
    expect([error.code, error.message]).toEqual([
      'security/bad-token',
      'integrity-only tokens are refused: anyone can forge them',
    ]);
  });
});

describe('after a gap in a recording', () => {
  const TEXTS = Array.from({ length: 3000 }, (): [number, Uint8Array] => [23, TEXT]);

  test('the next record is found among many numbers, and those after it in a row', () => {
    const { context, peer } = receiver(TLS12, 4);
    const [first, ...rest] = recordsOf(peer, ...TEXTS);
    context.unwrap(first!);
    expect(errorOf(() => context.unwrap(rest[2900]!)).code).toBe('security/bad-checksum');
    context.interrupted();
    expect(context.unwrap(rest[2900]!)).toMatchObject({ plaintext: TEXT, sequence: 'gap' });
    expect(context.lastReceived).toBe(2901n);
    expect(context.unwrap(rest[2901]!)).toMatchObject({ sequence: 'ok' });
    expect(errorOf(() => context.unwrap(rest[2950]!)).code).toBe('security/bad-checksum');
  });

  test('not all work is done again for each token that does not open', () => {
    const { context, peer } = receiver(TLS12, 4);
    const records = recordsOf(peer, ...TEXTS);
    const other = recordsOf(directionsFor(TLS13).client, [23, TEXT])[0]!;
    context.interrupted();
    expect(errorOf(() => context.unwrap(other)).code).toBe('security/bad-checksum');
    const again = receiver(TLS12, 4);
    const [, ...later] = recordsOf(again.peer, ...TEXTS);
    // One that does not open leaves enough trials for another.
    again.context.interrupted();
    errorOf(() => again.context.unwrap(other));
    again.context.interrupted();
    expect(again.context.unwrap(later[2900]!).sequence).toBe('gap');
    for (let i = 1; i < 17; i++) {
      context.interrupted();
      expect(errorOf(() => context.unwrap(other)).code).toBe('security/bad-checksum');
    }
    // The number of trials is used up: what comes soon is found all the same.
    expect(errorOf(() => context.unwrap(records[2900]!)).code).toBe('security/bad-checksum');
    expect(context.unwrap(records[3]!)).toMatchObject({ sequence: 'gap' });
  });

  test('a live context accepts only the next record', () => {
    const { context, peer } = receiver(TLS12);
    const [first, second] = recordsOf(peer, [23, TEXT], [23, TEXT]);
    context.interrupted();
    expect(errorOf(() => context.unwrap(second!)).code).toBe('security/bad-checksum');
    expect(context.unwrap(first!)).toMatchObject({ sequence: 'ok' });
  });
});

test('a size must be an integer, 0 or more', () => {
  const { initiator } = pairOf(TLS12);
  for (const size of [-1, 1.5, Number.NaN, 2 ** 53])
    expect(() => initiator.wrapSizeLimit('private', size)).toThrow(RangeError);
  expect(initiator.wrapSizeLimit('private', 0)).toBe(0);
});

test('its directions are copies, and absent if it can only unwrap', () => {
  const [ours, theirs] = directionsForBoth(TLS12);
  const context = new RecordContext({ send: ours.client, receive: ours.server });
  const { send } = context.directions()!;
  const next = new RecordContext({ send: theirs.server, receive: theirs.client });
  expect(next.unwrap(sealRecord(send, { type: 23, content: TEXT }).octets).plaintext).toEqual(TEXT);
  context.destroy();
  expect(sealRecord(send, { type: 23, content: TEXT }).octets.length).toBeGreaterThan(TEXT.length);
  expect(new RecordContext({ receive: directionsFor(TLS12).client }).directions()).toBeUndefined();
});

test.each(PROTOCOLS)('$name: a record without room for its checksum is refused', protocol => {
  const { acceptor } = pairOf(protocol);
  for (const length of [0, 1, 3]) {
    const token = formatRecord(23, Math.min(protocol.version, TLS_1_2), new Uint8Array(length));
    expect(errorOf(() => acceptor.unwrap(token)).code).toBe('security/bad-checksum');
  }
});
