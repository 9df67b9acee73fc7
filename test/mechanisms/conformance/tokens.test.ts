/** The checks of single tokens find faults. */
import { expect, test } from 'vitest';
import { concat } from '../../../src/bytes.js';
import { FtpSecurityError } from '../../../src/errors.js';
import { type FaultyRow, run, subjectOf } from './faulty.js';

/** How many contexts have been made with a name of their own. */
let contexts = 0;

/** A limit that is wrong for one length alone. */
const limitWith =
  (length: number, change: (limit: number) => number): FaultyRow[2] =>
  good => ({
    wrapSizeLimit: (level, maxToken) => {
      const limit = good.wrapSizeLimit(level, maxToken);
      return maxToken === length ? change(limit) : limit;
    },
  });

const FAULTY: readonly FaultyRow[] = [
  ['a context has a mechanism name', /must name its mechanism/, () => ({ mechanism: '' })],
  ['a context has a mechanism name', /must name its mechanism/, () => ({ mechanism: undefined as never })],
  ['a context has a mechanism name', /must name the same mechanism/, () => ({ mechanism: `X-${contexts++}` })],
  ['safe: supports returns true', /must be true for safe/, () => ({ supports: () => false })],
  [
    'confidential: wrap refuses the unsupported level, and uses no number',
    /must not claim confidential/,
    () => ({}),
    { levels: ['safe', 'private'] },
  ],
  [
    'confidential: wrap refuses the unsupported level, and uses no number',
    /to wrap at confidential must be refused with security\/level-unsupported, not security\/bad-token/,
    () => ({
      supports: level => level !== 'confidential',
      wrap: () => {
        throw new FtpSecurityError('security/bad-token', 'no', { side: 'local' });
      },
    }),
    { levels: ['safe', 'private'] },
  ],
  [
    'confidential: wrap refuses the unsupported level, and uses no number',
    /must have the sequence state ok/,
    good => ({
      supports: level => level !== 'confidential',
      wrap: (plaintext, level) => {
        const wrapped = good.wrap(plaintext, 'safe');
        if (level !== 'confidential') return wrapped;
        throw new FtpSecurityError('security/level-unsupported', 'no', { side: 'local' });
      },
    }),
    { levels: ['safe', 'private'] },
  ],
  [
    'confidential: wrap refuses the unsupported level, and uses no number',
    /side must be local/,
    () => ({
      supports: level => level !== 'confidential',
      wrap: () => {
        throw new FtpSecurityError('security/level-unsupported', 'no');
      },
    }),
    { levels: ['safe', 'private'] },
  ],
  [
    'private: a token that one side wraps is unwrapped by the other, at any length',
    /wrap must apply private at least, not safe/,
    good => ({ wrap: plaintext => good.wrap(plaintext, 'safe') }),
  ],
  [
    'safe: a token that one side wraps is unwrapped by the other, at any length',
    /a safe token for 1 octets must open to its plaintext/,
    good => ({ unwrap: token => ({ ...good.unwrap(token), plaintext: new Uint8Array(0) }) }),
  ],
  [
    'safe: a token that one side wraps is unwrapped by the other, at any length',
    /a safe token for 1 octets must open to its plaintext/,
    good => ({ neverEmpty: true, unwrap: token => ({ ...good.unwrap(token), plaintext: new Uint8Array(0) }) }),
  ],
  ...[0, 70_000].map(
    (length): FaultyRow => [
      'safe: a token that one side wraps is unwrapped by the other, at any length',
      /must open to its plaintext/,
      good => ({
        unwrap: token => {
          const opened = good.unwrap(token);
          return opened.plaintext.length === length ? { ...opened, plaintext: new Uint8Array(3) } : opened;
        },
      }),
    ],
  ),
  [
    'private: a token that one side wraps is unwrapped by the other, at any length',
    /must open at the level that wrap reported, not safe/,
    good => ({ unwrap: token => ({ ...good.unwrap(token), level: 'safe' }) }),
  ],
  [
    'safe: the length of a token depends on the length of its plaintext only',
    /must depend only on/,
    good => ({
      wrap: (plaintext, level) =>
        good.wrap(plaintext.every(octet => octet === 0) ? new Uint8Array(1) : plaintext, level),
    }),
  ],
  [
    'safe: wrapSizeLimit is exact',
    /wrapSizeLimit\(safe, \d+\) must be/,
    good => ({ wrapSizeLimit: (level, maxToken) => good.wrapSizeLimit(level, maxToken + 1) }),
  ],
  [
    'safe: wrapSizeLimit is exact',
    /wrapSizeLimit\(safe, 0\) must be 0/,
    () => ({ wrapSizeLimit: (_, maxToken) => maxToken - 41 }),
  ],
  [
    'safe: wrapSizeLimit is exact',
    /one octet more/,
    good => ({ wrapSizeLimit: (level, maxToken) => Math.min(16_000, good.wrapSizeLimit(level, maxToken)) }),
  ],
  ['safe: wrapSizeLimit is exact', /wrapSizeLimit\(safe, 150\) must be/, limitWith(150, limit => limit + 1)],
  [
    'safe: wrapSizeLimit is exact',
    /wrapSizeLimit\(safe, 150\) must be/,
    good => ({ ...limitWith(150, limit => limit + 1)(good), neverEmpty: true }),
  ],
  ['safe: wrapSizeLimit is exact', /must not be less for 4096 than/, limitWith(4096, () => 10)],
  [
    'safe: wrapSizeLimit is exact',
    /a plaintext of wrapSizeLimit for 1000 must fit/,
    limitWith(1000, limit => limit + 1),
  ],
  ['safe: wrapSizeLimit is exact', /one octet more than wrapSizeLimit for 1000/, limitWith(1000, limit => limit - 1)],
  [
    'safe: no octets are shared or changed',
    /a token must not share octets with the plaintext/,
    () => ({ wrap: (plaintext, level) => ({ token: plaintext, level }) }),
  ],
  [
    'safe: no octets are shared or changed',
    /wrap must not change its plaintext/,
    good => ({
      wrap: (plaintext, level) => {
        const wrapped = good.wrap(plaintext, level);
        plaintext.fill(0);
        return wrapped;
      },
    }),
  ],
  [
    'private: no octets are shared or changed',
    /unwrap must not change its token/,
    good => ({
      unwrap: token => {
        const unwrapped = good.unwrap(token);
        token.set(unwrapped.plaintext, 9);
        return unwrapped;
      },
    }),
  ],
  [
    'safe: no octets are shared or changed',
    /a plaintext must not share octets with its token/,
    good => ({ unwrap: token => ({ ...good.unwrap(token), plaintext: token.subarray(9, -32) }) }),
  ],
  [
    'safe: no octets are shared or changed',
    /a returned plaintext must not change later/,
    good => {
      const scratch = new Uint8Array(1000);
      return {
        unwrap: token => {
          const unwrapped = good.unwrap(token);
          scratch.set(unwrapped.plaintext);
          return { ...unwrapped, plaintext: scratch.subarray(0, unwrapped.plaintext.length) };
        },
      };
    },
  ],
  [
    'safe: a subclass of Uint8Array is accepted, and a plain Uint8Array is returned',
    /a token must be a plain Uint8Array/,
    good => ({
      wrap: (plaintext, level) => {
        const { token } = good.wrap(plaintext, level);
        return { token: plaintext.constructor === Uint8Array ? token : Buffer.from(token), level };
      },
    }),
  ],
  [
    'safe: a subclass of Uint8Array is accepted, and a plain Uint8Array is returned',
    /a plaintext must be a plain Uint8Array/,
    good => ({
      unwrap: token => {
        const unwrapped = good.unwrap(token);
        return { ...unwrapped, plaintext: Uint8Array.prototype.slice.call(token, 9, -32) };
      },
    }),
  ],
  [
    'safe: a subclass of Uint8Array is accepted, and a plain Uint8Array is returned',
    /unwrap must not change its token/,
    good => ({
      unwrap: token => {
        const unwrapped = good.unwrap(token);
        token.fill(0);
        return unwrapped;
      },
    }),
  ],
  [
    'safe: a subclass of Uint8Array is accepted, and a plain Uint8Array is returned',
    /read from its own offset and length, and not shared/,
    good => ({
      unwrap: token => {
        const { buffer, byteOffset, length } = token.slice(9, -32);
        return { ...good.unwrap(token), plaintext: new Uint8Array(buffer, byteOffset, length) };
      },
    }),
  ],
  [
    'safe: a subclass of Uint8Array is accepted, and a plain Uint8Array is returned',
    /not a token of X-PSK/,
    good => ({ unwrap: token => good.unwrap(new Uint8Array(token.buffer)) }),
  ],
  [
    'safe: an argument other than a Uint8Array is a TypeError, and changes nothing',
    /a plaintext other than a Uint8Array must throw a TypeError/,
    good => ({ wrap: (plaintext, level) => good.wrap(concat(plaintext ?? []), level) }),
  ],
  [
    'safe: an argument other than a Uint8Array is a TypeError, and changes nothing',
    /a token other than a Uint8Array must throw a TypeError, not FtpSecurityError/,
    good => ({ unwrap: token => good.unwrap(token instanceof Uint8Array ? token : new Uint8Array(0)) }),
  ],
  [
    'safe: an argument other than a Uint8Array is a TypeError, and changes nothing',
    /an empty plaintext must throw a RangeError/,
    () => ({ neverEmpty: true }),
  ],
  ['safe: every method throws after destroy', /supports after destroy must be refused/, () => ({ destroy: () => {} })],
  [
    'safe: every method throws after destroy',
    /^wrap after destroy must be refused/,
    () => ({ wrap: (_, level) => ({ token: new Uint8Array(50), level }) }),
  ],
  [
    'safe: every method throws after destroy',
    /^unwrap after destroy must be refused/,
    () => ({ unwrap: () => ({ plaintext: new Uint8Array(), level: 'safe', sequence: 'ok' }) }),
  ],
  [
    'safe: every method throws after destroy',
    /twice/,
    good => {
      let gone = false;
      return {
        destroy: () => {
          if (gone) throw new Error('destroyed twice');
          gone = true;
          good.destroy();
        },
      };
    },
  ],
  [
    'safe: every method throws after destroy',
    /reopen after destroy must be refused/,
    () => ({ reopen: () => ({ plaintext: new Uint8Array(), level: 'safe' }) }),
  ],
  [
    'private: every method throws after destroy',
    /wrapSizeLimit after destroy must be refused/,
    () => ({ wrapSizeLimit: (_, maxToken) => Math.max(0, maxToken - 25) }),
  ],
];

test.each(FAULTY)('the case "%s" finds a fault (%s)', async (name, message, fault, changes) => {
  await expect(run(subjectOf(fault, changes), name)).rejects.toThrow(message);
});
