/** Connections of the driver over sockets. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setImmediate as soon } from 'node:timers/promises';
import type { Connection, DataConnections, DataListener, Ends, NoReply } from '../../fuzz/driver/index.js';
import { withTimeout } from '../../node/timeout.js';
import { Queue } from '../../queue.js';

/** A connection of the driver, for control or data. */
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

/** The data connections of one control connection; all are closed with it. */
export class SocketData implements DataConnections {
  readonly #control: Socket;
  readonly #limit: number;
  readonly #sockets: Socket[] = [];
  readonly #listeners: DataListener[] = [];

  /**
   * @param control  the control connection, whose addresses the data connections use
   * @param limit  the longest time for each operation, in milliseconds
   */
  constructor(control: Socket, limit: number) {
    this.#control = control;
    this.#limit = limit;
  }

  async open(port: number): Promise<Connection | undefined> {
    return await this.#connection(connected(this.#control.remoteAddress!, port, this.#limit));
  }

  async listen(): Promise<DataListener> {
    const host = this.#control.localAddress!;
    const server = createServer({ allowHalfOpen: true, noDelay: true });
    await once(server.listen(0, host), 'listening');
    // Later connections are rejected.
    const connection = this.#connection(
      once(server, 'connection', { signal: AbortSignal.timeout(this.#limit) }).then(([socket]) => socket as Socket),
    ).finally(() => server.close());
    const { port } = server.address() as AddressInfo;
    const listener: DataListener = { host, port, next: () => connection, close: () => server.close() };
    this.#listeners.push(listener);
    return listener;
  }

  close(): void {
    for (const listener of this.#listeners) listener.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  /** @returns undefined if there is no connection within the limit */
  async #connection(socket: Promise<Socket>): Promise<Connection | undefined> {
    try {
      const made = await socket;
      this.#sockets.push(made);
      return new SocketConnection(made, this.#limit);
    } catch {
      return undefined;
    }
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
