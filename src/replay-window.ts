/** The replay window: which sequence numbers of one direction of a security context have been received, on all its connections. */
import { FtpSecurityError } from './errors.js';

/** Options of {@link ReplayWindow}. */
export interface ReplayWindowOptions {
  /** Reject all but the next number. Default false: gaps are normal, since data connections share the numbers. */
  strict?: boolean | undefined;
  /** How many numbers there are before they start again at 0, e.g. 2^32 (RFC 1964 §1.2.1.2). Default: they never do. */
  modulus?: bigint | undefined;
  /** How many separate gaps are remembered. Default 4096: a gap for each transfer that is still being read. */
  maxGaps?: number | undefined;
}

/** Numbers not received: `from` is the first, `to` the one after the last. */
interface Gap {
  from: bigint;
  to: bigint;
}

/**
 * Remembers which sequence numbers have been received, as the gaps between them, so that a late number is told apart from a
 * replayed one however late it is. Memory is bounded: beyond `maxGaps` the oldest gap is forgotten, and its numbers then
 * count as replayed.
 *
 * Numbers before the first expected one are rejected, since no token for us has them. If numbers start again, a number means
 * the position nearest to the next expected one.
 * @example
 * const window = new ReplayWindow(7n);
 * window.accept(7n); // 'ok'
 * window.accept(9n); // 'gap': 8 is missing
 * window.accept(8n); // 'late'
 * window.accept(8n); // throws security/replayed
 */
export class ReplayWindow {
  readonly #strict: boolean;
  readonly #modulus: bigint | undefined;
  readonly #maxGaps: number;
  readonly #first: bigint;
  /** In ascending order. Positions, not numbers: they continue to grow when the numbers start again. */
  readonly #gaps: Gap[] = [];
  #next: bigint;
  #missing = 0n;
  #last: bigint | undefined;
  #lastFollows = false;

  /**
   * @param first  the number expected first
   * @throws RangeError if it is negative or not below the modulus, or `maxGaps` is not an integer, 0 or more
   */
  constructor(first: bigint, { strict = false, modulus, maxGaps = 4096 }: ReplayWindowOptions = {}) {
    if (!Number.isSafeInteger(maxGaps) || maxGaps < 0) throw new RangeError('maxGaps must be an integer, 0 or more');
    this.#strict = strict;
    this.#modulus = modulus;
    this.#maxGaps = maxGaps;
    this.#assertNumber(first);
    this.#first = first;
    this.#next = first;
  }

  /** How many numbers between the first expected and the highest received are missing, forgotten ones included. */
  get missing(): bigint {
    return this.#missing;
  }

  /** The position of the number recorded last; undefined before the first. Positions continue to grow when the numbers start again. */
  get last(): bigint | undefined {
    return this.#last;
  }

  /** Whether the number before the last one has been received too, or the last one is the first expected. */
  get lastFollows(): boolean {
    return this.#lastFollows;
  }

  /**
   * The sequence state of a number, without recording it.
   * @returns `ok`: it is the next one; `gap`: numbers before it are missing; `late`: it was missing until now
   * @throws FtpSecurityError `security/replayed` if it was received before, or its gap is forgotten;
   *   `security/out-of-sequence` if it is before the first, or, with `strict`, is not the next one
   * @throws RangeError if it is negative, or not below the modulus
   */
  check(number: bigint): 'ok' | 'gap' | 'late' {
    const position = this.#positionOf(number);
    if (position === this.#next) return 'ok';
    if (position < this.#first) {
      throw new FtpSecurityError(
        'security/out-of-sequence',
        `sequence number ${number} is before the first, ${this.#first}`,
      );
    }
    const late = position < this.#next;
    if (late && this.#gapAt(position) < 0) {
      throw new FtpSecurityError('security/replayed', `sequence number ${number} was received before`);
    }
    if (this.#strict) {
      const expected = this.#modulus === undefined ? this.#next : this.#next % this.#modulus;
      throw new FtpSecurityError('security/out-of-sequence', `sequence number ${number}, expected ${expected}`);
    }
    return late ? 'late' : 'gap';
  }

  /** Records a number, and returns its sequence state. Throws as `check` does, and then records nothing. */
  accept(number: bigint): 'ok' | 'gap' | 'late' {
    const state = this.check(number);
    const position = this.#positionOf(number);
    this.#lastFollows = state === 'ok' || (state === 'late' && this.#gaps[this.#gapAt(position)]!.from === position);
    if (state === 'late') {
      this.#fill(position);
    } else {
      this.#remember({ from: this.#next, to: position });
      this.#missing += position - this.#next;
      this.#next = position + 1n;
    }
    this.#last = position;
    return state;
  }

  #assertNumber(number: bigint): void {
    if (number < 0n || (this.#modulus !== undefined && number >= this.#modulus)) {
      throw new RangeError(
        `a sequence number must be 0 or more${this.#modulus === undefined ? '' : `, and below ${this.#modulus}`}`,
      );
    }
  }

  #positionOf(number: bigint): bigint {
    // What nearly always comes: before the numbers start again, position and number of the next one are the same.
    if (number === this.#next && (this.#modulus === undefined || number < this.#modulus)) return number;
    this.#assertNumber(number);
    if (this.#modulus === undefined) return number;
    const ahead = (((number - this.#next) % this.#modulus) + this.#modulus) % this.#modulus;
    return this.#next + (ahead < this.#modulus / 2n ? ahead : ahead - this.#modulus);
  }

  /** Index of the gap that contains a position, or -1. */
  #gapAt(position: bigint): number {
    let low = 0;
    let high = this.#gaps.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#gaps[middle]!.to <= position) low = middle + 1;
      else high = middle;
    }
    const gap = this.#gaps[low];
    return gap !== undefined && gap.from <= position ? low : -1;
  }

  #fill(position: bigint): void {
    const index = this.#gapAt(position);
    const { from, to } = this.#gaps[index]!;
    this.#gaps.splice(index, 1);
    if (position + 1n < to) this.#gaps.splice(index, 0, { from: position + 1n, to });
    if (from < position) this.#gaps.splice(index, 0, { from, to: position });
    this.#missing -= 1n;
    this.#forgetOldest();
  }

  #remember(gap: Gap): void {
    if (gap.from < gap.to) this.#gaps.push(gap);
    this.#forgetOldest();
  }

  #forgetOldest(): void {
    if (this.#gaps.length > this.#maxGaps) this.#gaps.shift();
  }
}
