/** Reproducers are read, and what is read is written and read as the same cases; or they are refused by FtpSecurityError. */
import { toUtf8 } from '../../../src/bytes.js';
import { parseReproducers, reproducerOf } from '../../../src/fuzz/driver/outcome.js';
import { messageCases, SCRIPT_CASES } from '../case-lists.js';
import { attempt, hold, type Target } from './target.js';

const cases = [...SCRIPT_CASES.slice(0, 2), ...[...messageCases({ variants: 2 })].filter((_, i) => i % 500 === 0)];
const written = cases.map(one => reproducerOf(one, { kind: 'accepted', finding: 'replay accepted' }, 'X-PSK'));

export const reproducers: Target = {
  name: 'reproducers',
  invariant: 'what is read is written and read as the same; only FtpSecurityError escapes',
  run(input) {
    const read = attempt(() => parseReproducers(input));
    if ('error' in read) return;
    const again = read.value.map(one => reproducerOf(one, { kind: 'hung', finding: 'hung' }, 'X-PSK'));
    hold(JSON.stringify(parseReproducers(toUtf8(JSON.stringify(again)))) === JSON.stringify(read.value), 'other cases');
  },
  seeds: [...written, written].map(it => toUtf8(JSON.stringify(it))),
  words: ['"case":', '"layer":', '"phases"', '"name":', '"choices":[', '"to":"server"', '"level":"safe"', 'null', '[]'],
};
