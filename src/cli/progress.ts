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

  add(record: TranscriptRecord): void {
    if (record.type === 'connection') this.#connections++;
    if (record.type !== 'message' || record.verdict === 'clear' || record.verdict === 'decrypted') return;
    this.#verdicts[record.verdict]++;
  }

  /** Octets of captures that were read. A capture is read twice. */
  read(octets: number): void {
    this.#octets += octets;
    if (!this.#isShown || this.#clock() < this.#next) return;
    this.#next = this.#clock() + NEXT;
    this.#isOpen = true;
    const { verified, failed, unkeyed } = this.#verdicts;
    const read = `${(this.#octets / 1e6).toFixed(0)} MB read, ${this.#connections} connections`;
    this.#stderr.write(`\r\u001b[K${read}, ${verified} lines verified, ${failed} failed, ${unkeyed} without a key`);
  }

  /** Removes the line. */
  clear(): void {
    if (this.#isOpen) this.#stderr.write('\r\u001b[K');
    this.#isOpen = false;
  }
}

/** How often the user has asked to stop. */
export interface Interruption {
  readonly count: number;
  /** Is aborted at the first time; absent where nothing has to be awaited for long. */
  readonly signal?: AbortSignal;
}

/** Counts Ctrl-C from `start` to `end`. */
export class Interrupt implements Interruption {
  readonly #count: Int32Array;
  readonly #first = new AbortController();
  readonly #request = (): void => {
    Atomics.add(this.#count, 0, 1);
    this.#first.abort();
  };

  /** @param count  shared with workers, which get no signals; its first number is the count */
  constructor(count: Int32Array = new Int32Array(1)) {
    this.#count = count;
  }

  get count(): number {
    return Atomics.load(this.#count, 0);
  }

  get signal(): AbortSignal {
    return this.#first.signal;
  }

  start(): void {
    process.on('SIGINT', this.#request);
  }

  end(): void {
    process.off('SIGINT', this.#request);
  }
}
