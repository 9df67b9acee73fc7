/** The server's end of a control connection: commands come as they are asked for, replies go at the level they owe. */
import { FtpSecurityError } from '../errors.js';
import { commandFacts } from '../ftp/commands.js';
import type { ChannelEnds, Exchange, Mechanism } from '../protection/mechanism.js';
import { acceptorFor } from '../session/choose-mechanism.js';
import type { AnsweredEvent, CommandEvent, ServerEvent, ServerSessionOptions } from '../session/events.js';
import { ServerSession } from '../session/server.js';
import { channelOf } from './channel.js';
import { type AnySocket, octetsFrom, octetsOf } from './over-socket.js';
import { timedOut, timeLimitOf, until, within } from './time-limit.js';

export interface ServerControlOptions extends Omit<ServerSessionOptions, 'mechanisms' | 'refused'> {
  /**
   * What AUTH may name, e.g. `[krb5({ acceptor: { keytab } })]`. Where several share a name, the client's first token
   * chooses; those without an acceptor are not offered.
   */
  mechanisms: readonly Mechanism[];
  /** Hears of what the session has answered by itself, exchanges that were refused too, e.g. for a log. */
  answered?: (event: AnsweredEvent) => void;
  /**
   * Tell the mechanism the addresses of the connection, so that it binds itself to them (RFC 2228 appendix I). Default true; false
   * where addresses are translated on the way, and the two sides see others.
   */
  channelBindings?: boolean;
  /**
   * How long a client may be idle, take to read its replies, or the exchange take for a step: milliseconds, 0 for no limit.
   * Idle is who has not finished a command; octets of one do not count. Default 5 minutes (RFC 1123 §4.1.3.2).
   */
  timeout?: number;
  /**
   * How long a client may take to log in, exchange and all: until USER, PASS or ACCT gets a 2yz reply, and again behind each
   * association that begins or ends. Milliseconds, 0 for no limit. The time that the server takes for its replies counts, but
   * nobody is cut off while they are owed. Default 2 minutes, as OpenSSH has it: a person may have to type a password.
   */
  loginTimeout?: number;
}

const DEFAULT_TIMEOUT = 300_000;
const DEFAULT_LOGIN_TIMEOUT = 120_000;

/**
 * An iteration over the commands of one client; AUTH, ADAT, PBSZ, PROT and CCC are seen to. Nothing is read from the
 * socket before it is asked for. When the iteration ends, the connection is closed and its keys are forgotten: at the end
 * of the input, by a `break` after QUIT, or by an error, which it throws. It throws, behind 421, where a line has come that is
 * not protected though it owes that, and where the exchange has failed too often (`allowInsertedLines`, `maxFailures`).
 */
export class ServerControl implements AsyncIterable<CommandEvent> {
  /** To look at: levels, facts, data connections. Replies go by `reply`. */
  readonly session: ServerSession;
  readonly #socket: AnySocket;
  readonly #mechanisms: readonly Mechanism[];
  readonly #answered: (event: AnsweredEvent) => void;
  readonly #timeout: number;
  readonly #loginTimeout: number;
  readonly #channel: ChannelEnds;
  #exchange: Exchange | undefined;
  /** Commands that the application has not answered yet, oldest first. */
  readonly #owed: CommandEvent[] = [];
  /** Since when the client has been owed nothing. */
  #idleSince = performance.now();
  /** When the client must have logged in; undefined once it has. */
  #loginBy: number | undefined;
  /** Why the connection is ended: the client has broken a rule. */
  #ending: FtpSecurityError | undefined;
  #ended: boolean;
  #failed: Error | undefined;
  /** Goes on when something has changed: octets, the end, a reply. */
  #wake: () => void = () => {};

  /** @param socket  nobody else may read from it */
  constructor(
    socket: AnySocket,
    { mechanisms, answered = () => {}, timeout, channelBindings = true, ...options }: ServerControlOptions,
  ) {
    this.#mechanisms = mechanisms;
    this.session = new ServerSession({
      ...options,
      mechanisms: mechanisms.filter(({ acceptor }) => acceptor !== undefined),
      refused: event => this.#tell(event),
      association: event => {
        this.#awaitLogin();
        options.association?.(event);
      },
    });
    this.#socket = socket;
    this.#answered = answered;
    this.#timeout = timeLimitOf(timeout, DEFAULT_TIMEOUT, 'timeout');
    this.#loginTimeout = timeLimitOf(options.loginTimeout, DEFAULT_LOGIN_TIMEOUT, 'loginTimeout');
    this.#awaitLogin();
    this.#channel = channelBindings ? channelOf(socket, 'server') : {};
    this.#ended = socket.destroyed || socket.readableEnded;
    octetsFrom(socket);
    socket.on('readable', () => this.#wake());
    socket.on('end', () => this.#end());
    socket.on('close', () => this.#end());
    socket.on('error', error => this.#end(error));
  }

  /**
   * Sends a reply, at the level of the command that it answers.
   * @param code  1yz leaves the command waiting for another reply
   * @param text  one line, or several
   * @param to  the command; default the oldest that waits. When none waits it is the greeting, or 421
   * @returns when the socket has taken it
   */
  async reply(code: number, text: string | readonly string[], to?: CommandEvent): Promise<void> {
    const octets = this.session.reply(code, text, to);
    if (code >= 200) this.#answer(code, to ?? this.#owed[0]);
    this.#wake();
    await this.#send(octets);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<CommandEvent, void, void> {
    try {
      this.#idleSince = performance.now();
      for (;;) {
        this.#checkLogin();
        const event = this.session.next();
        if (event?.type === 'command') {
          this.#owed.push(event);
          yield event;
        } else if (event !== undefined) {
          await this.#handle(event);
          this.#idleSince = performance.now();
          if (this.#ending !== undefined) break;
        } else if (this.#failed !== undefined) {
          throw this.#failed;
        } else if (!this.#receive()) {
          if (this.#ended) break;
          await this.#change();
        }
      }
      if (this.#ending === undefined) this.session.close();
      else await this.#send(this.session.reply(421, 'Closing the control connection'));
    } catch (error) {
      this.#socket.destroy();
      throw error;
    } finally {
      this.session.destroy();
      this.#exchange?.destroy?.();
      // The peer may never close its side, nor read what the application did not wait for.
      this.#socket.setTimeout?.(this.#timeout, () => this.#socket.destroy());
      this.#socket.end(() => this.#socket.destroy());
    }
    if (this.#ending !== undefined) throw this.#ending;
  }

  /** Whether something was there to be read. What waits for a reply of ours keeps the rest waiting. */
  #receive(): boolean {
    const chunk: Buffer | string | null = this.session.paused ? null : this.#socket.read();
    if (chunk !== null) this.session.receive(octetsOf(chunk));
    return chunk !== null;
  }

  /** Waits for octets, the end, or a reply. A client is idle only while it is owed nothing. */
  async #change(): Promise<void> {
    const change = new Promise<void>(resolve => {
      this.#wake = resolve;
    });
    if (this.#owed.length > 0) return await change;
    await until(this.#timeout > 0 ? this.#idleSince + this.#timeout : undefined, 'a command of the client', () =>
      until(this.#loginBy, 'the client to log in', () => change),
    );
  }

  /** A command has its final reply. */
  #answer(code: number, event: CommandEvent | undefined): void {
    if (event === undefined) return;
    this.#owed.splice(this.#owed.indexOf(event), 1);
    this.#idleSince = performance.now();
    if (code >= 300) return;
    if (commandFacts(event.command.verb).login) this.#loginBy = undefined;
    if (event.command.verb === 'REIN') this.#awaitLogin();
  }

  /** Also a client that never stops to send has to log in. */
  #checkLogin(): void {
    const late = this.#loginBy !== undefined && performance.now() >= this.#loginBy;
    if (late && this.#owed.length === 0) throw timedOut('the client to log in');
  }

  #awaitLogin(): void {
    this.#loginBy = this.#loginTimeout > 0 ? performance.now() + this.#loginTimeout : undefined;
  }

  #end(error?: Error): void {
    this.#ended = true;
    this.#failed ??= error;
    this.#wake();
  }

  async #handle(event: Exclude<ServerEvent, CommandEvent>): Promise<void> {
    switch (event.type) {
      case 'auth':
        this.#exchange?.destroy?.();
        this.#exchange = acceptorFor(this.#mechanisms, event.mechanism);
        await this.#send(this.session.proceed({}));
        break;
      case 'security-data':
        await this.#send(await this.#step(event.token));
        break;
      case 'answered':
        this.#tell(event);
        await this.#send(event.octets);
    }
  }

  #tell(event: AnsweredEvent): void {
    if (event.ends) this.#ending = event.error;
    this.#answered(event);
  }

  async #step(token: Uint8Array): Promise<Uint8Array> {
    try {
      return this.session.proceed(
        await within(this.#timeout, 'a step of the exchange', this.#exchange!.step(token, this.#channel)),
      );
    } catch (error) {
      if (!(error instanceof FtpSecurityError)) throw error;
      return this.session.refuse(error);
    }
  }

  async #send(octets: Uint8Array): Promise<void> {
    if (octets.length === 0) return;
    const taken = new Promise<void>((resolve, reject) => {
      this.#socket.write(octets, error => (error ? reject(error) : resolve()));
    });
    await within(this.#timeout, 'the client to read its replies', taken);
  }
}
