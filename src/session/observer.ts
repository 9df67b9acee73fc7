/**
 * The observer of a recorded control connection: the octets of both sides in, a verified transcript out. It trusts neither side:
 * its context changes with a 334 or 235 reply, never with a client's AUTH alone, and it continues after every error.
 */
import { fromUtf8 } from '../bytes.js';
import type { FtpSecurityError } from '../errors.js';
import { commandFacts } from '../ftp/commands.js';
import { type Line, LineReader } from '../ftp/line.js';
import type { BlockReader, BlockReaderOptions } from '../protection/data-block.js';
import type { Tolerance } from '../protection/deviations.js';
import type { Mechanism, Peer, SecurityContext } from '../protection/mechanism.js';
import type { ProtectionLevel } from '../protection/protection-level.js';
import { assertTolerance } from './command-rules.js';
import type { Observation, ObservedTransfer } from './events.js';
import { fail, Observations } from './observations.js';
import { RecordedCommands } from './recorded-commands.js';
import { RecordedConnection } from './recorded-connection.js';
import { observedCommand, RecordedReplies } from './recorded-replies.js';
import { PEERS } from './state.js';

/** Options of {@link Observer}. */
export interface ObserverOptions extends Tolerance {
  /** Those with an `observer` open the messages of their exchanges; others are named, and their messages stay closed. */
  mechanisms: readonly Mechanism[];
  /** The most octets that a line may have; default as for LineReader. */
  maxLine?: number;
  /** Whether the recording has the connection from its start; if not, its exchange may be missing. Default true. */
  fromStart?: boolean;
}

/** What applies to a data connection, for callers that check its blocks one by one: a BlockReader stops at the first error. */
export interface DataProtection {
  /** What PROT has settled. */
  level: ProtectionLevel;
  /** Whether no line is missing in the recording that may have set another level. */
  isCertain: boolean;
  /** What PBSZ has settled, in octets; undefined if that is not known. */
  bufferSize: number | undefined;
  /** By the side that sends; undefined without its key. */
  contexts: Readonly<Record<Peer, SecurityContext | undefined>>;
}

/**
 * Verifies a recorded control connection (RFC 2228). Nothing that is pushed makes it throw: the rules that a line breaks are in
 * its message.
 * @example
 * const observer = new Observer({ mechanisms: [krb5({ observer: { keys } })] });
 * observer.push('server', octets); // in the order in which both sides sent them
 * for (let seen = observer.next(); seen !== undefined; seen = observer.next()) console.log(seen);
 */
export class Observer {
  readonly #observations = new Observations();
  readonly #connection: RecordedConnection;
  readonly #readers: Record<Peer, LineReader>;
  readonly #commands: RecordedCommands;
  readonly #replies: RecordedReplies;
  /** Whether octets of a side are missing at the end of a line. */
  readonly #interrupted: Record<Peer, boolean> = { client: false, server: false };

  /** @throws TypeError, RangeError as LineReader for `maxLine`; RangeError for an unknown deviation */
  constructor(options: ObserverOptions) {
    assertTolerance(options);
    const { mechanisms, maxLine, fromStart = true } = options;
    const limits = maxLine === undefined ? {} : { maxLine };
    this.#readers = { client: new LineReader(limits), server: new LineReader(limits) };
    this.#connection = new RecordedConnection(mechanisms, fromStart);
    this.#commands = new RecordedCommands(this.#connection, options, fromStart);
    this.#replies = new RecordedReplies(this.#connection, this.#observations, options, fromStart);
  }

  /**
   * Takes octets that one side sent, in the order of the wire.
   * @param time  when they came, in nanoseconds since 1970; undefined if it is not known
   */
  push(from: Peer, octets: Uint8Array, time?: bigint): void {
    const clear = this.#connection.tls?.push(from, octets) ?? octets;
    if (clear.length === 0) return;
    if (this.#interrupted[from] && !beginsLine(from, clear)) this.#readers[from].gap();
    this.#interrupted[from] = false;
    this.#readers[from].push(clear);
    this.#drain(from, time);
  }

  /**
   * Octets of one side are missing here. The line and the reply that they were part of are dropped. Most packets have whole lines,
   * so if the octets before ended a line, and those after look like the beginning of one, only whole lines are missing.
   * @param isWithinLine  false if that is known
   */
  gap(from: Peer, isWithinLine = true): void {
    if (this.#connection.tls?.gap(from)) return;
    const reader = this.#readers[from];
    if (isWithinLine && reader.atLineStart) this.#interrupted[from] = true;
    else if (isWithinLine) reader.gap();
    this.#lost(from);
  }

  #lost(from: Peer): void {
    this.#connection.gap(from);
    if (from === 'client') this.#commands.gap();
    else this.#replies.gap();
  }

  /**
   * The next observation; undefined if there is none yet. If a message leaves its reply unfinished, its `error` and `tolerated`
   * are final when the reply is whole, or after `close`. If it is `unkeyed` after a gap, it may become `failed`: when a later token
   * shows that the keys are the right ones.
   */
  next(): Observation | undefined {
    return this.#observations.next();
  }

  /** Whether a line or reply is not whole so far. */
  get unfinished(): boolean {
    return this.#replies.unfinished || PEERS.some(from => !this.#readers[from].atLineStart);
  }

  /**
   * Ends the recording: what is unfinished gets `syntax/truncated`.
   * @param time  as for `push`
   * @param isCut  whether only the recording ends, and not the connection: then what is unfinished is dropped
   */
  close(time?: bigint, isCut = false): void {
    this.#connection.close();
    if (isCut) {
      this.#replies.reset();
      return;
    }
    for (const from of PEERS) {
      try {
        this.#readers[from].close();
      } catch (error) {
        this.#damaged(from, time, error);
      }
    }
    this.#replies.close();
  }

  /** The number of the first message whose `verdict`, `error` and `tolerated` are not final; Infinity if those of all are. */
  get open(): number {
    return Math.min(this.#replies.open, this.#connection.undecided);
  }

  /** What could not be looked at, for another reason than a missing key; known as far as the recording was read. */
  get problem(): FtpSecurityError | undefined {
    return this.#connection.problem;
  }

  /** The transfer whose command waits for its final reply; if there is none, the one that was answered last. */
  get transfer(): ObservedTransfer | undefined {
    const { transfer, protection } = this.#connection.state;
    const command = observedCommand(transfer);
    return command && { ...command, from: commandFacts(command.verb).data!, level: protection };
  }

  /**
   * A reader for the blocks of a data connection (RFC 2228 §6), with the keys, the level (PROT) and the buffer size (PBSZ) that
   * apply now. It shares the receive window of the control connection: a token that has come on either is a replay on the
   * other. Its last block ends the gaps that the transfer explains on the control connection. Make it when the data connection
   * opens, or its first octets come.
   * @param from  who sends on the data connection
   * @returns undefined if level or keys are not known: a key of the association is missing, or there is a {@link problem}; and if the
   *   mechanism has no blocks
   */
  dataReader(from: Peer, options?: Pick<BlockReaderOptions, 'interleaved'>): BlockReader | undefined {
    const { state, problem } = this.#connection;
    const { client, server } = state.association?.contexts ?? {};
    const isUnkeyed = state.association !== undefined && (client === undefined || server === undefined);
    if (isUnkeyed || problem !== undefined || client?.neverEmpty) return undefined;
    return state.dataReader(from, { ...options, unordered: true });
  }

  /** What applies to the data connections that open now. */
  get dataProtection(): DataProtection {
    const { protection: level, protectionKnown: isCertain, bufferSize, association } = this.#connection.state;
    return {
      level,
      isCertain,
      bufferSize,
      contexts: association?.contexts ?? { client: undefined, server: undefined },
    };
  }

  #drain(from: Peer, time: bigint | undefined): void {
    for (;;) {
      let line: Line | undefined;
      try {
        line = this.#readers[from].next();
      } catch (error) {
        this.#damaged(from, time, error);
        continue;
      }
      if (line === undefined) return;
      if (from === 'client') this.#replies.endMismatched();
      const message = this.#observations.message(from, time);
      if (from === 'client') this.#commands.line(message, line);
      else this.#replies.line(message, line);
    }
  }

  /** A line that is too long, or not whole. It may have been a command, or the reply to one. */
  #damaged(from: Peer, time: bigint | undefined, error: unknown): void {
    const message = this.#observations.message(from, time);
    fail(message, error);
    const isLost = message.error!.code === 'syntax/truncated';
    if (isLost) this.#lost(from);
    if (from === 'client') this.#connection.addRequest({ verb: '', level: 'clear' });
    else if (!isLost) {
      this.#replies.reset();
      this.#connection.untrustedReply(undefined);
    }
  }
}

/** Whether octets look like the beginning of a line: of a known command, or of a reply. */
function beginsLine(from: Peer, octets: Uint8Array): boolean {
  const begin = fromUtf8(octets.subarray(0, 5));
  if (from === 'server') return /^[1-6][0-9][0-9][ \r\n-]/.test(begin);
  const verb = /^([A-Z]{3,4})[ \r\n]/i.exec(begin)?.[1]?.toUpperCase() ?? '';
  return commandFacts(verb).replies.length > 0;
}
