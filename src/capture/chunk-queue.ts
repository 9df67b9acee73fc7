/** Octets in the chunks in which they came, taken from the front in pieces of any length. */
import { concatAll } from '../bytes.js';

/** What it gives are views where a piece lies in one chunk, and copies where it spans several: each octet is copied once at most. */
export class ChunkQueue {
  #chunks: Uint8Array[] = [];
  /** The first chunk with octets left, and where they begin in it. */
  #first = 0;
  #at = 0;
  #length = 0;
  #taken = 0;

  /** Octets that are held. */
  get length(): number {
    return this.#length;
  }

  /** Octets that were taken: where those that are held begin, in octets from the first one pushed. */
  get offset(): number {
    return this.#taken;
  }

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    // A plain Uint8Array, whatever the caller's octets are.
    this.#chunks.push(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length));
    this.#length += chunk.length;
  }

  /** The next `count` octets; undefined, and nothing is taken, as long as fewer are held. */
  take(count: number): Uint8Array | undefined {
    if (count > this.#length) return undefined;
    const parts: Uint8Array[] = [];
    for (let left = count; left > 0; ) {
      const part = this.#chunks[this.#first]!.subarray(this.#at, this.#at + left);
      parts.push(part);
      left -= part.length;
      this.#advance(part.length);
    }
    return parts.length === 1 ? parts[0]! : concatAll(parts);
  }

  #advance(count: number): void {
    this.#length -= count;
    this.#taken += count;
    this.#at += count;
    if (this.#at < this.#chunks[this.#first]!.length) return;
    this.#first++;
    this.#at = 0;
    // Moving the rest to the front is paid for by as many chunks that are used up.
    if (2 * this.#first < this.#chunks.length) return;
    this.#chunks = this.#chunks.slice(this.#first);
    this.#first = 0;
  }
}
