/** Timeouts for promises. */
import type { Step } from '../protection/mechanism.js';

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

/** Waits for a step of an exchange. If it comes too late, the keys that it brings are erased. */
export async function stepInTime(milliseconds: number, step: Step | Promise<Step>): Promise<Step> {
  try {
    return await withTimeout(milliseconds, 'a step of the exchange', step);
  } catch (error) {
    Promise.resolve(step).then(
      ({ context }) => context?.destroy(),
      () => {},
    );
    throw error;
  }
}

/**
 * Limits waits that begin and end often: a deadline is set for each, but one timer runs for many, since most end long before their
 * deadline.
 */
export class Watch {
  readonly #expired: () => void;
  #deadline = Number.POSITIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  /** When the timer fires. */
  #at = 0;

  /** @param expired  called when a deadline has passed */
  constructor(expired: () => void) {
    this.#expired = expired;
  }

  /** @param deadline  in the time of `performance.now()`; infinity means none */
  set(deadline: number): void {
    this.#deadline = deadline;
    if (deadline === Number.POSITIVE_INFINITY) return;
    if (this.#timer !== undefined && this.#at <= deadline) {
      this.#timer.ref();
      return;
    }
    clearTimeout(this.#timer);
    this.#at = deadline;
    this.#timer = setTimeout(() => this.#fire(), deadline - performance.now());
  }

  /** The wait has ended; the timer may go on, but does not keep the process running. */
  pause(): void {
    this.#deadline = Number.POSITIVE_INFINITY;
    this.#timer?.unref();
  }

  stop(): void {
    this.pause();
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #fire(): void {
    this.#timer = undefined;
    // A timer may fire a fraction of a millisecond early.
    if (performance.now() + 1 < this.#deadline) this.set(this.#deadline);
    else this.#expired();
  }
}
