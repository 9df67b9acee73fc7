/**
 * What the fuzzer requires of a mechanism: a context that makes any token of its format with a correct checksum, so
 * that the token gets past the cryptography to the code that reads it next; tables of tokens and security data that no
 * conforming peer makes; and sessions and exchanges under fixed keys.
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

/** A mechanism to be fuzzed; each has a file or folder here. */
export interface FuzzMechanism {
  /** Also the value of `forges` in its exchange keys. */
  name: string;
  /** Mutations of its tokens after the exchange. */
  tokens: readonly Mutation[];
  /** Mutations of its security data. */
  exchanges: readonly ExchangeMutation[];
  /** Number of lines with security data that each peer receives in a valid exchange. */
  lines: Record<Peer, number>;
  /**
   * Sessions of each token format, and exchanges, which give the same octets each time.
   * @param seed  for confounders and nonces
   * @param ciphers  without DES, the formats that need it are left out
   */
  references(seed: number, ciphers: BlockCiphers): Omit<Reference, 'mechanism'>[];
}

/** A session or an exchange under fixed keys. */
export interface Reference {
  /** The name of the {@link FuzzMechanism}. */
  mechanism: string;
  /** Describes its keys. */
  name: string;
  /** A session after the exchange, at number 0 in both directions. */
  session?(to: Peer): FuzzSession;
  exchange?: SampleExchange;
}

/** A valid exchange. */
export interface SampleExchange {
  /** The name for AUTH. */
  mechanism: string;
  /** The lines that one peer receives after AUTH. */
  turns(to: Peer): readonly ExchangeTurn[];
  /** Without its key, no session follows from it, so it is of no use in a corpus. */
  isKeyless?: true;
}

/** The sequence numbers of the sender. */
export interface Counter {
  /** The number of the next token; always 0 if tokens have no numbers. */
  readonly next: bigint;
  /** Uses up the next number. */
  skip(): void;
}

/** A security context that can also make invalid tokens. */
export interface ForgingContext<Fields = object> extends SecurityContext {
  /** The token format that it can forge. */
  readonly forges: string;
  readonly numbers: Counter;
  /** The next token. Given fields replace those of a valid token. Its number is not used up. */
  token(plaintext: Uint8Array, sealed: boolean, fields?: Fields): Uint8Array;
}

type FieldsOf<C> = C extends ForgingContext<infer Fields> ? Fields : never;

/** The context for one forged token. */
interface Place<C> {
  context: C;
  text: Uint8Array;
  sealed: boolean;
  draw: Choices;
  /** The valid token, or one with other fields. */
  token(fields?: FieldsOf<C>): Uint8Array;
  /** The number of the next token. */
  next: bigint;
}

/** The fields that differ from a valid token, or the octets of the token; undefined if there is nothing to make. */
type Make<C> = FieldsOf<C> | ((place: Place<C>) => FieldsOf<C> | Uint8Array | undefined);

/**
 * Why a forged token must be refused. The first reason is the actual fault; a peer may give the other one if it notices
 * that first. Here the token is made with the keys, and its checksum covers what it must: only the form is wrong.
 */
export const BAD_TOKEN = refuse('security/bad-token', 'security/bad-checksum');
/** Here the checksum is missing, or covers other octets than those that were sent, so it proves nothing. */
export const UNVERIFIED = refuse('security/bad-checksum', 'security/bad-token');
export const WRONG_DIRECTION = refuse('security/wrong-direction');
export const REPLAYED = refuse('security/replayed');

/** Properties of rows: their layer, if it is not `token`, and the messages before them. */
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
          // If the token may be accepted, it uses up a number, so that a conforming session can continue after it.
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

/** A counter of `bits` bits that starts at a number. */
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

/** A context with another `wrap`; everything else is from `inner`. */
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

/** The octets 1, 2, 3 and so on: keys that are obviously not real. */
export const counting = (length: number, first = 1): Uint8Array => Uint8Array.from({ length }, (_, i) => i + first);

/** The role that the fuzzer plays against a peer. */
export const roleOf = (to: Peer) => (to === 'client' ? 'acceptor' : 'initiator');

/**
 * The lines that one peer receives in an exchange.
 * @param sides  both sides of the exchange; each call needs new ones
 * @param fixed  makes a token again with the same octets each time. Default: the token is used as it is
 */
export function spoken(
  to: Peer,
  keys: ExchangeKeys,
  { initiator, acceptor }: { initiator: Exchange; acceptor: Exchange },
  fixed = ({ token }: ExchangeTurn): Uint8Array | undefined => token,
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

/** The mechanisms here are synchronous. */
function stepOf(side: Exchange, token?: Uint8Array): Step {
  return side.step(token) as Step;
}
