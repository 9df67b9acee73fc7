import { describe, test } from 'vitest';
import { conformanceSuite } from '../../../src/mechanisms/conformance.js';
import { QUICK_ENCTYPES, subject } from './conformance-subject.js';
import { ENCTYPE_NUMBERS } from './tokens.js';

const OTHERS = ENCTYPE_NUMBERS.filter(enctype => !QUICK_ENCTYPES.includes(enctype));

describe.each(OTHERS)('Kerberos, enctype %i, passes the conformance suite', enctype => {
  for (const { name, run } of conformanceSuite(subject(enctype, true, 0x3fff_fff0n))) test(name, run);
});
