/** The conformance suite asks less of a mechanism with fewer features. */
import { describe, expect, test } from 'vitest';
import { FtpSecurityError } from '../../src/errors.js';
import { conformanceSuite } from '../../src/mechanisms/conformance.js';
import { type Fault, remembersWhatItOpened, subjectOf } from './conformance/faulty.js';

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
