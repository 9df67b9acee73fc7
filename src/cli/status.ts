/** Exit statuses, and the error for wrong usage. */
import { type ParseArgsConfig, parseArgs } from 'node:util';

export const EXIT = {
  /** Everything protected was verified, and no line has an error. */
  fine: 0,
  /** Some line has an error. */
  faulty: 1,
  /** Wrong usage, or input that can't be read. */
  unusable: 2,
  /** No error, but something could not be verified for want of a key. */
  unkeyed: 3,
} as const;

/** The command was called wrongly; the message says how. */
export class UsageError extends Error {}

/** Node's parseArgs, with its complaints as ours. */
export function parseOptions<T extends ParseArgsConfig>(config: T): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config);
  } catch (error) {
    throw new UsageError((error as Error).message.split('. ')[0]);
  }
}
