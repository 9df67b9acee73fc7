/** A stream over a socket: what is written and read is not what the socket carries. Backpressure goes through both ways. */
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';

/** A net.Socket, or any stream of octets that stands for one. */
export type AnySocket = Duplex & Partial<Pick<Socket, keyof SocketMembers>>;

type SocketMembers = Pick<
  Socket,
  | 'setTimeout'
  | 'setKeepAlive'
  | 'setNoDelay'
  | 'ref'
  | 'unref'
  | 'localAddress'
  | 'localPort'
  | 'remoteAddress'
  | 'remotePort'
  | 'remoteFamily'
  | 'bytesRead'
  | 'bytesWritten'
>;

/** It has what clients ask a net.Socket for; addresses, counts and timeouts are those of the socket below. */
export abstract class OverSocket extends Duplex {
  readonly #socket: AnySocket;
  readonly #localPort: number | undefined;
  #ended = false;

  constructor(socket: AnySocket, allowHalfOpen: boolean) {
    super({ allowHalfOpen });
    this.#socket = socket;
    this.#localPort = socket.localPort;
  }

  /** Takes octets of the socket; what it throws destroys the stream. */
  protected abstract received(chunk: Uint8Array): void;
  /** The socket's peer has ended; what it throws destroys the stream. */
  protected abstract receivedEnd(): void;

  /** Listens to the socket from now on; whoever did before must have stopped. */
  protected attach(): void {
    const socket = this.#socket;
    octetsFrom(socket);
    socket.on('data', (chunk: Buffer | string) => this.#attempt(() => this.received(octetsOf(chunk))));
    socket.on('end', () => {
      this.#ended = true;
      this.#attempt(() => this.receivedEnd());
    });
    socket.on('error', error => this.destroy(error));
    socket.on('close', () => this.#ended || this.destroy(new Error('the connection was closed before its end')));
    socket.on('timeout', () => this.emit('timeout'));
    if (socket.destroyed || socket.readableEnded) this.destroy(new Error('the connection is closed already'));
  }

  /** Hands text to whoever reads, and stops the socket while nobody does. */
  protected give(text: Uint8Array): void {
    if (!this.push(text)) this.hold();
  }

  /** Stops the socket until `_read`. */
  protected hold(): void {
    this.#socket.pause();
  }

  /** Sends octets. `done` is called when the socket takes more, or never if it is closed: then the stream is too. */
  protected send(octets: Uint8Array, done: () => void = () => {}): void {
    if (octets.length === 0 || this.#socket.write(octets)) done();
    else this.#socket.once('drain', done);
  }

  /** Sends the last octets and ends, unless the socket has ended with its peer. */
  protected sendEnd(octets: Uint8Array, done: () => void): void {
    if (octets.length > 0) this.#socket.end(octets, done);
    else if (this.#socket.writableEnded) done();
    else this.#socket.end(done);
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }

  setTimeout(milliseconds: number, listener?: () => void): this {
    this.#socket.setTimeout?.(milliseconds);
    if (listener !== undefined) this.once('timeout', listener);
    return this;
  }

  setKeepAlive(enable?: boolean, initialDelay?: number): this {
    this.#socket.setKeepAlive?.(enable, initialDelay);
    return this;
  }

  setNoDelay(noDelay?: boolean): this {
    this.#socket.setNoDelay?.(noDelay);
    return this;
  }

  ref(): this {
    this.#socket.ref?.();
    return this;
  }

  unref(): this {
    this.#socket.unref?.();
    return this;
  }

  get localAddress(): string | undefined {
    return this.#socket.localAddress;
  }

  /** Kept when the connection is closed: by it basic-ftp tells a new connection from this one, upgraded. */
  get localPort(): number | undefined {
    return this.#socket.localPort ?? this.#localPort;
  }

  get remoteAddress(): string | undefined {
    return this.#socket.remoteAddress;
  }

  get remotePort(): number | undefined {
    return this.#socket.remotePort;
  }

  get remoteFamily(): string | undefined {
    return this.#socket.remoteFamily;
  }

  get bytesRead(): number {
    return this.#socket.bytesRead ?? 0;
  }

  get bytesWritten(): number {
    return this.#socket.bytesWritten ?? 0;
  }

  #attempt(work: () => void): void {
    if (this.destroyed) return;
    try {
      work();
    } catch (error) {
      this.destroy(error as Error);
    }
  }
}

/** What has an encoding gives strings, and can't be rid of it; this one keeps octets as they are. */
export function octetsFrom(socket: AnySocket): void {
  if (socket.readableEncoding !== null) socket.setEncoding('latin1');
}

/** What a socket gave, once {@link octetsFrom} has seen it. */
export function octetsOf(chunk: Buffer | string): Uint8Array {
  return typeof chunk === 'string' ? Buffer.from(chunk, 'latin1') : chunk;
}
