/** The transcript as a table: a heading for each connection, a row for each line, totals at the end. */
import type {
  ConnectionRecord,
  DataRecord,
  FileRecord,
  FindingRecord,
  MessageRecord,
  SummaryRecord,
  TranscriptRecord,
} from '../capture/index.js';
import { unreadUnit } from '../capture/totals.js';
import { enctypeOf, type OpenedBy } from '../mechanisms/krb5/index.js';
import { paint, printable, shorten } from './terminal.js';

/**
 * The most characters of a line that are shown. Almost all commands and replies are shorter. Security data is cut,
 * because people can't read it anyway.
 */
const MAX_SAID = 120;
/** The same in a narrow terminal. */
const MIN_SAID = 16;

export interface TableOptions {
  /** Show times in UTC. Default: in the time zone of the machine. */
  utc: boolean;
  /** Show only rows with an error, and the rows around them. */
  errors: boolean;
  /** There are several files: show the file in the heading of each connection, and a row for each file. */
  files: boolean;
  /** Width of the terminal in columns; undefined if the output is not a terminal. */
  width: number | undefined;
}

/** Rows of the same connection that are shown before and after one with an error. */
const AROUND = 2;
/** The most connections with such rows that wait for an error. */
const MAX_WAITING = 10_000;

/** A row, and the day of its record; empty if that has no time. */
interface DatedRow {
  day: string;
  row: string;
}

/** Rows of a connection that are shown only if an error follows, with the option `errors`. */
interface Waiting {
  rows: DatedRow[];
  /** How many of the next rows are shown in any case. */
  after: number;
}

/**
 * Turns records into rows: first the day with its time zone and the names of the columns, then a heading for each connection,
 * and a row for each line, data connection and file.
 */
export class Table {
  readonly #options: TableOptions;
  readonly #waiting = new Map<number, Waiting>();
  #day = '';
  #hasHead = false;

  constructor(options: TableOptions) {
    this.#options = options;
  }

  /** The rows of a record. Replies have no rows, because their lines have; findings are shown at the end. */
  rows(record: TranscriptRecord): string[] {
    switch (record.type) {
      case 'connection': {
        const row = connectionRow(record, this.#options.files);
        return this.#choose(record.connection, { day: '', row }, record.problem !== null);
      }
      case 'message':
      case 'data': {
        const { day, time } = clockOf(record.time, this.#options.utc);
        const row = record.type === 'data' ? dataRow(record, time) : messageRow(record, time, this.#options.width);
        return this.#choose(record.connection, { day, row }, record.error !== null, time);
      }
      case 'summary':
        return [paint('bold', summaryText(record))];
      case 'file':
        return this.#options.files ? [fileRow(record)] : [];
      default:
        return [];
    }
  }

  /**
   * The row; with the option `errors`, the rows that are shown because of an error.
   * @param time  undefined for the heading of a connection, which has other columns
   */
  #choose(connection: number, dated: DatedRow, isWrong: boolean, time?: string): string[] {
    if (!this.#options.errors) return this.#show([dated], time);
    const waiting = this.#waiting.get(connection) ?? { rows: [], after: 0 };
    this.#waiting.set(connection, waiting);
    this.#dropOldest();
    if (isWrong) {
      const rows = [...waiting.rows, dated];
      waiting.rows = [];
      waiting.after = AROUND;
      return this.#show(rows, time);
    }
    if (waiting.after > 0) {
      waiting.after--;
      return this.#show([dated], time);
    }
    waiting.rows.push(dated);
    if (waiting.rows.length > AROUND) waiting.rows.shift();
    return [];
  }

  /** Rows, each new day before its first row, and the names of the columns before the first row of a line. */
  #show(rows: readonly DatedRow[], time: string | undefined): string[] {
    const shown: string[] = [];
    for (const { day, row } of rows) {
      if (day !== '' && day !== this.#day) {
        this.#day = day;
        shown.push(paint('dim', day));
      }
      if (!this.#hasHead && time !== undefined) {
        this.#hasHead = true;
        shown.push(paint('dim', headOf(time)));
      }
      shown.push(row);
    }
    return shown;
  }

  #dropOldest(): void {
    if (this.#waiting.size <= MAX_WAITING) return;
    for (const oldest of this.#waiting.keys()) {
      this.#waiting.delete(oldest);
      return;
    }
  }
}

/**
 * Day and time of day as text.
 * @param time  ISO 8601 in UTC
 */
function clockOf(time: string | null, utc: boolean): { day: string; time: string } {
  if (time === null) return { day: '', time: '' };
  const at = new Date(time);
  const minutes = utc ? 0 : -at.getTimezoneOffset();
  const local = new Date(at.getTime() + 60_000 * minutes).toISOString();
  const [hours, rest] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60];
  const zone = `UTC${minutes < 0 ? '-' : '+'}${`${hours}`.padStart(2, '0')}:${`${rest}`.padStart(2, '0')}`;
  // The time has the resolution of the capture, to the microsecond at most.
  const day = `${local.slice(0, 10)} ${minutes === 0 ? 'UTC' : zone}`;
  return { day, time: `${local.slice(11, 19)}${time.slice(19, 26)}` };
}

function connectionRow(record: ConnectionRecord, files: boolean): string {
  const { connection, client, server, mechanism, variant, enctype } = record;
  const names = [record.client_name, record.server_name].filter(name => name !== null);
  const parts = [
    `connection ${connection}`,
    files && record.file !== undefined ? printable(record.file) : '',
    client === null ? '' : `${client} → ${server}`,
    mechanism === null ? 'no security association' : `${mechanism}${variant === null ? '' : ` ${variant}`}`,
    enctype === null ? '' : (enctypeOf(enctype)?.name ?? `enctype ${enctype}`),
    printable(names.join(' → ')),
  ];
  const heading = paint('bold', parts.filter(part => part !== '').join('  '));
  const remarks = printable(problemText(record) + weaknessText(record));
  return heading + paint('yellow', remarks) + paint('dim', printable(openerText(record)));
}

/** Why its lines could not be opened. */
function problemText({ mechanism, keyed, problem }: ConnectionRecord): string {
  if (mechanism === null || problem?.code === 'internal') return problem === null ? '' : `  ${problem.message}`;
  if (keyed) return '';
  return problem === null ? '  not keyed' : `  not keyed: ${problem.message}`;
}

function weaknessText({ facts: { weak, weakness } }: ConnectionRecord): string {
  if (weak !== true) return '';
  return weakness === undefined ? '  weak' : `  weak: ${weakness}`;
}

/** The key that has opened the exchange, as text. */
function openerText({ server_name, facts }: ConnectionRecord): string {
  const opener = facts['openedBy'] as OpenedBy | undefined;
  if (opener === undefined) return '';
  const { key, principal, kvno, source } = opener;
  const name = principal === undefined || principal === server_name ? key : `key of ${principal}`;
  const version = kvno === undefined ? '' : `, version ${kvno}`;
  return `  opened by: ${name}${version}${source === undefined ? '' : ` (${source})`}`;
}

function messageRow(message: MessageRecord, time: string, width: number | undefined): string {
  const { level, applied, verdict, sequence, tolerated, weak } = message;
  const place = verdict === 'verified' && sequence !== 'ok' && sequence !== 'none' ? `verified ${sequence}` : verdict;
  const remarks = [
    ...(applied !== null && applied !== level ? [`token is ${applied}`] : []),
    ...(weak ? ['weak'] : []),
    ...tolerated,
  ];
  const start = startOf(message, time);
  const room = width === undefined ? MAX_SAID : Math.max(MIN_SAID, width - start.length - VERDICT - 2);
  const said = shorten(printable((message.text ?? message.wire).replace(/\r?\n?\0?$/, '')), room);
  return `${start}${verdictOf(message, place)}  ${said}${endOf(remarks, message)}`;
}

/** The row of a data connection. */
function dataRow(record: DataRecord, time: string): string {
  const { level, applied, verdict, command, name, blocks, bytes } = record;
  const size = bytes === null ? '' : `, ${count(bytes, 'octet')}`;
  const remarks = [
    ...(applied !== null && applied !== level ? [`tokens are ${applied}`] : []),
    ...(record.found_by === 'port' ? ['address translated: found by its port'] : []),
    ...(record.found_by === 'time' ? ['address and port translated: found by its time'] : []),
    ...partRemarks(record),
  ];
  const said = shorten(printable(`data of ${command ?? 'a transfer'} ${name ?? ''}`.trimEnd()), MAX_SAID);
  const sums = `${count(blocks, 'block')}${size}`;
  return `${startOf(record, time)}${verdictOf(record, verdict)}  ${said}: ${sums}${endOf(remarks, record)}`;
}

/** What of the file is not there. */
function partRemarks({ lost, whole, offset, problem, error }: DataRecord): string[] {
  return [
    ...(lost > 0 ? [`${count(lost, 'octet')} not in the capture`] : []),
    ...(lost === 0 && error === null && !whole ? [problem?.message ?? 'not whole in the capture'] : []),
    ...(offset === null ? ['a part of a file'] : offset > 0 ? [`from octet ${offset}`] : []),
  ];
}

type LineRecord = MessageRecord | DataRecord;

/** Widths of columns, in characters. A connection with a longer number, or a longer one of a line, moves the columns after it. */
const TIME = 15;
const LINE = 4;
const LEVEL = 12;
const VERDICT = 13;

/** The first columns: time, number of the connection, number of the line in it, sender, and level. */
function startOf(record: LineRecord, time: string): string {
  const { connection, from, level } = record;
  const line = record.type === 'message' ? `${record.index}` : '';
  return columns(time, `${connection}`, line, from === 'client' ? 'C' : 'S', level);
}

/** The names of the columns. @param time  that of the first row; empty if the rows have none */
function headOf(time: string): string {
  return `${columns(time && 'time', '#', 'line', 'by', 'level')}${'verdict'.padEnd(VERDICT)}  text`;
}

function columns(time: string, connection: string, line: string, by: string, level: string): string {
  const start = time === '' ? '' : `${time.padEnd(TIME)}  `;
  return `${start}${connection} ${line.padStart(LINE)} ${by.padEnd(2)} ${level.padEnd(LEVEL)}  `;
}

const COLOURS = { verified: 'green', clear: 'dim', decrypted: 'yellow', failed: 'yellow', unkeyed: 'yellow' } as const;

function verdictOf({ verdict, error }: LineRecord, text: string): string {
  return paint(error === null ? COLOURS[verdict] : 'red', text.padEnd(VERDICT));
}

/** What follows what was said: remarks, and the rule that was broken. */
function endOf(remarks: readonly string[], { error }: LineRecord): string {
  const said = remarks.length > 0 ? paint('dim', `  [${remarks.join(', ')}]`) : '';
  return error === null ? said : said + paint('red', `  ${error.code}: ${error.message}`);
}

/** The row of a finding, among the closing lines. */
export function findingRow({ connection, rule, severity, messages, text }: FindingRecord): string {
  const colour = severity === 'high' ? 'red' : severity === 'medium' ? 'yellow' : 'dim';
  const lines = messages.length === 0 ? '' : `, line${messages.length === 1 ? '' : 's'} ${messages.join(', ')}`;
  return `${paint(colour, severity.padEnd(6))}  ${rule}  connection ${connection}${lines}: ${printable(text)}`;
}

/** The row of one of several files: its totals, or the error. */
function fileRow({ type, file, status, error, ...counts }: FileRecord): string {
  const said = error === null ? summaryText({ type: 'summary', ...counts }) : `${error.code}: ${error.message}`;
  const colour = status === 0 ? 'green' : status === 3 ? 'yellow' : 'red';
  return `${paint('bold', printable(file))}: ${paint(colour, `status ${status}`)}; ${printable(said)}`;
}

function summaryText(summary: SummaryRecord): string {
  const { verified, decrypted, failed, unkeyed, unprotected_after_security: unprotected } = summary;
  const unread = Object.entries(summary.unread);
  const counts = [
    `${count(summary.connections, 'control connection')}, ${count(summary.messages, 'line')}`,
    `${summary.protected} protected: ${verified} verified, ${failed} failed, ${unkeyed} without a key`,
    ...(decrypted > 0 ? [`${decrypted} decrypted and not verified`] : []),
    ...(unprotected > 0 ? [`${unprotected} in the clear where protection was required`] : []),
    ...(summary.lost_segments > 0 ? [`${count(summary.lost_segments, 'gap')} in the capture`] : []),
    ...(['packet', 'line', 'octet'] as const).flatMap(unit => {
      const sum = unread.reduce((sum, [reason, many]) => sum + (unreadUnit(reason) === unit ? many : 0), 0);
      return sum > 0 ? [`${count(sum, unit)} not read`] : [];
    }),
  ];
  return counts.join('; ');
}

function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`;
}
