/** Checks of the security data exchange and its observer, and `establish`, which runs an exchange without a network. */
import { concat } from '../../bytes.js';
import type { Exchange, ExchangeFacts, ObservedStep, Peer, Step } from '../../protection/mechanism.js';
import {
  bothDirections,
  expect,
  expectOpens,
  expectSafeError,
  pseudoRandom,
  SECRET,
  same,
  stateIn,
} from './assertions.js';
import type { ConformanceExchange, ConformancePair, ExchangeCheck, ObserverCheck } from './subject.js';

type Side = keyof ConformancePair;
type Token = Uint8Array | undefined;
type Relay = (token: Uint8Array, place: number) => Token;

/** The course of an exchange. */
interface Course extends Partial<ConformancePair> {
  /** The tokens of both sides in order; the initiator's is the first. */
  tokens: Uint8Array[];
  /** What each side has said last. */
  facts: Partial<Record<Side, ExchangeFacts>>;
  failure?: { side: Side; error: unknown };
}

const SIDES: readonly Side[] = ['initiator', 'acceptor'];
const PEERS: readonly Peer[] = ['client', 'server'];
const MAX_STEPS = 40;

/** Alterations of a token. */
const ALTERATIONS: readonly [string, (token: Uint8Array) => Token][] = [
  ['that is missing', () => undefined],
  ['that is empty', () => new Uint8Array(0)],
  ['truncated to its first octet', token => token.subarray(0, 1)],
  ['truncated to its first half', token => token.subarray(0, token.length >> 1)],
  ['without its last octet', token => token.subarray(0, -1)],
  ['without its first octet', token => token.subarray(1)],
  ['with one octet more', token => concat(token, Uint8Array.of(0))],
  ['sent twice', token => concat(token, token)],
  ['of zeros', token => new Uint8Array(token.length)],
  ['of random octets', token => randomOctets(token.length)],
  [
    'with a random second half',
    token => concat(token.subarray(0, token.length >> 1), randomOctets(token.length - (token.length >> 1))),
  ],
];

/**
 * Runs a security data exchange without a network: each side receives the tokens of the other, until both have a context.
 * @throws the error of a step that fails, Error if the exchange does not end in 40 steps
 */
export async function establish(exchange: ConformanceExchange): Promise<ConformancePair> {
  const { initiator, acceptor, failure } = await run(exchange);
  if (failure !== undefined) throw failure.error;
  expect(initiator !== undefined && acceptor !== undefined, `an exchange must be complete after ${MAX_STEPS} steps`);
  return { initiator, acceptor };
}

export const givesContexts: ExchangeCheck = async (subject, begin) => {
  for (const { from, to } of bothDirections(await establish(begin()))) {
    for (const level of subject.levels) expectOpens(to, from.wrap(SECRET, level), SECRET, stateIn(subject, 'ok'));
  }
};

export const endsOnce: ExchangeCheck = async (_, begin) => {
  const exchange = begin();
  const { tokens, failure } = await run(exchange);
  if (failure !== undefined) throw failure.error;
  for (const side of SIDES) await expectOver(exchange[side], tokens, side);
};

/** Else sessions leave numbers out, and the peer refuses what follows. */
export const saysInOrder: ExchangeCheck = async (_, begin) => {
  const { facts, failure } = await run(begin());
  if (failure !== undefined) throw failure.error;
  for (const side of SIDES)
    expect(facts[side]?.inOrder === true, `the ${side} must give the fact inOrder: true: each token must be the next`);
};

/** If a side has `destroy`, it must end an incomplete exchange, and must not destroy an established context. */
export const endsWhenGivenUp: ExchangeCheck = async (subject, begin) => {
  const [early, late, complete] = [begin(), begin(), begin()];
  const opening = await early.initiator.step();
  early.acceptor.destroy?.();
  if (early.acceptor.destroy) await expectNoStep(early.acceptor, opening.token, 'acceptor');
  const { token: answer } = await late.acceptor.step((await late.initiator.step()).token);
  late.initiator.destroy?.();
  if (late.initiator.destroy) await expectNoStep(late.initiator, answer, 'initiator');
  const pair = await establish(complete);
  for (const side of SIDES) complete[side].destroy?.();
  for (const { from, to } of bothDirections(pair)) {
    for (const level of subject.levels) expectOpens(to, from.wrap(SECRET, level), SECRET, stateIn(subject, 'ok'));
  }
};

export const refusesAlteredSecurityData: ExchangeCheck = async (_, begin) => {
  const { tokens } = await run(begin());
  for (const place of tokens.keys()) {
    for (const [what, alter] of ALTERATIONS) {
      const exchange = begin();
      const { failure } = await run(exchange, (token, at) => (at === place ? altered(token, alter) : token));
      expect(failure !== undefined, `an exchange with token ${place} ${what} must fail`);
      expectSafeError(failure.error, `token ${place} ${what}`);
      await expectOver(exchange[failure.side], tokens, failure.side);
    }
  }
};

export const givesObserver: ObserverCheck = async (subject, begin, watch) => {
  const observer = watch();
  const { tokens, failure, ...pair } = await run(begin());
  if (failure !== undefined) throw failure.error;
  let seen: Partial<ObservedStep> = {};
  for (const [place, token] of tokens.entries()) seen = { ...seen, ...observer.observe(PEERS[place % 2]!, token) };
  const directions = [
    { from: pair.initiator, to: pair.acceptor, observed: seen.fromClient },
    { from: pair.acceptor, to: pair.initiator, observed: seen.fromServer },
  ];
  for (const { from, to, observed } of directions) {
    expect(from !== undefined && to !== undefined, 'an exchange must be complete');
    expect(observed !== undefined, 'an observer of the whole exchange must have a context for each direction');
    for (const level of subject.levels) {
      const wrapped = from.wrap(SECRET, level);
      expectOpens(observed, wrapped, SECRET, stateIn(subject, 'ok'));
      expectOpens(to, wrapped, SECRET, stateIn(subject, 'ok'));
    }
  }
};

/** The observer may throw or report a problem, but must not return a context after altered security data. */
export const keepsObserverSafe: ObserverCheck = async (_, begin, watch) => {
  const { tokens } = await run(begin());
  for (const place of tokens.keys()) {
    for (const [what, alter] of ALTERATIONS) {
      const observer = watch();
      const { tokens: sent } = await run(begin());
      for (const [at, token] of sent.entries()) {
        const shown = at === place ? altered(token, alter) : token;
        if (shown === undefined) continue;
        const { fromClient, fromServer } = stepOrRefusal(() => observer.observe(PEERS[at % 2]!, shown), what);
        expect(
          at !== place || (fromClient ?? fromServer) === undefined,
          `an observer that saw token ${place} ${what} must not return a context`,
        );
      }
    }
  }
};

async function run(exchange: ConformanceExchange, relay: Relay = token => token): Promise<Course> {
  const course: Course = { tokens: [], facts: {} };
  let received: Token;
  for (let turn = 0; turn < MAX_STEPS; turn++) {
    const side = SIDES[turn % 2]!;
    // A side that has its context sends nothing more, unless it receives a token.
    if (course[side] !== undefined && received === undefined) break;
    try {
      const { token, context, facts }: Step = await exchange[side].step(received);
      if (facts !== undefined) course.facts[side] = facts;
      if (context !== undefined) course[side] = context;
      received = undefined;
      if (token === undefined) continue;
      received = relay(token, course.tokens.length);
      course.tokens.push(token);
    } catch (error) {
      course.failure = { side, error };
      break;
    }
  }
  return course;
}

async function expectOver(exchange: Exchange, tokens: readonly Uint8Array[], side: Side): Promise<void> {
  for (const token of [undefined, ...tokens]) await expectNoStep(exchange, token, side);
}

async function expectNoStep(exchange: Exchange, token: Token, side: Side): Promise<void> {
  let error: unknown;
  try {
    await exchange.step(token);
  } catch (thrown) {
    error = thrown;
  }
  expect(error !== undefined, `when the exchange is over, a further step of the ${side} must be refused`);
  expectSafeError(error, `a further step of the ${side}`);
}

/** Applies an alteration; if it happens to change nothing, appends an octet instead. */
function altered(token: Uint8Array, alter: (token: Uint8Array) => Token): Token {
  const other = alter(token);
  return other !== undefined && same(other, token) ? concat(token, Uint8Array.of(1)) : other;
}

function randomOctets(length: number): Uint8Array {
  return pseudoRandom(0x335)(length);
}

function stepOrRefusal(observe: () => ObservedStep, what: string): Partial<ObservedStep> {
  try {
    return observe();
  } catch (error) {
    expectSafeError(error, `security data ${what}`);
    return {};
  }
}
