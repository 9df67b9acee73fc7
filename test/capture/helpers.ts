/** Captures for tests: conversations as TCP segments, segments as packets of any link layer, packets as pcap files. */
import { readFileSync } from 'node:fs';
import { concat, concatAll } from '../../src/bytes.js';
import { CaptureFile } from '../../src/capture/capture-file.js';
import type { TcpConnection } from '../../src/capture/connection-table.js';
import { ACK, FIN, RST, type Segment, SegmentReader, SYN } from '../../src/capture/link-layer.js';
import type { CapturedPacket } from '../../src/capture/packet.js';
import { reassemble, type TcpStreams } from '../../src/capture/tcp.js';
import { ascii } from '../helpers.js';

export const CLIENT = '192.0.2.1:40000';
export const SERVER = '192.0.2.2:21';
const EPOCH = 1_700_000_000_000_000_000n;

/** A segment from the client with nothing in it, but for what is given. */
export function segment(given: Partial<Segment> = {}): Segment {
  const source = given.source ?? CLIENT;
  const destination = given.destination ?? (source === SERVER ? CLIENT : SERVER);
  const empty = new Uint8Array(0);
  return { time: EPOCH, seq: 0, ack: 0, flags: ACK, payload: empty, missing: 0, ...given, source, destination };
}

export type Line = { from: 0 | 1; text: string };

/** "C: …" from the client, "S: …" from the server. */
export function lines(...spoken: string[]): Line[] {
  return spoken.map(line => ({ from: line.startsWith('C') ? 0 : 1, text: `${line.slice(3)}\r\n` }));
}

export interface TalkOptions {
  ends?: [string, string];
  /** Numbers of the two SYNs. */
  isns?: [number, number];
  /** How it closes; default both ends with a FIN. */
  close?: 'fin' | 'reset' | 'open';
}

/** A whole connection: three segments that open it, one with each line and its bare acknowledgment, and the end. */
export function talk(spoken: readonly Line[], options: TalkOptions = {}): Segment[] {
  const { ends = [CLIENT, SERVER], isns = [1000, 5000], close = 'fin' } = options;
  const next = [...isns];
  const segments: Segment[] = [];
  const send = (from: 0 | 1, flags: number, text = '') => {
    segments.push({
      time: EPOCH + BigInt(segments.length) * 1_000_000n,
      source: ends[from],
      destination: ends[1 - from]!,
      seq: next[from]! >>> 0,
      ack: (flags & ACK) === 0 ? 0 : next[1 - from]! >>> 0,
      flags,
      payload: ascii(text),
      missing: 0,
    });
    next[from]! += text.length + ((flags & (SYN | FIN)) === 0 ? 0 : 1);
  };
  send(0, SYN);
  send(1, SYN | ACK);
  send(0, ACK);
  for (const { from, text } of spoken) {
    send(from, ACK, text);
    send(from === 0 ? 1 : 0, ACK);
  }
  if (close === 'reset') send(0, RST | ACK);
  if (close === 'fin') {
    send(0, FIN | ACK);
    send(1, FIN | ACK);
    send(0, ACK);
  }
  return segments;
}

/** The segments of a capture file. */
export function segmentsOf(file: Uint8Array): Segment[] {
  return [...new SegmentReader(new CaptureFile([file]))];
}

/** What a single packet gives: its segment, why it is unread, or undefined where it holds no TCP. */
export function segmentOf(packet: CapturedPacket): Segment | string | undefined {
  const reader = new SegmentReader([packet]);
  const [found] = [...reader];
  return found ?? Object.keys(reader.unread)[0];
}

export interface Flow extends TcpConnection {
  /** Octets of each direction, with `{n}` where n octets are lost. */
  texts: [string, string];
  by: [string, string];
}

/** The connections in the order of their SYNs. */
export function connectionsOf({ connections }: TcpStreams): TcpConnection[] {
  const ids = Array.from({ length: connections.size }, (_, id) => id);
  return ids.sort((a, b) => connections.place(a) - connections.place(b)).map(id => connections.get(id));
}

/** What reassembly gives for each connection, as text. */
export function flowsOf(segments: Iterable<Segment>): Flow[] {
  const streams = reassemble(segments);
  const flows = new Map(connectionsOf(streams).map(it => [it.id, { ...it, texts: ['', ''], by: ['', ''] } as Flow]));
  for (const event of streams.events()) {
    const flow = flows.get(event.connection.id)!;
    if (event.kind === 'data') flow.texts[event.from] += latin1(event.data);
    if (event.kind === 'lost') flow.texts[event.from] = withGap(flow.texts[event.from], event.octets);
    if (event.kind === 'end') flow.by[event.from] += event.by;
  }
  return [...flows.values()];
}

/** A gap that is reported in parts is one. */
function withGap(text: string, octets: number): string {
  const [gap, before = '0'] = /\{(\d+)\}$/.exec(text) ?? [''];
  return `${text.slice(0, text.length - gap.length)}{${Number(before) + octets}}`;
}

/** The events of reassembly, one line each: who, what, and after how many segments. */
export function eventsOf(segments: readonly Segment[]): string[] {
  const lines: string[] = [];
  let read = 0;
  const counted = {
    *[Symbol.iterator]() {
      read = 0;
      for (const it of segments) {
        read++;
        yield it;
      }
    },
  };
  for (const event of reassemble(counted).events()) {
    const what =
      event.kind === 'data' ? latin1(event.data) : event.kind === 'lost' ? `{${event.octets}}` : `(${event.by})`;
    lines.push(`${read} ${event.from} ${what}`);
  }
  return lines;
}

export function latin1(octets: Uint8Array): string {
  return Buffer.from(octets).toString('latin1');
}

/** An IP packet with one segment; the addresses choose the version. */
export function ipPacket(segment: Segment, inner: Uint8Array = tcp(segment)): Uint8Array {
  const [source, destination] = [addressOf(segment.source), addressOf(segment.destination)];
  const header = new Uint8Array(source.length === 4 ? 20 : 40);
  const view = new DataView(header.buffer);
  if (source.length === 4) {
    header.set([0x45, 0]);
    view.setUint16(2, 20 + inner.length + segment.missing);
    header.set([64, 6], 8);
    header.set(source, 12);
    header.set(destination, 16);
  } else {
    header[0] = 0x60;
    view.setUint16(4, inner.length + segment.missing);
    header.set([6, 64], 6);
    header.set(source, 8);
    header.set(destination, 24);
  }
  return concat(header, inner);
}

/** A TCP segment with its header and 12 octets of options. */
export function tcp({ source, destination, seq, ack, flags, payload }: Segment): Uint8Array {
  const header = new Uint8Array(32).fill(1, 20);
  const view = new DataView(header.buffer);
  view.setUint16(0, portOf(source));
  view.setUint16(2, portOf(destination));
  view.setUint32(4, seq);
  view.setUint32(8, ack);
  view.setUint8(12, 0x80);
  view.setUint8(13, flags);
  return concat(header, payload);
}

function portOf(end: string): number {
  return Number(end.slice(end.lastIndexOf(':') + 1));
}

function addressOf(end: string): Uint8Array {
  const address = end.slice(0, end.lastIndexOf(':'));
  if (!address.startsWith('[')) return Uint8Array.from(address.split('.'), Number);
  const [head = '', tail = ''] = address.slice(1, -1).split('::');
  const groups = (text: string) => (text === '' ? [] : text.split(':').map(group => Number.parseInt(group, 16)));
  const zeros = Array<number>(8 - groups(head).length - groups(tail).length).fill(0);
  const all = [...groups(head), ...zeros, ...groups(tail)];
  return Uint8Array.from(all.flatMap(group => [group >> 8, group & 0xff]));
}

/** The octets before an IP packet on each link layer. */
export const LINK_HEADERS: Record<string, { linkType: number; header: (version: number) => number[] }> = {
  Ethernet: { linkType: 1, header: version => [...Array(12).fill(2), ...etherType(version)] },
  '802.1Q': { linkType: 1, header: version => [...Array(12).fill(2), 0x81, 0, 0x20, 7, ...etherType(version)] },
  QinQ: {
    linkType: 1,
    header: version => [...Array(12).fill(2), 0x88, 0xa8, 0, 7, 0x81, 0, 0, 8, ...etherType(version)],
  },
  'QinQ before the standard': {
    linkType: 1,
    header: version => [...Array(12).fill(2), 0x91, 0, 0, 7, 0x91, 0, 0, 8, ...etherType(version)],
  },
  'Linux cooked': { linkType: 113, header: version => [...Array(14).fill(0), ...etherType(version)] },
  'Linux cooked with 802.1Q': {
    linkType: 113,
    header: version => [...Array(14).fill(0), 0x81, 0, 0, 9, ...etherType(version)],
  },
  'Linux cooked 2': { linkType: 276, header: version => [...etherType(version), ...Array(18).fill(0)] },
  'BSD loopback, little-endian': { linkType: 0, header: version => [version === 4 ? 2 : 30, 0, 0, 0] },
  'BSD loopback, big-endian': { linkType: 0, header: version => [0, 0, 0, version === 4 ? 2 : 24] },
  'OpenBSD loopback': { linkType: 108, header: version => [0, 0, 0, version === 4 ? 2 : 24] },
  'raw IP': { linkType: 101, header: () => [] },
  'raw IP of BSD': { linkType: 12, header: () => [] },
  'raw IP of OpenBSD': { linkType: 14, header: () => [] },
};

function etherType(version: number): number[] {
  return version === 4 ? [0x08, 0x00] : [0x86, 0xdd];
}

export interface FileOptions {
  link?: keyof typeof LINK_HEADERS;
  littleEndian?: boolean;
  nanoseconds?: boolean;
}

/** Segments as a pcap file. */
export function pcapOf(segments: readonly Segment[], { link = 'Ethernet', ...options }: FileOptions = {}): Uint8Array {
  const { linkType, header } = LINK_HEADERS[link]!;
  const packets = segments.map(it => {
    const ip = ipPacket(it);
    const data = concat(Uint8Array.from(header(ip[0]! >> 4)), ip);
    return { time: it.time ?? EPOCH, data, originalLength: data.length + it.missing };
  });
  return pcapFile(packets, { linkType, ...options });
}

export interface FileRecord {
  time: bigint;
  data: Uint8Array;
  originalLength?: number;
}

export function pcapFile(
  packets: readonly FileRecord[],
  { linkType = 1, littleEndian = true, nanoseconds = false, snapshot = 262_144 } = {},
): Uint8Array {
  const header = new DataView(new ArrayBuffer(24));
  header.setUint32(0, nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4, littleEndian);
  header.setUint16(4, 2, littleEndian);
  header.setUint16(6, 4, littleEndian);
  header.setUint32(16, snapshot, littleEndian);
  header.setUint32(20, linkType, littleEndian);
  const records = packets.flatMap(({ time, data, originalLength = data.length }) => {
    const record = new DataView(new ArrayBuffer(16));
    record.setUint32(0, Number(time / 1_000_000_000n), littleEndian);
    record.setUint32(4, Number((time % 1_000_000_000n) / (nanoseconds ? 1n : 1000n)), littleEndian);
    record.setUint32(8, data.length, littleEndian);
    record.setUint32(12, originalLength, littleEndian);
    return [new Uint8Array(record.buffer), data];
  });
  return concatAll([new Uint8Array(header.buffer), ...records]);
}

/** A real capture of vectors/captures. */
export function realCapture(name: string): Uint8Array {
  return new Uint8Array(readFileSync(vectorPath(`${name}.pcap`)));
}

export function vectorPath(file: string): URL {
  return new URL(`../../vectors/captures/${file}`, import.meta.url);
}
