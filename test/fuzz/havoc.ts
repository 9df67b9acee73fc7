/** Inputs from other inputs: small changes, one upon the other, all from one stream of numbers. */
import { concatAll } from '../../src/bytes.js';
import { octets } from './targets/target.js';

const MAX_LENGTH = 4096;
const AWKWARD = [0x00, 0x01, 0x7f, 0x80, 0xff, 0xfe, 0x0d, 0x0a, 0x20, 0x2d, 0x30, 0x3d];

/** A whole number from 0 to `count` - 1. */
export type Below = (count: number) => number;

/** Mulberry32. */
export function numbersOf(seed: number): Below {
  let state = seed >>> 0;
  return count => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % Math.max(1, count);
  };
}

/** A new input. `others` and `words` lend pieces. */
export function havoc(
  input: Uint8Array,
  others: readonly Uint8Array[],
  words: readonly string[],
  below: Below,
): Uint8Array {
  let changed = input;
  for (let times = 1 << below(4); times > 0; times--)
    changed = CHANGES[below(CHANGES.length)]!(changed, below, others, words);
  return changed.length > MAX_LENGTH && changed.length > input.length
    ? changed.slice(0, Math.max(MAX_LENGTH, input.length))
    : changed;
}

type Change = (input: Uint8Array, below: Below, others: readonly Uint8Array[], words: readonly string[]) => Uint8Array;

function splice(input: Uint8Array, at: number, removed: number, put: Uint8Array): Uint8Array {
  return concatAll([input.subarray(0, at), put, input.subarray(at + removed)]);
}

const one = (octet: number) => Uint8Array.of(octet);

const CHANGES: readonly Change[] = [
  (input, below) => {
    if (input.length === 0) return one(below(256));
    const at = below(input.length);
    return splice(input, at, 1, one(input[at]! ^ (1 << below(8))));
  },
  (input, below) => splice(input, below(input.length), 1, one(AWKWARD[below(AWKWARD.length)]!)),
  (input, below) => splice(input, below(input.length), 1, one(below(256))),
  (input, below) =>
    splice(input, below(input.length + 1), 0, one(below(2) ? below(256) : AWKWARD[below(AWKWARD.length)]!)),
  (input, below) => splice(input, below(input.length), 1 + below(8), new Uint8Array()),
  (input, below) => input.slice(0, below(input.length + 1)),
  (input, below) => {
    const [from, at] = [below(input.length), below(input.length + 1)];
    return splice(input, at, 0, input.subarray(from, from + 1 + below(32)));
  },
  (input, below) => {
    const at = below(input.length);
    const added = (input[at] ?? 0) + below(35) - 17;
    return splice(input, at, 1, one(added & 0xff));
  },
  (input, below, others) => {
    const other = others[below(others.length)] ?? input;
    const from = below(other.length);
    return splice(input, below(input.length + 1), below(2) ? below(16) : 0, other.subarray(from, from + 1 + below(64)));
  },
  (input, below, others) => {
    const other = others[below(others.length)] ?? input;
    return concatAll([input.subarray(0, below(input.length + 1)), other.subarray(below(other.length))]);
  },
  (input, below, _others, words) =>
    splice(input, below(input.length + 1), below(2) ? below(5) : 0, octets(words[below(words.length)] ?? '')),
];
