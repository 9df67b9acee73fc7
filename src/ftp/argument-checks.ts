/** Checks of arguments that a caller passes: numbers, limits, and texts that go into one line. */

/** @throws TypeError if it is not a number */
export function assertNumber(value: number, name: string): void {
  if (typeof value !== 'number') throw new TypeError(`${name} must be a number`);
}

/**
 * The caller's limit, or the default.
 * @throws TypeError if it is not a number, RangeError if it is not a positive integer
 */
export function limitOf(value: number | undefined, byDefault: number, name: string): number {
  if (value === undefined) return byDefault;
  assertNumber(value, name);
  if (!Number.isSafeInteger(value) || value < 1) throw new RangeError(`${name} must be a positive integer`);
  return value;
}

/**
 * Checks that a text fits into one line (RFC 959 §5.3.1).
 * @throws TypeError if it is not a string, RangeError if it contains CR, LF or NUL
 */
export function assertOneLine(text: string, name: string): void {
  if (typeof text !== 'string') throw new TypeError(`${name} must be a string`);
  if (/[\r\n\0]/.test(text)) throw new RangeError(`${name} must not contain CR, LF or NUL`);
}
