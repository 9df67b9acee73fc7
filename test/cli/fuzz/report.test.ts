/** What a run writes down: a file for each finding, though two of them be of one case. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { Report } from '../../../src/cli/fuzz/report.js';
import { parseReproducers, reproducerOf } from '../../../src/fuzz/driver/outcome.js';
import { SCRIPT_CASES } from '../../fuzz/case-lists.js';

const out = mkdtempSync(join(tmpdir(), 'rfc2228-report-'));
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(out, { recursive: true });
});

it('says why cases were skipped, most frequent reasons first', () => {
  const printed = vi.spyOn(console, 'log').mockReturnValue();
  const report = new Report({ json: false, out, seed: 1 });
  const record = {
    type: 'case',
    index: 1,
    layer: 'token',
    name: 'x',
    to: 'client',
    level: 'safe',
    code: null,
  } as const;
  const rest = { finding: null, also: [], exit: null };
  const details = ['no transfer comes', null, 'sends commands\x1b ahead', 'sends commands\x1b ahead'];
  for (const detail of details) report.add({ ...record, ...rest, outcome: 'skipped', detail });
  report.add({ ...record, ...rest, outcome: 'refused', detail: 'closes' });
  const severities = { high: 0, medium: 0, low: 0 };
  report.finish({ type: 'summary', cases: 5, gone: false, reason: null, outcomes: {}, findings: 0, severities });
  const lines = printed.mock.calls.map(([line]) => String(line));
  expect(lines.slice(-3, -1)).toEqual(['skipped 2: sends commands\\u{1b} ahead', 'skipped 1: no transfer comes']);
  expect(lines.at(-1)).toContain('5 cases in ');
});

it('keeps two findings of one case', () => {
  const printed = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  const report = new Report({ json: true, out, seed: 1 });
  const [one] = SCRIPT_CASES;
  for (const finding of ['crashed', 'order broken'] as const) {
    report.add({ type: 'finding', ...reproducerOf(one!, { kind: 'accepted', finding }, 'X-PSK') });
  }
  const files = readdirSync(out).sort();
  expect(files).toEqual([
    'server-phases-auth-without-a-mechanism-2.json',
    'server-phases-auth-without-a-mechanism.json',
  ]);
  const found = files.map(file => readFileSync(join(out, file)));
  expect(found.map(octets => JSON.parse(octets.toString()).finding)).toEqual(['order broken', 'crashed']);
  expect(found.flatMap(octets => parseReproducers(octets))).toEqual([one, one]);
  expect(printed.mock.calls.map(([line]) => JSON.parse(String(line)).file)).toEqual(
    files.reverse().map(file => join(out, file)),
  );
});
