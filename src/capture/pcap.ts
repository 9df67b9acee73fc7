/**
 * Classic pcap files (draft-ietf-opsawg-pcap, and libpcap's pcap-savefile(5)): either byte order, microseconds or
 * nanoseconds, versions 2.0 to 2.4, and the modified format of Kuznetzov's libpcap, which has longer record headers.
 */
import { viewOf } from '../bytes.js';
import { FtpSecurityError } from '../errors.js';
import type { ChunkQueue } from './chunk-queue.js';
import type { FormatReader } from './file-format.js';
import type { CapturedPacket } from './packet.js';

export interface PcapVariant {
  /** The number at the beginning of the file, in the byte order of its writer. */
  magic: number;
  /** Nanoseconds in one unit of a record's fraction of a second. */
  unit: bigint;
  recordHeader: number;
}

const MICROSECOND = 1000n;

export const PCAP_VARIANTS: readonly PcapVariant[] = [
  { magic: 0xa1b2c3d4, unit: MICROSECOND, recordHeader: 16 },
  { magic: 0xa1b23c4d, unit: 1n, recordHeader: 16 },
  // After the four fields of the others: interface index, protocol, packet type, and a padding octet.
  { magic: 0xa1b2cd34, unit: MICROSECOND, recordHeader: 24 },
];

/**
 * The most octets that a record may hold. libpcap cuts every packet to this length (MAXIMUM_SNAPLEN), so a longer
 * record is damaged. The file's own snapshot length is not reliable: some writers put 0 or 2^31 - 1 there.
 */
const MAX_CAPTURED = 262_144;

/** Octets of the file header after the magic number. */
const FILE_HEADER = 20;

export class PcapReader implements FormatReader {
  readonly #variant: PcapVariant;
  readonly #littleEndian: boolean;
  #minorVersion: number | undefined;
  #linkType = 0;

  constructor(variant: PcapVariant, littleEndian: boolean) {
    this.#variant = variant;
    this.#littleEndian = littleEndian;
  }

  get opened(): boolean {
    return this.#minorVersion !== undefined;
  }

  next(queue: ChunkQueue): CapturedPacket | undefined {
    if (this.#minorVersion === undefined && !this.#readFileHeader(queue)) return undefined;
    const { recordHeader } = this.#variant;
    if (!queue.has(recordHeader)) return undefined;
    const littleEndian = this.#littleEndian;
    const first = queue.u32(8, littleEndian);
    const second = queue.u32(12, littleEndian);
    const isSwapped = this.#isSwapped(first, second);
    const captured = isSwapped ? second : first;
    if (captured > MAX_CAPTURED) {
      const message = `pcap record of ${captured} octets, over ${MAX_CAPTURED}`;
      throw new FtpSecurityError('syntax/bad-file', message, { offset: queue.offset });
    }
    if (!queue.has(recordHeader + captured)) return undefined;
    const time = this.#time(queue.u32(0, littleEndian), queue.u32(4, littleEndian));
    queue.drop(recordHeader);
    const data = queue.take(captured)!;
    return { time, linkType: this.#linkType, data, originalLength: isSwapped ? first : second };
  }

  truncation(queue: ChunkQueue): FtpSecurityError | undefined {
    if (!this.opened) return new FtpSecurityError('syntax/truncated', 'pcap header', { offset: 0 });
    if (queue.length === 0) return undefined;
    const what = queue.has(this.#variant.recordHeader) ? 'pcap record' : 'pcap record header';
    return new FtpSecurityError('syntax/truncated', what, { offset: queue.offset });
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

  /** Nanoseconds since 1970. Microseconds are exact in a number, which takes less time than a bigint. */
  #time(seconds: number, fraction: number): bigint {
    if (this.#variant.unit === MICROSECOND) return BigInt(1_000_000 * seconds + fraction) * MICROSECOND;
    return BigInt(seconds) * 1_000_000_000n + BigInt(fraction);
  }

  /**
   * Whether the original length comes before the captured one. It did before version 2.3, and some writers of version 2.3 still
   * used that order (libpcap's sf-pcap.c). The captured length is never the greater one.
   */
  #isSwapped(first: number, second: number): boolean {
    return this.#minorVersion! < 3 || (this.#minorVersion === 3 && first > second);
  }
}
