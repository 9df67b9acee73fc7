/**
 * The client's side of a control connection (RFC 2228): commands in, octets for the server out; octets of the server in,
 * replies out, each as much as its token vouches for. It does no I/O and knows no mechanism: where security data is due
 * it says so, and waits.
 */
import { FtpSecurityError } from '../errors.js';
import { type Command, parseCommand } from '../ftp/command.js';
import { commandFacts, isTransfer } from '../ftp/commands.js';
import { limitOf } from '../ftp/line.js';
import { type Reply, ReplyReader } from '../ftp/reply.js';
import type { BlockReader, BlockReaderOptions, BlockWriter } from '../protection/data-block.js';
import { Deviations } from '../protection/deviations.js';
import type { ExchangeFacts, SecurityContext, Step } from '../protection/mechanism.js';
import { protectCommand, type UnprotectedReply, withCrlf } from '../protection/protect.js';
import { factsOf, levelOfVerb, type ProtectionLevel } from '../protection/protection-level.js';
import {
  DEFAULT_MAX_SECURITY_DATA,
  exchangeReply,
  formatAdat,
  parseAdatReply,
  parsePbszReply,
} from '../protection/security-data.js';
import { commandRequest } from './command-request.js';
import { contextRefusal, type Policy, refusalOf } from './command-rules.js';
import type { ClientEvent, ClientSessionOptions, ReplyEvent } from './events.js';
import { quote } from './quote.js';
import {
  type CommandRequest,
  couldBecomeBlock,
  type Phase,
  sharesNumbers,
  strongest,
  verbAnsweredBy,
} from './rules.js';
import { SecurityState } from './state.js';
import { ReplyUnprotector } from './unprotect-reply.js';

/** A command that waits for its reply. */
type Waiting = CommandRequest & { command: Command };

const LOCAL = { side: 'local' } as const;

/** By these a server refuses what nobody who holds the keys has sent (§3, MIC). */
const SECURITY_REFUSALS: ReadonlySet<number> = new Set([533, 535, 537]);

export class ClientSession {
  readonly #options: ClientSessionOptions;
  readonly #policy: Policy;
  readonly #replies: ReplyReader;
  readonly #state: SecurityState<Waiting>;
  /** The last PROT, while it waits. */
  #prot: Waiting | undefined;
  /** A protected upload that waits. */
  #upload: Waiting | undefined;
  #unprotector: ReplyUnprotector;
  #greeted = false;
  readonly #maxSecurityData: number;
  /** Octets of security data that the exchange has brought. */
  #exchanged = 0;
  /** The reply that asks for the exchange's next step. */
  #due: ReplyEvent | undefined;
  /** What the mechanism gave before the server has said that the exchange is complete. */
  #early: SecurityContext | undefined;
  /** The reply that completed the exchange, to be given once the context is there. */
  #completed: ReplyEvent | undefined;
  #closed = false;

  constructor(options: ClientSessionOptions = {}) {
    const { ccc = true, require, requireSecurity, tolerate, maxLine, maxReply } = options;
    this.#options = options;
    this.#maxSecurityData = limitOf(options.maxSecurityData, DEFAULT_MAX_SECURITY_DATA, 'maxSecurityData');
    this.#policy = {
      ccc: ccc ? 'allowed' : 'refused',
      ...(require !== undefined && { require }),
      ...(requireSecurity !== undefined && { requireSecurity }),
    };
    this.#replies = new ReplyReader({
      ...(maxLine !== undefined && { maxLine }),
      ...(maxReply !== undefined && { maxReply }),
      bareLf: tolerate === undefined || tolerate.includes('bare-lf'),
    });
    this.#state = new SecurityState(options);
    this.#unprotector = new ReplyUnprotector(this.#state, options, this.#policy);
  }

  /** Where the control connection stands (§9). */
  get phase(): Phase {
    return this.#state.phase;
  }

  /** The level of data connections, as PROT has settled it. */
  get protection(): ProtectionLevel {
    return this.#state.protection;
  }

  /** The protection buffer, as PBSZ has settled it: octets; undefined before. */
  get bufferSize(): number | undefined {
    return this.#state.bufferSize;
  }

  /** What the exchange has found out. */
  get facts(): ExchangeFacts {
    return this.#state.facts;
  }

  /** Whether security data waits for `proceed` or `abandon`. Meanwhile nothing is read and nothing may be sent. */
  get paused(): boolean {
    return this.#due !== undefined;
  }

  /** Commands that wait for their final reply, oldest first. */
  get pending(): readonly Command[] {
    return this.#state.pending.all.map(({ command }) => command);
  }

  /**
   * Sends one command, protected as it owes it.
   * @param octets  of the command; its CRLF may be left out. ADAT goes by `proceed`
   * @param level  default that of the options, and `clear` after CCC. PASS and ACCT go at the strongest level in any case
   * @returns octets for the server
   * @throws RangeError for what is no command, and for MIC, CONF, ENC and ADAT; FtpSecurityError, side local, for what
   *   may not be sent now. Nothing has changed then.
   */
  send(octets: Uint8Array, level?: ProtectionLevel): Uint8Array {
    const request = ofCaller(octets, verb => this.#levelFor(verb, level));
    this.#assertMaySend(request);
    const { level: at } = request;
    if (this.#upload !== undefined && couldBecomeBlock(request)) this.#state.skipNumber();
    if (request.verb === 'ABOR' && this.#upload !== undefined) this.#state.abortWriter();
    const sent = at === 'clear' ? withCrlf(octets) : protectCommand(this.#state.control!, at, octets);
    this.#add(request);
    return sent;
  }

  /**
   * Whether a command may be sent now; nothing changes.
   * @throws RangeError, FtpSecurityError as {@link send}
   */
  check(octets: Uint8Array, level?: ProtectionLevel): void {
    this.#assertMaySend(ofCaller(octets, verb => this.#levelFor(verb, level)));
  }

  /** Takes octets that the server sent, in chunks of any size; they are copied. */
  receive(chunk: Uint8Array): void {
    if (!this.#closed) this.#replies.push(chunk);
  }

  /**
   * What the server said next; undefined when more octets are needed, or while `paused`.
   * @throws FtpSecurityError for what may not be believed: `sequence/unprotected`, `sequence/wrong-level`,
   *   `sequence/no-context`, `sequence/unexpected-reply` (also where a line may have been inserted: see
   *   `allowInsertedLines`), what ReplyReader and ProtectedReplyReader throw; the session is closed then, since nobody knows
   *   any more what the server said, and every later call throws `sequence/closed`
   */
  next(): ClientEvent | undefined {
    return this.#closing(() => {
      const completed = this.#completed;
      this.#completed = undefined;
      return completed ?? this.#read();
    });
  }

  /**
   * Goes on with the exchange.
   * @param step  what the mechanism gave for the security data
   * @returns the ADAT line for the server; undefined when the exchange is complete, and the context in force: `next` then
   *   gives the reply that completed it
   * @throws RangeError when no security data waits; FtpSecurityError when the two sides disagree about whether the
   *   exchange is complete (§3, ADAT), `security/weak`, `security/level-unsupported`; the session is closed then
   */
  proceed({ token, context, facts }: Step): Uint8Array | undefined {
    const due = this.#due;
    if (due === undefined) throw new RangeError('no security data waits');
    return this.#closing(() => {
      this.#state.recordFacts(facts);
      if (context !== undefined) this.#judge(context);
      if (isComplete(due)) {
        if (token !== undefined) throw unexpected('the server ends the exchange, and the mechanism has more to say');
        this.#complete(context);
        this.#completed = due;
        return undefined;
      }
      if (token === undefined) throw unexpected('the server wants security data, and the mechanism has none');
      if (this.#replies.pending) throw unexpected('a reply before the security data that it would answer');
      const line = formatAdat(token);
      this.#due = undefined;
      this.#early = context ?? this.#early;
      this.#unprotector = new ReplyUnprotector(this.#state, this.#options, this.#policy, this.#early);
      this.#state.pending.add({ verb: 'ADAT', level: 'clear', command: parseCommand(line) });
      return line;
    });
  }

  /**
   * Gives the exchange up. Where the server has said that it is complete, nothing can go on, and the session is closed;
   * else commands go in the clear again, and AUTH may be tried with another mechanism.
   */
  abandon(): void {
    const due = this.#due;
    if (due === undefined) throw new RangeError('no security data waits');
    this.#due = undefined;
    this.#state.reset();
    this.#forget();
    if (isComplete(due)) this.#closed = true;
  }

  /** Tells that the input has ended. @throws FtpSecurityError `syntax/truncated` within a line or a reply */
  close(): void {
    if (this.#closed) return;
    this.#closing(() => {
      this.#replies.close();
      this.#unprotector.close();
    });
    this.#closed = true;
  }

  /** Forgets the keys; transfers that go on can't. */
  destroy(): void {
    this.#closed = true;
    this.#early?.destroy();
    this.#state.destroy();
  }

  /** For the next transfer to the server. @throws FtpSecurityError `syntax/limit-exceeded` when no block fits the buffer */
  dataWriter(): BlockWriter {
    return this.#state.dataWriter();
  }

  /** For the next transfer from the server. */
  dataReader(options?: Pick<BlockReaderOptions, 'interleaved'>): BlockReader {
    return this.#state.dataReader('server', options);
  }

  // Commands

  #levelFor(verb: string, level: ProtectionLevel | undefined): ProtectionLevel {
    const { levels, phase } = this.#state;
    const best = strongest(levels);
    if (best === undefined) return level ?? 'clear';
    if (commandFacts(verb).password) return best;
    return level ?? (phase === 'cleared' ? 'clear' : (this.#options.level ?? best));
  }

  #assertMaySend(request: Waiting): void {
    this.#assertOpen();
    const facts = commandFacts(request.verb);
    if (this.paused || this.#state.pending.blocked) {
      throw new FtpSecurityError('sequence/unexpected-command', 'the exchange, or REIN, is not finished', LOCAL);
    }
    const refusal = refusalOf(request, this.#state, this.#policy, 'local') ?? this.#bufferTooSmall(request);
    if (refusal !== undefined) throw refusal;
    if (this.#upload !== undefined && couldBecomeBlock(request) && facts.duringTransfer === undefined) {
      const message = `${request.verb} could be moved into the file that is being sent: wait for the final reply to ${this.#upload.verb}`;
      throw new FtpSecurityError('sequence/unexpected-command', message, LOCAL);
    }
    const readable = facts.password === true && !factsOf(request.level).confidentiality;
    if (readable && this.#options.allowClearPassword !== true) {
      throw new FtpSecurityError(
        'sequence/unprotected',
        `refusing to send ${request.verb} without encryption (set allowClearPassword to permit it)`,
        LOCAL,
      );
    }
  }

  /** What PROT asks for, and what a transfer has, must fit into the protection buffer. */
  #bufferTooSmall({ verb, protection = this.protection }: Waiting): FtpSecurityError | undefined {
    if (verb !== 'PROT' && !isTransfer(verb)) return undefined;
    return this.#state.bufferTooSmall(protection, this.bufferSize, LOCAL);
  }

  #add(request: Waiting): void {
    this.#state.pending.add(request);
    if (request.protection !== undefined) this.#prot = request;
    const levels = [this.protection, this.#prot?.protection ?? 'clear'];
    if (levels.some(level => sharesNumbers(request.verb, 'client', level))) this.#upload = request;
  }

  // Replies

  #read(): ClientEvent | undefined {
    while (!this.paused) {
      const outer = this.#nextOuter();
      if (outer === undefined) return undefined;
      const reply = this.#unprotector.open(outer, code => this.#state.pending.answering(code));
      if (reply !== undefined) return this.#take(reply);
    }
    return undefined;
  }

  #nextOuter(): Reply | undefined {
    try {
      return this.#replies.next();
    } catch (error) {
      throw this.#unprotector.unreadable(error);
    }
  }

  /** A reply that may be believed. */
  #take({ inner: reply, ...seen }: UnprotectedReply): ClientEvent {
    const { code } = reply;
    const request = this.#answeredBy(code);
    if (this.#options.allowInsertedLines !== true) assertNothingInserted(reply, seen.level, request);
    const event: ReplyEvent = { type: 'reply', reply, ...seen, command: request?.command };
    if (request === undefined || code < 200) return event;
    if (exchangeReply(code)?.verb === request.verb) return this.#exchange(event, request);
    if (commandFacts(request.verb).exchange && code < 400) throw unexpected(`${code} answers ${request.verb}`);
    if (request.verb === 'PBSZ' && code < 300) this.#resize(event, request);
    this.#settle(request, code);
    return event;
  }

  /** The server may take a smaller buffer than it was asked for (§3, PBSZ). */
  #resize(event: ReplyEvent, request: CommandRequest): void {
    const deviations = new Deviations(this.#options);
    request.bufferSize = Math.min(request.bufferSize!, parsePbszReply(event.reply, deviations) ?? request.bufferSize!);
    event.tolerated = [...new Set([...event.tolerated, ...deviations.seen])];
  }

  /** Replies come in the order of the commands, behind the greeting (RFC 959 §5.4). */
  #answeredBy(code: number): Waiting | undefined {
    const { oldest } = this.#state.pending;
    const verb = verbAnsweredBy(code);
    if (verb !== undefined && verb !== oldest?.verb) throw unexpected(`${code}, and no ${verb} waits for it`);
    const greets = !this.#greeted && (code === 120 || code === 220);
    if (code >= 200) this.#greeted = true;
    if (greets) return undefined;
    return this.#state.answer(code) ?? oldest;
  }

  #settle(request: Waiting, code: number): void {
    if (request === this.#prot) this.#prot = undefined;
    if (request === this.#upload) this.#upload = undefined;
    this.#state.settle(request, code);
    if (this.#state.control === undefined) this.#forget();
  }

  /** AUTH or ADAT was accepted. AUTH ends what was at once; what 234 and 235 begin takes effect with the context. */
  #exchange(event: ReplyEvent, request: Waiting): ClientEvent {
    const { reply } = event;
    const { token, tolerated } = parseAdatReply(reply, this.#options);
    event.tolerated = [...new Set([...event.tolerated, ...tolerated])];
    if (request.verb === 'AUTH') {
      this.#settle(request, 334);
      this.#exchanged = 0;
    }
    this.#exchanged += token?.length ?? 0;
    if (this.#exchanged > this.#maxSecurityData) {
      throw new FtpSecurityError('syntax/limit-exceeded', 'more security data than maxSecurityData');
    }
    const complete = isComplete(event);
    if (complete && this.#early !== undefined) {
      if (token !== undefined && token.length > 0) throw unexpected('security data behind the end of the exchange');
      this.#complete(this.#early);
      return event;
    }
    this.#due = event;
    return { type: 'security-data', token, complete, reply, tolerated: event.tolerated };
  }

  #complete(context: SecurityContext | undefined): void {
    if (context === undefined) {
      throw new FtpSecurityError('sequence/no-context', 'the server ends the exchange before the mechanism does');
    }
    this.#due = undefined;
    this.#early = undefined;
    this.#state.establish(context, 'server');
    this.#unprotector = new ReplyUnprotector(this.#state, this.#options, this.#policy);
  }

  /** Holds a new context against policy. */
  #judge(context: SecurityContext): void {
    const policyError = contextRefusal(context, this.facts, this.#options);
    if (policyError === undefined) return;
    context.destroy();
    throw policyError;
  }

  #forget(): void {
    this.#early?.destroy();
    this.#early = undefined;
    this.#unprotector = new ReplyUnprotector(this.#state, this.#options, this.#policy);
  }

  #closing<T>(work: () => T): T {
    this.#assertOpen();
    try {
      return work();
    } catch (error) {
      if (error instanceof FtpSecurityError) this.#closed = true;
      throw error;
    }
  }

  #assertOpen(): void {
    if (this.#closed) throw new FtpSecurityError('sequence/closed', 'the session is closed', LOCAL);
  }
}

function isComplete({ reply: { code } }: ReplyEvent): boolean {
  return exchangeReply(code)?.completes === true;
}

function unexpected(why: string): FtpSecurityError {
  return new FtpSecurityError('sequence/unexpected-reply', why);
}

/**
 * RFC 2228 binds no reply to its command. Whoever inserts a line makes a server that is asked nothing refuse it, so that one
 * reply more comes than was asked for: by 533, 535 or 537, or where no command waits.
 */
function assertNothingInserted(reply: Reply, level: ProtectionLevel, request: Waiting | undefined): void {
  if (request === undefined && level !== 'clear' && reply.code !== 421) {
    throw unexpected(`a protected reply that answers no command: ${quote(reply)}`);
  }
  if (request !== undefined && request.level !== 'clear' && SECURITY_REFUSALS.has(reply.code)) {
    throw unexpected(
      `the server refuses the protected ${request.verb}, or what somebody has inserted: ${quote(reply)}`,
    );
  }
}

/** Reads what the caller wants sent: if that can't be read, it is the caller's fault. */
function ofCaller(octets: Uint8Array, levelFor: (verb: string) => ProtectionLevel): Waiting {
  try {
    const command = parseCommand(octets);
    const { verb } = command;
    if (verb === 'ADAT' || levelOfVerb(verb) !== undefined) throw new RangeError(`${verb} is the session's to send`);
    return { ...commandRequest(command, levelFor(verb)), command };
  } catch (error) {
    if (!(error instanceof FtpSecurityError)) throw error;
    throw new RangeError(`nothing to send: ${error.message}`);
  }
}
