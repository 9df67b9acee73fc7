/** Classic pcap files, either byte order, micro- or nanoseconds (draft-ietf-opsawg-pcap). Octets in, packets out. */
import { assertBytes, startsWith, viewOf } from '../bytes.js';
import { FtpSecurityError } from '../errors.js';
import type { Capture, CapturedPacket } from './packet.js';

interface Format {
  magic: readonly number[];
  littleEndian: boolean;
  /** Nanoseconds in the unit of a record's fraction of a second. */
  fraction: bigint;
}

const FORMATS: readonly Format[] = [
  { magic: [0xd4, 0xc3, 0xb2, 0xa1], littleEndian: true, fraction: 1000n },
  { magic: [0xa1, 0xb2, 0xc3, 0xd4], littleEndian: false, fraction: 1000n },
  { magic: [0x4d, 0x3c, 0xb2, 0xa1], littleEndian: true, fraction: 1n },
  { magic: [0xa1, 0xb2, 0x3c, 0x4d], littleEndian: false, fraction: 1n },
];

/** Files that people take for a pcap, so that the error can say what to do. */
const OTHERS: readonly { magic: readonly number[]; advice: string }[] = [
  { magic: [0x0a, 0x0d, 0x0d, 0x0a], advice: 'a pcapng file: not read yet, convert it to pcap' },
  { magic: [0x1f, 0x8b], advice: 'compressed with gzip: decompress it first' },
  { magic: [0x28, 0xb5, 0x2f, 0xfd], advice: 'compressed with zstd: decompress it first' },
  { magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], advice: 'compressed with xz: decompress it first' },
  { magic: [0x34, 0xcd, 0xb2, 0xa1], advice: 'the modified pcap format of old Linux: convert it to pcap' },
  { magic: [0xa1, 0xb2, 0xcd, 0x34], advice: 'the modified pcap format of old Linux: convert it to pcap' },
  { magic: [0x73, 0x6e, 0x6f, 0x6f, 0x70, 0x00], advice: 'a snoop file: convert it to pcap' },
];

const FILE_HEADER = 24;
const RECORD_HEADER = 16;

/**
 * The most that a record may hold. libpcap cuts every packet there (MAXIMUM_SNAPLEN), so a longer record is damage. The
 * file's own snapshot length says nothing: writers put 0 or 2^31 - 1 there.
 */
const MAX_CAPTURED = 262_144;

/**
 * Reads a capture file. The octets stay where they are: every packet is a view into them, so leave them alone.
 * @returns the packets up to the first record that can't be read, and if there is one, the error that it is
 * @throws FtpSecurityError `syntax/bad-file` when this is no pcap file; `syntax/truncated` when its header is not whole
 */
export function readCapture(bytes: Uint8Array): Capture {
  assertBytes(bytes, 'bytes');
  const format = FORMATS.find(({ magic }) => startsWith(bytes, magic));
  if (format === undefined) {
    const other = OTHERS.find(({ magic }) => startsWith(bytes, magic));
    throw new FtpSecurityError('syntax/bad-file', other?.advice ?? 'not a capture file', { offset: 0 });
  }
  if (bytes.length < FILE_HEADER) {
    throw new FtpSecurityError('syntax/truncated', 'pcap header', { offset: bytes.length });
  }
  const view = viewOf(bytes);
  const major = view.getUint16(4, format.littleEndian);
  const minor = view.getUint16(6, format.littleEndian);
  if (major !== 2 || minor !== 4) {
    throw new FtpSecurityError('syntax/bad-file', `pcap version ${major}.${minor}, not 2.4`, { offset: 4 });
  }
  const { end, error } = findEnd(view, format);
  const packets = { [Symbol.iterator]: () => readRecords(view, format, end) };
  return error === undefined ? { packets } : { packets, error };
}

/** Goes from record to record, so that the caller knows of a broken end before the first packet. */
function findEnd(view: DataView, { littleEndian }: Format): { end: number; error?: FtpSecurityError } {
  const { byteLength } = view;
  let offset = FILE_HEADER;
  while (offset < byteLength) {
    if (byteLength - offset < RECORD_HEADER) {
      return { end: offset, error: new FtpSecurityError('syntax/truncated', 'pcap record header', { offset }) };
    }
    const captured = view.getUint32(offset + 8, littleEndian);
    if (captured > MAX_CAPTURED) {
      const message = `pcap record of ${captured} octets, over ${MAX_CAPTURED}`;
      return { end: offset, error: new FtpSecurityError('syntax/bad-file', message, { offset }) };
    }
    if (byteLength - offset - RECORD_HEADER < captured) {
      return { end: offset, error: new FtpSecurityError('syntax/truncated', 'pcap record', { offset }) };
    }
    offset += RECORD_HEADER + captured;
  }
  return { end: offset };
}

function* readRecords(view: DataView, { littleEndian, fraction }: Format, end: number): Generator<CapturedPacket> {
  // Only the low 16 bits name the link layer; those above tell of a frame check sequence, which no IP length covers.
  const linkType = view.getUint32(20, littleEndian) & 0xffff;
  let offset = FILE_HEADER;
  while (offset < end) {
    const seconds = BigInt(view.getUint32(offset, littleEndian));
    const time = seconds * 1_000_000_000n + BigInt(view.getUint32(offset + 4, littleEndian)) * fraction;
    const captured = view.getUint32(offset + 8, littleEndian);
    const originalLength = view.getUint32(offset + 12, littleEndian);
    offset += RECORD_HEADER;
    // A plain Uint8Array, whatever the caller's octets are.
    const data = new Uint8Array(view.buffer, view.byteOffset + offset, captured);
    yield { time, linkType, data, originalLength };
    offset += captured;
  }
}
