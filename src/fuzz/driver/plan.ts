/** The order of cases: each layer in turn, so that a short run covers them all; the simplest first, none twice. */
import { sha256 } from '@noble/hashes/sha2.js';
import { concatAll, toHex, toUtf8 } from '../../bytes.js';
import type { Peer } from '../../protection/mechanism.js';
import type { TokenLevel } from '../../protection/protection-level.js';
import { type FuzzCase, fuzzCases, ruleIn } from '../cases.js';
import type { Reference } from '../mechanisms/mechanism.js';
import type { Layer } from '../mutation.js';
import { referenceChunks } from '../perform.js';

/** Options of {@link plan}. */
export interface PlanOptions {
  to: Peer;
  seed: number;
  layers: readonly Layer[];
  level?: TokenLevel;
  /**
   * References of one mechanism. A case is left out that is applicable in none of them, or that repeats the octets of
   * an earlier case of the same name. Default: none, and every case is played.
   */
  references?: readonly Reference[];
}

/** So large that no two rounds use the same seed for a case. */
const ROUND = 1_000_003;
const ONE_LINE = '200 Ok\r\n';

/** Cases, the same for the same seed. They end after a round without new octets. */
export function* plan({ to, seed, layers, level, references = [] }: PlanOptions): Generator<FuzzCase> {
  const isNew = noveltyIn(references);
  for (let number = 0; ; number++) {
    const options = { seed: (seed + number * ROUND) >>> 0, layers, to, ...(level && { level }) };
    // The first variant is the simplest one in every round, so it is not repeated.
    const round = [...fuzzCases(options)].filter(({ choices }) => number === 0 || choices.length > 0).map(shaped);
    let isOver = true;
    for (const one of byTurns(round)) {
      if (!isNew(one)) continue;
      isOver = false;
      yield one;
    }
    if (isOver) return;
  }
}

/** For a client, the text is replaced by the reply to its command, so only the number of lines in the case matters. */
function shaped(one: FuzzCase): FuzzCase {
  const isFitted = one.to === 'client' && one.text !== undefined && !ruleIn(one).needs?.includes('lines');
  return isFitted ? { ...one, text: ONE_LINE } : one;
}

/** Whether a case is applicable, and no earlier one of its name has sent its octets. Without references all are. */
function noveltyIn(references: readonly Reference[]): (one: FuzzCase) => boolean {
  const sent = new Set<string>();
  return one => {
    if (references.length === 0) return true;
    const chunks = references.map(reference => referenceChunks(one, reference));
    if (chunks.every(it => it === undefined)) return false;
    const key = `${one.layer} ${one.name} ${digestOf(chunks)}`;
    return sent.size < sent.add(key).size;
  };
}

function digestOf(all: readonly (readonly Uint8Array[] | undefined)[]): string {
  const octets = all.flatMap(chunks => [toUtf8(`${chunks?.map(({ length }) => length)} `), ...(chunks ?? [])]);
  return toHex(sha256(concatAll(octets)).subarray(0, 12));
}

/** One case of each layer, then another of each, until none is left. */
function* byTurns(cases: readonly FuzzCase[]): Generator<FuzzCase> {
  const queues = new Map<Layer, FuzzCase[]>();
  for (const one of cases) {
    const queue = queues.get(one.layer) ?? [];
    queues.set(one.layer, queue);
    queue.push(one);
  }
  for (let i = 0; i < cases.length; i++)
    for (const queue of queues.values()) if (queue[i] !== undefined) yield queue[i]!;
}
