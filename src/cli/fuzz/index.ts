/** `rfc2228 fuzz`: fuzzes clients and servers, and writes seed files for other fuzzers. */
import { TargetUnavailable } from '../../fuzz/driver/index.js';
import { InputError, UsageError } from '../status.js';
import { printable } from '../terminal.js';
import { fuzzClient } from './client.js';
import { corpus } from './corpus.js';
import { fuzzServer } from './server.js';

/** @returns the exit status */
export async function fuzz(args: string[]): Promise<number> {
  try {
    return await chosen(args);
  } catch (error) {
    if (error instanceof TargetUnavailable)
      throw new InputError(`the target can't be tested: ${printable(error.message.replace(/\s+/g, ' '))}`);
    throw error;
  }
}

async function chosen([what, ...rest]: string[]): Promise<number> {
  if (what === 'server') return await fuzzServer(rest);
  if (what === 'client') return await fuzzClient(rest);
  if (what === 'corpus') return corpus(rest);
  throw new UsageError('fuzz wants server, client or corpus');
}
