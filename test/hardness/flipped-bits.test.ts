/**
 * Every single bit of a protected line flipped: refused with no text, but for the kinds in the ledger. Here two rows,
 * and a foreign token of each kind; flipped-bits.slow.test.ts has all rows, places and tokens.
 */
import { describe, expect, it } from 'vitest';
import { FLIP_KINDS, flipsOfLine, flipsOfToken, kindOf, type Taken, unexplained } from './flips.js';
import { FOREIGN_TOKENS } from './foreign-tokens.js';
import { PATHS, ROWS } from './paths.js';

const QUICK = ['aes128-cts-hmac-sha1-96', 'X-PSK'].map(name => ROWS.find(row => row.name === name)!);
const SESSIONS = PATHS.filter(({ name }) => name === 'client' || name === 'server');

/** The first of each format, enctype, level and length of the body that is a power of two or not. */
const FOREIGN = [
  ...new Map(
    [...FOREIGN_TOKENS].reverse().map(one => {
      const { format, enctype, level, token } = one;
      const turnsWhole = format === 'rfc4121' && Number.isInteger(Math.log2(token.length - 16));
      return [[format, enctype, level, turnsWhole].join(), one] as const;
    }),
  ).values(),
];

describe('one flipped bit', () => {
  const seen: Taken[] = [];

  it.each(QUICK)('of a line under $name is refused by client and server', row => {
    for (const path of SESSIONS) {
      for (const level of row.levels) {
        const { taken, count } = flipsOfLine(row, path, level);
        expect(count).toBeGreaterThan(700);
        seen.push(...taken);
      }
    }
  });

  it('of a token of another implementation is refused by our context', () => {
    expect(FOREIGN.length).toBeGreaterThan(20);
    for (const token of FOREIGN) seen.push(...flipsOfToken(token));
  });

  it('is taken in no other case than those of the ledger, and each of these was seen', () => {
    expect(unexplained(seen)).toEqual([]);
    const names = FLIP_KINDS.map(({ name }) => name).sort();
    expect([...new Set(seen.map(kindOf))].sort()).toEqual(names);
  });
});
