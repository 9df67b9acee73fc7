/** Makes the octets of a case: in a live session, as a line of an exchange, or always the same under fixed keys. */

import { encodeBase64 } from '../base64.js';
import type { BlockCiphers } from '../block-cipher.js';
import { CRLF, concat, concatAll, copy, LF, toUtf8 } from '../bytes.js';
import { formatReply } from '../ftp/reply.js';
import { factsOf } from '../protection/protection-level.js';
import { formatAuth } from '../protection/security-data.js';
import { BUFFER_SIZE, EXCHANGES, type FuzzCase, isTransfer, MECHANISMS, MUTATIONS, mutationIn } from './cases.js';
import { Choices } from './choices.js';
import type { Reference } from './mechanisms/mechanism.js';
import type { ExchangeTurn, FuzzSession, Mutation, MutationContext, Stage } from './mutation.js';
import { blockOf, FILE, PIECE } from './mutations/data.js';
import { scriptOctets } from './mutations/phases.js';
import { linesOf, octets, piecesOf } from './pieces.js';

/** The octets to send, in order. */
export interface Rendered {
  /** Valid messages that must be accepted; the octets of each. */
  before: readonly Uint8Array[];
  /** The mutated message or transfer, in the chunks in which it must be sent. */
  chunks: readonly Uint8Array[];
  /** Whether the octets have no end: nothing can follow, and the connection must be closed. */
  open: boolean;
}

/** How each stage is made from the one before (RFC 2228 §3, §5.2 and §6). */
type Route<C> = readonly (readonly [Stage, (pieces: readonly Uint8Array[], carrier: C) => readonly Uint8Array[]])[];

const toTokens = (texts: readonly Uint8Array[], { context, level }: MutationContext) =>
  texts.map(text => context.wrap(text, level).token);

const MESSAGE: Route<MutationContext> = [
  ['fragments', ([text]) => linesOf(text!)],
  ['tokens', toTokens],
  ['base64', tokens => tokens.map(encodeBase64)],
  ['lines', (encoded, its) => encoded.map((text, i) => concat(prefixOf(its, i === encoded.length - 1), text, CRLF))],
  ['wire', lines => [concatAll(lines)]],
  ['chunks', wire => wire],
];

const TRANSFER: Route<MutationContext> = [
  ['fragments', ([file]) => [...piecesOf(file!, PIECE), octets('')]],
  ['tokens', toTokens],
  ['blocks', tokens => tokens.map(blockOf)],
];

const EXCHANGE: Route<ExchangeTurn> = [
  ['tokens', tokens => tokens],
  ['base64', tokens => tokens.map(encodeBase64)],
  ['lines', ([text], turn) => [lineOf(turn, text)]],
];

/**
 * The octets of a case in a session that has an association. The octets of a transfer are for its data connection,
 * which must be closed after them.
 * @returns undefined if the case is not applicable: a mechanism without numbers, a text without padding, no token yet, no blocks.
 *   The session may have used up numbers nevertheless
 * @throws RangeError if there is no such mutation, or it belongs to an exchange
 */
export function perform(one: FuzzCase, session: FuzzSession): Rendered | undefined {
  const mutation = mutationIn(MUTATIONS, one);
  const { to, level = 'safe', text = '', bufferSize = BUFFER_SIZE } = one;
  if (isTransfer(one) && session.context.neverEmpty) return undefined;
  const its = { ...session, to, level, bufferSize, text: isTransfer(one) ? FILE : toUtf8(text) };
  if ((mutation.only ?? level) !== level || !(mutation.needs ?? []).every(need => NEEDS[need](its))) return undefined;
  const valid = (other = level) => validMessage({ ...its, level: other });
  const script = mutation.script?.before.map(line => scriptOctets(line, to, session.context)) ?? [];
  const before = [...script, ...Array.from({ length: mutation.after ?? 0 }, () => valid())];
  if (!before.every(octets => octets !== undefined)) return undefined;
  const route = isTransfer(one) ? TRANSFER : MESSAGE;
  const chunks = mutated(route, [its.text], mutation, { ...its, sent: before, valid }, new Choices(one.choices));
  return chunks && { before, chunks: chunks.map(chunk => copy(chunk)), open: mutation.open ?? false };
}

/**
 * The octets of a case that replace a valid line with security data.
 * @param turn  the line that must be sent
 * @returns undefined if the mutation is for another line, or not applicable: another mechanism, a missing key
 * @throws RangeError if there is no such mutation
 */
export function performExchange(one: FuzzCase, turn: ExchangeTurn): Uint8Array | undefined {
  const mutation = mutationIn(EXCHANGES, one);
  if (mutation.forges !== undefined && mutation.forges !== turn.keys?.forges) return undefined;
  const draw = new Choices(one.choices);
  const drawn = draw.below(lineCount(turn));
  if ((mutation.turn ?? drawn) !== turn.number) return undefined;
  if (mutation.at !== 'lines' && turn.token === undefined) return undefined;
  const lines = mutated(EXCHANGE, turn.token ? [turn.token] : [], mutation, turn, draw);
  return lines && concatAll(lines);
}

/** The octets of a valid message; its tokens use up numbers. */
export function validMessage(its: FuzzSession & Pick<MutationContext, 'to' | 'level' | 'text'>): Uint8Array {
  let pieces: readonly Uint8Array[] = [its.text];
  for (const [, make] of MESSAGE) pieces = make(pieces, its as MutationContext);
  return pieces[0]!;
}

/** The octets of a valid line of an exchange. `text`, if given, replaces the base 64 of its token. */
export function lineOf(
  { code, token }: ExchangeTurn,
  text: Uint8Array | undefined = token && encodeBase64(token),
): Uint8Array {
  if (code === undefined) return concat(toUtf8('ADAT '), text!, CRLF);
  if (text === undefined) return toUtf8(`${code} Security data exchange complete\r\n`);
  return concat(toUtf8(`${code} ADAT=`), text, CRLF);
}

/** How many lines with security data we send in a valid exchange. */
export function lineCount({ keys, to }: Pick<ExchangeTurn, 'keys' | 'to'>): number {
  return MECHANISMS.find(({ name }) => name === keys?.forges)?.lines[to] ?? 1;
}

function mutated<C>(
  route: Route<C>,
  start: readonly Uint8Array[],
  mutation: Mutation<C>,
  carrier: C,
  draw: Choices,
): readonly Uint8Array[] | undefined {
  const { at, makes, change } = mutation;
  if (makes === 'everything') return change(start, draw, carrier);
  let pieces: readonly Uint8Array[] | undefined = start;
  for (const [stage, make] of route) {
    if (stage !== at || makes === undefined) pieces = make(pieces, carrier);
    if (stage === at) pieces = change(pieces, draw, carrier);
    if (pieces === undefined) return undefined;
  }
  return pieces;
}

/** A message before it is mutated, and its session. */
type Unmutated = FuzzSession & Pick<MutationContext, 'to' | 'level' | 'text'>;

/** Whether a message and its session have what a mutation `needs`. */
const NEEDS = {
  lines: ({ text }: Unmutated) => text.indexOf(LF) < text.length - 1,
  numbers: ({ numbered }: Unmutated) => numbered,
  integrity: ({ integrity, level }: Unmutated) => integrity.includes(level),
  levels: ({ oneLevel }: Unmutated) => oneLevel !== true,
};

/** The octets before the base 64: the verb and a blank, or the code and its separator. */
function prefixOf({ to, level }: MutationContext, isLast: boolean): Uint8Array {
  const { verb, code } = factsOf(level);
  return toUtf8(to === 'server' ? `${verb} ` : `${code}${isLast ? ' ' : '-'}`);
}

/**
 * Each token format once, and each exchange; those that need DES only if `ciphers` has it.
 * @param seed  for confounders and nonces
 */
export function references(seed: number, ciphers: BlockCiphers = {}): Reference[] {
  return MECHANISMS.flatMap(({ name: mechanism, references: of }) =>
    of(seed, ciphers).map(({ exchange, ...its }) => {
      let made: readonly ExchangeTurn[] | undefined;
      const turns = () => (made ??= exchange!.turns());
      return { ...its, mechanism, ...(exchange && { exchange: { ...exchange, turns } }) };
    }),
  );
}

/**
 * The octets that are sent in a reference, chunk by chunk: the messages before the case, and the case. For an exchange,
 * those of one side from AUTH up to the mutated line.
 * @returns undefined if the case is not applicable
 */
export function referenceChunks(one: FuzzCase, { session, exchange }: Reference): readonly Uint8Array[] | undefined {
  if (one.layer !== 'exchange') {
    const performed = session && perform(one, session(one.to));
    return performed && [...performed.before, ...performed.chunks];
  }
  if (exchange === undefined) return undefined;
  const before = [one.to === 'server' ? formatAuth(exchange.mechanism) : formatReply(334, 'Security data, please')];
  for (const turn of exchange.turns().filter(({ to }) => to === one.to)) {
    const mutated = performExchange(one, turn);
    if (mutated !== undefined) return [...before, mutated];
    before.push(lineOf(turn));
  }
  return undefined;
}
