/**
 * Classic pcap files (draft-ietf-opsawg-pcap, and libpcap's pcap-savefile(5)): either byte order, microseconds or
 * nanoseconds, versions 2.0 to 2.4, and the modified format of Kuznetzov's libpcap, which has longer record headers.
 */
import { viewOf } from '../bytes.js';
import { FtpSecurityError } from '../errors.js';
import type { ChunkQueue } from './chunk-queue.js';
import type { FormatReader } from './file-format.js';
import { u32, u32le } from './numbers.js';
import type { CapturedPacket } from './packet.js';

export interface PcapVariant {
  /** The number at the beginning of the file, in the byte order of its writer. */
  magic: number;
  /** Nanoseconds in one unit of a record's fraction of a second. */
  fraction: bigint;
  recordHeader: number;
}

export const PCAP_VARIANTS: readonly PcapVariant[] = [
  { magic: 0xa1b2c3d4, fraction: 1000n, recordHeader: 16 },
  { magic: 0xa1b23c4d, fraction: 1n, recordHeader: 16 },
  // After the four fields of the others: interface index, protocol, packet type, and a padding octet.
  { magic: 0xa1b2cd34, fraction: 1000n, recordHeader: 24 },
];

/**
 * The most octets that a record may hold. libpcap cuts every packet to this length (MAXIMUM_SNAPLEN), so a longer
 * record is damaged. The file's own snapshot length is not reliable: some writers put 0 or 2^31 - 1 there.
 */
const MAX_CAPTURED = 262_144;

/** Octets of the file header after the magic number. */
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
    // Only the low 16 bits are the link type. The high bits describe a frame check sequence, which is ignored because
    // it is after the end of the IP packet.
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
   * The captured length and the original length. Before version 2.3 they were in the opposite order, and some writers
   * of version 2.3 still used that order (libpcap's sf-pcap.c). The captured length is never the greater one.
   */
  #lengths(first: number, second: number): [captured: number, originalLength: number] {
    const swapped = this.#minorVersion! < 3 || (this.#minorVersion === 3 && first > second);
    return swapped ? [second, first] : [first, second];
  }
}
