/** Parses numbers in options. */
import { UsageError } from '../status.js';

/** The greatest seed: seeds have 32 bits. */
export const MAX_SEED = 0xffff_ffff;

/**
 * @returns undefined if the option is absent
 * @throws UsageError if it is not a whole number from `min` to `max`
 */
export function wholeNumber(name: string, text: string | undefined, max: number, min = 0): number | undefined {
  if (text === undefined) return undefined;
  const number = Number(text);
  if (/^\d+$/.test(text) && number >= min && number <= max) return number;
  throw new UsageError(`--${name} wants a whole number from ${min} to ${max}`);
}
