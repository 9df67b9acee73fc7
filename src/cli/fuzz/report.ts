/** A run and its output: NDJSON for programs; progress, findings and a table for people; a file for each finding. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type CampaignOptions,
  type CaseRecord,
  campaign,
  FINDINGS,
  type FindingRecord,
  fileNameOf,
  type OutcomeKind,
  type SummaryRecord,
} from '../../fuzz/index.js';
import { attempt, makeFolder } from '../files.js';
import { SEVERITIES } from '../report.js';
import { EXIT } from '../status.js';
import { columns, paint, printable, shorten } from '../terminal.js';
import type { Settings } from './options.js';

/**
 * Runs a campaign at its rate.
 * @returns the exit status
 */
export async function run(settings: Settings, mechanism: string, play: CampaignOptions['play']): Promise<number> {
  const reporter = new Report(settings);
  const { cases, isOver, interrupted, pause } = settings;
  let next = 0;
  const summary = await campaign({
    cases,
    mechanism,
    isOver,
    isStopped: () => interrupted.aborted,
    report: record => reporter.add(record),
    async play(one) {
      const early = next - Date.now();
      if (early > 0) await sleep(early);
      next = Date.now() + pause;
      return await play(one);
    },
  });
  reporter.finish(summary);
  if (summary.findings > 0) return EXIT.faulty;
  return summary.gone ? EXIT.unusable : EXIT.fine;
}

/** The columns of the table, with their legend. */
const KINDS: Readonly<Record<OutcomeKind, string>> = {
  accepted: 'carried out, or treated as valid',
  refused: 'answered by an error, or the session ended',
  ignored: 'no reaction, and the peer still works',
  closed: 'the connection was ended instead of a reply',
  hung: 'the peer does nothing any more',
  crashed: 'the peer died',
  skipped: 'not applicable, or nothing to be seen',
  unready: 'the session before the case failed',
};
const MAX_DETAIL = 100;
const PROGRESS = 200;

export class Report {
  readonly #json: boolean;
  readonly #out: string;
  readonly #seed: number;
  readonly #began = Date.now();
  readonly #layers = new Map<string, Map<string, number>>();
  readonly #findings: string[][] = [];
  /** Names of the files that hold a finding of this run. */
  readonly #files = new Set<string>();
  #shown = 0;

  constructor({ json, out, seed }: { json: boolean; out: string; seed: number }) {
    this.#json = json;
    this.#seed = seed;
    this.#out = out;
  }

  /**
   * Shows a case or a finding, and writes a finding to a file.
   * @throws InputError if the file can't be written
   */
  add(record: CaseRecord | FindingRecord): void {
    if (record.type === 'case') this.#count(record);
    const file = record.type === 'finding' ? this.#keep(record) : undefined;
    if (this.#json) print({ ...record, ...(file !== undefined && { file }) });
    else if (record.type === 'case') this.#progress(record.index);
    else this.#show(record, file!);
  }

  finish(summary: SummaryRecord): void {
    const seconds = (Date.now() - this.#began) / 1000;
    if (this.#json) {
      print({ ...summary, seed: this.#seed, seconds });
      return;
    }
    this.#clear();
    const kinds = Object.keys(KINDS);
    const rows = [...this.#layers].map(([layer, counts]) => [layer, ...kinds.map(kind => `${counts.get(kind) ?? 0}`)]);
    for (const row of columns([['layer', ...kinds], ...rows])) console.log(row.trimEnd());
    for (const row of columns(Object.entries(KINDS))) console.log(paint('dim', `  ${row.trimEnd()}`));
    const { cases, findings, gone, reason, severities } = summary;
    const each = seconds > 0 ? ` (${(cases / seconds).toFixed(0)}/s)` : '';
    const total = `${cases} cases in ${seconds.toFixed(1)} s${each} from seed ${this.#seed}, ${findings} findings`;
    const counts = SEVERITIES.map(severity => `${severities[severity]} ${severity}`).join(', ');
    console.log(paint('bold', total) + (findings > 0 ? ` (${counts}), in ${this.#out}/` : ''));
    if (gone) console.log(`the target can't be tested any more: ${printable(reason ?? '')}`);
  }

  #count({ layer, outcome }: CaseRecord): void {
    const counts = this.#layers.get(layer) ?? new Map<string, number>();
    this.#layers.set(layer, counts.set(outcome, (counts.get(outcome) ?? 0) + 1));
  }

  /** @returns the path of the finding's file */
  #keep({ type: _, ...reproducer }: FindingRecord): string {
    const file = join(this.#out, this.#unused(fileNameOf(reproducer)));
    attempt(file, () => {
      makeFolder(this.#out);
      writeFileSync(file, `${JSON.stringify(reproducer, null, 2)}\n`);
    });
    return file;
  }

  /** A file name that this run has not used: one case can have two findings, such as a crash and another one. */
  #unused(name: string): string {
    let unused = name;
    for (let nth = 2; this.#files.has(unused); nth++) unused = name.replace(/\.json$/, `-${nth}.json`);
    this.#files.add(unused);
    return unused;
  }

  #show({ finding, name, must, outcome, source }: FindingRecord, file: string): void {
    this.#clear();
    const said = shorten(printable(outcome), MAX_DETAIL);
    console.log(
      `${paint('red', finding)}  ${name} (${source}), ${FINDINGS[finding]}\n  ${said}; a conforming peer ${must}\n  ${paint('dim', file)}`,
    );
    this.#findings.push([finding, name]);
  }

  #progress(index: number): void {
    if (!process.stderr.isTTY || Date.now() - this.#shown < PROGRESS) return;
    this.#shown = Date.now();
    const rate = index / ((this.#shown - this.#began) / 1000 || 1);
    process.stderr.write(`\r\u001b[K${index} cases, ${rate.toFixed(0)}/s, ${this.#findings.length} findings`);
  }

  #clear(): void {
    if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
  }
}

function print(record: object): void {
  process.stdout.write(`${JSON.stringify(record)}\n`);
}
