/** The driver's data connections over sockets; all are closed with the control connection. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { Connection, DataConnections, DataListener } from '../../fuzz/driver/index.js';
import { connected, SocketConnection } from './socket-connection.js';

/** The data connections of one control connection. */
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
    try {
      return this.#connection(await connected(this.#control.remoteAddress!, port, this.#limit));
    } catch {
      return undefined;
    }
  }

  async listen(): Promise<DataListener> {
    const host = this.#control.localAddress!;
    const server = createServer({ allowHalfOpen: true, noDelay: true });
    server.listen(0, host);
    await once(server, 'listening');
    const come = first(server, this.#limit);
    const listener: DataListener = {
      host,
      port: (server.address() as AddressInfo).port,
      next: async () => {
        const socket = await come;
        return socket && this.#connection(socket);
      },
      close: () => server.close(),
    };
    this.#listeners.push(listener);
    return listener;
  }

  close(): void {
    for (const listener of this.#listeners) listener.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #connection(socket: Socket): Connection {
    this.#sockets.push(socket);
    return new SocketConnection(socket, this.#limit);
  }
}

/** The first connection within the limit; undefined if there is no connection. Later ones are rejected. */
async function first(server: Server, limit: number): Promise<Socket | undefined> {
  try {
    const [socket] = (await once(server, 'connection', { signal: AbortSignal.timeout(limit) })) as [Socket];
    return socket;
  } catch {
    return undefined;
  } finally {
    server.close();
  }
}
