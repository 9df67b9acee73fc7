/** Values that wait, in the order in which they came. No array is shifted: that would move all that wait, each time. */

/** The first one in is the first one out. Taken values are dropped when they are half of all, so that the rest is moved once for as many. */
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
  readonly #items = new Set<T>();
  /** It stays on its place while values come and go: a new one would pass all places that are empty again. */
  #order = this.#items.values();
  #oldest: T | undefined;

  get size(): number {
    return this.#items.size;
  }

  /** Undefined if nothing waits. */
  get oldest(): T | undefined {
    return this.#oldest;
  }

  /** Oldest first. */
  [Symbol.iterator](): Iterator<T> {
    return this.#items.values();
  }

  has(item: T): boolean {
    return this.#items.has(item);
  }

  /** Adds the youngest. */
  add(item: T): void {
    this.#items.add(item);
    if (this.#oldest !== undefined) return;
    this.#order = this.#items.values();
    this.#oldest = this.#order.next().value;
  }

  delete(item: T): void {
    this.#items.delete(item);
    if (item === this.#oldest) this.#oldest = this.#order.next().value;
  }

  clear(): void {
    this.#items.clear();
    this.#oldest = undefined;
  }
}
