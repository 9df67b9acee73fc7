/** What the clauses of the contract are written with. No test runner is needed. */
import { toHex, toUtf8 } from '../../bytes.js';
import { type ErrorCode, FtpSecurityError } from '../../errors.js';
import type { SecurityContext, SequenceState, Wrapped } from '../../secure/security-context.js';
import type { ContractPair, ContractSubject } from './subject.js';

/** The plaintext of every token that must be refused: no error may tell it. */
export const SECRET: Uint8Array = toUtf8('PASS swordfish\r\n');
const TOLD = [/swordfish/, new RegExp(toHex(toUtf8('swordfish')), 'i'), /c3dvcmRmaXNo/];

export function owe(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(what);
}

/** One direction of an association. */
export interface Way {
  from: SecurityContext;
  to: SecurityContext;
}

export function bothWays({ initiator, acceptor }: ContractPair): readonly Way[] {
  return [
    { from: initiator, to: acceptor },
    { from: acceptor, to: initiator },
  ];
}

/** The state of a token that stands at `state` among its like, where tokens are numbered. */
export function stateIn({ numbered }: ContractSubject, state: SequenceState): SequenceState {
  return numbered ? state : 'none';
}

/** A token opens to its plaintext, at the level that its wrap reported, and stands where it should. */
export function oweOpening(
  to: SecurityContext,
  wrapped: Wrapped,
  plaintext: Uint8Array,
  sequence: SequenceState,
): void {
  const { token, level } = wrapped;
  const opened = to.unwrap(token);
  const what = `a ${level} token for ${plaintext.length} octets`;
  owe(same(opened.plaintext, plaintext), `${what} must open to its plaintext`);
  owe(opened.level === level, `${what} must open at the level that wrap reported, not ${opened.level}`);
  owe(opened.sequence === sequence, `${what} must stand ${sequence} in its sequence, not ${opened.sequence}`);
}

/** Does what must be refused, and gives the refusal: an FtpSecurityError that doesn't tell the plaintext. */
export function oweRefusal(attempt: () => unknown, what: string): FtpSecurityError {
  try {
    attempt();
  } catch (error) {
    return oweSafeError(error, what);
  }
  throw new Error(`${what} must be refused`);
}

export function oweCode(attempt: () => unknown, code: ErrorCode, what: string): FtpSecurityError {
  const error = oweRefusal(attempt, what);
  owe(error.code === code, `${what} must be refused with ${code}, not ${error.code}`);
  return error;
}

export function oweSafeError(error: unknown, what: string): FtpSecurityError {
  if (!(error instanceof FtpSecurityError)) {
    throw new Error(`${what} must give an FtpSecurityError, not ${String(error)}`, { cause: error });
  }
  const told = [error.message, JSON.stringify(error), String(error.cause)].join(' ');
  owe(!TOLD.some(secret => secret.test(told)), `${what}: the error must not tell the plaintext`);
  return error;
}

export function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((octet, i) => octet === b[i]);
}

/** So many octets, without a period that a block cipher could hide. */
export function pattern(length: number, seed = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8) + seed) & 0xff);
}

/** Octets at random, the same in every run: a generator of Marsaglia's xorshift family. */
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
