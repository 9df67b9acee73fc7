/** A queue of values: the first one in is the first one out. */

/** Taken values are dropped when they are half of all, so that the rest is moved once for as many: `shift` of an array moves it each time. */
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
    const item = this.#items[this.#taken++];
    if (2 * this.#taken >= this.#items.length) {
      this.#items.splice(0, this.#taken);
      this.#taken = 0;
    }
    return item;
  }
}
