/** A run against a library: what it found, told to people, and kept as reproducers where INTEROP_FUZZ_OUT names a folder. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Something that a library took though it must refuse it, or died of; what else it has lets others see it again. */
export interface Shown {
  finding: string;
  name: string;
  outcome: string;
}

export interface LibraryRun<S extends Shown> {
  /** The first of each finding and name. */
  found: Map<string, S>;
  tokens: number;
  refused: number;
  seconds: number;
}

export function newRun<S extends Shown>(): LibraryRun<S> {
  return { found: new Map(), tokens: 0, refused: 0, seconds: 0 };
}

export function note<S extends Shown>({ found }: LibraryRun<S>, shown: S): void {
  const title = `${shown.finding}: ${shown.name}`;
  if (!found.has(title)) found.set(title, shown);
}

/** @returns the titles of what was found: `finding: name` */
export function report(target: string, { found, tokens, refused, seconds }: LibraryRun<Shown>): string[] {
  console.info(`${target}: ${tokens} tokens, ${(tokens / seconds).toFixed(0)}/s, ${refused} refused`);
  for (const { finding, name, outcome } of found.values()) console.info(`  ${finding}  ${name}: ${outcome}`);
  const folder = process.env['INTEROP_FUZZ_OUT'];
  if (folder !== undefined && found.size > 0) {
    mkdirSync(folder, { recursive: true });
    const file = join(folder, `${target.replaceAll(/[^a-z0-9]+/g, '-')}.json`);
    writeFileSync(file, `${JSON.stringify([...found.values()], null, 1)}\n`);
  }
  return [...found.keys()];
}
