/** Connections of the driver over sockets. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setImmediate as soon } from 'node:timers/promises';
import type { Connection, DataConnections, DataListener, Ends, NoReply } from '../../fuzz/index.js';
import { withTimeout } from '../../node/timeout.js';
import { Queue } from '../../queue.js';

/** The longest time of a timer, in milliseconds. */
const MAX_TIMER = 0x7fff_ffff;

export class SocketConnection implements Connection {
  /** Read at the beginning, because a closed socket no longer has its addresses. */
  readonly ends: Ends;
  readonly #socket: Socket;
  readonly #limit: number;
  readonly #received = new Queue<Uint8Array>();
  #ended = false;
  #wake: () => void = () => {};

  /** @param limit  the longest time that `receive` waits, in milliseconds */
  constructor(socket: Socket, limit: number) {
    const { localAddress, localPort, remoteAddress, remotePort } = socket;
    this.ends = {
      local: { address: localAddress, port: localPort },
      peer: { address: remoteAddress, port: remotePort },
    };
    this.#socket = socket.setNoDelay(true);
    this.#limit = limit;
    socket.on('data', chunk => {
      this.#received.push(chunk);
      this.#wake();
    });
    const end = () => {
      this.#ended = true;
      this.#wake();
    };
    socket.on('end', end).on('close', end).on('error', end);
  }

  /** Does not wait until the peer reads: a peer that does not read is seen as silent. */
  async send(chunks: readonly Uint8Array[]): Promise<void> {
    for (const chunk of chunks) {
      if (this.#socket.writable) this.#socket.write(chunk);
      if (chunks.length > 1) await soon();
    }
  }

  end(): void {
    this.#socket.end();
  }

  async receive(): Promise<Uint8Array | NoReply> {
    if (this.#received.length === 0 && !this.#ended) {
      const change = new Promise<void>(resolve => {
        this.#wake = resolve;
      });
      await withTimeout(this.#limit, 'the peer', change).catch(() => {});
    }
    return this.#received.shift() ?? (this.#ended ? 'end' : 'timeout');
  }
}

/** Accepts peers, and gives them out one after another. */
export class Listener {
  readonly #server = createServer({ allowHalfOpen: true, noDelay: true });
  readonly #waiting = new Queue<Socket>();

  /** @throws Error of the system */
  static async open(host: string, port: number): Promise<Listener> {
    const listener = new Listener();
    listener.#server.on('connection', socket => listener.#waiting.push(socket.on('error', () => {})));
    await once(listener.#server.listen(port, host), 'listening');
    return listener;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** @returns undefined if the time, in milliseconds, is over, or the wait is interrupted */
  async next(limit: number, interrupted?: AbortSignal): Promise<Socket | undefined> {
    const timeout = AbortSignal.timeout(Math.max(0, Math.min(limit, MAX_TIMER)));
    const signal = interrupted ? AbortSignal.any([timeout, interrupted]) : timeout;
    if (this.#waiting.length === 0) await once(this.#server, 'connection', { signal }).catch(() => {});
    return this.#waiting.shift();
  }

  /** Rejects those that connected in the meantime, such as one that connects again: they belong to no case. */
  rejectPending(): void {
    for (let socket = this.#waiting.shift(); socket !== undefined; socket = this.#waiting.shift()) socket.destroy();
  }

  close(): void {
    this.rejectPending();
    this.#server.close();
  }
}

/** The data connections of one control connection; all are closed with it. */
export class SocketData implements DataConnections {
  readonly #control: Socket;
  readonly #limit: number;
  readonly #sockets: Socket[] = [];
  readonly #listeners: Listener[] = [];

  /** @param limit  the longest time for each operation, in milliseconds */
  constructor(control: Socket, limit: number) {
    this.#control = control;
    this.#limit = limit;
  }

  async open(port: number): Promise<Connection | undefined> {
    return this.#connection(await connected(this.#control.remoteAddress!, port, this.#limit).catch(() => undefined));
  }

  async listen(): Promise<DataListener> {
    const host = this.#control.localAddress!;
    const listener = await Listener.open(host, 0);
    this.#listeners.push(listener);
    const close = () => listener.close();
    // Later connections are rejected.
    const next = async () => this.#connection(await listener.next(this.#limit).finally(close));
    return { host, port: listener.port, next, close };
  }

  close(): void {
    for (const listener of this.#listeners) listener.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #connection(socket: Socket | undefined): Connection | undefined {
    if (socket === undefined) return undefined;
    this.#sockets.push(socket);
    return new SocketConnection(socket, this.#limit);
  }
}

/** @throws Error of the system, or with the code ETIMEDOUT after `limit` milliseconds */
export async function connected(host: string, port: number, limit: number): Promise<Socket> {
  const socket = connect({ host, port, allowHalfOpen: true });
  try {
    await withTimeout(limit, 'a connection', once(socket, 'connect'));
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}
