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
