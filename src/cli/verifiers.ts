/** Verifies the recordings of `rfc2228 verify`: in this thread, or by several workers. Either way the results are the same. */
import { Worker } from 'node:worker_threads';
import type { TranscriptRecord } from '../capture/index.js';
import type { Interruption } from './progress.js';
import type { ListedFile } from './recordings.js';
import {
  type Outcome,
  problemOf,
  type Receiver,
  type VerificationOptions,
  verifyRecordingFiles,
} from './verification.js';
import type { Batch, Task, WorkerStart } from './worker.js';

/** Verifies recordings, each by its index. Call it in ascending order. */
export interface Verifier {
  /** @returns undefined if the recording was not begun because of an interruption */
  verify(index: number, receiver: Receiver): Promise<Outcome | undefined>;
  close(): void;
}

/** Verifies one recording after the other. */
export function sequentialVerifier(
  recordings: readonly (readonly ListedFile[])[],
  options: VerificationOptions,
  interruption: Interruption,
): Verifier {
  return {
    verify: async (index, receiver) =>
      interruption.count > 0
        ? undefined
        : await verifyRecordingFiles(recordings[index]!, options, receiver, interruption),
    close: () => undefined,
  };
}

/** What all workers are given; `shared` has a number for interruptions, and one for each worker. */
export type WorkerOptions = Omit<WorkerStart, 'worker'>;

/** The built module, also where this one is not built, in tests. */
const WORKER = new URL('../../dist/cli/worker.js', import.meta.url);

/** What came of a recording so far. */
class Progressing {
  batches: Batch[] = [];
  /** Who waits for batches. */
  receive: (() => void) | undefined;
  worker: number | undefined;
}

/**
 * Verifies recordings by workers, which begin with the first ones at once. A worker that is ahead waits when it has many
 * records, so memory is bounded.
 */
export class ParallelVerifier implements Verifier {
  readonly #recordings: readonly (readonly ListedFile[])[];
  readonly #start: WorkerOptions;
  readonly #url: URL;
  readonly #interruption: Interruption;
  /** A worker that has died is replaced. */
  readonly #workers = new Map<number, Worker>();
  /** The recording of each worker; undefined for one that has nothing to do. */
  readonly #busy: (number | undefined)[] = [];
  readonly #begun = new Map<number, Progressing>();
  #next = 0;
  #closed = false;

  constructor(
    recordings: readonly (readonly ListedFile[])[],
    start: WorkerOptions,
    interruption: Interruption,
    url = WORKER,
  ) {
    this.#recordings = recordings;
    this.#start = start;
    this.#interruption = interruption;
    this.#url = url;
    for (let worker = 0; worker < start.shared.length - 1; worker++) this.#begin(worker);
  }

  async verify(index: number, receiver: Receiver): Promise<Outcome | undefined> {
    const progressing = this.#begun.get(index);
    if (progressing === undefined) return undefined;
    for (;;) {
      const batch = progressing.batches.shift();
      if (batch === undefined) {
        await new Promise<void>(resolve => {
          progressing.receive = resolve;
        });
        continue;
      }
      this.#taken(progressing);
      receiver.read(batch.octets);
      for (const record of JSON.parse(batch.records) as TranscriptRecord[]) receiver.record(record);
      if (batch.outcome === undefined) continue;
      this.#begun.delete(index);
      return batch.outcome;
    }
  }

  close(): void {
    this.#closed = true;
    for (const worker of this.#workers.values()) void worker.terminate();
  }

  #taken({ worker }: Progressing): void {
    if (worker === undefined) return;
    Atomics.add(this.#start.shared, 1 + worker, 1);
    Atomics.notify(this.#start.shared, 1 + worker);
  }

  /** Gives a worker its next recording. */
  #begin(worker: number): void {
    this.#busy[worker] = undefined;
    if (this.#interruption.count > 0 || this.#next === this.#recordings.length) return;
    const index = this.#next++;
    this.#busy[worker] = index;
    const progressing = new Progressing();
    progressing.worker = worker;
    this.#begun.set(index, progressing);
    const task: Task = { index, files: this.#recordings[index]! };
    (this.#workers.get(worker) ?? this.#newWorker(worker)).postMessage(task);
  }

  #newWorker(index: number): Worker {
    const { shared } = this.#start;
    Atomics.store(shared, 1 + index, 0);
    const workerData: WorkerStart = { ...this.#start, worker: index };
    const worker = new Worker(this.#url, { workerData });
    this.#workers.set(index, worker);
    let failure: unknown;
    worker.on('message', (batch: Batch) => {
      this.#add(batch);
      if (batch.outcome !== undefined) this.#begin(index);
    });
    worker.on('error', error => {
      failure = error;
    });
    worker.on('exit', code => {
      this.#workers.delete(index);
      const recording = this.#busy[index];
      if (recording === undefined || this.#closed) return;
      // Its batches must not be counted for the worker in its place.
      this.#begun.get(recording)!.worker = undefined;
      const problem = problemOf(failure ?? new Error(`a worker ended with exit code ${code}`));
      const outcome = { problem, faults: [], unusedPorts: [], leftOut: [], isEmpty: false };
      this.#add({ index: recording, records: '[]', octets: 0, outcome });
      this.#begin(index);
    });
    return worker;
  }

  #add(batch: Batch): void {
    const progressing = this.#begun.get(batch.index)!;
    progressing.batches.push(batch);
    progressing.receive?.();
    progressing.receive = undefined;
  }
}
