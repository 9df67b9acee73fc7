/** A set of positions in a sequence of tokens. */

/** Positions from `from` up to, but not including, `to`. */
export interface PositionRange {
  from: bigint;
  to: bigint;
}

/** How many ranges are kept. If there are more, the lowest is forgotten. */
const MAX_RANGES = 4096;

/** Positions as ranges, in ascending order. Adding the next position, which is the usual case, takes constant time. */
export class PositionSet {
  readonly #ranges: PositionRange[] = [];

  add(position: bigint): void {
    const ranges = this.#ranges;
    const last = ranges.at(-1);
    if (last?.to === position) last.to++;
    else if (last === undefined || position > last.to) ranges.push({ from: position, to: position + 1n });
    else this.#insert(position);
    if (ranges.length > MAX_RANGES) ranges.shift();
  }

  /** The first position from `from` up to, but not including, `to` that is not in the set. */
  firstMissing({ from, to }: PositionRange): bigint | undefined {
    const range = this.#ranges[this.#indexOf(from)];
    const missing = range !== undefined && range.from <= from ? range.to : from;
    return missing < to ? missing : undefined;
  }

  /** Index of the first range that ends after a position. */
  #indexOf(position: bigint): number {
    let [low, high] = [0, this.#ranges.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#ranges[middle]!.to <= position) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #insert(position: bigint): void {
    const at = this.#indexOf(position);
    const [before, after] = [this.#ranges[at - 1], this.#ranges[at]];
    if (after !== undefined && after.from <= position) return;
    const joins = after?.from === position + 1n;
    if (before?.to === position) {
      before.to = joins ? after!.to : position + 1n;
      if (joins) this.#ranges.splice(at, 1);
    } else if (joins) after!.from = position;
    else this.#ranges.splice(at, 0, { from: position, to: position + 1n });
  }
}
