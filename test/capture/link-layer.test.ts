import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concat } from '../../src/bytes.js';
import { ACK, type Segment, SegmentReader, SYN } from '../../src/capture/link-layer.js';
import type { CapturedPacket } from '../../src/capture/packet.js';
import { ascii } from '../helpers.js';
import { ipPacket, LINK_HEADERS, segment, segmentOf, tcp } from './helpers.js';

const V4 = segment({ seq: 0xfffffffe, ack: 0x80000001, flags: SYN | ACK, payload: ascii('NOOP\r\n') });
const V6 = { ...V4, source: '[2001:db8::1]:40000', destination: '[fe80::2]:21' };

function read(data: Uint8Array, linkType = 101, originalLength = data.length): Segment | string | undefined {
  return segmentOf({ time: V4.time, linkType, data, originalLength });
}

/** Why a header can't be read. */
const UNREADABLE = /^(malformed .* header|.* header cut by the capture)$/;

/** A copy with some octets replaced. */
function patched(octets: Uint8Array, at: number, ...values: number[]): Uint8Array {
  const result = octets.slice();
  result.set(values, at);
  return result;
}

describe.each(Object.entries(LINK_HEADERS))('%s', (_name, { linkType, header }) => {
  test.each([
    ['IPv4', V4, 4],
    ['IPv6', V6, 6],
  ] as const)('%s', (_version, expected, version) => {
    const data = concat(Uint8Array.from(header(version)), ipPacket(expected));
    expect(read(data, linkType)).toEqual(expected);
    // Ethernet pads short packets; that is not part of their text.
    expect(read(concat(data, new Uint8Array(9)), linkType)).toEqual(expected);
  });

  test('what breaks off before the TCP header is malformed', () => {
    const data = concat(Uint8Array.from(header(4)), ipPacket(V4));
    const least = header(4).length + 40;
    for (let length = 0; length < least; length++) {
      expect(read(data.subarray(0, length), linkType, data.length)).toMatch(UNREADABLE);
    }
  });
});

test('raw IP of one version', () => {
  expect(read(ipPacket(V4), 228)).toEqual(V4);
  expect(read(ipPacket(V6), 229)).toEqual(V6);
});

test('what is no IP is skipped', () => {
  const arp = concat(Uint8Array.from([...Array(12).fill(2), 0x08, 0x06]), new Uint8Array(46));
  expect(read(arp, 1)).toBeUndefined();
  expect(read(new Uint8Array(60), 101)).toMatch(UNREADABLE);
  expect(read(ipPacket(V4), 195)).toBe('link type 195');
  const wrongType = concat(Uint8Array.from([...Array(12).fill(2), 0x86, 0xdd]), ipPacket(V4));
  expect(read(wrongType, 1)).toMatch(UNREADABLE);
});

describe('IPv4', () => {
  const packet = ipPacket(V4);

  test('options are passed over', () => {
    const options = Uint8Array.of(7, 7, 4, 0, 0, 0, 0, 1);
    const longer = concat(
      patched(packet.subarray(0, 20), 0, 0x47, 0, 0, packet.length + 8),
      options,
      packet.subarray(20),
    );
    expect(read(longer)).toEqual(V4);
  });

  test('a length of 0 means the whole packet, as the network card was to cut it', () => {
    const whole = patched(packet, 2, 0, 0);
    expect(read(whole)).toEqual(V4);
    expect(read(whole, 101, whole.length + 1000)).toEqual({ ...V4, missing: 1000 });
    expect(read(whole, 101, 3)).toEqual(V4);
  });

  test('a fragment alone is not a segment; the bit that forbids fragments has no effect', () => {
    const first = patched(packet.subarray(0, 52), 2, 0, 52);
    expect(read(patched(first, 6, 0x20, 0))).toBe('IP fragment without the rest');
    expect(read(patched(packet, 6, 0x00, 1))).toBe('IP fragment without its first');
    expect(read(patched(packet, 6, 0x40, 0))).toEqual(V4);
  });

  test('other protocols are skipped', () => {
    expect(read(patched(packet, 9, 17))).toBeUndefined();
  });

  test('lengths that contradict each other are malformed', () => {
    expect(read(patched(packet, 0, 0x44))).toMatch(UNREADABLE);
    expect(read(patched(packet, 0, 0x4f))).toMatch(UNREADABLE);
    expect(read(patched(packet, 2, 0, 19))).toMatch(UNREADABLE);
    expect(read(patched(packet, 2, 0, 39))).toMatch(UNREADABLE);
    expect(read(patched(packet, 2, 0, 51))).toMatch(UNREADABLE);
  });
});

describe('IPv6', () => {
  /** The packet with extension headers before TCP, the first of them of the given kind. */
  function extended(kind: number, ...headers: number[]): Segment | string | undefined {
    const inner = concat(Uint8Array.from(headers), tcp(V6));
    return read(patched(ipPacket(V6, inner), 6, kind));
  }

  test('extension headers are passed over', () => {
    expect(extended(0, 6, 0, 1, 4, 0, 0, 0, 0)).toEqual(V6);
    expect(extended(60, 6, 1, ...Array(14).fill(0))).toEqual(V6);
    expect(extended(43, 6, 2, ...Array(22).fill(0))).toEqual(V6);
    expect(extended(51, 6, 4, ...Array(22).fill(0))).toEqual(V6);
    expect(extended(0, 43, 0, 1, 4, 0, 0, 0, 0, 60, 0, ...Array(6).fill(0), 6, 0, ...Array(6).fill(0))).toEqual(V6);
  });

  test('an atomic fragment is whole; the others wait for the rest', () => {
    expect(extended(44, 6, 0, 0, 0, 1, 2, 3, 4)).toEqual(V6);
    expect(extended(44, 6, 0, 0, 1, 1, 2, 3, 4)).toBe('malformed IP fragment');
    expect(extended(44, 6, 0, 0, 8, 1, 2, 3, 4)).toBe('IP fragment without its first');
  });

  test('other protocols are skipped, behind extension headers too', () => {
    expect(extended(58)).toBeUndefined();
    expect(extended(59)).toBeUndefined();
    expect(extended(0, 17, 0, 1, 4, 0, 0, 0, 0)).toBeUndefined();
  });

  test('a length of 0 means the whole packet', () => {
    const whole = patched(ipPacket(V6), 4, 0, 0);
    expect(read(whole)).toEqual(V6);
    expect(read(whole, 101, whole.length + 70_000)).toEqual({ ...V6, missing: 70_000 });
  });

  test('what breaks off is malformed', () => {
    expect(extended(0, 6, 200, 0, 0, 0, 0, 0, 0)).toMatch(UNREADABLE);
    const packet = patched(ipPacket(V6), 6, 0);
    expect(read(packet.subarray(0, 44), 101, packet.length)).toMatch(UNREADABLE);
    expect(read(packet.subarray(0, 39), 101, packet.length)).toMatch(UNREADABLE);
    expect(read(patched(ipPacket(V6), 4, 0, 19))).toMatch(UNREADABLE);
  });
});

describe('TCP', () => {
  const packet = ipPacket(V4);

  test('what the capture cut off is counted', () => {
    const cut = packet.subarray(0, packet.length - 4);
    expect(read(cut, 101, packet.length)).toEqual({ ...V4, payload: ascii('NO'), missing: 4 });
    // Even where the options are cut.
    const header = packet.subarray(0, 41);
    expect(read(header, 101, packet.length)).toEqual({ ...V4, payload: ascii(''), missing: 6 });
  });

  test('a header length that can not be is malformed', () => {
    expect(read(patched(packet, 32, 0x40))).toMatch(UNREADABLE);
    expect(read(patched(packet, 32, 0xf0))).toMatch(UNREADABLE);
  });

  test('the payload is a view', () => {
    const found = read(packet);
    expect(found).toMatchObject({ payload: ascii('NOOP\r\n') });
    expect(typeof found === 'object' && found.payload.buffer === packet.buffer).toBe(true);
  });
});

describe('addresses as RFC 5952 has them', () => {
  test.each([
    ['0000:0000:0000:0000:0000:0000:0000:0000', '::'],
    ['0000:0000:0000:0000:0000:0000:0000:0001', '::1'],
    ['2001:0db8:0000:0000:0000:0000:0000:0000', '2001:db8::'],
    ['2001:0db8:0000:0000:0000:0000:0002:0001', '2001:db8::2:1'],
    ['2001:0db8:0000:0001:0001:0001:0001:0001', '2001:db8:0:1:1:1:1:1'],
    ['2001:0000:0000:0001:0000:0000:0000:0001', '2001:0:0:1::1'],
    ['2001:0db8:0000:0000:0001:0000:0000:0001', '2001:db8::1:0:0:1'],
    ['2001:0DB8:AAAA:BBBB:CCCC:DDDD:EEEE:0AAA', '2001:db8:aaaa:bbbb:cccc:dddd:eeee:aaa'],
    ['0000:0000:0000:0000:0000:ffff:c000:0201', '::ffff:192.0.2.1'],
    ['0000:0001:0000:0000:0000:ffff:c000:0201', '0:1::ffff:c000:201'],
    ['0000:0000:0000:0000:0001:ffff:c000:0201', '::1:ffff:c000:201'],
  ])('%s is %s', (groups, address) => {
    const found = read(ipPacket({ ...V6, source: `[${groups}]:40000` }));
    expect(found).toMatchObject({ source: `[${address}]:40000`, destination: '[fe80::2]:21' });
  });

  test('IPv4 addresses have four numbers', () => {
    const ends = { source: '255.0.10.1:65535', destination: '0.0.0.0:0' };
    expect(read(ipPacket({ ...V4, ...ends }))).toMatchObject(ends);
  });
});

test('a reader counts what it could not read, anew each time; what holds no TCP does not count', () => {
  const packet = (data: Uint8Array, linkType: number | undefined = 101): CapturedPacket => ({
    time: V4.time,
    linkType,
    data,
    originalLength: data.length,
  });
  const udp = packet(patched(ipPacket(V4), 9, 17));
  const reader = new SegmentReader([
    packet(ipPacket(V4)),
    udp,
    udp,
    packet(new Uint8Array(60)),
    packet(patched(ipPacket(V4), 6, 0, 1)),
    packet(ipPacket(V6)),
    packet(ipPacket(V4), 147),
    packet(ipPacket(V4), 147),
    packet(patched(ipPacket(V4), 9, 50)),
    { ...packet(ipPacket(V4)), linkType: undefined },
  ]);
  expect(reader.unread).toEqual({});
  for (let again = 0; again < 2; again++) {
    expect([...reader]).toEqual([V4, V6]);
    expect(reader.unread).toEqual({
      'malformed IP header': 1,
      'IP fragment without its first': 1,
      'link type 147': 2,
      'IP protocol 50': 1,
      'interface that the capture does not describe': 1,
    });
  }
});

test('so many reasons are told apart, and no packet is forgotten', () => {
  const packets = Array.from({ length: 1000 }, (_, i) => ({
    time: V4.time,
    linkType: 1000 + i,
    data: ipPacket(V4),
    originalLength: 0,
  }));
  const reader = new SegmentReader(packets);
  expect([...reader]).toEqual([]);
  expect(Object.keys(reader.unread)).toHaveLength(65);
  expect(Object.values(reader.unread).reduce((sum, count) => sum + count)).toBe(1000);
});

describe('hostile packets', () => {
  const linkType = fc.constantFrom(0, 1, 12, 14, 101, 108, 113, 228, 229, 276);
  const originalLength = fc.oneof(fc.nat(200), fc.nat(0xffffffff));

  function check(packet: CapturedPacket): void {
    const found = segmentOf(packet);
    if (typeof found !== 'object') return;
    const { payload, missing } = found;
    expect(payload.buffer).toBe(packet.data.buffer);
    expect(payload.byteOffset).toBeGreaterThanOrEqual(packet.data.byteOffset);
    expect(payload.length).toBeLessThanOrEqual(packet.data.length - 40);
    expect(missing).toBeGreaterThanOrEqual(0);
  }

  test('arbitrary octets give a segment inside them, or nothing', () => {
    fc.assert(
      fc.property(linkType, fc.uint8Array({ maxLength: 120 }), originalLength, (link, data, length) =>
        check({ time: 0n, linkType: link, data, originalLength: length }),
      ),
    );
  });

  test('so do packets with an octet changed', () => {
    const link = fc.constantFrom(...Object.values(LINK_HEADERS));
    fc.assert(
      fc.property(link, fc.boolean(), fc.nat(200), fc.nat(255), originalLength, (layer, v4, at, value, length) => {
        const data = concat(Uint8Array.from(layer.header(v4 ? 4 : 6)), ipPacket(v4 ? V4 : V6));
        data[at % data.length] = value;
        check({ time: 0n, linkType: layer.linkType, data, originalLength: length });
      }),
    );
  });
});
