/** The output of `verify`: a table with closing lines for people, JSON lines, or a page. */
import type { FindingRecord, SummaryRecord, TranscriptRecord } from '../capture/index.js';
import { Bounded } from './bounded.js';
import { Closing } from './closing.js';
import { MissingKeys } from './missing-keys.js';
import type { Output } from './streams.js';
import { findingRow, Table, type TableOptions } from './table.js';

export interface Report {
  add(record: TranscriptRecord): void;
  /** Writes what has been added so far. */
  flush(): void;
  /** @param summary  totals of all recordings; undefined if none could be read */
  end(summary: SummaryRecord | undefined): void;
}

/** @param format  gives the line of a record */
export function jsonReport(output: Output, format: (record: TranscriptRecord) => string = JSON.stringify): Report {
  const rows = new Rows(output);
  const add = (record: TranscriptRecord) => rows.add(format(record));
  return {
    add,
    flush: () => rows.flush(),
    end(summary) {
      if (summary !== undefined) add(summary);
      rows.flush();
    },
  };
}

/**
 * A report without the lines that the options leave out: with `summary` all of them, with `errors` those without an error. Replies
 * are lines once more. Data connections stay in any case, as in the closing lines of the table, which name the files.
 */
export function someRecords(
  report: Report,
  { errors, summary }: Pick<TableReportOptions, 'errors' | 'summary'>,
): Report {
  if (!errors && !summary) return report;
  const isLeftOut = (record: TranscriptRecord) =>
    record.type === 'reply' || (record.type === 'message' && (summary || record.error === null));
  return {
    ...report,
    add: record => {
      if (!isLeftOut(record)) report.add(record);
    },
  };
}

/** Several reports of the same records. */
export function allReports(reports: readonly Report[]): Report {
  return {
    add: record => {
      for (const report of reports) report.add(record);
    },
    flush: () => {
      for (const report of reports) report.flush();
    },
    end: summary => {
      for (const report of reports) report.end(summary);
    },
  };
}

export interface TableReportOptions extends TableOptions {
  /** Show no rows, only closing lines and totals. */
  summary: boolean;
}

/** The severities of findings, worst first. */
export const SEVERITIES: readonly FindingRecord['severity'][] = ['high', 'medium', 'low'];

export function tableReport(stdout: Output, options: TableReportOptions): Report {
  const rows = new Rows(stdout);
  const table = new Table(options);
  const closing = new Closing();
  const missing = new MissingKeys();
  const findings = new Map(SEVERITIES.map(severity => [severity, new Bounded(`findings of severity ${severity}`)]));
  return {
    add(record) {
      if (!options.summary || record.type === 'file') for (const row of table.rows(record)) rows.add(row);
      closing.add(record);
      missing.add(record);
      if (record.type === 'finding') findings.get(record.severity)!.add(() => findingRow(record));
    },
    flush: () => rows.flush(),
    end(summary) {
      const lines = [...closing.lines, ...[...findings.values()].flatMap(it => it.lines), ...missing.lines];
      for (const line of lines) rows.add(line);
      if (summary !== undefined) for (const row of table.rows(summary)) rows.add(row);
      rows.flush();
    },
  };
}

/** Writes rows in pieces, because a write for each row is slow. */
class Rows {
  readonly #stdout: Pick<Output, 'write'>;
  #piece = '';

  constructor(stdout: Pick<Output, 'write'>) {
    this.#stdout = stdout;
  }

  add(row: string): void {
    this.#piece += `${row}\n`;
    if (this.#piece.length >= PIECE) this.flush();
  }

  flush(): void {
    if (this.#piece !== '') this.#stdout.write(this.#piece);
    this.#piece = '';
  }
}

const PIECE = 1 << 16;
