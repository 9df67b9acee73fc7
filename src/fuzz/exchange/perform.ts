/** The octets that a case of security data comes to where its turn has come. */
import { copy } from '../../bytes.js';
import { type FuzzCase, mutationIn } from '../cases.js';
import { Choices } from '../choices.js';
import { type ExchangeTurn, linesOf, mutatedLine } from './mutation.js';
import { EXCHANGES } from './table.js';

/**
 * The octets of a case in the place of a valid line.
 * @param turn  the line that is due
 * @returns undefined where it is another line's turn, or the case is not applicable: another mechanism, no such key
 * @throws RangeError when there is no such mutation
 */
export function performExchange(one: FuzzCase, turn: ExchangeTurn): Uint8Array | undefined {
  const mutation = mutationIn(EXCHANGES, one);
  if (mutation.forges !== undefined && mutation.forges !== turn.keys?.forges) return undefined;
  const draw = new Choices(one.choices);
  const drawn = draw.below(linesOf(turn));
  if ((mutation.line ?? drawn) !== turn.number) return undefined;
  const line = mutatedLine(mutation, turn, draw);
  return line && copy(line);
}

/** Whether what was sent, and taken, is to come again on a new connection. */
export function comesAgain(one: FuzzCase): boolean {
  return mutationIn(EXCHANGES, one).again === true;
}
