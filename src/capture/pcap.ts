/**
 * Classic pcap files (draft-ietf-opsawg-pcap, and libpcap's pcap-savefile(5)): either byte order, micro- or nanoseconds,
 * versions 2.0 to 2.4, and the modified format with longer record headers that Kuznetzov's libpcap wrote.
 */
import { viewOf } from '../bytes.js';
import { FtpSecurityError } from '../errors.js';
import type { ChunkQueue } from './chunk-queue.js';
import type { FormatReader } from './file-format.js';
import { u32, u32le } from './numbers.js';
import type { CapturedPacket } from './packet.js';

export interface PcapVariant {
  /** The number that the file begins with, as its writer meant it. */
  magic: number;
  /** Nanoseconds in the unit of a record's fraction of a second. */
  fraction: bigint;
  recordHeader: number;
}

export const PCAP_VARIANTS: readonly PcapVariant[] = [
  { magic: 0xa1b2c3d4, fraction: 1000n, recordHeader: 16 },
  { magic: 0xa1b23c4d, fraction: 1n, recordHeader: 16 },
  // Behind the four fields of the others: index of the interface, protocol, type of packet, a pad octet.
  { magic: 0xa1b2cd34, fraction: 1000n, recordHeader: 24 },
];

/**
 * The most that a packet may hold. libpcap cuts every packet there (MAXIMUM_SNAPLEN), so more is damage. The file's own
 * snapshot length says nothing: writers put 0 or 2^31 - 1 there.
 */
const MAX_CAPTURED = 262_144;

/** The file header behind the magic number. */
const FILE_HEADER = 20;

interface RecordHeader {
  offset: number;
  time: bigint;
  captured: number;
  originalLength: number;
}

export class PcapReader implements FormatReader {
  readonly #variant: PcapVariant;
  readonly #littleEndian: boolean;
  #minorVersion: number | undefined;
  #linkType = 0;
  #record: RecordHeader | undefined;

  constructor(variant: PcapVariant, littleEndian: boolean) {
    this.#variant = variant;
    this.#littleEndian = littleEndian;
  }

  get opened(): boolean {
    return this.#minorVersion !== undefined;
  }

  next(queue: ChunkQueue): CapturedPacket | undefined {
    if (this.#minorVersion === undefined && !this.#readFileHeader(queue)) return undefined;
    this.#record ??= this.#readRecordHeader(queue);
    if (this.#record === undefined) return undefined;
    const { time, captured, originalLength } = this.#record;
    const data = queue.take(captured);
    if (data === undefined) return undefined;
    this.#record = undefined;
    return { time, linkType: this.#linkType, data, originalLength };
  }

  truncation(queue: ChunkQueue): FtpSecurityError | undefined {
    if (!this.opened) return new FtpSecurityError('syntax/truncated', 'pcap header', { offset: 0 });
    if (this.#record !== undefined) {
      return new FtpSecurityError('syntax/truncated', 'pcap record', { offset: this.#record.offset });
    }
    if (queue.length === 0) return undefined;
    return new FtpSecurityError('syntax/truncated', 'pcap record header', { offset: queue.offset });
  }

  #readFileHeader(queue: ChunkQueue): boolean {
    const header = queue.take(FILE_HEADER);
    if (header === undefined) return false;
    const view = viewOf(header);
    const major = view.getUint16(0, this.#littleEndian);
    const minor = view.getUint16(2, this.#littleEndian);
    if (major !== 2 || minor > 4) {
      throw new FtpSecurityError('syntax/bad-file', `pcap version ${major}.${minor}, not 2.0 to 2.4`, { offset: 4 });
    }
    this.#minorVersion = minor;
    // Only the low 16 bits name the link layer; those above tell of a frame check sequence, which no IP length covers.
    this.#linkType = view.getUint32(16, this.#littleEndian) & 0xffff;
    return true;
  }

  #readRecordHeader(queue: ChunkQueue): RecordHeader | undefined {
    const { offset } = queue;
    const header = queue.take(this.#variant.recordHeader);
    if (header === undefined) return undefined;
    const number = this.#littleEndian ? u32le : u32;
    const [captured, originalLength] = this.#lengths(number(header, 8), number(header, 12));
    if (captured > MAX_CAPTURED) {
      const message = `pcap record of ${captured} octets, over ${MAX_CAPTURED}`;
      throw new FtpSecurityError('syntax/bad-file', message, { offset });
    }
    const time = BigInt(number(header, 0)) * 1_000_000_000n + BigInt(number(header, 4)) * this.#variant.fraction;
    return { offset, time, captured, originalLength };
  }

  /**
   * What was captured, and what the packet had. Before version 2.3 they stood the other way round, and some writers of
   * 2.3 had not changed over (libpcap's sf-pcap.c); a capture has at most the whole packet.
   */
  #lengths(first: number, second: number): [captured: number, originalLength: number] {
    const swapped = this.#minorVersion! < 3 || (this.#minorVersion === 3 && first > second);
    return swapped ? [second, first] : [first, second];
  }
}
