/** Measures the sides of a row in turn, in processor time, so that a busy machine slows all of them alike. */
import { concatAll } from '../../src/bytes.js';

/** One of several ways to do the same work. */
export interface Side {
  /** Who does it. The first side of a row is ours. */
  name: string;
  /** Makes the input of `count` operations; not measured. */
  prepare?(count: number): void | Promise<void>;
  /** Does the work `count` times. A side that measures itself returns milliseconds. */
  run(count: number): unknown;
  /** Called after the last run. */
  end?(): void;
}

export interface Row {
  /** What is done, e.g. `read a 632 of 100 octets, enctype 18`. */
  name: string;
  /** Of one operation. Default `µs`. `ms more` is a difference to the others, where all else are ratios. */
  unit?: 'µs' | 'ms more' | 'KiB';
  sides: readonly Side[];
  /** By the name of another side: how many times its time ours may take. With `ms more`: how much more. */
  goals?: Readonly<Record<string, number>>;
  /** Operations of one batch, where it is not found by trying. */
  count?: number;
}

export interface Result extends Measured {
  row: Row;
}

export interface Measured {
  /** Milliseconds of one operation, by side: of the fastest round, which the rest of the machine has disturbed least. */
  cost: Record<string, number>;
  /** Our cost in that of another side (or what it is more), by its name. */
  against: Record<string, number>;
}

/** Processor time of this process in milliseconds, that of its other threads included. */
export function processorTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/**
 * @param rounds  where the row has a `count`, a tenth of them: its operations are long
 * @param batch  milliseconds that a batch takes at least; the number of operations is found by doubling
 */
export async function measure(row: Row, rounds: number, batch: number): Promise<Measured> {
  const counts = new Map<Side, number>();
  for (const side of row.sides) {
    if (row.count !== undefined) await warm(side, row.count);
    counts.set(side, row.count ?? (await countFor(side, batch)));
  }
  const samples = new Map<Side, number[]>(row.sides.map(side => [side, []]));
  for (let round = 0; round < (row.count === undefined ? rounds : rounds / 10); round++) {
    for (const side of row.sides) {
      const count = counts.get(side)!;
      await side.prepare?.(count);
      // One collection for all sides would always fall to the same one, since each makes as much garbage in every round.
      collectYoung({ type: 'minor' });
      samples.get(side)!.push((await timeOf(side, count)).spent / count);
    }
  }
  for (const side of row.sides) side.end?.();
  return resultOf(row, samples);
}

/** Milliseconds of the work, by the clock of the side if it has one of its own. */
async function timeOf(side: Side, count: number): Promise<{ spent: number; isOwn: boolean }> {
  const start = processorTime();
  const own = await side.run(count);
  const isOwn = typeof own === 'number';
  return { spent: isOwn ? own : processorTime() - start, isOwn };
}

const collectYoung = globalThis.gc as unknown as (options: { type: 'minor' }) => void;

function resultOf(row: Row, samples: ReadonlyMap<Side, readonly number[]>): Measured {
  const cost = Object.fromEntries(row.sides.map(side => [side.name, Math.min(...samples.get(side)!)]));
  const [ours, ...others] = row.sides.map(({ name }) => name);
  const own = cost[ours!]!;
  const compare = (other: number) => (row.unit === 'ms more' ? own - other : own / other);
  return { cost, against: Object.fromEntries(others.map(name => [name, compare(cost[name]!)])) };
}

/** It also warms up: code that is young is compiled beside its work, which would be measured. */
async function countFor(side: Side, batch: number): Promise<number> {
  let total = 0;
  let least = Number.POSITIVE_INFINITY;
  for (let count = 4; ; ) {
    await side.prepare?.(count);
    const { spent, isOwn } = await timeOf(side, count);
    total += spent;
    if (spent > 0) least = Math.min(least, spent / count);
    if (count * least < batch) count *= 2;
    else if (isOwn || total > WARM) return Math.max(1, Math.round(batch / least));
  }
}

/** Milliseconds that a side of this process runs before it is measured. */
const WARM = 800;

/** Code that is young is interpreted. A side that measures itself starts processes, which are young every time. */
async function warm(side: Side, count: number): Promise<void> {
  for (let total = 0; total < WARM; ) {
    await side.prepare?.(count);
    const { spent, isOwn } = await timeOf(side, count);
    if (isOwn) return;
    total += spent;
  }
}

/** Thousands of arrays of their own, which wait for their turn, would burden the garbage collection in our time. */
export function inOneMemory(arrays: readonly Uint8Array[]): Uint8Array[] {
  const memory = concatAll(arrays);
  let at = 0;
  return arrays.map(({ length }) => {
    at += length;
    return memory.subarray(at - length, at);
  });
}
