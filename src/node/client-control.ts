/** The client's end of a control connection as a stream: commands are written in the clear, inner replies are read. */
import { FtpSecurityError } from '../errors.js';
import { type Command, CommandReader } from '../ftp/command.js';
import type { ProtectionLevel, TokenLevel } from '../secure/protection-level.js';
import type { ChannelEnds, Exchange } from '../secure/security-context.js';
import { formatAuth, formatPbsz, formatProt } from '../secure/security-data.js';
import { ClientSession } from '../session/client.js';
import type { ClientEvent, ClientSessionOptions, ReplyEvent } from '../session/client-events.js';
import { channelOf } from './channel.js';
import { type AnySocket, OverSocket } from './over-socket.js';
import { timedOut, within } from './time-limit.js';

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
   * Hears of each reply before its octets can be read: what vouches for it (`level`), `sequence`, the deviations that were
   * tolerated, and the command that it answers.
   */
  replied?: (event: ReplyEvent) => void;
  /** How long any answer may take, in milliseconds: of the server, and of the exchange. 0 for no limit; default 30 s. */
  timeout?: number;
}

const DEFAULT_BUFFER = 0x1_0000;
const DEFAULT_TIMEOUT = 30_000;
/** They end the association, and no other can follow here. */
const BEGINS_ANEW: ReadonlySet<string> = new Set(['AUTH', 'REIN']);

/**
 * Written are commands in the clear, each with its line end; read are replies in the clear, verified: octets with code
 * and CR LF. `start` does the exchange, and what is written before it is done waits. Whatever fails destroys the stream
 * with its error; so do AUTH and REIN, behind which nothing could be verified.
 */
export class ClientControl extends OverSocket {
  /** To look at: levels, facts, data connections. Commands and replies go by the stream. */
  readonly session: ClientSession;
  readonly #options: ClientControlOptions;
  readonly #channel: ChannelEnds;
  readonly #timeout: number;
  readonly #commands = new CommandReader();
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

  constructor(socket: AnySocket, options: ClientControlOptions) {
    super(socket, false);
    this.session = new ClientSession(options);
    this.#options = options;
    this.#channel = options.channelBindings === false ? {} : channelOf(socket, 'client');
    this.#timeout = options.timeout ?? DEFAULT_TIMEOUT;
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
      if (this.#options.greeted !== true) await within(this.#timeout, 'the greeting', this.#greeting());
      const strongest = await this.#exchange();
      await this.#settleProtection(this.#options.protection ?? strongest);
    } catch (error) {
      this.destroy(error as Error);
      throw error;
    }
    this.#started = true;
    this.#held?.();
    this.#pump();
  }

  override _write(chunk: Uint8Array, encoding: BufferEncoding, done: (error?: Error) => void): void {
    if (!this.#started) {
      this.#held = () => this._write(chunk, encoding, done);
      return;
    }
    try {
      this.#commands.push(chunk);
      const octets: Uint8Array[] = [];
      for (let command = this.#commands.next(); command !== undefined; command = this.#commands.next()) {
        octets.push(this.#protect(command));
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

  #protect(command: Command): Uint8Array {
    if (BEGINS_ANEW.has(command.verb)) {
      throw new FtpSecurityError('sequence/unexpected-command', 'the exchange is over', { side: 'local' });
    }
    const octets = this.session.send(command.raw);
    this.#owed++;
    return octets;
  }

  #pump(): void {
    for (let event = this.session.next(); event !== undefined; event = this.session.next()) {
      const { reply, command } = this.#told(event as ReplyEvent);
      if (reply.code < 200) this.#transfer = command;
      else if (command !== undefined) this.#answered(command);
      this.#watch();
      this.give(reply.raw);
    }
  }

  #told(event: ReplyEvent): ReplyEvent {
    this.#options.replied?.(event);
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

  async #greeting(): Promise<void> {
    let code = 120;
    while (code < 200) {
      const { reply } = await this.#event();
      code = reply.code;
      this.give(reply.raw);
    }
    if (code >= 300) throw refusal('service', code);
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
    if (this.session.phase !== 'secured') throw refusal(event.command?.verb ?? 'AUTH', event.reply.code);
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
    if (reply.code < 200 || reply.code >= 300) throw refusal(verb, reply.code);
  }

  /** What the server says next. */
  #event(): Promise<ClientEvent> {
    return within(this.#timeout, 'a reply of the server', this.#whole());
  }

  async #whole(): Promise<ClientEvent> {
    for (;;) {
      if (this.destroyed) throw this.errored ?? closed();
      const event = this.session.next();
      if (event?.type === 'reply') return this.#told(event);
      if (event !== undefined) return event;
      await new Promise<void>((resolve, reject) => {
        this.#wake = { resolve, reject };
      });
      this.#wake = undefined;
    }
  }
}

function refusal(what: string, code: number): FtpSecurityError {
  return new FtpSecurityError('sequence/unexpected-reply', `the server refuses ${what}: ${code}`);
}

function closed(): Error {
  return new Error('the control connection was closed');
}
