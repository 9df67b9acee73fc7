/**
 * Memory for the work on one message, kept between messages: a new array for each costs more than the ciphers do. Nothing
 * stays in it: it is overwritten when the work has returned or thrown.
 */

export interface WorkMemory {
  /** Zero at first, and at least as long as was asked for. */
  readonly octets: Uint8Array;
  /** The same memory. */
  readonly view: DataView;
}

/** A protection buffer of 64 KiB, which is what peers ask for, and some room. Longer messages get memory of their own. */
const LONGEST_KEPT = 0x1_1000;
const SHORTEST = 0x800;

/** By how deep the work is within other work, which has its own: tokens of a line, then what is encrypted in them. */
const kept: WorkMemory[] = [];
let depth = 0;

/** Passes memory of `length` octets to `use`, which must not return any of it. */
export function withMemory<T>(length: number, use: (memory: WorkMemory) => T): T {
  const level = depth;
  const memory = memoryAt(level, length);
  depth = level + 1;
  try {
    return use(memory);
  } finally {
    memory.octets.fill(0, 0, length);
    depth = level;
  }
}

function memoryAt(level: number, length: number): WorkMemory {
  const before = kept[level];
  if (before !== undefined && before.octets.length >= length) return before;
  const octets = new Uint8Array(Math.max(length, SHORTEST));
  const memory = { octets, view: new DataView(octets.buffer) };
  if (octets.length <= LONGEST_KEPT) kept[level] = memory;
  return memory;
}

/** Writes the parts to the memory from `start` on, one after another. */
export function setAll({ octets }: WorkMemory, start: number, parts: readonly Uint8Array[]): void {
  let at = start;
  for (const part of parts) {
    octets.set(part, at);
    at += part.length;
  }
}

export function totalLength(parts: readonly Uint8Array[]): number {
  let length = 0;
  for (const part of parts) length += part.length;
  return length;
}

/** All memory that is kept now, for the tests that it holds nothing. */
export function keptOctets(): Uint8Array[] {
  return kept.map(({ octets }) => octets);
}
