/** Damaged capture files, all the way to the streams: an FtpSecurityError, or what can still be read. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CaptureFile } from '../../src/capture/capture-file.js';
import { SegmentReader } from '../../src/capture/link-layer.js';
import { reassemble } from '../../src/capture/tcp.js';
import { onlyRefuses } from '../helpers.js';
import { flowsOf, lines, pcapOf, realCapture, segmentsOf, talk } from './helpers.js';

/** Octets and ends that the streams of a file have; undefined when it is refused. */
function measure(file: Uint8Array): { octets: number; ends: number; connections: number } | undefined {
  return onlyRefuses(() => {
    const { connections, events } = reassemble(new SegmentReader(new CaptureFile([file])));
    let octets = 0;
    let ends = 0;
    for (const event of events()) {
      if (event.kind === 'data') octets += event.data.length;
      if (event.kind === 'end') ends++;
    }
    return { octets, ends, connections: connections.size };
  });
}

function expectConsistent(file: Uint8Array): void {
  const found = measure(file);
  if (found === undefined) return;
  expect(found.ends).toBe(2 * found.connections);
  expect(found.octets).toBeLessThan(file.length);
}

test('a file cut anywhere gives the start of what was said', () => {
  const spoken = lines('S: 220 ready', 'C: USER anonymous', 'S: 331 name ok', 'C: QUIT', 'S: 221 bye');
  const file = pcapOf(talk(spoken));
  const [whole] = flowsOf(segmentsOf(file));
  let octets = 0;
  for (let length = 24; length <= file.length; length++) {
    const [flow] = flowsOf(segmentsOf(file.subarray(0, length)));
    for (const end of [0, 1] as const) expect(whole!.texts[end].startsWith(flow?.texts[end] ?? '')).toBe(true);
    const found = measure(file.subarray(0, length))!.octets;
    expect(found).toBeGreaterThanOrEqual(octets);
    octets = found;
  }
  expect(octets).toBe(spoken.reduce((sum, { text }) => sum + text.length, 0));
});

describe.each(['heimdal-safe-aes128-cts-hmac-sha1-96', 'krb5ftp-deleg-aes256-sha1'])('%s', name => {
  const file = realCapture(name);
  const octet = fc.record({ at: fc.nat(file.length - 1), value: fc.nat(255) });

  test('with octets changed', () => {
    fc.assert(
      fc.property(fc.array(octet, { minLength: 1, maxLength: 60 }), changes => {
        const damaged = file.slice();
        for (const { at, value } of changes) damaged[at] = value;
        expectConsistent(damaged);
      }),
    );
  });

  test('with the headers of a packet changed', () => {
    const starts = [...new CaptureFile([file])].map(({ data }) => data.byteOffset);
    // Record header, Ethernet, IP and TCP headers.
    const header = fc.record({
      packet: fc.nat(starts.length - 1),
      at: fc.integer({ min: -16, max: 65 }),
      value: fc.nat(255),
    });
    fc.assert(
      fc.property(fc.array(header, { minLength: 1, maxLength: 40 }), changes => {
        const damaged = file.slice();
        for (const { packet, at, value } of changes) damaged[starts[packet]! + at] = value;
        expectConsistent(damaged);
      }),
    );
  });

  test('with a piece taken out, or put in twice', () => {
    fc.assert(
      fc.property(fc.nat(file.length), fc.nat(3000), fc.boolean(), (at, length, twice) => {
        const [head, rest] = [file.subarray(0, at), file.subarray(twice ? Math.max(0, at - length) : at + length)];
        expectConsistent(Uint8Array.of(...head, ...rest));
      }),
    );
  });
});
