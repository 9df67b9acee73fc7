import { hmac } from '@noble/hashes/hmac.js';
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { copy, toUtf8 } from '../../../../src/bytes.js';
import { ENCTYPES } from '../../../../src/mechanisms/krb5/crypto/enctypes.js';
import { openFrame } from '../../../../src/mechanisms/krb5/messages/gss-framing.js';
import { krb5Context } from '../../../../src/mechanisms/krb5/tokens/context.js';
import { readTokenHeader } from '../../../../src/mechanisms/krb5/tokens/token-header.js';
import { nodeCiphers } from '../../../../src/node/index.js';
import type { SecurityContext } from '../../../../src/protection/mechanism.js';
import type { TokenLevel } from '../../../../src/protection/protection-level.js';
import { errorOf, expectCode } from '../../../helpers.js';
import { watchedCiphers } from '../../watched-ciphers.js';
import { contextPair, ENCTYPE_NUMBERS, keyOctets, RFC1964_NUMBERS, RFC4121_NUMBERS } from '../tokens.js';

const LEVELS: readonly TokenLevel[] = ['safe', 'private'];
const TEXT = toUtf8('200 Command okay.\r\n');

/** Several tokens of a context, in order. */
function tokensOf(context: SecurityContext, count: number, level: TokenLevel = 'safe'): Uint8Array[] {
  return Array.from({ length: count }, () => context.wrap(TEXT, level).token);
}

describe.each(ENCTYPE_NUMBERS)('krb5Context, enctype %i', enctype => {
  it('wraps and unwraps in both directions at both levels', () => {
    const { initiator, acceptor } = contextPair(enctype);
    for (const level of LEVELS) {
      for (const [from, to] of [
        [initiator, acceptor],
        [acceptor, initiator],
      ] as const) {
        const wrapped = from.wrap(TEXT, level);
        expect(wrapped.level).toBe(level);
        expect(to.unwrap(wrapped.token)).toEqual({ plaintext: TEXT, level, sequence: 'ok' });
      }
    }
  });

  it('unwraps to the text that was wrapped, and returns a plain Uint8Array even for a Buffer', () => {
    const { initiator, acceptor } = contextPair(enctype);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.constantFrom(...LEVELS), (text, level) => {
        const given = Buffer.from(text);
        const { token } = initiator.wrap(given, level);
        const received = Buffer.from(token);
        const { plaintext } = acceptor.unwrap(received);
        expect(plaintext).toEqual(text);
        expect(Object.getPrototypeOf(plaintext)).toBe(Uint8Array.prototype);
        expect(Object.getPrototypeOf(token)).toBe(Uint8Array.prototype);
        expect(plaintext.buffer.byteLength).toBe(text.length);
        expect([copy(given), copy(received)]).toEqual([text, token]);
        received.fill(0);
        given.fill(0);
        expect(plaintext).toEqual(text);
      }),
    );
  });

  it('computes the longest text that fits into a token', () => {
    const { initiator } = contextPair(enctype);
    for (const level of LEVELS) {
      for (let maxToken = 0; maxToken <= 200; maxToken++) {
        const limit = initiator.wrapSizeLimit(level, maxToken);
        expect(initiator.wrap(new Uint8Array(limit + 1), level).token.length).toBeGreaterThan(maxToken);
        if (limit > 0) expect(initiator.wrap(new Uint8Array(limit), level).token.length).toBeLessThanOrEqual(maxToken);
      }
    }
  });
});

describe.each(RFC1964_NUMBERS)('krb5Context with tokens of RFC 1964, enctype %i', enctype => {
  const last = 2 ** 32 - 1;
  const common = {
    enctype,
    key: keyOctets(enctype),
    acceptorSubkey: false,
    ciphers: nodeCiphers,
    allowWeak: true,
  };
  const sending = () => krb5Context({ ...common, role: 'initiator', sendSequence: last, receiveSequence: 0 });
  const receiving = () => krb5Context({ ...common, role: 'acceptor', sendSequence: 0, receiveSequence: last });

  it('has sequence numbers of 32 bits', () => {
    const receiver = receiving();
    for (const token of tokensOf(sending(), 2)) expect(receiver.unwrap(token).sequence).toBe('ok');
    const tooGreat = { ...common, role: 'initiator', sendSequence: 2 ** 32, receiveSequence: 0 } as const;
    expect(() => krb5Context(tooGreat)).toThrow(RangeError);
  });

  it('refuses tokens of RFC 4121, and their contexts refuse its tokens', () => {
    expectCode(() => receiving().unwrap(tokensOf(contextPair(17).initiator, 1)[0]!), 'security/bad-token');
    expectCode(() => contextPair(17).acceptor.unwrap(tokensOf(sending(), 1)[0]!), 'security/bad-token');
  });
});

describe('krb5Context', () => {
  afterEach(() => vi.restoreAllMocks());

  it.each(RFC4121_NUMBERS)('derives each key once, enctype %i', enctype => {
    const camellia = vi.fn(nodeCiphers.camellia!);
    const hmacs = vi.spyOn(hmac, 'create');
    const { initiator, acceptor } = contextPair(enctype, { ciphers: { camellia } });
    const schedules = () => camellia.mock.calls.length + hmacs.mock.calls.length;
    const talk = () => {
      for (const level of LEVELS) acceptor.unwrap(initiator.wrap(TEXT, level).token);
    };
    talk();
    const first = schedules();
    // At least Ki and Kc of each side.
    expect(first).toBeGreaterThanOrEqual(4);
    for (let again = 0; again < 5; again++) talk();
    expect(schedules()).toBe(first);
  });

  it('overwrites its keys when it is destroyed', () => {
    // With the built-in ciphers, whose key schedules are known.
    const initiator = krb5Context({
      role: 'initiator',
      enctype: 18,
      key: new Uint8Array(32).fill(1),
      acceptorSubkey: true,
      sendSequence: 0,
      receiveSequence: 0,
    });
    initiator.wrap(TEXT, 'private');
    const octets = vi.spyOn(Uint8Array.prototype, 'fill');
    const words = vi.spyOn(Uint32Array.prototype, 'fill');
    initiator.destroy();
    const lengths = (contexts: unknown[]) => contexts.map(array => (ArrayBuffer.isView(array) ? array.byteLength : 0));
    expect(lengths(octets.mock.contexts)).toContain(32);
    // The key schedules of Ke: 15 round keys for encryption and 15 for decryption (FIPS 197 §5.2).
    expect(lengths(words.mock.contexts)).toEqual([240, 240]);
  });

  it('has the mechanism name GSSAPI, and levels safe and private only', () => {
    const { initiator } = contextPair(18);
    expect(initiator.mechanism).toBe('GSSAPI');
    expect(LEVELS.map(level => initiator.supports(level))).toEqual([true, true]);
    expect(initiator.supports('confidential')).toBe(false);
    for (const use of [
      () => initiator.wrap(TEXT, 'confidential'),
      () => initiator.wrapSizeLimit('confidential', 100),
    ]) {
      const error = errorOf(use);
      expect([error.code, error.side]).toEqual(['security/level-unsupported', 'local']);
      expect(error.message).toBe('Kerberos does not support level confidential');
    }
    const { message } = errorOf(() => contextPair(18, { levels: ['safe'] }).initiator.wrap(TEXT, 'private'));
    expect(message).toBe('the peer does not support level private');
  });

  it('has no other levels even if it is told that both sides support them', () => {
    const { initiator } = contextPair(18, { levels: ['clear', 'safe', 'confidential'] as never });
    expect((['clear', ...LEVELS, 'confidential'] as TokenLevel[]).filter(level => initiator.supports(level))).toEqual([
      'safe',
    ]);
    for (const level of ['clear', 'private', 'confidential'] as TokenLevel[])
      expectCode(() => initiator.wrap(TEXT, level), 'security/level-unsupported');
  });

  it('opens a token again at its own level, without its number', () => {
    const { initiator, acceptor } = contextPair(18);
    for (const level of LEVELS) {
      const { token } = initiator.wrap(TEXT, level);
      acceptor.unwrap(token);
      expect(acceptor.reopen!(token)).toEqual({ plaintext: TEXT, level });
    }
  });

  it('writes role, subkey flag and sequence number into its tokens', () => {
    const { initiator, acceptor } = contextPair(17, { acceptorSubkey: false });
    acceptor.wrap(TEXT, 'safe');
    expect(readTokenHeader(initiator.wrap(TEXT, 'safe').token)).toEqual({
      kind: 'wrap',
      sentByAcceptor: false,
      acceptorSubkey: false,
      sealed: false,
      ec: 12,
      rrc: 0,
      sequence: 1000n,
    });
    expect(readTokenHeader(acceptor.wrap(TEXT, 'private').token)).toMatchObject({
      sentByAcceptor: true,
      sealed: true,
      ec: 0,
      sequence: 5001n,
    });
  });

  it('refuses reflected tokens, and tokens with another subkey flag', () => {
    const { initiator } = contextPair(18);
    expectCode(() => initiator.unwrap(initiator.wrap(TEXT, 'private').token), 'security/wrong-direction');
    const other = contextPair(18, { acceptorSubkey: false });
    expectCode(() => initiator.unwrap(other.acceptor.wrap(TEXT, 'private').token), 'security/bad-token');
  });

  it('reports gaps and late tokens, and refuses replays', () => {
    const { initiator, acceptor } = contextPair(18);
    const [a, b, c, d] = tokensOf(initiator, 4) as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
    expect(acceptor.unwrap(c).sequence).toBe('gap');
    expect(acceptor.unwrap(a).sequence).toBe('late');
    expect(acceptor.unwrap(d).sequence).toBe('ok');
    for (const replayed of [a, c, d]) expectCode(() => acceptor.unwrap(replayed), 'security/replayed');
    expect(acceptor.unwrap(b).sequence).toBe('late');
    expectCode(() => acceptor.unwrap(b), 'security/replayed');
  });

  it('distinguishes a late token from a replay, even after thousands of others', () => {
    const { initiator, acceptor } = contextPair(17);
    const [reply] = tokensOf(initiator, 1) as [Uint8Array];
    for (const block of tokensOf(initiator, 3000)) acceptor.unwrap(block);
    expect(acceptor.unwrap(reply).sequence).toBe('late');
    expectCode(() => acceptor.unwrap(reply), 'security/replayed');
  });

  it('accepts only the next token with strictOrder', () => {
    const { initiator, acceptor } = contextPair(18, { strictOrder: true });
    const [a, b] = tokensOf(initiator, 2) as [Uint8Array, Uint8Array];
    expectCode(() => acceptor.unwrap(b), 'security/out-of-sequence');
    expect(acceptor.unwrap(a).sequence).toBe('ok');
    expect(acceptor.unwrap(b).sequence).toBe('ok');
    expectCode(() => acceptor.unwrap(a), 'security/replayed');
  });

  it('is unchanged after a token that could not be verified', () => {
    const { initiator, acceptor } = contextPair(18);
    for (const token of tokensOf(initiator, 30, 'private')) {
      for (const at of [0, 2, 3, 5, 7, 8, 15, 16, token.length - 1]) {
        const changed = copy(token);
        changed[at]! ^= 1;
        errorOf(() => acceptor.unwrap(changed));
      }
      expect(acceptor.unwrap(token).sequence).toBe('ok');
    }
  });

  it('continues with sequence number 0 after 2^64 - 1', () => {
    const last = 2n ** 64n - 1n;
    const common = { enctype: 17, key: new Uint8Array(16), acceptorSubkey: false };
    const sender = krb5Context({ ...common, role: 'initiator', sendSequence: last, receiveSequence: 0 });
    const receiver = krb5Context({ ...common, role: 'acceptor', sendSequence: 0, receiveSequence: last });
    const [a, b] = tokensOf(sender, 2) as [Uint8Array, Uint8Array];
    expect(readTokenHeader(b)).toMatchObject({ sequence: 0n });
    expect(receiver.unwrap(a).sequence).toBe('ok');
    expect(receiver.unwrap(b).sequence).toBe('ok');
  });

  it('throws sequence/closed after it has been destroyed', () => {
    const { initiator, acceptor } = contextPair(18);
    const [token] = tokensOf(acceptor, 1) as [Uint8Array];
    initiator.destroy();
    initiator.destroy();
    for (const use of [
      () => initiator.wrap(TEXT, 'safe'),
      () => initiator.unwrap(token),
      () => initiator.supports('safe'),
      () => initiator.wrapSizeLimit('safe', 100),
    ]) {
      const error = errorOf(use);
      expect([error.code, error.side]).toEqual(['sequence/closed', 'local']);
    }
  });

  it('refuses an unknown enctype, and a key of the wrong length', () => {
    const common = { role: 'initiator', acceptorSubkey: true, sendSequence: 0, receiveSequence: 0 } as const;
    expectCode(() => krb5Context({ ...common, enctype: 99, key: new Uint8Array(16) }), 'security/no-key');
    expectCode(() => krb5Context({ ...common, enctype: 18, key: new Uint8Array(16) }), 'security/no-key');
  });

  it.each(ENCTYPES.filter(({ weak }) => weak))('refuses $name without allowWeak, and names the option', entry => {
    const error = errorOf(() => contextPair(entry.number, { allowWeak: false }));
    expect([error.code, error.side]).toEqual(['security/weak', 'local']);
    expect(error.message).toBe(`${entry.name} is weak (set allowWeak to permit it)`);
  });

  it.each(ENCTYPES.filter(({ weak }) => weak))('refuses $name by default', ({ number: enctype }) => {
    const numbers = { acceptorSubkey: false, sendSequence: 0, receiveSequence: 0 };
    const { passed, inUse } = watchedCiphers();
    const options = { ...numbers, role: 'acceptor', enctype, key: keyOctets(enctype), ...passed } as const;
    expectCode(() => krb5Context(options), 'security/weak');
    expect(inUse()).toBe(0);
  });

  it.each(ENCTYPES.filter(({ externalCipher }) => externalCipher !== undefined))(
    'destroys each cipher of $name when it is destroyed',
    ({ number }) => {
      const { passed, inUse } = watchedCiphers();
      const { initiator, acceptor } = contextPair(number, passed);
      for (const level of LEVELS) acceptor.unwrap(initiator.wrap(TEXT, level).token);
      expect(inUse()).toBeGreaterThan(0);
      for (const context of [initiator, acceptor]) context.destroy();
      expect(inUse()).toBe(0);
    },
  );

  it.each(ENCTYPES.filter(({ weak }) => !weak))('permits $name without allowWeak', ({ number }) => {
    contextPair(number, { allowWeak: false });
  });

  it.each(ENCTYPES)('for $name says which cipher is missing, if it needs one', ({ number, name, externalCipher }) => {
    const create = () => contextPair(number, { ciphers: undefined });
    if (externalCipher === undefined) expect(create).not.toThrow();
    else {
      expect(errorOf(create)).toMatchObject({
        code: 'security/no-key',
        message: expect.stringMatching(`^${name} needs the cipher ${externalCipher}: .*nodeCiphers of rfc2228/node`),
      });
    }
  });

  it('throws TypeError or RangeError for invalid arguments', () => {
    const good = { enctype: 17, key: new Uint8Array(16), acceptorSubkey: true, sendSequence: 0, receiveSequence: 0 };
    // @ts-expect-error: no such role
    expect(() => krb5Context({ ...good, role: 'server' })).toThrow(TypeError);
    // A number from 2^53 is not exact.
    for (const wrong of [-1, 0.5, Number.NaN, 2 ** 53, -1n, 2n ** 64n]) {
      expect(() => krb5Context({ ...good, role: 'initiator', sendSequence: wrong })).toThrow(RangeError);
      expect(() => krb5Context({ ...good, role: 'initiator', receiveSequence: wrong })).toThrow(RangeError);
    }
    const { initiator } = contextPair(17);
    // @ts-expect-error: a text is no token
    expect(() => initiator.unwrap('0504')).toThrow(TypeError);
    // @ts-expect-error: a text is no plaintext
    expect(() => initiator.wrap('NOOP', 'safe')).toThrow(TypeError);
    expect(() => initiator.wrapSizeLimit('safe', -1)).toThrow(RangeError);
    expect(() => initiator.wrapSizeLimit('safe', 1.5)).toThrow(RangeError);
  });
});

it('takes an RC4 token that is not sealed again, under another number or from its own side (vectors/deviations.json, `unprotected`)', () => {
  const common = {
    enctype: 23,
    key: keyOctets(23),
    acceptorSubkey: false,
    sendSequence: 4,
    receiveSequence: 4,
    allowWeak: true,
  };
  const initiator = krb5Context({ ...common, role: 'initiator' });
  const acceptor = krb5Context({ ...common, role: 'acceptor' });
  const token = initiator.wrap(TEXT, 'safe').token;
  const at = openFrame(token) + 8;
  const turned = (...flips: number[]) => token.map((octet, i) => octet ^ (flips[i - at] ?? 0));
  const opened = { plaintext: TEXT, level: 'safe', sequence: 'ok' };
  expect([acceptor.unwrap(token), acceptor.unwrap(turned(0, 0, 0, 4 ^ 5))]).toEqual([opened, opened]);
  expect(initiator.unwrap(turned(0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff))).toEqual(opened);
  expectCode(() => initiator.unwrap(turned(0, 0, 0, 0, 0xff, 0xff, 0xff)), 'security/bad-checksum');
});

describe('sequence numbers before the first', () => {
  const key = { enctype: 18, key: keyOctets(18), acceptorSubkey: true };
  const sending = (sendSequence: bigint) =>
    krb5Context({ ...key, role: 'initiator', sendSequence, receiveSequence: 0 });
  const receiving = (receiveSequence: bigint, strictOrder = false) =>
    krb5Context({ ...key, role: 'acceptor', sendSequence: 0, receiveSequence, strictOrder });
  const FIRST = 0x9000_0000n;
  /** The same number, sign-extended from 32 to 64 bits. */
  const EXTENDED = 2n ** 64n - 2n ** 32n + FIRST;

  it('are refused', () => {
    const receiver = receiving(1000n);
    for (const early of [999n, 0n, 2n ** 64n - 1n]) {
      expectCode(() => receiver.unwrap(sending(early).wrap(TEXT, 'safe').token), 'security/out-of-sequence');
    }
    const [first, second] = tokensOf(sending(1000n), 2);
    expect([second!, first!].map(token => receiver.unwrap(token).sequence)).toEqual(['gap', 'late']);
    expectCode(() => receiver.unwrap(sending(999n).wrap(TEXT, 'safe').token), 'security/out-of-sequence');
  });

  it('are accepted if the first token is sign-extended, as with old versions of MIT Kerberos', () => {
    for (const strictOrder of [false, true]) {
      const receiver = receiving(FIRST, strictOrder);
      const tokens = tokensOf(sending(EXTENDED), 3);
      expect(tokens.map(token => receiver.unwrap(token).sequence)).toEqual(['ok', 'ok', 'ok']);
      expectCode(() => receiver.unwrap(tokens[0]!), 'security/replayed');
      expectCode(() => receiver.unwrap(sending(EXTENDED - 1n).wrap(TEXT, 'safe').token), 'security/out-of-sequence');
    }
    expect(receiving(FIRST).unwrap(tokensOf(sending(EXTENDED), 2)[1]!).sequence).toBe('gap');
  });

  it('are refused as sign-extended if the first number is not negative, or another token was accepted before', () => {
    const extended = (first: bigint) => sending(BigInt.asUintN(64, first - 2n ** 32n)).wrap(TEXT, 'safe').token;
    for (const first of [2n ** 31n - 1n, 2n ** 32n]) {
      expectCode(() => receiving(first).unwrap(extended(first)), 'security/out-of-sequence');
    }
    for (const first of [2n ** 31n, 2n ** 32n - 1n])
      expect(receiving(first).unwrap(extended(first)).sequence).toBe('ok');
    const receiver = receiving(FIRST);
    expect(receiver.unwrap(sending(FIRST).wrap(TEXT, 'safe').token).sequence).toBe('ok');
    expectCode(() => receiver.unwrap(extended(FIRST)), 'security/out-of-sequence');
    // A token that is refused decides nothing.
    const other = receiving(FIRST, true);
    expectCode(() => other.unwrap(tokensOf(sending(EXTENDED), 2)[1]!), 'security/out-of-sequence');
    expect(other.unwrap(sending(FIRST).wrap(TEXT, 'safe').token).sequence).toBe('ok');
  });
});
