/** Several recordings as one transcript. */
import type { FileRecord, FindingRecord, Transcript, TranscriptRecord } from '../capture/index.js';
import { addSummary, emptySummary, renumbered } from '../capture/totals.js';
import { FtpSecurityError } from '../errors.js';
import { EXIT, InputError } from './status.js';

/** The result for a recording that could not be read at all. */
export interface NoTranscript {
  records: [];
  error: unknown;
  faults?: undefined;
  unusedPorts?: undefined;
}

/** Numbers the connections of all files in one series, adds a record for each file, and sums up all totals. */
export class Total {
  readonly #several: boolean;
  readonly #failOn: (finding: FindingRecord) => boolean;
  readonly summary = emptySummary();
  /** Whether at least one file could be read. */
  readable = false;
  readonly #statuses = new Set<number>();
  #unusedPorts: readonly number[] | undefined;

  /**
   * @param several  whether each file has a record of its own
   * @param failOn  which findings are errors
   */
  constructor(several: boolean, failOn: (finding: FindingRecord) => boolean = () => false) {
    this.#several = several;
    this.#failOn = failOn;
  }

  /**
   * @returns the records of one file, with its connections numbered after those of earlier files, and a file record in
   *   place of the summary
   */
  add(file: string, { records, error, faults, unusedPorts = [] }: Transcript | NoTranscript): TranscriptRecord[] {
    const before = this.summary.connections;
    const rest: TranscriptRecord[] = [];
    let summary = emptySummary();
    for (const record of records) {
      if (record.type === 'summary') summary = record;
      else if (record.type === 'file') rest.push(record);
      else rest.push(renumbered(record, before, file));
    }
    if (records.length > 0) {
      this.readable = true;
      this.#unusedPorts = (this.#unusedPorts ?? unusedPorts).filter(port => unusedPorts.includes(port));
    }
    addSummary(this.summary, summary);
    const status = error === undefined && faults === undefined ? statusOf(records, this.#failOn) : EXIT.unusable;
    this.#statuses.add(status);
    if (this.#several) rest.push({ ...summary, type: 'file', file, status, error: problemOf(error) });
    return rest;
  }

  /** The ports in the options that no connection of any recording uses. */
  get unusedPorts(): readonly number[] {
    return this.#unusedPorts ?? [];
  }

  get status(): number {
    if (this.#statuses.size === 0) return EXIT.unusable;
    if (this.unusedPorts.length > 0) this.#statuses.add(EXIT.unseen);
    // Unreadable input takes precedence over errors, and errors over what could not be checked.
    return [EXIT.unusable, EXIT.faulty, EXIT.unseen].find(it => this.#statuses.has(it)) ?? EXIT.fine;
  }
}

/** The exit status of one recording. */
function statusOf(
  records: readonly TranscriptRecord[],
  failOn: (finding: FindingRecord) => boolean,
): FileRecord['status'] {
  if (records.some(record => isFaulty(record) || (record.type === 'finding' && failOn(record)))) return EXIT.faulty;
  return records.some(isUnseen) ? EXIT.unseen : EXIT.fine;
}

function isFaulty(record: TranscriptRecord): boolean {
  return (record.type === 'message' || record.type === 'data') && record.error !== null;
}

/** Whether a record shows that something could not be checked. */
function isUnseen(record: TranscriptRecord): boolean {
  switch (record.type) {
    case 'message':
      return record.verdict === 'unkeyed';
    case 'data':
      return record.verdict === 'unkeyed' || record.lost > 0;
    case 'connection':
      return record.problem !== null || (record.mechanism !== null && !record.keyed);
    case 'summary':
      return record.connections === 0 || Object.keys(record.unread).length > 0;
    default:
      return false;
  }
}

function problemOf(error: unknown): FileRecord['error'] {
  if (error === undefined) return null;
  if (error instanceof FtpSecurityError) return { code: error.code, message: error.message };
  if (error instanceof InputError) return { code: 'unreadable', message: error.message };
  return { code: 'internal', message: String(error) };
}
