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
