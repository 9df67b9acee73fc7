/** Minimises a case, so that a smaller one still shows the same finding. */
import { type FuzzCase, TEXTS } from '../cases.js';

/** Enough for six choices, a text and a level. */
const MAX_TRIES = 24;

/**
 * @param shows  plays a case, and returns whether it still shows the finding
 * @returns the smallest case that was found, possibly the given one
 */
export async function shrunk(one: FuzzCase, shows: (smaller: FuzzCase) => Promise<boolean>): Promise<FuzzCase> {
  let best = one;
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

/** Smaller cases, those with the largest change first. */
function* smallerThan(one: FuzzCase): Generator<FuzzCase> {
  const { choices } = one;
  if (choices.length > 0) yield { ...one, choices: [] };
  yield* simpler(one);
  if (choices.length > 1) yield { ...one, choices: choices.slice(0, Math.ceil(choices.length / 2)) };
  if (choices.length > 0) yield { ...one, choices: choices.slice(0, -1) };
  for (const [i, choice] of choices.entries()) {
    for (const less of new Set([0, choice % 256, choice >>> 1])) {
      if (less < choice) yield { ...one, choices: choices.map((it, j) => (j === i ? less : it)) };
    }
  }
}

/** The case with another text, or at another level. */
function* simpler(one: FuzzCase): Generator<FuzzCase> {
  const { to, level } = one;
  const shortest = [...TEXTS[to]].sort((a, b) => a.length - b.length)[0]!;
  if (one.text !== undefined && shortest.length < one.text.length) yield { ...one, text: shortest };
  if (level === 'private') yield { ...one, level: 'safe' };
}
