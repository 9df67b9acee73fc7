/** The octets of one direction of a TCP connection in their order, each as soon as those before it have come. */
import { Heap } from './heap.js';

/** Positions `from` to `to`, without `to`. */
export interface Range {
  from: number;
  to: number;
}

/** What a capture holds of a stream, known once it has been gone through. */
export interface StreamPlan {
  start: number;
  end: number;
  /** Position of the FIN, if there is one. */
  fin: number | undefined;
  /** What never comes, between `start` and `end`: in order, and apart from each other. */
  holes: readonly Range[];
}

/** What a stream gives next. */
export type Piece =
  /** A view into the capture, never empty. */
  | { kind: 'data'; data: Uint8Array }
  /** How many octets were sent and not captured. */
  | { kind: 'lost'; octets: number }
  | { kind: 'end'; by: Ending };

/** How a stream ends: by a FIN, by a reset from either end, or `open`: the capture shows no end. */
export type Ending = 'fin' | 'reset' | 'open';

/** Collects the ranges that segments cover. */
export class Coverage {
  readonly #ranges: Range[] = [];

  add(from: number, to: number): this {
    const last = this.#ranges.at(-1);
    if (last === undefined || from < last.from || from > last.to) this.#ranges.push({ from, to });
    else last.to = Math.max(last.to, to);
    return this;
  }

  /** The parts of a range that nothing covers. */
  holes(start: number, end: number): Range[] {
    this.#ranges.sort((a, b) => a.from - b.from);
    const holes: Range[] = [];
    let from = start;
    for (const range of this.#ranges) {
      const to = Math.min(range.from, end);
      if (from < to) holes.push({ from, to });
      from = Math.max(from, range.to);
    }
    if (from < end) holes.push({ from, to: end });
    return holes;
  }
}

/** A segment's octets that wait for their turn. */
interface Copy extends Range {
  /** When it was captured, among those of its stream. */
  order: number;
  /** How much of the other direction its sender had: that comes before it. */
  after: number;
  data: Uint8Array;
}

/** Puts the segments of one stream in order. Of octets that come more than once, the first captured copy counts. */
export class StreamAssembler {
  readonly #plan: StreamPlan;
  #position: number;
  #nextHole = 0;
  #order = 0;
  #ended = false;
  /** Copies that begin behind the position. */
  readonly #waiting = new Heap<Copy>(beginsBefore);
  /** Copies that the position is in, or past. */
  readonly #open = new Heap<Copy>(cameBefore);

  constructor(plan: StreamPlan) {
    this.#plan = plan;
    this.#position = plan.start;
  }

  /** How far the stream has been given. */
  get position(): number {
    return this.#position;
  }

  /** @param after  the position in the other direction that the segment acknowledges */
  add(from: number, data: Uint8Array, after = Number.NEGATIVE_INFINITY): void {
    const to = from + data.length;
    if (to <= this.#position || from >= this.#plan.end) return;
    this.#waiting.push({ from, to, order: this.#order++, after, data });
  }

  /** Whether the next octets are here, and wait for some of the other direction. */
  waits(other: number): boolean {
    return (this.#copy()?.after ?? Number.NEGATIVE_INFINITY) > other;
  }

  /**
   * The piece that can be given now; undefined when more must come first, and after the end.
   * @param edge  what is known to have been sent. A hole is jumped over when it is, not before: only then is its place
   *   among the segments of the other direction right.
   * @param ending  what is known to end the stream; it is given when all octets have been
   * @param other  how far the other direction has been given: octets whose sender had more of it wait
   */
  next(edge: number, ending: Ending | undefined, other: number): Piece | undefined {
    if (this.#ended) return undefined;
    const hole = this.#plan.holes[this.#nextHole];
    if (hole !== undefined && hole.from === this.#position) {
      if (edge <= hole.from) return undefined;
      this.#nextHole++;
      this.#position = hole.to;
      return { kind: 'lost', octets: hole.to - hole.from };
    }
    if (this.#position < this.#plan.end) return this.#read(other);
    if (ending === undefined) return undefined;
    this.#ended = true;
    return { kind: 'end', by: ending };
  }

  #read(other: number): Piece | undefined {
    const position = this.#position;
    const copy = this.#copy();
    if (copy === undefined || copy.after > other) return undefined;
    let to = Math.min(copy.to, this.#plan.end);
    // Where an earlier copy begins, it takes over.
    for (let next = this.#waiting.first; next !== undefined && next.from < to; next = this.#waiting.first) {
      this.#open.push(this.#waiting.pop()!);
      if (next.order < copy.order) to = next.from;
    }
    this.#position = to;
    return { kind: 'data', data: copy.data.subarray(position - copy.from, to - copy.from) };
  }

  /** The first captured copy of the octets at the position. */
  #copy(): Copy | undefined {
    const position = this.#position;
    while ((this.#waiting.first?.from ?? Number.POSITIVE_INFINITY) <= position) this.#open.push(this.#waiting.pop()!);
    while ((this.#open.first?.to ?? Number.POSITIVE_INFINITY) <= position) this.#open.pop();
    return this.#open.first;
  }
}

function beginsBefore(a: Copy, b: Copy): boolean {
  return a.from < b.from;
}

function cameBefore(a: Copy, b: Copy): boolean {
  return a.order < b.order;
}
