/** Nine classes of invalid tokens, in every format: both sides refuse them, give no text out, and go on with the valid token. */
import { describe, expect, it } from 'vitest';
import { ENCTYPES } from '../../src/mechanisms/krb5/crypto/enctypes.js';
import { lineAround, lineOf, PATHS, plaintextOf, ROWS, SECRET, sidesOf } from './paths.js';
import { refusesInvalidTokens } from './refusals.js';
import { TOKEN_CLASSES } from './token-classes.js';

describe('client and server refuse', () => {
  refusesInvalidTokens(PATHS.filter(({ name }) => name === 'client' || name === 'server'));

  it('a token without encryption in a line that claims encryption, and so do observers and captures', () => {
    for (const row of ROWS.filter(({ levels }) => levels.includes('safe'))) {
      for (const path of PATHS) {
        const contexts = row.contexts();
        const { token } = sidesOf(contexts, path.from).sender.wrap(plaintextOf(path.from), 'safe');
        const outcome = path.read(contexts, lineAround(path.from, 'private', token));
        expect([outcome.texts, outcome.error]).toEqual([[], 'sequence/wrong-level']);
      }
    }
  });
});

describe('the tables of these tests', () => {
  it('have nine classes, every format and every enctype', () => {
    expect(TOKEN_CLASSES).toHaveLength(9);
    expect(new Set(ROWS.map(({ format }) => format))).toEqual(new Set(['rfc4121', 'rfc1964', 'psk', 'krb4', 'tls']));
    expect(ROWS.filter(({ format }) => format.startsWith('rfc'))).toHaveLength(ENCTYPES.length);
  });

  it('have lines that are opened everywhere as long as nothing is altered', () => {
    for (const row of ROWS) {
      for (const path of PATHS) {
        for (const level of row.levels) {
          const contexts = row.contexts();
          const outcome = path.read(contexts, lineOf(contexts, path.from, level));
          expect([row.name, path.name, outcome.error, outcome.levels]).toEqual([
            row.name,
            path.name,
            undefined,
            [level],
          ]);
          expect(outcome.texts.every(text => text.includes(SECRET))).toBe(true);
        }
      }
    }
  });
});
