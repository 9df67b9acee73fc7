/**
 * Passive and active data connections (RFC 959 §3.2, RFC 2428). The other end must have the client's address, so that the server
 * can't be used to attack others, and no one else gets the data (RFC 2577).
 */
import { once } from 'node:events';
import { type AddressInfo, BlockList, connect, createServer, isIP, type Socket } from 'node:net';

/** The data connection for the next transfer. */
export interface DataConnection {
  /** To be called once. @throws Error if it is not established within the time limit */
  open(): Promise<Socket>;
  /** Closes the connection, or stops waiting for it. */
  close(): void;
}

/** Addresses of the control connection, and the time limit in milliseconds for data connections. */
export interface Ends {
  local: string;
  remote: string;
  timeout: number;
}

/** Removes the prefix of an IPv4-mapped IPv6 address, as sockets for both protocols have it. */
export function addressOf(address = ''): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '');
}

/** The number of the network protocol (RFC 2428 §2). */
export function protocolOf(address: string): 1 | 2 {
  return isIP(address) === 6 ? 2 : 1;
}

/** Listens for one connection from the client; connections from other addresses are closed. */
export async function listenForClient({ local, remote, timeout }: Ends): Promise<DataConnection & { port: number }> {
  const listener = createServer({ allowHalfOpen: true, noDelay: true });
  listener.listen(0, local);
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  const limit = setTimeout(() => listener.close(), timeout);
  const accepted = new Promise<Socket>((resolve, reject) => {
    listener.on('connection', socket => {
      if (addressOf(socket.remoteAddress) !== remote) return void socket.destroy();
      resolve(limited(socket, timeout));
      listener.close();
    });
    listener.on('close', () => reject(timedOut('no connection from the client')));
  }).finally(() => clearTimeout(limit));
  accepted.catch(() => {}); // reported by `open`
  const close = () => {
    listener.close();
    accepted.then(
      socket => socket.destroy(),
      () => {},
    );
  };
  return { port, open: () => accepted, close };
}

/** Connects to the client when the transfer starts. */
export function connectToClient(port: number, { remote, timeout }: Ends): DataConnection {
  let socket: Socket | undefined;
  return {
    open: async () => {
      socket = limited(connect({ host: remote, port, allowHalfOpen: true, noDelay: true }), timeout);
      await once(socket, 'connect');
      return socket;
    },
    // Without an error, `open` would wait for ever.
    close: () => void socket?.destroy(new Error('the data connection was closed')),
  };
}

/** Compares addresses in any notation. */
export function isSameAddress(one: string, other: string): boolean {
  const list = new BlockList();
  const familyOf = (address: string) => (isIP(address) === 6 ? 'ipv6' : 'ipv4');
  list.addAddress(one, familyOf(one));
  return list.check(other, familyOf(other));
}

/** Limits idle time. Errors before the transfer starts are ignored here: the transfer then fails. */
function limited(socket: Socket, timeout: number): Socket {
  socket.on('error', () => {});
  return socket.setTimeout(timeout, () => socket.destroy(timedOut('data connection idle for too long')));
}

function timedOut(what: string): Error {
  return Object.assign(new Error(what), { code: 'ETIMEDOUT' });
}
