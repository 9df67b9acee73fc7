/** Exchanges of the vectors with something in them altered. */
import { expect } from 'vitest';
import type { FtpSecurityError } from '../../../src/errors.js';
import { gsiObserver } from '../../../src/mechanisms/gsi/index.js';
import { parseRecords } from '../../../src/mechanisms/gsi/tls/records.js';
import type { ObservedStep } from '../../../src/protection/mechanism.js';
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
 * Alters one octet after the other of every token: that must be a problem or an error. The version of a record that is not
 * encrypted is the exception: it means little, and Finished does not cover it.
 * @param step  how many octets lie between two that are altered
 */
export function expectNoOtherOctets(vector: Vector, step: number): void {
  let count = 0;
  for (const [place, { token }] of tokensOf(vector).entries()) {
    const minorVersions = minorVersionsOf(token);
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

function minorVersionsOf(token: Uint8Array): Set<number> {
  let at = 0;
  const places = parseRecords(token).map(({ fragment }) => {
    at += 5 + fragment.length;
    return at - fragment.length - 3;
  });
  return new Set(places);
}
