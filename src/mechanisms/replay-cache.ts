/** The replay cache of acceptors: the authenticators that they have taken, as long as they would take them again (RFC 4120 §3.2.3). */

/** Where acceptors note authenticators. One that several processes share, or that outlives them, is the caller's to bring. */
export interface ReplayRecord {
  /**
   * Notes an authenticator, at once and for all who use the record.
   * @param id  64 hex digits, which tell nothing of it
   * @param expires  until when it must be kept, in seconds since 1970
   * @param now  in seconds since 1970
   * @returns false when it was there before, or may have been
   */
  add(id: string, expires: number, now: number): boolean;
}

/** An entry takes some 200 octets. */
const CAPACITY = 100_000;

/** A record in memory. When it is full, the entries that expire first give way, and all that expire no later are refused. */
export class ReplayCache implements ReplayRecord {
  readonly #capacity: number;
  /** By the second in which they expire. */
  readonly #entries = new Map<number, Set<string>>();
  #size = 0;
  #swept = Number.NEGATIVE_INFINITY;
  /** Entries that expire up to here have given way. */
  #lost = Number.NEGATIVE_INFINITY;

  /** @param capacity  how many authenticators it holds */
  constructor({ capacity = CAPACITY }: { capacity?: number } = {}) {
    if (!Number.isSafeInteger(capacity) || capacity < 1) throw new RangeError('capacity must be an integer, 1 or more');
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#size;
  }

  add(id: string, expires: number, now: number): boolean {
    this.#sweep(now);
    if (this.#size >= this.#capacity) this.#makeRoom();
    if (expires <= this.#lost) return false;
    const entries = this.#entries.get(expires) ?? new Set();
    if (entries.has(id)) return false;
    this.#entries.set(expires, entries.add(id));
    this.#size++;
    return true;
  }

  #sweep(now: number): void {
    if (now === this.#swept) return;
    this.#swept = now;
    for (const expires of this.#entries.keys()) if (expires < now) this.#drop(expires);
  }

  #makeRoom(): void {
    let first = Number.POSITIVE_INFINITY;
    for (const expires of this.#entries.keys()) first = Math.min(first, expires);
    this.#lost = first;
    this.#drop(this.#lost);
  }

  #drop(expires: number): void {
    this.#size -= this.#entries.get(expires)!.size;
    this.#entries.delete(expires);
  }
}
