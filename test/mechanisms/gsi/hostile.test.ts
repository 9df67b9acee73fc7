/** Tokens that were changed in any way: an FtpSecurityError, and everything is as before. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concat, fromHex, toHex } from '../../../src/bytes.js';
import { parseIntegrityToken } from '../../../src/mechanisms/gsi/integrity-token.js';
import type { SecurityContext } from '../../../src/protection/mechanism.js';
import { errorOf, expectCode } from '../../helpers.js';
import { PROTOCOLS, pairOf } from './pairs.js';
import { observe, VECTORS, type Vector } from './vectors.js';

/** Changes of a token's octets; one may change nothing. */
const mutation = fc.oneof(
  fc.record({ kind: fc.constant('flip' as const), at: fc.nat(), bits: fc.integer({ min: 1, max: 255 }) }),
  fc.record({ kind: fc.constant('cut' as const), at: fc.nat(), length: fc.nat(40) }),
  fc.record({
    kind: fc.constant('insert' as const),
    at: fc.nat(),
    octets: fc.uint8Array({ minLength: 1, maxLength: 40 }),
  }),
  fc.record({
    kind: fc.constant('replace' as const),
    at: fc.nat(),
    octets: fc.uint8Array({ minLength: 1, maxLength: 40 }),
  }),
  fc.record({ kind: fc.constant('repeat' as const), at: fc.nat(), length: fc.nat(60) }),
  fc.record({ kind: fc.constant('length' as const), at: fc.constant(0), length: fc.nat(0xffff) }),
);
type Mutation = typeof mutation extends fc.Arbitrary<infer T> ? T : never;

function mutated(token: Uint8Array, change: Mutation): Uint8Array {
  const at = change.at % (token.length + 1);
  const [before, after] = [token.slice(0, at), token.slice(at)];
  switch (change.kind) {
    case 'flip':
      if (after.length > 0) after[0]! ^= change.bits;
      return concat(before, after);
    case 'cut':
      return concat(before, after.subarray(change.length));
    case 'insert':
      return concat(before, change.octets, after);
    case 'replace':
      return concat(before, change.octets, after.subarray(change.octets.length));
    case 'repeat':
      return concat(before, after.subarray(0, change.length), after);
    case 'length':
      return concat(token.slice(0, 3), Uint8Array.of(change.length >> 8, change.length & 0xff), token.slice(5));
  }
}

const changes = fc.array(mutation, { minLength: 1, maxLength: 3 });

function expectUnmoved(context: SecurityContext, other: Uint8Array): void {
  const { lastReceived, lastFollows } = context;
  expect(errorOf(() => context.unwrap(other)).code).toMatch(/^security\/(bad-token|bad-checksum|replayed)$/);
  expect([context.lastReceived, context.lastFollows]).toEqual([lastReceived, lastFollows]);
}

describe('a record that was changed', () => {
  test.each(PROTOCOLS)('$name', protocol => {
    const { initiator, acceptor } = pairOf(protocol, { maxSkipped: 4 });
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 60 }),
        fc.array(changes, { minLength: 1, maxLength: 5 }),
        (text, several) => {
          const { token, level } = initiator.wrap(text, 'safe');
          const others = several.map(changed => changed.reduce(mutated, token));
          for (const other of others) if (toHex(other) !== toHex(token)) expectUnmoved(acceptor, other);
          expect(acceptor.unwrap(token)).toEqual({ plaintext: text, level, sequence: 'ok' });
        },
      ),
      { numRuns: 40 },
    );
  });
});

const INTEGRITY = VECTORS.filter(({ messages }) =>
  messages.some(({ qop, verified }) => qop === 1 && verified === true),
);
const integrityTokens = ({ messages }: Vector) =>
  messages
    .filter(({ qop, verified, dir }) => qop === 1 && verified === true && dir === 'i2a')
    .map(({ token_hex }) => fromHex(token_hex!));

test('integrity-only tokens that are missing are counted, and one that is late is not counted twice', () => {
  const several = INTEGRITY.filter(vector => integrityTokens(vector).length >= 3);
  expect(several.length).toBeGreaterThan(0);
  for (const vector of several) {
    const context = observe(vector).fromClient!;
    const tokens = integrityTokens(vector);
    const states = [0, 2, 1].map(i => {
      const { sequence, level } = context.unwrap(tokens[i]!);
      return [sequence, level, context.lastReceived];
    });
    expect(states).toEqual([
      ['ok', 'safe', 0n],
      ['gap', 'safe', 2n],
      ['late', 'safe', 3n],
    ]);
  }
});

describe('an integrity-only token that was changed', () => {
  test.each(INTEGRITY)('$name', vector => {
    const context = observe(vector).fromClient!;
    for (const token of integrityTokens(vector)) {
      fc.assert(
        fc.property(changes, changed => {
          const other = changed.reduce(mutated, token);
          fc.pre(toHex(other) !== toHex(token));
          expectUnmoved(context, other);
        }),
        { numRuns: 20 },
      );
      expect(context.unwrap(token).level).toBe('safe');
      expectCode(() => context.unwrap(token), 'security/replayed');
    }
  });

  test('its lengths must fit', () => {
    const token = integrityTokens(INTEGRITY[0]!)[0]!;
    for (let end = 0; end < token.length; end++)
      expectCode(() => parseIntegrityToken(token.subarray(0, end)), 'security/bad-token');
    expectCode(() => parseIntegrityToken(concat(token, Uint8Array.of(0))), 'security/bad-token');
    const empty = Uint8Array.from({ length: 33 }, (_, i) => [0x1a, 3, 0, 0, 28][i] ?? 0);
    expect(parseIntegrityToken(empty).plaintext.length).toBe(0);
    expectCode(
      () => parseIntegrityToken(Uint8Array.from(empty, (octet, at) => (at === 4 ? 29 : octet))),
      'security/bad-token',
    );
    const headed = (...head: number[]) => {
      const changed = Uint8Array.from(empty);
      changed.set(head);
      return () => parseIntegrityToken(changed);
    };
    // Type, version, and a MIC too short for number and length, with so much more text.
    for (const head of [[0x17], [0x1a, 2], [0x1a, 3, 1]]) expectCode(headed(...head), 'security/bad-token');
    const tooShort = Uint8Array.from(empty);
    tooShort.set([11], 4);
    tooShort.set([17], 16);
    expect(errorOf(() => parseIntegrityToken(tooShort))).toMatchObject({ code: 'security/bad-token', offset: 3 });
    const short = Uint8Array.from(token);
    short.set([0, 4], 3);
    expectCode(() => parseIntegrityToken(short), 'security/bad-token');
  });
});
