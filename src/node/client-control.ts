/** The client's end of a control connection as a stream: commands are written in the clear, inner replies are read. */
import { LF } from '../bytes.js';
import { FtpSecurityError } from '../errors.js';
import { type Command, CommandReader } from '../ftp/command.js';
import { commandFacts, isTransfer } from '../ftp/commands.js';
import type { Reply } from '../ftp/reply.js';
import type { ChannelEnds, Exchange } from '../protection/mechanism.js';
import type { ProtectionLevel, TokenLevel } from '../protection/protection-level.js';
import { formatAuth, formatPbsz, formatProt } from '../protection/security-data.js';
import { ClientSession } from '../session/client.js';
import type { ClientEvent, ClientSessionOptions, ReplyEvent } from '../session/events.js';
import { quote } from '../session/quote.js';
import { channelOf } from './channel.js';
import { type AnySocket, OverSocket } from './over-socket.js';
import { timedOut, timeLimitOf, within } from './time-limit.js';

export interface ClientControlOptions extends ClientSessionOptions {
  /** The name for AUTH, e.g. `GSSAPI`. */
  mechanism: string;
  /** The client's side of the exchange, e.g. a `krb5Initiator`. */
  exchange: Exchange;
  /** The level of data connections, for PROT. Default: the strongest with integrity that the mechanism has. */
  protection?: ProtectionLevel;
  /** The protection buffer to ask for by PBSZ, in octets. Default 64 KiB. */
  bufferSize?: number;
  /** Whether the greeting of the server has been read already. Default false: it comes first, before AUTH is sent. */
  greeted?: boolean;
  /**
   * Tell the mechanism the addresses of the connection, so that it binds itself to them (RFC 2228 appendix I). Default true; false
   * where addresses are translated on the way, and the two sides see others.
   */
  channelBindings?: boolean;
  /**
   * Hears of each reply before its octets can be read, those of the exchange too: what vouches for it (`level`), `sequence`, the
   * deviations that were tolerated, and the command that it answers.
   */
  replied?: (event: ClientEvent) => void;
  /** How long any answer may take, in milliseconds: of the server, and of the exchange. 0 for no limit; default 30 s. */
  timeout?: number;
  /**
   * How long all of `start` may take, in milliseconds: greeting, exchange, PBSZ and PROT, however many answers they have. 0 for
   * no limit. Default 2 minutes: some rounds with a slow server, or a person who is asked for a PIN.
   */
  startTimeout?: number;
}

const DEFAULT_BUFFER = 0x1_0000;
const DEFAULT_TIMEOUT = 30_000;
const DEFAULT_START_TIMEOUT = 120_000;

type Written = (error: Error | null | undefined) => void;

/**
 * Written are commands in the clear, each with its line end; read are replies in the clear, verified: octets with code
 * and CR LF. `start` does the exchange, and what is written before it is done waits. Whatever fails destroys the stream
 * with its error. What may not be sent `write` throws: nothing of it has been sent then, and the stream goes on. AUTH and
 * REIN may not, since nothing could be verified behind them.
 */
export class ClientControl extends OverSocket {
  /** To look at: levels, facts, data connections. Commands and replies go by the stream. */
  readonly session: ClientSession;
  readonly #options: ClientControlOptions;
  readonly #channel: ChannelEnds;
  readonly #timeout: number;
  readonly #startTimeout: number;
  readonly #commands = new CommandReader({ bareLf: false });
  /** What `start` waits for. */
  #wake: { resolve: () => void; reject: (error: Error) => void } | undefined;
  #started = false;
  /** What was written too early. */
  #held: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** Commands that wait for their final reply. */
  #owed = 0;
  /** A transfer that runs: 1yz has come, and nobody knows how long it will take. */
  #transfer: Command | undefined;

  /** @throws RangeError, TypeError for a limit that is none */
  constructor(socket: AnySocket, options: ClientControlOptions) {
    super(socket, false);
    this.session = new ClientSession(options);
    this.#options = options;
    this.#channel = options.channelBindings === false ? {} : channelOf(socket, 'client');
    this.#timeout = timeLimitOf(options.timeout, DEFAULT_TIMEOUT, 'timeout');
    this.#startTimeout = timeLimitOf(options.startTimeout, DEFAULT_START_TIMEOUT, 'startTimeout');
  }

  /**
   * Reads the greeting, does the exchange (RFC 2228 §3, AUTH and ADAT), and settles the level of data connections (PBSZ,
   * PROT). Nobody else may listen to the socket.
   * @throws FtpSecurityError `sequence/unexpected-reply` when the server refuses, and what the session and the exchange
   *   throw; Error when the connection ends or an answer takes too long. The stream is destroyed then
   */
  async start(): Promise<void> {
    this.attach();
    try {
      await within(this.#startTimeout, 'the security data exchange', this.#secure());
    } catch (error) {
      this.destroy(error as Error);
      throw error;
    }
    this.#started = true;
    this.#held?.();
    if (!this.destroyed) this.#pump();
  }

  /**
   * Writes commands; one may come in several chunks, and none is sent before it is whole.
   * @throws RangeError, FtpSecurityError for what may not be sent: the commands of this chunk are forgotten, and the stream
   *   goes on
   */
  override write(chunk: unknown, encoding?: BufferEncoding | Written, done?: Written): boolean {
    const callback = typeof encoding === 'function' ? encoding : done;
    const octets =
      typeof chunk === 'string' ? Buffer.from(chunk, typeof encoding === 'string' ? encoding : 'utf8') : chunk;
    const lines = this.destroyed || this.writableEnded ? [] : this.#sendable(octets as Uint8Array);
    return super.write(Buffer.concat(lines), callback);
  }

  override end(chunk?: unknown, encoding?: BufferEncoding | (() => void), done?: () => void): this {
    const callback = [chunk, encoding, done].find(it => typeof it === 'function') as (() => void) | undefined;
    if (chunk !== undefined && chunk !== null && typeof chunk !== 'function')
      this.write(chunk, encoding as BufferEncoding);
    return super.end(callback);
  }

  override _write(lines: Uint8Array, encoding: BufferEncoding, done: (error?: Error) => void): void {
    if (!this.#started) {
      this.#held = () => this._write(lines, encoding, done);
      return;
    }
    try {
      const octets: Uint8Array[] = [];
      for (let at = 0, end: number; at < lines.length; at = end) {
        end = lines.indexOf(LF, at) + 1;
        octets.push(this.session.send(lines.subarray(at, end)));
        this.#owed++;
      }
      this.#watch();
      this.send(Buffer.concat(octets), done);
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
    clearTimeout(this.#timer);
    this.#options.exchange.destroy?.();
    // At a quiet end a transfer may still be read to its own.
    if (!this.readableEnded) this.session.destroy();
    this.#wake?.reject(error ?? closed());
    super._destroy(error, done);
  }

  protected override received(chunk: Uint8Array): void {
    this.session.receive(chunk);
    if (this.#started) this.#pump();
    else this.#wake?.resolve();
  }

  protected override receivedEnd(): void {
    this.session.close();
    if (!this.#started) throw new Error('the server closed the connection during the security data exchange');
    clearTimeout(this.#timer);
    this.push(null);
  }

  // After the exchange

  /** The commands that a chunk completes, if they may all be sent. */
  #sendable(chunk: Uint8Array): Uint8Array[] {
    this.#commands.push(chunk);
    const lines: Uint8Array[] = [];
    let refused: unknown;
    for (let more = true; more; ) {
      try {
        const command = this.#commands.next();
        more = command !== undefined;
        if (command !== undefined) lines.push(this.#checked(command));
      } catch (error) {
        refused ??= error;
      }
    }
    if (refused !== undefined) throw refused;
    return lines;
  }

  #checked({ verb, raw }: Command): Uint8Array {
    // No other association can follow here.
    if (commandFacts(verb).resets) {
      throw new FtpSecurityError('sequence/unexpected-command', 'the exchange is over', { side: 'local' });
    }
    try {
      this.session.check(raw);
    } catch (error) {
      // What is no command may never be sent. For the rest, nobody knows while the exchange goes on; and where the server has
      // ended, what comes too late is no fault of the writer's, and fails as it does with other streams.
      const ended = error instanceof FtpSecurityError && error.code === 'sequence/closed';
      if (error instanceof RangeError || (this.#started && !ended)) throw error;
    }
    return raw;
  }

  #pump(): void {
    for (let event = this.#next(); event !== undefined; event = this.#next()) {
      const { reply, command } = event as ReplyEvent;
      this.give(reply.raw);
      // Only transfers have preliminary replies (RFC 959 §5.4): others neither end nor renew the limit of time.
      if (reply.code < 200 && !isTransfer(command?.verb ?? '')) continue;
      if (reply.code < 200) this.#transfer = command;
      else if (command !== undefined) this.#answered(command);
      this.#watch();
    }
  }

  #next(): ClientEvent | undefined {
    const event = this.session.next();
    if (event !== undefined) this.#options.replied?.(event);
    return event;
  }

  #answered(command: Command): void {
    this.#owed--;
    if (command === this.#transfer) this.#transfer = undefined;
  }

  /** Limits the time to the next reply, while one is owed and no transfer runs. */
  #watch(): void {
    clearTimeout(this.#timer);
    if (this.#timeout === 0 || this.#transfer !== undefined || this.#owed === 0) return;
    this.#timer = setTimeout(() => this.destroy(timedOut('a reply of the server')), this.#timeout);
  }

  // Up to there

  async #secure(): Promise<void> {
    if (this.#options.greeted !== true) await within(this.#timeout, 'the greeting', this.#greeting());
    const strongest = await this.#exchange();
    await this.#settleProtection(this.#options.protection ?? strongest);
  }

  async #greeting(): Promise<void> {
    for (;;) {
      const { reply } = await this.#event();
      this.give(reply.raw);
      if (reply.code >= 300) throw refusal('service', reply);
      if (reply.code >= 200) return;
    }
  }

  /** @returns the strongest level with integrity that the mechanism has */
  async #exchange(): Promise<TokenLevel> {
    const { mechanism, exchange } = this.#options;
    let strongest: TokenLevel = 'safe';
    this.send(this.session.send(formatAuth(mechanism)));
    let event = await this.#event();
    while (event.type === 'security-data') {
      this.hold(); // The server has nothing to say before the exchange goes on.
      const step = await within(this.#timeout, 'a step of the exchange', exchange.step(event.token, this.#channel));
      this._read();
      if (step.context?.supports('private')) strongest = 'private';
      const line = this.session.proceed(step);
      if (line !== undefined) this.send(line);
      event = await this.#event();
    }
    if (this.session.phase !== 'secured') throw refusal(event.command?.verb ?? 'AUTH', event.reply);
    return strongest;
  }

  async #settleProtection(level: ProtectionLevel): Promise<void> {
    if (level === 'clear') return;
    await this.#settle('PBSZ', formatPbsz(this.#options.bufferSize ?? DEFAULT_BUFFER));
    await this.#settle('PROT', formatProt(level));
  }

  async #settle(verb: string, command: Uint8Array): Promise<void> {
    this.send(this.session.send(command));
    const { reply } = await this.#event();
    if (reply.code < 200 || reply.code >= 300) throw refusal(verb, reply);
  }

  /** What the server says next. */
  #event(): Promise<ClientEvent> {
    return within(this.#timeout, 'a reply of the server', this.#whole());
  }

  async #whole(): Promise<ClientEvent> {
    for (;;) {
      if (this.destroyed) throw this.errored ?? closed();
      const event = this.#next();
      if (event !== undefined) return event;
      await new Promise<void>((resolve, reject) => {
        this.#wake = { resolve, reject };
      });
      this.#wake = undefined;
    }
  }
}

function refusal(what: string, reply: Reply): FtpSecurityError {
  return new FtpSecurityError('sequence/unexpected-reply', `the server refuses ${what}: ${quote(reply)}`);
}

function closed(): Error {
  return new Error('the control connection was closed');
}
