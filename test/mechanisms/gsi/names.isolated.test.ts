/** How often an observer parses certificates: a client may send many tokens after its certificate. */
import { expect, test, vi } from 'vitest';
import { gsiObserver } from '../../../src/mechanisms/gsi/index.js';
import { keysOf, tokensOf, VECTORS } from './vectors.js';

const calls = vi.hoisted(() => ({ count: 0 }));

vi.mock('../../../src/mechanisms/gsi/certificates.js', async original => {
  const real = await original<typeof import('../../../src/mechanisms/gsi/certificates.js')>();
  const identityOf = (...chain: Parameters<typeof real.identityOf>) => {
    calls.count++;
    return real.identityOf(...chain);
  };
  return { ...real, identityOf };
});

test.each(VECTORS)('$name: names are read again only if the certificates have changed', vector => {
  calls.count = 0;
  const observer = gsiObserver(keysOf(vector));
  const tokens = tokensOf(vector);
  for (const { from, token } of tokens) observer.observe(from, token);
  // No certificate, and then one, of either side.
  expect(calls.count).toBeLessThanOrEqual(4);
  expect(tokens.length).toBeGreaterThan(2);
});
