/** A connection of the driver over a socket. */
import { connect, type Socket } from 'node:net';
import { setImmediate as soon } from 'node:timers/promises';
import type { Connection, Ends, NoReply } from '../../fuzz/driver/index.js';

/** A connection of the driver, for control or data. */
export class SocketConnection implements Connection {
  /** Read at the beginning, because a closed socket no longer has its addresses. */
  readonly ends: Ends;
  readonly #socket: Socket;
  readonly #limit: number;
  readonly #heard: Uint8Array[] = [];
  #ended = false;
  #wake: () => void = () => {};

  /** @param limit  the longest time that `hear` waits, in milliseconds */
  constructor(socket: Socket, limit: number) {
    const { localAddress, localPort, remoteAddress, remotePort } = socket;
    this.ends = {
      local: { address: localAddress, port: localPort },
      peer: { address: remoteAddress, port: remotePort },
    };
    this.#socket = socket.setNoDelay(true);
    this.#limit = limit;
    socket.on('data', chunk => {
      this.#heard.push(chunk);
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

  async hear(): Promise<Uint8Array | NoReply> {
    if (this.#heard.length === 0 && !this.#ended) await this.#change();
    return this.#heard.shift() ?? (this.#ended ? 'end' : 'timeout');
  }

  async #change(): Promise<void> {
    await new Promise<void>(resolve => {
      const timer = setTimeout(resolve, this.#limit);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** @throws Error of the system, or with the code ETIMEDOUT after `limit` milliseconds */
export function connected(host: string, port: number, limit: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, allowHalfOpen: true });
    const timer = setTimeout(
      () => socket.destroy(Object.assign(new Error('no connection'), { code: 'ETIMEDOUT' })),
      limit,
    );
    socket.on('error', reject);
    socket.on('connect', () => {
      clearTimeout(timer);
      resolve(socket);
    });
    socket.on('close', () => clearTimeout(timer));
  });
}
