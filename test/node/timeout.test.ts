import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { ClientControl, ServerControl } from '../../src/node/index.js';
import { Watch } from '../../src/node/timeout.js';
import { mechanismWith } from '../helpers.js';
import { PSK } from './exchanges.js';

const server = (options: object) => new ServerControl(new PassThrough(), { mechanisms: [], ...options });
const client = (options: object) =>
  new ClientControl(new PassThrough(), {
    mechanism: 'X-PSK',
    exchange: mechanismWith('x-psk', PSK).initiator!(),
    ...options,
  });

// Of any of these Node makes 1 ms, or no limit at all.
describe.each([
  [server, 'timeout'],
  [server, 'loginTimeout'],
  [client, 'timeout'],
  [client, 'startTimeout'],
] as const)('a timeout', (control, name) => {
  it(`that is invalid is misuse: ${control.name} ${name}`, () => {
    for (const value of [Number.NaN, -1, 2 ** 31, Number.POSITIVE_INFINITY]) {
      expect(() => control({ [name]: value }), `${value}`).toThrow(RangeError);
    }
    for (const value of ['1000', null]) expect(() => control({ [name]: value })).toThrow(TypeError);
    for (const value of [undefined, 0, 0.5, 2 ** 31 - 1]) expect(() => control({ [name]: value })).not.toThrow();
  });
});

it('a wait that has ended does not keep the process running', () => {
  // Timers that do.
  const timers = () => process.getActiveResourcesInfo().filter(name => name === 'Timeout').length;
  const before = timers();
  const watch = new Watch(() => {});
  const set = () => watch.set(performance.now() + 60_000);
  watch.pause();
  set();
  expect(timers()).toBe(before + 1);
  watch.pause();
  expect(timers()).toBe(before);
  set();
  expect(timers()).toBe(before + 1);
  watch.stop();
  expect(timers()).toBe(before);
});
