/** The worker of the page: verifies recordings with keys. It is built into the page, and reads files in pieces. */
import { type SummaryRecord, type TranscriptRecord, verifyRecording } from '../../capture/index.js';
import { addSummary, emptySummary, renumbered } from '../../capture/totals.js';
import { FtpSecurityError } from '../../errors.js';
import { parseKeyLog } from '../../mechanisms/gsi/index.js';
import { parseKeytabFile } from '../../mechanisms/krb5/index.js';
import type { Mechanism } from '../../protection/mechanism.js';
import { chunksOf } from './blob-chunks.js';
import { type FileKind, fileKind, HEAD } from './file-kind.js';
import { type Keys, mechanismsWith, needsNodeCiphers, parseTypedKeys } from './keys.js';
import type { Job, WorkerMessage } from './messages.js';

/** How many records go to the page at once. */
const BATCH = 5000;

const post = (message: WorkerMessage) => self.postMessage(message);
const notice = (text: string) => post({ type: 'notice', text });

self.onmessage = async ({ data }: MessageEvent<Job>) => {
  await run(data);
  post({ type: 'done' });
};

async function run({ files, keys: typed }: Job): Promise<void> {
  const known = await Promise.all(files.map(async file => ({ file, kind: await kindOf(file) })));
  const keys: Keys = { krb5: [], psk: [], gsi: [] };
  attempt('typed keys', () => Object.assign(keys, parseTypedKeys(typed)));
  for (const { file, kind } of known) await readKeys(file, kind, keys);
  const mechanisms = mechanismsWith(keys);
  const total = emptySummary();
  for (const { file, kind } of known) {
    const recording = await recordingIn(file, kind);
    if (recording !== undefined) attempt(file.name, () => verify(file.name, recording, mechanisms, total));
  }
  post({ type: 'records', records: [total] });
}

async function kindOf(file: File): Promise<FileKind> {
  return fileKind(new Uint8Array(await file.slice(0, HEAD).arrayBuffer()), file.name);
}

async function readKeys(file: File, kind: FileKind, keys: Keys): Promise<void> {
  if (kind !== 'keytab' && kind !== 'key log') return;
  const octets = new Uint8Array(await file.arrayBuffer());
  attempt(file.name, () => {
    if (kind === 'key log') {
      keys.gsi.push(parseKeyLog(octets));
      return;
    }
    const { entries, error } = parseKeytabFile(octets);
    for (const entry of entries) keys.krb5.push({ ...entry, source: file.name });
    if (error !== undefined) notice(`${file.name}: ${error.message}; the whole entries before it are used`);
  });
}

/** The octets of a recording; undefined, with a notice, for a file that can't be read as one. */
async function recordingIn(file: File, kind: FileKind): Promise<Blob | undefined> {
  switch (kind) {
    case 'recording':
      return file;
    case 'gzip':
      return decompressed(file);
    case 'zstd':
      notice(`${file.name}: browsers can't decompress zstd; use rfc2228 verify on the command line`);
      return undefined;
    case 'srvtab':
      notice(`${file.name}: KERBEROS_V4 needs DES, which browsers do not have; use rfc2228 verify on the command line`);
      return undefined;
    case 'unknown':
      notice(`${file.name}: neither a recording nor a file of keys`);
      return undefined;
    default:
      return undefined;
  }
}

async function decompressed(file: File): Promise<Blob | undefined> {
  try {
    return await new Response(file.stream().pipeThrough(new DecompressionStream('gzip'))).blob();
  } catch {
    notice(`${file.name}: the compressed data are damaged`);
    return undefined;
  }
}

function verify(file: string, recording: Blob, mechanisms: readonly Mechanism[], total: SummaryRecord): void {
  const { size } = recording;
  const before = total.connections;
  let batch: TranscriptRecord[] = [];
  const send = () => {
    post({ type: 'records', records: batch });
    batch = [];
  };
  let lacksCiphers = false;
  const onRecord = (record: TranscriptRecord) => {
    if (record.type === 'summary') addSummary(total, record);
    else if (record.type !== 'begin' && record.type !== 'file') batch.push(renumbered(record, before, file));
    if (record.type === 'connection') lacksCiphers ||= needsNodeCiphers(record);
    if (batch.length === BATCH) send();
  };
  const chunks = chunksOf(recording, (pass, octets) => post({ type: 'progress', file, pass, octets, size }));
  const { error, faults = [] } = verifyRecording(chunks, { mechanisms, onRecord });
  send();
  if (lacksCiphers)
    notice(`${file}: DES, triple DES and Camellia are not in browsers; use rfc2228 verify on the command line`);
  if (total.connections === before) notice(`${file}: no control connection`);
  if (error !== undefined) notice(`${file}: ${error.code}: ${error.message}`);
  for (const { connection, error } of faults) notice(`${file}, connection ${connection + before}: ${error}`);
}

/** Runs a step; what is wrong with its input becomes a notice. */
function attempt(name: string, step: () => void): void {
  try {
    step();
  } catch (error) {
    if (error instanceof FtpSecurityError) notice(`${name}: ${error.code}: ${error.message}`);
    else if (error instanceof RangeError) notice(`${name}: ${error.message}`);
    else notice(`${name}: internal error, please report it: ${error}`);
  }
}
