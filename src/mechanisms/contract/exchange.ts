/** Clauses about the security data exchange and about a witness of it; and an exchange run without a wire. */
import { concat } from '../../bytes.js';
import type { Exchange, Peer, Sight, Step } from '../../secure/security-context.js';
import { bothWays, owe, oweOpening, oweSafeError, pseudoRandom, SECRET, same, stateIn } from './assertions.js';
import type { ContractExchange, ContractPair, ExchangeClause, WitnessClause } from './subject.js';

type Side = keyof ContractPair;
type Token = Uint8Array | undefined;
type Relay = (token: Uint8Array, place: number) => Token;

/** How far an exchange came. */
interface Course extends Partial<ContractPair> {
  /** As the sides gave them: the initiator's, the acceptor's, and so on in turn. */
  tokens: Uint8Array[];
  failure?: { side: Side; error: unknown };
}

const SIDES: readonly Side[] = ['initiator', 'acceptor'];
const PEERS: readonly Peer[] = ['client', 'server'];
const MAX_STEPS = 40;

/** What may come in the place of a token. */
const ALTERATIONS: readonly [string, (token: Uint8Array) => Token][] = [
  ['that is missing', () => undefined],
  ['that is empty', () => new Uint8Array(0)],
  ['cut to its first octet', token => token.subarray(0, 1)],
  ['cut to its half', token => token.subarray(0, token.length >> 1)],
  ['less its last octet', token => token.subarray(0, -1)],
  ['less its first octet', token => token.subarray(1)],
  ['with one octet more', token => concat(token, Uint8Array.of(0))],
  ['sent twice over', token => concat(token, token)],
  ['of zeros', token => new Uint8Array(token.length)],
  ['at random', token => atRandom(token.length)],
  [
    'half at random',
    token => concat(token.subarray(0, token.length >> 1), atRandom(token.length - (token.length >> 1))),
  ],
];

/**
 * Runs a security data exchange to its end: each side is handed what the other said.
 * @throws what a step throws; Error when it comes to no end
 */
export async function establish(exchange: ContractExchange): Promise<ContractPair> {
  const { initiator, acceptor, failure } = await run(exchange);
  if (failure !== undefined) throw failure.error;
  owe(initiator !== undefined && acceptor !== undefined, `an exchange must come to its end in ${MAX_STEPS} steps`);
  return { initiator, acceptor };
}

export const givesContexts: ExchangeClause = async (subject, begin) => {
  for (const { from, to } of bothWays(await establish(begin()))) {
    for (const level of subject.levels) oweOpening(to, from.wrap(SECRET, level), SECRET, stateIn(subject, 'ok'));
  }
};

export const endsOnce: ExchangeClause = async (_, begin) => {
  const exchange = begin();
  const { tokens, failure } = await run(exchange);
  if (failure !== undefined) throw failure.error;
  for (const side of SIDES) await oweOver(exchange[side], tokens, side);
};

/** Where a side can be given up, it is over then, and its context, if it has one, is not touched. */
export const endsWhenGivenUp: ExchangeClause = async (subject, begin) => {
  const [early, late, complete] = [begin(), begin(), begin()];
  const opening = await early.initiator.step();
  early.acceptor.destroy?.();
  if (early.acceptor.destroy) await oweNoStep(early.acceptor, opening.token, 'acceptor');
  const { token: answer } = await late.acceptor.step((await late.initiator.step()).token);
  late.initiator.destroy?.();
  if (late.initiator.destroy) await oweNoStep(late.initiator, answer, 'initiator');
  const pair = await establish(complete);
  for (const side of SIDES) complete[side].destroy?.();
  for (const { from, to } of bothWays(pair)) {
    for (const level of subject.levels) oweOpening(to, from.wrap(SECRET, level), SECRET, stateIn(subject, 'ok'));
  }
};

export const refusesAlteredSecurityData: ExchangeClause = async (_, begin) => {
  const { tokens } = await run(begin());
  for (const place of tokens.keys()) {
    for (const [what, alter] of ALTERATIONS) {
      const exchange = begin();
      const { failure } = await run(exchange, (token, at) => (at === place ? altered(token, alter) : token));
      owe(failure !== undefined, `an exchange with token ${place} ${what} must fail`);
      oweSafeError(failure.error, `token ${place} ${what}`);
      await oweOver(exchange[failure.side], tokens, failure.side);
    }
  }
};

export const givesWitness: WitnessClause = async (subject, begin, watch) => {
  const witness = watch();
  const { tokens, failure, ...pair } = await run(begin());
  if (failure !== undefined) throw failure.error;
  let seen: Partial<Sight> = {};
  for (const [place, token] of tokens.entries()) seen = { ...seen, ...witness.see(PEERS[place % 2]!, token) };
  const ways = [
    { from: pair.initiator, to: pair.acceptor, witnessed: seen.fromClient },
    { from: pair.acceptor, to: pair.initiator, witnessed: seen.fromServer },
  ];
  for (const { from, to, witnessed } of ways) {
    owe(from !== undefined && to !== undefined, 'an exchange must come to its end');
    owe(witnessed !== undefined, 'a witness of the whole exchange must have a context for each direction');
    for (const level of subject.levels) {
      const wrapped = from.wrap(SECRET, level);
      oweOpening(witnessed, wrapped, SECRET, stateIn(subject, 'ok'));
      oweOpening(to, wrapped, SECRET, stateIn(subject, 'ok'));
    }
  }
};

/** The witness may refuse, or say that there is a problem; it opens nothing with what it could not read. */
export const keepsWitnessSafe: WitnessClause = async (_, begin, watch) => {
  const { tokens } = await run(begin());
  for (const place of tokens.keys()) {
    for (const [what, alter] of ALTERATIONS) {
      const witness = watch();
      const { tokens: sent } = await run(begin());
      for (const [at, token] of sent.entries()) {
        const shown = at === place ? altered(token, alter) : token;
        if (shown === undefined) continue;
        const { fromClient, fromServer } = sightOrRefusal(() => witness.see(PEERS[at % 2]!, shown), what);
        owe(
          at !== place || (fromClient ?? fromServer) === undefined,
          `a witness that saw token ${place} ${what} must not give a context`,
        );
      }
    }
  }
};

async function run(exchange: ContractExchange, relay: Relay = token => token): Promise<Course> {
  const course: Course = { tokens: [] };
  let said: Token;
  for (let turn = 0; turn < MAX_STEPS; turn++) {
    const side = SIDES[turn % 2]!;
    // A side that has its context has nothing more to say, unless it is spoken to.
    if (course[side] !== undefined && said === undefined) break;
    try {
      const { token, context }: Step = await exchange[side].step(said);
      if (context !== undefined) course[side] = context;
      said = token === undefined ? undefined : relay(token, course.tokens.length);
      if (token !== undefined) course.tokens.push(token);
    } catch (error) {
      course.failure = { side, error };
      break;
    }
  }
  return course;
}

async function oweOver(exchange: Exchange, tokens: readonly Uint8Array[], side: Side): Promise<void> {
  for (const token of [undefined, ...tokens]) await oweNoStep(exchange, token, side);
}

async function oweNoStep(exchange: Exchange, token: Token, side: Side): Promise<void> {
  let error: unknown;
  try {
    await exchange.step(token);
  } catch (thrown) {
    error = thrown;
  }
  owe(error !== undefined, `when the exchange is over, a further step of the ${side} must be refused`);
  oweSafeError(error, `a further step of the ${side}`);
}

/** An alteration that changes nothing, as zeros do to a token of zeros, gives way to one that does. */
function altered(token: Uint8Array, alter: (token: Uint8Array) => Token): Token {
  const other = alter(token);
  return other !== undefined && same(other, token) ? concat(token, Uint8Array.of(1)) : other;
}

function atRandom(length: number): Uint8Array {
  return pseudoRandom(0x335)(length);
}

function sightOrRefusal(see: () => Sight, what: string): Partial<Sight> {
  try {
    return see();
  } catch (error) {
    oweSafeError(error, `security data ${what}`);
    return {};
  }
}
