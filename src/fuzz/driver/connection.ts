/**
 * Connections as the driver needs them, and the replies of a server. This file does no I/O: the caller gives the
 * connections.
 */
import { concatAll } from '../../bytes.js';
import { FtpSecurityError, refusalFrom } from '../../errors.js';
import { type Reply, ReplyReader } from '../../ftp/reply.js';
import type { BlockReader } from '../../protection/data-block.js';
import type { Exchange, SecurityContext } from '../../protection/mechanism.js';
import { ProtectedReplyReader } from '../../protection/protect.js';
import { decodeProtectedReply } from '../../protection/protected-reply.js';
import type { ProtectionLevel } from '../../protection/protection-level.js';
import type { ExchangeKeys, FuzzSession } from '../mutation.js';

/**
 * Why no octets come: `end` the peer has closed the connection in any way; `timeout` nothing came within the time
 * limit.
 */
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
  hear(): Promise<Uint8Array | NoReply>;
}

/**
 * Data connections. All of them go to the host at the other end of the control connection, whatever address a command
 * names.
 */
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
}

/** The connection never reached the point where a case begins. */
export class SetupFailed extends Error {
  /** Whether the connection could not be made, or was cut. */
  readonly cut: boolean;

  constructor(message: string, { cut = false } = {}) {
    super(message);
    this.cut = cut;
  }
}

/** The target can't be tested, for example because it does not support the mechanism. */
export class TargetUnavailable extends Error {}

/** A reply of a server under test. */
export interface HeardReply extends Reply {
  /** The level of its token. */
  level: ProtectionLevel;
}

/** Reads the replies of a server; once there is a context, also those inside tokens. */
export class HeardReplies {
  /** The last token. */
  received: Uint8Array | undefined;
  readonly #connection: Connection;
  readonly #outer = new ReplyReader();
  #inner: ProtectedReplyReader | undefined;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  open(context: SecurityContext): void {
    this.#inner = new ProtectedReplyReader(context);
  }

  /**
   * The next reply that is not 1yz.
   * @throws FtpSecurityError for a reply that can't be read or verified
   */
  async final(): Promise<HeardReply | NoReply> {
    for (;;) {
      const reply = await this.any();
      if (typeof reply === 'string' || reply.code >= 200) return reply;
    }
  }

  /**
   * The next reply.
   * @throws FtpSecurityError as {@link final}
   */
  async any(): Promise<HeardReply | NoReply> {
    for (;;) {
      const reply = this.#next();
      if (reply !== undefined) return reply;
      const heard = await this.#connection.hear();
      if (typeof heard === 'string') return heard;
      this.#outer.push(heard);
    }
  }

  #next(): HeardReply | undefined {
    const outer = this.#outer.next();
    if (outer === undefined) return undefined;
    if (outer.code < 600) return heardAt('clear', outer);
    if (this.#inner === undefined) throw new FtpSecurityError('sequence/no-context', 'a protected reply too early');
    this.received = decodeProtectedReply(outer).tokens[0];
    this.#inner.push(outer);
    const reply = this.#inner.next();
    return reply ? heardAt(reply.level, reply.inner) : this.#next();
  }
}

function heardAt(level: ProtectionLevel, { code, lines, raw }: Reply): HeardReply {
  return { code, lines, raw, level };
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
      const heard = await connection.hear();
      if (typeof heard === 'string') break;
      left -= heard.length;
      if (left < 0) return undefined;
      reader.push(heard);
      for (let text = reader.next(); text !== undefined; text = reader.next()) texts.push(text);
    }
    reader.close();
  } catch (error) {
    return refusalFrom(error);
  }
  return concatAll(texts);
}
