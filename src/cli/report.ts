/** The output of `verify`: a table with closing lines for people, JSON lines, or a page. */
import type { FindingRecord, SummaryRecord, TranscriptRecord } from '../capture/index.js';
import { Closing } from './closing.js';
import { MissingKeys } from './missing-keys.js';
import type { Output } from './streams.js';
import { findingRow, Table, type TableOptions } from './table.js';

export interface Report {
  /** Adds the records of one recording. */
  add(records: readonly TranscriptRecord[]): void;
  /** @param summary  totals of all recordings; undefined if none could be read */
  end(summary: SummaryRecord | undefined): void;
}

export function jsonReport(stdout: Output): Report {
  const print = (records: readonly TranscriptRecord[]) => write(records, record => [JSON.stringify(record)], stdout);
  return { add: print, end: summary => print(summary === undefined ? [] : [summary]) };
}

/** Several reports of the same records. */
export function allReports(reports: readonly Report[]): Report {
  return {
    add: records => {
      for (const report of reports) report.add(records);
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
  const table = new Table(options);
  const closing = new Closing();
  const missing = new MissingKeys();
  const findings: FindingRecord[] = [];
  return {
    add(records) {
      const shown = options.summary ? records.filter(({ type }) => type === 'file') : records;
      write(shown, record => table.rows(record), stdout);
      closing.add(records);
      missing.add(records);
      for (const record of records) if (record.type === 'finding') findings.push(record);
    },
    end(summary) {
      const sorted = SEVERITIES.flatMap(severity => findings.filter(finding => finding.severity === severity));
      for (const line of closing.lines) stdout.write(`${line}\n`);
      for (const finding of sorted) stdout.write(`${findingRow(finding)}\n`);
      for (const line of missing.lines) stdout.write(`${line}\n`);
      if (summary !== undefined) write([summary], record => table.rows(record), stdout);
    },
  };
}

/** Writes records in pieces, because a transcript may be longer than the longest string, and a write for each line is slow. */
export function write(
  records: readonly TranscriptRecord[],
  rowsOf: (record: TranscriptRecord) => string[],
  stdout: Pick<Output, 'write'>,
): void {
  const PIECE = 1 << 20;
  let piece = '';
  for (const record of records) {
    for (const row of rowsOf(record)) piece += `${row}\n`;
    if (piece.length < PIECE) continue;
    stdout.write(piece);
    piece = '';
  }
  stdout.write(piece);
}
