/** A worker of `rfc2228 verify`: verifies one recording after the other, and sends records in batches. */
import { parentPort, workerData } from 'node:worker_threads';
import type { PortOptions, TranscriptRecord } from '../capture/index.js';
import type { Tolerance } from '../protection/deviations.js';
import type { VerifyKeys } from './mechanism-options.js';
import { observedMechanisms } from './mechanisms.js';
import type { ListedFile } from './recordings.js';
import { type Outcome, type VerificationOptions, verifyRecordingFiles } from './verification.js';

/** What a worker is started with. */
export interface WorkerStart {
  keys: VerifyKeys;
  /** The octets of the files of keys, since pipes can't be read again. */
  keyFiles: ReadonlyMap<string | 0, Uint8Array>;
  options: Tolerance & PortOptions & Pick<VerificationOptions, 'hashes'>;
  /** The number of interruptions, and for each worker how many batches were taken from it. */
  shared: Int32Array;
  /** Index of this worker from 0. */
  worker: number;
}

/** What a worker is asked for. */
export interface Task {
  index: number;
  files: readonly ListedFile[];
}

/** What a worker sends. */
export interface Batch {
  index: number;
  /** TranscriptRecord[] as JSON, which takes less time than a structured clone. */
  records: string;
  /** Octets of captures that were read. */
  octets: number;
  /** With the last batch of a recording. */
  outcome?: Outcome;
}

/** How many records a batch has, after how many octets it is sent in any case, and how many batches may wait. */
const BATCH = 256;
const BATCH_OCTETS = 2 ** 24;
const MAX_WAITING = 64;

const { keys, keyFiles, options, shared, worker } = workerData as WorkerStart;
const port = parentPort!;
const taken = 1 + worker;
let sent = 0;

// Damage in these files was reported when they were first read.
const source = { read: (file: string | 0) => keyFiles.get(file)!, stderr: { write: () => true } };
const mechanisms = observedMechanisms(keys, source);
const interruption = {
  get count() {
    return Atomics.load(shared, 0);
  },
};

port.on('message', async ({ index, files }: Task) => {
  let records: TranscriptRecord[] = [];
  let octets = 0;
  const send = (outcome?: Outcome) => {
    const batch: Batch = { index, records: JSON.stringify(records), octets, ...(outcome && { outcome }) };
    port.postMessage(batch);
    records = [];
    octets = 0;
    sent++;
    for (let seen = Atomics.load(shared, taken); sent - seen > MAX_WAITING; seen = Atomics.load(shared, taken)) {
      Atomics.wait(shared, taken, seen);
    }
  };
  const receiver = {
    record: (record: TranscriptRecord) => {
      if (records.push(record) >= BATCH) send();
    },
    read: (count: number) => {
      octets += count;
      if (octets >= BATCH_OCTETS) send();
    },
  };
  send(await verifyRecordingFiles(files, { ...options, mechanisms }, receiver, interruption));
});
