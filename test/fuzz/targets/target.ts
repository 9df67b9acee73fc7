/** What a target of the coverage-guided loop is, and what several have in common. */
import { concatAll, toHex } from '../../../src/bytes.js';
import { FtpSecurityError } from '../../../src/errors.js';

export interface Target {
  name: string;
  /** What holds for every input, in one sentence. */
  invariant: string;
  /** Throws when it does not. */
  run(input: Uint8Array): void;
  /** Where the loop starts. */
  seeds: readonly Uint8Array[];
  /** Words that inputs are made of. */
  words?: readonly string[];
}

/** What `run` gives, or the error by which bad input is refused; anything else escapes, and is a finding. */
export function attempt<T>(run: () => T): { value: T } | { error: FtpSecurityError } {
  try {
    return { value: run() };
  } catch (error) {
    if (error instanceof FtpSecurityError) return { error };
    throw error;
  }
}

export function refusable(run: () => unknown): void {
  attempt(run);
}

export function hold(holds: boolean, what: string): void {
  if (!holds) throw new Error(`broken: ${what}`);
}

export function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && toHex(a) === toHex(b);
}

/** Octets of a text whose characters are all below U+0100. */
export function octets(text: string): Uint8Array {
  return Uint8Array.from(text, character => character.charCodeAt(0));
}

interface Reader {
  push(chunk: Uint8Array): void;
  next(): object | undefined;
  close(): void;
}

/** Everything that a reader gives, errors too, as texts that can be compared. */
export function readAll(reader: Reader, chunks: readonly Uint8Array[]): string[] {
  const seen: string[] = [];
  for (const chunk of chunks) {
    reader.push(chunk);
    for (;;) {
      const one = attempt(() => reader.next());
      if ('value' in one && one.value === undefined) break;
      seen.push('value' in one ? textOf(one.value!) : one.error.code);
    }
  }
  const end = attempt(() => reader.close());
  if ('error' in end) seen.push(end.error.code);
  return seen;
}

/** In chunks of so many octets. */
export function inChunks(input: Uint8Array, size: number): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < input.length; at += size) chunks.push(input.subarray(at, at + size));
  return chunks;
}

/** Holds a reader to giving the same whatever the chunks are. */
export function holdsInAnyChunks(newReader: () => Reader, input: Uint8Array): void {
  const whole = readAll(newReader(), [input]).join();
  for (const size of [1, 1 + (input.length % 7)]) {
    hold(readAll(newReader(), inChunks(input, size)).join() === whole, `chunks of ${size} give something else`);
  }
}

function textOf(value: object): string {
  return JSON.stringify(value, (_, it) => (it instanceof Uint8Array ? toHex(it) : it));
}

/** The input cut at a mark, which is left out. */
export function cutAt(input: Uint8Array, mark: number): Uint8Array[] {
  const parts: Uint8Array[] = [];
  let start = 0;
  for (let at = input.indexOf(mark); at !== -1; at = input.indexOf(mark, start)) {
    parts.push(input.subarray(start, at));
    start = at + 1;
  }
  parts.push(input.subarray(start));
  return parts;
}

export function contains(whole: Uint8Array, part: Uint8Array): boolean {
  return toHex(whole).includes(toHex(part));
}

export const joined = concatAll;
