/** One of each kind of protection; every version and suite is in conformance.slow.test.ts. */
import { describe, expect, test } from 'vitest';
import { conformanceSuite } from '../../../src/mechanisms/conformance.js';
import { TLS_1_2, TLS_1_3 } from '../../../src/mechanisms/gsi/tls/key-schedule.js';
import { PROTOCOLS, type Protocol, subjectOf } from './pairs.js';

const CHOSEN = ['TLS_AES_128_GCM_SHA256', 'TLS_RSA_WITH_NULL_SHA256', 'TLS_RSA_WITH_AES_128_CBC_SHA'];
const SOME: readonly Protocol[] = PROTOCOLS.filter(
  ({ version, suite, encryptThenMac }) => version >= TLS_1_2 && CHOSEN.includes(suite.name) && !encryptThenMac,
);

test('there are protocols of every kind', () => {
  const kinds = new Set(PROTOCOLS.filter(({ version }) => version === TLS_1_2).map(({ suite }) => suite.kind));
  expect([...kinds].sort()).toEqual(['CBC', 'CCM', 'GCM', 'NULL', 'POLY1305']);
  expect(PROTOCOLS.filter(({ version }) => version === TLS_1_3).length).toBe(5);
  expect(SOME.length).toBe(CHOSEN.length);
});

describe.each(SOME)('the records of $name pass the conformance suite', protocol => {
  for (const { name, run } of conformanceSuite(subjectOf(protocol))) test(name, run);
});
