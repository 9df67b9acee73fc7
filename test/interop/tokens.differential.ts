/** Tokens of every kind judged by MIT krb5, by Heimdal and by us: what differs must be known. */
import { describe, expect, inject, test } from 'vitest';
import { DIFFERENCES } from './differences.js';
import { type DifferentialTally, differentialRun } from './differential.js';
import { enctypesOf, type Library } from './realm.js';

/** For each library and encryption type. */
const MESSAGES = Number(process.env['INTEROP_MESSAGES'] ?? 10_000);
const SEED = process.env['INTEROP_SEED'] ?? '2228';
if (!(MESSAGES >= 1)) throw new RangeError('INTEROP_MESSAGES is a number, 1 or more');

const seen = new Set<string>();

describe.each(['mit', 'heimdal'] as const)('%s and we judge alike', library => {
  test.each(enctypesOf(library))('tokens of enctype %i', async enctype => {
    const began = performance.now();
    const tally = await differentialRun(inject(library), enctype, MESSAGES, SEED);
    console.info(line(library, enctype, tally, (performance.now() - began) / 1000));
    for (const name of tally.known.keys()) seen.add(name);
    expect(tally.unexplained.slice(0, 5), `INTEROP_SEED=${SEED}`).toEqual([]);
  });
});

test.runIf(MESSAGES >= 10_000)('each known difference is there', () => {
  expect([...seen].sort()).toEqual(Object.keys(DIFFERENCES).sort());
});

function line(library: Library, enctype: number, tally: DifferentialTally, seconds: number): string {
  const { messages, mutated, octets, taken, refused, known, unexplained } = tally;
  const differences = [...known].map(([name, count]) => `${count} ${name}`).sort();
  return [
    `${library} enctype ${enctype}: ${messages} tokens, ${octets} octets, ${mutated} mutated, in ${seconds.toFixed(1)} s`,
    `  both take ${taken} and refuse ${refused}; known differences: ${differences.join(', ') || 'none'}; others: ${unexplained.length}`,
  ].join('\n');
}
