/** The checks of hostile tokens find faults. */
import { expect, test } from 'vitest';
import { fromUtf8, toHex } from '../../../src/bytes.js';
import { FtpSecurityError } from '../../../src/errors.js';
import { type FaultyRow, pairOf, readSafe, run, subjectOf, unless } from './faulty.js';

const FAULTY: readonly FaultyRow[] = [
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
  [
    'safe: random octets throw nothing but FtpSecurityError',
    /must not count as verified/,
    good => ({
      unwrap: token =>
        unless(
          'security/bad-checksum',
          () => good.unwrap(token),
          () => readSafe(token),
        ),
    }),
  ],
  [
    'safe: a flipped bit is refused, and changes nothing',
    /bit 0 of octet 9 flipped must be refused/,
    good => ({
      unwrap: token =>
        unless(
          'security/bad-checksum',
          () => good.unwrap(token),
          () => readSafe(token),
        ),
    }),
    { unprotected: () => [{ start: 0, end: 9 }] },
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
    good => ({
      unwrap: token =>
        unless(
          'security/bad-checksum',
          () => good.unwrap(token),
          () => readSafe(token),
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
