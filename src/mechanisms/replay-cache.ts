/** The replay cache of acceptors, which records accepted authenticators while they could be replayed (RFC 4120 §3.2.3). */

// Every platform has it, but the portable rooms have no types of a platform.
declare const performance: { now(): number };

/**
 * A store for the authenticators that acceptors have accepted. `add` answers at once, as the steps of the exchange do: files and
 * SQLite can be a store, a database that answers by a Promise can't. It must have three properties:
 *
 * - All acceptors with the same keys share it. If each process has its own, an attacker can replay a recorded AP-REQ to another
 *   process. A worker thread counts as a process. The acceptors should have the same `maxClockSkew`, since one that accepts older
 *   authenticators would have to keep them for longer.
 * - `add` is atomic: of several concurrent calls with the same `id`, in any process, only one returns true.
 * - It outlives the processes, or reports its `age`, since an older authenticator may have been accepted before it began. Acceptors
 *   refuse older authenticators unless a replay is useless (see below).
 *
 * A replay is useless if the acceptor adds a key of its own: in Kerberos V5 with mutual authentication and tokens of RFC 4121.
 * Without mutual authentication, with RC4, DES and triple DES, and in Kerberos V4, an attacker who replays an AP-REQ can replay the
 * whole session.
 * @example
 * // For all processes of a machine: a file for each authenticator. Those older than an hour may be removed.
 * const replayCache = {
 *   add(id: string): boolean {
 *     try {
 *       closeSync(openSync(join(folder, id), 'wx'));
 *       return true;
 *     } catch (error) {
 *       if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
 *       throw error;
 *     }
 *   },
 * };
 * const acceptor = krb5Acceptor({ keytab, replayCache });
 */
export interface ReplayStore {
  /**
   * The number of seconds for which the store has recorded every accepted authenticator. Absent if it has done so since the keys were
   * created, e.g. a database that outlives processes and never loses an entry. Authenticators of clients with fast clocks seem
   * younger than they are; to exclude them, return an age that is shorter by the greatest clock skew.
   */
  readonly age?: number;
  /**
   * Records an authenticator.
   * @param id  64 hex digits, a hash from which nothing about the authenticator can be learnt
   * @param expires  until when it must be kept, in seconds since 1970; this allows for a clock that is set back
   * @param now  the current time in seconds since 1970
   * @returns false if it was recorded before, or may have been
   */
  add(id: string, expires: number, now: number): boolean;
}

/**
 * Whether an authenticator may have been accepted before a store began (RFC 4120 §3.2.3). Times are compared in milliseconds.
 * @param created  the time in the authenticator, in seconds since 1970
 * @param now  the acceptor's time in seconds since 1970
 */
export function isOlderThan({ age = Number.POSITIVE_INFINITY }: ReplayStore, created: number, now: number): boolean {
  const [nowMs, createdMs, ageMs] = [now, created, age].map(seconds => Math.round(1000 * seconds)) as [
    number,
    number,
    number,
  ];
  // If the age is NaN, everything is older.
  return !(nowMs - createdMs <= ageMs);
}

/**
 * Records an authenticator in a store, as its `add`.
 * @throws TypeError if the store does not answer by true or false, e.g. by a Promise: misuse, after which nothing is accepted
 */
export function recordIn(store: ReplayStore, id: string, expires: number, now: number): boolean {
  const isNew: unknown = store.add(id, expires, now);
  if (typeof isNew === 'boolean') return isNew;
  throw new TypeError('add of a ReplayStore must return true or false, and at once');
}

/** An entry takes about 250 octets of memory, so a full cache takes about 25 MB. */
const CAPACITY = 100_000;

/**
 * A store in the memory of one process, which begins when it is created. When it is full, the entries that expire first are removed,
 * and authenticators that would expire at the same time or earlier are refused.
 */
export class ReplayCache implements ReplayStore {
  readonly #capacity: number;
  readonly #clock: () => number;
  readonly #begun: number;
  /** The same in the time of `performance.now()`; undefined with a clock of the caller. */
  readonly #steady: number | undefined;
  /** When each id expires: the latest time that an acceptor has asked for. Those with a greater `maxClockSkew` keep it for longer. */
  readonly #expiries = new Map<string, number>();
  /** The ids by the second in which they expire. One that was kept for longer is still under the earlier second, too. */
  readonly #entries = new Map<number, string[]>();
  #swept = Number.NEGATIVE_INFINITY;
  /** Entries that expire up to this second have been removed. */
  #lost = Number.NEGATIVE_INFINITY;

  /**
   * @param options  `capacity` is the greatest number of authenticators, default 100,000; `clock` the clock for `age`, in
   *   milliseconds, default that of the system, which makes the cache no older when it is set forward
   * @throws RangeError if `capacity` is not a positive integer
   */
  constructor({ capacity = CAPACITY, clock }: { capacity?: number; clock?: () => number } = {}) {
    if (!Number.isSafeInteger(capacity) || capacity < 1) throw new RangeError('capacity must be an integer, 1 or more');
    this.#capacity = capacity;
    this.#clock = clock ?? Date.now;
    this.#begun = this.#clock();
    this.#steady = clock === undefined ? performance.now() : undefined;
  }

  /** Seconds since the cache was created. */
  get age(): number {
    const age = this.#clock() - this.#begun;
    const steady = this.#steady === undefined ? age : performance.now() - this.#steady;
    return Math.min(age, steady) / 1000;
  }

  /** The number of authenticators in the cache. */
  get size(): number {
    return this.#expiries.size;
  }

  /** See {@link ReplayStore.add}. */
  add(id: string, expires: number, now: number): boolean {
    this.#sweep(now);
    const known = this.#expiries.get(id);
    if (known !== undefined && expires <= known) return false;
    while (known === undefined && this.#expiries.size >= this.#capacity) this.#makeRoom();
    if (expires <= this.#lost) return false;
    this.#expiries.set(id, expires);
    const entries = this.#entries.get(expires);
    if (entries === undefined) this.#entries.set(expires, [id]);
    else entries.push(id);
    return known === undefined;
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
    for (const id of this.#entries.get(expires)!) if (this.#expiries.get(id) === expires) this.#expiries.delete(id);
    this.#entries.delete(expires);
  }
}
