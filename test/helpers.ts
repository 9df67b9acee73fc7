/** Helpers that several rooms' tests share. */
import { expect } from 'vitest';
import { type ErrorCode, FtpSecurityError } from '../src/errors.js';
import type { Mechanism } from '../src/protection/mechanism.js';

/** Octets of an ASCII text. */
export function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, character => character.charCodeAt(0));
}

/** A mechanism with these sides alone; it takes any first token for its own. */
export function mechanismWith(name: string, sides: Partial<Mechanism>): Mechanism {
  return { name, variant: 'test', recognises: () => true, ...sides };
}

/** What `run` throws: it must be an FtpSecurityError. */
export function errorOf(run: () => unknown): FtpSecurityError {
  try {
    run();
  } catch (error) {
    if (error instanceof FtpSecurityError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

export function expectCode(run: () => unknown, code: ErrorCode): void {
  expect(errorOf(run).code).toBe(code);
}

/** Runs `run` on arbitrary input: it may succeed, or refuse by FtpSecurityError; anything else fails the test. */
export function onlyRefuses<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    if (error instanceof FtpSecurityError) return undefined;
    throw error;
  }
}
