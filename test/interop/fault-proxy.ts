/** A proxy between a client and a server that changes what passes: lines, or blocks of data. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** What a fault can do with a unit: a line with its end, a block with its length, or the rest at the end of the stream. */
export interface Actions {
  /** Sends octets on. */
  pass(octets: Uint8Array): void;
  /** Sends octets to where the unit came from. */
  back(octets: Uint8Array): void;
  /** All that has come from the other side. */
  opposite(): Buffer;
  /** Ends the stream here, in order; what comes is swallowed. */
  end(): void;
  /** Resets both connections. */
  reset(): void;
}

/** @param index  of the unit in its stream, from 0 */
export type Fault = (unit: Buffer, index: number, actions: Actions) => void | Promise<void>;

export type Direction = 'client' | 'server';

/** The side whose units the fault gets; those of the other side pass unchanged. */
export interface Tampering {
  from: Direction;
  fault: Fault;
}

export interface FaultProxy {
  port: number;
  /** What the client has sent, whatever became of it. */
  sent: Buffer[];
  /** What the server has sent. */
  received: Buffer[];
  close(): void;
}

type UnitEnd = (octets: Buffer) => number | undefined;

/** Where the first unit ends; undefined while it is not complete. */
export const lines: UnitEnd = octets => {
  const end = octets.indexOf('\n') + 1;
  return end > 0 ? end : undefined;
};
export const blocks: UnitEnd = octets => {
  if (octets.length < 4) return undefined;
  const end = 4 + octets.readUInt32BE();
  return end <= octets.length ? end : undefined;
};

/** Starts a proxy between the target and each client. It listens on the host of the target. */
export async function startProxy(
  host: string,
  target: number,
  unitEnd: UnitEnd,
  tampering?: Tampering,
): Promise<FaultProxy> {
  const sockets = new Set<Socket>();
  const sent: Buffer[] = [];
  const received: Buffer[] = [];
  const listener = createServer({ noDelay: true, allowHalfOpen: true }, client => {
    const server = connect({ host, port: target, noDelay: true, allowHalfOpen: true });
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.on('error', () => {
        client.destroy();
        server.destroy();
      });
    }
    client.on('data', chunk => sent.push(chunk));
    server.on('data', chunk => received.push(chunk));
    const faultOf = (from: Direction) => (tampering?.from === from ? tampering.fault : undefined);
    relay({ from: client, to: server, unitEnd, fault: faultOf('client'), opposite: received });
    relay({ from: server, to: client, unitEnd, fault: faultOf('server'), opposite: sent });
  });
  listener.listen(0, host);
  await once(listener, 'listening');
  const close = () => {
    listener.close();
    for (const socket of sockets) socket.destroy();
  };
  return { port: (listener.address() as AddressInfo).port, sent, received, close };
}

interface RelayOptions {
  from: Socket;
  to: Socket;
  unitEnd: UnitEnd;
  fault: Fault | undefined;
  opposite: Buffer[];
}

/** One direction. Without a fault octets pass as they come. */
function relay({ from, to, unitEnd, fault, opposite }: RelayOptions): void {
  from.on('close', () => to.destroySoon());
  if (fault === undefined) {
    from.on('data', chunk => to.writable && to.write(chunk));
    from.on('end', () => to.end());
    return;
  }
  let ended = false;
  const actions: Actions = {
    pass: octets => void (to.writable && !ended && to.write(octets)),
    back: octets => void (from.writable && from.write(octets)),
    opposite: () => Buffer.concat(opposite),
    end: () => {
      ended = true;
      to.end();
    },
    reset: () => {
      ended = true;
      from.resetAndDestroy();
      to.resetAndDestroy();
    },
  };
  tamper(from, unitEnd, fault, actions).then(
    () => actions.end(),
    () => actions.reset(),
  );
}

async function tamper(from: Socket, unitEnd: UnitEnd, fault: Fault, actions: Actions): Promise<void> {
  let octets: Buffer = Buffer.alloc(0);
  let index = 0;
  for await (const chunk of from.iterator({ destroyOnReturn: false })) {
    octets = Buffer.concat([octets, chunk]);
    for (let end = unitEnd(octets); end !== undefined; end = unitEnd(octets)) {
      const unit = octets.subarray(0, end);
      octets = octets.subarray(end);
      await fault(unit, index++, actions);
    }
  }
  if (octets.length > 0) await fault(octets, index, actions);
}
