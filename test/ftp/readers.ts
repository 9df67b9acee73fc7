/** What the tests of readers share: to drain them, to cut their input into chunks, and to see how their work grows. */
import fc from 'fast-check';
import { type ErrorCode, FtpSecurityError } from '../../src/errors.js';

export interface Reader<T> {
  push(chunk: Uint8Array): void;
  next(): T | undefined;
  close(): void;
}

/** All that a reader gives now: values, and the codes of errors where they come. */
export function drain<T>(reader: { next(): T | undefined }): (T | ErrorCode)[] {
  const outcomes: (T | ErrorCode)[] = [];
  for (;;) {
    try {
      const value = reader.next();
      if (value === undefined) return outcomes;
      outcomes.push(value);
    } catch (error) {
      if (!(error instanceof FtpSecurityError)) throw error;
      outcomes.push(error.code);
    }
  }
}

/** All that a reader gives for chunks, drained after each, and then what `close` says. */
export function readAll<T>(reader: Reader<T>, chunks: readonly Uint8Array[]): (T | ErrorCode)[] {
  const outcomes = chunks.flatMap(chunk => {
    reader.push(chunk);
    return drain(reader);
  });
  try {
    reader.close();
  } catch (error) {
    if (!(error instanceof FtpSecurityError)) throw error;
    outcomes.push(error.code);
  }
  return outcomes;
}

export function octetByOctet(bytes: Uint8Array): Uint8Array[] {
  return Array.from(bytes, octet => Uint8Array.of(octet));
}

/** `bytes` in chunks whose sizes are taken in turn from `sizes`; a last chunk has the rest. */
export function inChunks(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  let at = 0;
  for (const size of sizes) {
    chunks.push(bytes.subarray(at, at + size));
    at += size;
  }
  return [...chunks, bytes.subarray(at)];
}

export const chunkSizes = fc.array(fc.nat(12), { maxLength: 60 });

/** Pieces of a control connection, whole and broken, and Telnet commands. */
const PIECES = [
  '220 ready\r\n',
  '211-first\r\n',
  '211 last\r\n',
  '211',
  ' text',
  '-',
  'NOOP\r\n',
  'cwd  a b\r\n',
  '\r',
  '\n',
  '\r\n',
  '\0',
  '\xff',
  '\xff\xff',
  '\xff\xfd\x01',
  '\xff\xfa\x18\xff\xff\r\n\xff\xf0',
  '\xff\xf4\xff\xf2',
];

/** A control connection as a hostile peer may write it. */
export const stream = fc
  .array(fc.oneof(fc.constantFrom(...PIECES), fc.string({ unit: fc.nat(255).map(o => String.fromCharCode(o)) })))
  .map(pieces => Uint8Array.from(pieces.join(''), character => character.charCodeAt(0)));

/** The limit for `growth`: linear work grows with the power 1 of its input, a little more with garbage collection; quadratic work with 2. */
export const LINEAR = 1.65;

/** In microseconds. What the clock, the compiler and the garbage collector add is small beside it. */
const MEASURABLE = 5000;

/** The sizes of input, in multiples of the smallest. */
const SIZES = [1, 2, 4, 8];
/** Each size is measured so often, in turn with the others. */
const ROUNDS = 3;
/** If that looks like more than linear work, a disturbance may be the reason: then it is measured this often. */
const MAX_ROUNDS = 6;
/** In microseconds. Linear work needs less for all rounds, so more than this is no disturbance, and there is a verdict in seconds. */
const ENOUGH = 3_000_000;

/**
 * The power of the size of its input with which the time of `work` grows. Processor time is taken, since it depends less on what
 * else the machine does; and the least of several, since disturbances only add to it.
 * @param size  of the smallest input; it is doubled until the time is measurable
 */
export function growth(work: (size: number) => void, size: number): number {
  const sizes = measured(size);
  let next = sizes.next();
  while (!next.done) {
    const start = process.cpuUsage();
    work(next.value);
    next = sizes.next(spentSince(start));
  }
  return next.value;
}

/** The same for work that waits for streams. */
export async function growthOfStreams(work: (size: number) => Promise<void>, size: number): Promise<number> {
  const sizes = measured(size);
  let next = sizes.next();
  while (!next.done) {
    const start = process.cpuUsage();
    await work(next.value);
    next = sizes.next(spentSince(start));
  }
  return next.value;
}

/** Yields sizes of input, is given the time for each, and returns the power. */
function* measured(size: number): Generator<number, number, number> {
  let smallest = size;
  while (Math.min(yield smallest, yield smallest, yield smallest) < MEASURABLE) smallest *= 2;
  const least = SIZES.map(() => Number.POSITIVE_INFINITY);
  const power = () => slope(least.map(Math.log2));
  let spent = 0;
  for (let round = 1; round <= ROUNDS || (round <= MAX_ROUNDS && power() >= LINEAR); round++) {
    for (const [i, multiple] of SIZES.entries()) {
      const time = yield multiple * smallest;
      least[i] = Math.min(least[i]!, time);
      spent += time;
    }
    if (spent > ENOUGH) break;
  }
  return power();
}

/** In microseconds. */
function spentSince(start: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(start);
  return user + system;
}

/** Of the straight line that fits these values at 0, 1, 2, … best, by least squares. */
function slope(values: readonly number[]): number {
  const middle = (values.length - 1) / 2;
  const weights = values.map((_, at) => at - middle);
  const sum = (terms: number[]) => terms.reduce((total, term) => total + term, 0);
  return sum(values.map((value, at) => value * weights[at]!)) / sum(weights.map(weight => weight * weight));
}
