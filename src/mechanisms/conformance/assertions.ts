/** Assertions and test data of the checks, independent of a test runner. */
import { toHex, toUtf8 } from '../../bytes.js';
import { type ErrorCode, FtpSecurityError } from '../../errors.js';
import type { SecurityContext, SequenceState, Wrapped } from '../../protection/mechanism.js';
import type { ConformancePair, ConformanceSubject } from './subject.js';

/** The plaintext of every token that must be rejected: no error may contain it. */
export const SECRET: Uint8Array = toUtf8('PASS swordfish\r\n');
const LEAKS = [/swordfish/, new RegExp(toHex(toUtf8('swordfish')), 'i'), /c3dvcmRmaXNo/];

export function expect(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(what);
}

/** One direction of an association. */
export interface Direction {
  from: SecurityContext;
  to: SecurityContext;
}

export function bothDirections({ initiator, acceptor }: ConformancePair): readonly Direction[] {
  return [
    { from: initiator, to: acceptor },
    { from: acceptor, to: initiator },
  ];
}

/** The expected sequence state: `state` if tokens are numbered, else `none`. */
export function stateIn({ numbering }: ConformanceSubject, state: SequenceState): SequenceState {
  return numbering === 'none' ? 'none' : state;
}

/** Expects that a token unwraps to its plaintext, at the level that wrap reported, with a sequence state. */
export function expectOpens(
  to: SecurityContext,
  wrapped: Wrapped,
  plaintext: Uint8Array,
  sequence: SequenceState,
): void {
  const { token, level } = wrapped;
  const opened = to.unwrap(token);
  const what = `a ${level} token for ${plaintext.length} octets`;
  expect(same(opened.plaintext, plaintext), `${what} must open to its plaintext`);
  expect(opened.level === level, `${what} must open at the level that wrap reported, not ${opened.level}`);
  expect(opened.sequence === sequence, `${what} must have the sequence state ${sequence}, not ${opened.sequence}`);
}

/** Expects that `attempt` throws an FtpSecurityError that does not contain the plaintext, and returns it. */
export function expectRejected(attempt: () => unknown, what: string): FtpSecurityError {
  try {
    attempt();
  } catch (error) {
    return expectSafeError(error, what);
  }
  throw new Error(`${what} must be refused`);
}

export function expectCode(attempt: () => unknown, code: ErrorCode, what: string): FtpSecurityError {
  const error = expectRejected(attempt, what);
  expect(error.code === code, `${what} must be refused with ${code}, not ${error.code}`);
  return error;
}

export function expectSafeError(error: unknown, what: string): FtpSecurityError {
  if (!(error instanceof FtpSecurityError)) {
    throw new Error(`${what} must throw an FtpSecurityError, not ${String(error)}`, { cause: error });
  }
  const text = [error.message, JSON.stringify(error), String(error.cause)].join(' ');
  expect(!LEAKS.some(secret => secret.test(text)), `${what}: the error must not contain the plaintext`);
  return error;
}

export function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((octet, i) => octet === b[i]);
}

/** Octets without a period that would be a multiple of a block size. */
export function pattern(length: number, seed = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8) + seed) & 0xff);
}

/** A xorshift generator (Marsaglia): its octets are the same in each run. */
export function pseudoRandom(seed: number): (length: number) => Uint8Array {
  let state = seed;
  const octet = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state & 0xff;
  };
  return length => Uint8Array.from({ length }, octet);
}

export function flipped(octets: Uint8Array, bit: number): Uint8Array {
  const altered = Uint8Array.from(octets);
  altered[bit >> 3]! ^= 0x80 >> (bit & 7);
  return altered;
}
