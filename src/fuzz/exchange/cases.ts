/** Cases of mutated security data, as plain data, and the octets that a case comes to where its turn has come. */
import { copy } from '../../bytes.js';
import type { Peer } from '../../secure/security-context.js';
import { Choices, choicesFrom } from '../choices.js';
import type { Expectation } from '../mutation.js';
import { AP_REPS } from './ap-rep.js';
import { AP_REQS } from './ap-req.js';
import { AUTHENTICATORS } from './authenticator.js';
import { FRAMES } from './frame.js';
import { KRB4 } from './krb4.js';
import { EXCHANGE_LINES } from './lines.js';
import { type ExchangeFormat, type ExchangeMutation, type ExchangeTurn, linesOf, mutatedLine } from './mutation.js';
import { EXCHANGE_OCTETS } from './octets.js';
import { PSK } from './psk.js';
import { SPNEGO } from './spnego.js';

/** Every mutation of an exchange, those of single mechanisms last. */
export const EXCHANGES: readonly ExchangeMutation[] = [
  ...EXCHANGE_LINES,
  ...EXCHANGE_OCTETS,
  ...FRAMES,
  ...AP_REQS,
  ...AUTHENTICATORS,
  ...AP_REPS,
  ...SPNEGO,
  ...PSK,
  ...KRB4,
];

/** One line of an exchange mutated, as plain data: it survives JSON, and gives the same again for the same valid line. */
export interface ExchangeCase {
  layer: 'exchange';
  /** The rule that it breaks. */
  name: string;
  /** Where that is laid down. */
  source: string;
  /** Who must stand it: a server reads ADAT, a client 335 and 235. */
  to: Peer;
  /**
   * `accept` the exchange goes on, or is complete; `refuse` it fails, and no association stands; `either` as the peer likes.
   */
  expected: Expectation;
  /** The mechanism whose tokens it is about; absent when it is about any. */
  forges?: ExchangeFormat;
  choices: readonly number[];
}

export interface ExchangeCaseOptions {
  /** The same seed gives the same cases. Default 2228. */
  seed?: number;
  /** How many variants of each mutation, with other choices. Default 4. */
  variants?: number;
  to?: Peer;
}

/** No mutation makes more, and one more tells which line. */
const CHOICES = 4;

export function* exchangeCases({
  seed = 2228,
  variants = 4,
  to: only,
}: ExchangeCaseOptions = {}): Generator<ExchangeCase> {
  let made = 0;
  for (let variant = 0; variant < variants; variant++) {
    for (const mutation of EXCHANGES) {
      if (mutation.large && variant > 0) continue;
      for (const to of exchangePeersOf(mutation)) {
        // The first variant is always the simplest.
        const choices = variant === 0 ? [] : choicesFrom(seed + made++, CHOICES);
        if ((only ?? to) === to) yield exchangeCaseOf(mutation, { to, choices });
      }
    }
  }
}

export function exchangeCaseOf(
  { name, source, expected, forges }: ExchangeMutation,
  { to, choices }: Pick<ExchangeCase, 'to' | 'choices'>,
): ExchangeCase {
  return { layer: 'exchange', name, source, to, expected, ...(forges !== undefined && { forges }), choices };
}

export function exchangePeersOf({ to }: ExchangeMutation): readonly Peer[] {
  return to === undefined ? ['client', 'server'] : [to];
}

/**
 * The octets of a case in the place of a valid line.
 * @param turn  the line that is due
 * @returns undefined where it is another line's turn, or the case says nothing: another mechanism, no such key
 * @throws RangeError when there is no such mutation
 */
export function performExchange(one: ExchangeCase, turn: ExchangeTurn): Uint8Array | undefined {
  const mutation = mutationOf(one);
  if (mutation.forges !== undefined && mutation.forges !== turn.keys?.forges) return undefined;
  const draw = new Choices(one.choices);
  const drawn = draw.below(linesOf(turn));
  if ((mutation.line ?? drawn) !== turn.number) return undefined;
  const line = mutatedLine(mutation, turn, draw);
  return line && copy(line);
}

/** Whether what was sent, and taken, is to come again on a new connection. */
export function comesAgain(one: ExchangeCase): boolean {
  return mutationOf(one).again === true;
}

/** @throws RangeError when there is none */
function mutationOf({ name, to }: ExchangeCase): ExchangeMutation {
  const mutation = EXCHANGES.find(it => it.name === name && exchangePeersOf(it).includes(to));
  if (mutation === undefined) throw new RangeError(`no mutation is called exchange: ${name}`);
  return mutation;
}
