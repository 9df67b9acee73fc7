/** A compressed recording that is too long for the memory. */
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as zlib from 'node:zlib';
import { expect, test } from 'vitest';
import { openRecording } from '../../src/cli/recordings.js';
import { pcapFile } from '../capture/helpers.js';
import { file } from './run.js';

test('a long recording is decompressed into a file without a name', async () => {
  const packets = Array.from({ length: 300 }, () => ({ time: 0n, data: new Uint8Array(262_144).fill(7) }));
  const long = pcapFile(packets);
  const before = readdirSync(tmpdir()).filter(name => name.startsWith('rfc2228-')).length;
  const recording = await openRecording(file('long.pcap.gz', zlib.gzipSync(long, { level: 1 })));
  expect(readdirSync(tmpdir()).filter(name => name.startsWith('rfc2228-'))).toHaveLength(before);
  for (let again = 0; again < 2; again++) expect(Buffer.concat([...recording.chunks]).equals(long)).toBe(true);
  recording.close();
});
