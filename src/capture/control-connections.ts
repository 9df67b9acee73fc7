/** Finds the FTP control connections among the TCP connections of a capture, by their content, on any port. */
import { type ConnectionTable, hostOfNumber, portOfNumber } from './connection-table.js';
import { other } from './opening.js';

export interface ControlConnection {
  /** From 1, in the order of the SYNs. */
  number: number;
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

/** The control connections of a capture: four octets for each connection, whatever it is. */
export class ControlConnections {
  readonly #connections: ConnectionTable;
  /** By the id of the connection: twice its number, and the end of the client; 0 if it is not a control connection. */
  readonly #found: Uint32Array;
  /** The ids, in the order of the SYNs. */
  readonly ids: readonly number[];

  /**
   * Finds the control connections; those whose SYN was not answered are ignored. A server is recognised by its replies, a
   * client by its commands. Every other connection to a recognised server, unless that is a proxy, is a control connection too,
   * whatever its content.
   */
  constructor(connections: ConnectionTable, options: PortOptions = {}) {
    this.#connections = connections;
    const { clientEnds, ids } = clientEndsOf(connections, options);
    this.ids = ids.sort((a, b) => connections.place(a) - connections.place(b));
    this.#found = new Uint32Array(connections.size);
    for (let i = 0; i < ids.length; i++) this.#found[ids[i]!] = 2 * (i + 1) + clientEnds[ids[i]!]! - 1;
  }

  has(id: number): boolean {
    return this.#found[id] !== 0;
  }

  /** @returns undefined if the connection with this id is not a control connection */
  get(id: number, { ends } = this.#connections.get(id)): ControlConnection | undefined {
    const found = this.#found[id]!;
    if (found === 0) return undefined;
    const clientEnd = (found & 1) as 0 | 1;
    const preamble = this.#connections.preambles(id)?.[clientEnd] ?? [0, 0];
    return { number: found >>> 1, client: ends[clientEnd], server: ends[other(clientEnd)], clientEnd, preamble };
  }
}

/** The control connections, and by id one more than the end of the client; 0 if it is not a control connection. */
function clientEndsOf(
  connections: ConnectionTable,
  { ports = [], onlyPorts = false }: PortOptions,
): { ids: number[]; clientEnds: Uint8Array } {
  const isPort = (id: number, end: 0 | 1) => ports.includes(portOfNumber(connections.endNumber(id, end)));
  const isForced = (id: number) => isPort(id, 0) || isPort(id, 1);
  const isCandidate = (id: number) => !connections.isUnanswered(id) && (!onlyPorts || isForced(id));
  const clientEnds = new Uint8Array(connections.size);
  const ids: number[] = [];
  const add = (id: number, end: 0 | 1) => {
    if (clientEnds[id] === 0) ids.push(id);
    clientEnds[id] = end + 1;
  };
  const servers = new Set<number>();
  const pairs = new HostPairs(connections);
  for (const by of ['byCommands', 'byGreeting'] as const) {
    const silent = by === 'byGreeting';
    for (let id = 0; id < connections.size; id++) {
      const end = connections.clientEnd(id, by);
      // If two hosts already have a control connection, octets that only resemble a greeting are the content of a data
      // connection.
      if (end === undefined || !isCandidate(id) || (silent && pairs.has(id))) continue;
      add(id, end);
      // A proxy that answers may be asked for any server.
      const answered = connections.preambles(id)?.[end][other(end)] ?? 0;
      if (answered === 0) servers.add(connections.endNumber(id, other(end)));
      if (!silent) pairs.add(id);
    }
  }
  for (let id = 0; id < connections.size; id++) {
    if (clientEnds[id] !== 0) continue;
    const opener = connections.opener(id);
    const joins = opener !== undefined && servers.has(connections.endNumber(id, other(opener)));
    if (joins ? isCandidate(id) : ports.length > 0 && isForced(id) && isCandidate(id))
      add(id, opener ?? (isPort(id, 0) ? 1 : 0));
  }
  return { ids, clientEnds };
}

/** The hosts of connections, in pairs. */
class HostPairs {
  readonly #connections: ConnectionTable;
  readonly #pairs = new Map<number, Set<number>>();

  constructor(connections: ConnectionTable) {
    this.#connections = connections;
  }

  add(id: number): void {
    const [one, two] = this.#hostsOf(id);
    const others = this.#pairs.get(one);
    if (others === undefined) this.#pairs.set(one, new Set([two]));
    else others.add(two);
  }

  has(id: number): boolean {
    const [one, two] = this.#hostsOf(id);
    return this.#pairs.get(one)?.has(two) ?? false;
  }

  /** The lower number first. */
  #hostsOf(id: number): [number, number] {
    const one = hostOfNumber(this.#connections.endNumber(id, 0));
    const two = hostOfNumber(this.#connections.endNumber(id, 1));
    return one < two ? [one, two] : [two, one];
  }
}
