/**
 * The client's side of a control connection (RFC 2228): commands in, octets for the server out; octets of the server in,
 * replies out, each with the level that its tokens had. It does no I/O and knows no mechanism: when the mechanism has to take a
 * step of the exchange, the session says so and waits.
 */
import { FtpSecurityError } from '../errors.js';
import type { Command } from '../ftp/command.js';
import { commandFacts } from '../ftp/commands.js';
import { type Reply, ReplyReader } from '../ftp/reply.js';
import type { BlockReader, BlockReaderOptions, BlockWriter } from '../protection/data-block.js';
import { Deviations } from '../protection/deviations.js';
import type { ExchangeFacts, Step } from '../protection/mechanism.js';
import type { UnprotectedReply } from '../protection/protect.js';
import type { ProtectionLevel } from '../protection/protection-level.js';
import { exchangeReply, parsePbszReply } from '../protection/security-data.js';
import { ClientExchange } from './client-exchange.js';
import { assertOneOf, assertPolicy, assertTolerance, type Policy, takeStep } from './command-rules.js';
import type { ClientEvent, ClientSessionOptions, ReplyEvent } from './events.js';
import { OutgoingCommands, type SentCommand } from './outgoing-commands.js';
import { quote } from './quote.js';
import { type Phase, sessionClosed, verbAnsweredBy } from './rules.js';
import { SecurityState } from './state.js';
import { ReplyUnprotector } from './unprotect-reply.js';

/** With these a server refuses a token that it can't verify, or that comes at a wrong level (§3, MIC). */
const SECURITY_REFUSALS: ReadonlySet<number> = new Set([533, 535, 537]);

/**
 * A client of a server that may know RFC 2228.
 * @example
 * const session = new ClientSession();
 * socket.write(session.send(formatAuth('GSSAPI')));
 * session.receive(octets); // what has come from the server
 * for (let event = session.next(); event !== undefined; event = session.next()) {
 *   if (event.type === 'reply') console.log(event.reply.code, event.level);
 *   else {
 *     const line = session.proceed(await exchange.step(event.token));
 *     if (line !== undefined) socket.write(line);
 *   }
 * }
 */
export class ClientSession {
  readonly #options: ClientSessionOptions;
  readonly #policy: Policy;
  readonly #replies: ReplyReader;
  readonly #state: SecurityState<SentCommand>;
  readonly #commands: OutgoingCommands;
  readonly #exchange: ClientExchange;
  #unprotector: ReplyUnprotector;
  #greeted = false;
  #closed = false;

  /** @throws TypeError if a limit is not a number, RangeError if it is not a positive integer, and for an unknown level or deviation */
  constructor(options: ClientSessionOptions = {}) {
    const { ccc = true, level, require, requireSecurity, tolerate, maxLine, maxReply } = options;
    this.#options = options;
    this.#policy = {
      ccc: ccc ? 'allowed' : 'refused',
      ...(require !== undefined && { require }),
      ...(requireSecurity !== undefined && { requireSecurity }),
    };
    assertPolicy(this.#policy);
    assertTolerance(options);
    assertOneOf('level', level, ['safe', 'private', 'confidential']);
    this.#replies = new ReplyReader({
      ...(maxLine !== undefined && { maxLine }),
      ...(maxReply !== undefined && { maxReply }),
      bareLf: tolerate === undefined || tolerate.includes('bare-lf'),
    });
    this.#state = new SecurityState(options);
    this.#commands = new OutgoingCommands(this.#state, this.#policy, options);
    this.#exchange = new ClientExchange(this.#state, options);
    this.#unprotector = new ReplyUnprotector(this.#state, options, this.#policy);
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

  /** Whether security data waits for `proceed` or `abandon`. Meanwhile nothing is read and nothing may be sent. */
  get paused(): boolean {
    return this.#exchange.isDue;
  }

  /** Commands that wait for their final reply, oldest first. */
  get pending(): readonly Command[] {
    return Array.from(this.#state.pending.all, ({ command }) => command);
  }

  // Commands

  /**
   * Sends one command, protected as the phase and the options require.
   * @param octets  of the command; its CRLF may be left out. ADAT goes by `proceed`
   * @param level  default that of the options, and `clear` after CCC, except for CCC itself. PASS and ACCT go at the strongest level in any case
   * @returns octets for the server
   * @throws RangeError for what is not a command, and for MIC, CONF, ENC and ADAT; FtpSecurityError, side local, for what
   *   may not be sent now. Nothing has changed then.
   */
  send(octets: Uint8Array, level?: ProtectionLevel): Uint8Array {
    return this.#commands.send(this.#checked(octets, level));
  }

  /**
   * Whether a command may be sent now; nothing changes.
   * @throws RangeError, FtpSecurityError as {@link send}
   */
  check(octets: Uint8Array, level?: ProtectionLevel): void {
    this.#checked(octets, level);
  }

  #checked(octets: Uint8Array, level: ProtectionLevel | undefined): SentCommand {
    const command = this.#commands.read(octets, level);
    this.#assertOpen();
    if (this.paused || this.#state.pending.blocked) {
      const message = 'the exchange, or REIN, is not finished';
      throw new FtpSecurityError('sequence/unexpected-command', message, { side: 'local' });
    }
    this.#commands.assertMaySend(command);
    return command;
  }

  // Replies

  /** Takes octets that the server sent, in chunks of any size; they are copied. */
  receive(chunk: Uint8Array): void {
    if (!this.#closed) this.#replies.push(chunk);
  }

  /**
   * The next event; undefined if more octets are needed, or while `paused`.
   * @throws FtpSecurityError for what can't be trusted: `sequence/unprotected`, `sequence/wrong-level`,
   *   `sequence/no-context`, `sequence/unexpected-reply` (also where a line may have been inserted: see
   *   `allowInsertedLines`), and the errors of ReplyReader and ProtectedReplyReader. It is not known then what the server has
   *   said, so the session is closed, and every later call throws `sequence/closed`
   */
  next(): ClientEvent | undefined {
    return this.#closing(() => this.#exchange.takeCompleted() ?? this.#read());
  }

  /** The input has ended. @throws FtpSecurityError `syntax/truncated` within a line or a reply */
  close(): void {
    if (this.#closed) return;
    this.#closing(() => {
      this.#replies.close();
      this.#unprotector.close();
    });
    this.#closed = true;
  }

  /** Erases the keys, also those of transfers that are not complete. */
  destroy(): void {
    this.#closed = true;
    this.#exchange.forget();
    this.#state.destroy();
  }

  #read(): ClientEvent | undefined {
    while (!this.paused) {
      const outer = this.#nextOuter();
      if (outer === undefined) return undefined;
      const reply = this.#unprotector.open(outer, code => this.#state.pending.commandFor(code));
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

  /** A reply that can be trusted takes effect. */
  #take({ inner: reply, ...seen }: UnprotectedReply): ClientEvent {
    const { code } = reply;
    const request = this.#answeredBy(code);
    if (!this.#options.allowInsertedLines) assertNothingInserted(reply, seen.level, request);
    const event: ReplyEvent = { type: 'reply', reply, command: request?.command, ...seen };
    if (request === undefined || code < 200) return event;
    if (exchangeReply(code)?.verb === request.verb) return this.#accepted(event, request);
    if (commandFacts(request.verb).exchange && code < 400) throw unexpected(`${code} answers ${request.verb}`);
    if (request.verb === 'PBSZ' && code < 300) this.#resize(event, request);
    this.#finish(request, code);
    return event;
  }

  /** The command that a reply answers. Replies come in the order of the commands, after the greeting (RFC 959 §5.4). */
  #answeredBy(code: number): SentCommand | undefined {
    const { oldest } = this.#state.pending;
    const verb = verbAnsweredBy(code);
    if (verb !== undefined && verb !== oldest?.verb) throw unexpected(`${code}, but no ${verb} waits for it`);
    const greets = !this.#greeted && (code === 120 || code === 220);
    if (code >= 200) this.#greeted = true;
    return greets ? undefined : (this.#state.takeReply(code) ?? oldest);
  }

  /** The server may take a smaller buffer than it was asked for (§3, PBSZ). */
  #resize(event: ReplyEvent, request: SentCommand): void {
    const deviations = new Deviations(this.#options);
    request.bufferSize = Math.min(request.bufferSize!, parsePbszReply(event.reply, deviations) ?? request.bufferSize!);
    event.tolerated = [...new Set([...event.tolerated, ...deviations.seen])];
  }

  #finish(request: SentCommand, code: number): void {
    this.#commands.finish(request);
    this.#state.finish(request, code);
    if (this.#state.association !== undefined) return;
    this.#exchange.forget();
    this.#renewUnprotector();
  }

  // The exchange

  /**
   * Goes on with the exchange.
   * @param step  the result of the mechanism for the security data
   * @returns the ADAT line for the server; undefined if the exchange is complete, and the context is used from now on: `next`
   *   then returns the reply that completed it
   * @throws RangeError when no security data waits; FtpSecurityError `sequence/unexpected-reply`, `sequence/no-context` when
   *   the two sides disagree about whether the exchange is complete (§3, ADAT), `security/weak`,
   *   `security/level-unsupported`; the session is closed then
   */
  proceed(step: Step): Uint8Array | undefined {
    this.#assertDue();
    return takeStep(step, () =>
      this.#closing(() => {
        const line = this.#exchange.proceed(step, this.#replies.pending);
        this.#renewUnprotector();
        return line;
      }),
    );
  }

  /**
   * Gives the exchange up. If the server has said that it is complete, nothing can go on, and the session is closed;
   * else commands go in the clear again, and AUTH may be tried with another mechanism.
   * @throws RangeError when no security data waits
   */
  abandon(): void {
    this.#assertDue();
    if (this.#exchange.abandon()) this.#closed = true;
    this.#renewUnprotector();
  }

  #accepted(event: ReplyEvent, request: SentCommand): ClientEvent {
    const next = this.#exchange.accepted(event, request);
    this.#renewUnprotector();
    return next;
  }

  #renewUnprotector(): void {
    this.#unprotector = new ReplyUnprotector(this.#state, this.#options, this.#policy, this.#exchange.early);
  }

  #assertDue(): void {
    if (!this.paused) throw new RangeError('no security data waits');
  }

  // Data connections

  /**
   * For the next transfer to the server.
   * @throws FtpSecurityError as BlockWriter, and `syntax/limit-exceeded` for a buffer below `minPbsz`
   */
  dataWriter(): BlockWriter {
    return this.#state.dataWriter();
  }

  /**
   * For the next transfer from the server. Call it before its final reply is read, which may come together with the 1yz reply: so
   * before the command is sent. The reader refuses blocks before the 1yz reply: push them only after that.
   */
  dataReader(options?: Pick<BlockReaderOptions, 'interleaved'>): BlockReader {
    return this.#state.dataReader('server', options);
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
    if (this.#closed) throw sessionClosed();
  }
}

function unexpected(why: string): FtpSecurityError {
  return new FtpSecurityError('sequence/unexpected-reply', why);
}

/**
 * RFC 2228 binds no reply to its command. A line that somebody inserts makes the server refuse it, although nothing was asked, so
 * that one reply more comes than commands were sent: by 533, 535 or 537, or where no command waits.
 */
function assertNothingInserted(reply: Reply, level: ProtectionLevel, request: SentCommand | undefined): void {
  if (request === undefined && level !== 'clear' && reply.code !== 421) {
    throw unexpected(`a protected reply that answers no command: ${quote(reply)}`);
  }
  if (request !== undefined && request.level !== 'clear' && SECURITY_REFUSALS.has(reply.code)) {
    throw unexpected(
      `the server refuses the protected ${request.verb}, or a line that somebody has inserted: ${quote(reply)}`,
    );
  }
}
