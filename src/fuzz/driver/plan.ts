/** Which case comes next: each layer in turn, so that a short run has seen them all; the simplest first, without end. */
import type { Peer } from '../../secure/security-context.js';
import { type MessageCase, messageCases, mutationOf } from '../cases.js';
import { exchangeCases } from '../exchange/cases.js';
import type { Layer } from '../mutation.js';
import { SCRIPTS } from '../phases.js';
import { transferCases } from '../transfers.js';
import type { DrivenCase } from './outcome.js';

export interface PlanOptions {
  to: Peer;
  seed: number;
  layers: readonly Layer[];
  level?: MessageCase['level'];
  /** Formats of tokens whose forgeries are left out: those of other mechanisms say nothing. */
  without?: readonly string[];
  /** Whether the mechanism numbers its tokens; default true. Cases of numbers are left out where it does not. */
  numbered?: boolean;
}

const VARIANTS = 4;
/** Far enough that no two rounds share a seed of a case. */
const ROUND = 1_000_003;

/** Cases without end, the same for the same seed; none at all where no layer has any for this peer. */
export function* plan({ to, seed, layers, level, without = [], numbered = true }: PlanOptions): Generator<DrivenCase> {
  const scripts = layers.includes('phases') ? SCRIPTS.filter(script => script.to === to) : [];
  for (let round = 0; ; round++) {
    const options = { seed: (seed + round * ROUND) >>> 0, variants: VARIANTS, layers, to, ...(level && { level }) };
    // The first variant is the simplest one in every round.
    const exchanges = layers.includes('exchange') ? exchangeCases(options) : [];
    const transfers = layers.includes('data') ? transferCases(options) : [];
    const messages = [...messageCases(options)].filter(one => numbered || !needsNumbers(one));
    const drawn = [...messages, ...exchanges, ...transfers].filter(
      one => (round === 0 || one.choices.length > 0) && !('forges' in one && without.includes(one.forges!)),
    );
    yield* byTurns(round === 0 ? [...scripts, ...drawn] : drawn);
    if (drawn.length === 0) return;
  }
}

function needsNumbers(one: MessageCase): boolean {
  return mutationOf(one)?.needs?.includes('numbers') === true;
}

/** One of each layer, then another of each, until none is left. */
function* byTurns(cases: readonly DrivenCase[]): Generator<DrivenCase> {
  const queues = new Map<Layer, DrivenCase[]>();
  for (const one of cases) {
    if (!queues.has(one.layer)) queues.set(one.layer, []);
    queues.get(one.layer)!.push(one);
  }
  for (let i = 0, left = cases.length; left > 0; i++) {
    for (const queue of queues.values()) {
      const one = queue[i];
      if (one === undefined) continue;
      left--;
      yield one;
    }
  }
}
