/** Octets in chunks, taken from the front in pieces of any length. */
import { u32, u32le } from './numbers.js';

const NOTHING = new Uint8Array(0);

/** Pieces are views if they are in one chunk, and copies if they span several. */
export class ChunkQueue {
  /** The first chunk with octets left, and the offset of those octets in it. */
  #front: Uint8Array = NOTHING;
  #at = 0;
  /** The chunks after it, from an index on. */
  #behind: Uint8Array[] = [];
  #next = 0;
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
    this.#behind.push(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length));
    this.#length += chunk.length;
  }

  /** Whether there are so many octets. Then they can be taken, and numbers read among them. */
  has(count: number): boolean {
    if (count <= this.#front.length - this.#at) return true;
    if (count > this.#length) return false;
    this.#join(count);
    return true;
  }

  /** The number of 32 bits at an offset from the front, where `has` has found octets. */
  u32(at: number, littleEndian: boolean): number {
    return littleEndian ? u32le(this.#front, this.#at + at) : u32(this.#front, this.#at + at);
  }

  /** Takes the next `count` octets; undefined, and nothing is taken, if there are fewer. */
  take(count: number): Uint8Array | undefined {
    if (!this.has(count)) return undefined;
    const piece = this.#front.subarray(this.#at, this.#at + count);
    this.drop(count);
    return piece;
  }

  /** Forgets the next `count` octets, which `has` has found. */
  drop(count: number): void {
    this.#at += count;
    this.#length -= count;
    this.#taken += count;
  }

  /** Makes the first `count` octets one piece. Of a chunk that has more, only those are copied. */
  #join(count: number): void {
    if (this.#front.length === this.#at) this.#setFront(this.#behind[this.#next]!, 1);
    if (count <= this.#front.length - this.#at) return;
    const whole = new Uint8Array(count);
    let length = this.#front.length - this.#at;
    whole.set(this.#front.subarray(this.#at));
    let next = this.#next;
    while (length < count) {
      const chunk = this.#behind[next]!;
      const part = chunk.subarray(0, count - length);
      whole.set(part, length);
      length += part.length;
      if (part.length === chunk.length) next++;
      else this.#behind[next] = chunk.subarray(part.length);
    }
    this.#setFront(whole, next - this.#next);
  }

  /** @param used  how many of the chunks behind are in it */
  #setFront(front: Uint8Array, used: number): void {
    this.#front = front;
    this.#at = 0;
    this.#next += used;
    // Each chunk that is moved to the front corresponds to a chunk that was used up, so the total work is linear.
    if (2 * this.#next < this.#behind.length) return;
    this.#behind = this.#behind.slice(this.#next);
    this.#next = 0;
  }
}
