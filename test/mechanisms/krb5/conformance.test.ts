import { describe, test } from 'vitest';
import { conformanceSuite } from '../../../src/mechanisms/conformance.js';
import { QUICK_ENCTYPES, subject } from './conformance-subject.js';

describe.each(QUICK_ENCTYPES)('Kerberos, enctype %i, passes the conformance suite', enctype => {
  for (const { name, run } of conformanceSuite(subject(enctype, true, 0x3fff_fff0n))) test(name, run);
});

describe('Kerberos passes the conformance suite at any first number, with a subkey of either side', () => {
  const starts: [enctype: number, start: bigint][] = [
    [17, 0n],
    [17, 2n ** 32n - 2n],
    [17, 2n ** 64n - 1003n],
    [23, 0n],
    [23, 2n ** 32n - 2n],
    [3, 2n ** 32n - 1003n],
  ];
  for (const [enctype, start] of starts) {
    for (const { name, topic, run } of conformanceSuite(subject(enctype, false, start))) {
      if (topic === 'numbering') test(`enctype ${enctype} from ${start}: ${name}`, run);
    }
  }
});
