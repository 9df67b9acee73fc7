/**
 * `verify --merge`: results of earlier runs with `--json` take the place of recordings. A result is the records of one recording,
 * from `begin` to `file`. Several runs may have begun the same one: on a machine that failed, and then on another.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import type { BeginRecord, FileRecord, SummaryRecord, TranscriptRecord } from '../capture/index.js';
import { emptySummary } from '../capture/totals.js';
import { attempt } from './files.js';
import type { Interruption } from './progress.js';
import { EXIT, InputError } from './status.js';
import type { Outcome } from './verification.js';
import type { Verifier } from './verifiers.js';

/** The result of one recording, in a file of JSON lines. */
export interface Result {
  /** The recording, as the run was given it; the name of the results if it is not known. */
  recording: string;
  /** The file of JSON lines, and the octets of the result there, without its `file` record. */
  source: string;
  start: number;
  end: number;
  /** The number of connections before it in that file. */
  before: number;
  /** Its last record, or one that says that it has none. */
  record: FileRecord;
}

/**
 * The result of each recording, in the order in which they appear first. A result that is whole is preferred to one with an
 * error, and that to one without an end.
 * @throws InputError if a file can't be read or is not the output of `verify --json` with all lines, or two results of a recording
 *   differ
 */
export function readResults(sources: readonly string[]): Result[] {
  const best = new Map<string, Result>();
  for (const result of sources.flatMap(source => [...resultsIn(source)])) {
    const other = best.get(result.recording);
    const better = other === undefined ? -1 : rankOf(result) - rankOf(other);
    if (better < 0) best.set(result.recording, result);
    else if (better === 0 && JSON.stringify(result.record) !== JSON.stringify(other!.record)) {
      const { recording, source } = result;
      throw new InputError(`${source}: another result of ${recording} than in ${other!.source}; leave one of them out`);
    }
  }
  return [...best.values()];
}

function rankOf({ record: { error } }: Result): number {
  return error === null ? 0 : error.code === 'unfinished' ? 2 : 1;
}

function* resultsIn(source: string): Generator<Result> {
  let open: Omit<Result, 'end' | 'record'> | undefined;
  let [end, before, messages] = [0, 0, 0];
  let isComplete = false;
  for (const line of linesOf(source, 0, Number.POSITIVE_INFINITY)) {
    isComplete = false;
    if (line.text.startsWith('{"type":"begin"')) {
      if (open !== undefined) yield unfinished(open, line.start);
      open = { recording: parsed<BeginRecord>(line, source).file, source, start: line.end, before };
      messages = 0;
    } else if (line.text.startsWith('{"type":"file"')) {
      const record = parsed<FileRecord>(line, source);
      if (record.error === null && record.messages !== messages) throw withoutLines(source);
      yield { ...(open ?? { recording: record.file, source, start: line.start, before }), end: line.start, record };
      before += record.connections;
      open = undefined;
    } else if (line.text.startsWith('{"type":"summary"')) {
      isComplete = true;
    } else if (open === undefined || !line.text.startsWith('{"type":"')) {
      throw notResults(source, line);
    } else if (line.text.startsWith('{"type":"message"')) messages++;
    end = line.end;
  }
  if (open !== undefined) yield unfinished(open, end);
  else if (!isComplete) yield unfinished({ recording: source, source, start: end, before }, end);
}

function unfinished(open: Omit<Result, 'end' | 'record'>, end: number): Result {
  return { ...open, end, record: unfinishedRecord(open.recording, `no end of its result in ${open.source}`) };
}

/** The record of a recording that was not read to its end, or not at all. */
export function unfinishedRecord(file: string, message: string): FileRecord {
  const error = { code: 'unfinished', message } as const;
  return { ...emptySummary(), type: 'file', file, status: EXIT.unchecked, error };
}

/** Gives the records of results in place of a verification. Nothing is given of those that have no end. */
export function resultsVerifier(results: readonly Result[], interruption: Interruption): Verifier {
  return {
    async verify(index, receiver) {
      // Signals arrive only in between.
      await setImmediate();
      if (interruption.count > 0) return undefined;
      const { source, start, end, before, record } = results[index]!;
      const { file, status, error, ...totals } = record;
      const outcome: Outcome = { faults: [], unusedPorts: [], leftOut: [], isEmpty: false };
      if (error !== null)
        outcome.problem = { record: error, text: error.message, namesFile: error.code === 'unreadable' };
      if (error?.code === 'unfinished') return outcome;
      for (const line of linesOf(source, start, end)) {
        const its = parsed(line, source) as Exclude<TranscriptRecord, SummaryRecord | BeginRecord | FileRecord>;
        if (its.type === 'connection' && its.problem?.code === 'internal') {
          outcome.faults.push({ connection: its.connection - before, text: its.problem.message });
        }
        receiver.record({ ...its, connection: its.connection - before });
      }
      // A recording that could not be read at all has no totals.
      if (error === null || end > start) receiver.record({ ...totals, type: 'summary' });
      return outcome;
    },
    close: () => undefined,
  };
}

interface Line {
  text: string;
  /** The octets that it takes, with its end. */
  start: number;
  end: number;
}

const PIECE = 1 << 16;
const LF = 0x0a;

/** The lines between two octets of a file; what follows the last line end is left out. */
function* linesOf(file: string, start: number, end: number): Generator<Line> {
  const descriptor = attempt(file, () => openSync(file, 'r'));
  try {
    let rest: Buffer = Buffer.alloc(0);
    for (let at = start; at < end; ) {
      const piece = Buffer.alloc(Math.min(PIECE, end - at));
      const length = attempt(file, () => readSync(descriptor, piece, 0, piece.length, at));
      if (length === 0) return;
      const octets = Buffer.concat([rest, piece.subarray(0, length)]);
      const offset = at - rest.length;
      let from = 0;
      for (let to = octets.indexOf(LF, rest.length); to >= 0; to = octets.indexOf(LF, from)) {
        yield { text: octets.toString('utf8', from, to), start: offset + from, end: offset + to + 1 };
        from = to + 1;
      }
      rest = octets.subarray(from);
      at += length;
    }
  } finally {
    closeSync(descriptor);
  }
}

function parsed<T extends TranscriptRecord>(line: Line, source: string): T {
  try {
    return JSON.parse(line.text);
  } catch {
    throw notResults(source, line);
  }
}

/** Of a result without some of its lines it is not known whether they have errors, or who logged in. */
function withoutLines(source: string): InputError {
  return new InputError(`${source}: lines are left out, by --summary or --errors; --merge needs the whole result`);
}

function notResults(source: string, { start }: Line): InputError {
  return new InputError(`${source}: no output of rfc2228 verify --json (octet ${start})`);
}
