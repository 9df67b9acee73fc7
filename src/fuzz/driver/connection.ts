/** Connections as the driver needs them, which the caller gives. */

import { concatAll } from '../../bytes.js';
import { type FtpSecurityError, refusalFrom } from '../../errors.js';
import type { BlockReader } from '../../protection/data-block.js';
import type { Exchange } from '../../protection/mechanism.js';
import type { ExchangeKeys, FuzzSession } from '../mutation.js';

/** Why nothing was received: `end` the peer has closed the connection in any way; `timeout` it sent nothing in time. */
export type NoReply = 'end' | 'timeout';

/** The two ends of a connection. The addresses are text; address and port are undefined if they are no longer known. */
export type Ends = Readonly<Record<'local' | 'peer', { address: string | undefined; port: number | undefined }>>;

/** A control or data connection. */
export interface Connection {
  /** For mechanisms whose tokens contain addresses. */
  readonly ends?: Ends;
  /** Sends each chunk separately. Octets that the peer no longer accepts are lost. */
  send(chunks: readonly Uint8Array[]): Promise<void>;
  /** Closes the sending direction. */
  end(): void;
  receive(): Promise<Uint8Array | NoReply>;
}

/** Data connections: always with the host of the control connection, whatever address a command names. */
export interface DataConnections {
  /** @returns undefined if the peer does not accept the connection */
  open(port: number): Promise<Connection | undefined>;
  listen(): Promise<DataListener>;
}

/** A port to which the peer is to connect once. */
export interface DataListener {
  /** Our address on the control connection, as text. */
  host: string;
  port: number;
  /** @returns undefined if the peer does not connect */
  next(): Promise<Connection | undefined>;
  close(): void;
}

/** A mechanism, and the function that makes our side of an exchange. */
export interface FuzzSide {
  /** The name for AUTH. */
  mechanism: string;
  /** @param established  receives the session when the exchange is complete; its context makes mutated tokens */
  exchange(established: (session: FuzzSession) => void, ends?: Ends): Exchange;
  /** For mutated exchanges; without keys only the cases are played that need none. */
  keys?: ExchangeKeys;
  /** An error ends the connection of this mechanism, as in TLS. That a server does so is then not a finding. */
  endsAtError?: true;
}

/** The target can't be tested, for example because it does not support the mechanism. */
export class TargetUnavailable extends Error {}

/** The connection never reached the point where a case begins. */
export class SetupFailed extends TargetUnavailable {
  /** Whether the connection could not be made, or was cut. */
  readonly cut: boolean;

  constructor(message: string, { cut = false } = {}) {
    super(message);
    this.cut = cut;
  }
}

/** The most octets of a transfer that are read: 64 MiB. */
const MAX_TRANSFER = 0x400_0000;

/** Reads a transfer to its end. Returns the file, or the error in it; undefined if it is too long. */
export async function readTransfer(
  reader: BlockReader,
  connection: Connection,
): Promise<Uint8Array | FtpSecurityError | undefined> {
  const texts: Uint8Array[] = [];
  try {
    for (let left = MAX_TRANSFER; ; ) {
      const received = await connection.receive();
      if (typeof received === 'string') break;
      left -= received.length;
      if (left < 0) return undefined;
      reader.push(received);
      for (let text = reader.next(); text !== undefined; text = reader.next()) texts.push(text);
    }
    reader.close();
  } catch (error) {
    return refusalFrom(error);
  }
  return concatAll(texts);
}
