/** Puts the octets of one direction of a TCP connection in order, and yields them as soon as all octets before them have come. */
import { Heap } from './heap.js';

/** Positions from `from` up to, but not including, `to`. */
export interface Range {
  from: number;
  to: number;
}

/** What a capture contains of a stream, known after the first pass. */
export interface StreamPlan {
  start: number;
  end: number;
  /** Position of the FIN, if there is one. */
  fin: number | undefined;
  /** The ranges between `start` and `end` that were not captured; in order, and not adjacent. */
  holes: readonly Range[];
}

/** The next part of a stream. */
export type Piece =
  /** A view into the capture, never empty. */
  | { kind: 'data'; data: Uint8Array }
  /** How many octets were sent but not captured; `goesOn` if those before were not captured either. */
  | { kind: 'lost'; octets: number; goesOn: boolean }
  | { kind: 'end'; by: Ending };

/** How a stream ends: with a FIN, with a reset from either end, or `open` if the capture shows no end. */
export type Ending = 'fin' | 'reset' | 'open';

const NO_HOLES: readonly Range[] = [];

/** Collects the ranges that segments cover. Most streams have one range, so it has no object of its own. */
export class Coverage {
  /** The last range; empty before the first. */
  #from = 0;
  #to = 0;
  /** Those before it. */
  #others: Range[] | undefined;

  add(from: number, to: number): this {
    if (from >= this.#from && from <= this.#to && this.#from < this.#to) {
      this.#to = Math.max(this.#to, to);
      return this;
    }
    if (this.#from < this.#to) {
      this.#others ??= [];
      this.#others.push({ from: this.#from, to: this.#to });
    }
    this.#from = from;
    this.#to = to;
    return this;
  }

  /** The parts of a range that no segment covers. */
  holes(start: number, end: number): readonly Range[] {
    if (this.#others === undefined && this.#from <= start && this.#to >= end) return NO_HOLES;
    const last = this.#from < this.#to ? [{ from: this.#from, to: this.#to }] : [];
    const ranges = [...(this.#others ?? []), ...last].sort((a, b) => a.from - b.from);
    const holes: Range[] = [];
    let from = start;
    for (const range of ranges) {
      const to = Math.min(range.from, end);
      if (from < to) holes.push({ from, to });
      from = Math.max(from, range.to);
    }
    if (from < end) holes.push({ from, to: end });
    return holes;
  }
}

/** Octets of a segment that wait for their turn. */
interface Copy extends Range {
  /** Index in the order of capture, within its stream. */
  order: number;
  /** How far its sender had received the other direction: these octets are yielded before. */
  after: number;
  data: Uint8Array;
}

/** Puts the segments of one stream in order. If octets come more than once, the first captured copy is used. */
export class StreamAssembler {
  readonly #plan: StreamPlan;
  #position: number;
  #nextHole = 0;
  #order = 0;
  #ended = false;
  /** The only copy, as in most streams. While there is one, the heaps are empty. */
  #only: Copy | undefined;
  #heaps: Heaps | undefined;

  constructor(plan: StreamPlan) {
    this.#plan = plan;
    this.#position = plan.start;
  }

  /** The position up to which the stream has been yielded. */
  get position(): number {
    return this.#position;
  }

  /** Whether the end of the stream has been yielded. */
  get ended(): boolean {
    return this.#ended;
  }

  /** @param after  the position in the other direction that the segment acknowledges */
  add(from: number, data: Uint8Array, after = Number.NEGATIVE_INFINITY): void {
    const to = from + data.length;
    if (to <= this.#position || from >= this.#plan.end) return;
    const copy = { from, to, order: this.#order++, after, data };
    if (this.isEmpty) {
      this.#only = copy;
      return;
    }
    this.#heaps ??= { waiting: new Heap(beginsBefore), open: new Heap(cameBefore) };
    if (this.#only !== undefined) this.#heaps.waiting.push(this.#only);
    this.#only = undefined;
    this.#heaps.waiting.push(copy);
  }

  /** Whether no octets wait. */
  get isEmpty(): boolean {
    const heaps = this.#heaps;
    if (this.#only !== undefined) return false;
    return heaps === undefined || (heaps.waiting.first === undefined && heaps.open.first === undefined);
  }

  /** Whether the next octets have come, but wait for octets of the other direction. */
  waits(other: number): boolean {
    return (this.#copy()?.after ?? Number.NEGATIVE_INFINITY) > other;
  }

  /**
   * The next piece; undefined if more octets are needed first, and after the end.
   * @param edge  the highest position known to have been sent. Octets of a hole are reported only when they are known to
   *   have been sent, because only then is their place among the segments of the other direction right
   * @param ending  how the stream is known to end; reported after all octets
   * @param other  the position up to which the other direction has been yielded; octets whose sender had received more
   *   wait
   */
  next(edge: number, ending: Ending | undefined, other: number): Piece | undefined {
    if (this.#ended) return undefined;
    const hole = this.#plan.holes[this.#nextHole];
    const position = this.#position;
    if (hole !== undefined && hole.from <= position) {
      if (edge <= position) return undefined;
      const to = Math.min(edge, hole.to);
      if (to === hole.to) this.#nextHole++;
      this.#position = to;
      return { kind: 'lost', octets: to - position, goesOn: hole.from < position };
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
    if (copy === this.#only) {
      if (to === copy.to) this.#only = undefined;
    } else to = this.#cut(copy, to);
    this.#position = to;
    return { kind: 'data', data: copy.data.subarray(position - copy.from, to - copy.from) };
  }

  /** A copy that was captured earlier and begins within another one replaces the rest of it. @returns where that one ends */
  #cut({ order }: Copy, end: number): number {
    const { waiting, open } = this.#heaps!;
    let to = end;
    for (let next = waiting.first; next !== undefined && next.from < to; next = waiting.first) {
      open.push(waiting.pop()!);
      if (next.order < order) to = next.from;
    }
    return to;
  }

  /** The first captured copy of the octets at the position. */
  #copy(): Copy | undefined {
    const position = this.#position;
    const only = this.#only;
    if (only !== undefined) {
      if (only.to <= position) this.#only = undefined;
      return only.from <= position ? this.#only : undefined;
    }
    if (this.#heaps === undefined) return undefined;
    const { waiting, open } = this.#heaps;
    while ((waiting.first?.from ?? Number.POSITIVE_INFINITY) <= position) open.push(waiting.pop()!);
    while ((open.first?.to ?? Number.POSITIVE_INFINITY) <= position) open.pop();
    return open.first;
  }
}

/** Copies of octets that came out of order, or wait for those of the other direction. */
interface Heaps {
  /** Copies that begin after the position. */
  waiting: Heap<Copy>;
  /** Copies that begin at the position or before it. */
  open: Heap<Copy>;
}

function beginsBefore(a: Copy, b: Copy): boolean {
  return a.from < b.from;
}

function cameBefore(a: Copy, b: Copy): boolean {
  return a.order < b.order;
}
