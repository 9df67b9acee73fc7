/**
 * The observer of a recorded control connection: the octets of both sides in, a verified transcript out. It believes
 * nobody: it changes context on a 334 or 235, never on a client's AUTH alone, and it goes on after every error.
 */
import { fromUtf8 } from '../bytes.js';
import { type ErrorCode, FtpSecurityError, refusalFrom } from '../errors.js';
import { type Command, commandOf } from '../ftp/command.js';
import { commandFacts } from '../ftp/commands.js';
import { type Line, LineReader } from '../ftp/line.js';
import { type Reply, ReplyLines } from '../ftp/reply.js';
import { classify } from '../ftp/reply-codes.js';
import type { BlockReader, BlockReaderOptions } from '../protection/data-block.js';
import { DEVIATIONS, type Deviation, Deviations, type Tolerance } from '../protection/deviations.js';
import { InnerReplies } from '../protection/inner-reply.js';
import type { Mechanism, Peer, SecurityContext } from '../protection/mechanism.js';
import { checkCommandLevel, checkReplyLevel, parseInnerCommand } from '../protection/protect.js';
import { decodeProtectedCommand } from '../protection/protected-command.js';
import { decodeReplyLine } from '../protection/protected-reply.js';
import {
  levelOfCode,
  levelOfProt,
  levelOfVerb,
  type ProtectionLevel,
  type TokenLevel,
} from '../protection/protection-level.js';
import {
  exchangeReply,
  parseAdatCommand,
  parseAdatReply,
  parseAuth,
  parsePbszCommand,
  parsePbszReply,
} from '../protection/security-data.js';
import { withoutEndOfLine } from '../protection/token-text.js';
import type { Observation, ObservedMessage, ObservedTransfer } from './events.js';
import { RecordedConnection } from './recorded-connection.js';
import { type CommandRequest, integrityRequired } from './rules.js';

export interface ObserverOptions extends Tolerance {
  /** Those with an `observer` open the messages of their exchanges; others are named, and their messages stay closed. */
  mechanisms: readonly Mechanism[];
  /** Octets that a line may have; default as LineReader's. */
  maxLine?: number;
  /** Whether the recording has the connection from its start; if not, its exchange may be missing. Default true. */
  fromStart?: boolean;
}

/** What applies to a data connection, for those who look at its blocks one by one: a BlockReader ends at the first error. */
export interface DataProtection {
  /** What PROT has settled. */
  level: ProtectionLevel;
  /** What PBSZ has settled, if that is known. */
  bufferSize: number | undefined;
  /** By who sends; undefined without its key. */
  contexts: Readonly<Record<Peer, SecurityContext | undefined>>;
}

/** A 63z reply whose last line has not come. */
interface OuterReply {
  code: number;
  messages: number[];
  plaintexts: Uint8Array[];
  /** One of its lines could not be opened, so that the whole says nothing. */
  incomplete: boolean;
}

export class Observer {
  readonly #options: ObserverOptions;
  readonly #readers: Record<Peer, LineReader>;
  readonly #ready: Observation[] = [];
  /** How many of them `next` has given: to shift a long array would move all of it each time. */
  #taken = 0;
  readonly #connection: RecordedConnection;
  #messages = 0;
  /** Sides whose next line may be the rest of something that began before the recording, or in a gap. */
  readonly #resumed: Record<Peer, boolean>;
  /** Lines of the server before its first reply; undefined from there on. */
  #preface: ObservedMessage[] | undefined;
  readonly #heard: Record<Peer, boolean> = { client: false, server: false };

  readonly #clearReply: ReplyLines;
  #clearMessages: ObservedMessage[] = [];
  #outer: OuterReply | undefined;
  readonly #inner: InnerReplies;
  #innerMessages: number[] = [];
  /** Of the inner reply that goes on, or has come last. */
  #innerCode: number | undefined;
  #lastOfReply: ObservedMessage | undefined;

  constructor(options: ObserverOptions) {
    this.#options = options;
    const limits = options.maxLine === undefined ? {} : { maxLine: options.maxLine };
    this.#readers = { client: new LineReader(limits), server: new LineReader(limits) };
    this.#connection = new RecordedConnection(options.mechanisms, options.fromStart ?? true);
    this.#resumed = { client: options.fromStart === false, server: options.fromStart === false };
    this.#preface = options.fromStart === false ? undefined : [];
    this.#clearReply = new ReplyLines();
    this.#inner = new InnerReplies(options);
  }

  /**
   * Takes octets that one side sent, in the order of the wire.
   * @param time  when they came, in nanoseconds since 1970; undefined when nobody knows
   */
  push(from: Peer, octets: Uint8Array, time?: bigint): void {
    const clear = this.#connection.tls?.push(from, octets) ?? octets;
    if (clear.length === 0) return;
    this.#heard[from] = true;
    this.#readers[from].push(clear);
    this.#drain(from, time);
  }

  /** What could not be looked at, for another reason than a key that is missing; known as far as the recording was read. */
  get problem(): FtpSecurityError | undefined {
    return this.#connection.problem;
  }

  /** The transfer whose command waits for its final reply; if there is none, the one that was answered last. */
  get transfer(): ObservedTransfer | undefined {
    const { transfer, protection } = this.#connection.state;
    const from = commandFacts(transfer?.verb ?? '').data;
    return transfer && from && { verb: transfer.verb, from, level: protection };
  }

  /**
   * A reader for the blocks of a data connection, with the keys, the level (PROT) and the buffer size (PBSZ) that apply now. It
   * shares the receive window of the control connection: a token that has come on either is a replay on the other, and
   * the last block ends the gaps that its transfer explains. Make it when the data connection opens or its first octets come.
   * @param from  who sends on the data connection
   * @returns undefined when level or keys are not known: a key of the association is missing, or there is a {@link problem}
   */
  dataReader(from: Peer, options?: Pick<BlockReaderOptions, 'interleaved'>): BlockReader | undefined {
    const { state, problem } = this.#connection;
    const { client, server } = state.association?.contexts ?? {};
    const isUnkeyed = state.association !== undefined && (client === undefined || server === undefined);
    if (isUnkeyed || problem !== undefined) return undefined;
    return state.dataReader(from, { ...options, unordered: true });
  }

  /** What applies to the data connections that open now. */
  get dataProtection(): DataProtection {
    const { protection: level, bufferSize, association } = this.#connection.state;
    return { level, bufferSize, contexts: association?.contexts ?? { client: undefined, server: undefined } };
  }

  /** Says that octets of one side are missing here. What they were part of is given up. */
  gap(from: Peer): void {
    if (this.#connection.tls?.gap(from)) return;
    this.#readers[from].gap();
    this.#resumed[from] = true;
    this.#connection.gap();
    if (from === 'server') this.#forgetReplies();
  }

  /**
   * The next observation; undefined when there is none yet. Of a message that leaves its reply unfinished, `error` and
   * `tolerated` are settled when the reply is whole, or by `close`.
   */
  next(): Observation | undefined {
    const observation = this.#ready[this.#taken];
    if (observation === undefined) {
      this.#ready.length = 0;
      this.#taken = 0;
    } else {
      this.#taken++;
    }
    return observation;
  }

  /** Ends the recording: what is unfinished gets `syntax/truncated`. */
  close(time?: bigint): void {
    for (const from of ['client', 'server'] as const) {
      // Of a side that the recording has nothing of, no line is damaged either.
      if (!this.#heard[from]) continue;
      try {
        this.#readers[from].close();
      } catch (error) {
        this.#damaged(from, time, error);
      }
    }
    this.#endPreface(Number.NaN);
    const unfinished = this.#outer !== undefined || this.#inner.open || this.#clearReply.open;
    if (unfinished && this.#lastOfReply !== undefined) {
      this.#lastOfReply.error ??= new FtpSecurityError('syntax/truncated', 'the reply is not finished');
    }
    this.#forgetReplies();
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
      if (from === 'client') this.#clientLine(line, time);
      else this.#serverLine(line, time);
    }
  }

  /** A line that can't be had whole. */
  #damaged(from: Peer, time: bigint | undefined, error: unknown): void {
    const message = this.#message(from, time);
    fail(message, error);
    if (from === 'server') this.#forgetReplies();
  }

  #message(from: Peer, time: bigint | undefined): ObservedMessage {
    const message: ObservedMessage = {
      type: 'message',
      index: ++this.#messages,
      time,
      from,
      wire: '',
      level: 'clear',
      applied: undefined,
      verdict: 'clear',
      plaintext: undefined,
      text: undefined,
      sequence: undefined,
      tolerated: [],
      weak: false,
      error: undefined,
    };
    this.#ready.push(message);
    return message;
  }

  /**
   * Whether a line that begins nothing is the rest of what began before the recording, or in a gap: that is no fault of
   * its sender. A command has one line; a reply may go on for many.
   */
  #goesOn({ from }: ObservedMessage): boolean {
    const goesOn = this.#resumed[from];
    if (from === 'client') this.#resumed.client = false;
    return goesOn;
  }

  // Commands

  #clientLine(line: Line, time: bigint | undefined): void {
    this.#endMismatchedReply();
    const message = this.#message('client', time);
    const tlsError = this.#connection.tls?.error('client');
    try {
      const command = commandOf(line);
      message.wire = command.verb;
      this.#resumed.client = false;
      const level = levelOfVerb(command.verb);
      if (level === undefined) {
        this.#clearCommand(message, line, command);
        // It is heeded all the same: who speaks no TLS may go on to another mechanism.
        message.error ??= tlsError;
      } else this.#protectedCommand(message, level, command);
    } catch (error) {
      message.text = fromUtf8(line.bytes);
      if (this.#goesOn(message)) return;
      fail(message, error);
      this.#connection.addRequest({ verb: '', level: 'clear' });
    }
  }

  #clearCommand(message: ObservedMessage, line: Line, command: Command): void {
    message.text = fromUtf8(line.bytes);
    const deviations = new Deviations(this.#options);
    try {
      withoutEndOfLine(line.raw, deviations, 'syntax/bad-line');
      this.#connection.checkClearCommand();
    } catch (error) {
      fail(message, error);
    }
    message.tolerated = deviations.seen;
    this.#handle(message, command);
  }

  #protectedCommand(message: ObservedMessage, level: TokenLevel, command: Command): void {
    message.level = level;
    message.verdict = 'failed';
    try {
      const { token, tolerated = [] } = decodeProtectedCommand(command);
      const context = this.#connection.open(message, token);
      this.#judge(message, tolerated, 'syntax/bad-command');
      if (context !== undefined) {
        this.#innerCommand(message, level, context);
        this.#checkSequence(message);
        return;
      }
    } catch (error) {
      fail(message, error);
    }
    this.#connection.addRequest({ verb: '', level });
  }

  #innerCommand(message: ObservedMessage, level: TokenLevel, context: SecurityContext): void {
    const deviations = new Deviations(this.#options);
    let command: Command | undefined;
    try {
      command = parseInnerCommand(message.plaintext!, deviations);
      checkCommandLevel(context, level, message.applied as TokenLevel, {
        requireIntegrity: integrityRequired(this.#connection.state),
      });
    } catch (error) {
      fail(message, error);
    }
    message.tolerated = [...message.tolerated, ...deviations.seen];
    if (command === undefined) this.#connection.addRequest({ verb: '', level });
    else this.#handle(message, command);
  }

  /** Ignore the request of a command that broke a rule, so that its reply cannot lower the protection level. */
  #handle(message: ObservedMessage, command: Command): void {
    if (message.error === undefined) this.#command(message, command);
    else this.#connection.addRequest({ verb: '', level: message.level });
  }

  /** Notes what a command asks for; whether it is granted, its reply tells. */
  #command(message: ObservedMessage, command: Command): void {
    const { verb, argument = '' } = command;
    const request: CommandRequest = { verb, level: message.level };
    const protection = verb === 'PROT' ? levelOfProt(argument.toUpperCase()) : undefined;
    if (protection !== undefined) request.protection = protection;
    const bufferSize = verb === 'PBSZ' ? ifReadable(() => parsePbszCommand(command)) : undefined;
    if (bufferSize !== undefined) request.bufferSize = bufferSize;
    this.#connection.addRequest(request);
    try {
      if (verb === 'AUTH') request.mechanism = parseAuth(command);
      if (verb === 'ADAT') this.#clientAdat(message, command);
    } catch (error) {
      fail(message, error);
    }
  }

  #clientAdat(message: ObservedMessage, command: Command): void {
    const { token, tolerated } = parseAdatCommand(command, this.#options);
    message.tolerated = [...new Set([...message.tolerated, ...tolerated])];
    this.#connection.clientData(token!);
  }

  // Replies

  #serverLine(line: Line, time: bigint | undefined): void {
    const message = this.#message('server', time);
    this.#lastOfReply = message;
    const header = /^([1-6][0-9][0-9])(?:[ -]|$)/.exec(fromUtf8(line.bytes.subarray(0, 4)));
    message.wire = header?.[0] ?? '';
    const code = Number(header?.[1]);
    const level = levelOfCode(code);
    if (header === null && this.#goesOn(message)) {
      message.text = fromUtf8(line.bytes);
      return;
    }
    this.#resumed.server = false;
    if (header === null && this.#preface !== undefined) {
      message.text = fromUtf8(line.bytes);
      this.#preface.push(message);
      return;
    }
    this.#endPreface(code);
    if (level === undefined) {
      const tlsError = this.#connection.tls?.error('server');
      this.#clearReplyLine(message, line);
      message.error ??= tlsError;
    } else this.#protectedReplyLine(message, level, code, line);
  }

  /** Text before the first reply is a deviation, if that one is a greeting; else it is no reply. */
  #endPreface(code: number): void {
    for (const message of this.#preface ?? []) {
      if (GREETINGS.has(code)) this.#judge(message, ['text-before-greeting'], 'syntax/bad-reply');
      else
        fail(message, new FtpSecurityError('syntax/bad-reply', 'text that is no reply, and comes before no greeting'));
    }
    this.#preface = undefined;
  }

  #clearReplyLine(message: ObservedMessage, line: Line): void {
    message.text = fromUtf8(line.bytes);
    const deviations = new Deviations(this.#options);
    let reply: Reply | undefined;
    try {
      withoutEndOfLine(line.raw, deviations, 'syntax/bad-line');
      const first = Number.parseInt((this.#clearMessages[0] ?? message).wire, 10);
      this.#connection.checkClearReply(first, this.#outer !== undefined || this.#inner.open);
    } catch (error) {
      fail(message, error);
    }
    message.tolerated = deviations.seen;
    this.#clearMessages.push(message);
    try {
      reply = this.#clearReply.push(line);
    } catch (error) {
      fail(message, error);
      this.#clearMessages = [];
    }
    if (reply !== undefined) this.#wholeClearReply(message, reply);
  }

  /** A client that goes on has taken the reply for whole, where its last line looks like the end of another. */
  #endMismatchedReply(): void {
    const last = this.#clearMessages.at(-1);
    if (last === undefined || this.#connection.state.pending.all.length > 1 || !/^[0-9]{3} ?$/.test(last.wire)) return;
    const reply = this.#clearReply.finish();
    this.#judge(last, ['mismatched-reply-end'], 'syntax/bad-reply');
    if (reply !== undefined) this.#wholeClearReply(last, reply);
  }

  #wholeClearReply(message: ObservedMessage, reply: Reply): void {
    const messages = this.#clearMessages;
    this.#clearMessages = [];
    // A reply that may not come in the clear answers nothing: it only takes its place in the queue.
    if (messages.some(({ error }) => error !== undefined)) {
      this.#connection.untrustedReply(reply.code);
      return;
    }
    const indices = messages.map(({ index }) => index);
    this.#reply(message, reply, indices);
  }

  #protectedReplyLine(message: ObservedMessage, level: TokenLevel, code: number, line: Line): void {
    message.level = level;
    message.verdict = 'failed';
    this.#dropClearReply();
    const outer = this.#outerOf(message, code);
    outer.messages.push(message.index);

    // All that cost no security at first, so that the token is judged by itself; those that are not tolerated stand beside it.
    const deviations = new Deviations({ tolerate: [...DEVIATIONS, ...(this.#options.tolerate ?? [])] });
    const goesOn = outer.messages.length > 1 || this.#inner.open;
    let context: SecurityContext | undefined;
    try {
      const token = decodeReplyLine(line.raw, code, deviations);
      if (this.#connection.awaits235) deviations.accept('protected-235', 'sequence/no-context');
      context = this.#connection.open(message, token);
      if (context !== undefined) {
        const options = { requireIntegrity: integrityRequired(this.#connection.state) };
        checkReplyLevel(context, level, message.applied as TokenLevel, deviations, options);
        outer.plaintexts.push(message.plaintext!);
      }
    } catch (error) {
      fail(message, error);
    }
    if (!goesOn) this.#innerCode = codeOf(message.plaintext);
    if (this.#connection.replyMustBeClear(this.#innerCode))
      deviations.accept('protected-after-ccc', 'sequence/wrong-level');
    this.#judge(message, deviations.seen, 'syntax/bad-reply');
    if (message.plaintext === undefined || message.error !== undefined) outer.incomplete = true;
    if (context !== undefined) this.#checkSequence(message, goesOn);
    if (!message.wire.endsWith('-')) this.#outerReply(message, outer);
  }

  /** A line that is missing takes nothing from the one behind it: that is verified, and heard. The error comes before all others. */
  #checkSequence(message: ObservedMessage, goesOn?: boolean): void {
    message.error = this.#connection.sequenceError(message, goesOn) ?? message.error;
  }

  /** The outer reply that a line belongs to. One of another code breaks off what was open (§5.2). */
  #outerOf(message: ObservedMessage, code: number): OuterReply {
    if (this.#outer?.code === code) return this.#outer;
    const broken = this.#outer !== undefined;
    if (broken) {
      fail(message, new FtpSecurityError('syntax/bad-reply', 'another code within a protected reply'));
      this.#dropInnerReply();
    }
    this.#outer = { code, messages: [], plaintexts: [], incomplete: broken };
    return this.#outer;
  }

  /** An outer reply is whole: its plaintexts go on to the inner side. */
  #outerReply(message: ObservedMessage, outer: OuterReply): void {
    this.#outer = undefined;
    if (outer.incomplete) {
      this.#dropInnerReply();
      // Whoever protects the answer to ADAT takes the exchange for complete, whether or not anybody here has the key.
      const isUnseen = message.verdict === 'unkeyed' && message.error === undefined && this.#connection.awaits235;
      if (!isUnseen) this.#connection.untrustedReply(undefined);
      else if (this.#connection.answer(235)) this.#complete();
      return;
    }
    const messages = this.#innerMessages;
    for (const index of outer.messages) messages.push(index);
    try {
      const inner = this.#inner.push(outer.plaintexts);
      if (inner === undefined) return;
      this.#innerMessages = [];
      message.tolerated = [...message.tolerated, ...inner.tolerated];
      this.#reply(message, inner.reply, messages);
    } catch (error) {
      fail(message, error);
      this.#innerMessages = [];
      this.#connection.untrustedReply(undefined);
    }
  }

  /** A whole reply that may be believed. */
  #reply(message: ObservedMessage, reply: Reply, messages: number[]): void {
    const { code } = reply;
    this.#ready.push({ type: 'reply', messages, reply, classification: classify(code) });
    const { oldest } = this.#connection.state.pending;
    if (oldest?.verb === 'PBSZ' && code >= 200 && code < 300) this.#pbszReply(message, oldest, reply);
    if (!this.#connection.answer(code)) return;
    try {
      const { token, tolerated } = parseAdatReply(reply, this.#options);
      message.tolerated = [...new Set([...message.tolerated, ...tolerated])];
      if (token !== undefined) this.#connection.serverData(token);
    } catch (error) {
      fail(message, error);
    }
    if (exchangeReply(code)?.completes) this.#complete();
  }

  #complete(): void {
    const exchange = this.#connection.complete();
    if (exchange !== undefined) this.#ready.push(exchange);
  }

  /** A size that can't be read is not an error here: MIT's server grants PBSZ 0, and its clients send no block then. */
  #pbszReply(message: ObservedMessage, request: CommandRequest, reply: Reply): void {
    const deviations = new Deviations({});
    const size = ifReadable(() => parsePbszReply(reply, deviations));
    if (size !== undefined) request.bufferSize = Math.min(size, request.bufferSize ?? size);
    this.#judge(message, deviations.seen, 'syntax/bad-reply');
  }

  /** Notes deviations of a protected line: as tolerated, or as the rule that was broken. */
  #judge(message: ObservedMessage, seen: readonly Deviation[], code: ErrorCode): void {
    const { tolerate = DEVIATIONS } = this.#options;
    message.tolerated = [...message.tolerated, ...seen.filter(deviation => tolerate.includes(deviation))];
    const refused = seen.find(deviation => !tolerate.includes(deviation));
    if (refused === undefined) return;
    fail(message, new FtpSecurityError(SEQUENCE_RULES[refused] ?? code, `${refused} is not tolerated`));
  }

  #dropClearReply(): void {
    if (this.#clearReply.open) {
      const last = this.#clearMessages.at(-1)!;
      last.error ??= new FtpSecurityError('syntax/truncated', 'the reply is not finished');
    }
    this.#clearReply.reset();
    this.#clearMessages = [];
  }

  #dropInnerReply(): void {
    this.#inner.reset();
    this.#innerMessages = [];
  }

  #forgetReplies(): void {
    this.#clearReply.reset();
    this.#clearMessages = [];
    this.#outer = undefined;
    this.#dropInnerReply();
  }
}

/** RFC 959 §5.4. */
const GREETINGS: ReadonlySet<number> = new Set([120, 220, 421]);

/** The code that the first line of an inner reply has. */
function codeOf(plaintext: Uint8Array | undefined): number | undefined {
  return plaintext && Number.parseInt(fromUtf8(plaintext.subarray(0, 3)), 10);
}

/** What those deviations break that are not of syntax. */
const SEQUENCE_RULES: Partial<Record<Deviation, ErrorCode>> = {
  'protected-after-ccc': 'sequence/wrong-level',
  'integrity-under-633': 'sequence/wrong-level',
  'protected-235': 'sequence/no-context',
};

/** Notes the first rule that a line has broken. Anything but bad input is a fault of ours, and goes on. */
function fail(message: ObservedMessage, error: unknown): void {
  const refusal = refusalFrom(error);
  message.error ??= refusal;
}

/** What a parser gives; undefined for what it refuses. */
function ifReadable<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    refusalFrom(error);
    return undefined;
  }
}
