/** The replay window: which sequence numbers of one direction of a security context have come, on all its connections. */
import { FtpSecurityError } from './errors.js';

export interface ReplayWindowOptions {
  /** Refuse all but the next number. Default false: gaps are normal where data connections share the numbers. */
  strict?: boolean | undefined;
  /** The number after which they start again at 0, e.g. 2^32 (RFC 1964 §1.2.1.2). Default: they never do. */
  modulus?: bigint | undefined;
  /** How many separate gaps are remembered. Default 4096: a gap for each transfer that is still being read. */
  maxGaps?: number | undefined;
}

/** Numbers that have not come: `from` is the first, `to` the one after the last. */
interface Gap {
  from: bigint;
  to: bigint;
}

/**
 * Remembers which numbers have come, as the gaps between them: so a late number is known from a replayed one however
 * late it is. Memory is bounded: past `maxGaps` the oldest gap is forgotten, and its numbers then count as replayed.
 *
 * Numbers before the first expected one belong to no token for us: they are refused. Where numbers start again, a number means
 * the place nearest to the next expected one.
 */
export class ReplayWindow {
  readonly #strict: boolean;
  readonly #modulus: bigint | undefined;
  readonly #maxGaps: number;
  readonly #first: bigint;
  /** In ascending order. Places, not numbers: they go on growing where numbers start again. */
  readonly #gaps: Gap[] = [];
  #next: bigint;
  #missing = 0n;
  #last: bigint | undefined;
  #lastFollows = false;

  /**
   * @param first  the number expected first
   * @throws RangeError when it is negative, or not below the modulus
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

  /** How many numbers from the first expected to the highest received have not come, forgotten ones included. */
  get missing(): bigint {
    return this.#missing;
  }

  /** The place of the number recorded last; undefined before the first. Places go on growing where numbers start again. */
  get last(): bigint | undefined {
    return this.#last;
  }

  /** Whether the number before that one has come too, or there is none before it. */
  get lastFollows(): boolean {
    return this.#lastFollows;
  }

  /**
   * The sequence state of a number, without recording it.
   * @returns `ok` it is the next one, `gap` numbers before it are skipped, `late` it had been skipped
   * @throws FtpSecurityError `security/replayed` when it has come before, or its gap is forgotten;
   *   `security/out-of-sequence` when it is before the first, or strict and it is not the next one
   * @throws RangeError when it is negative, or not below the modulus
   */
  check(number: bigint): 'ok' | 'gap' | 'late' {
    const place = this.#placeOf(number);
    if (place === this.#next) return 'ok';
    if (place < this.#first) {
      throw new FtpSecurityError(
        'security/out-of-sequence',
        `sequence number ${number}, before the first: ${this.#first}`,
      );
    }
    const late = place < this.#next;
    if (late && this.#gapAt(place) < 0) {
      throw new FtpSecurityError('security/replayed', `sequence number ${number} has come before`);
    }
    if (this.#strict) {
      const expected = this.#modulus === undefined ? this.#next : this.#next % this.#modulus;
      throw new FtpSecurityError('security/out-of-sequence', `sequence number ${number}, expected ${expected}`);
    }
    return late ? 'late' : 'gap';
  }

  /** Records a number, and returns its sequence state. Throws as `check` does, and has then recorded nothing. */
  accept(number: bigint): 'ok' | 'gap' | 'late' {
    const state = this.check(number);
    const place = this.#placeOf(number);
    this.#lastFollows = state === 'ok' || (state === 'late' && this.#gaps[this.#gapAt(place)]!.from === place);
    if (state === 'late') {
      this.#fill(place);
    } else {
      this.#remember({ from: this.#next, to: place });
      this.#missing += place - this.#next;
      this.#next = place + 1n;
    }
    this.#last = place;
    return state;
  }

  #assertNumber(number: bigint): void {
    if (number < 0n || (this.#modulus !== undefined && number >= this.#modulus)) {
      throw new RangeError('no such sequence number');
    }
  }

  #placeOf(number: bigint): bigint {
    this.#assertNumber(number);
    if (this.#modulus === undefined) return number;
    const ahead = (((number - this.#next) % this.#modulus) + this.#modulus) % this.#modulus;
    return this.#next + (ahead < this.#modulus / 2n ? ahead : ahead - this.#modulus);
  }

  /** Index of the gap that a place is in, or -1. */
  #gapAt(place: bigint): number {
    let low = 0;
    let high = this.#gaps.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#gaps[middle]!.to <= place) low = middle + 1;
      else high = middle;
    }
    const gap = this.#gaps[low];
    return gap !== undefined && gap.from <= place ? low : -1;
  }

  #fill(place: bigint): void {
    const index = this.#gapAt(place);
    const { from, to } = this.#gaps[index]!;
    this.#gaps.splice(index, 1);
    if (place + 1n < to) this.#gaps.splice(index, 0, { from: place + 1n, to });
    if (from < place) this.#gaps.splice(index, 0, { from, to: place });
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
