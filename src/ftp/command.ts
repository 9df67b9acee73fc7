/** Commands: a verb, and an argument after the first space (RFC 959 §5.3). */
import { assertBytes, CR, copy, endsInCrlf, fromUtf8, LF, NUL, toUtf8 } from '../bytes.js';
import { FtpSecurityError } from '../errors.js';
import { assertOneLine } from './argument-checks.js';
import { type Line, type LineOptions, LineReader, type LineUnit } from './line.js';

/** Verbs of RFC 959 have at most four letters. Others are longer and have digits, e.g. XSHA512, but all are well below this. */
const MAX_VERB = 16;
const VERB = /^[A-Za-z][A-Za-z0-9]*$/;

/** A command in the clear, or the one inside a token (RFC 959 §5.3). */
export interface Command {
  /** In upper case, whatever case was sent (RFC 959 §5.3). */
  verb: string;
  /**
   * Everything after the first space, further spaces included; undefined if there is no space. Invalid UTF-8 (RFC 2640 §2)
   * becomes U+FFFD.
   */
  argument: string | undefined;
  /** The octets received, with the line end. Telnet commands have been removed. */
  raw: Uint8Array;
}

const COMMAND: LineUnit<Command> = { ends: () => true, make: commandIn };

/**
 * Reads commands from octets in chunks of any size (RFC 959 §5.3). After an error it resumes at the next line.
 * @example
 * const reader = new CommandReader();
 * reader.push(chunk);
 * for (let command = reader.next(); command !== undefined; command = reader.next()) handle(command);
 */
export class CommandReader {
  readonly #lines: LineReader<Command>;

  /** @throws TypeError if a limit is not a number, RangeError if it is not a positive integer */
  constructor(options: LineOptions = {}) {
    this.#lines = new LineReader(options, COMMAND);
  }

  /** Adds octets received; they are copied. */
  push(chunk: Uint8Array): void {
    this.#lines.push(chunk);
  }

  /**
   * The next command, or undefined if more octets are needed.
   * @throws FtpSecurityError `syntax/bad-command`, with the offset in the line, for a line that is not a command, and the
   *   errors of LineReader; the line is dropped
   */
  next(): Command | undefined {
    return this.#lines.next();
  }

  /**
   * Declares the end of the input. Call it after `next` has returned undefined.
   * @throws FtpSecurityError `syntax/truncated` if the input ended within a command
   */
  close(): void {
    this.#lines.close();
  }
}

/**
 * Parses exactly one command (RFC 959 §5.3). The final CR LF may be missing. Telnet commands are not removed.
 * @throws FtpSecurityError `syntax/bad-command` with the offset; also for CR, LF or NUL before the end
 * @example
 * parseCommand(new TextEncoder().encode('retr file.txt\r\n')); // { verb: 'RETR', argument: 'file.txt', raw }
 */
export function parseCommand(bytes: Uint8Array): Command {
  assertBytes(bytes, 'command');
  return parseOwnCommand(copy(bytes));
}

/** As {@link parseCommand}; the result keeps the octets. */
export function parseOwnCommand(bytes: Uint8Array): Command {
  return commandIn(bytes, endsInCrlf(bytes) ? bytes.length - 2 : bytes.length);
}

/**
 * Parses the command in a line, for callers that need the lines too.
 * @param text  of the line without its end, where that is known
 * @throws FtpSecurityError `syntax/bad-command` with the offset in the line
 */
export function commandOf({ raw, bytes }: Line, text?: string): Command {
  return commandIn(raw, bytes.length, text);
}

/**
 * @param raw  a line of its own; the result keeps it. The command in it ends at `end`
 * @param text  of the command. The line end is ASCII, where an octet is a character; so is a verb
 */
function commandIn(
  raw: Uint8Array,
  end: number,
  text = fromUtf8(raw).slice(0, end - raw.length || undefined),
): Command {
  for (let at = 0; at < end; at++) {
    const octet = raw[at]!;
    if (octet <= CR && (octet === CR || octet === LF || octet === NUL))
      throw badCommand('a command must not contain CR, LF or NUL', at);
  }
  const space = text.indexOf(' ');
  const verb = space === -1 ? text : text.slice(0, space);
  if (!VERB.test(verb.slice(0, MAX_VERB + 1)))
    throw badCommand('a command must begin with a verb: a letter, then letters and digits', 0);
  if (verb.length > MAX_VERB) throw badCommand(`a verb must have at most ${MAX_VERB} octets`, MAX_VERB);
  const argument = space === -1 ? undefined : text.slice(space + 1);
  return { verb: verb.toUpperCase(), argument, raw };
}

/**
 * The octets of a command, with CR LF (RFC 959 §5.3).
 * @param verb  a letter, then up to 15 letters and digits; it is sent in upper case
 * @param argument  undefined for none, and then no space is sent; the empty argument is a space alone
 * @throws TypeError if they are not strings; RangeError for an invalid verb, or CR, LF or NUL in the argument
 * @example
 * formatCommand('RETR', 'file.txt'); // the octets of "RETR file.txt\r\n"
 */
export function formatCommand(verb: string, argument?: string): Uint8Array {
  assertOneLine(verb, 'a verb');
  if (!VERB.test(verb) || verb.length > MAX_VERB)
    throw new RangeError(`a verb must be a letter, then letters and digits, at most ${MAX_VERB}`);
  if (argument === undefined) return toUtf8(`${verb.toUpperCase()}\r\n`);
  assertOneLine(argument, 'an argument');
  return toUtf8(`${verb.toUpperCase()} ${argument}\r\n`);
}

/** The argument of a command that a caller passes; empty if there is none. @throws RangeError if the caller passes another command */
export function argumentOf(command: Pick<Command, 'verb' | 'argument'>, verb: string): string {
  if (command.verb !== verb) throw new RangeError(`expected the command ${verb}, not ${command.verb}`);
  return command.argument ?? '';
}

function badCommand(message: string, offset: number): FtpSecurityError {
  return new FtpSecurityError('syntax/bad-command', message, { offset });
}
