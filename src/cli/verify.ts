/** `rfc2228 verify`: verifies recordings with keys, and writes a transcript for people or as JSON lines. */
import { availableParallelism } from 'node:os';
import type { Extract } from '../capture/index.js';
import { unreadUnit } from '../capture/totals.js';
import { ExtractDirectory } from './extract.js';
import { htmlReport } from './html.js';
import { observedMechanisms } from './mechanisms.js';
import { Interrupt, Progress } from './progress.js';
import { type ListedFile, listFiles, sizeOf } from './recordings.js';
import { allReports, jsonReport, type Report, someRecords, tableReport } from './report.js';
import { type Result, readResults, resultsVerifier, unfinishedRecord } from './results.js';
import { EXIT, readInput } from './status.js';
import type { Output, Streams } from './streams.js';
import { type FileTotal, Total } from './total.js';
import type { Outcome, Problem, Receiver } from './verification.js';
import { ParallelVerifier, sequentialVerifier, type Verifier } from './verifiers.js';
import { parseArguments, type Values } from './verify-options.js';

export async function verify(args: string[], { stdout, stderr }: Streams): Promise<number> {
  const { values, names, options, failOn, jobs } = parseArguments(args);
  const keyFiles = new Map<string | 0, Uint8Array>();
  const mechanisms = observedMechanisms(values, { stderr, read: file => remember(keyFiles, file) });
  const results = values.merge ? readResults(names) : undefined;
  const files = results?.map(({ recording }) => ({ file: recording, directory: undefined })) ?? listFiles(names);
  const recordings = values.join ? [files] : files.map(file => [file]);
  const isSeveral = recordings.length > 1 || files[0]?.directory !== undefined;
  const run = new Run(
    reportsOf(values, isSeveral, stdout),
    new Total(failOn),
    new Progress({ stdout, stderr }, !values.summary),
    values.extract === undefined ? undefined : new ExtractDirectory(values.extract),
    stderr,
  );

  // Extracted files get their names in the order of the recordings, and only this thread has standard input.
  const isSequential = results !== undefined || values.extract !== undefined || names.includes('-');
  const workers = isSequential ? 1 : workersFor(recordings, jobs);
  const shared = new Int32Array(new SharedArrayBuffer(4 * (1 + workers)));
  const interrupt = new Interrupt(shared);
  interrupt.start();
  const verifier =
    results !== undefined
      ? resultsVerifier(results, interrupt)
      : workers > 1
        ? new ParallelVerifier(recordings, { keys: values, keyFiles, options, shared }, interrupt)
        : sequentialVerifier(recordings, { ...options, mechanisms, extract: run.extract }, interrupt);
  try {
    for (const [index, recording] of recordings.entries()) await run.add(nameOf(recording), index, verifier);
  } finally {
    verifier.close();
    interrupt.end();
  }
  if (results !== undefined) warnOfUnfinished(results, stderr);
  return run.end(interrupt.count > 0);
}

interface Reports {
  /** All of them. */
  all: Report;
  /** JSON lines, which end also where nothing could be read. */
  json: Report | undefined;
  /** For people: the table or the page. */
  others: readonly Report[];
}

/** @param several  whether each line of the table has to name its file */
function reportsOf({ json: isJson, html, utc, errors, summary }: Values, several: boolean, stdout: Output): Reports {
  const json = isJson ? someRecords(jsonReport(stdout), { errors, summary }) : undefined;
  const others = [
    ...(isJson ? [] : [tableReport(stdout, { utc, errors, summary, files: several, width: stdout.columns })]),
    ...(html === undefined ? [] : [htmlReport(html)]),
  ];
  return { all: allReports([...(json ? [json] : []), ...others]), json, others };
}

/** One call of the command: what it has found so far, and where it shows that. */
class Run {
  readonly #reports: Reports;
  readonly #total: Total;
  readonly #progress: Progress;
  readonly #directory: ExtractDirectory | undefined;
  readonly #stderr: Output;
  #leftOut: string[] = [];
  /** The recording that is being verified, and how many connections those before it have. */
  #current = { name: '', before: 0 };

  constructor(
    reports: Reports,
    total: Total,
    progress: Progress,
    directory: ExtractDirectory | undefined,
    stderr: Output,
  ) {
    this.#reports = reports;
    this.#total = total;
    this.#progress = progress;
    this.#directory = directory;
    this.#stderr = stderr;
  }

  readonly extract: Extract = transfer => this.#directory?.sink(transfer, this.#current.name, this.#current.before);

  /** Verifies a recording, and shows what it contains. */
  async add(name: string, index: number, verifier: Verifier): Promise<void> {
    const report = this.#reports.all;
    const before = this.#total.summary.connections;
    this.#current = { name, before };
    const file = this.#total.begin(name);
    let isBegun = false;
    const receiver: Receiver = {
      record: record => {
        if (!isBegun) begin(name, report);
        isBegun = true;
        this.#progress.add(record);
        const shown = file.add(record);
        if (shown !== undefined) report.add(shown);
      },
      read: octets => this.#progress.read(octets),
    };
    const outcome = await verifier.verify(index, receiver);
    this.#progress.clear();
    if (outcome === undefined) {
      this.#reports.json?.add(unfinishedRecord(name, 'interrupted before it was read'));
      return;
    }
    this.#leftOut = this.#leftOut.concat(outcome.leftOut);
    if (outcome.isEmpty) return;
    report.add(this.#total.end(file, outcome.isInterrupted ? { ...outcome, problem: INTERRUPTED } : outcome));
    tellProblems(name, before, outcome, this.#stderr);
    warnOfUnseen(file, outcome, this.#stderr);
  }

  /** Ends all output. @returns the exit status */
  end(isInterrupted: boolean): number {
    this.#directory?.close(this.#stderr);
    warnOfLeftOut(this.#leftOut, this.#stderr);
    for (const port of this.#total.unusedPorts) this.#stderr.write(`rfc2228: no connection has port ${port}\n`);
    const { summary, readable, status } = this.#total;
    this.#reports.json?.end(summary);
    for (const report of this.#reports.others) report.end(readable || isInterrupted ? summary : undefined);
    if (isInterrupted) {
      this.#stderr.write('rfc2228: interrupted; the rest was not read\n');
      return EXIT.interrupted;
    }
    return this.#directory?.failed ? EXIT.unusable : status;
  }
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

function nameOf([first, ...more]: readonly ListedFile[]): string {
  return more.length === 0 ? first!.file : `${first!.file} and ${more.length} more`;
}

/**
 * How many workers to use. Starting one takes about as long as verifying some megabytes, so small recordings are
 * verified without, unless `--jobs` asks for some. 0 and 1 mean none: this thread does the work.
 */
function workersFor(recordings: readonly (readonly ListedFile[])[], jobs: number | undefined): number {
  const useful = jobs ?? Math.floor(sizeOf(recordings.flat()) / WORKER_OCTETS);
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
function warnOfUnseen(
  { name, summary, missingData }: FileTotal,
  { isDisordered, cutTo }: Outcome,
  stderr: Output,
): void {
  if (summary === undefined) return;
  if (missingData > 0) {
    const transfers = missingData === 1 ? '1 protected transfer' : `${missingData} protected transfers`;
    const remedy = isDisordered ? '; its packets are not in the order of time: reordercap sorts them' : '';
    stderr.write(`rfc2228: ${name}: not in the capture: the data of ${transfers}${remedy}\n`);
  }
  if (cutTo !== undefined)
    stderr.write(`rfc2228: ${name}: packets are cut to ${cutTo} octets: capture them whole (tcpdump -s 0)\n`);
  const unread = Object.entries(summary.unread);
  if (summary.connections === 0 && unread.length === 0) stderr.write(`rfc2228: ${name}: no control connection\n`);
  for (const [reason, count] of unread) {
    stderr.write(`rfc2228: ${name}: ${count} ${unreadUnit(reason)}${count === 1 ? '' : 's'} not read: ${reason}\n`);
  }
}
