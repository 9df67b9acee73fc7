/** The replay cache of acceptors: the authenticators that they have taken, as long as they would take them again (RFC 4120 §3.2.3). */

/**
 * Where acceptors record the authenticators that they have accepted. A store must do three things:
 *
 * - All acceptors that hold the same keys share it: what one process has taken, every other refuses. One that each process
 *   keeps for itself lets an attacker who recorded an AP-REQ use it again with the next process.
 * - `add` is atomic: of two calls with the same `id`, at the same time and wherever, one alone returns true.
 * - It outlives the processes, or says its `age`: an authenticator that is older may have been taken before. Acceptors
 *   refuse those, unless a replay is of no use (below).
 *
 * A replay is of no use where the acceptor adds a key of its own: Kerberos V5 with mutual authentication and tokens of RFC
 * 4121. Without mutual authentication, with RC4 and DES, and with Kerberos V4, an attacker who sends an AP-REQ again can send the
 * whole session again.
 */
export interface ReplayStore {
  /**
   * For how many seconds the record has held every authenticator that was taken. Absent: since the keys were made, as in a
   * database that outlives processes and never loses an entry. Clients whose clocks are fast make authenticators that seem
   * younger than they are: a store that must not be deceived gives an age that is less by the clock skew.
   */
  readonly age?: number;
  /**
   * Notes an authenticator, at once and for all who use the record.
   * @param id  64 hex digits, which tell nothing of it
   * @param expires  until when it must be kept, in seconds since 1970: until then also a clock that was set back finds it
   * @param now  in seconds since 1970
   * @returns false when it was there before, or may have been
   */
  add(id: string, expires: number, now: number): boolean;
}

/**
 * Whether an authenticator may have been taken before a record began (RFC 4120 §3.2.3); times count to the millisecond.
 * @param made  the time in the authenticator, in seconds since 1970
 * @param now  by the acceptor's clock, in seconds since 1970
 */
export function isOlderThan({ age = Number.POSITIVE_INFINITY }: ReplayStore, made: number, now: number): boolean {
  const [nowMs, madeMs, ageMs] = [now, made, age].map(seconds => Math.round(1000 * seconds)) as [
    number,
    number,
    number,
  ];
  return nowMs - madeMs > ageMs;
}

/** An entry takes some 250 octets of memory. */
const CAPACITY = 100_000;

/**
 * A record in memory, of one process, which begins when it is made. When it is full, the entries that expire first give way, and
 * all that expire no later are refused.
 */
export class ReplayCache implements ReplayStore {
  readonly #capacity: number;
  readonly #clock: () => number;
  readonly #begun: number;
  /** By the second in which they expire. */
  readonly #entries = new Map<number, Set<string>>();
  #size = 0;
  #swept = Number.NEGATIVE_INFINITY;
  /** Entries that expire up to here have given way. */
  #lost = Number.NEGATIVE_INFINITY;

  /**
   * @param capacity  how many authenticators it holds; default 100,000
   * @param clock  what its age is counted by, in milliseconds; default `Date.now`
   */
  constructor({ capacity = CAPACITY, clock = Date.now }: { capacity?: number; clock?: () => number } = {}) {
    if (!Number.isSafeInteger(capacity) || capacity < 1) throw new RangeError('capacity must be an integer, 1 or more');
    this.#capacity = capacity;
    this.#clock = clock;
    this.#begun = clock();
  }

  get age(): number {
    return (this.#clock() - this.#begun) / 1000;
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
