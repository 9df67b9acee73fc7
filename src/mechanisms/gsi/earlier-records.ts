/**
 * What a recording has had of one direction: so a token that comes again is told from one that was changed, and one that was moved
 * behind others is opened. Records contain no number (RFC 8446 §5.3), so the numbers that are possible are tried.
 */
import { toHex } from '../../bytes.js';
import { refusalFrom } from '../../errors.js';
import { type Direction, openRecord, type TlsRecord } from './tls/records.js';

/** How many tokens are remembered, each with about 300 octets. */
const MAX_TOKENS = 2 ** 12;
/** How many missing records are: each is tried for a token that does not open. */
const MAX_MISSING = 2 ** 6;

/** A record that is missing, with its place as in `SecurityContext.lastReceived`. */
export interface MissingRecord {
  direction: Direction;
  place: bigint;
}

export class EarlierRecords {
  /** The directions before the tokens that have come, by the end of their first record. */
  readonly #come = new Map<string, Direction>();
  /** It stays on its place while tokens are dropped: a new one would pass all places that are empty. */
  #oldest = this.#come.keys();
  #missing: MissingRecord[] = [];

  /**
   * A token has come.
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
    this.#come.clear();
    this.#oldest = this.#come.keys();
    this.#missing = [];
  }

  /** Whether a token has come before. */
  has(records: readonly TlsRecord[]): boolean {
    const direction = this.#come.get(endOf(records[0]!));
    return direction !== undefined && opens(direction, records);
  }

  /** The missing record with which a token begins; undefined if there is none. The token has come then. */
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
    this.#come.set(endOf(first), direction);
    if (this.#come.size > MAX_TOKENS) this.#come.delete(this.#oldest.next().value!);
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
