/** The server's control connection: commands are iterated, and replies are sent at the level that the rules require. */
import { FtpSecurityError } from '../errors.js';
import { commandFacts } from '../ftp/commands.js';
import type { ChannelEnds, Exchange, Mechanism } from '../protection/mechanism.js';
import { WaitingList } from '../queue.js';
import { acceptorFor } from '../session/choose-mechanism.js';
import type { AnsweredEvent, CommandEvent, ServerEvent, ServerSessionOptions } from '../session/events.js';
import { ServerSession } from '../session/server.js';
import { channelOf } from './channel.js';
import { nodeCiphers } from './kerberos-ciphers.js';
import { type AnySocket, octetsFrom, octetsOf } from './socket-stream.js';
import { stepInTime, timedOut, timeoutOf, Watch, withTimeout } from './timeout.js';

/** Options of {@link ServerControl}. Times are in milliseconds. */
export interface ServerControlOptions extends Omit<ServerSessionOptions, 'mechanisms' | 'refused'> {
  /**
   * The mechanisms for AUTH, e.g. `[krb5({ acceptor: { keytab } })]`. If several share a name, the client's first token selects
   * one. Mechanisms without an acceptor are not offered. Where their options name no ciphers, they get `nodeCiphers`.
   */
  mechanisms: readonly Mechanism[];
  /** Called for each command that the session answered itself, also for rejected exchanges, e.g. for a log. */
  answered?: (event: AnsweredEvent) => void;
  /**
   * Whether the mechanism gets the addresses of the connection, for channel bindings (RFC 2228 appendix I). Default true. Set
   * it to false behind address translation, where the two sides see different addresses.
   */
  channelBindings?: boolean;
  /**
   * Limit for an idle client, for a client that doesn't read its replies, and for a step of the exchange. 0 means no limit. A
   * client is idle until it has sent a complete command. Default 5 minutes (RFC 1123 §4.1.3.2).
   */
  timeout?: number;
  /**
   * Limit for the login with the exchange: until USER, PASS or ACCT gets a 2yz reply, and again after each association that
   * begins or ends. 0 means no limit. The time that the server takes for its replies counts, but the connection is not closed
   * while a command waits for a reply. Default 2 minutes, as in OpenSSH: a person may have to type a password.
   */
  loginTimeout?: number;
}

const DEFAULT_TIMEOUT = 300_000;
const DEFAULT_LOGIN_TIMEOUT = 120_000;

/**
 * The server's control connection: iterate over it to get the commands of one client. AUTH, ADAT, PBSZ, PROT and CCC are answered
 * by itself (RFC 2228 §3). The socket is read only when the next command is requested.
 *
 * When the iteration ends, the connection is closed and its keys are erased. It ends with the input, with a `break` after QUIT, or
 * with an error, which is thrown. After a reply 421 it throws if a line that must be protected was not, if the exchange failed
 * too often (`allowInsertedLines`, `maxFailures`), and if the client is idle, or does not log in, for too long.
 * @example
 * const control = new ServerControl(socket, { mechanisms: [krb5({ acceptor: { keytab } })], require: 'safe' });
 * await control.reply(220, 'Ready');
 * for await (const event of control) {
 *   const { verb } = event.command; // event.level is how it was protected
 *   await control.reply(verb === 'QUIT' ? 221 : 502, verb === 'QUIT' ? 'Goodbye' : 'Not implemented', event);
 *   if (verb === 'QUIT') break;
 * }
 */
export class ServerControl implements AsyncIterable<CommandEvent> {
  /** The session: levels, facts, readers and writers of data connections. Send replies with `reply` of this class. */
  readonly session: ServerSession;
  readonly #socket: AnySocket;
  readonly #mechanisms: readonly Mechanism[];
  readonly #answered: (event: AnsweredEvent) => void;
  readonly #timeout: number;
  readonly #loginTimeout: number;
  readonly #channel: ChannelEnds;
  #exchange: Exchange | undefined;
  /** Commands that the application has not answered yet, oldest first. */
  readonly #unanswered = new WaitingList<CommandEvent>();
  /** Since when no command has waited for a reply. */
  #idleSince = performance.now();
  /** When the client must have logged in; undefined once it has. */
  #loginBy: number | undefined;
  /** Why the connection is closed behind a reply 421: the rule that the client broke, or the limit of a wait. */
  #ending: Error | undefined;
  #corked = false;
  #ended: boolean;
  #failed: Error | undefined;
  /** Continues the iteration after a change: octets, the end, a reply. */
  #wake: () => void = () => {};
  /** Ends the iteration: the client has been idle for too long. */
  #overdue: () => void = () => {};
  readonly #watch = new Watch(() => this.#overdue());

  /**
   * @param socket  nothing else may read from it
   * @throws TypeError for mechanisms of which none has an acceptor, and if a limit is not a number; RangeError if it is out of
   *   range, and for a level or `ccc` that does not exist
   */
  constructor(
    socket: AnySocket,
    { mechanisms, answered = () => {}, timeout, channelBindings = true, ...options }: ServerControlOptions,
  ) {
    this.#mechanisms = mechanisms;
    this.session = new ServerSession({
      ...options,
      mechanisms: offered(mechanisms),
      refused: event => this.#notify(event),
      association: event => {
        this.#awaitLogin();
        options.association?.(event);
      },
    });
    this.#socket = socket;
    this.#answered = answered;
    this.#timeout = timeoutOf(timeout, DEFAULT_TIMEOUT, 'timeout');
    this.#loginTimeout = timeoutOf(options.loginTimeout, DEFAULT_LOGIN_TIMEOUT, 'loginTimeout');
    this.#awaitLogin();
    this.#channel = channelBindings ? channelOf(socket, 'server') : {};
    this.#ended = socket.destroyed || socket.readableEnded;
    socket.setNoDelay?.(true); // A reply is written whole.
    octetsFrom(socket);
    socket.on('readable', () => this.#wake());
    socket.on('end', () => this.#end());
    socket.on('close', () => this.#end());
    socket.on('error', error => this.#end(error));
  }

  /**
   * Sends a reply, at the level of the command that it answers.
   * @param code  after 1yz, the command still waits for another reply
   * @param text  one line, or several
   * @param to  the command. Default: the oldest one without a reply; if there is none, the reply is the greeting, or 421
   * @returns when the socket has taken it; it sends what is said at once in one call
   */
  async reply(code: number, text: string | readonly string[], to?: CommandEvent): Promise<void> {
    const octets = this.session.reply(code, text, to);
    if (code >= 200) this.#answer(code, to ?? this.#unanswered.oldest);
    this.#wake();
    // While the socket has room, there is nothing to wait for.
    const taken = this.#send(octets);
    if (taken !== undefined) await taken;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<CommandEvent, void, void> {
    try {
      this.#idleSince = performance.now();
      for (;;) {
        this.#checkLogin();
        if (this.#ending !== undefined) break;
        const event = this.session.next();
        if (event?.type === 'command') {
          this.#unanswered.add(event);
          yield event;
        } else if (event !== undefined) {
          await this.#handle(event);
          this.#idleSince = performance.now();
        } else if (this.#failed !== undefined) {
          throw this.#failed;
        } else if (!this.#receive()) {
          if (this.#ended) break;
          await this.#waitForChange();
        }
      }
      if (this.#ending === undefined) this.session.close();
      else await this.#send(this.session.reply(421, farewell(this.#ending)));
    } catch (error) {
      this.#socket.destroy();
      throw error;
    } finally {
      this.#watch.stop();
      // The peer may never close its side, nor read what the application did not wait for.
      this.#socket.setTimeout?.(this.#timeout, () => this.#socket.destroy());
      this.#socket.end(() => this.#socket.destroy());
      this.#exchange?.destroy?.();
      this.session.destroy(); // The last, as `association` of the application may throw.
    }
    if (this.#ending !== undefined) throw this.#ending;
  }

  /** Whether there was something to read. Nothing is read while the session waits for a reply of ours. */
  #receive(): boolean {
    const chunk: Buffer | string | null = this.session.paused ? null : this.#socket.read();
    if (chunk !== null) this.session.receive(octetsOf(chunk));
    return chunk !== null;
  }

  /** Waits for octets, the end, or a reply. A client is not idle while a command waits for a reply. */
  #waitForChange(): Promise<void> {
    return new Promise(resolve => {
      this.#wake = () => {
        this.#watch.pause();
        resolve();
      };
      if (this.#unanswered.size > 0) return;
      const idleUntil = this.#timeout > 0 ? this.#idleSince + this.#timeout : Number.POSITIVE_INFINITY;
      const loginBy = this.#loginBy ?? Number.POSITIVE_INFINITY;
      const what = loginBy < idleUntil ? 'the client to log in' : 'a command of the client';
      this.#overdue = () => {
        this.#ending = timedOut(what);
        resolve();
      };
      this.#watch.set(Math.min(idleUntil, loginBy));
    });
  }

  /** Records the final reply to a command. */
  #answer(code: number, event: CommandEvent | undefined): void {
    if (event === undefined) return;
    this.#unanswered.delete(event);
    this.#idleSince = performance.now();
    if (code >= 300) return;
    if (commandFacts(event.command.verb).login) this.#loginBy = undefined;
    if (event.command.verb === 'REIN') this.#awaitLogin();
  }

  /** The login limit also applies to a client that sends without a pause. */
  #checkLogin(): void {
    const late = this.#loginBy !== undefined && performance.now() >= this.#loginBy;
    if (late && this.#unanswered.size === 0) this.#ending ??= timedOut('the client to log in');
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
        this.#notify(event);
        await this.#send(event.octets);
    }
  }

  #notify(event: AnsweredEvent): void {
    if (event.ends) this.#ending = event.error;
    this.#answered(event);
  }

  async #step(token: Uint8Array): Promise<Uint8Array> {
    try {
      const step = this.#exchange!.step(token, this.#channel, nodeCiphers);
      return this.session.proceed(await stepInTime(this.#timeout, step));
    } catch (error) {
      if (!(error instanceof FtpSecurityError)) throw error;
      return this.session.refuse(error);
    }
  }

  /** Replies to commands that came at once go to the system in one call. */
  #cork(): void {
    if (this.#corked) return;
    this.#corked = true;
    this.#socket.cork();
    process.nextTick(() => {
      this.#corked = false;
      this.#socket.uncork();
    });
  }

  /** @returns undefined where the socket has room: mostly it takes all that is said at once */
  #send(octets: Uint8Array): Promise<void> | undefined {
    const socket = this.#socket;
    if (octets.length === 0) return undefined;
    this.#cork();
    if (socket.writable && socket.writableLength + octets.length < socket.writableHighWaterMark) {
      socket.write(octets);
      return undefined;
    }
    const taken = new Promise<void>((resolve, reject) => {
      socket.write(octets, error => (error ? reject(error) : resolve()));
    });
    return withTimeout(this.#timeout, 'the client to read its replies', taken);
  }
}

/** The text of 421 (RFC 959 §5.4). Which rule the client broke is for the log of the server. */
function farewell(ending: Error): string {
  return `${ending instanceof FtpSecurityError ? 'Closing' : 'Timeout: closing'} the control connection`;
}

/** The mechanisms that have an acceptor. */
function offered(mechanisms: readonly Mechanism[]): Mechanism[] {
  const example = 'krb5({ acceptor: { keytab } })';
  if (!Array.isArray(mechanisms)) throw new TypeError(`mechanisms must be a list, e.g. [${example}]`);
  const found = mechanisms.filter(({ acceptor }) => acceptor !== undefined);
  if (found.length === 0 && mechanisms.length > 0)
    throw new TypeError(`no mechanism has an acceptor, as ${example} has`);
  return found;
}
