/** The corpus of the coverage-guided loop as ordinary tests, and every target under fast-check. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { havoc, numbersOf } from './havoc.js';
import { TARGETS } from './targets/index.js';
import { octets } from './targets/target.js';

const CORPUS = fileURLToPath(new URL('corpus/', import.meta.url));

/** What the loop has found worth keeping. */
function corpusOf(name: string): { file: string; input: Uint8Array }[] {
  const folder = `${CORPUS}${name}/`;
  if (!existsSync(folder)) return [];
  return readdirSync(folder).map(file => ({ file, input: new Uint8Array(readFileSync(folder + file)) }));
}

describe.each(TARGETS.map(target => [target.name, target] as const))('%s', (name, target) => {
  it(`${target.invariant}: for the seeds and the corpus`, () => {
    const corpus = corpusOf(name);
    expect(corpus.length).toBeGreaterThan(0);
    for (const input of target.seeds) target.run(input);
    for (const { input } of corpus) target.run(input);
  });

  it('and for octets at random, and changed seeds', () => {
    const seeds = [...target.seeds, ...corpusOf(name).map(({ input }) => input)];
    const changed = fc
      .nat({ max: 0xffff_ffff })
      .map(seed => havoc(seeds[seed % seeds.length]!, seeds, target.words ?? [], numbersOf(seed)));
    const word = fc.constantFrom(...(target.words ?? ['\0'])).map(octets);
    const worded = fc
      .array(fc.oneof(word, fc.uint8Array({ maxLength: 6 })), { maxLength: 12 })
      .map(parts => Buffer.concat(parts));
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 60 }), changed, worded), input =>
        target.run(new Uint8Array(input)),
      ),
    );
  });
});

describe('the corpus', () => {
  it('is small, and of targets that there are', () => {
    const names = readdirSync(CORPUS);
    expect(names.filter(name => !TARGETS.some(target => target.name === name))).toEqual([]);
    const sizes = names.flatMap(name => corpusOf(name).map(({ input }) => input.length));
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(1_000_000);
  });
});
