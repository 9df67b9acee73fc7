/** Exit statuses, errors and options that all subcommands share. */
import { readFileSync } from 'node:fs';
import { getSystemErrorMap, type ParseArgsConfig, parseArgs } from 'node:util';
import type { FtpSecurityError } from '../errors.js';
import { nearest } from './nearest.js';

export const EXIT = {
  /** Everything protected was verified, and no line has an error. */
  fine: 0,
  /** Some line has an error. */
  faulty: 1,
  /** Wrong usage, or input that can't be read. */
  unusable: 2,
  /**
   * No error, but something could not be checked: no key, no exchange, TLS, packets that can't be read, no control
   * connection.
   */
  unchecked: 3,
  /** Interrupted by Ctrl-C: 128 and the number of SIGINT, as shells have it. */
  interrupted: 130,
  /** The reader of the output has gone before all was written: 128 and the number of SIGPIPE, as shells have it. */
  brokenPipe: 141,
} as const;

/** A file that can't be read, for any reason; the message has the file and the reason. */
export class InputError extends Error {}

/** The option of every subcommand that has output for programs. */
export const JSON_OPTION = { json: { type: 'boolean', default: false } } as const;

/**
 * The octets of a file, or of standard input for 0.
 * @throws InputError if it can't be read
 */
export function readInput(file: string | 0): Uint8Array {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new InputError(`${file === 0 ? 'standard input' : file}: ${reasonOf(error)}`);
  }
}

/** The reason of an error of the system, without its system call and the name of the file. */
export function reasonOf(error: unknown): string | undefined {
  const { errno, syscall, message } = error as NodeJS.ErrnoException;
  const [, reason] = (syscall === undefined ? undefined : getSystemErrorMap().get(errno ?? 0)) ?? [];
  return reason ?? message.split('\n')[0];
}

/** The rule that an input breaks, why, and where. */
export function ruleText({ code, message, offset }: FtpSecurityError): string {
  return `${code}: ${message}${offset === undefined ? '' : ` (octet ${offset})`}`;
}

/** The command was called wrongly; the message explains how. */
export class UsageError extends Error {}

/** The message for an internal error, with the place where it happened. */
export function internalError(error: unknown): string {
  return `internal error, please report it: ${error instanceof Error ? error.stack : String(error)}`;
}

/** Node's parseArgs, with its errors as UsageError, and the option that was probably meant. */
export function parseOptions<T extends ParseArgsConfig>(config: T): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config);
  } catch (error) {
    const [reason = ''] = (error as Error).message.split(/\.\s/);
    const unknown = /^Unknown option '--(.*)'$/.exec(reason)?.[1];
    const meant = nearest(unknown ?? '', Object.keys(config.options ?? {}));
    throw new UsageError(meant === undefined ? reason : `${reason}: did you mean --${meant}?`);
  }
}
