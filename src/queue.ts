/** A queue of values: the first one in is the first one out. */

/** Taken values are dropped in bulk, so that taking one costs the same however many follow; `shift` of an array moves all of them. */
const BULK = 1024;

export class Queue<T> {
  #items: (T | undefined)[] = [];
  #start = 0;

  get length(): number {
    return this.#items.length - this.#start;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  /** Takes the first value; undefined if there is none. */
  shift(): T | undefined {
    if (this.length === 0) return undefined;
    const item = this.#items[this.#start];
    this.#items[this.#start] = undefined;
    this.#start++;
    if (this.length === 0 || (this.#start >= BULK && this.#start >= this.length)) {
      this.#items = this.#items.slice(this.#start);
      this.#start = 0;
    }
    return item;
  }
}
