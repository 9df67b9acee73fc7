/** Finds the data connections in a capture, and the control connection of each, by the addresses that were announced. */
import type { Peer } from '../protection/mechanism.js';
import type { TcpConnection } from './connection-table.js';
import type { DataAddress } from './data-addresses.js';
import { portOf } from './opening.js';

/** How many recent addresses of a control connection are kept: a data connection may come late, or be opened again. */
const KEPT = 16;

interface Announced<Control> {
  control: Control;
  /** The side that listens there. */
  by: Peer;
  /** `host:port`. */
  end: string;
  port: number;
  /** The number of the message with the command that asked for it, e.g. PASV; undefined for the default port. */
  message: number | undefined;
}

export interface FoundDataConnection<Control> {
  control: Control;
  /** Which end of the TCP connection is the client. */
  clientEnd: 0 | 1;
  /** `port`: only the port matches, because address translation changed the host. */
  foundBy: 'address' | 'port';
  /** The number of the message with the command that asked for the address; undefined for the default port. */
  message: number | undefined;
}

/** The addresses that control connections have announced. A later announcement replaces an earlier one. */
export class DataConnections<Control> {
  readonly #byEnd = new Map<string, Announced<Control>>();
  readonly #byPort = new Map<number, Announced<Control>[]>();
  readonly #kept = new Map<Control, Announced<Control>[]>();

  /**
   * @param host  address of the listening side on the control connection, used if only a port was announced
   * @param message  the number of the message with the command that asked for the address
   */
  announce(
    control: Control,
    by: Peer,
    { host: said, port }: DataAddress,
    host: string,
    message: number | undefined,
  ): void {
    const announced = { control, by, end: `${said ?? host}:${port}`, port, message };
    this.#byEnd.set(announced.end, announced);
    const samePort = this.#byPort.get(port) ?? [];
    samePort.push(announced);
    this.#byPort.set(port, samePort);
    const kept = this.#kept.get(control) ?? [];
    kept.push(announced);
    this.#kept.set(control, kept);
    if (kept.length > KEPT) this.#remove(kept.shift()!);
  }

  /** Forgets the addresses that a control connection has announced. */
  forget(control: Control): void {
    for (const announced of this.#kept.get(control) ?? []) this.#remove(announced);
    this.#kept.delete(control);
  }

  /**
   * The control connection of a TCP connection; undefined if none has announced its address. Call it when the first
   * octets come or the connection ends, because by then the address has been announced.
   */
  find({ ends, opener }: TcpConnection): FoundDataConnection<Control> | undefined {
    // If the SYN is missing, either end may be the one that listens.
    const listeners = opener === undefined ? ([1, 0] as const) : ([opener === 0 ? 1 : 0] as const);
    for (const foundBy of ['address', 'port'] as const) {
      for (const listener of listeners) {
        const announced =
          foundBy === 'address' ? this.#byEnd.get(ends[listener]) : this.#byPort.get(portOf(ends[listener]))?.at(-1);
        if (announced === undefined) continue;
        const clientEnd = announced.by === 'client' ? listener : listener === 0 ? 1 : 0;
        return { control: announced.control, clientEnd, foundBy, message: announced.message };
      }
    }
    return undefined;
  }

  #remove(announced: Announced<Control>): void {
    if (this.#byEnd.get(announced.end) === announced) this.#byEnd.delete(announced.end);
    const others = this.#byPort.get(announced.port)?.filter(one => one !== announced) ?? [];
    if (others.length > 0) this.#byPort.set(announced.port, others);
    else this.#byPort.delete(announced.port);
  }
}
