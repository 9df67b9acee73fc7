/** What a transfer holds while it goes on: looked at after each twentieth of it, when what is not needed has been collected. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const SAMPLES = 20;
/** What memory may grow by and still be steady, in octets. */
const SLACK = 2 * 2 ** 20;
/** What may be on its way or wait for its finalizer: it comes and goes, more of it on a busy machine, and with plain TCP too. */
const IN_FLIGHT = 64 * 2 ** 20;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

export interface Memory {
  /** What was live in the first and in the second half: heap and buffers, the least, octets. What leaks, raises it. */
  halves: readonly [number, number];
  /** The most that was live. */
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
    const halves = [Math.min(...live.slice(0, middle)), Math.min(...live.slice(middle))] as const;
    const most = Math.max(...live);
    const steady = live.length >= 4 && halves[1] < halves[0] + SLACK && most < halves[0] + IN_FLIGHT;
    return { halves, most, rss, steady };
  };
}
