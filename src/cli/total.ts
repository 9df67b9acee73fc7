/** Several recordings as one transcript. */
import type { FileRecord, FindingRecord, SummaryRecord, TranscriptRecord } from '../capture/index.js';
import { addSummary, emptySummary, renumbered } from '../capture/totals.js';
import { EXIT } from './status.js';
import type { Outcome } from './verification.js';

/** Numbers the connections of all files in one series, makes a record for each file, and sums up all totals. */
export class Total {
  readonly #failOn: (finding: FindingRecord) => boolean;
  readonly summary = emptySummary();
  /** Whether at least one file could be read. */
  readable = false;
  readonly #statuses = new Set<number>();
  #unusedPorts: readonly number[] | undefined;

  /** @param failOn  which findings are errors */
  constructor(failOn: (finding: FindingRecord) => boolean = () => false) {
    this.#failOn = failOn;
  }

  /** Begins a recording; its connections are numbered after those of earlier ones. */
  begin(file: string): FileTotal {
    return new FileTotal(file, this.summary.connections, this.#failOn);
  }

  /** @returns the record of a recording that has ended */
  end(
    file: FileTotal,
    { problem, faults, unusedPorts }: Pick<Outcome, 'problem' | 'faults' | 'unusedPorts'>,
  ): FileRecord {
    const { summary } = file;
    if (summary !== undefined) {
      this.readable = true;
      this.#unusedPorts = (this.#unusedPorts ?? unusedPorts).filter(port => unusedPorts.includes(port));
      addSummary(this.summary, summary);
    } else this.summary.connections += file.connections;
    const status = statusOf(file, problem?.record, faults.length > 0);
    this.#statuses.add(status);
    return { ...(summary ?? emptySummary()), type: 'file', file: file.name, status, error: problem?.record ?? null };
  }

  /** The ports in the options that no connection of any recording uses. */
  get unusedPorts(): readonly number[] {
    return this.#unusedPorts ?? [];
  }

  get status(): number {
    if (this.#statuses.size === 0) return EXIT.unusable;
    if (this.unusedPorts.length > 0) this.#statuses.add(EXIT.unchecked);
    // Unreadable input takes precedence over errors, and errors over what could not be checked.
    return [EXIT.unusable, EXIT.faulty, EXIT.unchecked].find(it => this.#statuses.has(it)) ?? EXIT.fine;
  }
}

/** One recording: its records are numbered, and decide its exit status. */
export class FileTotal {
  readonly name: string;
  readonly #before: number;
  readonly #failOn: (finding: FindingRecord) => boolean;
  /** Known at its end. */
  summary: SummaryRecord | undefined;
  /** The greatest number of a connection so far. */
  connections = 0;
  /** Number of protected transfers whose data connection is not in the capture. */
  missingData = 0;
  #isFaulty = false;
  #isUnchecked = false;

  constructor(name: string, before: number, failOn: (finding: FindingRecord) => boolean) {
    this.name = name;
    this.#before = before;
    this.#failOn = failOn;
  }

  /** The exit status of this recording alone. */
  get status(): FileRecord['status'] {
    return this.#isFaulty ? EXIT.faulty : this.#isUnchecked ? EXIT.unchecked : EXIT.fine;
  }

  /** @returns the record to be written; undefined for the summary, which is the total of all recordings */
  add(record: TranscriptRecord): TranscriptRecord | undefined {
    this.#isFaulty ||= isFaulty(record) || (record.type === 'finding' && this.#failOn(record));
    this.#isUnchecked ||= isUnchecked(record);
    if (isMissingData(record)) this.missingData++;
    if (record.type === 'summary') this.summary = record;
    if (record.type === 'summary' || record.type === 'begin' || record.type === 'file') return undefined;
    this.connections = Math.max(this.connections, record.connection);
    return renumbered(record, this.#before, this.name);
  }
}

function statusOf(file: FileTotal, error: FileRecord['error'] | undefined, hasFaults: boolean): FileRecord['status'] {
  if (hasFaults) return EXIT.unusable;
  if (error === undefined || error === null) return file.status;
  return error.code === 'unfinished' ? (file.status === EXIT.faulty ? EXIT.faulty : EXIT.unchecked) : EXIT.unusable;
}

function isFaulty(record: TranscriptRecord): boolean {
  return (record.type === 'message' || record.type === 'data') && record.error !== null;
}

function isMissingData(record: TranscriptRecord): boolean {
  return record.type === 'finding' && record.rule === 'data-not-captured';
}

/** Whether a record shows that something could not be checked. */
function isUnchecked(record: TranscriptRecord): boolean {
  switch (record.type) {
    case 'message':
      return record.verdict === 'unkeyed' || record.verdict === 'decrypted';
    case 'data':
      return record.verdict !== 'verified' || !record.whole;
    case 'connection':
      return record.problem !== null || (record.mechanism !== null && !record.keyed);
    case 'finding':
      return isMissingData(record);
    case 'summary':
      return record.connections === 0 || record.lost_segments > 0 || Object.keys(record.unread).length > 0;
    default:
      return false;
  }
}
