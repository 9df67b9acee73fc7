/** What a mutation is: one rule broken at one stage on the way from a text to the wire, and what a conforming peer must do. */
import type { ErrorCode } from '../errors.js';
import type { Deviation } from '../protection/deviations.js';
import type { Peer, SecurityContext } from '../protection/mechanism.js';
import type { TokenLevel } from '../protection/protection-level.js';
import type { Choices } from './choices.js';

/** From the outside in, then what spans messages. */
export const LAYERS = [
  'octets',
  'lines',
  'grammar',
  'outer',
  'base64',
  'fragments',
  'inner',
  'token',
  'sequence',
  'direction',
  'level',
  'exchange',
  'phases',
  'data',
] as const;
export type Layer = (typeof LAYERS)[number];

/**
 * What a conforming peer must do with a message:
 * `accept` take the text as it was protected;
 * `refuse` take nothing of it, for one of these reasons, and be as before;
 * `either` take it or refuse it, but never take another text than was protected, unless it says that tokens are missing,
 * late or refused. With a `deviation`, peers that tolerate it take the message, and strict ones refuse it.
 * `answer` a server replies with one of these codes; the first says what the line is.
 */
export type Expectation =
  | { verdict: 'accept' }
  | { verdict: 'refuse'; codes: readonly ErrorCode[] }
  | { verdict: 'either'; deviation?: Deviation }
  | { verdict: 'answer'; codes: readonly number[] };

/** The octets of a message on their way out: each stage is made from the one before, piece by piece. */
export type Stage = 'fragments' | 'tokens' | 'base64' | 'lines' | 'wire' | 'chunks';

/** The side of a session that sends to the peer under test. */
export interface FuzzSession {
  readonly context: SecurityContext;
  /** Whether the mechanism numbers its tokens, so that a replay must be refused. */
  readonly numbered: boolean;
  /** The levels whose tokens cannot be altered unseen. */
  readonly integrity: readonly TokenLevel[];
  /** A token that the peer under test has made, to be sent back to it. */
  readonly received?: Uint8Array | undefined;
}

/** A valid message to be mutated, and the session that it belongs to. */
export interface MutationContext extends FuzzSession {
  /** Who reads it: the peer under test. A client reads replies, a server commands. */
  readonly to: Peer;
  readonly level: TokenLevel;
  /** Octets of the inner reply or command, with its line ends. */
  readonly text: Uint8Array;
  /** Octets of the valid messages that went before in this case. */
  readonly sent: readonly Uint8Array[];
  /** Makes one more valid message of the same text: the octets of its lines. */
  valid(): Uint8Array;
}

/** What every mutation has, whatever it changes. */
export interface Rule {
  /** The rule that it breaks, or the liberty that it takes; unique in its layer, for one peer and one format of tokens. */
  name: string;
  /** Where the rule is laid down. */
  source: string;
  expected: Expectation;
  /** Where a client is free to do what a server is not. */
  ofClient?: Expectation;
  /** Who can be sent it; default both. */
  to?: Peer;
  /** The format of tokens that it is about; default any. */
  forges?: string;
  /** It is long, and one variant of it is enough. */
  large?: true;
}

/** A mutation of a message. */
export interface Mutation extends Rule {
  /** What the carrier must have, or the mutation says nothing: several lines, numbered tokens, a level with integrity. */
  needs?: readonly ('lines' | 'numbers' | 'integrity' | 'received')[];
  /** How many valid messages go before it. */
  after?: number;
  /** What it sends has no end, so that nothing can follow. */
  open?: true;
  /** The stage whose pieces it changes. */
  at: Stage;
  /** It makes the pieces of its stage itself: what it is given is the stage before, or the text in `instead`. */
  makes?: 'stage' | 'everything';
  /** Gives the pieces as they go on; undefined where there is nothing to change. */
  change(pieces: readonly Uint8Array[], draw: Choices, carrier: MutationContext): readonly Uint8Array[] | undefined;
}

/** How a row ends: with the change, behind further properties if it has any. */
export type RowEnd<Also, Change> = [change: Change] | [also: Also, change: Change];

export function rowEnd<Also extends object, Change>(end: RowEnd<Also, Change>): [also: Also | object, change: Change] {
  return end.length === 2 ? end : [{}, end[0]];
}

type Also = Partial<Omit<Mutation, 'name' | 'source' | 'expected' | 'change'>>;

/** Makes the rows of a table: mutations of one stage, with what all of them have. */
export function rowsAt(at: Stage, defaults: Also = {}) {
  return (name: string, source: string, expected: Expectation, ...end: RowEnd<Also, Mutation['change']>): Mutation => {
    const [also, change] = rowEnd(end);
    return { ...defaults, at, name, source, expected, ...also, change };
  };
}

export const ACCEPT: Expectation = { verdict: 'accept' };
export const EITHER: Expectation = { verdict: 'either' };

export function refuse(...codes: ErrorCode[]): Expectation {
  return { verdict: 'refuse', codes };
}

/** A deviation that peers may tolerate. */
export function deviation(name: Deviation): Expectation {
  return { verdict: 'either', deviation: name };
}
