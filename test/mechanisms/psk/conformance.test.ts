import { describe, test } from 'vitest';
import { conformanceSuite } from '../../../src/mechanisms/conformance.js';
import { pskSubject } from './subject.js';

describe('X-PSK passes the conformance suite', () => {
  for (const { name, run } of conformanceSuite(pskSubject)) test(name, run);
});
