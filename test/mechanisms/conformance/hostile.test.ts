/** The checks of hostile tokens find faults. */
import { expect, test } from 'vitest';
import { concat, fromUtf8, toHex } from '../../../src/bytes.js';
import { FtpSecurityError } from '../../../src/errors.js';
import { SECRET } from '../../../src/mechanisms/conformance/assertions.js';
import { type FaultyRow, pairOf, readSafe, run, subjectOf, unless } from './faulty.js';

/** Does not verify tokens at the level safe: their text, from octet 9 on, may be changed. */
const unverified: FaultyRow[2] = good => ({
  unwrap: token =>
    unless(
      'security/bad-checksum',
      () => good.unwrap(token),
      () => readSafe(token),
    ),
});

const refusesWithRangeError = (isRefused: (token: Uint8Array) => boolean): FaultyRow[2] => {
  return good => ({
    unwrap: token => {
      if (isRefused(token)) throw new RangeError('of the mechanism');
      return good.unwrap(token);
    },
  });
};
/** If a token has the level and the number of the first one of either side at the level safe. */
const beginsRight = (token: Uint8Array) => /^[57]3(00){8}/.test(toHex(token));

const FAULTY: readonly FaultyRow[] = [
  [
    'safe: random octets throw nothing but FtpSecurityError',
    /must throw an FtpSecurityError, not RangeError: of the mechanism/,
    refusesWithRangeError(token => beginsRight(token) && token.length < 57),
  ],
  [
    'safe: random octets throw nothing but FtpSecurityError',
    /must throw an FtpSecurityError, not RangeError: of the mechanism/,
    refusesWithRangeError(token => token.length > 60 && (token[0]! & 0xdf) !== 0x53),
  ],
  [
    'safe: random octets throw nothing but FtpSecurityError',
    /must have the sequence state ok, not gap/,
    good => {
      let refused = false;
      return {
        unwrap: token =>
          unless(
            '',
            () => ({ ...good.unwrap(token), ...(refused && { sequence: 'gap' }) }),
            error => {
              refused = true;
              throw error;
            },
          ),
      };
    },
  ],
  [
    'safe: random octets throw nothing but FtpSecurityError',
    /must throw an FtpSecurityError, not RangeError/,
    good => ({
      unwrap: token => {
        new DataView(token.slice().buffer).getBigUint64(1);
        return good.unwrap(token);
      },
    }),
  ],
  ['safe: random octets throw nothing but FtpSecurityError', /must not count as verified/, unverified],
  [
    'safe: a flipped bit is refused, and changes nothing',
    /bit 0 of octet 9 flipped must be refused/,
    unverified,
    { unprotected: () => [{ start: 0, end: 9 }] },
  ],
  [
    'safe: a flipped bit is refused, and changes nothing',
    /bit 0 of octet 9 flipped must be refused/,
    unverified,
    {
      unprotected: () => [
        { start: 0, end: 9 },
        { start: 20, end: 21 },
      ],
    },
  ],
  [
    'private: a flipped bit is refused, and changes nothing',
    /sequence\/closed|is destroyed/,
    good => ({
      unwrap: token =>
        unless(
          '',
          () => good.unwrap(token),
          error => {
            good.destroy();
            throw error;
          },
        ),
    }),
  ],
  [
    'safe: a flipped bit is refused, and changes nothing',
    /must not contain the plaintext/,
    good => ({
      unwrap: token =>
        unless(
          '',
          () => good.unwrap(token),
          ({ code }) => {
            throw new FtpSecurityError(code, `no such text: ${fromUtf8(token)}`);
          },
        ),
    }),
  ],
  [
    'safe: a flipped bit is refused, and changes nothing',
    /must not contain the plaintext/,
    good => ({
      unwrap: token =>
        unless(
          '',
          () => good.unwrap(token),
          ({ code }) => {
            throw new FtpSecurityError(code, `no such text: ${toHex(token)}`);
          },
        ),
    }),
  ],
  [
    'safe: a flipped unprotected bit does not change the plaintext',
    /octet 9, unprotected, must not change/,
    unverified,
    { unprotected: () => [{ start: 9, end: 10 }] },
  ],
  [
    'safe: a flipped unprotected bit does not change the plaintext',
    /bit 0 of octet 10, unprotected, must not change/,
    unverified,
    { unprotected: () => [{ start: 10, end: 11 }] },
  ],
  [
    'safe: a flipped unprotected bit does not change the plaintext',
    /must not change the plaintext or the level/,
    good => ({
      unwrap: token =>
        unless(
          'security/bad-checksum',
          () => good.unwrap(token),
          () => ({ plaintext: SECRET, level: 'confidential', sequence: 'ok' }),
        ),
    }),
    { unprotected: () => [{ start: 9, end: 10 }] },
  ],
  [
    'safe: every other length is refused, and changes nothing',
    /with 1 octets after it must be refused/,
    good => ({
      unwrap: token =>
        unless(
          'security/bad-checksum',
          () => good.unwrap(token),
          () => good.unwrap(token.subarray(0, -1)),
        ),
    }),
  ],
  [
    'safe: every other length is refused, and changes nothing',
    /truncated to 0 octets must be refused/,
    good => ({ unwrap: token => (token.length === 0 ? readSafe(token) : good.unwrap(token)) }),
  ],
  [
    'private: a reflected token is refused, and changes nothing',
    /reflected to its sender must be refused/,
    good => ({
      unwrap: token =>
        unless(
          'security/wrong-direction',
          () => good.unwrap(token),
          () => readSafe(token),
        ),
    }),
  ],
  [
    'private: a token of another association is refused, and changes nothing',
    /another association must be refused/,
    good => good,
    { contexts: () => pairOf(new Uint8Array(16)) },
  ],
  [
    'safe: forged confidential tokens do not affect its sequence numbers',
    /must have the sequence state ok/,
    good => {
      let forged = false;
      return {
        unwrap: token => {
          const unwrapped = good.unwrap(token);
          if (unwrapped.level === 'confidential' && unwrapped.sequence === 'gap') forged = true;
          return forged ? { ...unwrapped, sequence: 'late' } : unwrapped;
        },
      };
    },
  ],
];

test.each(FAULTY)('the case "%s" finds a fault (%s)', async (name, message, fault, changes) => {
  await expect(run(subjectOf(fault, changes), name)).rejects.toThrow(message);
});

/** A mechanism whose tokens have an octet behind them that means nothing. */
const unprotectedEnd: FaultyRow[2] = good => ({
  wrap: (plaintext, level) => {
    const wrapped = good.wrap(plaintext, level);
    return { ...wrapped, token: concat(wrapped.token, Uint8Array.of(0)) };
  },
  unwrap: token => good.unwrap(token.subarray(0, -1)),
});

test.each([
  'safe: a flipped bit is refused, and changes nothing',
  'safe: a flipped unprotected bit does not change the plaintext',
])('the case "%s" holds for an octet that the mechanism does not protect, if it says so', async name => {
  const unprotected = ({ length }: Uint8Array) => [{ start: length - 1, end: length }];
  await expect(run(subjectOf(unprotectedEnd, { unprotected }), name)).resolves.toBeUndefined();
});

test('where bits may be flipped, no others are', async () => {
  const subject = subjectOf(unverified, { unprotected: () => [{ start: 0, end: 9 }] });
  await run(subject, 'safe: a flipped unprotected bit does not change the plaintext');
});

test('an error of another kind is the cause of the failure', async () => {
  const subject = subjectOf(refusesWithRangeError(({ length }) => length === 0));
  await expect(run(subject, 'safe: every other length is refused, and changes nothing')).rejects.toMatchObject({
    cause: { name: 'RangeError' },
  });
});
