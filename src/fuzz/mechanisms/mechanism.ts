/**
 * What the fuzzer knows of a mechanism. Each has a context that makes any token of its format, with its checksum right, so that it
 * comes behind the cryptography, to the code that reads a token next; tables of tokens and security data that no conforming
 * peer makes; and sessions and exchanges under keys that are written down.
 */
import type { BlockCiphers } from '../../mechanisms/block-cipher.js';
import type { Exchange, Peer, SecurityContext, Step } from '../../protection/mechanism.js';
import type { Choices } from '../choices.js';
import {
  type ExchangeKeys,
  type ExchangeMutation,
  type ExchangeTurn,
  type FuzzSession,
  type Mutation,
  type MutationContext,
  refuse,
  type Table,
  tableOf,
} from '../mutation.js';

/** A mechanism to be fuzzed; each has a file here. */
export interface FuzzMechanism {
  /** In `forges` of exchange keys. */
  name: string;
  /** Mutations of its tokens behind the exchange. */
  tokens: readonly Mutation[];
  /** Mutations of its security data. */
  exchanges: readonly ExchangeMutation[];
  /** How many lines with security data each peer is sent in a valid exchange. */
  lines: Record<Peer, number>;
  /**
   * Sessions of each format of tokens, and exchanges, that come to the same octets each time.
   * @param seed  of confounders and nonces
   * @param ciphers  formats that need DES are left out without it
   */
  references(seed: number, ciphers: BlockCiphers): Omit<Reference, 'mechanism'>[];
}

/** A session or an exchange under keys that are written down. */
export interface Reference {
  /** The name of the {@link FuzzMechanism}. */
  mechanism: string;
  /** Its keys, for people. */
  name: string;
  /** Behind the exchange, at number 0 in both directions. */
  session?(to: Peer): FuzzSession;
  exchange?: SampleExchange;
}

/** A valid exchange. */
export interface SampleExchange {
  /** The name for AUTH. */
  mechanism: string;
  /** The lines that one peer is sent behind AUTH. */
  turns(to: Peer): readonly ExchangeTurn[];
  /** Without its key it leads to no session, so that it is of no use in a corpus. */
  isKeyless?: true;
}

/** The sequence numbers of what is sent. */
export interface Counter {
  /** That of the next token; always 0 where tokens have none. */
  readonly next: bigint;
  /** Uses it up. */
  skip(): void;
}

/** A security context that can make other tokens than valid ones, too. */
export interface ForgingContext<Fields = object> extends SecurityContext {
  /** The format that it forges. */
  readonly forges: string;
  readonly numbers: Counter;
  /** The next token, with other fields than a valid one where they are given; its number is not used up. */
  token(plaintext: Uint8Array, sealed: boolean, fields?: Fields): Uint8Array;
}

type FieldsOf<C> = C extends ForgingContext<infer Fields> ? Fields : never;

/** Where a token is forged. */
interface Place<C> {
  context: C;
  text: Uint8Array;
  sealed: boolean;
  draw: Choices;
  /** The valid token, or one of other fields. */
  token(fields?: FieldsOf<C>): Uint8Array;
  /** The number of the next token. */
  next: bigint;
}

/** The fields that are other than those of a valid token, or the octets of the token; undefined where there is nothing to make. */
type Make<C> = FieldsOf<C> | ((place: Place<C>) => FieldsOf<C> | Uint8Array | undefined);

/**
 * Why a forged token must be refused: the first reason says what is wrong with it, and a peer may give the other, where it
 * sees that first. Here its maker has the keys, and its checksum covers what it must: its form alone is wrong.
 */
export const BAD_TOKEN = refuse('security/bad-token', 'security/bad-checksum');
/** Here its checksum is missing, or over something else than was sent: it proves nothing. */
export const UNVERIFIED = refuse('security/bad-checksum', 'security/bad-token');
export const WRONG_DIRECTION = refuse('security/wrong-direction');
export const REPLAYED = refuse('security/replayed');

/** Of rows: their layer, if that is not `token`, and what goes before. */
export const SEQUENCE = { layer: 'sequence' } as const;
export const BEHIND_ONE = { layer: 'sequence', after: 1 } as const;
export const DIRECTION = { layer: 'direction' } as const;

/** The mutations of a table: one token of a message is forged, the others are valid. */
export function forgeries<C extends ForgingContext>(forges: C['forges'], table: Table<Make<C>>): Mutation[] {
  return tableOf<Make<C>, MutationContext>(
    { layer: 'token', at: 'tokens', makes: 'stage', forges },
    (make, expected) =>
      (fragments, draw, { context, level }) => {
        if (!isForging<C>(context, forges)) return undefined;
        const victim = draw.below(fragments.length);
        const tokens = fragments.map((text, i) => {
          if (i !== victim) return context.wrap(text, level).token;
          const token = forged(make, context, text, level === 'private', draw);
          // A number is used where the token may be taken, so that a conforming session goes on behind it.
          if (expected.verdict !== 'refuse') context.numbers.skip();
          return token;
        });
        return tokens.every(token => token !== undefined) ? tokens : undefined;
      },
  )(table);
}

function forged<C extends ForgingContext>(
  make: Make<C>,
  context: C,
  text: Uint8Array,
  sealed: boolean,
  draw: Choices,
): Uint8Array | undefined {
  const token = (fields?: FieldsOf<C>) => context.token(text, sealed, fields as object | undefined);
  const made =
    typeof make === 'function' ? make({ context, text, sealed, draw, token, next: context.numbers.next }) : make;
  return made === undefined || made instanceof Uint8Array ? made : token(made);
}

function isForging<C extends ForgingContext>(context: SecurityContext, forges: string): context is C {
  return (context as Partial<ForgingContext>).forges === forges;
}

/** Counts from a number, in so many bits. */
export function counterFrom(first: bigint, bits: number): Counter {
  let next = first;
  return {
    get next() {
      return next;
    },
    skip() {
      next = BigInt.asUintN(bits, next + 1n);
    },
  };
}

/** A context of which all but `wrap` is another's. */
export function wrappingWith(inner: SecurityContext, wrap: SecurityContext['wrap']): SecurityContext {
  return {
    mechanism: inner.mechanism,
    supports: level => inner.supports(level),
    wrap,
    unwrap: token => inner.unwrap(token),
    get lastReceived() {
      return inner.lastReceived;
    },
    get lastFollows() {
      return inner.lastFollows;
    },
    wrapSizeLimit: (level, maxToken) => inner.wrapSizeLimit(level, maxToken),
    destroy: () => inner.destroy(),
  };
}

/** 1, 2, 3 and so on: keys that no one takes for real ones. */
export const counting = (length: number, first = 1) => Uint8Array.from({ length }, (_, i) => i + first);

/** The side that we play against a peer. */
export const roleOf = (to: Peer) => (to === 'client' ? 'acceptor' : 'initiator');

/**
 * What one peer is sent in an exchange.
 * @param sides  both, new ones each time
 * @param fixed  makes a token again so that it has the same octets each time. Default: the token as it is
 */
export function spoken(
  to: Peer,
  keys: ExchangeKeys,
  { initiator, acceptor }: { initiator: Exchange; acceptor: Exchange },
  fixed = ({ token }: ExchangeTurn) => token,
): ExchangeTurn[] {
  const turns: ExchangeTurn[] = [];
  const said = (turn: ExchangeTurn) => {
    const its = { ...turn, token: fixed(turn) };
    if (its.to === to) turns.push(its);
    return its.token;
  };
  let received: Uint8Array | undefined;
  let { token } = stepOf(initiator);
  for (let number = 0; token !== undefined; number++) {
    token = said({ to: 'server', number, token, received, keys })!;
    const step = stepOf(acceptor, token);
    const code = step.context === undefined ? 335 : 235;
    received = said({ to: 'client', number, token: step.token, code, received: token, keys });
    if (received === undefined) break;
    ({ token } = stepOf(initiator, received));
  }
  return turns;
}

/** The mechanisms here take their steps at once. */
function stepOf(side: Exchange, token?: Uint8Array): Step {
  return side.step(token) as Step;
}
