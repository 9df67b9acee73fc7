/**
 * Captures written anew: in every file format, on every link layer, in every tunnel, in fragments, and with packets cut, sent again,
 * moved and left out. Each rewriting knows whether everything that was said is still there.
 */
import { gzipSync } from 'node:zlib';
import { FIN, type Segment, SYN } from '../../src/capture/link-layer.js';
import { encapsulated, fragmentsOfIpv4, fragmentsOfIpv6, LINKS, type Payload, TUNNELS } from './encapsulations.js';
import { FILE_FORMATS } from './file-formats.js';
import { type FileRecord, ipPacket, pcapFile } from './helpers.js';

export interface Rewriting {
  name: string;
  /** Whether everything is still there. */
  isWhole: boolean;
  /** @returns a file, which may be compressed by gzip */
  write(segments: readonly Segment[]): Uint8Array;
}

/** No packet may be too long for a tunnel. */
const MAX_PAYLOAD = 1400;

/** Segments in parts of at most so many octets. */
export function inParts(segments: readonly Segment[], most: number): Segment[] {
  return segments.flatMap(it => {
    if (it.payload.length <= most || (it.flags & SYN) !== 0) return [it];
    const count = Math.ceil(it.payload.length / most);
    return Array.from({ length: count }, (_, i) => {
      const payload = it.payload.subarray(i * most, (i + 1) * most);
      const flags = i === count - 1 ? it.flags : it.flags & ~FIN;
      return { ...it, flags, seq: (it.seq + i * most) >>> 0, payload };
    });
  });
}

type Packet = { time: bigint; payload: Payload };

function packetsOf(segments: readonly Segment[]): Packet[] {
  return inParts(segments, MAX_PAYLOAD).map((it, i) => {
    const octets = ipPacket(it);
    // Fragments are put together by this number.
    octets.set([i >> 8, i & 0xff], 4);
    return { time: it.time ?? 0n, payload: { etherType: 0x0800, octets } };
  });
}

const ETHERNET = LINKS['Ethernet']!;
const ethernet = (packets: readonly Packet[]) => pcapFile(encapsulated(packets, ETHERNET)!);
const each = (packets: readonly Packet[], change: (payload: Payload) => Payload[]) =>
  packets.flatMap(({ time, payload }) => change(payload).map(it => ({ time, payload: it })));

/** Other packets in the same file format. */
const packets = (name: string, change: (segments: readonly Segment[]) => readonly Segment[], isWhole = true) => ({
  name,
  isWhole,
  write: (segments: readonly Segment[]) => ethernet(packetsOf(change(segments))),
});
const fragments = (name: string, change: (payload: Payload) => Payload[]) => ({
  name: `in fragments ${name}`,
  isWhole: true,
  write: (segments: readonly Segment[]) => ethernet(each(packetsOf(segments), change)),
});

const FORMATS: Rewriting[] = Object.entries(FILE_FORMATS).map(([name, write]) => ({
  name: `as ${name}`,
  isWhole: true,
  write: segments => write(encapsulated(packetsOf(segments), ETHERNET)!, 1),
}));

const onLink = (link: string, tunnels: readonly string[]) => (segments: readonly Segment[]) => {
  const { linkType } = LINKS[link]!;
  const through = tunnels.map(tunnel => TUNNELS[tunnel]!);
  return pcapFile(encapsulated(packetsOf(segments), LINKS[link]!, through) as FileRecord[], { linkType });
};

const halves = (it: Segment): Segment[] => {
  const half = it.payload.length >> 1;
  if (half === 0 || (it.flags & SYN) !== 0) return [it];
  const first = { ...it, flags: it.flags & ~FIN, payload: it.payload.subarray(0, half) };
  return [first, { ...it, seq: (it.seq + half) >>> 0, payload: it.payload.subarray(half) }];
};

/** Neighbours of opposite directions, the second of which acknowledges the first, in the wrong order; each packet moves once. */
function swapped(segments: readonly Segment[]): Segment[] {
  const result = [...segments];
  for (let i = 0; i + 1 < result.length; i++) {
    const [one, two] = [result[i]!, result[i + 1]!];
    const isAnswer = one.source === two.destination && one.destination === two.source;
    const end = (one.seq + one.payload.length) >>> 0;
    if (!isAnswer || one.payload.length === 0 || two.ack !== end || ((one.flags | two.flags) & (SYN | FIN)) !== 0)
      continue;
    [result[i], result[i + 1]] = [two, one];
    i++;
  }
  return result;
}

/** Numbers that wrap around in every stream. */
function wrapped(segments: readonly Segment[]): Segment[] {
  const first = new Map<string, number>();
  for (const { source, destination, seq, flags } of segments)
    if ((flags & SYN) !== 0 || !first.has(`${source} ${destination}`)) first.set(`${source} ${destination}`, seq);
  // One shift for all of a direction's connections, so that a port that is used again keeps its order.
  const shift = (number: number, from: string, to: string) =>
    (number - (first.get(`${from} ${to}`) ?? number) + 0xffff_ff00) >>> 0;
  return segments.map(it => ({
    ...it,
    seq: shift(it.seq, it.source, it.destination),
    ack: shift(it.ack, it.destination, it.source),
  }));
}

/** Every so many-th segment with octets is missing. */
const without = (every: number) => (segments: readonly Segment[]) => {
  let loaded = 0;
  return segments.filter(({ payload }) => payload.length === 0 || ++loaded % every !== 0);
};

export const REWRITINGS: readonly Rewriting[] = [
  ...FORMATS,
  {
    name: 'compressed by gzip',
    isWhole: true,
    write: segments => gzipSync(ethernet(packetsOf(segments)), { level: 1 }),
  },
  ...Object.keys(LINKS).map(link => ({ name: `on ${link}`, isWhole: true, write: onLink(link, []) })),
  ...Object.keys(TUNNELS).map(tunnel => ({ name: `in ${tunnel}`, isWhole: true, write: onLink('Ethernet', [tunnel]) })),
  { name: 'in VXLAN in PPPoE on 802.11', isWhole: true, write: onLink('802.11 with QoS', ['VXLAN', 'PPPoE']) },
  ...[8, 24, 560].map(size => fragments(`of ${size} octets`, it => fragmentsOfIpv4(it, size))),
  fragments('in reverse order', it => fragmentsOfIpv4(it, 64).reverse()),
  fragments('sent twice', it => fragmentsOfIpv4(it, 64).flatMap(part => [part, part])),
  fragments('of IPv6', it => fragmentsOfIpv6(TUNNELS['IP in IPv6']!(it)!, 120)),
  packets('in segments of 1 octet', segments => inParts(segments, 1)),
  packets('in segments of 7 octets', segments => inParts(segments, 7)),
  packets('each packet twice', segments => segments.flatMap(it => [it, it])),
  packets('sent again some packets later', segments =>
    segments.flatMap((it, i) => [it, ...(i >= 9 ? [segments[i - 9]!] : [])]),
  ),
  packets('sent again in part', segments => segments.flatMap(it => [...halves(it).slice(1), it])),
  packets('halves in the wrong order', segments => segments.flatMap(it => halves(it).reverse())),
  packets('directions in the wrong order', swapped),
  packets('with numbers that wrap around', wrapped),
  packets('without a SYN', segments => segments.filter(({ flags }) => (flags & SYN) === 0)),
  packets('from a third on', segments => segments.slice(Math.floor(segments.length / 3)), false),
  packets('up to two thirds', segments => segments.slice(0, Math.floor((2 * segments.length) / 3)), false),
  ...[2, 5, 97].map(every => packets(`without each ${every}th packet`, without(every), false)),
  packets(
    'cut after 80 octets of each packet',
    segments =>
      segments.map(it => ({
        ...it,
        payload: it.payload.subarray(0, 80),
        missing: Math.max(0, it.payload.length - 80),
      })),
    false,
  ),
  packets('one direction alone', segments => segments.filter(({ source, destination }) => source < destination), false),
];
