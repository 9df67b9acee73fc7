/** Plain FTP for one client (RFC 959, 2428, 3659): a table of commands, a folder, and transfers. */
import { isIP, type Socket } from 'node:net';
import { Readable, type Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  type ExtendedAddress,
  FtpSecurityError,
  formatExtendedPassiveText,
  formatPassiveText,
  parseEprt,
  parsePort,
  replyCodeFor,
} from 'rfc2228';
import {
  addressOf,
  connectToClient,
  type DataConnection,
  type Ends,
  isSameAddress,
  listenForClient,
  protocolOf,
} from './data-connections.js';
import { Folder, timeText } from './folder.js';
import { fromNetwork, type RepresentationType, toNetwork } from './text-type.js';

export interface FtpServiceOptions {
  folder: string;
  /** Whether the client may log in as this user. */
  mayLogIn(user: string): boolean;
  /** Make the transformation between file and data connection for one transfer. */
  outgoing(): Transform;
  incoming(): Transform;
  /** Maps a passive port to the one to announce, for servers behind a proxy. Default: the same port. */
  announce?(port: number): Promise<number>;
  /** Limit in milliseconds for opening a data connection, and for an idle one. */
  timeout: number;
  /** Additional commands, or replacements. */
  commands?: Readonly<Record<string, Command>>;
  failed?(what: string, error: Error): void;
}

export type Answer = readonly [code: number, text: string | readonly string[]];
/** The part of a transfer that runs after the 150 reply. */
type Transfer = (data: DataConnection, signal: AbortSignal) => Promise<void>;
export type Command = (service: FtpService, argument: string) => Answer | Promise<Answer | Transfer>;

const FACTS = ' MLST type*;size*;modify*;UNIX.mode*;';
const FEATURES = ['Features', ' EPRT', ' EPSV', ' SIZE', ' MDTM', FACTS, ' REST STREAM', ' UTF8', 'End'];

const HELP = [
  'The following commands are recognized:',
  ' USER PASS REIN QUIT TYPE PWD CWD CDUP MKD DELE',
  ' PASV EPSV PORT EPRT LIST NLST MLSD MLST RETR STOR REST ABOR',
  'That is all.',
];

const COMMANDS: Readonly<Record<string, Command>> = {
  USER: (service, name) => service.login(name),
  PASS: ({ user }) => (user === undefined ? [530, 'Log in by your ticket'] : [230, 'Logged in already']),
  REIN: service => service.reinitialize(),
  QUIT: () => [221, 'Goodbye'],
  NOOP: () => [200, 'Done'],
  SYST: () => [215, 'UNIX Type: L8'],
  FEAT: () => [211, FEATURES],
  HELP: () => [214, HELP],
  OPTS: (_, what) => (/^UTF8 ON$/i.test(what) ? [200, 'UTF-8 is on'] : [501, 'No such option']),
  TYPE: (service, type) => service.setType(type),
  MODE: (_, mode) => (/^S$/i.test(mode) ? [200, 'Stream'] : [504, 'Mode S only']),
  STRU: (_, structure) => (/^F$/i.test(structure) ? [200, 'File'] : [504, 'Structure F only']),
  STAT: ({ user, files }) => [211, ['Status', ` Logged in as ${user}`, ` In ${files.directory}`, 'End']],
  PWD: ({ files }) => [257, `${quoted(files.directory)} is the current directory`],
  CWD: ({ files }, name) => files.enter(name).then(() => [250, 'Done']),
  CDUP: ({ files }) => files.enter('..').then(() => [250, 'Done']),
  MKD: ({ files }, name) => files.make(name).then(path => [257, `${quoted(path)} created`]),
  DELE: ({ files }, name) => files.remove(name).then(() => [250, 'Done']),
  SIZE: (service, name) => service.size(name),
  MDTM: ({ files }, name) => files.about(name).then(({ mtime }) => [213, timeText(mtime)]),
  REST: (service, offset) => service.restart(offset),
  PASV: service => service.passive(),
  EPSV: (service, protocol) => service.extendedPassive(protocol),
  PORT: (service, address) => service.active('PORT', address),
  EPRT: (service, address) => service.active('EPRT', address),
  ABOR: () => [226, 'No transfer is running'],
  LIST: (service, path) => service.listing(files => files.list(path.replace(OPTIONS, ''))),
  NLST: (service, path) => service.listing(files => files.names(path.replace(OPTIONS, ''))),
  MLST: ({ files }, name) => files.entry(name).then(entry => [250, ['Listing', ` ${entry}`, 'End']]),
  MLSD: (service, path) => service.listing(files => files.entries(path)),
  RETR: (service, name) => service.retrieve(name),
  STOR: (service, name) => service.store(name),
};
/** Some clients send options of `ls`, such as `-a`. */
const OPTIONS = /^-\S*\s*/;
const BEFORE_LOGIN: ReadonlySet<string> = new Set([
  'USER',
  'PASS',
  'REIN',
  'QUIT',
  'NOOP',
  'SYST',
  'FEAT',
  'HELP',
  'OPTS',
]);
/** The only commands allowed between REST and its transfer; any other resets the offset. */
const KEEP_OFFSET: ReadonlySet<string> = new Set(['REST', 'PASV', 'EPSV', 'PORT', 'EPRT', 'RETR', 'STOR']);

export class FtpService {
  readonly #options: FtpServiceOptions;
  readonly #commands: ReadonlyMap<string, Command>;
  readonly #ends: Ends;
  #files: Folder | undefined;
  user: string | undefined;
  /** The default is ASCII (RFC 959 §3.1.1.1). */
  #type: RepresentationType = 'A';
  #offset = 0;
  #data: DataConnection | undefined;
  #transfer: { ended: Promise<void>; abort(): void } | undefined;

  /** @param control  the control connection, for the addresses of both ends */
  constructor(control: Socket, options: FtpServiceOptions) {
    this.#options = options;
    this.#commands = new Map(Object.entries({ ...COMMANDS, ...options.commands }));
    const [local, remote] = [addressOf(control.localAddress), addressOf(control.remoteAddress)];
    this.#ends = { local, remote, timeout: options.timeout };
  }

  get files(): Folder {
    return this.#files!;
  }

  /**
   * Executes a command. Returns when the next command can be read: a transfer goes on in the background. ABOR ends it; other
   * commands wait for its end.
   * @param reply  sends a reply to this command
   */
  async carryOut(verb: string, argument = '', reply: (answer: Answer) => Promise<void>): Promise<void> {
    if (verb === 'ABOR') this.#transfer?.abort();
    await this.#transfer?.ended;
    if (!KEEP_OFFSET.has(verb)) this.#offset = 0;
    const answer = await this.#answer(verb, argument).catch(error => this.#failure(verb, error));
    if (typeof answer !== 'function') return await reply(answer);
    const data = this.#data!;
    this.#data = undefined;
    const aborting = new AbortController();
    const abort = () => {
      aborting.abort();
      data.close();
    };
    const failure = await reply([150, 'Opening the data connection']).catch((error: Error) => error);
    if (failure) abort(); // the transfer then only closes its file
    const ended = answer(data, aborting.signal)
      .then((): Answer => [226, 'Transfer complete'])
      .catch(error => this.#failure(verb, error))
      .finally(() => data.close())
      .then(reply)
      .catch(error => this.#options.failed?.(verb, error));
    this.#transfer = { ended, abort };
    if (failure) throw failure;
  }

  /** Aborts a running transfer and closes its data connection. */
  async close(): Promise<void> {
    this.#transfer?.abort();
    this.#useData(undefined);
    await this.#transfer?.ended;
  }

  async #answer(verb: string, argument: string): Promise<Answer | Transfer> {
    const command = this.#commands.get(verb);
    if (command === undefined) return [502, 'Not implemented'];
    if (this.user === undefined && !BEFORE_LOGIN.has(verb)) return [530, 'Log in first'];
    this.#files ??= await Folder.at(this.#options.folder);
    return await command(this, argument);
  }

  /** Errors of protected data get 535 (RFC 2228 §6), others a reply of RFC 959 §5.4. */
  #failure(what: string, error: Error): Answer {
    this.#options.failed?.(what, error);
    if (error instanceof FtpSecurityError) return [replyCodeFor(error), 'Failed security check'];
    return FAILURES[(error as NodeJS.ErrnoException).code ?? ''] ?? [451, 'Local error'];
  }

  login(name: string): Answer {
    this.user = this.#options.mayLogIn(name) ? name : undefined;
    return this.user === undefined ? [530, 'Not for you'] : [232, 'Logged in by the security data exchange'];
  }

  reinitialize(): Answer {
    this.logOut();
    this.#type = 'A';
    this.#useData(undefined);
    return [220, 'Ready'];
  }

  logOut(): void {
    this.user = undefined;
  }

  // Data connections

  async passive(): Promise<Answer> {
    const { local } = this.#ends;
    if (isIP(local) === 6) return [522, 'Use EPSV'];
    const port = await this.#listen();
    return [227, formatPassiveText({ host: local, port })];
  }

  async extendedPassive(wanted: string): Promise<Answer> {
    if (/^ALL$/i.test(wanted)) return [504, 'EPSV ALL is not implemented'];
    if (wanted !== '' && wanted !== `${protocolOf(this.#ends.local)}`) return this.#otherProtocol();
    return [229, formatExtendedPassiveText(await this.#listen())];
  }

  /** Only to the client's own address and unprivileged ports: no bounce attacks (RFC 2577 §3). */
  active(verb: 'PORT' | 'EPRT', argument: string): Answer {
    const address = addressIn({ verb, argument });
    if (address === undefined) return [501, 'Not an address'];
    const { remote } = this.#ends;
    if (address.family !== protocolOf(remote)) return this.#otherProtocol();
    if (!isSameAddress(address.host, remote)) return [504, 'Only to your own address'];
    if (address.port < 1024) return [504, 'Only to ports from 1024 on'];
    this.#useData(connectToClient(address.port, this.#ends));
    return [200, 'Done'];
  }

  #otherProtocol(): Answer {
    return [522, `Network protocol not supported, use (${protocolOf(this.#ends.remote)})`];
  }

  /** @returns the port to announce */
  async #listen(): Promise<number> {
    const passive = await listenForClient(this.#ends);
    this.#useData(passive);
    return (await this.#options.announce?.(passive.port)) ?? passive.port;
  }

  #useData(data: DataConnection | undefined): void {
    this.#data?.close();
    this.#data = data;
  }

  // Files

  setType(type: string): Answer {
    if (!/^(A( N)?|I|L 8)$/i.test(type)) return [504, 'Types A and I only'];
    this.#type = /^A/i.test(type) ? 'A' : 'I';
    return [200, `Type ${this.#type}`];
  }

  /** In type A, sizes and offsets on the wire differ from those of the file, so SIZE and REST are refused (RFC 3659 §4). */
  async size(name: string): Promise<Answer> {
    if (this.#type === 'A') return [550, 'For type I only'];
    return [213, `${(await this.files.about(name)).size}`];
  }

  restart(offset: string): Answer {
    if (!/^\d{1,15}$/.test(offset)) return [501, 'Not an offset'];
    if (this.#type === 'A' && Number(offset) > 0) return [504, 'For type I only'];
    this.#offset = Number(offset);
    return [350, 'The next transfer starts there'];
  }

  /** @param read  gives the lines */
  async listing(read: (files: Folder) => Promise<string[]>): Promise<Answer | Transfer> {
    if (this.#data === undefined) return NO_DATA;
    const lines = await read(this.files);
    return this.#sending(Readable.from(lines.map(line => Buffer.from(`${line}\n`))), 'A');
  }

  async retrieve(name: string): Promise<Answer | Transfer> {
    if (this.#data === undefined) return NO_DATA;
    return this.#sending(await this.files.read(name, this.#takeOffset()), this.#type);
  }

  #sending(file: Readable, type: RepresentationType): Transfer {
    return async (data, signal) => {
      try {
        const socket = await opened(data);
        await pipeline(file, toNetwork(type), this.#options.outgoing(), socket, { signal });
      } finally {
        file.destroy();
      }
    };
  }

  async store(name: string): Promise<Answer | Transfer> {
    if (this.#data === undefined) return NO_DATA;
    const { sink, keep, drop } = await this.files.write(name, this.#takeOffset());
    const type = this.#type;
    return async (data, signal) => {
      try {
        const socket = await opened(data);
        await pipeline(socket, this.#options.incoming(), fromNetwork(type), sink, { signal });
        await keep();
      } finally {
        await drop();
      }
    };
  }

  #takeOffset(): number {
    const offset = this.#offset;
    this.#offset = 0;
    return offset;
  }
}

class NotOpened extends Error {
  readonly code = 'NOT_OPENED';
}

function opened(data: DataConnection): Promise<Socket> {
  return data.open().catch(cause => {
    throw new NotOpened(cause.message, { cause });
  });
}

const quoted = (path: string) => `"${path.replaceAll('"', '""')}"`;

const NO_DATA: Answer = [425, 'PASV, EPSV, PORT or EPRT first'];
const NO_SUCH_FILE: Answer = [550, 'No such file or directory'];
const ABORTED: Answer = [426, 'Connection closed; transfer aborted'];
const FAILURES: Readonly<Record<string, Answer>> = {
  ENOENT: NO_SUCH_FILE,
  ENOTDIR: NO_SUCH_FILE,
  EISDIR: NO_SUCH_FILE,
  EACCES: [550, 'Permission denied'],
  EEXIST: [550, 'It exists'],
  ENOSPC: [452, 'No space left'],
  NOT_OPENED: [425, "Can't open the data connection"],
  ETIMEDOUT: ABORTED,
  ABORT_ERR: ABORTED,
  ECONNRESET: ABORTED,
  EPIPE: ABORTED,
  ERR_STREAM_PREMATURE_CLOSE: ABORTED,
};

/** The address that PORT or EPRT names; undefined on a syntax error. */
function addressIn(command: { verb: string; argument: string }): ExtendedAddress | undefined {
  try {
    return command.verb === 'PORT' ? { family: 1, ...parsePort(command) } : parseEprt(command);
  } catch (error) {
    if (!(error instanceof FtpSecurityError)) throw error;
    return undefined;
  }
}
