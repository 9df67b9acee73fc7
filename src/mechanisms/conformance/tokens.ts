/** Checks of single tokens: level, length, sharing of memory, invalid arguments, destroy. */
import type { SecurityContext } from '../../protection/mechanism.js';
import { covers, type TokenLevel } from '../../protection/protection-level.js';
import { bothDirections, expect, expectCode, expectOpens, pattern, same, stateIn } from './assertions.js';
import type { ConformanceSubject, LevelCheck } from './subject.js';

/** Lengths near the sizes of blocks, length fields and buffers. */
const LENGTHS = [0, 1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 255, 256, 257, 4096, 16_385, 70_000];
const lengthsOf = ({ neverEmpty }: SecurityContext) => LENGTHS.filter(length => length > 0 || !neverEmpty);
const NOT_OCTETS: readonly unknown[] = [undefined, null, 'text', 42, [1, 2], new ArrayBuffer(2), new Uint16Array(2)];

/** The methods for a caller without types. */
interface Untyped {
  wrap(plaintext: unknown, level: TokenLevel): unknown;
  unwrap(token: unknown): unknown;
}

/** Like Node's Buffer: a part of a larger buffer, and `slice` shares its memory. */
class Lookalike extends Uint8Array<ArrayBuffer> {
  static around(octets: Uint8Array): Lookalike {
    const pool = new Uint8Array(octets.length + 8).fill(0xaa);
    pool.set(octets, 3);
    return new Lookalike(pool.buffer, 3, octets.length);
  }

  override slice(start?: number, end?: number): Lookalike {
    const part = this.subarray(start, end);
    return new Lookalike(part.buffer, part.byteOffset, part.length);
  }
}

export async function hasAName(subject: ConformanceSubject): Promise<void> {
  const { initiator, acceptor } = await subject.contexts();
  expect(typeof initiator.mechanism === 'string' && initiator.mechanism !== '', 'a context must name its mechanism');
  expect(initiator.mechanism === acceptor.mechanism, 'both sides must name the same mechanism');
}

export const supportsLevel: LevelCheck = async (subject, level) => {
  for (const { from } of bothDirections(await subject.contexts()))
    expect(from.supports(level), `supports must be true for ${level}`);
};

/** A wrap that fails must not use a sequence number. */
export const refusesMissingLevel: LevelCheck = async (subject, level) => {
  for (const { from, to } of bothDirections(await subject.contexts())) {
    expect(!from.supports(level), `supports must not claim ${level}`);
    const error = expectCode(() => from.wrap(pattern(5), level), 'security/level-unsupported', `to wrap at ${level}`);
    expect(error.side === 'local', 'an unsupported level is not an error of the peer: side must be local');
    for (const other of subject.levels.slice(0, 1)) {
      expectOpens(to, from.wrap(pattern(5), other), pattern(5), stateIn(subject, 'ok'));
    }
  }
};

export const opensWhatIsWrapped: LevelCheck = async (subject, level) => {
  for (const { from, to } of bothDirections(await subject.contexts())) {
    for (const length of lengthsOf(from)) {
      const wrapped = from.wrap(pattern(length), level);
      expect(covers(wrapped.level, level), `wrap must apply ${level} at least, not ${wrapped.level}`);
      expectOpens(to, wrapped, pattern(length), stateIn(subject, 'ok'));
    }
  }
};

export const lengthRevealsNothing: LevelCheck = async (subject, level) => {
  const { initiator } = await subject.contexts();
  for (const length of lengthsOf(initiator)) {
    const lengths = [
      pattern(length),
      pattern(length, 7),
      new Uint8Array(length),
      new Uint8Array(length).fill(0xff),
    ].map(plaintext => initiator.wrap(plaintext, level).token.length);
    expect(new Set(lengths).size === 1, `the length of a token must depend only on that of its plaintext (${length})`);
  }
};

export const limitsSizeExactly: LevelCheck = async (subject, level) => {
  const { initiator: context } = await subject.contexts();
  const tokenFor = (plaintext: number) => context.wrap(new Uint8Array(plaintext), level).token.length;
  const lengths = Array.from({ length: 300 }, (_, plaintext) =>
    plaintext === 0 && context.neverEmpty ? 0 : tokenFor(plaintext),
  );
  for (let maxToken = 0; maxToken < lengths.at(-1)!; maxToken++) {
    const fitting = Math.max(0, lengths.findIndex(length => length > maxToken) - 1);
    const limit = context.wrapSizeLimit(level, maxToken);
    expect(limit === fitting, `wrapSizeLimit(${level}, ${maxToken}) must be ${fitting}, not ${limit}`);
  }
  let before = 0;
  for (const maxToken of [1000, 4096, 16_384, 32_768, 65_536]) {
    const limit = context.wrapSizeLimit(level, maxToken);
    expect(limit >= before, `wrapSizeLimit must not be less for ${maxToken} than for a shorter token`);
    expect(tokenFor(limit) <= maxToken, `a plaintext of wrapSizeLimit for ${maxToken} must fit`);
    expect(tokenFor(limit + 1) > maxToken, `one octet more than wrapSizeLimit for ${maxToken} must not fit`);
    before = limit;
  }
};

/** Arguments must not be changed, and returned octets must not change later. */
export const sharesNoOctets: LevelCheck = async (subject, level) => {
  for (const { from, to } of bothDirections(await subject.contexts())) {
    const plaintext = pattern(40);
    const wrapped = from.wrap(plaintext, level);
    expect(same(plaintext, pattern(40)), 'wrap must not change its plaintext');
    const token = Uint8Array.from(wrapped.token);
    plaintext.fill(0);
    expect(same(wrapped.token, token), 'a token must not share octets with the plaintext');

    const opened = to.unwrap(wrapped.token).plaintext;
    expect(same(wrapped.token, token), 'unwrap must not change its token');
    wrapped.token.fill(0);
    expect(same(opened, pattern(40)), 'a plaintext must not share octets with its token');
    expectOpens(to, from.wrap(pattern(41, 5), level), pattern(41, 5), stateIn(subject, 'ok'));
    expect(same(opened, pattern(40)), 'a returned plaintext must not change later');
  }
};

export const givesPlainOctets: LevelCheck = async (subject, level) => {
  for (const { from, to } of bothDirections(await subject.contexts())) {
    const { token } = from.wrap(Lookalike.around(pattern(40)), level);
    expect(token.constructor === Uint8Array, 'a token must be a plain Uint8Array, whatever the plaintext was');
    const lookalike = Lookalike.around(token);
    const { plaintext } = to.unwrap(lookalike);
    expect(plaintext.constructor === Uint8Array, 'a plaintext must be a plain Uint8Array, whatever the token was');
    expect(same(lookalike, token), 'unwrap must not change its token');
    lookalike.fill(0);
    expect(same(plaintext, pattern(40)), 'a subclass must be read from its own offset and length, and not shared');
  }
};

export const rejectsWrongArguments: LevelCheck = async (subject, level) => {
  for (const direction of bothDirections(await subject.contexts())) {
    const { from, to }: { from: Untyped; to: Untyped } = direction;
    for (const value of NOT_OCTETS) {
      expectThrown(TypeError, () => from.wrap(value, level), 'a plaintext other than a Uint8Array');
      expectThrown(TypeError, () => to.unwrap(value), 'a token other than a Uint8Array');
    }
    if (direction.from.neverEmpty)
      expectThrown(RangeError, () => from.wrap(new Uint8Array(), level), 'an empty plaintext');
    expectOpens(direction.to, direction.from.wrap(pattern(3), level), pattern(3), stateIn(subject, 'ok'));
  }
};

export const endsWhenDestroyed: LevelCheck = async (subject, level) => {
  const { initiator, acceptor } = await subject.contexts();
  const { token } = initiator.wrap(pattern(3), level);
  for (const context of [acceptor, initiator]) {
    context.destroy();
    context.destroy();
    expectCode(() => context.supports(level), 'sequence/closed', 'supports after destroy');
    expectCode(() => context.wrap(pattern(3), level), 'sequence/closed', 'wrap after destroy');
    expectCode(() => context.unwrap(token), 'sequence/closed', 'unwrap after destroy');
    if (context.reopen) expectCode(() => context.reopen!(token), 'sequence/closed', 'reopen after destroy');
    expectCode(() => context.wrapSizeLimit(level, 1000), 'sequence/closed', 'wrapSizeLimit after destroy');
    // The other side, which is next, derives its keys at its first token, so that destroy has keys to erase.
    if (context === acceptor) initiator.wrap(pattern(3), level);
  }
};

function expectThrown(type: typeof TypeError | typeof RangeError, attempt: () => unknown, what: string): void {
  try {
    attempt();
  } catch (error) {
    expect(error instanceof type, `${what} must throw a ${type.name}, not ${String(error)}`);
    return;
  }
  throw new Error(`${what} must throw a ${type.name}`);
}
