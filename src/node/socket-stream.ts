/** A stream over a socket that transforms what is written and read. Backpressure works in both directions. */
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { FtpSecurityError } from '../errors.js';

/** A net.Socket, or any stream of octets in its place. */
export type AnySocket = Duplex &
  Partial<
    Pick<
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
    >
  >;

/** It has the members of net.Socket that clients use; addresses, counts and timeouts are those of the underlying socket. */
export abstract class SocketStream extends Duplex {
  readonly #socket: AnySocket;
  readonly #localPort: number | undefined;
  #corked = false;
  #ended = false;

  constructor(socket: AnySocket, allowHalfOpen: boolean) {
    super({ allowHalfOpen });
    this.#socket = socket;
    this.#localPort = socket.localPort;
  }

  /** Called with octets from the socket. An error destroys the stream. */
  protected abstract received(chunk: Uint8Array): void;
  /** Called when the peer has ended. An error destroys the stream. */
  protected abstract receivedEnd(): void;

  /** Listens to the socket from now on. Nothing else may listen to it. */
  protected attach(): void {
    const socket = this.#socket;
    octetsFrom(socket);
    socket.on('data', (chunk: Buffer | string) => this.#attempt(() => this.received(octetsOf(chunk))));
    socket.on('end', () => {
      this.#ended = true;
      this.#attempt(() => this.receivedEnd());
    });
    socket.on('error', error => this.destroy(error));
    socket.on('close', () => {
      if (!this.#ended) this.destroy(closed('the connection was closed without an end'));
      else if (this.writableLength > 0) this.destroy(closed('the connection was closed before all was sent'));
    });
    socket.on('timeout', () => this.emit('timeout'));
    if (socket.destroyed || socket.readableEnded)
      this.destroy(socket.errored ?? closed('the connection is closed already'));
  }

  /** Gives text to the reader of this stream, and pauses the socket if the reader is slow. */
  protected deliver(text: Uint8Array): void {
    if (!this.push(text)) this.pauseSocket();
  }

  /** Pauses the socket until `_read`. */
  protected pauseSocket(): void {
    this.#socket.pause();
  }

  /**
   * Sends octets. `done` is called when the socket accepts more; never if it is closed, since then this stream is closed too. What is
   * sent at once, such as commands that do not wait for each other's replies, goes to the system in one call.
   */
  protected send(octets: Uint8Array, done: () => void = () => {}): void {
    if (!this.#corked) {
      this.#corked = true;
      this.#socket.cork();
      process.nextTick(() => this.#uncork());
    }
    if (octets.length === 0 || this.#socket.write(octets)) done();
    else this.#socket.once('drain', done);
  }

  /** Sends the last octets and ends the socket, unless it has ended already. */
  protected sendEnd(octets: Uint8Array, done: () => void): void {
    if (octets.length > 0) this.#socket.end(octets, done);
    else if (this.#socket.writableEnded) done();
    else this.#socket.end(done);
  }

  override _read(): void {
    this.#socket.resume();
  }

  #uncork(): void {
    if (!this.#corked) return;
    this.#corked = false;
    this.#socket.uncork();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#uncork();
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

  /** Kept after the connection is closed: basic-ftp compares it to recognise the same connection after an upgrade. */
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

/** The error for a connection that has ended before it should. */
export function closed(message: string): FtpSecurityError {
  return new FtpSecurityError('sequence/closed', message);
}

/** Prepares a socket for {@link octetsOf}. If it has an encoding, which can't be removed, latin1 keeps the octets unchanged. */
export function octetsFrom(socket: AnySocket): void {
  if (socket.readableEncoding !== null) socket.setEncoding('latin1');
}

/** The octets of a chunk from a socket prepared by {@link octetsFrom}. */
export function octetsOf(chunk: Buffer | string): Uint8Array {
  return typeof chunk === 'string' ? Buffer.from(chunk, 'latin1') : chunk;
}
