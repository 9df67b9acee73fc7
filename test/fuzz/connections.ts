/** Wires to peers in the same process, on our own sessions. */
import { toUtf8 } from '../../src/bytes.js';
import type { Connection } from '../../src/fuzz/driver/connection.js';
import type { Exchange } from '../../src/protection/mechanism.js';
import { ClientSession } from '../../src/session/client.js';
import { ServerSession } from '../../src/session/server.js';
import { heard, type Sides, told } from './exchange-sides.js';

/** What is wrong with how a peer speaks an exchange. */
export type Fault = (exchange: Exchange) => Exchange;

export const valid: Fault = exchange => exchange;

/** A wire to somebody in the same process. */
export function connectionTo(
  answer: (octets: Uint8Array) => readonly Uint8Array[],
  first: readonly Uint8Array[] = [],
): Connection {
  const said = [...first];
  return {
    async send(chunks) {
      for (const chunk of chunks) said.push(...answer(chunk));
    },
    end() {},
    receive: async () => said.shift() ?? 'timeout',
  };
}

export function serverConnection({ mechanism, acceptor }: Sides, fault = valid): Connection {
  const server = new ServerSession({ mechanisms: [{ name: mechanism }], allowWeak: true });
  const exchange = fault(acceptor());
  return connectionTo(chunk => told(server, exchange, chunk).octets, [toUtf8('220 Ready\r\n')]);
}

/** A client that sends a few commands once it has an association, and says nothing more when it has none. */
export function clientOf({ mechanism, initiator }: Sides, fault = valid) {
  const client = new ClientSession({ allowWeak: true });
  const exchange = fault(initiator());
  const commands = ['USER anna', 'NOOP', 'QUIT'];
  let asks = true;
  /** Its next command; undefined while it has no association. */
  const go = () => {
    const next = asks ? `AUTH ${mechanism}` : client.phase === 'secured' ? commands.shift() : undefined;
    asks = false;
    return next === undefined ? undefined : [client.send(toUtf8(next))];
  };
  const take = (chunk: Uint8Array) => {
    const { sent, replies, errors } = heard(client, exchange, chunk);
    if (errors.length > 0) return [];
    if (sent !== undefined) return [sent];
    return (replies > 0 ? go() : undefined) ?? [];
  };
  return { take, go };
}

export function clientConnection(sides: Sides, fault = valid): Connection {
  return connectionTo(clientOf(sides, fault).take);
}
