/** Exchanges of the vectors with something in them altered. */
import { expect } from 'vitest';
import type { FtpSecurityError } from '../../../src/errors.js';
import { gsiObserver } from '../../../src/mechanisms/gsi/index.js';
import { parseRecords } from '../../../src/mechanisms/gsi/tls/records.js';
import type { ObservedStep, Peer } from '../../../src/protection/mechanism.js';
import { onlyRefuses } from '../../helpers.js';
import { keysOf, tokensOf, type Vector } from './vectors.js';

/** The last step, with one token replaced; what is thrown is given as `error`. */
export function observeAltered(
  vector: Vector,
  place: number,
  alter: (token: Uint8Array) => Uint8Array,
): ObservedStep & { error?: FtpSecurityError } {
  const observer = gsiObserver(keysOf(vector));
  let step: ObservedStep = { facts: {} };
  let error: FtpSecurityError | undefined;
  for (const [i, { from, token }] of tokensOf(vector).entries()) {
    const seen = onlyRefuses(() => {
      try {
        return observer.observe(from, i === place ? alter(token) : token);
      } catch (thrown) {
        error ??= thrown as FtpSecurityError;
        throw thrown;
      }
    });
    if (seen !== undefined) step = seen;
  }
  return { ...step, ...(error && { error }) };
}

/**
 * Alters one octet after the other of every token: that must be a problem or an error. The exception is the minor version of a
 * record that is not encrypted. Nothing protects it, since Finished covers the handshake messages without their records, and a
 * receiver has to ignore it: in TLS 1.3 (RFC 8446 §5.1), and of a ClientHello in earlier versions (RFC 5246 appendix E.1).
 * @param step  how many octets lie between two that are altered
 */
export function expectNoOtherOctets(vector: Vector, step: number): void {
  let count = 0;
  const encrypted = new Set<Peer>();
  for (const [place, { from, token }] of tokensOf(vector).entries()) {
    const minorVersions = clearMinorVersions(from, token, encrypted);
    for (let at = count % step; at < token.length; at += step) {
      const { problem, error } = observeAltered(vector, place, it => {
        const changed = Uint8Array.from(it);
        changed[at]! ^= 1 << (at % 8);
        return changed;
      });
      if (!minorVersions.has(at)) expect(problem ?? error, `octet ${at} of token ${place}`).toBeDefined();
      count++;
    }
  }
  expect(count).toBeGreaterThan(20);
}

const CHANGE_CIPHER_SPEC = 20;
const APPLICATION_DATA = 23;

/**
 * The offsets of the minor versions of the records in a token that are not encrypted.
 * @param encrypted  the sides that have sent ChangeCipherSpec: what follows it is encrypted
 */
function clearMinorVersions(from: Peer, token: Uint8Array, encrypted: Set<Peer>): Set<number> {
  const places = new Set<number>();
  let at = 0;
  for (const { type, fragment } of parseRecords(token)) {
    // TLS 1.3 has records of this type only where they are encrypted, with ChangeCipherSpec before them or not.
    if (type !== APPLICATION_DATA && !encrypted.has(from)) places.add(at + 2);
    if (type === CHANGE_CIPHER_SPEC) encrypted.add(from);
    at += 5 + fragment.length;
  }
  return places;
}
