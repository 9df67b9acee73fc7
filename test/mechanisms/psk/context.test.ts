import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concat, fromUtf8, toUtf8, u64be } from '../../../src/bytes.js';
import { FtpSecurityError } from '../../../src/errors.js';
import { PskContext } from '../../../src/mechanisms/psk/context.js';
import type { TokenLevel } from '../../../src/protection/protection-level.js';

const LEVELS: TokenLevel[] = ['safe', 'private', 'confidential'];
const noop = toUtf8('NOOP\r\n');
const code = (code: string, side = 'peer') => expect.objectContaining({ name: 'FtpSecurityError', code, side });

function pair(limit?: bigint): [PskContext, PskContext] {
  const key = new Uint8Array(16).fill(1);
  const nonces = new Uint8Array(64).fill(2);
  const options = limit === undefined ? { key, nonces } : { key, nonces, limit };
  return [new PskContext({ role: 'initiator', ...options }), new PskContext({ role: 'acceptor', ...options })];
}

describe('X-PSK tokens', () => {
  test('safe shows its plaintext, the others do not', () => {
    const [client] = pair();
    expect(fromUtf8(client.wrap(noop, 'safe').token)).toContain('NOOP');
    expect(fromUtf8(client.wrap(noop, 'private').token)).not.toContain('NOOP');
    expect(fromUtf8(client.wrap(noop, 'confidential').token)).not.toContain('NOOP');
  });

  test.each([
    ['safe', 'S', 's', 9 + 32],
    ['private', 'P', 'p', 9 + 16],
    ['confidential', 'E', 'e', 9],
  ] as const)('%s begins with %s or %s, and is %i octets longer', (level, capital, small, longer) => {
    const [client, server] = pair();
    for (const [context, letter] of [
      [client, capital],
      [server, small],
    ] as const) {
      const { token } = context.wrap(noop, level);
      expect(token.subarray(0, 9)).toEqual(concat(toUtf8(letter), u64be(0n)));
      expect(token).toHaveLength(noop.length + longer);
    }
  });

  test('safe and private count together, confidential apart', () => {
    const [client, server] = pair();
    const tokens = (['safe', 'confidential', 'private', 'confidential', 'safe'] as const).map(
      level => client.wrap(noop, level).token,
    );
    expect(tokens.map(token => token[8])).toEqual([0, 0, 1, 1, 2]);
    expect(tokens.map(token => server.unwrap(token).sequence)).toEqual(['ok', 'ok', 'ok', 'ok', 'ok']);
  });

  test('a header is never used twice in a direction', () => {
    const [client] = pair();
    const headers = Array.from({ length: 300 }, (_, i) =>
      client
        .wrap(noop, LEVELS[i % 3]!)
        .token.subarray(0, 9)
        .join(),
    );
    expect(new Set(headers).size).toBe(300);
  });

  test('when the numbers are used up, wrap throws, and goes on throwing', () => {
    const [client, server] = pair(2n);
    client.wrap(noop, 'safe');
    client.wrap(noop, 'private');
    for (const level of ['safe', 'private'] as const) {
      for (let i = 0; i < 3; i++) {
        expect(() => client.wrap(noop, level)).toThrow(code('security/out-of-sequence', 'local'));
      }
    }
    client.wrap(noop, 'confidential');
    server.wrap(noop, 'safe');
  });
});

describe('is refused:', () => {
  test('a reflected token, at every level', () => {
    const [client, server] = pair();
    for (const level of LEVELS) {
      for (const context of [client, server]) {
        const { token } = context.wrap(noop, level);
        expect(() => context.unwrap(token)).toThrow(code('security/wrong-direction'));
      }
    }
  });

  test('a token that is made to look like the other side sent it', () => {
    const [client] = pair();
    for (const level of ['safe', 'private'] as const) {
      const { token } = client.wrap(noop, level);
      token[0]! ^= 0x20;
      expect(() => client.unwrap(token)).toThrow(code('security/bad-checksum'));
    }
  });

  test('a token that is too short, or begins with no letter of X-PSK', () => {
    const [client, server] = pair();
    for (const [level, shortest] of [
      ['safe', 41],
      ['private', 25],
      ['confidential', 9],
    ] as const) {
      const { token } = client.wrap(new Uint8Array(0), level);
      expect(token).toHaveLength(shortest);
      for (let length = 0; length < shortest; length++) {
        expect(() => server.unwrap(token.subarray(0, length))).toThrow(code('security/bad-token'));
      }
    }
    const { token } = client.wrap(noop, 'safe');
    for (let octet = 0; octet < 256; octet++) {
      if ('SPEspe'.includes(String.fromCharCode(octet))) continue;
      token[0] = octet;
      expect(() => server.unwrap(token)).toThrow(code('security/bad-token'));
    }
  });

  test('a confidential token only when it is a replay: it is not verified, and its number is not believed', () => {
    const [client, server] = pair();
    const forged = client.wrap(noop, 'confidential').token;
    forged.set(u64be(2n ** 64n - 1n), 1);
    expect(server.unwrap(forged)).toMatchObject({ level: 'confidential', sequence: 'gap' });
    expect(() => server.unwrap(forged)).toThrow(code('security/replayed'));
    expect(server.unwrap(client.wrap(noop, 'safe').token).sequence).toBe('ok');
    expect(server.unwrap(client.wrap(noop, 'private').token).sequence).toBe('ok');
  });

  test('a private token relabelled as confidential does not reveal its text', () => {
    const [client, server] = pair();
    const { token } = client.wrap(noop, 'private');
    token[0] = 'E'.charCodeAt(0);
    const { plaintext, level } = server.unwrap(token);
    expect(level).toBe('confidential');
    expect(fromUtf8(plaintext)).not.toContain('NOOP');
  });

  test('an unknown level', () => {
    const [client] = pair();
    // @ts-expect-error
    expect(() => client.wrap(noop, 'clear')).toThrow(code('security/level-unsupported', 'local'));
    // @ts-expect-error
    expect(client.supports('clear')).toBe(false);
  });

  test('an invalid size, with a RangeError', () => {
    const [client] = pair();
    for (const size of [-1, 0.5, Number.NaN]) expect(() => client.wrapSizeLimit('safe', size)).toThrow(RangeError);
  });

  test('everything, after destroy', () => {
    const [client, server] = pair();
    const { token } = client.wrap(noop, 'safe');
    server.destroy();
    expect(() => server.unwrap(token)).toThrow(code('sequence/closed', 'local'));
    expect(() => server.supports('safe')).toThrow(code('sequence/closed', 'local'));
  });
});

test('a token can be opened again, which is no replay and takes no number', () => {
  const [client, server] = pair();
  const { token } = client.wrap(noop, 'private');
  for (const _ of [1, 2]) expect(server.reopen(token)).toEqual({ plaintext: noop, level: 'private' });
  expect(server.unwrap(token).sequence).toBe('ok');
  expect(() => server.unwrap(token)).toThrow(code('security/replayed'));
  expect(server.reopen(token)).toEqual({ plaintext: noop, level: 'private' });
});

describe('for any tokens', () => {
  const messages = fc.array(fc.tuple(fc.uint8Array({ maxLength: 300 }), fc.constantFrom(...LEVELS)), { maxLength: 20 });

  test('unwrap(wrap(x)) = x, in whatever order they come', () => {
    fc.assert(
      fc.property(
        messages.chain(sent => fc.tuple(fc.constant(sent), fc.shuffledSubarray([...sent.keys()]))),
        ([sent, order]) => {
          const [client, server] = pair();
          const tokens = sent.map(([plaintext, level]) => client.wrap(plaintext, level).token);
          for (const i of order) {
            const [plaintext, level] = sent[i]!;
            expect(server.unwrap(tokens[i]!)).toMatchObject({ plaintext, level });
            expect(() => server.unwrap(tokens[i]!)).toThrow(code('security/replayed'));
          }
        },
      ),
    );
  });

  test('arbitrary octets, with FtpSecurityError, or they are reported as confidential', () => {
    const letters = fc.constantFrom(...'SPEspe').map(toUtf8);
    fc.assert(
      fc.property(
        fc.oneof(letters, fc.constant(new Uint8Array(0))),
        fc.uint8Array({ maxLength: 80 }),
        (letter, rest) => {
          const [, server] = pair();
          try {
            expect(server.unwrap(concat(letter, rest)).level).toBe('confidential');
          } catch (error) {
            expect(error).toBeInstanceOf(FtpSecurityError);
          }
        },
      ),
    );
  });
});

test('a context knows the place of the last token with integrity, and whether the one before it has come', () => {
  const [client, server] = pair();
  const tokens = LEVELS.map(level => client.wrap(noop, level).token);
  expect([server.lastReceived, server.lastFollows]).toEqual([undefined, undefined]);
  server.unwrap(tokens[0]!);
  expect([server.lastReceived, server.lastFollows]).toEqual([0n, true]);
  client.wrap(noop, 'safe');
  server.unwrap(client.wrap(noop, 'safe').token);
  expect([server.lastReceived, server.lastFollows]).toEqual([3n, false]);
});
