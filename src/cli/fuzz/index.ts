/** `rfc2228 fuzz`: clients and servers put to the test, and seed files for other fuzzers. */
import { UsageError } from '../status.js';
import { fuzzClient } from './client.js';
import { corpus } from './corpus.js';
import { fuzzServer } from './server.js';

export async function fuzz(args: string[]): Promise<number> {
  const [what, ...rest] = args;
  if (what === 'server') return await fuzzServer(rest);
  if (what === 'client') return await fuzzClient(rest);
  if (what === 'corpus') return corpus(rest);
  throw new UsageError('fuzz wants server, client or corpus');
}
