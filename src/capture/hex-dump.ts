/**
 * Packets as text: what `tcpdump -x`, `-X`, `-xx` and `-XX`, `tshark -x`, Wireshark's export of packet bytes and FortiGate's sniffer
 * print, and what text2pcap reads. Lines have an offset in hex, then octets in hex, then text, which is ignored. The dump of a whole
 * capture file, as `xxd` and `hexdump -C` print it, is that file.
 */
import { ByteQueue } from '../byte-queue.js';
import { fromUtf8 } from '../bytes.js';
import { FtpSecurityError } from '../errors.js';
import { type Capture, CaptureFile, isCapture } from './capture-file.js';
import { u16 } from './numbers.js';
import type { CapturedPacket } from './packet.js';

/** Offset, and what follows it. */
const LINE = /^[\t ]*(?:0x)?([0-9a-f]{4,8})(?::[\t ]*|[\t ]+)([0-9a-f]{2}.*)$/i;
const GROUP = /([0-9a-f]{2})([0-9a-f]{2})?(?= |\t|$)/iy;
/** Octets in a line; those behind them are text. */
const MAX_OCTETS = 16;

/** tshark prints reassembled and decrypted octets as well, with a title before each part. */
const TITLE = /^(\S.*) \(\d+ bytes?\):?$/;
/** `tcpdump -tt`, the one form of a time that has its date and no time zone. */
const EPOCH = /^(\d{9,10})\.(\d{6}|\d{9}) /;

interface DumpLine {
  offset: number;
  octets: number[];
}

function dumpLine(line: string): DumpLine | undefined {
  const [, offset, text] = LINE.exec(line) ?? [];
  if (text === undefined) return undefined;
  const octets: number[] = [];
  for (let at = 0; octets.length < MAX_OCTETS; ) {
    GROUP.lastIndex = at;
    const [group, first, second] = GROUP.exec(text) ?? [];
    if (group === undefined) break;
    octets.push(Number.parseInt(first!, 16));
    if (second !== undefined) octets.push(Number.parseInt(second, 16));
    at += group.length;
    // Groups have one blank between them; hexdump has two in the middle of the line.
    const isMiddle = second === undefined && octets.length === 8 && text.startsWith('  ', at) && text[at + 2] !== ' ';
    if (text[at] !== ' ' || (text[at + 1] === ' ' && !isMiddle)) break;
    at += isMiddle ? 2 : 1;
  }
  return octets.length === 0 ? undefined : { offset: Number.parseInt(offset!, 16), octets };
}

/** What begins at offset 0 of a dump: a packet, or a whole file. */
interface Part {
  octets: Uint8Array;
  time: bigint | undefined;
}

/**
 * Gives the parts of a dump.
 * @returns why the rest was not read, if a line has another offset than follows
 */
function* partsOf(text: string): Generator<Part, FtpSecurityError | undefined> {
  const octets = new ByteQueue();
  /** That of the next part. */
  let time: bigint | undefined;
  let isSkipped = false;
  for (let start = 0; start < text.length; ) {
    const newline = text.indexOf('\n', start);
    const end = newline === -1 ? text.length : newline;
    const line = text.slice(start, end).trimEnd();
    const dumped = dumpLine(line);
    if (octets.length > 0 && (dumped?.offset ?? 0) === 0) {
      yield { octets: octets.take(octets.length), time };
      time = undefined;
    }
    if (dumped === undefined) {
      const title = TITLE.exec(line)?.[1];
      if (title !== undefined || line === '') isSkipped = title !== undefined && title !== 'Frame';
      time = timeOf(line) ?? time;
    } else if (!isSkipped && (octets.length > 0 || dumped.offset === 0)) {
      if (dumped.offset !== octets.length) {
        const message = `hex dump with offset ${dumped.offset} where ${octets.length} should follow`;
        return new FtpSecurityError('syntax/bad-file', message, { offset: start });
      }
      octets.append(Uint8Array.from(dumped.octets));
    }
    start = end + 1;
  }
  if (octets.length > 0) yield { octets: octets.take(octets.length), time };
  return undefined;
}

function timeOf(line: string): bigint | undefined {
  const [, seconds, fraction] = EPOCH.exec(line) ?? [];
  return seconds === undefined ? undefined : BigInt(seconds + fraction!.padEnd(9, '0'));
}

const [RAW_IP, ETHERNET] = [101, 1];

/** Where an IP packet begins on each link, by link type. tcpdump prints packets without the header of their link if it is not asked to. */
const LINKS: readonly (readonly [linkType: number, start: number, isLink: (octets: Uint8Array) => boolean])[] = [
  [RAW_IP, 0, () => true],
  [ETHERNET, 14, octets => isIpType(octets, 12)],
  [0, 4, ([first = 0, , , last = 0]) => (first === 0) !== (last === 0)],
  [113, 16, octets => isIpType(octets, 14)],
  [276, 20, octets => isIpType(octets, 0)],
];

/** EtherTypes of tags, PPPoE, MPLS and ARP, which an Ethernet frame may have in place of IP. */
const OTHER_TYPES: ReadonlySet<number> = new Set([0x8100, 0x88a8, 0x8864, 0x8847, 0x0806]);

function isIpType(octets: Uint8Array, at: number): boolean {
  const type = u16(octets, at);
  return type === 0x0800 || type === 0x86dd;
}

/** An IPv4 header with its length and a time to live, or an IPv6 header with as many octets behind it as it says, or fewer. */
function isIp(octets: Uint8Array, at: number): boolean {
  const [first = 0, left] = [octets[at], octets.length - at];
  if (first >> 4 === 4) {
    const header = (first & 15) * 4;
    return header >= 20 && left >= 20 && u16(octets, at + 2) >= header && octets[at + 8] !== 0;
  }
  return first >> 4 === 6 && left >= 40 && u16(octets, at + 4) + 40 >= left;
}

function linkTypeOf(octets: Uint8Array): number | undefined {
  const found = LINKS.find(([, start, isLink]) => octets.length > start && isLink(octets) && isIp(octets, start));
  if (found !== undefined) return found[0];
  return octets.length > 14 && OTHER_TYPES.has(u16(octets, 12)) ? ETHERNET : undefined;
}

/** Without the header of its link (RFC 826). */
function isArp(octets: Uint8Array): boolean {
  return u16(octets, 0) === 1 && u16(octets, 2) === 0x0800 && u16(octets, 4) === 0x0604;
}

/** Whether octets are a text with a dump of packets, or of a capture file, in it. */
export function isHexDump(text: Uint8Array): boolean {
  for (const { octets } of partsOf(fromUtf8(text)))
    if (isCapture(octets) || linkTypeOf(octets) !== undefined) return true;
  return false;
}

/** Reads a dump; all of its packets are in memory. */
export function readHexDump(text: Uint8Array): Capture {
  const packets: CapturedPacket[] = [];
  let linkType: number | undefined;
  const parts = partsOf(fromUtf8(text));
  let part = parts.next();
  for (; !part.done; part = parts.next()) {
    const { octets, time } = part.value;
    if (packets.length === 0 && isCapture(octets)) return new CaptureFile([octets]);
    linkType ??= linkTypeOf(octets);
    if (linkType === undefined || (linkType === RAW_IP && isArp(octets))) continue;
    packets.push({ time, linkType, data: octets, originalLength: octets.length });
  }
  return { [Symbol.iterator]: () => packets[Symbol.iterator](), error: part.value, secrets: [] };
}
