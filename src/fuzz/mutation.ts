/** A mutation: one rule is broken on the way from a text to the wire; and what a conforming peer must do then. */
import type { ErrorCode } from '../errors.js';
import type { Deviation } from '../protection/deviations.js';
import type { Peer, SecurityContext } from '../protection/mechanism.js';
import type { TokenLevel } from '../protection/protection-level.js';
import type { Choices } from './choices.js';

/** The layer that is mutated, from the outermost to the innermost, and then those that concern several messages. */
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
 * `accept` accept the text that was protected;
 * `refuse` accept nothing of it, for one of these reasons, and keep its state;
 * `either` accept it or refuse it, but never accept another text than the protected one, unless it reports that tokens
 * are missing, late or refused. With a `deviation`, tolerant peers accept the message, and strict ones refuse it;
 * `answer` a server replies with one of these codes; the first names the reason.
 */
export type Expectation =
  | { verdict: 'accept' }
  | { verdict: 'refuse'; codes: readonly ErrorCode[] }
  | { verdict: 'either'; deviation?: Deviation }
  | { verdict: 'answer'; codes: readonly number[] };

/**
 * The stages of a message on its way to the wire; each is made from the one before, piece by piece. A transfer has
 * `blocks` instead of base 64 and lines; an exchange begins with its token.
 */
export type Stage = 'fragments' | 'tokens' | 'base64' | 'lines' | 'wire' | 'chunks' | 'blocks';

/** The side of a session that sends to the peer under test. */
export interface FuzzSession {
  readonly context: SecurityContext;
  /** Whether the mechanism numbers its tokens, so that a replay must be refused. */
  readonly numbered: boolean;
  /** The levels whose tokens can't be changed unnoticed. */
  readonly integrity: readonly TokenLevel[];
  /** All tokens have one level, whatever level is asked for. */
  readonly oneLevel?: true;
  /** A token from the peer under test, to be sent back to it. */
  readonly received?: Uint8Array | undefined;
}

/** A valid message or transfer to be mutated, and its session. */
export interface MutationContext extends FuzzSession {
  /** The peer under test, which is the reader: a client reads replies, a server commands. */
  readonly to: Peer;
  readonly level: TokenLevel;
  /** Octets of the inner reply or command with its line ends, or of the file. */
  readonly text: Uint8Array;
  /** Octets of the valid messages that were sent before in this case. */
  readonly sent: readonly Uint8Array[];
  /** Only for a transfer: the protection buffer in octets. */
  readonly bufferSize: number;
  /** Makes one more valid message of the same text, at its level or another one; the octets of its lines. */
  valid(level?: TokenLevel): Uint8Array;
}

/** Keys to open and protect again the tokens of an exchange; their form depends on the mechanism. */
export type ExchangeKeys = { readonly forges: string } & Readonly<Record<string, unknown>>;

/** A valid line of ours that must be sent in an exchange. */
export interface ExchangeTurn {
  /** The reader: a server reads ADAT, a client 335 and 235. */
  to: Peer;
  /** The number of our line after AUTH, from 0. */
  number: number;
  /** Undefined if a reply has no token. */
  token: Uint8Array | undefined;
  /** The code of a reply. */
  code?: 235 | 335;
  /** The peer's last token. */
  received: Uint8Array | undefined;
  keys: ExchangeKeys | undefined;
}

/** One line out of order, without its line end. It is in the clear if it has no level. */
export interface ScriptLine {
  text: string;
  level?: TokenLevel;
}

/** Where a line out of order is sent: to a server as a command, to a client as the reply to its present command. */
export interface Script {
  /**
   * The point that a session must reach before the line: a greeting, AUTH answered by 334, or an association. With
   * `auth` the line goes in one piece with AUTH, or with 334; with `adat`, in one piece with the ADAT that ends the
   * exchange, or with 235. So the reader has it in a buffer when the rules change.
   */
  start: 'greeted' | 'auth' | 'exchange' | 'adat' | 'secured';
  line: ScriptLine;
  /** Commands that are sent to a server before, and that it must answer and accept. */
  before: readonly ScriptLine[];
}

/** Changes the pieces of a stage; returns undefined if there is nothing to change. */
export type Change<C> = (pieces: readonly Uint8Array[], draw: Choices, carrier: C) => readonly Uint8Array[] | undefined;

/** A row of the tables of mutations. `C` is the type of the context for its change. */
export interface Mutation<C = MutationContext> {
  layer: Layer;
  /** The broken rule or the tolerated form; unique in its layer for one peer and one token format. */
  name: string;
  /** The source of the rule. */
  source: string;
  expected: Expectation;
  /** The peer that can receive it; default both. */
  to?: Peer;
  /** The token format to which it applies; default any. */
  forges?: string;
  /** Its octets are many, so one variant is enough. */
  large?: true;
  /** What the mutation requires: several lines, numbered tokens, a level with integrity, tokens of several levels. */
  needs?: readonly ('lines' | 'numbers' | 'integrity' | 'levels')[];
  /** The only level at which it applies; default any. */
  only?: TokenLevel;
  /** Number of valid messages before it. */
  after?: number;
  /** The octets have no end, so nothing can follow. */
  open?: true;
  /** Only for a transfer: the error is after the last block, so a peer may have passed on the whole file before it. */
  late?: true;
  /** Only for an exchange: the number of our line, from 0; default a chosen one. */
  turn?: number;
  /** Only for an exchange: an accepted message is sent once more, on a new connection, in the same place. */
  again?: true;
  script?: Script;
  /** The stage whose pieces it changes. */
  at: Stage;
  /** It makes the pieces of its stage itself; its input is the stage before, or the whole text. */
  makes?: 'stage' | 'everything';
  change: Change<C>;
}
