/** `verify --html FILE`: the transcript in one page that needs no network. The page is built from src/page. */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { TranscriptRecord } from '../capture/index.js';
import { type Report, write } from './report.js';
import { InputError, UsageError } from './status.js';

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
  const output = { write: (text: string) => attempt(file, () => writeAll(descriptor, text)) };
  const add = (records: readonly TranscriptRecord[]) => write(records, record => [inertJson(record)], output);
  output.write(`${viewer.slice(0, place)}\n`);
  return {
    add,
    end(summary) {
      add(summary === undefined ? [] : [summary]);
      output.write(viewer.slice(place));
      closeSync(descriptor);
    },
  };
}

/** @throws UsageError */
export function assertHtmlName(option: string, file: string): void {
  if (!/\.html?$/i.test(file)) throw new UsageError(`${option} wants a file name that ends in .html`);
}

/** JSON that can't end the element that it is in, whatever a recording contains: without `<`. */
function inertJson(record: TranscriptRecord): string {
  return JSON.stringify(record).replaceAll('<', '\\u003c');
}

function writeAll(descriptor: number, text: string): void {
  const octets = Buffer.from(text);
  for (let at = 0; at < octets.length; ) at += writeSync(descriptor, octets, at);
}

function attempt<T>(file: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw new InputError(`${file}: ${(error as Error).message}`);
  }
}
