/** The results as a table, and the baseline that shows what has moved. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import type { Result, Row } from './measure.js';
import { ROOT } from './root.js';

const FILE = join(ROOT, 'test/bench/baseline.json');

/** Our cost in that of the other side, by row and side. What is measured alone is in its unit. */
export type Baseline = Record<string, Record<string, number>>;

export function readBaseline(): Baseline {
  return existsSync(FILE) ? (JSON.parse(readFileSync(FILE, 'utf8')).rows as Baseline) : {};
}

/** Rows that were not measured stay as they were. */
export function saveBaseline(results: readonly Result[]): void {
  const rows = { ...readBaseline() };
  for (const { row, against, cost } of results) {
    const values = row.sides.length > 1 ? against : cost;
    rows[row.name] = Object.fromEntries(
      Object.entries(values).map(([side, value]) => [side, Number(value.toPrecision(3))]),
    );
  }
  const load = loadavg()[1]!.toFixed(1); // Of the last five minutes: about as long as a run takes.
  const machine = { node: process.version, processor: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`, load };
  writeFileSync(FILE, `${JSON.stringify({ ...machine, rows }, null, 2)}\n`);
}

const HEAD = ['work', 'ours', 'beside', 'ratio', 'goal', '', 'baseline'];

/** One line for each side that a row is compared with. */
export function linesOf({ row, cost, against }: Result, baseline: Baseline): string[][] {
  const ours = row.sides[0]!.name;
  const before = baseline[row.name] ?? {};
  if (row.sides.length === 1)
    return [[row.name, shown(cost[ours]!, row), '', '', '', '', moved(cost[ours]!, before[ours])]];
  return Object.entries(against).map(([side, value], i) => {
    const goal = row.goals?.[side];
    return [
      i === 0 ? row.name : '',
      i === 0 ? shown(cost[ours]!, row) : '',
      `${side} ${shown(cost[side]!, row)}`,
      row.unit === 'ms more' ? `+${value.toFixed(0)} ms` : `${value.toPrecision(3)} ×`,
      goal === undefined ? '' : `≤ ${Number(goal.toPrecision(2))}`,
      goal === undefined ? '' : value <= goal ? 'reached' : 'missed',
      moved(value, before[side]),
    ];
  });
}

export function table(lines: readonly string[][]): string {
  const rows = [HEAD, ...lines];
  const widths = HEAD.map((_, column) => Math.max(...rows.map(row => row[column]!.length)));
  return rows
    .map(row =>
      row
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function shown(milliseconds: number, { unit = 'µs' }: Row): string {
  if (unit === 'KiB') return `${milliseconds.toFixed(1)} KiB`;
  return milliseconds >= 10 ? `${milliseconds.toFixed(0)} ms` : `${Number((1000 * milliseconds).toPrecision(3))} µs`;
}

/** What is less than a tenth from the baseline is noise. */
function moved(value: number, before: number | undefined): string {
  if (before === undefined) return 'new';
  const change = value / before;
  const mark = change < 0.9 ? 'faster' : change > 1.1 ? 'slower' : '';
  return `${before} ${mark}`.trimEnd();
}
