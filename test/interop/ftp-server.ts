/**
 * A small FTP server on ServerControl: RFC 959 in passive mode, RFC 2428, RFC 3659, RFC 2228. It serves a folder to whom
 * the exchange has named; there are no passwords.
 */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { FtpSecurityError, replyCodeFor } from '../../src/errors.js';
import { ServerControl, type ServerControlOptions } from '../../src/node/index.js';
import type { Exchange, ExchangeFacts } from '../../src/secure/security-context.js';
import type { CommandEvent } from '../../src/session/server-events.js';
import { listenForData, type Passive, receiveFile, sendFile, textFile } from './ftp-data.js';
import { Folder } from './ftp-files.js';

export interface FtpServerOptions extends ServerControlOptions {
  folder: string;
  /** 127.0.0.1 or ::1. Default the first. */
  host?: string;
  /** Whether the one whom the exchange has named may log in as this user. */
  mayBe(user: string, facts: ExchangeFacts): boolean;
  /** The port to name for a data connection, for a proxy that stands in between. Default the port itself. */
  announce?: (port: number) => Promise<number>;
  /** Milliseconds that anything may take. */
  limit: number;
}

/** What the server has met, in its order. */
export type Noted =
  | { kind: 'command'; verb: string; level: string; tolerated: readonly string[] }
  | { kind: 'replied'; code: number }
  | { kind: 'answered'; verb: string | undefined; code: number; error: string | undefined }
  | { kind: 'failed'; what: string; error: string };

export interface FtpServer {
  host: string;
  port: number;
  noted: Noted[];
  /** When nobody is served any more. */
  idle(): Promise<void>;
  close(): Promise<void>;
}

export async function startFtpServer(options: FtpServerOptions): Promise<FtpServer> {
  const { host = '127.0.0.1', limit } = options;
  const noted: Noted[] = [];
  const running = new Map<Socket, Promise<void>>();
  const listener = createServer({ noDelay: true, allowHalfOpen: true }, socket => {
    const answered: ServerControlOptions['answered'] = ({ command, code, error }) =>
      noted.push({ kind: 'answered', verb: command?.verb, code, error: error?.code });
    const mechanisms = Object.fromEntries(
      Object.entries(options.mechanisms).map(([name, make]) => [name, () => noting(make(), noted)]),
    );
    const control = new ServerControl(socket, { timeout: limit, answered, ...options, mechanisms });
    const served = new Service(control, options, host, noted)
      .run()
      .catch(error => void noted.push({ kind: 'failed', what: 'control connection', error: nameOf(error) }))
      .finally(() => running.delete(socket));
    running.set(socket, served);
  });
  listener.listen(0, host);
  await once(listener, 'listening');
  const idle = async () => void (await Promise.all(running.values()));
  const close = async () => {
    listener.close();
    for (const socket of running.keys()) socket.destroy();
    await idle();
  };
  return { host, port: (listener.address() as AddressInfo).port, noted, idle, close };
}

/** Refusals of an exchange are its owner's to know, and the client's is a code alone. */
function noting(exchange: Exchange, noted: Noted[]): Exchange {
  return {
    step: async token => {
      try {
        return await exchange.step(token);
      } catch (error) {
        noted.push({ kind: 'failed', what: 'exchange', error: nameOf(error) });
        throw error;
      }
    },
  };
}

type Answer = readonly [code: number, text: string | readonly string[]];
/** What is done for a command; of a transfer it is what is left to be done behind the 150. */
type Command = (service: Service, argument: string) => Answer | Promise<Answer | Transfer>;
type Transfer = (passive: Passive, signal: AbortSignal) => Promise<Answer>;

const DONE: Answer = [226, 'Transfer complete'];
const HELP = [
  'The following commands are recognized:',
  ' USER PWD CWD CDUP MKD DELE',
  ' LIST RETR STOR REST',
  'That is all.',
];

const COMMANDS: Readonly<Record<string, Command>> = {
  USER: (service, name) => service.login(name),
  PASS: () => [530, 'Log in by your ticket'],
  QUIT: () => [221, 'Goodbye'],
  NOOP: () => [200, 'Done'],
  SYST: () => [215, 'UNIX Type: L8'],
  FEAT: () => [211, ['Features', ' EPSV', ' SIZE', ' MDTM', ' REST STREAM', ' UTF8', 'End']],
  HELP: () => [214, HELP],
  OPTS: (_, what) => (what.toUpperCase() === 'UTF8 ON' ? [200, 'UTF-8 it is'] : [501, 'No such option']),
  TYPE: (_, type) => (/^[AI]( N)?$|^L 8$/i.test(type) ? [200, 'Files go as they are'] : [504, 'No such type']),
  MODE: (_, mode) => (mode.toUpperCase() === 'S' ? [200, 'Stream'] : [504, 'No such mode']),
  STRU: (_, structure) => (structure.toUpperCase() === 'F' ? [200, 'File'] : [504, 'No such structure']),
  STAT: ({ user, files }) => [211, ['Status', ` Logged in as ${user}`, ` In ${files.directory}`, 'End']],
  PWD: ({ files }) => [257, `"${files.directory.replaceAll('"', '""')}" is the current directory`],
  CWD: ({ files }, name) => files.enter(name).then(() => [250, 'Done']),
  CDUP: ({ files }) => files.enter('..').then(() => [250, 'Done']),
  MKD: ({ files }, name) => files.make(name).then(path => [257, `"${path.replaceAll('"', '""')}" created`]),
  DELE: ({ files }, name) => files.remove(name).then(() => [250, 'Done']),
  SIZE: ({ files }, name) => files.about(name).then(({ size }) => [213, `${size}`]),
  MDTM: ({ files }, name) => files.about(name).then(({ mtime }) => [213, mtime.toISOString().replace(/\..*|\D/g, '')]),
  REST: (service, offset) => service.restart(offset),
  PASV: service => service.passive(port => `${service.host.replaceAll('.', ',')},${port >> 8},${port & 255}`, 227),
  EPSV: service => service.passive(port => `|||${port}|`, 229),
  ABOR: () => [226, 'Nothing goes on'],
  LIST: (service, path) => service.list(path),
  RETR: (service, name) => service.retrieve(name),
  STOR: (service, name) => service.store(name),
};
const BEFORE_LOGIN: ReadonlySet<string> = new Set(['USER', 'PASS', 'QUIT', 'NOOP', 'SYST', 'FEAT', 'HELP', 'OPTS']);
/** These keep what REST has said, for the transfer behind them. */
const KEEP_OFFSET: ReadonlySet<string> = new Set(['REST', 'PASV', 'EPSV', 'TYPE', 'RETR', 'STOR']);

/** One client. */
class Service {
  readonly host: string;
  readonly #control: ServerControl;
  readonly #options: FtpServerOptions;
  readonly #noted: Noted[];
  #files: Folder | undefined;
  user: string | undefined;
  #offset = 0;
  #passive: Passive | undefined;
  #transfer: { ended: Promise<void>; abort: AbortController } | undefined;

  constructor(control: ServerControl, options: FtpServerOptions, host: string, noted: Noted[]) {
    this.#control = control;
    this.#options = options;
    this.host = host;
    this.#noted = noted;
  }

  get files(): Folder {
    return this.#files!;
  }

  async run(): Promise<void> {
    this.#files = await Folder.at(this.#options.folder);
    await this.#reply([220, 'Ready']);
    try {
      for await (const event of this.#control) {
        await this.#take(event);
        if (event.command.verb === 'QUIT') break;
      }
    } finally {
      this.#transfer?.abort.abort();
      await this.#transfer?.ended;
      this.#passive?.close();
    }
  }

  async #take(event: CommandEvent): Promise<void> {
    const { level, tolerated } = event;
    const { verb, argument = '' } = event.command;
    this.#noted.push({ kind: 'command', verb, level, tolerated });
    if (verb === 'ABOR') this.#transfer?.abort.abort();
    await this.#transfer?.ended;
    if (!KEEP_OFFSET.has(verb)) this.#offset = 0;
    const answer = await this.#answer(verb, argument);
    if (typeof answer === 'function') await this.#begin(answer, event);
    else await this.#reply(answer, event);
  }

  async #answer(verb: string, argument: string): Promise<Answer | Transfer> {
    const command = COMMANDS[verb];
    if (command === undefined) return [502, 'Not implemented'];
    if (this.user === undefined && !BEFORE_LOGIN.has(verb)) return [530, 'Log in first'];
    try {
      return await command(this, argument);
    } catch (error) {
      return this.#refusal(verb, error);
    }
  }

  /** A transfer goes on while further commands are read: ABOR is one. */
  async #begin(transfer: Transfer, event: CommandEvent): Promise<void> {
    const passive = this.#passive;
    this.#passive = undefined;
    if (passive === undefined) return await this.#reply([425, 'PASV or EPSV first'], event);
    await this.#reply([150, 'Opening the data connection'], event);
    const abort = new AbortController();
    const ended = transfer(passive, abort.signal)
      .catch(error => this.#refusal(event.command.verb, error))
      .finally(() => passive.close())
      .then(answer => this.#reply(answer, event))
      .catch(error => this.#note(event.command.verb, error));
    this.#transfer = { ended, abort };
  }

  login(name: string): Answer {
    this.user = this.#options.mayBe(name, this.#control.session.facts) ? name : undefined;
    return this.user === undefined ? [530, 'Not for you'] : [232, 'Logged in by the security data exchange'];
  }

  restart(offset: string): Answer {
    if (!/^\d{1,15}$/.test(offset)) return [501, 'Not an offset'];
    this.#offset = Number(offset);
    return [350, 'The next transfer starts there'];
  }

  async passive(textOf: (port: number) => string, code: 227 | 229): Promise<Answer> {
    if (code === 227 && this.host.includes(':')) return [522, 'Use EPSV'];
    this.#passive?.close();
    this.#passive = await listenForData(this.host, this.#options.limit);
    const { port } = this.#passive;
    return [code, `Entering passive mode (${textOf((await this.#options.announce?.(port)) ?? port)})`];
  }

  /** Words like `-a` are options of `ls`, which some clients send. */
  async list(path: string): Promise<Transfer> {
    const lines = await this.files.list(path.replace(/^-\S*\s*/, ''));
    return async (passive, signal) => {
      await sendFile(this.#control.session, textFile(lines), passive, signal);
      return DONE;
    };
  }

  async retrieve(name: string): Promise<Transfer> {
    const file = await this.files.read(name, this.#takeOffset());
    return async (passive, signal) => {
      await sendFile(this.#control.session, file, passive, signal);
      return DONE;
    };
  }

  async store(name: string): Promise<Transfer> {
    const { sink, keep, drop } = await this.files.write(name, this.#takeOffset());
    return async (passive, signal) => {
      try {
        await receiveFile(this.#control.session, passive, sink, signal);
        await keep();
      } finally {
        await drop();
      }
      return DONE;
    };
  }

  #takeOffset(): number {
    const offset = this.#offset;
    this.#offset = 0;
    return offset;
  }

  /** §6: 535 for what is wrong with protected data; else as RFC 959 §5.4 has it. */
  #refusal(verb: string, error: unknown): Answer {
    this.#note(verb, error);
    if (error instanceof FtpSecurityError) return [replyCodeFor(error), 'Failed security check'];
    return FAILURES[(error as NodeJS.ErrnoException).code ?? ''] ?? [451, 'Local error'];
  }

  async #reply(answer: Answer, to?: CommandEvent): Promise<void> {
    this.#noted.push({ kind: 'replied', code: answer[0] });
    await this.#control.reply(...answer, to);
  }

  #note(what: string, error: unknown): void {
    this.#noted.push({ kind: 'failed', what, error: nameOf(error) });
  }
}

const NO_SUCH_FILE: Answer = [550, 'No such file or directory'];
const ABORTED: Answer = [426, 'Connection closed; transfer aborted'];
const FAILURES: Readonly<Record<string, Answer>> = {
  ENOENT: NO_SUCH_FILE,
  ENOTDIR: NO_SUCH_FILE,
  EISDIR: NO_SUCH_FILE,
  EEXIST: [550, 'It exists'],
  ETIMEDOUT: ABORTED,
  ABORT_ERR: ABORTED,
  ECONNRESET: ABORTED,
  EPIPE: ABORTED,
  ERR_STREAM_PREMATURE_CLOSE: ABORTED,
};

function nameOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code ?? message;
}
