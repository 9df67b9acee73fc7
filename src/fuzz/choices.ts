/** A choice in a case is a number in a list, so every case can be written to a file, made again, and minimised. */

/** Choices in order. After the end of the list each further choice is 0, which is always the simplest. */
export class Choices {
  readonly #choices: readonly number[];
  #taken = 0;

  /** @param choices  whole numbers from 0 to 2^32-1 */
  constructor(choices: readonly number[]) {
    this.#choices = choices;
  }

  /** A whole number from 0 to `count` - 1. */
  below(count: number): number {
    return this.#next() % Math.max(1, count);
  }

  /** One element of a list, which must not be empty. */
  of<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  /** `length` octets, all from one choice; choice 0 gives zeros. */
  octets(length: number): Uint8Array {
    const choice = this.#next();
    return choice === 0 ? new Uint8Array(length) : octetsFrom(choice)(length);
  }

  #next(): number {
    return this.#choices[this.#taken++] ?? 0;
  }
}

/** `count` choices from a seed, the same for the same seed. */
export function choicesFrom(seed: number, count: number): number[] {
  const numbers = numbersFrom(seed);
  return Array.from({ length: count }, numbers);
}

/** Octets that look random, but are the same for the same seed: for confounders in tokens that must be reproducible. */
export function octetsFrom(seed: number): (length: number) => Uint8Array {
  const numbers = numbersFrom(seed);
  return length => Uint8Array.from({ length }, () => numbers() >>> 24);
}

/** 32-bit numbers: a Weyl sequence followed by a mixing function. */
function numbersFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  };
}
