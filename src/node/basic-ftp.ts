/** The npm client `basic-ftp` over RFC 2228. Its sockets see inner replies and the octets of files; it needs not know. */
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { BlockReader, BlockWriter } from '../secure/data-block.js';
import type { ClientSession } from '../session/client.js';
import { ClientControl, type ClientControlOptions } from './client-control.js';
import { OverSocket } from './over-socket.js';

/** What is needed of a `Client` of basic-ftp 5 or 6. */
export interface BasicFtpClient {
  readonly ftp: BasicFtpContext;
  login(user?: string, password?: string): Promise<unknown>;
  useDefaultSettings(): Promise<void>;
}

interface BasicFtpContext {
  readonly timeout: number;
  socket: Socket;
  dataSocket: Socket | undefined;
  closeWithError(error: Error): void;
}

/**
 * Secures a client that is connected and has not logged in: AUTH and ADAT, then PBSZ and PROT. From then on its commands
 * go protected, and its transfers as PROT has it, until it connects again. `login` then also calls `useDefaultSettings`, as
 * `access` does, so that files are transferred unchanged (TYPE I); it rejects if the server refuses that.
 * @param options  `timeout` is the client's own by default
 * @returns the session, to look at
 * @throws what {@link ClientControl.start} throws; the client is closed then
 */
export async function secureBasicFtp(
  client: BasicFtpClient,
  options: Omit<ClientControlOptions, 'greeted'>,
): Promise<ClientSession> {
  const { ftp } = client;
  const control = new ClientControl(ftp.socket, { timeout: ftp.timeout, ...options, greeted: true });
  protectTransfers(ftp, control);
  applySettingsAfterLogin(client, control);
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

/** The default of FTP is type A (RFC 959 §3.1.1.1), in which servers change line ends: files would be corrupted silently. */
function applySettingsAfterLogin(client: BasicFtpClient, control: ClientControl): void {
  const { login }: BasicFtpClient = Object.getPrototypeOf(client);
  client.login = async (user, password) => {
    const reply = await login.call(client, user, password);
    if ((client.ftp.socket as unknown) === control) await client.useDefaultSettings();
    return reply;
  };
}

/** Every strategy of basic-ftp, and any of its users', hands a connected socket to `dataSocket`. */
function protectTransfers(ftp: BasicFtpContext, control: ClientControl): void {
  const accessors: object = Object.getPrototypeOf(ftp);
  Object.defineProperty(ftp, 'dataSocket', {
    configurable: true,
    get: () => Reflect.get(accessors, 'dataSocket', ftp),
    set(socket: Socket | undefined) {
      const ours = socket !== undefined && (ftp.socket as unknown) === control;
      Reflect.set(accessors, 'dataSocket', ours ? protectedSocket(socket, control) : socket, ftp);
    },
  });
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
