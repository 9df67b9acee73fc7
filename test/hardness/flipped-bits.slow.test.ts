/** Every single bit of a protected line flipped, under every mechanism, enctype and level, at every place: see flips.ts. */
import { describe, expect, it } from 'vitest';
import { flipsOfLine, flipsOfToken, type Taken, unexplained } from './flips.js';
import { FOREIGN_TOKENS } from './foreign-tokens.js';
import { PATHS, ROWS } from './paths.js';

const explained = (taken: readonly Taken[]) => expect(unexplained(taken)).toEqual([]);
/** A capture is read by the observer, so that one of each format is enough. */
const CAPTURED = [...new Map(ROWS.map(row => [row.format, row])).values()];

describe('one flipped bit', () => {
  it.each(ROWS)('of a line under $name is refused by client, server and observer', row => {
    for (const path of PATHS.filter(({ name }) => !name.startsWith('capture'))) {
      for (const level of row.levels) explained(flipsOfLine(row, path, level).taken);
    }
  });

  it.each(CAPTURED)('of a line under $name in a capture gives no text', row => {
    for (const path of PATHS.filter(({ name }) => name.startsWith('capture'))) {
      for (const level of row.levels) explained(flipsOfLine(row, path, level).taken);
    }
  });

  it('of any token of another implementation is refused by our context', { timeout: 300_000 }, () => {
    expect(FOREIGN_TOKENS.length).toBeGreaterThan(500);
    for (const token of FOREIGN_TOKENS) explained(flipsOfToken(token));
  });
});
