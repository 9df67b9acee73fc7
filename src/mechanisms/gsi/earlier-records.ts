/**
 * The earlier tokens of one direction of a recording. They distinguish a token that is repeated from one that was altered, and open one
 * that was moved after later ones. Records contain no number (RFC 8446 §5.3), so the possible numbers are tried.
 */
import { toHex } from '../../bytes.js';
import { refusalFrom } from '../../errors.js';
import { type Direction, openRecord, type TlsRecord } from './tls/records.js';

/** How many tokens are remembered, each with about 300 octets. */
const MAX_TOKENS = 2 ** 12;
/** How many missing records are remembered: each is tried for a token that does not open. */
const MAX_MISSING = 2 ** 6;

/** A record that is missing, with its place as in `SecurityContext.lastReceived`. */
export interface MissingRecord {
  direction: Direction;
  place: bigint;
}

export class EarlierRecords {
  /** For each token received, the direction as it was before it, by the last octets of the token's first record. */
  readonly #received = new Map<string, Direction>();
  /** Kept while tokens are removed: a new iterator would pass over all removed ones again. */
  #oldest = this.#received.keys();
  #missing: MissingRecord[] = [];

  /**
   * Adds a token that was opened.
   * @param before  the direction before it
   * @param skipped  how many records are missing before it
   * @param place  its place
   */
  add(before: Direction, [first]: readonly TlsRecord[], skipped: number, place: bigint): void {
    for (let left = Math.min(skipped, MAX_MISSING); left > 0; left--) {
      const direction = { ...before, number: before.number + skipped - left };
      this.#missing.push({ direction, place: place - BigInt(left) });
    }
    if (this.#missing.length > MAX_MISSING) this.#missing = this.#missing.slice(-MAX_MISSING);
    this.#remember(first!, { ...before, number: before.number + skipped });
  }

  /** The keys have changed: those before are erased. */
  clear(): void {
    this.#received.clear();
    this.#oldest = this.#received.keys();
    this.#missing = [];
  }

  /** Whether a token repeats an earlier one. */
  has(records: readonly TlsRecord[]): boolean {
    const direction = this.#received.get(endOf(records[0]!));
    return direction !== undefined && opens(direction, records);
  }

  /** Takes the missing record with which a token begins out of the missing ones; undefined if there is none. */
  take(records: readonly TlsRecord[]): MissingRecord | undefined {
    const found = this.#missing.find(({ direction }) => opens(direction, records));
    if (found === undefined) return undefined;
    this.#remember(records[0]!, found.direction);
    const { number } = found.direction;
    this.#missing = this.#missing.filter(({ direction }) => {
      const at = direction.number - number;
      return at < 0 || at >= records.length;
    });
    return found;
  }

  /** Whether the record at a place is missing, as far as is known. */
  isMissing(place: bigint): boolean {
    return this.#missing.some(it => it.place === place);
  }

  #remember(first: TlsRecord, direction: Direction): void {
    this.#received.set(endOf(first), direction);
    if (this.#received.size > MAX_TOKENS) this.#received.delete(this.#oldest.next().value!);
  }
}

function endOf({ fragment }: TlsRecord): string {
  return toHex(fragment.subarray(-16));
}

/** Whether all records of a token open one after the other from this direction on. */
function opens(direction: Direction, records: readonly TlsRecord[]): boolean {
  let next = direction;
  try {
    for (const record of records) ({ next } = openRecord(next, record));
    return true;
  } catch (error) {
    refusalFrom(error);
    return false;
  }
}
