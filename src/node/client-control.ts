/** The client's control connection as a stream: commands are written in the clear, and verified inner replies are read. */
import { LF } from '../bytes.js';
import { FtpSecurityError } from '../errors.js';
import { type Command, CommandReader } from '../ftp/command.js';
import { commandFacts, isTransfer } from '../ftp/commands.js';
import type { Reply } from '../ftp/reply.js';
import type { ChannelEnds, Exchange } from '../protection/mechanism.js';
import { factsOf, type ProtectionLevel, type TokenLevel } from '../protection/protection-level.js';
import { formatAuth, formatPbsz, formatProt } from '../protection/security-data.js';
import { ClientSession } from '../session/client.js';
import type { ClientEvent, ClientSessionOptions, ReplyEvent } from '../session/events.js';
import { quote } from '../session/quote.js';
import { channelOf } from './channel.js';
import { nodeCiphers } from './kerberos-ciphers.js';
import { type AnySocket, closed, SocketStream } from './socket-stream.js';
import { stepInTime, timedOut, timeoutOf, Watch, withTimeout } from './timeout.js';

/** Options of {@link ClientControl}. Times are in milliseconds. */
export interface ClientControlOptions extends ClientSessionOptions {
  /** The mechanism name for AUTH, e.g. `GSSAPI`. */
  mechanism: string;
  /** The client's side of the exchange, e.g. a `krb5Initiator`. If its options name no ciphers, it gets `nodeCiphers`. */
  exchange: Exchange;
  /** The level of data connections, for PROT. Default: the strongest level with integrity that the mechanism supports. */
  protection?: ProtectionLevel;
  /** The protection buffer to request by PBSZ, in octets. Default 64 KiB. */
  bufferSize?: number;
  /** Whether the server's greeting has been read already. Default false: it is awaited before AUTH is sent. */
  greeted?: boolean;
  /**
   * Whether the mechanism gets the addresses of the connection, for channel bindings (RFC 2228 appendix I). Default true. Set
   * it to false behind address translation, where the two sides see different addresses.
   */
  channelBindings?: boolean;
  /**
   * Called for each reply before its octets can be read: an event of type `reply`, with its `level`, its `sequence`, the tolerated
   * deviations and the command that it answers. For the security data in a reply of the exchange, an event of type `security-data`.
   */
  replied?: (event: ClientEvent) => void;
  /**
   * Limit for each reply of the server, for each step of the exchange, and for the call of `start` once a command is written. 0
   * means no limit. Default 30 s.
   */
  timeout?: number;
  /**
   * Limit for all of `start`: greeting, exchange, PBSZ and PROT, however many replies they take. 0 means no limit. Default 2
   * minutes: enough for some rounds with a slow server, or a person who must enter a PIN.
   */
  startTimeout?: number;
}

const DEFAULT_BUFFER = 0x1_0000;
const DEFAULT_TIMEOUT = 30_000;
const DEFAULT_START_TIMEOUT = 120_000;
const CLOSED = 'the control connection was closed';

/**
 * The client's control connection as a stream. Write commands in the clear, each with its line end; read verified replies in the
 * clear, with code and CR LF. `start` does the exchange (RFC 2228 §3); commands written before it is complete wait. The greeting is
 * read too, before all other replies; it is not verified, as nothing protects it.
 *
 * Errors destroy the stream, but not those that `write` throws for a command that may not be sent: nothing of it has been sent,
 * and the stream continues. AUTH and REIN may not be sent, since no reply after them could be verified.
 *
 * The end of the connection is an error if a command other than QUIT still waits for its reply, and the server has not sent 421:
 * anybody on the way can end a connection.
 * @example
 * const exchange = krb5Initiator({ credentials, service: 'ftp@ftp.example.org' });
 * const control = new ClientControl(connect(21, 'ftp.example.org'), { mechanism: 'GSSAPI', exchange });
 * await control.start(); // greeting, AUTH, ADAT, PBSZ, PROT
 * control.on('data', octets => console.log(octets.toString()));
 * control.write('USER user\r\n'); // sent as ENC
 */
export class ClientControl extends SocketStream {
  /** The session: levels, facts, readers and writers of data connections. Do not send commands with it. */
  readonly session: ClientSession;
  readonly #options: ClientControlOptions;
  readonly #channel: ChannelEnds;
  readonly #timeout: number;
  readonly #startTimeout: number;
  readonly #commands = new CommandReader({ bareLf: false });
  /** Resolves what `start` waits for. */
  #wake: { resolve: () => void; reject: (error: Error) => void } | undefined;
  #startCalled = false;
  #started = false;
  /** Whether the next octets that `_write` gets are protected already. */
  #isProtected = false;
  /** Sends what was written before the exchange was complete. */
  #deferred: (() => void) | undefined;
  /** Limits the time to the next reply. */
  readonly #watch = new Watch(() => this.destroy(timedOut(this.#startCalled ? 'a reply of the server' : 'start()')));
  /** How many commands wait for their final reply. */
  #unanswered = 0;
  /** Whether the server has announced the end of the connection (421). */
  #hasEnded = false;
  /** The error of a connection that ended before a reply. */
  #cut: Error | undefined;
  /** The current transfer: its 1yz reply was received, and its duration is unknown. */
  #transfer: Command | undefined;

  /**
   * @throws TypeError for a missing mechanism or exchange, and if a limit is not a number; RangeError if it is out of range, and
   *   for a level that does not exist
   */
  constructor(socket: AnySocket, options: ClientControlOptions) {
    const { mechanism, exchange, protection = 'clear' } = options;
    if (typeof mechanism !== 'string') throw new TypeError('mechanism must be the name for AUTH, e.g. GSSAPI');
    if (typeof exchange?.step !== 'function')
      throw new TypeError("exchange must be the client's side of an exchange, as krb5Initiator returns");
    factsOf(protection);
    super(socket, false);
    socket.setNoDelay?.(true); // A command is written whole, and its reply is waited for.
    // A connection that fails before `start` is an error of `start`: as an event that nothing listens to, it would end the process.
    socket.on('error', () => {});
    this.session = new ClientSession(options);
    this.#options = options;
    this.#channel = options.channelBindings === false ? {} : channelOf(socket, 'client');
    this.#timeout = timeoutOf(options.timeout, DEFAULT_TIMEOUT, 'timeout');
    this.#startTimeout = timeoutOf(options.startTimeout, DEFAULT_START_TIMEOUT, 'startTimeout');
  }

  /**
   * Reads the greeting, does the exchange (RFC 2228 §3, AUTH and ADAT), and sets the level of data connections (PBSZ and PROT).
   * Nothing else may listen to the socket.
   * @throws FtpSecurityError `sequence/unexpected-reply` if the server refuses, `sequence/closed` if it closes the connection, and
   *   the errors of the session and the exchange; Error `ETIMEDOUT` if a reply takes too long, and the errors of the socket, also those
   *   before this call. The stream is then destroyed. Nothing needs to listen to `error` for that. RangeError if it is called again
   */
  async start(): Promise<void> {
    if (this.#startCalled) throw new RangeError('start was called already');
    this.#startCalled = true;
    this.#watch.pause();
    // It is thrown here: as an event that nothing listens to, it would end the process.
    const isThrown = () => {};
    this.on('error', isThrown);
    this.attach();
    try {
      await withTimeout(this.#startTimeout, 'the security data exchange', this.#secure());
    } catch (error) {
      this.destroy(error as Error);
      throw error;
    }
    this.off('error', isThrown);
    this.#started = true;
    this.#deferred?.();
    if (!this.destroyed) this.#deliverReplies();
  }

  /**
   * Writes commands. A command may be split over several chunks; it is sent when it is complete.
   * @throws RangeError, FtpSecurityError for a command that may not be sent: all commands of this chunk are dropped, and the
   *   stream continues
   */
  override write(
    chunk: unknown,
    encoding?: BufferEncoding | ((error: Error | null | undefined) => void),
    done?: (error: Error | null | undefined) => void,
  ): boolean {
    const callback = typeof encoding === 'function' ? encoding : done;
    const octets =
      typeof chunk === 'string' ? Buffer.from(chunk, typeof encoding === 'string' ? encoding : 'utf8') : chunk;
    const commands = this.destroyed || this.writableEnded ? [] : this.#completed(octets as Uint8Array);
    const [first] = commands;
    // Most commands come alone: one that goes at once need not be checked before.
    const isAlone = commands.length === 1 && this.#started && this.writableLength === 0 && this.writableCorked === 0;
    const sent = isAlone ? this.#sendAtOnce(first!) : undefined;
    if (!isAlone) for (const command of commands) this.#assertSendable(command);
    this.#isProtected = sent !== undefined;
    return super.write(sent ?? joined(commands.map(({ raw }) => raw)), callback);
  }

  override end(chunk?: unknown, encoding?: BufferEncoding | (() => void), done?: () => void): this {
    const callback = [chunk, encoding, done].find(it => typeof it === 'function') as (() => void) | undefined;
    if (chunk !== undefined && chunk !== null && typeof chunk !== 'function')
      this.write(chunk, typeof encoding === 'string' ? encoding : undefined);
    return super.end(callback);
  }

  override _write(lines: Uint8Array, encoding: BufferEncoding, done: (error?: Error) => void): void {
    if (!this.#started) {
      this.#deferred = () => this._write(lines, encoding, done);
      // A caller who has forgotten it would wait for ever.
      if (!this.#startCalled && this.#timeout > 0) this.#watch.set(performance.now() + this.#timeout);
      return;
    }
    try {
      const octets = this.#isProtected ? lines : this.#protect(lines);
      this.#isProtected = false;
      this.send(octets, done);
    } catch (error) {
      done(error as Error);
    }
  }

  override _final(done: (error?: Error) => void): void {
    try {
      this.#commands.close();
      this.sendEnd(new Uint8Array(), done);
    } catch (error) {
      done(error as Error);
    }
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#watch.stop();
    this.#wake?.reject(error ?? closed(CLOSED));
    // The socket is closed first, since `association` of the caller may throw.
    super._destroy(error, () => {
      this.#options.exchange.destroy?.();
      // After a regular end, a transfer may still be read to its end, so the session keeps its keys.
      if (!this.readableEnded) this.session.destroy();
      done(error);
    });
  }

  protected override received(chunk: Uint8Array): void {
    this.session.receive(chunk);
    if (this.#started) this.#deliverReplies();
    else this.#wake?.resolve();
  }

  protected override receivedEnd(): void {
    this.session.close();
    if (!this.#started) throw closed(this.#unfinished());
    this.#watch.stop();
    // Nothing protects the end of a connection: without an error, a missing reply would look as if none was due.
    const [command] = this.session.pending;
    if (command === undefined || command.verb === 'QUIT' || this.#hasEnded) this.push(null);
    else {
      this.#cut = closed(`the server closed the connection before its reply to ${command.verb}`);
      if (this.readableLength === 0) throw this.#cut;
    }
  }

  /** The error of the end comes behind the replies that have come before it: to destroy the stream would drop them. */
  override read(size?: number) {
    const octets = super.read(size);
    if (this.#cut !== undefined && this.readableLength === 0) process.nextTick(() => this.destroy(this.#cut));
    return octets;
  }

  // `start`: greeting, exchange, PBSZ, PROT

  #unfinished(): string {
    const [command] = this.session.pending;
    const due = command === undefined ? 'its greeting' : `its reply to ${command.verb}`;
    return `the server closed the connection during the security data exchange, before ${due}: its log may say why`;
  }

  async #secure(): Promise<void> {
    if (this.#options.greeted !== true) await withTimeout(this.#timeout, 'the greeting', this.#greeting());
    const strongest = await this.#exchange();
    await this.#setProtection(this.#options.protection ?? strongest);
  }

  async #greeting(): Promise<void> {
    for (;;) {
      const { reply } = await this.#awaitEventInTime();
      this.deliver(reply.raw);
      if (reply.code >= 300) throw refusal('service', reply);
      if (reply.code >= 200) return;
    }
  }

  /** @returns the strongest level with integrity that the mechanism supports */
  async #exchange(): Promise<TokenLevel> {
    const { mechanism, exchange } = this.#options;
    let strongest: TokenLevel = 'safe';
    this._read(); // A long greeting that is not read yet has paused the socket.
    this.send(this.session.send(formatAuth(mechanism)));
    let event = await this.#awaitEventInTime();
    while (event.type === 'security-data') {
      this.pauseSocket(); // The server must wait for the next token.
      const step = await stepInTime(this.#timeout, exchange.step(event.token, this.#channel, nodeCiphers));
      this._read();
      if (step.context?.supports('private')) strongest = 'private';
      const line = this.session.proceed(step);
      if (line !== undefined) this.send(line);
      event = await this.#awaitEventInTime();
    }
    if (this.session.phase !== 'secured') throw refusal(event.command?.verb ?? 'AUTH', event.reply);
    return strongest;
  }

  async #setProtection(level: ProtectionLevel): Promise<void> {
    if (level === 'clear') return;
    await this.#request('PBSZ', formatPbsz(this.#options.bufferSize ?? DEFAULT_BUFFER));
    await this.#request('PROT', formatProt(level));
  }

  async #request(verb: string, command: Uint8Array): Promise<void> {
    this.send(this.session.send(command));
    const { reply } = await this.#awaitEventInTime();
    if (reply.code < 200 || reply.code >= 300) throw refusal(verb, reply);
  }

  /** The next event, with a timeout. */
  #awaitEventInTime(): Promise<ClientEvent> {
    return withTimeout(this.#timeout, 'a reply of the server', this.#awaitEvent());
  }

  async #awaitEvent(): Promise<ClientEvent> {
    for (;;) {
      if (this.destroyed) throw this.errored ?? closed(CLOSED);
      const event = this.#takeEvent();
      if (event !== undefined) return event;
      await new Promise<void>((resolve, reject) => {
        this.#wake = { resolve, reject };
      });
      this.#wake = undefined;
    }
  }

  // Commands and replies after `start`

  /** The commands that a chunk completes. @throws FtpSecurityError if a line is not a command */
  #completed(chunk: Uint8Array): Command[] {
    this.#commands.push(chunk);
    const commands: Command[] = [];
    let refused: unknown;
    for (let more = true; more; ) {
      try {
        const command = this.#commands.next();
        more = command !== undefined;
        if (command !== undefined) commands.push(command);
      } catch (error) {
        refused ??= error;
      }
    }
    if (refused !== undefined) throw refused;
    return commands;
  }

  #assertSendable(command: Command): void {
    this.#attemptToSend(command, raw => this.session.check(raw));
  }

  /** @returns the protected command; undefined after the server has ended */
  #sendAtOnce(command: Command): Uint8Array | undefined {
    return this.#attemptToSend(command, raw => this.#awaited([this.session.send(raw)]));
  }

  #attemptToSend<T>({ verb, raw }: Command, work: (raw: Uint8Array) => T): T | undefined {
    // This stream can't start a second exchange.
    if (commandFacts(verb).resets) {
      throw new FtpSecurityError(
        'sequence/unexpected-command',
        `${verb} can't be sent after the exchange: open another connection`,
        { side: 'local' },
      );
    }
    try {
      return work(raw);
    } catch (error) {
      // An invalid command is always an error. Other errors may disappear when the exchange is complete; and after the server
      // has ended, the write fails later, as with other streams.
      const ended = error instanceof FtpSecurityError && error.code === 'sequence/closed';
      if (error instanceof RangeError || (this.#started && !ended)) throw error;
      return undefined;
    }
  }

  /** Protects whole lines, one command each. */
  #protect(lines: Uint8Array): Uint8Array {
    const octets: Uint8Array[] = [];
    for (let at = 0, end: number; at < lines.length; at = end) {
      end = lines.indexOf(LF, at) + 1;
      octets.push(this.session.send(lines.subarray(at, end)));
    }
    return this.#awaited(octets);
  }

  /** Joins commands, whose replies are waited for from now on. */
  #awaited(commands: readonly Uint8Array[]): Uint8Array {
    const wasIdle = this.#unanswered === 0;
    this.#unanswered += commands.length;
    if (wasIdle) this.#restartTimer(); // A further command must not extend the limit of an earlier one.
    return joined(commands);
  }

  #deliverReplies(): void {
    for (let event = this.#takeEvent(); event !== undefined; event = this.#takeEvent()) {
      const { reply, command } = event as ReplyEvent;
      this.deliver(reply.raw);
      if (reply.code === 421) this.#hasEnded = true;
      // Only transfers have preliminary replies (RFC 959 §5.4): others don't restart the timeout.
      if (reply.code < 200 && !isTransfer(command?.verb ?? '')) continue;
      if (reply.code < 200) this.#transfer = command;
      else if (command !== undefined) this.#answered(command);
      this.#restartTimer();
    }
  }

  #takeEvent(): ClientEvent | undefined {
    const event = this.session.next();
    if (event !== undefined) this.#options.replied?.(event);
    return event;
  }

  #answered(command: Command): void {
    this.#unanswered--;
    if (command === this.#transfer) this.#transfer = undefined;
  }

  /** Limits the time to the next reply, if a command waits for one and no transfer is running. */
  #restartTimer(): void {
    if (this.#timeout === 0 || this.#transfer !== undefined || this.#unanswered === 0) this.#watch.pause();
    else this.#watch.set(performance.now() + this.#timeout);
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
}

function refusal(what: string, reply: Reply): FtpSecurityError {
  return new FtpSecurityError('sequence/unexpected-reply', `the server refused ${what}: ${quote(reply)}`);
}
