/** `rfc2228 verify`: recordings and keys in, a verified transcript out, for people or as JSON lines. */
import {
  recordingFormat,
  type Transcript,
  type TranscriptRecord,
  type VerifyOptions,
  verifyRecording,
} from '../capture/index.js';
import { FtpSecurityError } from '../errors.js';
import { krb4, krb4Witness } from '../mechanisms/krb4/index.js';
import { krb5, krb5Witness } from '../mechanisms/krb5/index.js';
import { nodeCiphers } from '../node/index.js';
import type { ObservedMechanism } from '../session/exchange-watch.js';
import { parseKey, readKeytab, readSrvtab } from './keys.js';
import { firstOf, type ListedFile, listFiles, openRecording } from './recordings.js';
import { InputError, parseOptions, UsageError } from './status.js';
import { rowOf } from './table.js';
import { type NoTranscript, Total } from './total.js';

const OPTIONS = {
  keytab: { type: 'string', multiple: true, default: [] as string[] },
  key: { type: 'string', multiple: true, default: [] as string[] },
  srvtab: { type: 'string', multiple: true, default: [] as string[] },
  port: { type: 'string', multiple: true, default: [] as string[] },
  json: { type: 'boolean', default: false },
  strict: { type: 'boolean', default: false },
} as const;

export async function verify(args: string[]): Promise<number> {
  const { values, positionals: names } = parseOptions({ args, options: OPTIONS, allowPositionals: true });
  if (names.length === 0) throw new UsageError('verify wants a file');
  const keys = [...values.keytab.flatMap(readKeytab), ...values.key.map(parseKey)];
  const srvtab = values.srvtab.flatMap(readSrvtab);
  const mechanisms: ObservedMechanism[] = [
    { ...krb5, witness: () => krb5Witness(keys, { ciphers: nodeCiphers }) },
    { ...krb4, witness: () => krb4Witness(srvtab, nodeCiphers) },
  ];
  const options = { mechanisms, ports: values.port.map(parsePort), ...(values.strict && { tolerate: [] }) };

  const write = values.json ? (record: TranscriptRecord) => JSON.stringify(record) : rowOf;
  const files = listFiles(names);
  const total = new Total(files.length > 1 || files[0]?.directory !== undefined);
  const passedOver = new Map<string, number>();
  for (const listed of files) {
    const transcript = await attempt(listed, options);
    if (transcript === 'no recording') {
      passedOver.set(listed.directory!, (passedOver.get(listed.directory!) ?? 0) + 1);
      continue;
    }
    print(total.add(listed.file, transcript), write);
    if (transcript.error !== undefined) complain(listed.file, transcript.error);
    warnOfUnread(listed.file, transcript);
  }
  for (const [directory, count] of passedOver) {
    process.stderr.write(`rfc2228: ${directory}: ${count} files in it are no recordings\n`);
  }
  if (total.readable) print([total.summary], write);
  return total.status;
}

async function attempt(
  { file, directory }: ListedFile,
  options: VerifyOptions,
): Promise<Transcript | NoTranscript | 'no recording'> {
  try {
    const recording = await openRecording(file);
    try {
      const isRecording = recordingFormat(firstOf(recording.chunks)) !== undefined;
      if (!isRecording && directory !== undefined) return 'no recording';
      const transcript = verifyRecording(recording.chunks, options);
      // What cuts the compressed octets short cuts the capture short, too.
      return recording.error === undefined ? transcript : { ...transcript, error: recording.error };
    } finally {
      recording.close();
    }
  } catch (error) {
    if (!(error instanceof FtpSecurityError) && !(error instanceof InputError)) throw error;
    return { records: [], error };
  }
}

function warnOfUnread(file: string, { records }: Transcript | NoTranscript): void {
  const summary = records.at(-1);
  if (summary?.type !== 'summary') return;
  for (const [reason, packets] of Object.entries(summary.unread)) {
    process.stderr.write(`rfc2228: ${file}: ${packets} packet${packets === 1 ? '' : 's'} not read: ${reason}\n`);
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
