/** The closing lines of the table: who logged in, from where, and which files were transferred. */
import type { ConnectionRecord, DataRecord, FindingRecord, ReplyRecord, TranscriptRecord } from '../capture/index.js';
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

interface MissingFile {
  text: string;
  /** Whether its data connection is known to be missing. */
  isCertain: boolean;
}

export class Closing {
  readonly #known = new Latest<number, Known>();
  readonly #logins = new Bounded('logins');
  readonly #protected = new Bounded('files');
  readonly #unprotected = new Bounded('files without protection');
  /** Protected transfers whose data connection has no record so far, by connection and message. */
  readonly #missing = new Latest<string, MissingFile>();

  add(record: TranscriptRecord): void {
    // The record of a connection without an exchange comes when everything has been said on it.
    if (record.type === 'connection') {
      if (record.mechanism !== null) this.#of(record.connection).exchange = record;
    } else if (record.type === 'reply') this.#reply(record);
    else if (record.type === 'data') this.#data(record);
    else if (record.type === 'finding' && record.rule === 'data-not-captured') this.#notCaptured(record);
  }

  get lines(): string[] {
    const missing = new Bounded('files that are not in the capture');
    for (const { isCertain, text } of this.#missing.values()) if (isCertain) missing.add(() => text);
    return [this.#logins, this.#protected, this.#unprotected, missing].flatMap(it => it.lines);
  }

  #of(connection: number): Known {
    const known = this.#known.get(connection) ?? { exchange: undefined, login: undefined, data: null };
    this.#known.set(connection, known);
    return known;
  }

  #reply({ connection, code, answers, user, protection }: ReplyRecord): void {
    if (answers === null) return;
    const { message, verb, argument } = answers;
    if (LOGGED_IN.has(code) && LOGIN_COMMANDS.has(verb) && user !== null) this.#login(connection, user);
    if (!TRANSFERRED.has(code) || commandFacts(verb).data === undefined) return;
    if (this.#known.get(connection)?.data === message) return;
    const file = fileText(connection, verb, argument);
    if (protection === 'clear') this.#unprotected.add(() => `${file}: not protected`);
    else {
      const why = protection === null ? 'its level is not in the capture' : 'not in the capture';
      // In a capture a finding says so; between two servers, a data connection has its record at only one of them.
      const isCertain = protection === null || this.#known.get(connection)?.exchange?.client == null;
      this.#missing.set(`${connection} ${message}`, { text: `${file}: ${why}`, isCertain });
    }
  }

  #notCaptured({ connection, messages: [message] }: FindingRecord): void {
    const missing = this.#missing.get(`${connection} ${message}`);
    if (missing !== undefined) missing.isCertain = true;
  }

  #login(connection: number, user: string): void {
    const known = this.#of(connection);
    const { exchange } = known;
    const from = exchange?.client == null ? '' : ` from ${exchange.client}`;
    const by = exchange?.mechanism == null ? '' : ` by ${exchange.mechanism}`;
    const as = exchange?.client_name == null ? '' : ` as ${exchange.client_name}`;
    const line = `login: ${printable(`${user}${as}${by}`)}${from}  connection ${connection}`;
    // A server may confirm the same login more than once.
    if (line !== known.login) this.#logins.add(() => line);
    known.login = line;
  }

  #data(record: DataRecord): void {
    const { connection, message, command, name, bytes, verdict } = record;
    this.#of(connection).data = message;
    this.#missing.delete(`${connection} ${message}`);
    const size = bytes === null ? '' : `, ${bytes} octets`;
    const doubt = doubtOf(record);
    this.#protected.add(() => `${fileText(connection, command ?? '', name)}${size}: ${verdict}${doubt}`);
  }
}

/** What keeps a file from being known as it was. */
function doubtOf({ problem, error, whole }: DataRecord): string {
  if (error !== null) return `, but ${printable(error.message)}`;
  if (problem !== null) return `: ${printable(problem.message)}`;
  return whole ? '' : ', but not whole in the capture';
}

function fileText(connection: number, command: string, name: string | null): string {
  return `file: ${printable(`${command} ${name ?? ''}`.trimEnd())}  connection ${connection}`;
}

/** A map of the latest values: with more than MAX_KNOWN, the oldest one is dropped. */
class Latest<K, V> {
  readonly #map = new Map<K, V>();
  /** Kept while values are removed: a new iterator would pass over all removed ones again. */
  readonly #order = this.#map.keys();

  get(key: K): V | undefined {
    return this.#map.get(key);
  }

  set(key: K, value: V): void {
    this.#map.set(key, value);
    if (this.#map.size > MAX_KNOWN) this.#map.delete(this.#order.next().value!);
  }

  delete(key: K): void {
    this.#map.delete(key);
  }

  values(): Iterable<V> {
    return this.#map.values();
  }
}
