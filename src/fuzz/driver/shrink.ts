/** A case made smaller that still shows the same. */
import { type MessageCase, TEXTS } from '../cases.js';
import type { ExchangeCase } from '../exchange/cases.js';
import type { TransferCase } from '../transfers.js';
import type { DrivenCase } from './outcome.js';

/** Enough for six choices, a text and a level. */
const MAX_TRIES = 24;

type Shrinkable = MessageCase | ExchangeCase | TransferCase;

/**
 * @param shows  plays a case, and tells whether it still shows the finding
 * @returns the smallest case that was found, maybe the one that was given
 */
export async function shrunk(one: DrivenCase, shows: (smaller: DrivenCase) => Promise<boolean>): Promise<DrivenCase> {
  if (one.layer === 'phases') return one;
  let best = one as Shrinkable;
  let tries = 0;
  for (let found = true; found; ) {
    found = false;
    for (const smaller of smallerThan(best)) {
      if (tries++ >= MAX_TRIES) return best;
      if (!(await shows(smaller))) continue;
      best = smaller;
      found = true;
      break;
    }
  }
  return best;
}

/** The boldest first. */
function* smallerThan(one: Shrinkable): Generator<Shrinkable> {
  const { choices } = one;
  if (choices.length > 0) yield { ...one, choices: [] };
  if (one.layer !== 'exchange') yield* simpler(one as MessageCase | TransferCase);
  if (choices.length > 1) yield { ...one, choices: choices.slice(0, Math.ceil(choices.length / 2)) };
  if (choices.length > 0) yield { ...one, choices: choices.slice(0, -1) };
  for (const [i, choice] of choices.entries()) {
    for (const less of new Set([0, choice % 256, choice >>> 1])) {
      if (less < choice) yield { ...one, choices: choices.map((it, j) => (j === i ? less : it)) };
    }
  }
}

/** Of another text, or at another level. */
function* simpler(one: MessageCase | TransferCase): Generator<MessageCase | TransferCase> {
  const { to, level } = one;
  const shortest = [...TEXTS[to]].sort((a, b) => a.length - b.length)[0]!;
  if ('text' in one && shortest.length < one.text.length) yield { ...one, text: shortest };
  if (level !== 'safe') yield { ...one, level: 'safe' };
}
