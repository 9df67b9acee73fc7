/** `rfc2228 verify`: recordings and keys in, a verified transcript out, for people or as JSON lines. */
import { type SummaryRecord, type Transcript, type TranscriptRecord, verifyRecording } from '../capture/index.js';
import { FtpSecurityError } from '../errors.js';
import { krb4, krb4Witness } from '../mechanisms/krb4/index.js';
import { krb5, krb5Witness } from '../mechanisms/krb5/index.js';
import { nodeCiphers } from '../node/index.js';
import type { ObservedMechanism } from '../session/exchange-watch.js';
import { parseKey, readKeytab, readSrvtab } from './keys.js';
import { EXIT, InputError, parseOptions, readInput, UsageError } from './status.js';
import { rowOf } from './table.js';

const OPTIONS = {
  keytab: { type: 'string', multiple: true, default: [] as string[] },
  key: { type: 'string', multiple: true, default: [] as string[] },
  srvtab: { type: 'string', multiple: true, default: [] as string[] },
  port: { type: 'string', multiple: true, default: [] as string[] },
  json: { type: 'boolean', default: false },
  strict: { type: 'boolean', default: false },
} as const;

export function verify(args: string[]): number {
  const { values, positionals: files } = parseOptions({ args, options: OPTIONS, allowPositionals: true });
  if (files.length === 0) throw new UsageError('verify wants a file');
  const keys = [...values.keytab.flatMap(readKeytab), ...values.key.map(parseKey)];
  const srvtab = values.srvtab.flatMap(readSrvtab);
  const mechanisms: ObservedMechanism[] = [
    { ...krb5, witness: () => krb5Witness(keys, { ciphers: nodeCiphers }) },
    { ...krb4, witness: () => krb4Witness(srvtab, nodeCiphers) },
  ];
  const options = { mechanisms, ports: values.port.map(parsePort), ...(values.strict && { tolerate: [] }) };

  const write = values.json ? (record: TranscriptRecord) => JSON.stringify(record) : rowOf;
  const total = new Total();
  let unreadable = false;
  for (const file of files) {
    const transcript = attempt(file, () => verifyRecording(readInput(file), options));
    if (transcript === undefined || transcript.error !== undefined) unreadable = true;
    if (transcript === undefined) continue;
    print(total.add(transcript.records), write);
    if (transcript.error !== undefined) complain(file, transcript.error);
  }
  if (total.files > 0) print([total.summary], write);
  return unreadable ? EXIT.unusable : total.status;
}

/** What `read` gives; undefined, and a line on standard error, when the file can't be read. */
function attempt(file: string, read: () => Transcript): Transcript | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof FtpSecurityError) && !(error instanceof InputError)) throw error;
    complain(file, error);
    return undefined;
  }
}

function complain(file: string, error: Error): void {
  const reason = error instanceof FtpSecurityError ? `${error.code}: ${error.message}` : error.message;
  const offset = error instanceof FtpSecurityError && error.offset !== undefined ? ` (octet ${error.offset})` : '';
  process.stderr.write(`rfc2228: ${error instanceof InputError ? '' : `${file}: `}${reason}${offset}\n`);
}

/** Written in pieces: a transcript may be longer than a string can be, and a write for each line is slow. */
function print(records: readonly TranscriptRecord[], write: (record: TranscriptRecord) => string | undefined): void {
  const PIECE = 1 << 20;
  let piece = '';
  for (const record of records) {
    const row = write(record);
    if (row !== undefined) piece += `${row}\n`;
    if (piece.length < PIECE) continue;
    process.stdout.write(piece);
    piece = '';
  }
  process.stdout.write(piece);
}

function parsePort(text: string): number {
  const port = Number(text);
  if (!/^[0-9]+$/.test(text) || port < 1 || port > 65535) throw new UsageError('--port wants a number from 1 to 65535');
  return port;
}

/** Several files as one transcript: connections are counted on, and one summary stands at the end. */
class Total {
  files = 0;
  #connections = 0;
  #faulty = false;
  #unkeyed = false;
  summary!: SummaryRecord;

  /** @returns the records of one file without its summary, with connections counted on */
  add(records: readonly TranscriptRecord[]): TranscriptRecord[] {
    const before = this.#connections;
    const rest: TranscriptRecord[] = [];
    for (const record of records) {
      if (record.type === 'summary') {
        this.#sum(record);
        continue;
      }
      if (record.type === 'message' && record.error !== null) this.#faulty = true;
      if (record.type === 'message' && record.verdict === 'unkeyed') this.#unkeyed = true;
      if (record.type === 'connection' && record.mechanism !== null && !record.keyed) this.#unkeyed = true;
      rest.push(before === 0 ? record : { ...record, connection: record.connection + before });
    }
    return rest;
  }

  get status(): number {
    if (this.#faulty) return EXIT.faulty;
    return this.#unkeyed || Object.keys(this.summary.unread).length > 0 ? EXIT.unseen : EXIT.fine;
  }

  #sum(summary: SummaryRecord): void {
    this.files++;
    this.#connections += summary.connections;
    if (this.files === 1) {
      this.summary = { ...summary, unread: { ...summary.unread } };
      return;
    }
    for (const [name, value] of Object.entries(summary)) {
      if (typeof value === 'number') this.summary[name as Exclude<keyof SummaryRecord, 'type' | 'unread'>] += value;
    }
    for (const [reason, packets] of Object.entries(summary.unread)) {
      this.summary.unread[reason] = (this.summary.unread[reason] ?? 0) + packets;
    }
  }
}
