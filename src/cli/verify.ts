/** `rfc2228 verify`: verifies recordings with keys, and writes a transcript for people or as JSON lines. */
import { availableParallelism } from 'node:os';
import { type Extract, FINDING_RULES, type FindingRecord, type TranscriptRecord } from '../capture/index.js';
import { unreadUnit } from '../capture/totals.js';
import { DEVIATIONS, type Deviation, OPTIONAL_DEVIATIONS } from '../protection/deviations.js';
import { ExtractDirectory } from './extract.js';
import { htmlReport } from './html.js';
import { VERIFY_KEYS } from './mechanism-options.js';
import { observedMechanisms } from './mechanisms.js';
import { Interrupt, Progress } from './progress.js';
import { type ListedFile, listFiles, sizeOf } from './recordings.js';
import { allReports, jsonReport, type Report, SEVERITIES, tableReport } from './report.js';
import { type Result, readResults, resultsVerifier, unfinishedRecord } from './results.js';
import { EXIT, parseOptions, readInput, UsageError } from './status.js';
import type { Output, Streams } from './streams.js';
import { type FileTotal, Total } from './total.js';
import type { Outcome, Problem, Receiver } from './verification.js';
import { ParallelVerifier, sequentialVerifier } from './verifiers.js';

/** The options in the form of `parseOptions`. */
export const OPTIONS = {
  ...VERIFY_KEYS,
  port: { type: 'string', multiple: true, default: [] as string[] },
  'only-port': { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  html: { type: 'string' },
  extract: { type: 'string' },
  join: { type: 'boolean', default: false },
  merge: { type: 'boolean', default: false },
  jobs: { type: 'string' },
  'fail-on': { type: 'string', multiple: true, default: [] as string[] },
  utc: { type: 'boolean', default: false },
  errors: { type: 'boolean', default: false },
  summary: { type: 'boolean', default: false },
  strict: { type: 'boolean', default: false },
  tolerate: { type: 'string', multiple: true, default: [] as string[] },
} as const;

export async function verify(args: string[], { stdout, stderr }: Streams): Promise<number> {
  const { values, positionals: names } = parseOptions({ args, options: OPTIONS, allowPositionals: true });
  if (names.length === 0) throw new UsageError('verify wants a file');
  if (values['password-stdin'] && names.includes('-')) {
    throw new UsageError('standard input is either a recording or a password');
  }
  const keyFiles = new Map<string | 0, Uint8Array>();
  const mechanisms = observedMechanisms(values, { stderr, read: file => remember(keyFiles, file) });
  const tolerate = [...(values.strict ? [] : DEVIATIONS), ...values.tolerate.map(parseDeviation)];
  const ports = values.port.map(parsePort);
  const onlyPorts = values['only-port'];
  if (onlyPorts && ports.length === 0) throw new UsageError('--only-port wants --port');
  const options = { ports, onlyPorts, tolerate };

  const failOn = parseFailOn(values['fail-on']);
  const results = values.merge ? mergedResults(values, names) : undefined;
  const files = results?.map(({ recording }) => ({ file: recording, directory: undefined })) ?? listFiles(names);
  const recordings = values.join ? [files] : files.map(file => [file]);
  const several = recordings.length > 1 || files[0]?.directory !== undefined;
  const { utc, errors, summary } = values;
  const table = { utc, errors, summary, files: several, width: stdout.columns };
  const json = values.json ? jsonReport(stdout) : undefined;
  const others = [
    ...(values.json ? [] : [tableReport(stdout, table)]),
    ...(values.html === undefined ? [] : [htmlReport(values.html)]),
  ];
  const report = allReports([...(json ? [json] : []), ...others]);
  const total = new Total(failOn);
  let leftOut: string[] = [];
  const directory = values.extract === undefined ? undefined : new ExtractDirectory(values.extract);
  const progress = new Progress({ stdout, stderr }, !summary);

  // Extracted files get their names in the order of the recordings, and only this thread has standard input.
  const isSequential = results !== undefined || directory !== undefined || names.includes('-');
  const workers = isSequential ? 1 : workersFor(recordings, values.jobs);
  const shared = new Int32Array(new SharedArrayBuffer(4 * (1 + workers)));
  const interrupt = new Interrupt(shared);
  interrupt.start();
  let extracted: { name: string; before: number } | undefined;
  const extract: Extract = transfer => directory?.sink(transfer, extracted!.name, extracted!.before);
  const verifier =
    results !== undefined
      ? resultsVerifier(results, interrupt)
      : workers > 1
        ? new ParallelVerifier(recordings, { keys: values, keyFiles, options, shared }, interrupt)
        : sequentialVerifier(recordings, { ...options, mechanisms, extract }, interrupt);
  try {
    for (const [index, recording] of recordings.entries()) {
      const name = nameOf(recording);
      const before = total.summary.connections;
      extracted = { name, before };
      const file = total.begin(name);
      let isBegun = false;
      const receiver: Receiver = {
        record: record => {
          if (!isBegun) begin(name, report);
          isBegun = true;
          progress.add(record);
          add(report, file.add(record));
        },
        read: octets => progress.read(octets),
      };
      const outcome = await verifier.verify(index, receiver);
      progress.clear();
      if (outcome === undefined) {
        json?.add(unfinishedRecord(name, 'interrupted before it was read'));
        continue;
      }
      leftOut = leftOut.concat(outcome.leftOut);
      if (outcome.isEmpty) continue;
      report.add(total.end(file, outcome.isInterrupted ? { ...outcome, problem: INTERRUPTED } : outcome));
      tellProblems(name, before, outcome, stderr);
      warnOfUnseen(file, outcome, stderr);
    }
  } finally {
    verifier.close();
    interrupt.end();
  }
  directory?.close(stderr);
  if (results !== undefined) warnOfUnfinished(results, stderr);
  warnOfLeftOut(leftOut, stderr);
  for (const port of total.unusedPorts) stderr.write(`rfc2228: no connection has port ${port}\n`);
  const interrupted = interrupt.count > 0;
  json?.end(total.summary);
  for (const it of others) it.end(total.readable || interrupted ? total.summary : undefined);
  if (interrupted) {
    stderr.write('rfc2228: interrupted; the rest was not read\n');
    return EXIT.interrupted;
  }
  return directory?.failed ? EXIT.unusable : total.status;
}

/** Written at once: whatever becomes of this process, its output names the recording. */
function begin(file: string, report: Report): void {
  report.add({ type: 'begin', file });
  report.flush();
}

const INTERRUPTED: Problem = {
  record: { code: 'unfinished', message: 'interrupted; the rest was not read' },
  text: '',
  namesFile: false,
};

/** @throws UsageError for options of a verification, InputError */
function mergedResults(values: { join: boolean; extract?: string | undefined }, names: readonly string[]): Result[] {
  if (values.join || values.extract !== undefined) {
    throw new UsageError('--merge reads results of earlier runs; --join and --extract read recordings');
  }
  return readResults(names);
}

function remember(files: Map<string | 0, Uint8Array>, file: string | 0): Uint8Array {
  const octets = readInput(file);
  files.set(file, octets);
  return octets;
}

function tellProblems(name: string, before: number, { problem, faults }: Outcome, stderr: Output): void {
  if (problem !== undefined) stderr.write(`rfc2228: ${problem.namesFile ? '' : `${name}: `}${problem.text}\n`);
  for (const { connection, text } of faults)
    stderr.write(`rfc2228: ${name}, connection ${connection + before}: ${text}\n`);
}

function add(report: Report, record: TranscriptRecord | undefined): void {
  if (record !== undefined) report.add(record);
}

function nameOf([first, ...more]: readonly ListedFile[]): string {
  return more.length === 0 ? first!.file : `${first!.file} and ${more.length} more`;
}

/**
 * How many workers to use. Starting one takes about as long as verifying some megabytes, so small recordings have one
 * only if `--jobs` asks for more.
 */
function workersFor(recordings: readonly (readonly ListedFile[])[], jobs: string | undefined): number {
  if (jobs !== undefined && !/^[1-9][0-9]{0,3}$/.test(jobs))
    throw new UsageError('--jobs wants a number from 1 to 9999');
  const useful = jobs === undefined ? Math.floor(sizeOf(recordings.flat()) / WORKER_OCTETS) : Number(jobs);
  return Math.min(useful, jobs === undefined ? availableParallelism() : Number.POSITIVE_INFINITY, recordings.length);
}

/** How many octets of recordings each worker has at least. */
const WORKER_OCTETS = 2 ** 23;

function warnOfUnfinished(results: readonly Result[], stderr: Output): void {
  const count = results.filter(({ record }) => record.error?.code === 'unfinished').length;
  if (count > 0)
    stderr.write(`rfc2228: unfinished: ${count} of ${results.length} recordings; the totals are of the others\n`);
}

/** Reports how many files of directories are not recordings. */
function warnOfLeftOut(directories: readonly string[], stderr: Output): void {
  for (const directory of new Set(directories)) {
    const count = directories.filter(it => it === directory).length;
    stderr.write(`rfc2228: ${directory}: not a recording: ${count} file${count === 1 ? '' : 's'} in it, left out\n`);
  }
}

/** Reports what could not be checked and is in no line of the transcript. */
function warnOfUnseen({ name, summary, missingData }: FileTotal, { isDisordered }: Outcome, stderr: Output): void {
  if (summary === undefined) return;
  if (missingData > 0) {
    const transfers = missingData === 1 ? '1 protected transfer' : `${missingData} protected transfers`;
    const remedy = isDisordered ? '; its packets are not in the order of time: reordercap sorts them' : '';
    stderr.write(`rfc2228: ${name}: not in the capture: the data of ${transfers}${remedy}\n`);
  }
  const unread = Object.entries(summary.unread);
  if (summary.connections === 0 && unread.length === 0) stderr.write(`rfc2228: ${name}: no control connection\n`);
  for (const [reason, count] of unread) {
    stderr.write(`rfc2228: ${name}: ${count} ${unreadUnit(reason)}${count === 1 ? '' : 's'} not read: ${reason}\n`);
  }
}

function parseDeviation(name: string): Deviation {
  const names: readonly Deviation[] = [...DEVIATIONS, ...OPTIONAL_DEVIATIONS];
  const found = names.find(it => it === name);
  if (found === undefined) throw new UsageError(`--tolerate wants one of ${names.join(', ')}`);
  return found;
}

/**
 * Parses names of rules, separated by commas, or a severity, which means every finding of that severity or worse.
 * @throws UsageError for an unknown name
 */
function parseFailOn(texts: readonly string[]): (finding: FindingRecord) => boolean {
  const names = texts.flatMap(text => text.split(','));
  const known: readonly string[] = [...SEVERITIES, ...FINDING_RULES];
  const unknown = names.find(name => !known.includes(name));
  if (unknown !== undefined) {
    const rules = FINDING_RULES.join(', ');
    throw new UsageError(
      `--fail-on: no rule ${JSON.stringify(unknown)}; it wants ${SEVERITIES.join(', ')} or ${rules}`,
    );
  }
  const least = names.reduce((least, name) => Math.max(least, (SEVERITIES as readonly string[]).indexOf(name)), -1);
  return ({ rule, severity }) => names.includes(rule) || SEVERITIES.indexOf(severity) <= least;
}

function parsePort(text: string): number {
  const port = Number(text);
  if (!/^[0-9]+$/.test(text) || port < 1 || port > 65535) throw new UsageError('--port wants a number from 1 to 65535');
  return port;
}
