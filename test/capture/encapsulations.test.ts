/** A real capture in every link layer and tunnel, and in two tunnels at once, in every file format, and in fragments. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CaptureFile } from '../../src/capture/capture-file.js';
import { type TranscriptRecord, verifyRecording } from '../../src/capture/index.js';
import { type Segment, SegmentReader } from '../../src/capture/link-layer.js';
import { krb5, parseKeytab } from '../../src/mechanisms/krb5/index.js';
import {
  encapsulated,
  fragmentsOfIpv4,
  fragmentsOfIpv6,
  gre,
  LINKS,
  type Payload,
  TUNNELS,
  udp,
} from './encapsulations.js';
import { FILE_FORMATS, pcapng } from './file-formats.js';
import { type FileRecord, ipPacket, pcapFile, realCapture, vectorPath } from './helpers.js';

const NAME = 'heimdal-safe-aes128-cts-hmac-sha1-96';
const KEYS = parseKeytab(readFileSync(vectorPath(`${NAME}.keytab`)));
const ORIGINAL = realCapture(NAME);

/** The IP packets of the capture, which is of Ethernet. */
const PACKETS = [...new CaptureFile([ORIGINAL])].map(({ time, data }) => ({
  time: time!,
  payload: { etherType: 0x0800, octets: data.subarray(14) },
}));
/** Segments as they are read, without the files' limits of length. */
const SEGMENTS = segmentsOf(
  PACKETS.map(({ time, payload }) => ({ time, data: payload.octets })),
  101,
);

function transcriptOf(file: Uint8Array): TranscriptRecord[] {
  return verifyRecording(file, { mechanisms: [krb5({ observer: { keys: KEYS } })] }).records;
}

function segmentsOf(records: readonly FileRecord[], linkType: number): Segment[] {
  const reader = new SegmentReader(records.map(it => ({ ...it, linkType, originalLength: it.data.length })));
  const segments = [...reader];
  expect(reader.unread).toEqual({});
  return segments;
}

const EXPECTED = transcriptOf(ORIGINAL);

/** All that a transcript is made of, to be compared fast. */
function fingerprint(segments: readonly Segment[]): string {
  const lines = segments.map(it =>
    Object.values({ ...it, payload: Buffer.from(it.payload).toString('base64') }).join(' '),
  );
  return lines.join('\n');
}

/** A copy with one octet replaced. */
function patched(octets: Uint8Array, at: number, value: number): Uint8Array {
  const result = octets.slice();
  result[at] = value;
  return result;
}

test('the original is verified', () => {
  expect(EXPECTED.at(-1)).toMatchObject({ type: 'summary', verified: 114, failed: 0, unread: {} });
});

test.each(Object.entries(LINKS))('on %s', (_name, { linkType, frame }) => {
  const records = encapsulated(PACKETS, { linkType, frame })!;
  expect(transcriptOf(pcapFile(records, { linkType }))).toEqual(EXPECTED);
});

test.each(Object.entries(TUNNELS))('in %s, on every link', (_name, tunnel) => {
  const expected = fingerprint(SEGMENTS.slice(0, 40));
  let links = 0;
  for (const link of Object.values(LINKS)) {
    const records = encapsulated(PACKETS.slice(0, 40), link, [tunnel]);
    if (records === undefined) continue;
    links++;
    expect(fingerprint(segmentsOf(records, link.linkType))).toBe(expected);
  }
  expect(links).toBeGreaterThan(15);
});

test.each(Object.entries(FILE_FORMATS))('written as %s, as it is and in a tunnel', (_name, write) => {
  const plain = encapsulated(PACKETS, LINKS['Linux cooked']!)!;
  expect(transcriptOf(write(plain, 113))).toEqual(EXPECTED);
  const tunnelled = encapsulated(PACKETS, LINKS['802.11']!, [TUNNELS['VXLAN']!])!;
  expect(transcriptOf(write(tunnelled, 105))).toEqual(EXPECTED);
});

test('written as pcapng without times: nothing but the times is missing', () => {
  const file = pcapng(encapsulated(PACKETS, LINKS['Ethernet']!)!, { block: 'simple' });
  const untimed = EXPECTED.map(record => ('time' in record ? { ...record, time: null } : record));
  expect(transcriptOf(file)).toEqual(untimed);
});

test.each(['Ethernet', 'Linux cooked', '802.11 with QoS', 'Cisco HDLC'])('in two tunnels, on %s', name => {
  const link = LINKS[name]!;
  const some = PACKETS.slice(2, 6);
  const expected = fingerprint(SEGMENTS.slice(2, 6));
  let pairs = 0;
  for (const inner of Object.values(TUNNELS)) {
    for (const outer of Object.values(TUNNELS)) {
      const records = encapsulated(some, link, [inner, outer]);
      if (records === undefined) continue;
      pairs++;
      expect(fingerprint(segmentsOf(records, link.linkType))).toBe(expected);
    }
  }
  expect(pairs).toBeGreaterThan(1000);
});

test.each(['IPv4', 'IPv6'] as const)('every tunnel holds %s', version => {
  const v6 = (end: string) => (version === 'IPv4' ? end : `[2001:db8::${end.slice(-1)}]:${end.split(':')[1]}`);
  const segments = SEGMENTS.slice(0, 5).map(it => ({ ...it, source: v6(it.source), destination: v6(it.destination) }));
  const packets = segments.map(it => ({
    time: it.time!,
    payload: { etherType: version === 'IPv4' ? 0x0800 : 0x86dd, octets: ipPacket(it) },
  }));
  for (const tunnel of Object.values(TUNNELS)) {
    expect(segmentsOf(encapsulated(packets, LINKS['Ethernet']!, [tunnel])!, 1)).toEqual(segments);
  }
});

describe('in fragments', () => {
  const fragmented = (size: number, order: (parts: Payload[]) => Payload[] = it => it) =>
    PACKETS.flatMap(({ time, payload }) =>
      order(fragmentsOfIpv4(payload, size)).map(part => ({ time, payload: part })),
    );
  const fileOf = (packets: typeof PACKETS) => pcapFile(encapsulated(packets, LINKS['Ethernet']!)!);

  test.each([8, 24, 40, 560])('of %i octets', size => {
    expect(transcriptOf(fileOf(fragmented(size)))).toEqual(EXPECTED);
  });

  test('in reverse order, and each twice', () => {
    expect(transcriptOf(fileOf(fragmented(40, parts => [...parts].reverse())))).toEqual(EXPECTED);
    expect(transcriptOf(fileOf(fragmented(40, parts => parts.flatMap(it => [it, it]))))).toEqual(EXPECTED);
    expect(transcriptOf(fileOf(fragmented(40, parts => [...parts, ...parts])))).toEqual(EXPECTED);
  });

  test('of packets that are taken apart in turns', () => {
    const pairs = Array.from({ length: PACKETS.length >> 1 }, (_, i) => [PACKETS[2 * i]!, PACKETS[2 * i + 1]!]);
    const woven = pairs.flatMap(([first, second]) => {
      const [one, two] = [first!, second!].map(({ time, payload }, id) => {
        const octets = payload.octets.slice();
        octets.set([0, id + 1], 4);
        return fragmentsOfIpv4({ ...payload, octets }, 64).map(part => ({ time, payload: part }));
      });
      return Array.from({ length: Math.max(one!.length, two!.length) }, (_, i) => [one![i], two![i]])
        .flat()
        .filter(it => it !== undefined);
    });
    const segments = segmentsOf(encapsulated(woven, LINKS['Ethernet']!)!, 1);
    const bySequence = (a: Segment, b: Segment) =>
      a.source.localeCompare(b.source) || a.destination.localeCompare(b.destination) || a.seq - b.seq || a.ack - b.ack;
    const said = (list: Segment[]) => list.map(({ time, ...rest }) => rest);
    expect(said(segments.sort(bySequence))).toEqual(said(SEGMENTS.slice(0, 2 * pairs.length).sort(bySequence)));
  });

  test('of a tunnel, and of what is in it', () => {
    for (const name of ['GRE', 'VXLAN', 'IP in IP', 'Geneve with options']) {
      const inner = fragmented(200).map(({ time, payload }) => ({ time, payload: TUNNELS[name]!(payload)! }));
      const outer = inner.flatMap(({ time, payload }) =>
        fragmentsOfIpv4(payload, 96).map(part => ({ time, payload: part })),
      );
      expect(transcriptOf(fileOf(outer))).toEqual(EXPECTED);
    }
  });

  test('of IPv6', () => {
    const packets = PACKETS.flatMap(({ time, payload }) =>
      fragmentsOfIpv6(TUNNELS['IP in IPv6']!(payload)!, 120).map(part => ({ time, payload: part })),
    );
    expect(transcriptOf(fileOf(packets))).toEqual(EXPECTED);
  });

  test('without one of them, the packet is missing, and they are counted', () => {
    const parts = PACKETS.slice(0, 20).flatMap(({ time, payload }) =>
      fragmentsOfIpv4(payload, 16).map(part => ({ time, payload: part })),
    );
    const packets = encapsulated(parts, LINKS['Ethernet']!)!.map(it => ({ ...it, linkType: 1, originalLength: 0 }));
    for (const lost of [0, 1, 2]) {
      const reader = new SegmentReader(packets.filter((_, i) => i !== lost));
      expect([...reader]).toHaveLength(19);
      expect(reader.unread).toEqual({ [`IP fragment without ${lost === 0 ? 'its first' : 'the rest'}`]: 2 });
    }
  });
});

describe('what stays unread', () => {
  const summaryOf = (records: readonly FileRecord[], linkType: number) =>
    transcriptOf(pcapFile(records, { linkType })).at(-1) as Extract<TranscriptRecord, { type: 'summary' }>;

  test.each([
    ['link type 195', 195, (octets: Uint8Array) => octets],
    ['EtherType 0x88e5', 1, (octets: Uint8Array) => Uint8Array.of(...Array(12).fill(2), 0x88, 0xe5, ...octets)],
    ['PPP protocol 0x002d', 9, (octets: Uint8Array) => Uint8Array.of(0, 0x2d, ...octets)],
    ['IP protocol 50', 101, (octets: Uint8Array) => patched(octets, 9, 50)],
    ['encrypted 802.11 frame', 105, (octets: Uint8Array) => Uint8Array.of(0x08, 0x41, ...Array(22).fill(0), ...octets)],
    ['802.11 fragment', 105, (octets: Uint8Array) => Uint8Array.of(0x08, 0x05, ...Array(22).fill(0), ...octets)],
    ['802.11 A-MSDU', 105, (octets: Uint8Array) => Uint8Array.of(0x88, 1, ...Array(22).fill(0), 0x80, 0, ...octets)],
    [
      'SNAP organization 0x0080c2',
      100,
      (octets: Uint8Array) => Uint8Array.of(170, 170, 3, 0, 128, 194, 0, 7, ...octets),
    ],
    ['IPv4 header cut by the capture', 101, (octets: Uint8Array) => octets.subarray(0, 19)],
    ['TCP header cut by the capture', 101, (octets: Uint8Array) => octets.subarray(0, 39)],
    ['malformed IP header', 101, (octets: Uint8Array) => patched(octets, 0, 0x75)],
  ])('%s', (reason, linkType, change) => {
    const records = PACKETS.map(({ time, payload }) => ({
      time,
      data: change(payload.octets),
      originalLength: 20_000,
    }));
    const { unread, connections } = summaryOf(
      reason.startsWith('malformed') ? records.map(({ originalLength, ...rest }) => rest) : records,
      linkType,
    );
    expect(connections).toBe(0);
    expect(unread).toEqual({ [reason]: PACKETS.length });
  });

  const records101 = (payloads: Payload[]) => payloads.map(({ octets }) => ({ time: 0n, data: octets }));

  test('tunnels without end', () => {
    let payload = PACKETS[0]!.payload;
    for (let i = 0; i < 40; i++) payload = TUNNELS['IP in IP']!(payload) as typeof payload;
    expect(summaryOf([{ time: 0n, data: payload.octets }], 101).unread).toEqual({ 'more than 32 headers': 1 });
  });

  test('not: what holds no TCP', () => {
    const ethernet = (etherType: number) =>
      Uint8Array.of(...Array(12).fill(2), etherType >> 8, etherType & 255, ...Array(46).fill(0));
    const none = [0x0806, 0x88cc, 0x8863, 0x88f7, 0x0026].map(ethernet);
    const plain = patched(PACKETS[0]!.payload.octets, 9, 17);
    const records = [...none, Uint8Array.of(...Array(12).fill(2), 8, 0, ...plain)].map(data => ({ time: 0n, data }));
    expect(summaryOf(records, 1).unread).toEqual({});
    const quiet = [
      gre(0, 0),
      gre(0, 0x00fe, new Uint8Array(20)),
      udp(4500, Uint8Array.of(0xff)),
      udp(53, new Uint8Array(3)),
      udp(4754, new Uint8Array(40).fill(0xff)),
      udp(37_008, new Uint8Array(40)),
      // A keepalive, type 4.
      udp(37_008, Uint8Array.of(1, 4, 0, 0, 1, 0, 0, 0)),
    ];
    const exchange = udp(4500, new Uint8Array(40));
    expect(summaryOf(records101([...quiet, exchange]), 101).unread).toEqual({});
    expect(summaryOf(records101([udp(4500, new Uint8Array(40).fill(1))]), 101).unread).toEqual({ 'IP protocol 50': 1 });
    const tokenRing = udp(37_008, Uint8Array.of(1, 0, 0, 2, 1, 0, 0, 0));
    const endless = udp(37_008, Uint8Array.of(1, 0, 0, 1, 9, 200, 0, 0));
    expect(summaryOf(records101([tokenRing, endless]), 101).unread).toEqual({
      'TZSP protocol 2': 1,
      'malformed TZSP header': 1,
    });
  });

  test('every octet that a packet of any kind may be cut at: counted, or read in part, and never an exception', () => {
    const pairs = [
      ...Object.values(LINKS).map(link => [link, TUNNELS['GRE']!] as const),
      ...Object.values(LINKS).map(link => [link, TUNNELS['IP in IP']!] as const),
      ...Object.values(TUNNELS).map(tunnel => [LINKS['Ethernet']!, tunnel] as const),
    ];
    for (const [link, tunnel] of pairs) {
      const [record] = encapsulated(PACKETS.slice(3, 4), link, [tunnel]) ?? [];
      if (record === undefined) continue;
      const whole = { ...record, linkType: link.linkType, originalLength: record.data.length };
      for (let length = 0; length < record.data.length; length++) {
        const reader = new SegmentReader([{ ...whole, data: record.data.subarray(0, length) }]);
        const found = [...reader].length + Object.values(reader.unread).reduce((sum, count) => sum + count, 0);
        expect(found).toBe(1);
      }
    }
  });

  test('random octets in any encapsulation give nothing but segments and reasons', () => {
    const links = fc.constantFrom(...Object.values(LINKS));
    const tunnels = fc.array(fc.constantFrom(...Object.values(TUNNELS)), { maxLength: 3 });
    const change = fc.record({ at: fc.nat(300), value: fc.nat(255) });
    fc.assert(
      fc.property(
        links,
        tunnels,
        fc.array(change, { maxLength: 6 }),
        fc.nat(70_000),
        (link, outer, changes, length) => {
          const [record] = encapsulated(PACKETS.slice(0, 1), link, outer) ?? [];
          fc.pre(record !== undefined);
          const data = record.data.slice();
          for (const { at, value } of changes) data[at % data.length] = value;
          const reader = new SegmentReader([{ time: 0n, linkType: link.linkType, data, originalLength: length }]);
          expect([...reader].length).toBeLessThanOrEqual(1);
        },
      ),
    );
  });
});
