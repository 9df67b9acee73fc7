/** The conformance suite asks less of a mechanism with fewer features. */
import { describe, expect, test } from 'vitest';
import { FtpSecurityError } from '../../src/errors.js';
import { type ConformanceSubject, conformanceSuite, type Numbering } from '../../src/mechanisms/conformance.js';
import type { TokenLevel } from '../../src/protection/protection-level.js';
import { type Fault, remembersWhatItOpened, subjectOf } from './conformance/faulty.js';
import { pskSubject } from './psk/subject.js';

describe('a mechanism may have less than X-PSK', () => {
  const unnumbered: Fault = good => {
    const { unwrap } = remembersWhatItOpened(good);
    return {
      supports: level => good.supports(level) && level !== 'confidential',
      wrap: (plaintext, level) => {
        if (level !== 'confidential') return good.wrap(plaintext, level);
        throw new FtpSecurityError('security/level-unsupported', 'not here', { side: 'local' });
      },
      unwrap: token => ({ ...unwrap!(token), sequence: 'none' }),
    };
  };
  const less = subjectOf(unnumbered, { levels: ['safe', 'private'], numbering: 'none' });
  const { exchange: _, observer: __, ...subject } = less;
  const cases = conformanceSuite(subject);

  test('then less is asked', () => {
    expect(new Set(cases.map(({ topic }) => topic))).toEqual(new Set(['tokens']));
  });

  for (const { name, run } of cases) test(name, run);
});

describe('what is asked of a mechanism:', () => {
  const namesFor = (subject: Partial<ConformanceSubject>) =>
    conformanceSuite({ ...pskSubject, ...subject }).map(({ name }) => name);

  /** Of a mechanism with these levels and this numbering, at which levels. */
  const ROWS: [title: string, levels: TokenLevel[], numbering: Numbering, asked: TokenLevel[]][] = [
    ['supports returns true', ['safe', 'private'], 'none', ['safe', 'private']],
    ['wrap refuses the unsupported level, and uses no number', ['safe', 'private'], 'none', ['confidential']],
    ['a flipped bit is refused, and changes nothing', ['safe', 'confidential'], 'window', ['safe']],
    ['forged confidential tokens do not affect its sequence numbers', ['safe', 'confidential'], 'window', ['safe']],
    ['forged confidential tokens do not affect its sequence numbers', ['safe', 'private'], 'window', []],
    ['tokens of the same plaintext differ', ['safe', 'private'], 'window', ['safe', 'private']],
    ['tokens of the same plaintext differ', ['private'], 'in-order', ['private']],
    ['tokens of the same plaintext differ', ['private'], 'none', []],
    ['a token that is skipped, late or replayed is refused, and changes nothing', ['safe'], 'in-order', ['safe']],
    ['a token that is skipped, late or replayed is refused, and changes nothing', ['safe'], 'window', []],
    ['the first token may arrive late', ['confidential'], 'window', ['confidential']],
    ['the first token may arrive late', ['confidential'], 'in-order', []],
  ];
  test.each(ROWS)('%s, with %j and numbering %s: at %j', (title, levels, numbering, asked) => {
    const names = namesFor({ levels, numbering }).filter(name => name.endsWith(title));
    expect(names).toEqual(asked.map(level => `${level}: ${title}`));
  });

  test.each<[TokenLevel[], Numbering, boolean]>([
    [['safe', 'private'], 'window', true],
    [['safe', 'private'], 'in-order', true],
    [['safe', 'private'], 'none', false],
    [['safe', 'confidential'], 'window', false],
  ])('if %j share one sequence, with numbering %s: %s', (levels, numbering, asked) => {
    expect(namesFor({ levels, numbering }).includes('levels with integrity share one sequence')).toBe(asked);
  });

  test('of an exchange and its observer, where there are some', () => {
    const { exchange, observer, ...contexts } = pskSubject;
    const topicsOf = (subject: ConformanceSubject) => [...new Set(conformanceSuite(subject).map(({ topic }) => topic))];
    expect(topicsOf({ ...contexts, observer })).toEqual(['tokens', 'numbering']);
    expect(topicsOf({ ...contexts, exchange })).toEqual(['tokens', 'numbering', 'exchange']);
    expect(topicsOf(pskSubject)).toEqual(['tokens', 'numbering', 'exchange', 'observer']);
  });
});
