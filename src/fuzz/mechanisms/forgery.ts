/**
 * Tokens that no conforming peer makes, with their checksums right: so they come behind the cryptography, to whatever reads a
 * token next. Each mechanism has a context that makes any token of its format, and a table of what to make.
 */

import type { SecurityContext } from '../../protection/mechanism.js';
import type { TokenLevel } from '../../protection/protection-level.js';
import type { Choices } from '../choices.js';
import { type Expectation, type Layer, type Mutation, type RowEnd, refuse, rowEnd } from '../mutation.js';

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
}

export interface Forgery<C> extends Pick<Mutation, 'name' | 'source' | 'expected'> {
  /** Default `token`. */
  layer?: Layer;
  /** The level that it is about; default both. */
  only?: TokenLevel;
  /** How many valid messages go before it. */
  after?: number;
  /** The fields that are other than those of a valid token, or the octets of the token; undefined where there is nothing to make. */
  make: FieldsOf<C> | ((place: Place<C>) => FieldsOf<C> | Uint8Array | undefined);
}

type Also<C> = Partial<Pick<Forgery<C>, 'layer' | 'only' | 'after'>>;

/** Makes the rows of a table. */
export function forgeriesOf<C>() {
  return (
    name: string,
    source: string,
    expected: Expectation,
    ...end: RowEnd<Also<C>, Forgery<C>['make']>
  ): Forgery<C> => {
    const [also, make] = rowEnd(end);
    return { name, source, expected, ...also, make };
  };
}

function forged<C extends ForgingContext>(make: Forgery<C>['make'], place: Place<C>): Uint8Array | undefined {
  const made = typeof make === 'function' ? make(place) : make;
  if (made === undefined || made instanceof Uint8Array) return made;
  return place.context.token(place.text, place.sealed, made as object);
}

/** A mutation and its layer, and the format of tokens that it forges. */
export type Layered = Mutation & { layer: Layer };

/**
 * Why a forged token must be refused: the first reason says what is wrong with it, and a peer may tell the other, where it
 * sees that first. Here its maker has the keys, and its checksum covers what it must: its form alone is wrong.
 */
export const BAD_TOKEN = refuse('security/bad-token', 'security/bad-checksum');
/** Here its checksum is missing, or over something else than was sent: it vouches for nothing. */
export const UNVERIFIED = refuse('security/bad-checksum', 'security/bad-token');

/** The mutations of a table: one token of a message is forged, the others are valid. */
export function forgeries<C extends ForgingContext>(forges: C['forges'], table: readonly Forgery<C>[]): Layered[] {
  return table.map(({ layer = 'token', only, make, ...row }) => ({
    ...row,
    layer,
    forges,
    at: 'tokens',
    makes: 'stage',
    change(fragments, draw, { context, level }) {
      if (!isForging<C>(context, forges) || (only !== undefined && only !== level)) return undefined;
      const victim = draw.below(fragments.length);
      const tokens = fragments.map((fragment, i) => {
        if (i !== victim) return context.wrap(fragment, level).token;
        const token = forged(make, { context, text: fragment, sealed: level === 'private', draw });
        // A number is used where the token may be taken, so that a conforming session goes on behind it.
        if (row.expected.verdict !== 'refuse') context.numbers.skip();
        return token;
      });
      return tokens.every(token => token !== undefined) ? tokens : undefined;
    },
  }));
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

function isForging<C extends ForgingContext>(context: SecurityContext, forges: string): context is C {
  return (context as Partial<ForgingContext>).forges === forges;
}
