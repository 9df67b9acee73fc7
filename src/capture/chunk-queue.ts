/** Octets in chunks, taken from the front in pieces of any length. */
import { concatAll } from '../bytes.js';

/** `take` returns a view if the piece is in one chunk, and a copy if it spans several. Each octet is copied once at most. */
export class ChunkQueue {
  #chunks: Uint8Array[] = [];
  /** The first chunk with octets left, and the offset of those octets in it. */
  #first = 0;
  #at = 0;
  #length = 0;
  #taken = 0;

  /** Number of octets in the queue. */
  get length(): number {
    return this.#length;
  }

  /** Number of octets taken so far, which is the offset of the next octet in the whole input. */
  get offset(): number {
    return this.#taken;
  }

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    // A plain Uint8Array, even if the caller gives a subclass such as Buffer.
    this.#chunks.push(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length));
    this.#length += chunk.length;
  }

  /** Takes the next `count` octets; undefined, and nothing is taken, if there are fewer. */
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
    // Each chunk that is moved to the front corresponds to a chunk that was used up, so the total work is linear.
    if (2 * this.#first < this.#chunks.length) return;
    this.#chunks = this.#chunks.slice(this.#first);
    this.#first = 0;
  }
}
