/** A queue of octets that were received and not used yet: appended at the end, dropped from the front. */

const EMPTY = new Uint8Array(0);

/** Each octet is moved a bounded number of times, however small the chunks. The memory is at most about twice what is held. */
export class ByteQueue {
  #store = EMPTY;
  #start = 0;
  #end = 0;

  get length(): number {
    return this.#end - this.#start;
  }

  /** Copies `bytes` to the end. */
  append(bytes: Uint8Array): void {
    const { length } = bytes;
    if (this.#end + length <= this.#store.length) {
      this.#store.set(bytes, this.#end);
    } else if (this.#start === this.#end) {
      // A store of this size alone: if all of it is taken, it is not copied again.
      this.#store = new Uint8Array(bytes);
    } else {
      this.#makeRoom(this.length + length);
      this.#store.set(bytes, this.#end);
    }
    this.#end += length;
  }

  /** Forgets the first `count` octets. */
  drop(count: number): void {
    this.#start += count;
    if (this.#start === this.#end) {
      this.#start = 0;
      this.#end = 0;
    }
  }

  /** The first `count` octets, in memory of their own: the queue forgets them. */
  take(count: number): Uint8Array {
    const store = this.#store;
    if (this.#start > 0 || count < store.length) {
      const taken = store.slice(this.#start, this.#start + count);
      this.drop(count);
      return taken;
    }
    this.#store = EMPTY;
    this.#end = 0;
    return store;
  }

  /** The octets held, as a view that is valid until the next append. Callers must copy before returning bytes to users. */
  view(): Uint8Array {
    const store = this.#store;
    return this.#end - this.#start === store.length ? store : store.subarray(this.#start, this.#end);
  }

  /** Linear in total: each move is preceded by as many octets dropped, or leaves room for as many to come. */
  #makeRoom(needed: number): void {
    const { length } = this;
    const store = 2 * needed <= this.#store.length ? this.#store : new Uint8Array(2 * needed);
    store.set(this.view());
    this.#store = store;
    this.#start = 0;
    this.#end = length;
  }
}
