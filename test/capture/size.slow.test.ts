/** Captures of many connections and many segments: the work is linear, and only what is open is kept. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { verifyRecording } from '../../src/capture/index.js';
import type { Segment } from '../../src/capture/link-layer.js';
import { captures } from '../bench/verify/captures.js';
import { CaptureWriter } from '../bench/verify/generator.js';
import { folder, ROOT } from '../cli/run.js';
import { growth, LINEAR } from '../ftp/readers.js';
import { lines, pcapOf, SERVER, talk } from './helpers.js';

const SPOKEN = lines('S: 220 ready', 'C: USER anonymous', 'S: 331 name ok', 'C: QUIT', 'S: 221 bye');

/** So many control connections, one after the other. */
function connections(count: number): Segment[] {
  return Array.from({ length: count }, (_, i) => {
    const client = `10.${i >> 16}.${(i >> 8) & 0xff}.${i & 0xff}:40000`;
    return talk(SPOKEN, { ends: [client, SERVER] });
  }).flat();
}

/** A control connection with so many commands, each octet in a segment of its own. */
function octets(count: number): Segment[] {
  const commands = Array.from({ length: count }, () => 'C: NOOP');
  const spoken = [
    ...lines('S: 220 FTP'),
    ...lines(...commands).flatMap(({ from, text }) => {
      return [...text].map(octet => ({ from, text: octet }));
    }),
  ];
  return talk(spoken);
}

/** A capture file in chunks, each with a thousand packets. */
function chunksOf(segments: Segment[]): Uint8Array[] {
  const FILE_HEADER = 24;
  return Array.from({ length: Math.ceil(segments.length / 1000) }, (_, i) => {
    const part = pcapOf(segments.slice(1000 * i, 1000 * (i + 1)));
    return i === 0 ? part : part.subarray(FILE_HEADER);
  });
}

function verify(recording: Uint8Array[]): number {
  let messages = 0;
  const onRecord = ({ type }: { type: string }) => {
    if (type === 'message') messages++;
  };
  const { records } = verifyRecording(recording, { mechanisms: [], onRecord });
  expect(records.map(({ type }) => type)).toEqual(['summary']);
  return messages;
}

describe.each([
  ['connections', connections, 500, SPOKEN.length],
  ['commands in segments of one octet', octets, 300, 1],
])('%s', (_, make, size, each) => {
  it('are all read', () => {
    expect(verify(chunksOf(make(size)))).toBe(each * size + (each === 1 ? 1 : 0));
  });

  it('take linear time', () => {
    const made = new Map<number, Uint8Array[]>();
    const work = (count: number) => {
      if (!made.has(count)) made.set(count, chunksOf(make(count)));
      verify(made.get(count)!);
    };
    expect(growth(work, size)).toBeLessThan(LINEAR);
  });
});

it('40,000 connections that are no FTP need 48 MB of heap', { timeout: 300_000 }, () => {
  const path = join(folder, 'many.pcap');
  const writer = new CaptureWriter(path);
  captures(1, 40_000)
    .find(({ name }) => name === '40000 web connections')!
    .make(writer, '');
  writer.close();
  const args = ['--max-old-space-size=48', 'dist/cli/main.js', 'verify', '--json', path];
  const { status, stdout } = spawnSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8' });
  expect(status).toBe(3);
  const summary = JSON.parse(stdout.trimEnd().split('\n').at(-1)!);
  expect(summary).toMatchObject({ type: 'summary', connections: 0, data_connections: 40_000 });
});
