/** The npm client `basic-ftp` over RFC 2228. Its sockets see inner replies and the octets of files; it needs not know. */
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { FtpSecurityError } from '../errors.js';
import type { BlockReader, BlockWriter } from '../protection/data-block.js';
import type { Exchange } from '../protection/mechanism.js';
import type { ClientSession } from '../session/client.js';
import { ClientControl, type ClientControlOptions } from './client-control.js';
import { OverSocket } from './over-socket.js';

/** What is needed of a `Client` of basic-ftp 5 or 6. */
export interface BasicFtpClient {
  readonly ftp: BasicFtpContext;
  login(user?: string, password?: string): Promise<unknown>;
  useDefaultSettings(): Promise<void>;
  /** Connects, also as part of `access`, and gives the greeting. */
  connect(host?: string, port?: number): Promise<unknown>;
}

interface BasicFtpContext {
  readonly timeout: number;
  socket: Socket;
  dataSocket: Socket | undefined;
  send(command: string): void;
  closeWithError(error: Error): void;
}

export interface BasicFtpOptions extends Omit<ClientControlOptions, 'greeted'> {
  /**
   * Makes the exchange for each further connection: then `connect`, and `access` with it, secure it before anything else is
   * sent, and fail where that fails. Default: a new connection is plain until it is secured, and the client sends no USER,
   * PASS or ACCT on it unless `allowClearPassword` is true.
   */
  reconnect?: () => Exchange;
}

/** What belongs to a client that has been secured once. */
interface Secured {
  /** Of its last secured connection. */
  control: ClientControl;
  options: BasicFtpOptions;
}

const SECURED = new WeakMap<BasicFtpContext, Secured>();

/**
 * Secures a client that is connected and has not logged in: AUTH and ADAT, then PBSZ and PROT. From then on its commands
 * go protected, and its transfers as PROT has it, until it connects again: see `reconnect`. `login` then also calls
 * `useDefaultSettings`, as `access` does, so that files are transferred unchanged (TYPE I); it rejects if the server refuses that.
 * @param options  `timeout` is the client's own by default
 * @returns the session, to look at
 * @throws what {@link ClientControl.start} throws; the client is closed then
 */
export async function secureBasicFtp(client: BasicFtpClient, options: BasicFtpOptions): Promise<ClientSession> {
  const { ftp } = client;
  const control = new ClientControl(ftp.socket, { timeout: ftp.timeout, ...options, greeted: true });
  const known = SECURED.has(ftp);
  SECURED.set(ftp, { control, options });
  if (!known) {
    protectTransfers(ftp);
    guardLogin(ftp);
    secureAgain(client);
    applySettingsAfterLogin(client);
  }
  // It takes its listeners off the socket below, and takes ours for the same connection, upgraded: the local port is the same.
  ftp.socket = control as unknown as Socket;
  try {
    await control.start();
  } catch (error) {
    ftp.closeWithError(error as Error);
    throw error;
  }
  return control.session;
}

/** The secured control connection, if that is the one in use. */
function controlOf(ftp: BasicFtpContext): ClientControl | undefined {
  const { control } = SECURED.get(ftp)!;
  return (ftp.socket as unknown) === control ? control : undefined;
}

/** Every strategy of basic-ftp, and any of its users', hands a connected socket to `dataSocket`. */
function protectTransfers(ftp: BasicFtpContext): void {
  const accessors: object = Object.getPrototypeOf(ftp);
  Object.defineProperty(ftp, 'dataSocket', {
    configurable: true,
    get: () => Reflect.get(accessors, 'dataSocket', ftp),
    set(socket: Socket | undefined) {
      const control = controlOf(ftp);
      const ours = socket !== undefined && control !== undefined;
      Reflect.set(accessors, 'dataSocket', ours ? protectedSocket(socket, control) : socket, ftp);
    },
  });
}

/** Blanks before the verb are skipped by some servers. */
const LOGIN = /^\s*(USER|PASS|ACCT)(\s|$)/i;

/**
 * All that basic-ftp sends goes by `send`, and each way to connect gives it another socket. The name goes with the password:
 * where it is sent, the password follows, and a server that takes the name alone has let somebody in on a plain connection.
 */
function guardLogin(ftp: BasicFtpContext): void {
  const send = ftp.send;
  ftp.send = command => {
    const plain = controlOf(ftp) === undefined && !('encrypted' in ftp.socket);
    if (plain && LOGIN.test(command) && SECURED.get(ftp)!.options.allowClearPassword !== true) {
      const message = 'no login on a connection that is not secured (see reconnect and allowClearPassword)';
      throw new FtpSecurityError('sequence/unprotected', message, { side: 'local' });
    }
    send.call(ftp, command);
  };
}

function secureAgain(client: BasicFtpClient): void {
  const connect = client.connect;
  client.connect = async (host, port) => {
    const greeting = await connect.call(client, host, port);
    const { options } = SECURED.get(client.ftp)!;
    if (options.reconnect !== undefined) await secureBasicFtp(client, { ...options, exchange: options.reconnect() });
    return greeting;
  };
}

/** The default of FTP is type A (RFC 959 §3.1.1.1), in which servers change line ends: files would be corrupted silently. */
function applySettingsAfterLogin(client: BasicFtpClient): void {
  const login = client.login;
  client.login = async (user, password) => {
    const reply = await login.call(client, user, password);
    if (controlOf(client.ftp) !== undefined) await client.useDefaultSettings();
    return reply;
  };
}

function protectedSocket(socket: Socket, { destroyed, session }: ClientControl): Duplex {
  if (destroyed) return socket.destroy();
  if (session.protection === 'clear') return socket;
  return new DataSocket(socket, session.dataWriter(), session.dataReader());
}

/** A data connection in one direction or the other: which, its use tells. */
class DataSocket extends OverSocket {
  readonly #writer: BlockWriter;
  readonly #reader: BlockReader;
  #sends = false;

  constructor(socket: Socket, writer: BlockWriter, reader: BlockReader) {
    super(socket, true);
    this.#writer = writer;
    this.#reader = reader;
    this.attach();
    socket.pause();
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: (error?: Error) => void): void {
    this.#sends = true;
    attempt(done, () => this.send(this.#writer.write(chunk), done));
  }

  override _final(done: (error?: Error) => void): void {
    this.#sends = true;
    attempt(done, () => this.sendEnd(this.#writer.end(), done));
  }

  protected override received(chunk: Uint8Array): void {
    this.#reader.push(chunk);
    for (let text = this.#reader.next(); text !== undefined; text = this.#reader.next()) this.give(text);
  }

  protected override receivedEnd(): void {
    if (!this.#sends) this.#reader.close();
    this.push(null);
  }
}

function attempt(failed: (error: Error) => void, work: () => void): void {
  try {
    work();
  } catch (error) {
    failed(error as Error);
  }
}
