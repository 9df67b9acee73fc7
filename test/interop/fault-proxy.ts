/** A proxy between a client and a server that changes what passes: lines, or blocks of data. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** What a fault may do with a unit: a line with its end, a block with its length, or the rest at the end of the stream. */
export interface Hands {
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
export type Fault = (unit: Buffer, index: number, hands: Hands) => void | Promise<void>;

export type Direction = 'client' | 'server';

/** Who sends what the fault gets; the other direction passes as it is. */
export interface Tampering {
  from: Direction;
  fault: Fault;
}

export interface Between {
  port: number;
  /** What the client has sent, whatever became of it. */
  sent: Buffer[];
  /** What the server has sent. */
  received: Buffer[];
  close(): void;
}

type Cut = (octets: Buffer) => number | undefined;

/** Where the first unit ends; undefined when it is not all there. */
export const lines: Cut = octets => {
  const end = octets.indexOf('\n') + 1;
  return end > 0 ? end : undefined;
};
export const blocks: Cut = octets => {
  if (octets.length < 4) return undefined;
  const end = 4 + octets.readUInt32BE();
  return end <= octets.length ? end : undefined;
};

/** Listens on the host of the target, and is between it and each client. */
export async function startProxy(host: string, target: number, cut: Cut, tampering?: Tampering): Promise<Between> {
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
    relay({ from: client, to: server, cut, fault: faultOf('client'), opposite: received });
    relay({ from: server, to: client, cut, fault: faultOf('server'), opposite: sent });
  });
  listener.listen(0, host);
  await once(listener, 'listening');
  const close = () => {
    listener.close();
    for (const socket of sockets) socket.destroy();
  };
  return { port: (listener.address() as AddressInfo).port, sent, received, close };
}

interface Course {
  from: Socket;
  to: Socket;
  cut: Cut;
  fault: Fault | undefined;
  opposite: Buffer[];
}

/** One direction. Without a fault octets pass as they come. */
function relay({ from, to, cut, fault, opposite }: Course): void {
  from.on('close', () => to.destroySoon());
  if (fault === undefined) {
    from.on('data', chunk => to.writable && to.write(chunk));
    from.on('end', () => to.end());
    return;
  }
  let ended = false;
  const hands: Hands = {
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
  tamper(from, cut, fault, hands).then(
    () => hands.end(),
    () => hands.reset(),
  );
}

async function tamper(from: Socket, cut: Cut, fault: Fault, hands: Hands): Promise<void> {
  let octets: Buffer = Buffer.alloc(0);
  let index = 0;
  for await (const chunk of from.iterator({ destroyOnReturn: false })) {
    octets = Buffer.concat([octets, chunk]);
    for (let end = cut(octets); end !== undefined; end = cut(octets)) {
      const unit = octets.subarray(0, end);
      octets = octets.subarray(end);
      await fault(unit, index++, hands);
    }
  }
  if (octets.length > 0) await fault(octets, index, hands);
}
