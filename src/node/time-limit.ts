/** Limits for what may never come. */

/** Node's timers count so far, some 24 days; what is longer they take for 1 ms. */
const LONGEST = 2 ** 31 - 1;

/**
 * A limit as the caller gave it, or the default: milliseconds, 0 for none.
 * @throws TypeError, RangeError unless it is a number from 0 to 2^31-1
 */
export function timeLimitOf(value: number | undefined, byDefault: number, name: string): number {
  if (value === undefined) return byDefault;
  if (typeof value !== 'number') throw new TypeError(`${name} must be a number`);
  if (!(value >= 0 && value <= LONGEST)) throw new RangeError(`${name} must be 0 to ${LONGEST} ms; 0 is no limit`);
  return value;
}

/** What a wait gives up with: `code` is `ETIMEDOUT`, as that of a socket. */
export function timedOut(what: string): Error {
  return Object.assign(new Error(`timed out: ${what}`), { code: 'ETIMEDOUT' });
}

/**
 * Waits for a promise, but not for long.
 * @param milliseconds  0 for as long as it takes
 */
export async function within<T>(milliseconds: number, what: string, promise: T | PromiseLike<T>): Promise<T> {
  if (milliseconds === 0) return await promise;
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(timedOut(what)), milliseconds);
  });
  try {
    return await Promise.race([promise, limit]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Does something, but not beyond a point in time.
 * @param deadline  as of `performance.now()`; undefined for none
 */
export async function until<T>(deadline: number | undefined, what: string, work: () => PromiseLike<T>): Promise<T> {
  if (deadline === undefined) return await work();
  const left = deadline - performance.now();
  if (left <= 0) throw timedOut(what);
  return await within(left, what, work());
}
