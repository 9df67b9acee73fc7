/** Live exchanges pass the conformance suite of mechanisms. */
import { describe, test } from 'vitest';
import { conformanceSuite, establish } from '../../../src/mechanisms/conformance.js';
import { acceptor, initiator } from './sides.js';

describe.each(['TLSv1.2', 'TLSv1.3'] as const)('%s', version => {
  const exchange = () => {
    const options = { minVersion: version, maxVersion: version };
    return { initiator: initiator(options), acceptor: acceptor(options) };
  };
  const suite = conformanceSuite({
    contexts: () => establish(exchange()),
    levels: ['safe', 'private'],
    numbering: 'in-order',
    exchange,
  });
  for (const { name, run } of suite) test(name, () => run());
});
