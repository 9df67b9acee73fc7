/** Exchanges written as generators: what each step gives, and how they end. */
import { describe, expect, test } from 'vitest';
import {
  destroyOnError,
  type ExchangeGenerator,
  exchangeFromGenerator,
  stepsOf,
} from '../../src/mechanisms/exchange-generator.js';
import { nodeCiphers } from '../../src/node/index.js';
import type { ChannelEnds } from '../../src/protection/mechanism.js';
import { errorOf } from '../helpers.js';

const octet = (value: number) => Uint8Array.of(value);

/** Answers each token with the next number, up to 3. The keys of `seen` are erased at its end. */
function* counting(seen: { tokens: unknown[]; erased: number }): ExchangeGenerator {
  let token = yield {};
  try {
    for (let i = 1; i < 3; i++) {
      seen.tokens.push(token);
      token = yield { token: octet(i) };
    }
    seen.tokens.push(token);
    return { token: octet(3), facts: { last: true } };
  } finally {
    seen.erased++;
  }
}

describe('an exchange from a generator', () => {
  test('hands each token to it, and gives the step that it yields or returns', () => {
    const seen = { tokens: [], erased: 0 };
    const exchange = exchangeFromGenerator('Test', counting(seen));
    expect(exchange.step()).toEqual({ token: octet(1) });
    expect(exchange.step(octet(8))).toEqual({ token: octet(2) });
    expect(seen.erased).toBe(0);
    expect(exchange.step(octet(9))).toEqual({ token: octet(3), facts: { last: true } });
    expect(seen).toEqual({ tokens: [undefined, octet(8), octet(9)], erased: 1 });
  });

  test('is closed when it is over, has thrown, or is destroyed', () => {
    const closed = { code: 'sequence/closed', message: expect.stringMatching(/^the Test exchange is over/) };
    const over = exchangeFromGenerator('Test', counting({ tokens: [], erased: 0 }));
    for (let i = 0; i < 3; i++) over.step();
    expect(errorOf(() => over.step())).toMatchObject(closed);

    const failing = exchangeFromGenerator(
      'Test',
      (function* (): ExchangeGenerator {
        yield {};
        throw new RangeError('of the generator');
      })(),
    );
    expect(() => failing.step()).toThrow('of the generator');
    expect(errorOf(() => failing.step())).toMatchObject(closed);

    const seen = { tokens: [], erased: 0 };
    const destroyed = exchangeFromGenerator('Test', counting(seen));
    destroyed.step();
    expect(destroyed.destroy!()).toBeUndefined();
    expect(seen.erased).toBe(1);
    expect(errorOf(() => destroyed.step())).toMatchObject(closed);
  });

  test('passes on the channel and the ciphers before the step that received them', () => {
    const told: [ChannelEnds, unknown, tokens: number][] = [];
    const seen = { tokens: [], erased: 0 };
    const exchange = exchangeFromGenerator('Test', counting(seen), (channel, ciphers) =>
      told.push([channel, ciphers, seen.tokens.length]),
    );
    const channel = { initiator: Uint8Array.of(127, 0, 0, 1) };
    exchange.step(octet(1), channel, nodeCiphers);
    exchange.step(octet(2));
    expect(told).toEqual([
      [channel, nodeCiphers, 0],
      [{}, undefined, 1],
    ]);
  });

  test('takes no token but octets, and is as before', () => {
    const exchange = exchangeFromGenerator('Test', counting({ tokens: [], erased: 0 }));
    expect(() => exchange.step('ab' as never)).toThrow(TypeError);
    expect(exchange.step(octet(7))).toEqual({ token: octet(1) });
  });
});

test('steps of a generator take any values', () => {
  const step = stepsOf<number, number>(
    'Test',
    (function* (): ExchangeGenerator<number, number> {
      let sum = yield 0;
      sum += yield sum;
      return sum;
    })(),
  );
  expect([step(1), step(2)]).toEqual([1, 3]);
});

test('a holder of keys is destroyed if their use fails, and not if it succeeds', () => {
  let destroyed = 0;
  const holder = { destroy: () => void destroyed++ };
  expect(destroyOnError(holder, () => 'used')).toBe('used');
  expect(destroyed).toBe(0);
  expect(() =>
    destroyOnError(holder, () => {
      throw new RangeError('while in use');
    }),
  ).toThrow('while in use');
  expect(destroyed).toBe(1);
});
