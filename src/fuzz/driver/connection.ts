/** What the driver needs of connections, and the replies of a server. It does no I/O: connections are handed to it. */
import { concatAll } from '../../bytes.js';
import { FtpSecurityError, refusalFrom } from '../../errors.js';
import { type Reply, ReplyReader } from '../../ftp/reply.js';
import type { BlockReader } from '../../protection/data-block.js';
import type { Exchange, SecurityContext } from '../../protection/mechanism.js';
import { ProtectedReplyReader } from '../../protection/protect.js';
import { decodeProtectedReply } from '../../protection/protected-reply.js';
import type { ProtectionLevel } from '../../protection/protection-level.js';
import type { ExchangeKeys, FuzzSession } from '../mutation.js';

/** Why no octets come: `end` the peer has closed, in whatever way; `timeout` nothing came as long as it may take. */
export type NoReply = 'end' | 'timeout';

/** Where the ends of a connection are: addresses as text, both undefined where that is not known any more. */
export type Ends = Readonly<Record<'local' | 'peer', { address: string | undefined; port: number | undefined }>>;

/** A control or data connection. */
export interface Connection {
  /** For mechanisms that have addresses in their tokens. */
  readonly ends?: Ends;
  /** Sends chunks, each by itself. What the peer takes no more is lost. */
  send(chunks: readonly Uint8Array[]): Promise<void>;
  /** Sends nothing more. */
  end(): void;
  hear(): Promise<Uint8Array | NoReply>;
}

/** Data connections, all with the host at the other end of the control connection, whatever address is named there. */
export interface DataConnections {
  /** @returns undefined when no one answers */
  open(port: number): Promise<Connection | undefined>;
  listen(): Promise<DataListener>;
}

/** Where the peer is to connect to, once. */
export interface DataListener {
  /** Our address on the control connection, as text. */
  host: string;
  port: number;
  /** @returns undefined when no one connects */
  next(): Promise<Connection | undefined>;
  close(): void;
}

/** A mechanism, and what makes our side of an exchange. */
export interface FuzzSide {
  /** The name for AUTH. */
  mechanism: string;
  /** @param established  gets the session, whose context makes mutated tokens, when the exchange is complete */
  exchange(established: (session: FuzzSession) => void, ends?: Ends): Exchange;
  /** For mutated exchanges; without them only what needs none is said. */
  keys?: ExchangeKeys;
}

/** The connection never came to where a case begins. */
export class SetupFailed extends Error {
  /** It could not be made, or was cut. */
  readonly cut: boolean;

  constructor(message: string, { cut = false } = {}) {
    super(message);
    this.cut = cut;
  }
}

/** The target takes no part: there is nothing to be found. */
export class TargetUnavailable extends Error {}

/** A reply of a server under test. */
export interface HeardReply extends Reply {
  /** That of its token. */
  level: ProtectionLevel;
}

/** Replies of a server, those inside tokens once there is a context. */
export class HeardReplies {
  /** The token that came last. */
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

  /** The next reply but 1yz ones. @throws FtpSecurityError for one that can't be read, or not be verified */
  async final(): Promise<HeardReply | NoReply> {
    for (;;) {
      const reply = await this.any();
      if (typeof reply === 'string' || reply.code >= 200) return reply;
    }
  }

  /** The next reply. @throws FtpSecurityError as {@link final} */
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
    if (outer.code < 600) return { ...outer, level: 'clear' };
    if (this.#inner === undefined) throw new FtpSecurityError('sequence/no-context', 'a protected reply too early');
    this.received = decodeProtectedReply(outer).tokens[0];
    this.#inner.push(outer);
    const reply = this.#inner.next();
    return reply ? { ...reply.inner, level: reply.level } : this.#next();
  }
}

/** So much of a transfer is read: 64 MiB. */
const MAX_TRANSFER = 0x400_0000;

/** Reads a transfer to its end: the file, or what is wrong with it; undefined when it is too long. */
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
