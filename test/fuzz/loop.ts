/**
 * The coverage-guided loop: inputs that reach code which no other input has reached are kept, and changed again. It runs as
 * a script of its own, since the coverage that the test runner takes would be reset by it, and the other way round.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Coverage } from './coverage.js';
import { type Below, havoc, numbersOf } from './havoc.js';
import { TARGETS } from './targets/index.js';
import type { Target } from './targets/target.js';

/** Inputs between two looks at the coverage: a look costs as much as hundreds of runs, so more when nothing is new. */
const BATCH = { least: 16, most: 2048 };
/** Milliseconds; an input of a few kilobytes that takes longer is a finding. */
const TOO_SLOW = 2000;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '600' },
    seed: { type: 'string', default: `${Date.now() % 1_000_000}` },
    target: { type: 'string', multiple: true },
    folder: { type: 'string' },
    keep: { type: 'boolean', default: false },
  },
});
const folder = values.folder!;
const coverage = new Coverage('/loop.mjs');
const chosen = TARGETS.filter(({ name }) => values.target?.includes(name) ?? true);
const seconds = Number(values.seconds) / chosen.length;
const numbers = numbersOf(Number(values.seed));
const reported = new Set<string>();
let found = 0;

console.log(`seed ${values.seed}, ${seconds.toFixed(1)} s for each of ${chosen.length} targets`);
for (const target of chosen) explore(target);
coverage.stop();
console.log(found === 0 ? 'no findings' : `${found} findings, in test/fuzz/crashes`);
process.exitCode = found === 0 ? 0 : 1;

function explore(target: Target): void {
  const corpus: Uint8Array[] = [];
  coverage.reset();
  for (const input of [...target.seeds, ...stored(target)]) if (reachesNew(target, input)) corpus.push(input);
  const began = { size: corpus.length, ...coverage.totals };
  const end = performance.now() + seconds * 1000;
  const cpu = process.cpuUsage();
  let runs = 0;
  let size = BATCH.least;
  while (performance.now() < end) {
    const batch = Array.from({ length: size }, () => next(corpus, target, numbers));
    const fresh = newOnes(target, batch);
    corpus.push(...fresh);
    runs += size;
    size = fresh.length > 0 ? BATCH.least : Math.min(2 * size, BATCH.most);
  }
  const { user, system } = process.cpuUsage(cpu);
  const rate = Math.round(runs / ((user + system) / 1e6));
  const { functions, missed } = coverage.totals;
  const kept = values.keep ? keep(target, corpus) : corpus.length;
  console.log(
    `${target.name.padEnd(16)} ${`${rate}`.padStart(7)} runs per CPU second, ${functions} functions (${began.functions} at first), ` +
      `${missed} blocks of them missed (${began.missed}), corpus ${began.size} to ${kept}`,
  );
}

function next(corpus: readonly Uint8Array[], { words = [] }: Target, below: Below): Uint8Array {
  // The latest ones are the most likely to lead on.
  const latest = below(2) === 0 ? below(Math.min(8, corpus.length)) : below(corpus.length);
  return havoc(corpus[corpus.length - 1 - latest] ?? new Uint8Array(), corpus, words, below);
}

/** Those of a batch that reach new code, found by halves. */
function newOnes(target: Target, batch: readonly Uint8Array[]): Uint8Array[] {
  const valid = batch.filter(input => survives(target, input));
  if (!coverage.take()) return [];
  if (valid.length < 2) return valid;
  coverage.forgetLast();
  const half = valid.length >> 1;
  return [valid.slice(0, half), valid.slice(half)].flatMap(part => newOnes(target, part));
}

function reachesNew(target: Target, input: Uint8Array): boolean {
  return survives(target, input) && coverage.take();
}

/** Whether the invariant holds; if not, the input is made small and written down. */
function survives(target: Target, input: Uint8Array): boolean {
  const began = processorTime();
  const error = errorOf(target, input);
  if (error === undefined && processorTime() - began < TOO_SLOW) return true;
  report(target, error === undefined ? input : smallest(target, input, error), error ?? 'too slow');
  return false;
}

/** In milliseconds. By the clock, whatever runs on a busy machine is slow now and then. */
function processorTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function errorOf(target: Target, input: Uint8Array): string | undefined {
  try {
    target.run(input);
    return undefined;
  } catch (error) {
    return `${(error as Error).stack ?? error}`;
  }
}

/** The same finding with as little as possible. */
function smallest(target: Target, input: Uint8Array, error: string): Uint8Array {
  let small = input;
  for (let size = small.length >> 1; size > 0; size >>= 1) {
    for (let at = 0; at < small.length; ) {
      const less = Uint8Array.from([...small.subarray(0, at), ...small.subarray(at + size)]);
      if (firstLine(errorOf(target, less)) === firstLine(error)) small = less;
      else at += size;
    }
  }
  return small;
}

function report(target: Target, input: Uint8Array, error: string): void {
  const key = `${target.name} ${firstLine(error)}`;
  if (reported.has(key)) return;
  reported.add(key);
  found++;
  const crashes = join(folder, 'crashes');
  mkdirSync(crashes, { recursive: true });
  const file = join(crashes, `${target.name}-${nameOf(input)}`);
  writeFileSync(file, input);
  console.log(`FINDING in ${target.name}: ${error}\n  input of ${input.length} octets in ${file}`);
}

function stored({ name }: Target): Uint8Array[] {
  const directory = join(folder, 'corpus', name);
  if (!existsSync(directory)) return [];
  return readdirSync(directory).map(file => new Uint8Array(readFileSync(join(directory, file))));
}

/** Writes what is needed of a corpus: the smallest inputs that reach together what all of them reach. */
function keep(target: Target, corpus: readonly Uint8Array[]): number {
  const directory = join(folder, 'corpus', target.name);
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  coverage.reset();
  const seeds = new Set(target.seeds.map(nameOf));
  const needed = [...corpus].sort((a, b) => a.length - b.length).filter(input => reachesNew(target, input));
  const written = needed.filter(input => !seeds.has(nameOf(input)));
  for (const input of written) writeFileSync(join(directory, nameOf(input)), input);
  return written.length;
}

function firstLine(text: string | undefined): string | undefined {
  return text?.split('\n')[0];
}

function nameOf(input: Uint8Array): string {
  return createHash('sha256').update(input).digest('hex').slice(0, 16);
}
