/** What is shown, and what can be done, while a recording is verified: progress on a terminal, and Ctrl-C. */
import type { TranscriptRecord } from '../capture/index.js';
import type { Output, Streams } from './streams.js';

/** Milliseconds until progress is shown, and between two updates. */
const FIRST = 2000;
const NEXT = 500;

/** A line on standard error with what has been read so far. It is shown only on a terminal to which no rows are written. */
export class Progress {
  readonly #stderr: Output;
  readonly #isShown: boolean;
  readonly #clock: () => number;
  #next: number;
  #octets = 0;
  #connections = 0;
  readonly #verdicts = { verified: 0, failed: 0, unkeyed: 0 };
  #isOpen = false;

  constructor({ stdout, stderr }: Streams, hasRows: boolean, clock: () => number = Date.now) {
    this.#stderr = stderr;
    this.#isShown = stderr.columns !== undefined && !(hasRows && stdout.columns !== undefined);
    this.#clock = clock;
    this.#next = clock() + FIRST;
  }

  /** The same chunks, counted as they are read. A capture is read twice. */
  counted(chunks: Iterable<Uint8Array>): Iterable<Uint8Array> {
    const count = (octets: number) => this.#count(octets);
    return {
      *[Symbol.iterator]() {
        for (const chunk of chunks) {
          count(chunk.length);
          yield chunk;
        }
      },
    };
  }

  add(record: TranscriptRecord): void {
    if (record.type === 'connection') this.#connections++;
    if (record.type !== 'message' || record.verdict === 'clear' || record.verdict === 'decrypted') return;
    this.#verdicts[record.verdict]++;
  }

  /** Removes the line. */
  clear(): void {
    if (this.#isOpen) this.#stderr.write('\r\u001b[K');
    this.#isOpen = false;
  }

  #count(octets: number): void {
    this.#octets += octets;
    if (!this.#isShown || this.#clock() < this.#next) return;
    this.#next = this.#clock() + NEXT;
    this.#isOpen = true;
    const { verified, failed, unkeyed } = this.#verdicts;
    const read = `${(this.#octets / 1e6).toFixed(0)} MB read, ${this.#connections} connections`;
    this.#stderr.write(`\r\u001b[K${read}, ${verified} lines verified, ${failed} failed, ${unkeyed} without a key`);
  }
}

/** Whether the user wants to stop. The first pass through a capture, before any record, is stopped at once. */
export class Interrupt {
  requested = false;
  readonly #request = (): void => {
    this.requested = true;
  };

  start(): void {
    process.on('SIGINT', this.#request);
  }

  end(): void {
    process.off('SIGINT', this.#request);
  }
}
