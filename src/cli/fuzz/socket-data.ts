/** Data connections of the driver, over sockets; all end with the control connection. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { DataConnections, DataDoor, Wire } from '../../fuzz/driver/index.js';
import { connected, SocketWire } from './socket-wire.js';

export class SocketData implements DataConnections {
  readonly #control: Socket;
  readonly #limit: number;
  readonly #sockets: Socket[] = [];
  readonly #doors: DataDoor[] = [];

  /**
   * @param control  of whose ends data connections are
   * @param limit  how long anything may take, in milliseconds
   */
  constructor(control: Socket, limit: number) {
    this.#control = control;
    this.#limit = limit;
  }

  async open(port: number): Promise<Wire | undefined> {
    try {
      return this.#wire(await connected(this.#control.remoteAddress!, port, this.#limit));
    } catch {
      return undefined;
    }
  }

  async listen(): Promise<DataDoor> {
    const host = this.#control.localAddress!;
    const server = createServer({ allowHalfOpen: true, noDelay: true });
    server.listen(0, host);
    await once(server, 'listening');
    const come = first(server, this.#limit);
    const door: DataDoor = {
      host,
      port: (server.address() as AddressInfo).port,
      next: async () => {
        const socket = await come;
        return socket && this.#wire(socket);
      },
      close: () => server.close(),
    };
    this.#doors.push(door);
    return door;
  }

  close(): void {
    for (const door of this.#doors) door.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #wire(socket: Socket): Wire {
    this.#sockets.push(socket);
    return new SocketWire(socket, this.#limit);
  }
}

/** The first that comes; no other is let in. */
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
