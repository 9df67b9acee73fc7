/** Which case comes next: every script, then every mutation in its simplest form, then others without end. */
import type { Peer } from '../../secure/security-context.js';
import { type MessageCase, messageCases } from '../cases.js';
import type { Layer } from '../mutation.js';
import { SCRIPTS } from '../phases.js';
import type { DrivenCase } from './outcome.js';

export interface PlanOptions {
  to: Peer;
  seed: number;
  layers: readonly Layer[];
  level?: MessageCase['level'];
}

const VARIANTS = 4;
/** Far enough that no two rounds share a seed of a case. */
const ROUND = 1_000_003;

/** Cases without end, the same for the same seed; none at all where no layer has any for this peer. */
export function* plan({ to, seed, layers, level }: PlanOptions): Generator<DrivenCase> {
  if (layers.includes('phases')) yield* SCRIPTS.filter(script => script.to === to);
  for (let round = 0; ; round++) {
    let made = 0;
    const options = { seed: (seed + round * ROUND) >>> 0, variants: VARIANTS, layers, to, ...(level && { level }) };
    for (const one of messageCases(options)) {
      // The first variant is the simplest one in every round.
      if (round > 0 && one.choices.length === 0) continue;
      made++;
      yield one;
    }
    if (made === 0) return;
  }
}
