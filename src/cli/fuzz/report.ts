/** A run and its output: NDJSON for programs; progress, findings and a table for people; a file for each finding. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as fuzz from '../../fuzz/index.js';
import { attempt, makeFolder } from '../files.js';
import { SEVERITIES } from '../report.js';
import { EXIT } from '../status.js';
import { columns, paint, printable, shorten } from '../terminal.js';
import type { Settings } from './options.js';

/** Runs a campaign at its rate. Returns the exit status. */
export async function run(settings: Settings, mechanism: string, play: fuzz.CampaignOptions['play']): Promise<number> {
  const reporter = new Report(settings);
  const { cases, isOver, interrupted, pause } = settings;
  let next = 0;
  const summary = await fuzz.campaign({
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
const KINDS: Readonly<Record<fuzz.OutcomeKind, string>> = {
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
/** How many reasons for skipped cases are shown. */
const MAX_REASONS = 3;
/** Milliseconds between two lines of progress. */
const PROGRESS = 200;

export class Report {
  readonly #settings: Pick<Settings, 'json' | 'out' | 'seed'>;
  readonly #began = Date.now();
  readonly #layers = new Map<string, Partial<Record<fuzz.OutcomeKind, number>>>();
  /** How many cases were skipped, by the reason. Those that are not applicable have none. */
  readonly #skipped = new Map<string, number>();
  /** Names of the files that hold a finding of this run. */
  readonly #files = new Set<string>();
  #shown = 0;

  constructor(settings: Pick<Settings, 'json' | 'out' | 'seed'>) {
    this.#settings = settings;
  }

  /** Shows a case or a finding, and writes a finding to a file. */
  add(record: fuzz.CaseRecord | fuzz.FindingRecord): void {
    if (record.type === 'case') {
      const { layer, outcome, index, detail } = record;
      const counts = this.#layers.get(layer) ?? {};
      this.#layers.set(layer, { ...counts, [outcome]: (counts[outcome] ?? 0) + 1 });
      if (outcome === 'skipped' && detail !== null) this.#skipped.set(detail, (this.#skipped.get(detail) ?? 0) + 1);
      if (this.#settings.json) print(record);
      else this.#progress(index);
    } else {
      const file = this.#keep(record);
      if (this.#settings.json) print({ ...record, file });
      else this.#show(record, file);
    }
  }

  finish(summary: fuzz.SummaryRecord): void {
    const { json, out, seed } = this.#settings;
    const seconds = (Date.now() - this.#began) / 1000;
    if (json) {
      print({ ...summary, seed, seconds });
      return;
    }
    this.#clear();
    const kinds = Object.keys(KINDS) as fuzz.OutcomeKind[];
    const rows = [...this.#layers].map(([layer, counts]) => [layer, ...kinds.map(kind => `${counts[kind] ?? 0}`)]);
    for (const row of columns([['layer', ...kinds], ...rows])) console.log(row.trimEnd());
    for (const row of columns(Object.entries(KINDS))) console.log(paint('dim', `  ${row.trimEnd()}`));
    const reasons = [...this.#skipped].sort(([, a], [, b]) => b - a).slice(0, MAX_REASONS);
    for (const [why, count] of reasons) console.log(`skipped ${count}: ${shorten(printable(why), MAX_DETAIL)}`);
    const { cases, findings, gone, reason, severities } = summary;
    const each = seconds > 0 ? ` (${(cases / seconds).toFixed(0)}/s)` : '';
    const total = `${cases} cases in ${seconds.toFixed(1)} s${each} from seed ${seed}, ${findings} findings`;
    const counts = SEVERITIES.map(severity => `${severities[severity]} ${severity}`).join(', ');
    console.log(paint('bold', total) + (findings > 0 ? ` (${counts}), in ${out}/` : ''));
    if (gone) console.log(`the target can't be tested any more: ${printable(reason ?? '')}`);
  }

  /** One case can have two findings, such as a crash and another one. Returns the path of the finding's file. */
  #keep({ type: _, ...reproducer }: fuzz.FindingRecord): string {
    const { out } = this.#settings;
    const name = fuzz.fileNameOf(reproducer);
    let unused = name;
    for (let nth = 2; this.#files.has(unused); nth++) unused = name.replace(/\.json$/, `-${nth}.json`);
    this.#files.add(unused);
    const file = join(out, unused);
    attempt(file, () => {
      makeFolder(out);
      writeFileSync(file, `${JSON.stringify(reproducer, null, 2)}\n`);
    });
    return file;
  }

  #show({ finding, name, must, outcome, source }: fuzz.FindingRecord, file: string): void {
    this.#clear();
    console.log(`${paint('red', finding)}  ${name} (${source}), ${fuzz.FINDINGS[finding]}`);
    console.log(`  ${shorten(printable(outcome), MAX_DETAIL)}; a conforming peer ${must}`);
    console.log(`  ${paint('dim', file)}`);
  }

  #progress(index: number): void {
    if (!process.stderr.isTTY || Date.now() - this.#shown < PROGRESS) return;
    this.#shown = Date.now();
    const rate = index / ((this.#shown - this.#began) / 1000 || 1);
    process.stderr.write(`\r\u001b[K${index} cases, ${rate.toFixed(0)}/s, ${this.#files.size} findings`);
  }

  #clear(): void {
    if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
  }
}

function print(record: object): void {
  process.stdout.write(`${JSON.stringify(record)}\n`);
}
