/** Finds the FTP control connections among the TCP connections of a capture, by their content, on any port. */
import { hostOf, other, portOf } from './opening.js';
import type { TcpConnection, TcpStreams } from './tcp.js';

export interface ControlConnection {
  /** `address:port` of each side. */
  client: string;
  server: string;
  /** Which end of the TCP connection is the client. */
  clientEnd: 0 | 1;
  /** Number of octets from each end that belong to a proxy, before the control connection begins. */
  preamble: readonly [number, number];
}

/** The ports of control connections. */
export interface PortOptions {
  /** A connection with one of these ports is a control connection, whatever its content. */
  ports?: readonly number[];
  /** Ignore connections without one of these ports. Default: false. */
  onlyPorts?: boolean;
}

/**
 * The control connections, in the order of their SYNs; those whose SYN was not answered are ignored. A server is
 * recognised by its replies, a client by its commands. Every other connection to a recognised server is a control
 * connection too, whatever its content.
 */
export function controlConnections(
  { connections, examined }: TcpStreams,
  { ports = [], onlyPorts = false }: PortOptions = {},
): Map<TcpConnection, ControlConnection> {
  const isForced = ({ ends }: TcpConnection) => ends.some(end => ports.includes(portOf(end)));
  const candidates = connections.filter(it => it.opened !== 'unanswered' && (!onlyPorts || isForced(it)));
  const clientEnds = new Map<TcpConnection, 0 | 1>();
  const servers = new Set<string>();
  const pairs = new Set<string>();
  for (const by of ['byCommands', 'byGreeting'] as const) {
    const silent = by === 'byGreeting';
    for (const connection of candidates) {
      const end = examined.get(connection.id)?.[by];
      // If two hosts already have a control connection, octets that only resemble a greeting are the content of a data
      // connection.
      if (end === undefined || (silent && pairs.has(hostsOf(connection)))) continue;
      clientEnds.set(connection, end);
      servers.add(connection.ends[other(end)]);
      if (!silent) pairs.add(hostsOf(connection));
    }
  }

  const control = new Map<TcpConnection, ControlConnection>();
  for (const connection of candidates) {
    const { ends, opener } = connection;
    const joins = opener !== undefined && servers.has(ends[other(opener)]) ? opener : undefined;
    const forced = isForced(connection) ? (opener ?? (ports.includes(portOf(ends[0])) ? 1 : 0)) : undefined;
    const clientEnd = clientEnds.get(connection) ?? joins ?? forced;
    if (clientEnd === undefined) continue;
    control.set(connection, {
      client: ends[clientEnd],
      server: ends[other(clientEnd)],
      clientEnd,
      preamble: examined.get(connection.id)?.preambles[clientEnd] ?? [0, 0],
    });
  }
  return control;
}

function hostsOf({ ends }: TcpConnection): string {
  return ends.map(hostOf).sort().join(' ');
}
