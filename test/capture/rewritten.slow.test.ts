/**
 * Every capture of which the truth is known, in every rewriting: the same truth holds. A part of all pairs runs here, with each
 * capture and each rewriting in some of them; `REWRITINGS=all npx vitest run --project slow test/capture/rewritten` runs all.
 */
import { gunzipSync } from 'node:zlib';
import { describe, expect, inject, test } from 'vitest';
import { recordingFormat, verifyRecording } from '../../src/capture/index.js';
import { differences, inventions, type KnownCapture, knownCaptures, protectedLines } from './corpus.js';
import { segmentsOf } from './helpers.js';
import { REWRITINGS, type Rewriting } from './rewritings.js';

const CAPTURES = knownCaptures();
/** Of how many pairs one runs; the seed of the run chooses which. */
const ONE_OF = process.env['REWRITINGS'] === 'all' ? 1 : 8;

function recordsOf({ mechanisms }: KnownCapture, file: Uint8Array) {
  const plain = recordingFormat(file) === 'gzip' ? gunzipSync(file) : file;
  return verifyRecording(plain, { mechanisms }).records;
}

function check(known: KnownCapture, rewriting: Rewriting): string[] {
  const records = recordsOf(known, rewriting.write(segmentsOf(known.octets)));
  return rewriting.isWhole ? differences(known, records) : inventions(known, records);
}

test('the corpus has protected lines and files of each mechanism', () => {
  expect(new Set(CAPTURES.map(it => it.mechanisms[0]!.variant))).toEqual(new Set(['krb5', 'krb4', 'gsi']));
  expect(CAPTURES.flatMap(it => it.lines).length).toBeGreaterThan(2500);
  expect(CAPTURES.flatMap(it => it.hashes).length).toBeGreaterThan(100);
});

test.each(CAPTURES)('$name as it is has its truth', known => {
  expect(differences(known, recordsOf(known, known.octets))).toEqual([]);
});

test('the judge finds what differs', () => {
  const known = CAPTURES.find(it => it.lines.length > 100 && it.hashes.length > 2)!;
  const records = recordsOf(known, known.octets);
  const lines = protectedLines(records);
  const changed = { ...lines[3]!, plain_hex: `${lines[3]!.plain_hex}00` };
  const altered = records.map(it => (it === lines[3] ? changed : it));
  const failed = records.map(it => (it === lines[3] ? { ...lines[3]!, verdict: 'failed' as const } : it));
  const missing = records.filter(it => it !== lines[3]);
  const unread = records.filter(it => it.type !== 'data');
  for (const other of [altered, failed, missing, unread]) expect(differences(known, other)).not.toEqual([]);
  for (const other of [altered, failed]) expect(inventions(known, other)).not.toEqual([]);
  for (const other of [missing, unread]) expect(inventions(known, other)).toEqual([]);
});

describe.each(REWRITINGS.map((rewriting, index) => ({ ...rewriting, index })))('$name', rewriting => {
  const chosen = CAPTURES.filter((_, i) => (i + rewriting.index + inject('seed')) % ONE_OF === 0);

  test('the same truth holds', () => {
    expect(chosen.length).toBeGreaterThan(0);
    for (const known of chosen) expect([known.name, check(known, rewriting)]).toEqual([known.name, []]);
  });
});
