/** Splits the octets of a control connection, in chunks of any size, into lines (RFC 959 §4.1.3 and §4.2, RFC 854). */

import { ByteQueue } from '../byte-queue.js';
import { assertBytes, CR, LF, SPACE } from '../bytes.js';
import { FtpSecurityError, refusalFrom } from '../errors.js';
import { Queue } from '../queue.js';
import { limitOf } from './argument-checks.js';
import { TelnetFilter } from './telnet.js';

/**
 * The base 64 in a line may have any length, and must not be rejected for its length (RFC 2228 §10); but a line that never
 * ends must not fill the memory. One token may contain a whole multi-line reply, e.g. a directory listing: 1 MiB of base 64
 * is about ten thousand lines of it, and a hundred times the longest security data seen so far.
 */
const DEFAULT_MAX_LINE = 0x100000;

/** Limits of {@link LineReader}, and of the readers that use it. */
export interface LineOptions {
  /** The longest line that is accepted, in octets without its line end. Default 1 MiB. */
  maxLine?: number;
  /** Whether LF alone ends a line, as some peers send it; if false, it is `syntax/bad-line`. Default true. */
  bareLf?: boolean;
}

/** One line of a control connection. */
export interface Line {
  /** The octets received, with the line end: CR LF, or LF alone. Telnet commands have been removed. */
  readonly raw: Uint8Array;
  /** The same octets without the line end. */
  readonly bytes: Uint8Array;
}

/** What a {@link LineReader} makes of lines: one value of one line, or of several. */
export interface LineUnit<T> {
  /**
   * Whether the value ends with a line of `held`: its text is from `start` to `end`, the next line begins at `next`. If not, the
   * octets from 0 to `next` stay held, for the next line.
   * @throws FtpSecurityError for a line that can't be part of a value: it is dropped, with the lines before it
   */
  ends(held: Uint8Array, start: number, end: number, next: number): boolean;
  /** @param octets  all lines of the value, in memory of its own; the text of the last one ends at `end` */
  make(octets: Uint8Array, end: number): T;
}

const SINGLE_LINE: LineUnit<Line> = {
  ends: () => true,
  make: (raw, end) => ({ raw, bytes: raw.subarray(0, end) }),
};

/**
 * Splits chunks into lines (RFC 959 §4.1.3). Chunks may have any size; each octet is examined once. Only one line, and what
 * `next` has not returned yet, is held in memory. A CR without LF is an ordinary octet. After an error it resumes at the
 * next line.
 */
export class LineReader<T extends object = Line> {
  readonly #maxLine: number;
  readonly #bareLf: boolean;
  readonly #unit: LineUnit<T>;
  readonly #telnet = new TelnetFilter();
  readonly #octets = new ByteQueue();
  /** Where the current line begins in `#octets`: before it are lines of the same value. */
  #start = 0;
  /** There is no LF from `#start` up to this position in `#octets`. */
  #scanned = 0;
  /** Why the rest of the current line is dropped: it is too `long`, which was reported, or octets of it are `lost`. */
  #dropping: 'long' | 'lost' | undefined;
  /** Results for lines that were complete before octets were lost, and that `next` has not returned yet. */
  readonly #ready = new Queue<T | FtpSecurityError>();

  /**
   * @param unit  what is made of lines; default one {@link Line} of each
   * @throws TypeError if a limit is not a number, RangeError if it is not a positive integer
   */
  constructor({ maxLine, bareLf = true }: LineOptions = {}, unit: LineUnit<T> = SINGLE_LINE as never) {
    this.#maxLine = limitOf(maxLine, DEFAULT_MAX_LINE, 'maxLine');
    this.#bareLf = bareLf;
    this.#unit = unit;
  }

  /** Whether octets wait that `next` has not returned yet: complete lines, or the beginning of one. */
  get pending(): boolean {
    return this.#octets.length > 0 || this.#ready.length > 0;
  }

  /** Whether the next octet begins a line. */
  get atLineStart(): boolean {
    const held = this.#octets.view();
    return this.#dropping === undefined && !this.#telnet.busy && (held.length === 0 || held[held.length - 1] === LF);
  }

  /** Adds octets received; they are copied. */
  push(chunk: Uint8Array): void {
    assertBytes(chunk, 'chunk');
    const lf = this.#octets.length === 0 && !this.#telnet.busy ? endOfPlainLine(chunk) : -1;
    if (lf === -1) {
      this.#octets.append(this.#telnet.filter(chunk));
    } else {
      this.#octets.append(chunk);
      this.#scanned = lf;
    }
  }

  /**
   * Declares that octets are missing at this point, e.g. because of lost packets in a capture. They may have contained line
   * ends, so all octets from the last line end to the next one become one damaged line.
   */
  gap(): void {
    for (let line = this.#outcome(); line !== undefined; line = this.#outcome()) this.#ready.push(line);
    this.#drop(this.#octets.length);
    this.#telnet.reset();
    this.#dropping = 'lost';
  }

  /**
   * The next line, or undefined if more octets are needed.
   * @throws FtpSecurityError `syntax/limit-exceeded` once for a line that is too long; `syntax/bad-line` for a bare LF
   *   that is not tolerated; `syntax/truncated` once for a damaged line, when it ends. The line is dropped.
   */
  next(): T | undefined {
    if (this.#ready.length === 0) return this.#take();
    const outcome = this.#ready.shift();
    if (outcome instanceof FtpSecurityError) throw outcome;
    return outcome;
  }

  /**
   * Declares the end of the input. Call it after `next` has returned undefined.
   * @throws FtpSecurityError `syntax/truncated` if the input ended within a line or a Telnet command
   */
  close(): void {
    const rest = this.#octets.view();
    const whole = rest.length === 0 || rest[rest.length - 1] === LF;
    if (whole && this.#dropping === undefined && !this.#telnet.open) return;
    throw new FtpSecurityError('syntax/truncated', 'the input ends within a line or a Telnet command', {
      offset: rest.length - this.#start,
    });
  }

  #outcome(): T | FtpSecurityError | undefined {
    try {
      return this.#take();
    } catch (error) {
      return refusalFrom(error);
    }
  }

  #take(): T | undefined {
    let held = this.#octets.view();
    for (;;) {
      const scanned = this.#scanned;
      const lf = held[scanned] === LF ? scanned : held.indexOf(LF, scanned);
      if (lf === -1) return this.#wait(held.length);
      if (this.#dropping !== undefined) {
        this.#dropRest(lf + 1);
        held = this.#octets.view();
        continue;
      }
      const end = lf > this.#start && held[lf - 1] === CR ? lf - 1 : lf;
      if (this.#ends(held, end, lf + 1)) {
        this.#start = 0;
        this.#scanned = 0;
        return this.#unit.make(this.#octets.take(lf + 1), end);
      }
      this.#start = lf + 1;
      this.#scanned = lf + 1;
    }
  }

  /** There is no line end yet. */
  #wait(held: number): undefined {
    this.#scanned = held;
    if (this.#dropping !== undefined) {
      this.#drop(held);
    } else if (held - this.#start > this.#maxLine + 1) {
      // One octet more is allowed: it may be the CR of the line end.
      this.#drop(held);
      this.#dropping = 'long';
      throw this.#tooLong();
    }
  }

  /** The rest of a line that has been reported, or whose beginning is lost, has ended. */
  #dropRest(next: number): void {
    const why = this.#dropping;
    this.#dropping = undefined;
    this.#drop(next);
    if (why === 'lost')
      throw new FtpSecurityError('syntax/truncated', 'octets of this line are missing from the input');
  }

  #ends(held: Uint8Array, end: number, next: number): boolean {
    const start = this.#start;
    try {
      if (end - start > this.#maxLine) throw this.#tooLong();
      if (!this.#bareLf && end + 1 === next) {
        const message = 'a line must end in CR LF, not in LF alone (bareLf, or tolerate of a session, permits it)';
        throw new FtpSecurityError('syntax/bad-line', message, { offset: end - start });
      }
      return this.#unit.ends(held, start, end, next);
    } catch (error) {
      this.#drop(next);
      throw error;
    }
  }

  #drop(count: number): void {
    this.#octets.drop(count);
    this.#start = 0;
    this.#scanned = 0;
  }

  #tooLong(): FtpSecurityError {
    const message = `a line is longer than ${this.#maxLine} octets (maxLine)`;
    return new FtpSecurityError('syntax/limit-exceeded', message, { offset: this.#maxLine });
  }
}

/**
 * Most chunks are one line of printable ASCII: one loop over it takes half the time of a search for its end and one for Telnet
 * commands.
 * @returns where the LF of such a line is; -1 for every other chunk
 */
function endOfPlainLine(chunk: Uint8Array): number {
  const text = chunk.length - 2;
  if (chunk[text] !== CR || chunk[text + 1] !== LF) return -1;
  // What is below a space becomes negative, and IAC is the highest octet: both have bits above the lowest seven.
  let bits = 0;
  let at = 0;
  for (const whole = text & ~3; at < whole; at += 4) {
    bits = (chunk[at]! - SPACE) | (chunk[at + 1]! - SPACE) | (chunk[at + 2]! - SPACE) | (chunk[at + 3]! - SPACE);
    if (bits >>> 7 !== 0) return -1;
  }
  for (; at < text; at++) bits |= chunk[at]! - SPACE;
  return bits >>> 7 === 0 ? text + 1 : -1;
}

/**
 * The line that begins at `start`, in complete input; the last one may lack its line end.
 * @returns `end`, the position where its text ends, and `next`, where the next line begins
 */
export function lineAt(octets: Uint8Array, start: number): { end: number; next: number } {
  const lf = octets.indexOf(LF, start);
  const next = lf === -1 ? octets.length : lf + 1;
  let end = lf === -1 ? next : lf;
  if (end > start && octets[end - 1] === CR) end--;
  return { end, next };
}

/** All lines of complete input, with the offset of each. They share memory with `octets`. */
export function* linesOf(octets: Uint8Array): Generator<Line & { readonly start: number }> {
  for (let start = 0; start < octets.length; ) {
    const { end, next } = lineAt(octets, start);
    yield { raw: octets.subarray(start, next), bytes: octets.subarray(start, end), start };
    start = next;
  }
}
