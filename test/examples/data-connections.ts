/** Data connections (RFC 959 §3.2, RFC 2428), passive and active: with the address of the client alone, and within a limit (RFC 2577). */
import { once } from 'node:events';
import { type AddressInfo, BlockList, connect, createServer, isIP, type Socket } from 'node:net';

/** The next data connection. */
export interface DataConnection {
  /** Once. @throws Error when none has come about within the limit */
  open(): Promise<Socket>;
  /** It is not wanted any more. */
  close(): void;
}

/** Both ends of the control connection, and how long a data connection may be silent: milliseconds. */
export interface Ends {
  local: string;
  remote: string;
  timeout: number;
}

/** Without the prefix that IPv4 has on a socket for both protocols. */
export function addressOf(address = ''): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '');
}

/** RFC 2428 §2 */
export function protocolOf(address: string): '1' | '2' {
  return isIP(address) === 6 ? '2' : '1';
}

/** Waits for one connection of the client; those of others are closed. */
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
    listener.on('close', () => reject(timedOut('nobody has connected')));
  }).finally(() => clearTimeout(limit));
  accepted.catch(() => {}); // whoever opens it is told
  const close = () => {
    listener.close();
    accepted.then(
      socket => socket.destroy(),
      () => {},
    );
  };
  return { port, open: () => accepted, close };
}

/** Connects to the client, when the transfer begins. */
export function connectToClient(port: number, { remote, timeout }: Ends): DataConnection {
  let socket: Socket | undefined;
  return {
    open: async () => {
      socket = limited(connect({ host: remote, port, allowHalfOpen: true, noDelay: true }), timeout);
      await once(socket, 'connect');
      return socket;
    },
    close: () => void socket?.destroy(),
  };
}

const FORMS = {
  PORT: /^(?<host>\d+,\d+,\d+,\d+),(?<high>\d{1,3}),(?<low>\d{1,3})$/,
  EPRT: /^([!-~])(?<protocol>\d{1,5})\1(?<host>[0-9a-f.:]+)\1(?<low>\d{1,5})\1$/i,
};

export interface NamedAddress {
  protocol: string;
  host: string;
  port: number;
}

/** What PORT and EPRT name; undefined for what can't be read. The protocol may be one that nobody knows. */
export function parseAddress(verb: 'PORT' | 'EPRT', argument: string): NamedAddress | undefined {
  const { protocol = '1', host = '', high = '0', low } = FORMS[verb].exec(argument)?.groups ?? {};
  const address = host.replaceAll(',', '.');
  const port = Number(high) * 256 + Number(low);
  const isAddress = protocol === '1' || protocol === '2' ? isIP(address) > 0 && protocolOf(address) === protocol : true;
  if (low === undefined || !isAddress || port > 0xffff || (verb === 'PORT' && Number(low) > 0xff)) return undefined;
  return { protocol, host: address, port };
}

/** Whether it is the same address, however written. */
export function isSameAddress(one: string, other: string): boolean {
  const list = new BlockList();
  const familyOf = (address: string) => (isIP(address) === 6 ? 'ipv6' : 'ipv4');
  list.addAddress(one, familyOf(one));
  return list.check(other, familyOf(other));
}

/** It may be reset while nobody reads from it, and must not be silent for long. */
function limited(socket: Socket, timeout: number): Socket {
  socket.on('error', () => {});
  return socket.setTimeout(timeout, () => socket.destroy(timedOut('nothing comes over the data connection')));
}

function timedOut(what: string): Error {
  return Object.assign(new Error(what), { code: 'ETIMEDOUT' });
}
