/** The context itself: what it refuses to be, and what its weakness is. */
import { describe, expect, it } from 'vitest';
import { toHex } from '../../../src/bytes.js';
import { type Krb4ContextOptions, krb4Context } from '../../../src/mechanisms/krb4/context.js';
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
      expectCode(() => at(seconds).wrap(ascii('x'), 'safe'), 'security/expired');
    }
  });

  it('distinguishes a changed end of a message from another sender', () => {
    const other = { ...client, address: Uint8Array.of(192, 0, 2, 9) };
    const { token } = context({ local: other }).wrap(ascii('NOOP'), 'safe');
    expectCode(() => context({ local: server, peer: client }).unwrap(token), 'security/wrong-direction');
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
