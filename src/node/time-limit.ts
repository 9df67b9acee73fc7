/** Limits for what may never come. */

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
