/** Commands: a verb, and an argument behind the first blank (RFC 959 §5.3). */
import { assertBytes, CR, copy, fromUtf8, LF, NUL, toUtf8 } from '../bytes.js';
import { FtpSecurityError } from '../errors.js';
import { assertOneLine, type Line, type LineOptions, LineReader } from './line.js';

const BLANK = 0x20;
/** RFC 959 has four letters at most; commands outside the RFCs are longer and have digits (XSHA512), none is near this. */
const MAX_VERB = 16;
const VERB = /^[A-Za-z][A-Za-z0-9]*$/;

export interface Command {
  /** In upper case; it was sent in any (RFC 959 §5.3). */
  verb: string;
  /**
   * All that follows the first blank, further blanks too; undefined when there is no blank. What is no UTF-8
   * (RFC 2640 §2) shows as U+FFFD.
   */
  argument: string | undefined;
  /** The octets with the line end, as they came; only Telnet commands have been taken out. */
  raw: Uint8Array;
}

/** Octets in chunks of any size to commands. After an error it goes on at the next line. */
export class CommandReader {
  readonly #lines: LineReader;

  /** @throws TypeError if a limit is not a number, RangeError if it is not a positive integer */
  constructor(options: LineOptions = {}) {
    this.#lines = new LineReader(options);
  }

  /** Takes what has come; it is copied. */
  push(chunk: Uint8Array): void {
    this.#lines.push(chunk);
  }

  /**
   * The next command, or undefined when more octets are needed.
   * @throws FtpSecurityError `syntax/bad-command` with the offset in the line for a line that is no command, and what
   *   LineReader throws; the line is gone
   */
  next(): Command | undefined {
    const line = this.#lines.next();
    return line && commandOf(line);
  }

  /**
   * Tells that the input has ended. To be called when `next` has given undefined.
   * @throws FtpSecurityError `syntax/truncated` when it ended within a command
   */
  close(): void {
    this.#lines.close();
  }
}

/**
 * Reads exactly one command; its final CR LF may be missing. Telnet commands are not looked for.
 * @throws FtpSecurityError `syntax/bad-command` with the offset; also for a CR, LF or NUL before the end
 */
export function parseCommand(bytes: Uint8Array): Command {
  assertBytes(bytes, 'command');
  const { length } = bytes;
  const ended = length >= 2 && bytes[length - 2] === CR && bytes[length - 1] === LF;
  return commandOf({ raw: copy(bytes), bytes: bytes.subarray(0, ended ? length - 2 : length) });
}

/**
 * Reads a command that a line holds: for whoever needs the lines themselves too.
 * @throws FtpSecurityError `syntax/bad-command` with the offset in the line
 */
export function commandOf({ raw, bytes }: Line): Command {
  const control = bytes.findIndex(octet => octet === CR || octet === LF || octet === NUL);
  if (control !== -1) throw badCommand('a CR, LF or NUL within a command', control);
  const blank = bytes.indexOf(BLANK);
  const end = blank === -1 ? bytes.length : blank;
  const verb = fromUtf8(bytes.subarray(0, Math.min(end, MAX_VERB + 1)));
  if (!VERB.test(verb)) throw badCommand('a command begins with a verb: a letter, and letters and digits', 0);
  if (end > MAX_VERB) throw badCommand(`a verb has ${MAX_VERB} octets at most`, MAX_VERB);
  const argument = blank === -1 ? undefined : fromUtf8(bytes.subarray(blank + 1));
  return { verb: verb.toUpperCase(), argument, raw };
}

/**
 * The octets of a command, with CR LF.
 * @param verb  a letter, and up to 15 letters and digits; it is sent in upper case
 * @param argument  undefined for none, and no blank is sent; the empty one is a blank alone
 * @throws TypeError unless they are strings; RangeError for a verb that is none, or a CR, LF or NUL in the argument
 */
export function formatCommand(verb: string, argument?: string): Uint8Array {
  assertOneLine(verb, 'a verb');
  if (!VERB.test(verb) || verb.length > MAX_VERB) throw new RangeError('a verb is a letter, and letters and digits');
  if (argument === undefined) return toUtf8(`${verb.toUpperCase()}\r\n`);
  assertOneLine(argument, 'an argument');
  return toUtf8(`${verb.toUpperCase()} ${argument}\r\n`);
}

function badCommand(message: string, offset: number): FtpSecurityError {
  return new FtpSecurityError('syntax/bad-command', message, { offset });
}
