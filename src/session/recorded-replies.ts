/**
 * The server's lines of a recorded control connection: clear ones are joined to replies, protected ones are opened, and the
 * inner replies read from them (RFC 2228 §5.2). A whole reply that breaks no rule takes effect.
 */
import { fromUtf8, HYPHEN } from '../bytes.js';
import { FtpSecurityError, refusalFrom } from '../errors.js';
import type { Line } from '../ftp/line.js';
import { CODE_LENGTH, codeBefore, type Reply, ReplyLines } from '../ftp/reply.js';
import { classify } from '../ftp/reply-codes.js';
import { DEVIATIONS, Deviations } from '../protection/deviations.js';
import { InnerReplies, type InnerReplyOptions } from '../protection/inner-reply.js';
import type { SecurityContext } from '../protection/mechanism.js';
import { checkReplyLevel } from '../protection/protect.js';
import { decodeReplyLine } from '../protection/protected-reply.js';
import { levelOfCode, type TokenLevel } from '../protection/protection-level.js';
import { exchangeReply, parseAdatReply, parsePbszReply } from '../protection/security-data.js';
import { endOfText } from '../protection/token-text.js';
import type { ObservedCommand, ObservedMessage } from './events.js';
import { addTolerated, fail, ifReadable, type Observations, recordDeviations } from './observations.js';
import type { RecordedConnection } from './recorded-connection.js';
import { type CommandRequest, integrityRequired } from './rules.js';

/** A 63z reply whose last line has not come. */
interface OuterReply {
  code: number;
  messages: number[];
  plaintexts: Uint8Array[];
  /** One of its lines could not be opened, so the inner reply is not known. */
  incomplete: boolean;
}

/** The codes that a connection may begin with (RFC 959 §5.4). */
const GREETINGS: ReadonlySet<number> = new Set([120, 220, 421]);

/**
 * The most lines before the greeting, and of one reply in the clear, that are remembered: no listing has more, and lines may be
 * very short.
 */
const MAX_LINES = 250_000;

/** The reader of the server's lines. */
export class RecordedReplies {
  readonly #connection: RecordedConnection;
  readonly #observations: Observations;
  readonly #options: InnerReplyOptions;
  /** Whether the next lines may be the rest of a reply that began before the recording, or in a gap. */
  #resumed: boolean;
  /** The same of the replies in tokens. */
  #innerResumed: boolean;
  /** Lines before the first reply; undefined from there on. */
  #preface: ObservedMessage[] | undefined;
  readonly #clearReply = new ReplyLines();
  #clearMessages: ObservedMessage[] = [];
  #outer: OuterReply | undefined;
  readonly #inner: InnerReplies;
  #innerMessages: number[] = [];
  /** The code of the last inner reply, whole or not. */
  #innerCode: number | undefined;
  /** The last line. */
  #last: ObservedMessage | undefined;

  /**
   * @param observations  gets the replies and exchanges
   * @param fromStart  whether the recording has the connection from its start
   */
  constructor(
    connection: RecordedConnection,
    observations: Observations,
    options: InnerReplyOptions,
    fromStart: boolean,
  ) {
    this.#connection = connection;
    this.#observations = observations;
    this.#options = options;
    this.#resumed = !fromStart;
    this.#innerResumed = !fromStart;
    this.#preface = fromStart ? [] : undefined;
    this.#inner = new InnerReplies(options);
  }

  /** Octets are missing before the next line. */
  gap(): void {
    this.#resumed = true;
    this.#innerResumed = true;
    this.reset();
  }

  /** The number of the first message that belongs to an unfinished reply, or to the text before the greeting; else Infinity. */
  get open(): number {
    const clear = this.#clearMessages[0]?.index ?? Infinity;
    const early = this.#preface?.[0]?.index ?? Infinity;
    return Math.min(clear, early, this.#outer?.messages[0] ?? Infinity, this.#innerMessages[0] ?? Infinity);
  }

  /** Drops a reply that is not whole. */
  reset(): void {
    this.#clearReply.reset();
    this.#clearMessages = [];
    this.#outer = undefined;
    this.#resetInner();
  }

  /** Whether a reply is not whole so far. */
  get unfinished(): boolean {
    return this.#outer !== undefined || this.#inner.open || this.#clearReply.open;
  }

  /** Ends the recording: a reply that is not whole is `syntax/truncated`. */
  close(): void {
    this.#endPreface(0);
    if (this.unfinished) this.#last!.error ??= unfinishedReply();
    this.reset();
  }

  /** Takes a line, and records in its message what became of it. */
  line(message: ObservedMessage, line: Line): void {
    this.#last = message;
    const code = codeBefore(line.bytes);
    if (code === 0 && (this.#resumed || (this.#preface?.length ?? MAX_LINES) < MAX_LINES)) {
      message.text = fromUtf8(line.bytes);
      if (!this.#resumed) this.#preface!.push(message);
      return;
    }
    this.#resumed = false;
    message.wire = code === 0 ? '' : wireOf(code, line);
    this.#endPreface(code);
    const level = levelOfCode(code);
    if (level !== undefined) {
      this.#protectedLine(message, level, code, line);
      return;
    }
    const tlsError = this.#connection.tls?.error('server');
    this.#clearLine(message, code, line);
    message.error ??= tlsError;
  }

  /** Text before the first reply is a deviation, if that one is a greeting; else it is not a reply. */
  #endPreface(code: number): void {
    for (const message of this.#preface ?? []) {
      if (GREETINGS.has(code)) recordDeviations(message, ['text-before-greeting'], this.#options, 'syntax/bad-reply');
      else
        fail(message, new FtpSecurityError('syntax/bad-reply', 'text that is not a reply, and not before a greeting'));
    }
    this.#preface = undefined;
  }

  // Replies in the clear

  #clearLine(message: ObservedMessage, code: number, line: Line): void {
    message.text = fromUtf8(line.bytes);
    const deviations = new Deviations(this.#options);
    let reply: Reply | undefined;
    try {
      endOfText(line.raw, line.raw.length, deviations, 'syntax/bad-line');
      const first = this.#clearMessages.length === 0 ? code : Number.parseInt(this.#clearMessages[0]!.wire, 10);
      this.#connection.checkClearReply(first, this.#outer !== undefined || this.#inner.open);
    } catch (error) {
      fail(message, error);
    }
    message.tolerated = deviations.seen;
    // Most replies have one line, and an array that begins with `push` has room for many.
    if (this.#clearMessages.length === 0) this.#clearMessages = [message];
    else this.#clearMessages.push(message);
    try {
      if (this.#clearMessages.length > MAX_LINES) throw unfinishedReply();
      reply = this.#clearReply.push(line);
    } catch (error) {
      fail(message, error);
      this.#clearReply.reset();
      this.#clearMessages = [];
    }
    if (reply !== undefined) this.#wholeClearReply(message, reply);
  }

  /** A client that sends its next command considers the reply whole, if the last line looks like the end of another reply. */
  endMismatched(): void {
    const last = this.#clearMessages.at(-1);
    const isAhead = this.#connection.state.pending.size > 1;
    if (last === undefined || isAhead || !/[0-9 ]$/.test(last.wire)) return;
    recordDeviations(last, ['mismatched-reply-end'], this.#options, 'syntax/bad-reply');
    // It is open, since its lines are remembered only until it ends.
    this.#wholeClearReply(last, this.#clearReply.finish()!);
  }

  #wholeClearReply(message: ObservedMessage, reply: Reply): void {
    const messages = this.#clearMessages;
    this.#clearMessages = [];
    // A reply that may not be clear has no effect: it only takes its place in the queue.
    if (messages.some(({ error }) => error !== undefined)) {
      this.#connection.untrustedReply(reply.code);
      return;
    }
    const indices = messages.map(({ index }) => index);
    this.#reply(message, reply, indices);
  }

  #breakClearReply(): void {
    if (this.#clearReply.open) this.#clearMessages.at(-1)!.error ??= unfinishedReply();
    this.#clearReply.reset();
    this.#clearMessages = [];
  }

  // Protected replies

  #protectedLine(message: ObservedMessage, level: TokenLevel, code: number, line: Line): void {
    message.level = level;
    message.verdict = 'failed';
    this.#breakClearReply();
    const outer = this.#outerOf(message, code);
    outer.messages.push(message.index);

    // The verdict is of the token alone. So at first all deviations are accepted, and those that are not tolerated are
    // recorded as errors later.
    const deviations = new Deviations({ tolerate: [...DEVIATIONS, ...(this.#options.tolerate ?? [])] });
    const goesOn = outer.messages.length > 1 || this.#inner.open;
    let context: SecurityContext | undefined;
    try {
      const token = decodeReplyLine(line.raw, 0, line.raw.length, code, deviations);
      if (this.#connection.awaits235) deviations.accept('protected-235', 'sequence/no-context');
      context = this.#connection.open(message, token);
      if (context !== undefined) {
        const requireIntegrity = integrityRequired(this.#connection.state);
        checkReplyLevel(context, level, message.applied as TokenLevel, deviations, { requireIntegrity });
        outer.plaintexts.push(message.plaintext!);
      }
    } catch (error) {
      fail(message, error);
    }
    if (!goesOn) this.#innerCode = codeOf(message.plaintext);
    if (this.#connection.replyMustBeClear(this.#innerCode))
      deviations.accept('protected-after-ccc', 'sequence/wrong-level');
    recordDeviations(message, deviations.seen, this.#options, 'syntax/bad-reply');
    if (message.plaintext === undefined || message.error !== undefined) outer.incomplete = true;
    if (context !== undefined) this.#connection.checkSequence(message, goesOn);
    if (!message.wire.endsWith('-')) this.#wholeOuterReply(message, outer);
  }

  /** The outer reply that a line belongs to. A line with another code breaks off the one before (§5.2). */
  #outerOf(message: ObservedMessage, code: number): OuterReply {
    if (this.#outer?.code === code) return this.#outer;
    const broken = this.#outer !== undefined;
    if (broken) {
      fail(message, new FtpSecurityError('syntax/bad-reply', 'another code within a protected reply'));
      this.#resetInner();
    }
    this.#outer = { code, messages: [], plaintexts: [], incomplete: broken };
    return this.#outer;
  }

  #wholeOuterReply(message: ObservedMessage, outer: OuterReply): void {
    this.#outer = undefined;
    if (outer.incomplete) {
      this.#incompleteReply(message);
      return;
    }
    const messages = this.#innerMessages;
    for (const index of outer.messages) messages.push(index);
    try {
      const inner = this.#inner.push(outer.plaintexts);
      this.#innerResumed = false;
      if (inner === undefined) return;
      this.#innerMessages = [];
      message.tolerated = [...message.tolerated, ...inner.tolerated];
      this.#reply(message, inner.reply, messages);
    } catch (error) {
      this.#innerMessages = [];
      // The rest of a reply that began in a gap has no code in front.
      if (this.#innerResumed && refusalFrom(error).code === 'syntax/bad-reply') return;
      fail(message, error);
      this.#connection.untrustedReply(undefined);
    }
  }

  #incompleteReply(message: ObservedMessage): void {
    this.#resetInner();
    // A server that protects its answer to ADAT considers the exchange complete, whether or not its key is known here.
    const isUnkeyed = message.verdict === 'unkeyed' && message.error === undefined;
    if (!isUnkeyed || !this.#connection.awaits235) this.#connection.untrustedReply(undefined);
    else {
      this.#connection.answer(235);
      this.#complete();
    }
  }

  #resetInner(): void {
    this.#inner.reset();
    this.#innerMessages = [];
  }

  // Whole replies

  /** A whole reply that can be trusted. */
  #reply(message: ObservedMessage, reply: Reply, messages: number[]): void {
    const { code } = reply;
    const { state } = this.#connection;
    const { oldest } = state.pending;
    if (oldest?.verb === 'PBSZ' && code >= 200 && code < 300) this.#bufferSize(message, oldest, reply);
    const { command, isExchange } = this.#connection.answer(code);
    this.#observations.add({
      type: 'reply',
      messages,
      reply,
      classification: classify(code),
      command: observedCommand(command),
      protection: state.protectionKnown ? state.protection : undefined,
    });
    if (!isExchange) return;
    try {
      const { token, tolerated } = parseAdatReply(reply, this.#options);
      addTolerated(message, tolerated);
      if (token !== undefined) this.#connection.serverData(token);
    } catch (error) {
      fail(message, error);
    }
    if (exchangeReply(code)!.completes) this.#complete();
  }

  /** A size that can't be read is not an error here: MIT's server grants PBSZ 0, and its clients send no block then. */
  #bufferSize(message: ObservedMessage, request: CommandRequest, reply: Reply): void {
    const deviations = new Deviations({});
    const size = ifReadable(() => parsePbszReply(reply, deviations));
    if (size !== undefined) request.bufferSize = Math.min(size, request.bufferSize ?? size);
    recordDeviations(message, deviations.seen, this.#options, 'syntax/bad-reply');
  }

  #complete(): void {
    const exchange = this.#connection.complete();
    if (exchange !== undefined) this.#observations.add(exchange);
  }
}

/** The command of a request; undefined if that command broke a rule. */
export function observedCommand(request: CommandRequest | undefined): ObservedCommand | undefined {
  if (request?.message === undefined) return undefined;
  const { verb, argument, message } = request;
  return { verb, argument, message };
}

/** A code, and what follows it in a line, if anything does. */
function wireOf(code: number, { bytes }: Line): string {
  if (bytes.length === CODE_LENGTH) return `${code}`;
  return bytes[CODE_LENGTH] === HYPHEN ? `${code}-` : `${code} `;
}

/** The code in the first line of an inner reply. */
function codeOf(plaintext: Uint8Array | undefined): number | undefined {
  return plaintext && Number.parseInt(fromUtf8(plaintext.subarray(0, 3)), 10);
}

function unfinishedReply(): FtpSecurityError {
  return new FtpSecurityError('syntax/truncated', 'the reply is not finished');
}
