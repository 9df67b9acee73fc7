/** What the unit tests import from `vitest`, for the process of `runner.mjs`: its own parts, without its workers. */
import { setTimeout } from 'node:timers/promises';
import {
  ASYMMETRIC_MATCHERS_OBJECT,
  chai,
  customMatchers,
  GLOBAL_EXPECT,
  JestAsymmetricMatchers,
  JestChaiExpect,
  JestExtend,
  setState,
} from '@vitest/expect';
import { fn, restoreAllMocks, spyOn } from '@vitest/spy';

for (const plugin of [JestExtend, JestChaiExpect, JestAsymmetricMatchers]) chai.use(plugin);

export const expect = (value, message) => chai.expect(value, message);
Object.assign(expect, chai.expect, globalThis[ASYMMETRIC_MATCHERS_OBJECT]);
Object.defineProperty(globalThis, GLOBAL_EXPECT, { value: expect });
setState({ assertionCalls: 0 }, expect);
chai.expect.extend(expect, customMatchers);

export { afterAll, afterEach, beforeAll, beforeEach, describe, it, test } from '@vitest/runner';
export const vi = { fn, spyOn, restoreAllMocks, waitFor, useFakeTimers, useRealTimers };

let stopped;

/** Only the clock stops. */
function useFakeTimers({ now }) {
  stopped = spyOn(Date, 'now').mockReturnValue(now);
}

function useRealTimers() {
  stopped.mockRestore();
}

/** As `vi.waitFor` with its defaults: tries again until nothing is thrown, for a second. */
async function waitFor(check, { timeout = 1000, interval = 50 } = {}) {
  const end = performance.now() + timeout;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() > end) throw error;
    }
    await setTimeout(interval);
  }
}
