/** `rfc2228 fuzz corpus`: writes seed files for other fuzzers. */
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { corpusFiles } from '../../fuzz/corpus.js';
import { nodeCiphers } from '../../node/index.js';
import { inputError, makeFolder } from '../files.js';
import { EXIT, InputError, parseOptions, UsageError } from '../status.js';
import { MAX_SEED, SEED, wholeNumber } from './options.js';

/** @returns the exit status */
export function corpus(args: string[]): number {
  const { values, positionals } = parseOptions({
    args,
    options: { seed: { type: 'string' } },
    allowPositionals: true,
  });
  const [directory, ...more] = positionals;
  if (directory === undefined || more.length > 0) throw new UsageError('fuzz corpus wants one directory');
  const seed = wholeNumber('seed', values.seed, MAX_SEED) ?? SEED;
  try {
    write(directory, seed);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall === undefined) throw error;
    throw inputError(directory, error);
  }
  return EXIT.fine;
}

function write(directory: string, seed: number): void {
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
