/** `rfc2228 verify`: verifies recordings with keys, and writes a transcript for people or as JSON lines. */
import { setImmediate } from 'node:timers/promises';
import {
  type Extract,
  FINDING_RULES,
  type FindingRecord,
  recordingFormat,
  type Transcript,
  type TranscriptRecord,
  type VerifyOptions,
  verifySteps,
} from '../capture/index.js';
import { FtpSecurityError } from '../errors.js';
import { DEVIATIONS, type Deviation, OPTIONAL_DEVIATIONS } from '../protection/deviations.js';
import { ExtractDirectory } from './extract.js';
import { htmlReport } from './html.js';
import { observedMechanisms, VERIFY_KEYS } from './mechanisms.js';
import { Interrupt, Progress } from './progress.js';
import { firstOf, type ListedFile, listFiles, openRecording, type RecordingFile } from './recordings.js';
import { allReports, jsonReport, type Report, SEVERITIES, tableReport } from './report.js';
import { EXIT, InputError, internalError, parseOptions, UsageError } from './status.js';
import type { Output, Streams } from './streams.js';
import { type FileTotal, type Outcome, Total } from './total.js';

const OPTIONS = {
  ...VERIFY_KEYS,
  port: { type: 'string', multiple: true, default: [] as string[] },
  'only-port': { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  html: { type: 'string' },
  extract: { type: 'string' },
  join: { type: 'boolean', default: false },
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
  const mechanisms = observedMechanisms(values, stderr);
  const tolerate = [...(values.strict ? [] : DEVIATIONS), ...values.tolerate.map(parseDeviation)];
  const ports = values.port.map(parsePort);
  const onlyPorts = values['only-port'];
  if (onlyPorts && ports.length === 0) throw new UsageError('--only-port wants --port');
  const options = { mechanisms, ports, onlyPorts, tolerate };

  const failOn = parseFailOn(values['fail-on']);
  const files = listFiles(names);
  const recordings = values.join ? [files] : files.map(file => [file]);
  const several = recordings.length > 1 || files[0]?.directory !== undefined;
  const { utc, errors, summary } = values;
  const table = { utc, errors, summary, files: several, width: stdout.columns };
  const printed = values.json ? jsonReport(stdout) : tableReport(stdout, table);
  const report = allReports([printed, ...(values.html === undefined ? [] : [htmlReport(values.html)])]);
  const total = new Total(several, failOn);
  const left = new LeftOut();
  const directory = values.extract === undefined ? undefined : new ExtractDirectory(values.extract);
  const progress = new Progress({ stdout, stderr }, !summary);
  const interrupt = new Interrupt();
  for (const recording of recordings) {
    if (interrupt.requested) break;
    const name = nameOf(recording);
    const before = total.summary.connections;
    const file = total.begin(name);
    const extract: Extract = transfer => directory?.sink(transfer, name, before);
    const onRecord = (record: TranscriptRecord) => {
      progress.add(record);
      add(report, file.add(record));
    };
    const outcome = await attempt(recording, { ...options, extract, onRecord }, left, { progress, interrupt });
    progress.clear();
    if (outcome === undefined) continue;
    add(report, total.end(file, outcome));
    const { error, faults = [] } = outcome;
    if (error !== undefined) complain(name, error, stderr);
    for (const { connection, error } of faults) complain(`${name}, connection ${connection + before}`, error, stderr);
    warnOfUnseen(file, stderr);
  }
  directory?.close(stderr);
  left.tell(stderr);
  for (const port of total.unusedPorts) stderr.write(`rfc2228: no connection has port ${port}\n`);
  report.end(total.readable ? total.summary : undefined);
  if (interrupt.requested) {
    stderr.write('rfc2228: interrupted; the rest was not read\n');
    return EXIT.interrupted;
  }
  return directory?.failed ? EXIT.unusable : total.status;
}

function add(report: Report, record: TranscriptRecord | undefined): void {
  if (record !== undefined) report.add(record);
}

function nameOf([first, ...more]: readonly ListedFile[]): string {
  return more.length === 0 ? first!.file : `${first!.file} and ${more.length} more`;
}

/** Counts the files of directories that are not recordings. */
class LeftOut {
  readonly #counts = new Map<string, number>();

  /**
   * Whether a file is left out. A file that was named itself is never left out, so that the error explains what is
   * wrong with it.
   */
  isLeftOut({ directory }: ListedFile, { chunks }: RecordingFile): boolean {
    if (directory === undefined || recordingFormat(firstOf(chunks)) !== undefined) return false;
    this.#counts.set(directory, (this.#counts.get(directory) ?? 0) + 1);
    return true;
  }

  tell(stderr: Output): void {
    for (const [directory, count] of this.#counts) {
      stderr.write(`rfc2228: ${directory}: not a recording: ${count} file${count === 1 ? '' : 's'} in it, left out\n`);
    }
  }
}

/**
 * Verifies a recording, or several joined files. If they can't be read, the result has only the error; if all were left
 * out, it is undefined.
 */
async function attempt(
  files: readonly ListedFile[],
  options: VerifyOptions,
  left: LeftOut,
  { progress, interrupt }: { progress: Progress; interrupt: Interrupt },
): Promise<Outcome | undefined> {
  const opened: RecordingFile[] = [];
  try {
    for (const listed of files) {
      const file = await openRecording(listed.file);
      if (left.isLeftOut(listed, file)) file.close();
      else opened.push(file);
    }
    const chunks = opened.map(file => progress.counted(file.chunks));
    if (chunks.length === 0) return undefined;
    const transcript = await runSteps(verifySteps(chunks, options), interrupt);
    // Compressed data that end early cut the capture as well, so this error explains both.
    const error = opened.find(({ error }) => error !== undefined)?.error;
    return error === undefined ? transcript : { ...transcript, error };
  } catch (error) {
    return { error };
  } finally {
    for (const file of opened) file.close();
  }
}

/** Runs all steps, or those until Ctrl-C. */
async function runSteps(steps: ReturnType<typeof verifySteps>, interrupt: Interrupt): Promise<Transcript> {
  try {
    let step = steps.next();
    interrupt.start();
    while (!step.done) {
      // Signals arrive only in between.
      await setImmediate();
      step = steps.next(interrupt.requested);
    }
    return step.value;
  } finally {
    interrupt.end();
  }
}

/** Reports what could not be checked and is in no line of the transcript. */
function warnOfUnseen({ name, summary }: FileTotal, stderr: Output): void {
  if (summary === undefined) return;
  const unread = Object.entries(summary.unread);
  if (summary.connections === 0 && unread.length === 0) stderr.write(`rfc2228: ${name}: no control connection\n`);
  for (const [reason, packets] of unread) {
    stderr.write(`rfc2228: ${name}: ${packets} packet${packets === 1 ? '' : 's'} not read: ${reason}\n`);
  }
}

/** @param place  the file, and the connection if the error is internal */
function complain(place: string, error: unknown, stderr: Output): void {
  stderr.write(`rfc2228: ${error instanceof InputError ? '' : `${place}: `}${reasonOf(error)}\n`);
}

/** The text of an error. An error that is not about the input is internal, and its text shows where it happened. */
function reasonOf(error: unknown): string {
  if (error instanceof InputError) return error.message;
  if (!(error instanceof FtpSecurityError)) return internalError(error);
  return `${error.code}: ${error.message}${error.offset === undefined ? '' : ` (octet ${error.offset})`}`;
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
