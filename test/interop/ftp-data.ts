/** Passive data connections (RFC 959 §3.2), and the files that go over them as PROT has it (RFC 2228 §6). */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { protectData, unprotectData } from '../../src/node/index.js';
import { timedOut, within } from '../../src/node/time-limit.js';
import type { ServerSession } from '../../src/session/server.js';

/** A port that waits for one connection. */
export interface Passive {
  port: number;
  /** @throws Error after the limit */
  connected: Promise<Socket>;
  close(): void;
}

/**
 * @param host  address to listen on
 * @param limit  milliseconds for the client to connect, and for a connection to be silent
 */
export async function listenForData(host: string, limit: number): Promise<Passive> {
  const listener = createServer({ noDelay: true, allowHalfOpen: true });
  listener.maxConnections = 1;
  listener.listen(0, host);
  await once(listener, 'listening');
  const connected = within(limit, 'a data connection', once(listener, 'connection') as Promise<[Socket]>)
    .then(([socket]) => socket.setTimeout(limit, () => socket.destroy(timedOut('octets on a data connection'))))
    .finally(() => listener.close());
  connected.catch(() => {}); // whoever transfers hears of it
  const close = () => {
    listener.close();
    connected.then(
      socket => socket.destroy(),
      () => {},
    );
  };
  return { port: (listener.address() as AddressInfo).port, connected, close };
}

/** Sends a file, and closes the connection. */
export async function sendFile(session: ServerSession, file: Readable, { connected }: Passive, signal: AbortSignal) {
  const protect = protectData(session.dataWriter());
  await pipeline(file, protect, await connected, { signal });
}

/** Receives a file: it is whole when this does not throw. */
export async function receiveFile(session: ServerSession, { connected }: Passive, file: Writable, signal: AbortSignal) {
  const unprotect = unprotectData(session.dataReader());
  const socket = await connected;
  await pipeline(socket, unprotect, file, { signal });
  socket.destroy();
}

export function textFile(lines: readonly string[]): Readable {
  return Readable.from([Buffer.from(lines.map(line => `${line}\r\n`).join(''))]);
}
