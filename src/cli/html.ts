/** `verify --html FILE`: the transcript in one page that needs no network. The page is built from src/page. */
import { closeSync, openSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { TranscriptRecord } from '../capture/index.js';
import { attempt, writeAll } from './files.js';
import { jsonReport, type Report } from './report.js';
import { UsageError } from './status.js';

/** Where the page takes its transcript from. */
const PLACE = '<script type="application/x-ndjson" id="transcript">';

/**
 * A report as a page.
 * @throws UsageError for a name that does not end in `.html`, so that no recording is overwritten; InputError if it can't
 *   be written
 */
export function htmlReport(file: string): Report {
  assertHtmlName('--html', file);
  const viewer = readFileSync(fileURLToPath(new URL('../../dist/viewer.html', import.meta.url)), 'utf8');
  const place = viewer.indexOf(PLACE) + PLACE.length;
  const descriptor = attempt(file, () => openSync(file, 'w'));
  const output = { write: (text: string) => attempt(file, () => writeAll(descriptor, Buffer.from(text))) };
  const json = jsonReport(output, inertJson);
  output.write(`${viewer.slice(0, place)}\n`);
  return {
    ...json,
    end(summary) {
      json.end(summary);
      output.write(viewer.slice(place));
      closeSync(descriptor);
    },
  };
}

/** @throws UsageError */
export function assertHtmlName(option: string, file: string): void {
  if (!/\.html?$/i.test(file)) throw new UsageError(`${option} needs a file name that ends in .html`);
}

/** JSON that can't end the element that it is in, whatever a recording contains: without `<`. */
function inertJson(record: TranscriptRecord): string {
  return JSON.stringify(record).replaceAll('<', '\\u003c');
}
