/** Values that wait, in the order in which they came. No array is shifted: that would move all that wait, each time. */

/**
 * The first one in is the first one out. Taken values are dropped when they are half of all, so that the rest is moved once for as
 * many.
 */
export class Queue<T> {
  readonly #items: T[] = [];
  #taken = 0;

  get length(): number {
    return this.#items.length - this.#taken;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  /** Takes the first value; undefined if there is none. */
  shift(): T | undefined {
    // Most queues hold one value.
    if (this.#items.length <= 1) return this.#items.pop();
    const item = this.#items[this.#taken++];
    if (2 * this.#taken >= this.#items.length) {
      this.#items.splice(0, this.#taken);
      this.#taken = 0;
    }
    return item;
  }
}

/** Any value can be taken out, whatever its place. */
export class WaitingList<T extends object> {
  #oldest: T | undefined;
  /** Those behind the oldest: none in most lists, and a set that is used costs more than all else that is done with a value. */
  #others = new Set<T>();
  /** It stays on its place while values come and go: a new one would pass all places that are empty again. */
  #order = this.#others.values();

  get size(): number {
    return this.#others.size + Number(this.#oldest !== undefined);
  }

  /** Undefined if nothing waits. */
  get oldest(): T | undefined {
    return this.#oldest;
  }

  /** Oldest first. */
  *[Symbol.iterator](): Iterator<T> {
    if (this.#oldest !== undefined) yield this.#oldest;
    yield* this.#others;
  }

  /** Adds the youngest. */
  add(item: T): void {
    if (this.#oldest === undefined) this.#oldest = item;
    else {
      if (this.#others.size === 0) {
        // An iterator that has ended stays so; and the empty places of a set would outlive it.
        this.#others = new Set();
        this.#order = this.#others.values();
      }
      this.#others.add(item);
    }
  }

  delete(item: T): void {
    if (item !== this.#oldest) this.#others.delete(item);
    else {
      this.#oldest = this.#order.next().value;
      this.#others.delete(this.#oldest!);
    }
  }

  clear(): void {
    this.#oldest = undefined;
    this.#others.clear();
  }
}
