/**
 * The data connections of the server to which a client under test is connected (RFC 2228 §6): PASV, EPSV, PORT and
 * EPRT; files sent to the client, valid or mutated; and files received from it, which must follow the rules.
 */
import { concat, concatAll, fromUtf8, LF, toUtf8, viewOf } from '../../bytes.js';
import { FtpSecurityError, refusalFrom, replyCodeFor } from '../../errors.js';
import { formatExtendedPassiveText, formatPassiveText, parseEprt, parsePort } from '../../ftp/addresses.js';
import type { Command } from '../../ftp/command.js';
import type { ServerSession } from '../../session/server.js';
import type { TransferCase } from '../cases.js';
import type { FuzzSession } from '../mutation.js';
import { DATA_MARKER, FILE } from '../mutations/data.js';
import { perform } from '../perform.js';
import type { ClientTrace } from './client-trace.js';
import { type Connection, type DataConnections, type DataListener, readTransfer } from './connection.js';

/** A reply of one line. */
export type Answer = readonly [code: number, text: string];

const DONE: Answer = [226, 'Transfer complete'];
const FAILED: Answer = [451, 'The file could not be read to its end'];
const NOWHERE: Answer = [425, 'No data connection'];
const BLOCK_ON_CONTROL = 'a data block on the control connection';

/** A file without the marker, for transfers that are not the one under test. */
const PLAIN_FILE = toUtf8(fromUtf8(FILE).replace(DATA_MARKER, DATA_MARKER.replaceAll(/[a-z]/g, 'x')));

/** A file without the marker, or with it; one whose final reply reports a failure; or the blocks of a case. */
export type Sending = 'plain' | 'marked' | 'failing' | TransferCase;

/** The settings of PBSZ and PROT, and the readers and writers of blocks for them. */
export type DataSession = Pick<ServerSession, 'protection' | 'bufferSize' | 'dataReader' | 'dataWriter'>;

/** Our side of the data connections. */
export class ServerData {
  readonly #data: DataConnections | undefined;
  readonly #server: DataSession;
  /** State of the control connection: the beginning of a block, and whether a line may begin here. */
  #stray: Uint8Array = new Uint8Array();
  #isAtStart = true;
  /** Makes or accepts the next data connection; undefined before a command has prepared it. */
  #open: (() => Promise<Connection | undefined>) | undefined;
  /** What it adds to the trace of the client. */
  readonly notes: Pick<ClientTrace, 'transfers' | 'dataError' | 'played'> = {};
  /** The chunks of the last transfer; undefined if it was a plain file. */
  sent: readonly Uint8Array[] | undefined;

  constructor(data: DataConnections | undefined, server: DataSession) {
    this.#data = data;
    this.#server = server;
  }

  /**
   * Removes blocks between the lines of the control connection: under PROT, yafc writes an empty one there. A block is
   * short, so it begins with NUL, and no command does.
   */
  withoutBlocks(received: Uint8Array): Uint8Array {
    if (this.#server.protection === 'clear') return received;
    let left = concat(this.#stray, received);
    const lines: Uint8Array[] = [];
    for (let end: number | undefined; left.length > 0; left = left.subarray(end)) {
      const isBlock = this.#isAtStart && left[0] === 0;
      end = isBlock ? blockEnd(left) : left.indexOf(LF) + 1 || left.length;
      if (end === undefined) break;
      if (isBlock) this.notes.dataError ??= new FtpSecurityError('syntax/bad-command', BLOCK_ON_CONTROL);
      else lines.push(left.subarray(0, end));
      this.#isAtStart = isBlock || left[end - 1] === LF;
    }
    this.#stray = left;
    return concatAll(lines);
  }

  /** The reply to a command that prepares a transfer; undefined for other commands. */
  async prepare(command: Command): Promise<Answer | undefined> {
    try {
      switch (command.verb) {
        case 'PASV':
          return await this.#listen(({ host, port }) => {
            // A socket for both protocols shows an IPv4 address in IPv6 form (RFC 4291 §2.5.5.2). For PASV it must be
            // an IPv4 address.
            const [, address] = /^(?:::ffff:)?(\d+\.\d+\.\d+\.\d+)$/i.exec(host) ?? [];
            return address === undefined ? undefined : [227, formatPassiveText({ host: address, port })];
          });
        case 'EPSV':
          if (/^all$/i.test(command.argument ?? '')) return [200, 'Done'];
          return await this.#listen(({ port }) => [229, formatExtendedPassiveText(port)]);
        case 'PORT':
          return this.#connect(parsePort(command).port);
        case 'EPRT':
          return this.#connect(parseEprt(command).port);
      }
    } catch (error) {
      return refusalOf(error);
    }
    return undefined;
  }

  /** @param answer  makes the reply that gives the address of the listener */
  async #listen(answer: (listener: DataListener) => Answer | undefined): Promise<Answer> {
    const listener = await this.#data?.listen();
    const its = listener && answer(listener);
    if (its === undefined) listener?.close();
    else this.#open = () => listener!.next();
    return its ?? NOWHERE;
  }

  #connect(port: number): Answer {
    const data = this.#data;
    this.#open = data && (() => data.open(port));
    return data === undefined ? NOWHERE : [200, 'Done'];
  }

  get isReady(): boolean {
    return this.#open !== undefined;
  }

  /** Sends a file; under PROT C, and for a case of another level, the plain one. @returns the final reply */
  async send(what: Sending, session: FuzzSession): Promise<Answer> {
    return await this.#transferred(async connection => {
      this.sent = this.#blocksOf(what, session);
      await connection.send(this.sent ?? this.#valid(PLAIN_FILE));
      return what === 'failing' ? FAILED : DONE;
    });
  }

  /** Receives a file, and notes an error in it. Returns the final reply. */
  async receive(): Promise<Answer> {
    return await this.#transferred(async connection => {
      const read = await readTransfer(this.#server.dataReader(), connection);
      if (read === undefined) return [552, 'Too long'];
      if (!(read instanceof FtpSecurityError)) return DONE;
      this.notes.dataError ??= read;
      return refusalOf(read);
    });
  }

  /** Closes the connection without a file, because another reply is sent. */
  async drop(): Promise<Answer> {
    return await this.#transferred(async () => DONE);
  }

  async #transferred(work: (connection: Connection) => Promise<Answer>): Promise<Answer> {
    const open = this.#open;
    this.#open = undefined;
    this.notes.transfers = this.#server.protection;
    const connection = await open?.();
    if (connection === undefined) return NOWHERE;
    try {
      return await work(connection);
    } catch (error) {
      return refusalOf(error);
    } finally {
      connection.end();
    }
  }

  /** The chunks of a transfer under test; undefined for an ordinary transfer. */
  #blocksOf(what: Sending, session: FuzzSession): readonly Uint8Array[] | undefined {
    const { protection, bufferSize } = this.#server;
    if (what === 'plain' || protection === 'clear') return undefined;
    if (typeof what === 'string') return this.#valid(FILE);
    if (what.level !== protection) return undefined;
    this.notes.played = { ...what, bufferSize: bufferSize! };
    return perform(this.notes.played, session)?.chunks;
  }

  #valid(file: Uint8Array): readonly Uint8Array[] {
    const writer = this.#server.dataWriter();
    return [writer.write(file), writer.end()];
  }
}

/** The end of a block; undefined if it is not complete. */
function blockEnd(octets: Uint8Array): number | undefined {
  const end = octets.length < 4 ? undefined : 4 + viewOf(octets).getUint32(0);
  return end !== undefined && end <= octets.length ? end : undefined;
}

function refusalOf(error: unknown): Answer {
  return [replyCodeFor(refusalFrom(error)), 'Failed security check'];
}
