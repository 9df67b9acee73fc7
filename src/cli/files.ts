/** Files that are written: octets as a whole, folders, and errors of the system as InputError. */
import { mkdirSync, statSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { InputError, reasonOf } from './status.js';

/** Writes all octets: the system may write fewer at once. */
export function writeAll(descriptor: number, octets: Uint8Array): void {
  for (let at = 0; at < octets.length; ) at += writeSync(descriptor, octets, at);
}

/**
 * Makes a folder and its missing parents. Node's own `recursive` option never returns if the file system allows no new
 * folders, as in /proc.
 * @throws Error of the system
 */
export function makeFolder(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
  if (dirname(path) !== path) makeFolder(dirname(path));
  mkdirSync(path);
}

/** @throws InputError with the name, for any error of the system */
export function attempt<T>(name: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw error instanceof InputError ? error : inputError(name, error);
  }
}

export function inputError(name: string, error: unknown): InputError {
  return new InputError(`${name}: ${reasonOf(error)}`);
}
