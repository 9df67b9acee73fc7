/** The context itself: what it refuses to be, and what its weakness is. */
import { describe, expect, it } from 'vitest';
import { concat, toHex } from '../../../src/bytes.js';
import { directionOf, type Krb4ContextOptions, krb4Context } from '../../../src/mechanisms/krb4/context.js';
import { desKey, pcbcEncrypt } from '../../../src/mechanisms/krb4/crypto.js';
import { buildMessage } from '../../../src/mechanisms/krb4/messages.js';
import { ascii, errorOf, expectCode } from '../../helpers.js';
import { ciphers } from './vectors.js';

const client = { address: Uint8Array.of(192, 0, 2, 1), port: 40_000 };
const server = { address: Uint8Array.of(192, 0, 2, 2), port: 21 };
const KEY = Uint8Array.of(1, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef);

function context(options: Partial<Krb4ContextOptions> = {}) {
  return krb4Context({ key: KEY, ciphers, local: client, peer: server, allowWeak: true, ...options });
}

describe('a context of KERBEROS_V4', () => {
  it('is refused without allowWeak, and says why', () => {
    const error = errorOf(() => context({ allowWeak: false }));
    expect([error.code, error.side]).toEqual(['security/weak', 'local']);
    const bare = { key: KEY, ciphers, local: client, peer: server };
    expectCode(() => krb4Context(bare), 'security/weak');
    expect(error.message).toMatch(/single DES.*no integrity check in private messages/);
  });

  it('uses the system clock by default', () => {
    const { token } = context().wrap(ascii('NOOP'), 'private');
    const opened = context({ local: server, peer: client }).unwrap(token);
    expect(opened).toEqual({ plaintext: ascii('NOOP'), level: 'private', sequence: 'none' });
  });

  it('makes messages of the length in RFC 2228', () => {
    expect(context().wrap(new Uint8Array(100), 'safe').token.length).toBe(131);
    // At most 26 octets more, less what fills the last block.
    const lengths = Array.from({ length: 16 }, (_, i) => context().wrap(new Uint8Array(i), 'private').token.length - i);
    expect([Math.min(...lengths), Math.max(...lengths)]).toEqual([19, 26]);
  });

  it('has no time after January 2038', () => {
    const at = (seconds: number) => context({ clock: () => seconds * 1000 });
    expect(at(0x7fffffff).wrap(ascii('x'), 'safe').token.length).toBe(32);
    for (const seconds of [0x80000000, 0, -1, Number.NaN]) {
      const error = errorOf(() => at(seconds).wrap(ascii('x'), 'safe'));
      expect([error.code, error.side]).toEqual(['security/expired', 'local']);
    }
  });

  it('accepts a message whose time differs by the greatest clock skew, and reports its time in steps of 5 ms', () => {
    const sent = 1_800_000_000_005;
    const { token } = context({ clock: () => sent }).wrap(ascii('NOOP'), 'safe');
    const receiver = (now: number) => context({ local: server, peer: client, clock: () => now, maxClockSkew: 7 });
    for (const now of [1_800_000_007_000, 1_799_999_993_000]) {
      const taking = receiver(now);
      expect(taking.lastTime).toBeUndefined();
      taking.unwrap(token);
      expect(taking.lastTime).toBe(sent);
    }
    expectCode(() => receiver(1_800_000_007_001).unwrap(token), 'security/expired');
    expectCode(() => receiver(1_799_999_992_999).unwrap(token), 'security/clock-skew');
  });

  it('distinguishes a changed end of a message from another sender', () => {
    // Below the server's address, as the client's is, and above it: the sign of the time is then another.
    for (const last of [0, 9]) {
      const other = { ...client, address: Uint8Array.of(192, 0, 2, last) };
      const { token } = context({ local: other }).wrap(ascii('NOOP'), 'safe');
      expectCode(() => context({ local: server, peer: client }).unwrap(token), 'security/wrong-direction');
    }
  });

  it('refuses a message without a time, whose sign would be its direction', () => {
    const at = { maxClockSkew: Number.POSITIVE_INFINITY };
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      const message = { plaintext: ascii('NOOP'), sealed: false, sender: from.address, fiveMs: 0 };
      const token = (seconds: number) => buildMessage(desKey(KEY, ciphers), { ...message, seconds }, false);
      const receiver = context({ ...at, local: to, peer: from });
      expectCode(() => receiver.unwrap(token(0)), 'security/wrong-direction');
      expect(receiver.unwrap(token(from === client ? -1 : 1)).plaintext).toEqual(ascii('NOOP'));
    }
  });

  it('compares all octets of two addresses, and then the ports', () => {
    const end = (first: number, port = 21) => ({ address: Uint8Array.of(first, 0, 2, 1), port });
    expect(directionOf(end(9), end(10)).negative).toBe(true);
    expect(directionOf(end(10), end(9)).negative).toBe(false);
    expect(directionOf(end(9), end(10, 20)).negative).toBe(true);
    expect(directionOf(end(9, 0), end(9, 0xffff)).negative).toBe(true);
    expect(directionOf(end(9, 0xffff), end(9, 0)).negative).toBe(false);
  });

  it('is closed once it is destroyed', () => {
    const closed = context();
    closed.destroy();
    closed.destroy();
    const { token } = context({ local: server, peer: client }).wrap(ascii('x'), 'safe');
    for (const use of [
      () => closed.wrap(ascii('x'), 'safe'),
      () => closed.unwrap(token),
      () => closed.supports('safe'),
      () => closed.wrapSizeLimit('safe', 100),
    ]) {
      const error = errorOf(use);
      expect([error.code, error.side]).toEqual(['sequence/closed', 'local']);
    }
  });

  it.each([
    ['an address of the wrong length', { local: { address: new Uint8Array(16), port: 21 } }, RangeError],
    ['an invalid port', { peer: { ...server, port: 70_000 } }, RangeError],
    ['an address that is no octets', { peer: { address: '192.0.2.1' as never, port: 1 } }, TypeError],
    ['a key of the wrong length', { key: new Uint8Array(16) }, RangeError],
    ['a key that is no octets', { key: 'key' as never }, TypeError],
  ])('%s is misuse', (_, options, kind) => {
    expect(() => context(options)).toThrow(kind);
  });

  it('knows a wrong size', () => {
    expect(() => context().wrapSizeLimit('safe', -1)).toThrow(RangeError);
  });
});

describe('a private message', () => {
  const receiver = () => context({ local: server, peer: client });
  const sealed = (body: Uint8Array) => {
    const blocks = pcbcEncrypt(desKey(KEY, ciphers), body);
    return concat(Uint8Array.of(4, 0x0c, 0, 0, 0, blocks.length), blocks);
  };
  const now = Math.floor(Date.now() / 1000);
  /** Length, plaintext, 5-millisecond units, sender, and the time, which is negative from the client. */
  const body = (text: string) => {
    const time = new DataView(new ArrayBuffer(4));
    time.setInt32(0, -now);
    const parts = [Uint8Array.of(0, 0, 0, text.length), ascii(text), Uint8Array.of(0), client.address];
    return concat(...parts, new Uint8Array(time.buffer));
  };

  it('opens if zeros fill its last block', () => {
    for (const text of ['', 'abc', 'abcd', 'abcdefgh']) {
      expect(receiver().unwrap(sealed(body(text))).plaintext).toEqual(ascii(text));
    }
  });

  it('is refused if it has a whole block of zeros more, or anything else for padding', () => {
    for (const text of ['abc', 'abcd']) {
      const whole = Math.ceil(body(text).length / 8) * 8;
      const longer = (length: number) => concat(body(text), new Uint8Array(length - body(text).length));
      expectCode(() => receiver().unwrap(sealed(longer(whole + 8))), 'security/bad-checksum');
    }
    expectCode(() => receiver().unwrap(sealed(concat(body('abcd'), Uint8Array.of(0, 0, 1)))), 'security/bad-checksum');
  });

  it('is refused before decryption if it is too short for a body, or no whole number of blocks', () => {
    for (const length of [0, 8, 17, 23]) {
      const token = concat(Uint8Array.of(4, 0x0c, 0, 0, 0, length), new Uint8Array(length));
      expectCode(() => receiver().unwrap(token), 'security/bad-token');
    }
  });
});

describe('why its private level is a claim only', () => {
  it('two neighbouring blocks of a private message may change places, and it opens to another text', () => {
    const { token } = context().wrap(ascii('DELE one-file-or-another-of-them'), 'private');
    const swapped = Uint8Array.from(token);
    swapped.set(token.subarray(14, 22), 22);
    swapped.set(token.subarray(22, 30), 14);
    const { plaintext } = context({ local: server, peer: client }).unwrap(swapped);
    expect(toHex(plaintext)).not.toBe(toHex(ascii('DELE one-file-or-another-of-them')));
    expect(toHex(plaintext.subarray(-8))).toBe(toHex(ascii('-of-them')));
  });

  it('a message may come again while the clocks agree', () => {
    const { token } = context().wrap(ascii('DELE x'), 'safe');
    const receiver = context({ local: server, peer: client });
    expect([receiver.unwrap(token), receiver.unwrap(token)].map(({ sequence }) => sequence)).toEqual(['none', 'none']);
  });
});
