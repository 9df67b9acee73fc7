/**
 * What the fuzzer requires of a mechanism: a context that makes any token of its format with a correct checksum, so
 * that the token gets past the cryptography to the code that reads it next; tables of tokens and security data that no
 * conforming peer makes; and sessions and exchanges under fixed keys.
 */
import type { BlockCiphers } from '../../block-cipher.js';
import type { ErrorCode } from '../../errors.js';
import type { Exchange, Peer, SecurityContext } from '../../protection/mechanism.js';
import type { TokenLevel } from '../../protection/protection-level.js';
import { Choices } from '../choices.js';
import type { ExchangeKeys, ExchangeTurn, FuzzSession, Layer, Mutation, MutationContext } from '../mutation.js';
import type { Edit } from '../pieces.js';
import { type Must, type Table, tableOf } from '../rows.js';

/** A mechanism to be fuzzed; each has a file or folder here. */
export interface FuzzMechanism {
  /** Also the value of `forges` in its exchange keys. */
  name: string;
  /** Mutations of its tokens after the exchange. */
  tokens: readonly Mutation[];
  /** Mutations of its security data. */
  exchanges: readonly Mutation<ExchangeTurn>[];
  /** Number of lines with security data that each peer receives in a valid exchange. */
  lines: Record<Peer, number>;
  /** Always the same octets from the same seed; without DES in `ciphers`, the formats that need it are left out. */
  references(seed: number, ciphers: BlockCiphers): Omit<Reference, 'mechanism'>[];
}

/** A session or an exchange under fixed keys. */
export interface Reference {
  /** The name of the `FuzzMechanism`. */
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
  /** The lines of both sides after AUTH and 334, in order. */
  turns(): readonly ExchangeTurn[];
  /** Without its key, no session follows from it, so it is of no use in a corpus. */
  isKeyless?: true;
}

/** The sequence numbers of the sender. */
export interface Counter {
  /** The number of the next token; always 0 if tokens have no numbers. */
  next: bigint;
  /** Uses up the next number. */
  skip(): void;
}

/** A security context that can also make invalid tokens. */
export interface ForgingContext<Fields = object> extends SecurityContext {
  /** The token format that it can forge. */
  readonly forges: string;
  readonly numbers: Counter;
  /** The next token; `fields` is what differs from a valid one. Its number is not used up. */
  token(plaintext: Uint8Array, level: TokenLevel, fields: Fields | undefined, draw: Choices): Uint8Array;
}

type FieldsOf<C> = C extends ForgingContext<infer Fields> ? Fields : never;

/** What a row of a table has to make one forged token. */
export interface Forgery<C> {
  context: C;
  /** The text that a valid token would contain. */
  text: Uint8Array;
  /** Whether the level is private. */
  sealed: boolean;
  draw: Choices;
  /** The valid token, or one with other fields, or around another text. */
  token(fields?: FieldsOf<C>, text?: Uint8Array): Uint8Array;
  /** The number of the valid token. */
  next: bigint;
}

/** The fields that differ from a valid token, or the octets of the token; undefined if there is nothing to make. */
type Make<C> = FieldsOf<C> | ((its: Forgery<C>) => FieldsOf<C> | Uint8Array | undefined);

/** The layer of a forged token that must be refused for a reason. */
const LAYERS: Partial<Record<ErrorCode, Layer>> = {
  'security/wrong-direction': 'direction',
  'security/replayed': 'sequence',
  'security/expired': 'sequence',
  'security/clock-skew': 'sequence',
};

/**
 * The mutations of a table: one token of a message is forged, the others are valid. Their layer follows from the reason
 * to refuse them, unless a row has another one.
 */
export function forgeries<C extends ForgingContext>(forges: C['forges'], table: Table<Make<C>>): Mutation[] {
  const layer = (must: Must) => LAYERS[must as ErrorCode] ?? 'token';
  const common = { layer, at: 'tokens', makes: 'stage', forges } as const;
  return tableOf<Make<C>, MutationContext & { context: C }>(common, (make, { verdict }) => (texts, draw, its) => {
    const { context, level } = its;
    if (context.forges !== forges) return undefined;
    const victim = draw.below(texts.length);
    const tokens = texts.map((text, i) => {
      if (i !== victim) return context.wrap(text, level).token;
      const token = (fields?: FieldsOf<C>, other = text) =>
        context.token(other, level, fields as object | undefined, draw);
      const forgery = { context, text, sealed: level === 'private', draw, token, next: context.numbers.next };
      const made = typeof make === 'function' ? make(forgery) : make;
      const forged = made === undefined || made instanceof Uint8Array ? made : token(made);
      // If the token may be accepted, it uses up a number, so that a conforming session can continue after it.
      if (verdict !== 'refuse') context.numbers.skip();
      return forged;
    });
    return tokens.every(token => token !== undefined) ? tokens : undefined;
  })(table) as Mutation[];
}

/**
 * A context whose valid and forged tokens are made by the same function; everything else is from `valid`.
 * @param numbersOf  the numbers of a level; default those of the format
 */
export function forgingContext<Format extends Pick<ForgingContext, 'forges' | 'numbers' | 'token'>>(
  valid: SecurityContext,
  format: Format,
  numbersOf: (level: TokenLevel) => Counter = () => format.numbers,
): SecurityContext & Format {
  const wrapping = wrappingWith(valid, (plaintext, level) => {
    const token = format.token(plaintext, level, undefined, NO_CHOICES);
    numbersOf(level).skip();
    return { token, level };
  });
  return Object.assign(wrapping, format);
}

const NO_CHOICES = new Choices([]);

/** Changes nothing. */
export const same: Edit = octets => octets;

/** A counter of `bits` bits that starts at a number. */
export function counterFrom(next: bigint, bits: number): Counter {
  return {
    next,
    skip() {
      this.next = BigInt.asUintN(bits, this.next + 1n);
    },
  };
}

/** A context with another `wrap`; everything else is from `inner`. */
export function wrappingWith(inner: SecurityContext, wrap: SecurityContext['wrap']): SecurityContext {
  return {
    mechanism: inner.mechanism,
    neverEmpty: inner.neverEmpty === true,
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
 * The lines of both sides in an exchange, after AUTH and 334.
 * @param sides  both sides of the exchange; each call needs new ones
 * @param fixed  makes a token again with the same octets each time. Default: the token is used as it is
 * @throws TypeError if a step is asynchronous
 */
export function exchangeTurns(
  { initiator, acceptor }: { initiator: Exchange; acceptor: Exchange },
  keys?: ExchangeKeys,
  fixed = ({ token }: ExchangeTurn): Uint8Array | undefined => token,
): ExchangeTurn[] {
  const turns: ExchangeTurn[] = [];
  let received: Uint8Array | undefined;
  for (let i = 0; ; i++) {
    const isRequest = i % 2 === 0;
    const step = (isRequest ? initiator : acceptor).step(received);
    if (step instanceof Promise) throw new TypeError('the steps of this mechanism are asynchronous');
    const { token, context } = step;
    if (isRequest && token === undefined) return turns;
    const its = { number: i >> 1, token, received, keys };
    const turn: ExchangeTurn = isRequest
      ? { ...its, to: 'server' }
      : { ...its, to: 'client', code: context === undefined ? 335 : 235 };
    received = fixed(turn);
    turns.push({ ...turn, token: received });
    if (received === undefined) return turns;
  }
}
