/** Checks of tokens that an attacker may send: altered, truncated, reflected, of another association, arbitrary. */
import { concat } from '../../bytes.js';
import type { Unwrapped } from '../../protection/mechanism.js';
import {
  bothDirections,
  expect,
  expectOpens,
  expectRejected,
  expectSafeError,
  flipped,
  pseudoRandom,
  SECRET,
  same,
  stateIn,
} from './assertions.js';
import type { LevelCheck, OctetRange } from './subject.js';

const ARBITRARY_TOKENS = 400;

/** Each altered token must be refused, and the original must still be accepted afterwards. */
export const refusesFlippedBits: LevelCheck = async (subject, level) => {
  for (const { from, to } of bothDirections(await subject.contexts())) {
    for (const plaintext of [new Uint8Array(from.neverEmpty ? 1 : 0), SECRET]) {
      const wrapped = from.wrap(plaintext, level);
      const unprotected = subject.unprotected?.(wrapped.token, wrapped.level) ?? [];
      for (let bit = 0; bit < 8 * wrapped.token.length; bit++) {
        if (isWithin(unprotected, bit >> 3)) continue;
        expectRejected(
          () => to.unwrap(flipped(wrapped.token, bit)),
          `a token with bit ${bit & 7} of octet ${bit >> 3} flipped`,
        );
      }
      expectOpens(to, wrapped, plaintext, stateIn(subject, 'ok'));
    }
  }
};

/** An undetected flip uses the sequence number, so each flip needs a new association. */
export const keepsTextWhereUnprotected: LevelCheck = async (subject, level) => {
  const { initiator } = await subject.contexts();
  const sample = initiator.wrap(SECRET, level);
  for (const { start, end } of subject.unprotected?.(sample.token, sample.level) ?? []) {
    for (let bit = 8 * start; bit < 8 * end; bit++) {
      const pair = await subject.contexts();
      const { token } = pair.initiator.wrap(SECRET, level);
      const opened = openedOrRefused(() => pair.acceptor.unwrap(flipped(token, bit)));
      expect(
        opened === undefined || (same(opened.plaintext, SECRET) && opened.level === sample.level),
        `a flip of bit ${bit & 7} of octet ${bit >> 3}, unprotected, must not change the plaintext or the level`,
      );
    }
  }
};

export const refusesOtherLengths: LevelCheck = async (subject, level) => {
  const random = pseudoRandom(0x2228);
  for (const { from, to } of bothDirections(await subject.contexts())) {
    const wrapped = from.wrap(SECRET, level);
    const { token } = wrapped;
    for (let length = 0; length < token.length; length++) {
      expectRejected(() => to.unwrap(token.subarray(0, length)), `a token truncated to ${length} octets`);
    }
    for (const length of [1, 2, 8, 16, 64]) {
      for (const more of [new Uint8Array(length), random(length), token.slice(0, length), token.slice(-length)]) {
        expectRejected(() => to.unwrap(concat(token, more)), `a token with ${length} octets after it`);
      }
    }
    expectOpens(to, wrapped, SECRET, stateIn(subject, 'ok'));
  }
};

export const refusesReflection: LevelCheck = async (subject, level) => {
  for (const { from, to } of bothDirections(await subject.contexts())) {
    const wrapped = from.wrap(SECRET, level);
    expectRejected(() => from.unwrap(wrapped.token), 'a token reflected to its sender');
    expectOpens(to, wrapped, SECRET, stateIn(subject, 'ok'));
    // The reflected token must not have used a number of the other direction.
    expectOpens(from, to.wrap(SECRET, level), SECRET, stateIn(subject, 'ok'));
    expectOpens(to, from.wrap(SECRET, level), SECRET, stateIn(subject, 'ok'));
  }
};

export const refusesForeignTokens: LevelCheck = async (subject, level) => {
  const strangers = await subject.contexts();
  const foreign = [strangers.initiator, strangers.acceptor].map(stranger => stranger.wrap(SECRET, level).token);
  for (const { from, to } of bothDirections(await subject.contexts())) {
    for (const token of foreign) expectRejected(() => to.unwrap(token), 'a token of another association');
    expectOpens(to, from.wrap(SECRET, level), SECRET, stateIn(subject, 'ok'));
  }
};

/** Half of them start like a valid token, to pass the first checks. */
export const survivesAnyOctets: LevelCheck = async (subject, level) => {
  const random = pseudoRandom(0x631);
  for (const { from, to } of bothDirections(await subject.contexts())) {
    const wrapped = from.wrap(SECRET, level);
    const tokens = Array.from({ length: ARBITRARY_TOKENS }, (_, i) => {
      const begun = i % 2 === 0 ? 0 : (i >> 1) % wrapped.token.length;
      return concat(wrapped.token.subarray(0, begun), random(i % 97));
    });
    for (const token of tokens.filter(other => !same(other, wrapped.token))) {
      const opened = openedOrRefused(() => to.unwrap(token));
      expect(opened === undefined || opened.level === 'confidential', 'random octets must not count as verified');
    }
    if (wrapped.level !== 'confidential') expectOpens(to, wrapped, SECRET, stateIn(subject, 'ok'));
  }
};

/** Anybody can alter a confidential token and its number. This must not affect tokens with integrity. */
export const survivesForgedNumbers: LevelCheck = async (subject, level) => {
  for (const { from, to } of bothDirections(await subject.contexts())) {
    const { token } = from.wrap(SECRET, 'confidential');
    for (let bit = 0; bit < 8 * token.length; bit++) openedOrRefused(() => to.unwrap(flipped(token, bit)));
    expectOpens(to, from.wrap(SECRET, level), SECRET, stateIn(subject, 'ok'));
  }
};

function isWithin(ranges: readonly OctetRange[], octet: number): boolean {
  return ranges.some(({ start, end }) => start <= octet && octet < end);
}

function openedOrRefused(attempt: () => Unwrapped): Unwrapped | undefined {
  try {
    return attempt();
  } catch (error) {
    expectSafeError(error, 'a token that cannot be opened');
    return undefined;
  }
}
