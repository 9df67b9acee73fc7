/** What a transfer holds while it goes on: looked at after each twentieth of it, when what is not needed has been collected. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const SAMPLES = 20;
/** What memory may grow by and still be steady, in octets. */
const SLACK = 2 * 2 ** 20;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

export interface Memory {
  /** What was live in the first and in the second half: heap and buffers, the median, octets. */
  halves: readonly [number, number];
  /** The most that was live. Buffers that are on their way, or wait for their finalizer, come and go. */
  most: number;
  /** Of the process, octets, at the most. */
  rss: number;
  steady: boolean;
}

/**
 * @param done  how many octets have gone so far
 * @returns ends the watch
 */
export function watchMemory(total: number, done: () => number): () => Memory {
  const live: number[] = [];
  let rss = 0;
  const look = () => {
    if (done() < (total * (live.length + 1)) / SAMPLES) return;
    collect();
    const { heapUsed, arrayBuffers, rss: now } = process.memoryUsage();
    live.push(heapUsed + arrayBuffers);
    rss = Math.max(rss, now);
  };
  const timer = setInterval(look, 20);
  return () => {
    clearInterval(timer);
    const middle = live.length >> 1;
    const halves = [medianOf(live.slice(0, middle)), medianOf(live.slice(middle))] as const;
    return { halves, most: Math.max(...live), rss, steady: live.length >= 4 && halves[1] < halves[0] + SLACK };
  };
}

function medianOf(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;
}
