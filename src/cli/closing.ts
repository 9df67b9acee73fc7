/** The closing lines of the table: who logged in, from where, and which files were transferred. */
import type { ConnectionRecord, DataRecord, ReplyRecord, TranscriptRecord } from '../capture/index.js';
import { commandFacts } from '../ftp/commands.js';
import { Bounded } from './bounded.js';
import { printable } from './terminal.js';

const LOGGED_IN: ReadonlySet<number> = new Set([202, 230, 232]);
const LOGIN_COMMANDS: ReadonlySet<string> = new Set(['USER', 'PASS', 'ACCT']);
const TRANSFERRED: ReadonlySet<number> = new Set([226, 250]);

/** How many connections are remembered, and how many transfers wait for the record of their data connection. */
const MAX_KNOWN = 10_000;

interface Known {
  /** The record of the last exchange. */
  exchange: ConnectionRecord | undefined;
  /** The last login. */
  login: string | undefined;
  /** The command of the last data record: the number of its message. */
  data: number | null;
}

export class Closing {
  readonly #known = new Map<number, Known>();
  readonly #logins = new Bounded('logins');
  readonly #protected = new Bounded('files');
  readonly #unprotected = new Bounded('files without protection');
  /** Protected transfers whose data connection has no record so far, by connection and message. */
  readonly #missing = new Map<string, string>();

  add(record: TranscriptRecord): void {
    if (record.type === 'connection') this.#of(record.connection).exchange = record;
    else if (record.type === 'reply') this.#reply(record);
    else if (record.type === 'data') this.#data(record);
  }

  get lines(): string[] {
    const missing = new Bounded('files that are not in the capture');
    for (const file of this.#missing.values()) missing.add(() => file);
    return [this.#logins, this.#protected, this.#unprotected, missing].flatMap(it => it.lines);
  }

  #of(connection: number): Known {
    const known = this.#known.get(connection) ?? { exchange: undefined, login: undefined, data: null };
    this.#known.set(connection, known);
    dropOldest(this.#known);
    return known;
  }

  #reply({ connection, code, answers, user, protection }: ReplyRecord): void {
    if (answers === null) return;
    const { message, verb, argument } = answers;
    const known = this.#of(connection);
    if (LOGGED_IN.has(code) && LOGIN_COMMANDS.has(verb) && user !== null) this.#login(connection, known, user);
    if (!TRANSFERRED.has(code) || commandFacts(verb).data === undefined || known.data === message) return;
    const file = fileText(connection, verb, argument);
    if (protection === 'clear') this.#unprotected.add(() => `${file}: not protected`);
    else {
      const why = protection === null ? 'its level is not in the capture' : 'not in the capture';
      this.#missing.set(`${connection} ${message}`, `${file}: ${why}`);
      dropOldest(this.#missing);
    }
  }

  #login(connection: number, known: Known, user: string): void {
    const { exchange } = known;
    const from = exchange?.client == null ? '' : ` from ${exchange.client}`;
    const by = exchange?.mechanism == null ? '' : ` by ${exchange.mechanism}`;
    const as = exchange?.client_name == null ? '' : ` as ${exchange.client_name}`;
    const line = `login: ${printable(`${user}${as}${by}`)}${from}  connection ${connection}`;
    // A server may confirm the same login more than once.
    if (line !== known.login) this.#logins.add(() => line);
    known.login = line;
  }

  #data({ connection, message, command, name, bytes, verdict, error, whole }: DataRecord): void {
    this.#of(connection).data = message;
    this.#missing.delete(`${connection} ${message}`);
    const size = bytes === null ? '' : `, ${bytes} octets`;
    const doubt = error !== null ? `, but ${printable(error.message)}` : whole ? '' : ', but not whole in the capture';
    this.#protected.add(() => `${fileText(connection, command ?? '', name)}${size}: ${verdict}${doubt}`);
  }
}

function fileText(connection: number, command: string, name: string | null): string {
  return `file: ${printable(`${command} ${name ?? ''}`.trimEnd())}  connection ${connection}`;
}

function dropOldest(map: Map<unknown, unknown>): void {
  if (map.size <= MAX_KNOWN) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    return;
  }
}
