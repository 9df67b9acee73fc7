/** The closing lines of the table: who logged in, from where, and which files were transferred. */
import type { ConnectionRecord, DataRecord, MessageRecord, ReplyRecord, TranscriptRecord } from '../capture/index.js';
import { commandFacts } from '../ftp/commands.js';
import { printable } from './terminal.js';

/** How many lines of each kind are shown; JSON has all. */
const MOST = 50;

const LOGGED_IN: ReadonlySet<number> = new Set([230, 232]);
const TRANSFERRED: ReadonlySet<number> = new Set([226, 250]);

interface Known {
  /** The record of the last exchange. */
  exchange: ConnectionRecord | undefined;
  user: string | undefined;
  /** The last file that was requested. */
  transfer: { command: string; name: string } | undefined;
}

export class Closing {
  readonly #known = new Map<number, Known>();
  readonly #logins: string[] = [];
  /** Number of data records by connection and command. Files with a data record are protected, others are in the clear. */
  readonly #protected = new Map<string, number>();
  readonly #whole: string[] = [];
  readonly #files: string[] = [];

  add(records: readonly TranscriptRecord[]): void {
    for (const record of records) {
      if (record.type === 'connection') this.#of(record.connection).exchange = record;
      else if (record.type === 'message' && record.from === 'client') this.#command(record);
      else if (record.type === 'reply') this.#reply(record);
      else if (record.type === 'data') this.#data(record);
    }
  }

  get lines(): string[] {
    return [...cut(this.#logins, 'logins'), ...cut([...this.#files, ...this.#clear()], 'files')];
  }

  #of(connection: number): Known {
    const known = this.#known.get(connection) ?? { exchange: undefined, user: undefined, transfer: undefined };
    this.#known.set(connection, known);
    return known;
  }

  #command({ connection, text }: MessageRecord): void {
    const [, verb = '', argument = ''] = /^([A-Za-z]+) ?([^\r\n\0]*)/.exec(text ?? '') ?? [];
    const known = this.#of(connection);
    const command = verb.toUpperCase();
    if (command === 'USER') known.user = argument;
    if (commandFacts(command).data !== undefined) known.transfer = { command, name: argument };
  }

  #reply({ connection, code }: ReplyRecord): void {
    const known = this.#of(connection);
    const { exchange, user, transfer } = known;
    if (LOGGED_IN.has(code) && user !== undefined) {
      const from = exchange?.client == null ? '' : ` from ${exchange.client}`;
      const by = exchange?.mechanism == null ? '' : ` by ${exchange.mechanism}`;
      const as = exchange?.client_name == null ? '' : ` as ${exchange.client_name}`;
      const line = `login: ${printable(`${user}${as}${by}`)}${from}  connection ${connection}`;
      // A server may confirm the same login more than once.
      if (line !== this.#logins.at(-1)) this.#logins.push(line);
    }
    if (code < 200 || transfer === undefined) return;
    if (TRANSFERRED.has(code)) this.#whole.push(keyOf(connection, transfer));
    known.transfer = undefined;
  }

  #data({ connection, command, name, bytes, verdict, error }: DataRecord): void {
    const key = keyOf(connection, { command: command ?? '', name: name ?? '' });
    this.#protected.set(key, (this.#protected.get(key) ?? 0) + 1);
    const size = bytes === null ? '' : `, ${bytes} octets`;
    this.#files.push(`${key}${size}: ${error === null ? verdict : `${verdict}, but ${printable(error.message)}`}`);
  }

  /** Transfers that were completed without a protected data connection. */
  #clear(): string[] {
    const left = new Map(this.#protected);
    return this.#whole.flatMap(key => {
      const count = left.get(key) ?? 0;
      left.set(key, count - 1);
      return count > 0 ? [] : [`${key}: not protected, or not in the capture`];
    });
  }
}

function keyOf(connection: number, { command, name }: { command: string; name: string }): string {
  return `file: ${printable(`${command} ${name}`.trimEnd())}  connection ${connection}`;
}

function cut(lines: readonly string[], what: string): string[] {
  if (lines.length <= MOST) return [...lines];
  return [...lines.slice(0, MOST), `and ${lines.length - MOST} more ${what}`];
}
