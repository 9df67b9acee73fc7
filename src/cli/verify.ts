/** `rfc2228 verify`: recordings and keys in, a verified transcript out, for people or as JSON lines. */
import { type SummaryRecord, type Transcript, type TranscriptRecord, verifyRecording } from '../capture/index.js';
import { FtpSecurityError } from '../errors.js';
import { krb4, krb4Witness } from '../mechanisms/krb4/index.js';
import { krb5, krb5Witness } from '../mechanisms/krb5/index.js';
import { nodeCiphers } from '../node/index.js';
import { DEVIATIONS, type Deviation, OPTIONAL_DEVIATIONS } from '../secure/deviations.js';
import type { ObservedMechanism } from '../session/exchange-watch.js';
import { parseKey, readKeytab, readSrvtab } from './keys.js';
import { EXIT, InputError, internalError, parseOptions, readInput, UsageError } from './status.js';
import type { Output, Streams } from './streams.js';
import { rowOf } from './table.js';

const OPTIONS = {
  keytab: { type: 'string', multiple: true, default: [] as string[] },
  key: { type: 'string', multiple: true, default: [] as string[] },
  srvtab: { type: 'string', multiple: true, default: [] as string[] },
  port: { type: 'string', multiple: true, default: [] as string[] },
  json: { type: 'boolean', default: false },
  strict: { type: 'boolean', default: false },
  tolerate: { type: 'string', multiple: true, default: [] as string[] },
} as const;

export function verify(args: string[], { stdout, stderr }: Streams): number {
  const { values, positionals: files } = parseOptions({ args, options: OPTIONS, allowPositionals: true });
  if (files.length === 0) throw new UsageError('verify wants a file');
  const keys = [...values.keytab.flatMap(file => readKeytab(file, stderr)), ...values.key.map(parseKey)];
  const srvtab = values.srvtab.flatMap(readSrvtab);
  const mechanisms: ObservedMechanism[] = [
    { ...krb5, witness: () => krb5Witness(keys, { ciphers: nodeCiphers }) },
    { ...krb4, witness: () => krb4Witness(srvtab, nodeCiphers) },
  ];
  const tolerate = [...(values.strict ? [] : DEVIATIONS), ...values.tolerate.map(parseDeviation)];
  const options = { mechanisms, ports: values.port.map(parsePort), tolerate };

  const write = values.json ? (record: TranscriptRecord) => JSON.stringify(record) : rowOf;
  const total = new Total();
  let incomplete = false;
  for (const file of files) {
    const transcript = attempt(file, () => verifyRecording(readInput(file), options), stderr);
    if (transcript === undefined || transcript.error !== undefined || transcript.faults !== undefined)
      incomplete = true;
    if (transcript === undefined) continue;
    const { records, error, faults = [] } = transcript;
    const before = total.connections;
    print(total.add(records), write, stdout);
    if (error !== undefined) complain(file, error, stderr);
    for (const { connection, error } of faults) complain(`${file}, connection ${connection + before}`, error, stderr);
  }
  if (total.files > 0) print([total.summary], write, stdout);
  return incomplete ? EXIT.unusable : total.status;
}

/** What `read` gives; undefined, and a line on standard error, when the file can't be read, or not by us. */
function attempt(file: string, read: () => Transcript, stderr: Output): Transcript | undefined {
  try {
    return read();
  } catch (error) {
    complain(file, error, stderr);
    return undefined;
  }
}

/** @param place  the file, and the connection of a fault of ours */
function complain(place: string, error: unknown, stderr: Output): void {
  stderr.write(`rfc2228: ${error instanceof InputError ? '' : `${place}: `}${reasonOf(error)}\n`);
}

/** Anything but bad input is a fault of ours, and says where. */
function reasonOf(error: unknown): string {
  if (error instanceof InputError) return error.message;
  if (!(error instanceof FtpSecurityError)) return internalError(error);
  return `${error.code}: ${error.message}${error.offset === undefined ? '' : ` (octet ${error.offset})`}`;
}

/** Written in pieces: a transcript may be longer than a string can be, and a write for each line is slow. */
function print(
  records: readonly TranscriptRecord[],
  write: (record: TranscriptRecord) => string | undefined,
  stdout: Output,
): void {
  const PIECE = 1 << 20;
  let piece = '';
  for (const record of records) {
    const row = write(record);
    if (row !== undefined) piece += `${row}\n`;
    if (piece.length < PIECE) continue;
    stdout.write(piece);
    piece = '';
  }
  stdout.write(piece);
}

function parseDeviation(name: string): Deviation {
  const names: readonly Deviation[] = [...DEVIATIONS, ...OPTIONAL_DEVIATIONS];
  const found = names.find(it => it === name);
  if (found === undefined) throw new UsageError(`--tolerate wants one of ${names.join(', ')}`);
  return found;
}

function parsePort(text: string): number {
  const port = Number(text);
  if (!/^[0-9]+$/.test(text) || port < 1 || port > 65535) throw new UsageError('--port wants a number from 1 to 65535');
  return port;
}

/** Several files as one transcript: connections are counted on, and one summary stands at the end. */
class Total {
  files = 0;
  connections = 0;
  #faulty = false;
  #unkeyed = false;
  summary!: SummaryRecord;

  /** @returns the records of one file without its summary, with connections counted on */
  add(records: readonly TranscriptRecord[]): TranscriptRecord[] {
    const before = this.connections;
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
    return this.#unkeyed ? EXIT.unkeyed : EXIT.fine;
  }

  #sum(summary: SummaryRecord): void {
    this.files++;
    this.connections += summary.connections;
    if (this.files === 1) {
      this.summary = { ...summary };
      return;
    }
    for (const [name, value] of Object.entries(summary)) {
      if (typeof value === 'number') this.summary[name as Exclude<keyof SummaryRecord, 'type'>] += value;
    }
  }
}
