/** The list of observations that an Observer builds, and what it writes into a message. */
import { type ErrorCode, FtpSecurityError, refusalFrom } from '../errors.js';
import { DEVIATIONS, type Deviation, type Tolerance } from '../protection/deviations.js';
import type { Peer } from '../protection/mechanism.js';
import { Queue } from '../queue.js';
import type { Observation, ObservedMessage } from './events.js';

/** Observations that have not been read, and the number of the last message. */
export class Observations {
  readonly #ready = new Queue<Observation>();
  #messages = 0;

  /**
   * Adds a message for a line, with nothing known of it.
   * @param time  when it came, in nanoseconds since 1970
   */
  message(from: Peer, time: bigint | undefined): ObservedMessage {
    const message: ObservedMessage = {
      type: 'message',
      index: ++this.#messages,
      time,
      from,
      wire: '',
      level: 'clear',
      applied: undefined,
      verdict: 'clear',
      token: undefined,
      plaintext: undefined,
      text: undefined,
      sequence: undefined,
      place: undefined,
      tolerated: [],
      weak: false,
      error: undefined,
    };
    this.#ready.push(message);
    return message;
  }

  /** Adds a reply, or an exchange. */
  add(observation: Observation): void {
    this.#ready.push(observation);
  }

  /** The next one; undefined if all have been read. */
  next(): Observation | undefined {
    return this.#ready.shift();
  }
}

/**
 * Records the first rule that a line has broken.
 * @param error  what was caught; anything but a FtpSecurityError is our own fault, and thrown again
 */
export function fail(message: ObservedMessage, error: unknown): void {
  const refusal = refusalFrom(error);
  message.error ??= refusal;
}

/** Adds deviations that were tolerated, each once. */
export function addTolerated(message: ObservedMessage, tolerated: readonly Deviation[]): void {
  message.tolerated = [...new Set([...message.tolerated, ...tolerated])];
}

/**
 * Records deviations that were seen: those that are not tolerated are errors.
 * @param code  of the error, unless the deviation is one of sequence
 */
export function recordDeviations(
  message: ObservedMessage,
  seen: readonly Deviation[],
  { tolerate = DEVIATIONS }: Tolerance,
  code: ErrorCode,
): void {
  message.tolerated = [...message.tolerated, ...seen.filter(deviation => tolerate.includes(deviation))];
  const refused = seen.find(deviation => !tolerate.includes(deviation));
  if (refused === undefined) return;
  fail(message, new FtpSecurityError(SEQUENCE_RULES[refused] ?? code, `${refused} is not tolerated`));
}

/** The rules that those deviations break which are not of syntax. */
const SEQUENCE_RULES: Partial<Record<Deviation, ErrorCode>> = {
  'protected-after-ccc': 'sequence/wrong-level',
  'integrity-under-633': 'sequence/wrong-level',
  'protected-235': 'sequence/no-context',
};

/** The result of a parser; undefined for input that it refuses. */
export function ifReadable<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    refusalFrom(error);
    return undefined;
  }
}
