/**
 * The server's side of a control connection (RFC 2228): octets of the client in, commands out, each with the level that its token
 * had; replies in, octets for the client out. Where the RFC and policy decide, the session answers itself. It does no I/O
 * and knows no mechanism: when the mechanism has to take a step of the exchange, the session says so and waits.
 */
import { type FtpSecurityError, refusalFrom, replyCodeFor } from '../errors.js';
import { type Command, CommandReader } from '../ftp/command.js';
import { commandFacts } from '../ftp/commands.js';
import { formatReply } from '../ftp/reply.js';
import type { BlockReader, BlockReaderOptions, BlockWriter } from '../protection/data-block.js';
import type { ExchangeFacts, Step } from '../protection/mechanism.js';
import type { ProtectionLevel } from '../protection/protection-level.js';
import {
  EXCHANGE_REPLIES,
  exchangeReply,
  formatAdatReply,
  formatPbszText,
  parseAdatCommand,
} from '../protection/security-data.js';
import { Queue } from '../queue.js';
import { assertPolicy, assertTolerance, contextRefusal, type Policy, takeStep } from './command-rules.js';
import type {
  AnsweredEvent,
  AuthEvent,
  RequestEvent,
  ServerDataEvent,
  ServerEvent,
  ServerSessionOptions,
} from './events.js';
import { ExchangeLimits, exchangeRefusal } from './exchange-limits.js';
import {
  OutgoingReplies,
  OWN_TEXTS,
  type PendingReply,
  REFUSAL_TEXTS,
  type ReceivedCommand,
} from './outgoing-replies.js';
import { type CommandRequest, integrityRequired, type Phase } from './rules.js';
import { DEFAULT_MIN_PBSZ, SecurityState } from './state.js';
import { type Arrived, CommandUnprotector } from './unprotect-command.js';

/**
 * A block is held until it is whole, and opened in one call: as much as a reply may have. Clients ask for all that 32 bits can
 * express.
 */
const DEFAULT_MAX_PBSZ = 0x1000000;

interface ExchangeRequest {
  event: AuthEvent | ServerDataEvent;
}

/** The text of a reply that accepts AUTH or ADAT and carries no security data. */
const EXCHANGE_TEXT = 'Security mechanism accepted';

/**
 * A server that knows RFC 2228.
 * @example
 * const session = new ServerSession({ mechanisms: [{ name: 'GSSAPI' }] });
 * socket.write(session.reply(220, 'Ready'));
 * session.receive(octets); // what has come from the client
 * for (let event = session.next(); event !== undefined; event = session.next()) {
 *   if (event.type === 'auth') socket.write(session.proceed({}));
 *   else if (event.type === 'security-data') socket.write(session.proceed(await exchange.step(event.token)));
 *   else if (event.type === 'answered') socket.write(event.octets);
 *   else socket.write(session.reply(200, 'Done', event));
 * }
 */
export class ServerSession {
  readonly #policy: Policy;
  readonly #options: ServerSessionOptions;
  readonly #commands: CommandReader;
  readonly #state: SecurityState<ReceivedCommand>;
  readonly #unprotector: CommandUnprotector;
  /** A command that the session will answer itself, as soon as the commands before it have been answered. */
  #held: Arrived | undefined;
  /** Those that wait behind another one: the oldest is found without. */
  readonly #behind = new Map<RequestEvent, ReceivedCommand>();
  readonly #replies: OutgoingReplies;
  readonly #limits: ExchangeLimits;
  #destroyed = false;

  /**
   * @throws TypeError if a limit is not a number, RangeError if it is not a positive integer, and for an unknown level, deviation
   *   or `ccc`
   */
  constructor(options: ServerSessionOptions) {
    const { mechanisms, ccc = 'refused', maxPbsz = DEFAULT_MAX_PBSZ, tolerate, maxLine } = options;
    const { minPbsz = Math.min(DEFAULT_MIN_PBSZ, maxPbsz) } = options;
    formatPbszText(maxPbsz);
    if (minPbsz > maxPbsz) throw new RangeError('minPbsz is more than maxPbsz');
    this.#options = { ...options, maxPbsz };
    this.#limits = new ExchangeLimits(options);
    this.#policy = { ...options, ccc, mechanisms: mechanisms.map(({ name }) => name.toUpperCase()) };
    assertPolicy(this.#policy);
    assertTolerance(options);
    this.#commands = new CommandReader({
      ...(maxLine !== undefined && { maxLine }),
      bareLf: tolerate === undefined || tolerate.includes('bare-lf'),
    });
    this.#state = new SecurityState({ ...options, minPbsz });
    this.#unprotector = new CommandUnprotector(this.#state, this.#options, this.#policy);
    this.#replies = new OutgoingReplies(this.#state, this.#unprotector, options, (request, code) => {
      this.#behind.delete(request.event);
      this.#finish(request, code);
    });
  }

  /** The phase of the control connection (§9). */
  get phase(): Phase {
    return this.#state.phase;
  }

  /** The level of data connections that PROT has set. */
  get protection(): ProtectionLevel {
    return this.#state.protection;
  }

  /** The protection buffer that PBSZ has set, in octets; undefined before. */
  get bufferSize(): number | undefined {
    return this.#state.bufferSize;
  }

  /** What the exchange has found out. */
  get facts(): ExchangeFacts {
    return this.#state.facts;
  }

  /**
   * Whether the session waits for replies before it reads on: to AUTH, ADAT or REIN, or to the commands before one that it
   * answers itself. To limit memory, read nothing from the network meanwhile. After the replies, `next` goes on.
   */
  get paused(): boolean {
    const { oldest, blocked } = this.#state.pending;
    return (this.#held !== undefined && oldest !== undefined) || blocked;
  }

  /** Takes octets that the client sent, in chunks of any size; they are copied. */
  receive(chunk: Uint8Array): void {
    this.#commands.push(chunk);
  }

  /**
   * The next event; undefined if more octets are needed, or while `paused`. Call it until it returns undefined, after `receive`
   * and after every reply. Nothing that a client sends makes it throw.
   */
  next(): ServerEvent | undefined {
    if (this.#destroyed || this.#state.pending.blocked) return undefined;
    const arrived = this.#held ?? this.#read();
    this.#held = undefined;
    if (arrived === undefined) return undefined;
    if (this.#state.pending.oldest === undefined || isForApplication(arrived)) return this.#handle(arrived);
    this.#held = arrived;
    return undefined;
  }

  /**
   * Answers a command, at its level.
   * @param code  after 1yz the command waits for another reply; AUTH and ADAT can only be refused
   * @param text  one line, or several
   * @param to  the command; default the oldest that waits. The reply to a later one is kept until the commands before it have
   *   been answered, except STAT during a transfer; also that one if blocks of ours have the numbers of the lines, and the client
   *   requires order (`inOrder` in the facts). If no command waits, it is a reply without one: the greeting, or 421.
   * @returns octets for the client, maybe none
   * @throws RangeError for a code out of 100 to 599, or one that only `proceed` sends; for a command that has been answered;
   *   for a further 1yz reply to a protected download if the client requires order; FtpSecurityError `sequence/closed` after `destroy`
   */
  reply(code: number, text: string | readonly string[], to?: RequestEvent): Uint8Array {
    const plaintext = formatReply(code, text);
    if (code >= 600 || exchangeReply(code) !== undefined) throw new RangeError(`only the session sends ${code}`);
    const { oldest } = this.#state.pending;
    const pending = to === undefined || to === oldest?.event ? oldest : this.#behind.get(to);
    if (pending === undefined && to === undefined) return this.#replies.protect(undefined, plaintext);
    if (pending === undefined || pending.answered) throw new RangeError('the command has been answered');
    if (pending.event.type !== 'command' && code < 400) throw new RangeError(`${code} does not refuse`);
    return this.#replies.add(pending, { code, plaintext });
  }

  /**
   * Goes on with the exchange.
   * @param step  the result of the mechanism; with a context, the exchange is complete, and the context is used from now on
   * @returns octets for the client: 334 or 234 to AUTH, 335 or 235 to ADAT; 534 or 535 for a context that is weak, or lacks
   *   the level that policy requires: 535 resets the phase to `clear`; 534 leaves it unchanged
   * @throws RangeError when neither AUTH nor ADAT waits
   */
  proceed(step: Step): Uint8Array {
    const pending = this.#pendingExchange();
    return takeStep(step, () => this.#proceed(pending, step));
  }

  #proceed(pending: ReceivedCommand & ExchangeRequest, { token, context, facts }: Step): Uint8Array {
    if (context !== undefined) {
      const error = contextRefusal(context, { ...this.facts, ...facts }, this.#options);
      if (error !== undefined) {
        context.destroy();
        return this.refuse(error);
      }
    }
    const completes = context !== undefined;
    const { code } = EXCHANGE_REPLIES.find(it => it.verb === pending.verb && it.completes === completes)!;
    const plaintext = token === undefined ? formatReply(code, EXCHANGE_TEXT) : formatAdatReply(code as 334, token);
    const octets = this.#replies.protect(pending.level, plaintext);
    // Another AUTH ends an exchange that is not complete.
    if (pending.verb === 'AUTH') this.#limits.endUnfinished(this.phase);
    this.#state.pending.drop();
    this.#finish(pending, code);
    this.#state.recordFacts(facts);
    if (context !== undefined) this.#state.establish(context, 'client');
    return octets;
  }

  /**
   * Refuses AUTH or ADAT: the exchange has failed.
   * @param error  of the mechanism, or of policy
   * @returns octets for the client: a reply to AUTH by the error, to ADAT always 535 (appendix I)
   * @throws RangeError when neither waits
   */
  refuse(error: FtpSecurityError): Uint8Array {
    const { event } = this.#pendingExchange();
    const code = exchangeRefusal(event, error);
    const octets = this.reply(code, REFUSAL_TEXTS[code], event);
    const { command, tolerated } = event;
    this.#options.refused?.({
      type: 'answered',
      command,
      code,
      error,
      octets,
      tolerated,
      ends: this.#limits.exhausted,
    });
    return octets;
  }

  /** The input has ended. @throws FtpSecurityError `syntax/truncated` within a line */
  close(): void {
    this.#commands.close();
  }

  /**
   * Erases the keys, also those of transfers that are not complete. Nothing more is read, and `reply` throws
   * `sequence/closed`.
   */
  destroy(): void {
    this.#destroyed = true;
    this.#replies.close();
    this.#state.destroy();
  }

  /**
   * For the next transfer to the client.
   * @throws FtpSecurityError as BlockWriter, and `syntax/limit-exceeded` for a buffer below `minPbsz`
   */
  dataWriter(): BlockWriter {
    return this.#state.dataWriter();
  }

  /** For the next transfer from the client. Call it before the final reply is sent. */
  dataReader(options?: Pick<BlockReaderOptions, 'interleaved'>): BlockReader {
    return this.#state.dataReader('client', options);
  }

  // Commands

  #read(): Arrived | undefined {
    try {
      const command = this.#commands.next();
      return command && this.#unprotector.open(command);
    } catch (error) {
      const request: CommandRequest = { verb: '', level: 'clear' };
      const refusal = refusalFrom(error);
      return { command: undefined, request, sequence: 'none', tolerated: [], authentic: false, error: refusal };
    }
  }

  #handle(arrived: Arrived): ServerEvent {
    const { command, request, sequence, tolerated, error = this.#limits.refusalOf(arrived.request) } = arrived;
    if (command === undefined || error !== undefined) return this.#refusal(arrived, error!);
    const { verb, level } = request;
    if (Object.hasOwn(OWN_TEXTS, verb)) return this.#grant(arrived);
    if (verb === 'ADAT') return this.#adat(command, arrived);
    if (verb === 'AUTH') {
      const again = this.#state.association !== undefined;
      return this.#enqueue(request, { type: 'auth', mechanism: request.mechanism!, command, tolerated, again });
    }
    if (this.#limits.endUnfinished(this.phase)) this.#state.reset();
    return this.#enqueue(request, { type: 'command', command, level, sequence, tolerated });
  }

  #adat(command: Command, arrived: Arrived): ServerEvent {
    try {
      const { token, tolerated } = parseAdatCommand(command, this.#options);
      const seen = [...new Set([...arrived.tolerated, ...tolerated])];
      this.#limits.receive(token!);
      return this.#enqueue(arrived.request, { type: 'security-data', token: token!, command, tolerated: seen });
    } catch (error) {
      return this.#refusal(arrived, refusalFrom(error));
    }
  }

  /** PBSZ, PROT or CCC, that breaks no rule. */
  #grant(arrived: Arrived): ServerEvent {
    const { request } = arrived;
    if (request.verb === 'PBSZ') request.bufferSize = Math.min(request.bufferSize!, this.#options.maxPbsz!);
    return this.#answerItself(arrived, 200, OWN_TEXTS[request.verb]!(request), undefined);
  }

  #refusal(arrived: Arrived, error: FtpSecurityError): AnsweredEvent {
    const code = replyCodeFor(error);
    return this.#answerItself(arrived, code, REFUSAL_TEXTS[code], error);
  }

  #answerItself(
    { command, request, tolerated, authentic }: Arrived,
    code: number,
    text: string,
    error: FtpSecurityError | undefined,
  ): AnsweredEvent {
    const inserted = !authentic && integrityRequired(this.#state);
    const octets = this.#replies.protect(request.level, formatReply(code, text));
    this.#finish(request, code);
    const ends =
      (inserted && this.#options.allowInsertedLines !== true) ||
      (commandFacts(request.verb).exchange === true && this.#limits.exhausted);
    return { type: 'answered', command, code, error, octets, tolerated, ends };
  }

  #enqueue<E extends RequestEvent>(request: CommandRequest, event: E): E {
    const received = { event, replies: new Queue<PendingReply>(), ...request };
    if (this.#state.pending.oldest !== undefined) this.#behind.set(event, received);
    this.#state.pending.add(received);
    return event;
  }

  #pendingExchange(): ReceivedCommand & ExchangeRequest {
    const { oldest } = this.#state.pending;
    if (oldest === undefined || oldest.event.type === 'command') throw new RangeError('neither AUTH nor ADAT waits');
    return { ...oldest, event: oldest.event };
  }

  #finish(request: CommandRequest, code: number): void {
    this.#limits.countRefusal(request, code);
    this.#state.finish(request, code);
    if (this.#state.association === undefined) this.#unprotector.last = undefined;
  }
}

/** Whether the application answers it, and may take its time. */
function isForApplication({ request: { verb }, error }: Arrived): boolean {
  return error === undefined && !commandFacts(verb).exchange && !Object.hasOwn(OWN_TEXTS, verb);
}
