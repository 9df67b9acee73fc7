import { describe, test } from 'vitest';
import { conformanceSuite } from '../../../src/mechanisms/conformance.js';
import { PROTOCOLS, subjectOf } from './pairs.js';

describe.each(PROTOCOLS)('the records of $name pass the conformance suite', protocol => {
  for (const { name, run } of conformanceSuite(subjectOf(protocol))) test(name, run);
});
