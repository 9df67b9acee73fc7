import { describe, expect, test } from 'vitest';
import { conformanceSuite } from '../../../src/mechanisms/conformance.js';
import { TLS_1_2, TLS_1_3 } from '../../../src/mechanisms/gsi/tls/key-schedule.js';
import { PROTOCOLS, pairOf } from './pairs.js';

test('there are protocols of every kind', () => {
  const kinds = new Set(PROTOCOLS.filter(({ version }) => version === TLS_1_2).map(({ suite }) => suite.kind));
  expect([...kinds].sort()).toEqual(['CBC', 'CCM', 'GCM', 'NULL', 'POLY1305']);
  expect(PROTOCOLS.filter(({ version }) => version === TLS_1_3).length).toBe(5);
});

describe.each(PROTOCOLS)('the records of $name pass the conformance suite', protocol => {
  const subject = {
    contexts: () => pairOf(protocol),
    levels: protocol.suite.kind === 'NULL' ? (['safe'] as const) : (['safe', 'private'] as const),
    numbering: 'in-order' as const,
  };
  for (const { name, run } of conformanceSuite(subject)) test(name, run);
});
