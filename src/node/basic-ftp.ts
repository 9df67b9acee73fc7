/** The npm client `basic-ftp` with RFC 2228. It sees inner replies and the octets of files, and needs no change. */
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { FtpSecurityError } from '../errors.js';
import type { BlockReader, BlockWriter } from '../protection/data-block.js';
import type { Exchange } from '../protection/mechanism.js';
import type { ClientSession } from '../session/client.js';
import { ClientControl, type ClientControlOptions } from './client-control.js';
import { SocketStream } from './socket-stream.js';

/** The part of `Client` in basic-ftp 5 and 6 that is used. */
export interface BasicFtpClient {
  readonly ftp: BasicFtpContext;
  login(user?: string, password?: string): Promise<unknown>;
  useDefaultSettings(): Promise<void>;
  /** Connects, also as part of `access`, and returns the greeting. */
  connect(host?: string, port?: number): Promise<unknown>;
}

/** The part of `FTPContext` in basic-ftp 5 and 6 that is used. */
export interface BasicFtpContext {
  readonly timeout: number;
  readonly closed: boolean;
  socket: Socket;
  dataSocket: Socket | undefined;
  send(command: string): void;
  closeWithError(error: Error): void;
}

/** Options of {@link secureBasicFtp}. */
export interface BasicFtpOptions extends Omit<ClientControlOptions, 'greeted'> {
  /**
   * Makes the exchange for each further connection: `connect` and `access` then secure it before anything else is sent, and
   * fail if that fails. Default: a new connection is plain until it is secured, and the client sends no USER, PASS or ACCT on
   * it unless `allowClearPassword` is true.
   */
  reconnect?: () => Exchange;
}

/** State of a client that has been secured at least once. */
interface Secured {
  /** The control of its last secured connection. */
  control: ClientControl;
  options: BasicFtpOptions;
}

const SECURED = new WeakMap<BasicFtpContext, Secured>();

/**
 * Secures a client that is connected and not logged in: AUTH and ADAT, then PBSZ and PROT (RFC 2228 §3). From then on its
 * commands are protected, and its transfers at the level of PROT, until it connects again: see `reconnect`. `login` then also
 * calls `useDefaultSettings`, as `access` does, so that files are transferred unchanged (TYPE I); it rejects if the server
 * refuses that.
 * @param options  `timeout` in milliseconds is the client's own by default
 * @returns the session, for its levels and facts
 * @throws the errors of {@link ClientControl.start}; the client is then closed
 * @example
 * const client = new Client(); // of basic-ftp
 * await client.connect('ftp.example.org', 21);
 * const exchange = krb5Initiator({ credentials, service: 'ftp@ftp.example.org' });
 * await secureBasicFtp(client, { mechanism: 'GSSAPI', exchange });
 * await client.login('user');
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
  // basic-ftp removes its listeners from the socket, and accepts ours as the same connection, since the local port is the same.
  ftp.socket = control as unknown as Socket;
  try {
    await control.start();
    // basic-ftp opens data connections in a callback, where the error of a mechanism without blocks would end the process.
    if (control.session.protection !== 'clear') control.session.dataWriter();
  } catch (error) {
    ftp.closeWithError(error as Error);
    throw error;
  }
  return control.session;
}

/** The secured control connection, if it is the current one. */
function controlOf(ftp: BasicFtpContext): ClientControl | undefined {
  const { control } = SECURED.get(ftp)!;
  return (ftp.socket as unknown) === control ? control : undefined;
}

/** Every way to open a data connection in basic-ftp, also by its users, assigns a connected socket to `dataSocket`. */
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

/** Some servers skip spaces before the verb. */
const LOGIN = /^\s*(USER|PASS|ACCT)(\s|$)/i;

/**
 * Everything that basic-ftp sends goes through `send`, and each way to connect replaces the socket. USER is refused too, not only
 * PASS: a server may accept the name alone, and then the login is not protected.
 */
function guardLogin(ftp: BasicFtpContext): void {
  const send = ftp.send;
  ftp.send = command => {
    const plain = controlOf(ftp) === undefined && !('encrypted' in ftp.socket);
    if (plain && LOGIN.test(command) && SECURED.get(ftp)!.options.allowClearPassword !== true) {
      const message =
        'refusing to log in on a connection that is not secured (set reconnect to secure it, or allowClearPassword)';
      throw new FtpSecurityError('sequence/unprotected', message, { side: 'local' });
    }
    try {
      send.call(ftp, command);
    } catch (error) {
      // basic-ftp sends QUIT whenever it closes, and ends the connection next. During an upload QUIT may not be sent.
      if (!(command === 'QUIT' && ftp.closed)) throw error;
    }
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

/** The default type of FTP is A (RFC 959 §3.1.1.1), with which servers change line ends, and so corrupt files silently. */
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

/** A data connection. Its first use decides the direction. */
class DataSocket extends SocketStream {
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
    for (let text = this.#reader.next(); text !== undefined; text = this.#reader.next()) this.deliver(text);
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
