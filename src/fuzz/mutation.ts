/** What a mutation is: one rule broken on the way from a text to the wire, and what a conforming peer must do. */
import type { ErrorCode } from '../errors.js';
import type { Deviation } from '../protection/deviations.js';
import type { Peer, SecurityContext } from '../protection/mechanism.js';
import type { TokenLevel } from '../protection/protection-level.js';
import type { Choices } from './choices.js';

/** What is mutated, from the outside in; then what spans messages. */
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
/** One of {@link LAYERS}. */
export type Layer = (typeof LAYERS)[number];

/**
 * What a conforming peer must do with a message:
 * `accept` take the text as it was protected;
 * `refuse` take nothing of it, for one of these reasons, and be as before;
 * `either` take it or refuse it, but never take another text than was protected, unless it reports that tokens are missing,
 * late or refused. With a `deviation`, peers that tolerate it take the message, and strict ones refuse it;
 * `answer` a server replies with one of these codes; the first says what the line is.
 */
export type Expectation =
  | { verdict: 'accept' }
  | { verdict: 'refuse'; codes: readonly ErrorCode[] }
  | { verdict: 'either'; deviation?: Deviation }
  | { verdict: 'answer'; codes: readonly number[] };

/**
 * The octets of a message on their way out: each stage is made from the one before, piece by piece. A transfer has `blocks`
 * in the place of base 64 and lines; an exchange begins with its token.
 */
export type Stage = 'fragments' | 'tokens' | 'base64' | 'lines' | 'wire' | 'chunks' | 'blocks';

/** The side of a session that sends to the peer under test. */
export interface FuzzSession {
  readonly context: SecurityContext;
  /** Whether the mechanism numbers its tokens, so that a replay must be refused. */
  readonly numbered: boolean;
  /** The levels whose tokens cannot be altered unnoticed. */
  readonly integrity: readonly TokenLevel[];
  /** A token that the peer under test has made, to be sent back to it. */
  readonly received?: Uint8Array | undefined;
}

/** A valid message or transfer to be mutated, and the session that it belongs to. */
export interface MutationContext extends FuzzSession {
  /** The peer under test, which reads it: a client reads replies, a server commands. */
  readonly to: Peer;
  readonly level: TokenLevel;
  /** Octets of the inner reply or command with its line ends, or of the file. */
  readonly text: Uint8Array;
  /** Octets of the valid messages that went before in this case. */
  readonly sent: readonly Uint8Array[];
  /** Of a transfer: the protection buffer in octets. */
  readonly bufferSize: number;
  /** Makes one more valid message of the same text, at its level or another: the octets of its lines. */
  valid(level?: TokenLevel): Uint8Array;
}

/** What opens and seals the tokens of an exchange again; the rest of it is known to its mechanism alone. */
export type ExchangeKeys = { readonly forges: string } & Readonly<Record<string, unknown>>;

/** A valid line of ours that is due in an exchange. */
export interface ExchangeTurn {
  /** Who reads it: a server reads ADAT, a client 335 and 235. */
  to: Peer;
  /** Which of our lines behind AUTH, counted from 0. */
  number: number;
  /** Undefined where a reply has none. */
  token: Uint8Array | undefined;
  /** Of the reply. */
  code?: 235 | 335;
  /** The peer's last token. */
  received: Uint8Array | undefined;
  keys: ExchangeKeys | undefined;
}

/** One line out of order: in the clear unless it has a level. It has no line end here. */
export interface ScriptLine {
  text: string;
  level?: TokenLevel;
}

/** Where a line out of order goes. To a server it is a command; to a client it answers its present command. */
export interface Script {
  /**
   * Where a session has come to before the line: a greeting, AUTH answered by 334, or an association. With `auth` the line goes
   * in one piece with AUTH, or with 334; with `adat`, with the ADAT that ends the exchange, or with 235: its reader has it
   * in a buffer when the rules change.
   */
  start: 'greeted' | 'auth' | 'exchange' | 'adat' | 'secured';
  line: ScriptLine;
  /** Commands that are sent to a server and answered first, and accepted. */
  before: readonly ScriptLine[];
}

/** Gives the pieces as they go on; undefined where there is nothing to change. */
export type Change<C> = (pieces: readonly Uint8Array[], draw: Choices, carrier: C) => readonly Uint8Array[] | undefined;

/** A row of the tables of mutations. `C` is what its change may look at. */
export interface Mutation<C = MutationContext> {
  layer: Layer;
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
  /**
   * Without these it is not applicable: several lines, numbered tokens, a level with integrity, tokens without it, sealed ones,
   * a token of the peer.
   */
  needs?: readonly ('lines' | 'numbers' | 'integrity' | 'confidential' | 'private' | 'received')[];
  /** The level that it is about; default any. */
  only?: TokenLevel;
  /** How many valid messages go before it. */
  after?: number;
  /** What it sends has no end, so that nothing can follow. */
  open?: true;
  /** Of a transfer: what is wrong comes behind the last block, so that a peer may have handed on all of it before it knows. */
  late?: true;
  /** Of an exchange: which of our lines, from 0; default one that is drawn. */
  turn?: number;
  /** Of an exchange: what was sent, and taken, comes once more, on a new connection, in the same place. */
  again?: true;
  script?: Script;
  /** The stage whose pieces it changes. */
  at: Stage;
  /** It makes the pieces of its stage itself: what it is given is the stage before, or the whole text. */
  makes?: 'stage' | 'everything';
  change: Change<C>;
}

/** A mutation of a line with security data. */
export type ExchangeMutation = Mutation<ExchangeTurn>;

type Also = Partial<Omit<Mutation, 'name' | 'source' | 'expected' | 'change'>>;

/** A row of a table as it is written down: its change, or what that is made of. */
export type Row<M> = readonly [expected: Expectation, make: M, also?: Also | undefined];

/** Rows by their source, and by their name. */
export type Table<M> = Readonly<Record<string, Readonly<Record<string, Row<M>>>>>;

/** Gives what makes mutations of a table, whose rows have much in common. */
export function tableOf<M, C>(
  common: Pick<Mutation, 'layer' | 'at'> & Also,
  changeOf: (make: M, expected: Expectation) => Change<C>,
): (table: Table<M>) => Mutation<C>[] {
  return table =>
    Object.entries(table).flatMap(([source, rows]) =>
      Object.entries(rows).map(([name, [expected, make, also]]) => {
        return { ...common, name, source, expected, ...also, change: changeOf(make, expected) };
      }),
    );
}

/** The same for rows that have their change. */
export function mutationsOf<C = MutationContext>(common: Pick<Mutation, 'layer' | 'at'> & Also) {
  return tableOf<Change<C>, C>(common, change => change);
}

/** A valid message, or one that must be taken. */
export const ACCEPT: Expectation = { verdict: 'accept' };
/** A peer may take it or refuse it. */
export const EITHER: Expectation = { verdict: 'either' };

/** It must be refused, for one of these reasons. */
export function refuse(...codes: ErrorCode[]): Expectation {
  return { verdict: 'refuse', codes };
}

/** A deviation that peers may tolerate. */
export function deviation(name: Deviation): Expectation {
  return { verdict: 'either', deviation: name };
}

/** Of rows: what they need. */
export const LINES = { needs: ['lines'] } as const;
export const NUMBERS = { needs: ['numbers'] } as const;
export const INTEGRITY = { needs: ['integrity'] } as const;
export const CONFIDENTIAL = { needs: ['confidential'] } as const;
/** Of rows: the level that they are about. */
export const SAFE = { only: 'safe' } as const;
export const PRIVATE = { only: 'private' } as const;
