/** A queue of octets that were received and not used yet: appended at the end, dropped from the front. */

/** Each octet is moved a bounded number of times, however small the chunks. The memory is at most about twice what is held. */
export class ByteQueue {
  #store = new Uint8Array(0);
  #start = 0;
  #end = 0;

  get length(): number {
    return this.#end - this.#start;
  }

  /** Copies `bytes` to the end. */
  append(bytes: Uint8Array): void {
    if (this.#end + bytes.length > this.#store.length) this.#makeRoom(this.length + bytes.length);
    this.#store.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  /** Forgets the first `count` octets. */
  drop(count: number): void {
    this.#start += count;
    if (this.#start === this.#end) {
      this.#start = 0;
      this.#end = 0;
    }
  }

  /** The octets held, as a view that is valid until the next append. Callers must copy before returning bytes to users. */
  view(): Uint8Array {
    return this.#store.subarray(this.#start, this.#end);
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
