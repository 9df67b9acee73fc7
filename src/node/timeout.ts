/** Timeouts for promises. */

/** The longest time of Node's timers, about 24 days; they replace longer ones by 1 ms. */
const LONGEST = 2 ** 31 - 1;

/**
 * The caller's timeout, or the default, in milliseconds; 0 means no timeout.
 * @throws TypeError if it is not a number, RangeError outside 0 to 2^31-1
 */
export function timeoutOf(value: number | undefined, byDefault: number, name: string): number {
  if (value === undefined) return byDefault;
  if (typeof value !== 'number') throw new TypeError(`${name} must be a number`);
  if (!(value >= 0 && value <= LONGEST)) throw new RangeError(`${name} must be 0 to ${LONGEST} ms; 0 means no timeout`);
  return value;
}

/** The error of a wait that takes too long. Its `code` is `ETIMEDOUT`, like that of a socket. */
export function timedOut(what: string): Error {
  return Object.assign(new Error(`timed out while waiting for ${what}`), { code: 'ETIMEDOUT' });
}

/**
 * Waits for a promise with a timeout.
 * @param milliseconds  0 means no timeout
 * @param what  what is waited for, for the error message
 */
export async function withTimeout<T>(milliseconds: number, what: string, promise: T | PromiseLike<T>): Promise<T> {
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
 * Does some work with a deadline.
 * @param deadline  in the time of `performance.now()`; undefined means none
 * @param what  what is waited for, for the error message
 */
export async function withDeadline<T>(
  deadline: number | undefined,
  what: string,
  work: () => PromiseLike<T>,
): Promise<T> {
  if (deadline === undefined) return await work();
  const left = deadline - performance.now();
  if (left <= 0) throw timedOut(what);
  return await withTimeout(left, what, work());
}
