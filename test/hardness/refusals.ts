/** The check that both files of invalid tokens share. */
import { expect, it } from 'vitest';
import { lineAround, type Path, plaintextOf, ROWS, type Row, SECRET, shown, sidesOf } from './paths.js';
import { TOKEN_CLASSES, type TokenClass } from './token-classes.js';

const REFUSED = /^(security\/|sequence\/wrong-level$)/;

/** Every token of a class is refused at this place, with no text; then the valid token opens. */
function expectRefused(row: Row, path: Path, { name, tokens }: TokenClass): void {
  for (const level of row.levels) {
    const contexts = row.contexts();
    const { sender, opener } = sidesOf(contexts, path.from);
    const { token } = sender.wrap(plaintextOf(path.from), level);
    const { token: own } = opener.wrap(plaintextOf(path.from), level);
    const all = tokens[row.format]!({ row, level, token, own });
    expect(all.length).toBeGreaterThan(0);
    for (const altered of all) {
      const outcome = path.read(contexts, lineAround(path.from, level, altered));
      const what = `${name} of ${row.name} for the ${path.name}: ${shown(altered)}`;
      expect(outcome.texts, what).toEqual([]);
      expect(outcome.error, what).toMatch(REFUSED);
      expect(outcome.message, what).not.toContain(SECRET);
    }
    const valid = path.read(contexts, lineAround(path.from, level, token));
    expect(valid.error, `the valid token of ${row.name} for the ${path.name}`).toBeUndefined();
    expect(valid.texts.join()).toContain(SECRET);
  }
}

/** One test for each class and format. */
export function refusesInvalidTokens(paths: readonly Path[]): void {
  for (const one of TOKEN_CLASSES) {
    for (const format of Object.keys(one.tokens)) {
      it(`${one.name} in ${format}, against this flaw: ${one.flaw}`, () => {
        for (const row of ROWS.filter(row => row.format === format)) {
          for (const path of paths) expectRefused(row, path, one);
        }
      });
    }
  }
}
