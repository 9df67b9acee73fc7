/** The page's side of its worker. */
import type { TranscriptRecord } from '../../capture/index.js';
import type { Job, Progress, WorkerMessage } from './messages.js';

/** A verified job. */
export interface Result {
  records: TranscriptRecord[];
  notices: string[];
}

export interface Running {
  /** Ends the worker, after which neither function is called. */
  cancel(): void;
}

/** Starts a worker for each job, so that one can be cancelled at any time. */
export type Verifier = (job: Job, progress: (latest: Progress) => void, done: (result: Result) => void) => Running;

/**
 * Prepares the worker. A job that comes before it is ready waits.
 * @param packed  its program, compressed with gzip, in base 64
 */
export function unpackVerifier(packed: string): Verifier {
  const address = addressOf(packed);
  return (job, progress, done) => {
    let worker: Worker | undefined;
    let isCancelled = false;
    void address.then(address => {
      if (!isCancelled) worker = start(address, job, progress, done);
    });
    const cancel = () => {
      isCancelled = true;
      worker?.terminate();
    };
    return { cancel };
  };
}

async function addressOf(packed: string): Promise<string> {
  const octets = Uint8Array.from(atob(packed), character => character.charCodeAt(0));
  const program = new Response(new Blob([octets]).stream().pipeThrough(new DecompressionStream('gzip')));
  return URL.createObjectURL(new Blob([await program.text()], { type: 'text/javascript' }));
}

function start(
  address: string,
  job: Job,
  progress: (latest: Progress) => void,
  done: (result: Result) => void,
): Worker {
  const worker = new Worker(address);
  const result: Result = { records: [], notices: [] };
  const end = () => {
    worker.terminate();
    done(result);
  };
  worker.onmessage = ({ data }: MessageEvent<WorkerMessage>) => {
    if (data.type === 'progress') progress(data);
    else if (data.type === 'notice') result.notices.push(data.text);
    else if (data.type === 'records') for (const record of data.records) result.records.push(record);
    else end();
  };
  worker.onerror = ({ message }) => {
    result.notices.push(`internal error, please report it: ${message}`);
    end();
  };
  worker.postMessage(job);
  return worker;
}
