/** `rfc2228 fuzz`: fuzzes clients and servers, and writes seed files for other fuzzers. */
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { corpusFiles, TargetUnavailable } from '../../fuzz/index.js';
import { nodeCiphers } from '../../node/index.js';
import { inputError, makeFolder } from '../files.js';
import { EXIT, InputError, parseOptions, UsageError } from '../status.js';
import { printable } from '../terminal.js';
import { fuzzClient } from './client.js';
import { MAX_SEED, SEED, wholeNumber } from './options.js';
import { fuzzServer } from './server.js';

export async function fuzz([what, ...rest]: string[]): Promise<number> {
  try {
    if (what === 'server') return await fuzzServer(rest);
    if (what === 'client') return await fuzzClient(rest);
    if (what === 'corpus') return corpus(rest);
  } catch (error) {
    if (!(error instanceof TargetUnavailable)) throw error;
    throw new InputError(`the target can't be tested: ${printable(error.message.replace(/\s+/g, ' '))}`);
  }
  throw new UsageError('fuzz needs server, client or corpus');
}

function corpus(args: string[]): number {
  const options = { seed: { type: 'string' } } as const;
  const { values, positionals } = parseOptions({ args, options, allowPositionals: true });
  const [directory, ...more] = positionals;
  if (directory === undefined || more.length > 0) throw new UsageError('fuzz corpus needs one directory');
  const seed = wholeNumber('seed', values.seed, MAX_SEED) ?? SEED;
  try {
    writeCorpus(directory, seed);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall === undefined) throw error;
    throw inputError(directory, error);
  }
  return EXIT.fine;
}

function writeCorpus(directory: string, seed: number): void {
  if (existsSync(directory) && readdirSync(directory).length > 0) throw new InputError(`${directory} is not empty`);
  const counts = new Map<string, number>();
  const index: string[] = [];
  for (const { folder, name, octets, about } of corpusFiles({ seed, ciphers: nodeCiphers })) {
    if (!counts.has(folder)) makeFolder(join(directory, folder));
    counts.set(folder, (counts.get(folder) ?? 0) + 1);
    writeFileSync(join(directory, folder, name), octets);
    index.push(JSON.stringify({ file: `${folder}/${name}`, ...about }));
  }
  writeFileSync(join(directory, 'index.jsonl'), `${index.join('\n')}\n`);
  for (const [folder, count] of counts) console.log(`${join(directory, folder)}: ${count} files`);
}
