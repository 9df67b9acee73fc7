/** A worker of `verify` that dies at recordings whose name says how. */
import { parentPort } from 'node:worker_threads';

const listen = parentPort.on.bind(parentPort);
parentPort.on = (event, listener) =>
  listen(event, task => {
    const { file } = task.files[0];
    if (file.includes('throw')) throw new RangeError('out of range');
    if (file.includes('exit')) process.exit(7);
    listener(task);
  });
await import('../../dist/cli/worker.js');
