/** Capture files of any format, known by how they begin. Octets in, packets out. */
import { assertBytes, startsWith, viewOf } from '../bytes.js';
import { FtpSecurityError } from '../errors.js';
import type { RecordedSecrets } from '../protection/mechanism.js';
import { ChunkQueue } from './chunk-queue.js';
import type { FormatReader } from './file-format.js';
import type { CapturedPacket } from './packet.js';
import { PCAP_VARIANTS, PcapReader } from './pcap.js';
import { PcapngReader, SECTION_HEADER } from './pcapng.js';

/** A compression format, recognised by its first octets. */
export type Compression = 'gzip' | 'zstd' | 'xz' | 'bzip2' | 'lz4';

const COMPRESSIONS: readonly { magic: readonly number[]; name: Compression }[] = [
  { magic: [0x1f, 0x8b], name: 'gzip' },
  { magic: [0x28, 0xb5, 0x2f, 0xfd], name: 'zstd' },
  { magic: [0xfd, 0x37, 0x7a, 0x58], name: 'xz' },
  { magic: [0x42, 0x5a, 0x68], name: 'bzip2' },
  { magic: [0x04, 0x22, 0x4d, 0x18], name: 'lz4' },
];

/** Other files of packets, so that the error can say what to do. */
const OTHER_FORMATS: readonly { magic: readonly number[]; name: string }[] = [
  { magic: [0x73, 0x6e, 0x6f, 0x6f], name: 'a snoop file' },
  { magic: [0x47, 0x4d, 0x42, 0x55], name: 'a file of Microsoft Network Monitor' },
  { magic: [0xa1, 0xb2, 0x34, 0xcd], name: 'a pcap file of another kind' },
  { magic: [0xcd, 0x34, 0xb2, 0xa1], name: 'a pcap file of another kind' },
];

/** Octets that tell all of these apart. */
export const MAGIC_LENGTH = 4;

/** How a file is compressed; undefined when it is not, as far as its first octets tell. */
export function compressionOf(start: Uint8Array): Compression | undefined {
  return COMPRESSIONS.find(({ magic }) => startsWith(start, magic))?.name;
}

/** Whether a file begins as a capture does that is read here. */
export function isCapture(start: Uint8Array): boolean {
  return formatOf(start) !== undefined;
}

/** The error for a file that is no capture; it says what to do where that is known. */
export function noCapture(start: Uint8Array): FtpSecurityError {
  const compression = compressionOf(start);
  const other = OTHER_FORMATS.find(({ magic }) => startsWith(start, magic));
  const message =
    compression !== undefined
      ? `compressed with ${compression}: decompress it first (${compression} -dc FILE)`
      : other !== undefined
        ? `${other.name}: convert it to pcapng`
        : 'not a capture file';
  return new FtpSecurityError('syntax/bad-file', message, { offset: 0 });
}

function formatOf(start: Uint8Array): FormatReader | undefined {
  if (start.length < MAGIC_LENGTH) return undefined;
  for (const littleEndian of [true, false]) {
    const magic = viewOf(start).getUint32(0, littleEndian);
    if (magic === SECTION_HEADER) return new PcapngReader();
    const variant = PCAP_VARIANTS.find(it => it.magic === magic);
    if (variant !== undefined) return new PcapReader(variant, littleEndian);
  }
  return undefined;
}

/** Reads one capture file, in chunks of any size. Packets are views into them where they can be, so leave them alone. */
export class CaptureReader {
  readonly #queue = new ChunkQueue();
  #format: FormatReader | undefined;
  #closed = false;
  #error: FtpSecurityError | undefined;

  /** Whether the header of the file has been read: from there on, damage leaves the packets before it. */
  get opened(): boolean {
    return this.#format?.opened ?? false;
  }

  /** What the file has brought so far to decrypt it with. */
  get secrets(): readonly RecordedSecrets[] {
    return this.#format instanceof PcapngReader ? this.#format.secrets : [];
  }

  push(chunk: Uint8Array): void {
    assertBytes(chunk, 'chunk');
    this.#queue.push(chunk);
  }

  /** Says that nothing comes any more: what is not whole by then is truncated. */
  close(): void {
    this.#closed = true;
  }

  /**
   * The next packet; undefined when more octets must come first, and at the end.
   * @throws FtpSecurityError `syntax/bad-file` when this is no capture file, or damaged, and `syntax/truncated` when it ends
   *   within a record, with the offset of that record. Nothing can be read behind it, so it is thrown again.
   */
  next(): CapturedPacket | undefined {
    if (this.#error !== undefined) throw this.#error;
    try {
      return this.#next();
    } catch (error) {
      if (error instanceof FtpSecurityError) this.#error = error;
      throw error;
    }
  }

  #next(): CapturedPacket | undefined {
    if (this.#format === undefined) {
      const magic = this.#queue.take(MAGIC_LENGTH);
      if (magic === undefined && !this.#closed) return undefined;
      this.#format = formatOf(magic ?? new Uint8Array(0));
      if (this.#format === undefined) throw noCapture(magic ?? new Uint8Array(0));
    }
    const packet = this.#format.next(this.#queue);
    if (packet !== undefined || !this.#closed) return packet;
    const truncation = this.#format.truncation(this.#queue);
    if (truncation !== undefined) throw truncation;
    return undefined;
  }
}

/** Packets that are read anew each time that they are gone through. */
export interface Capture extends Iterable<CapturedPacket> {
  /** Why the packets ended before the file did, the last time. */
  readonly error: FtpSecurityError | undefined;
  /** What the file brought to decrypt it with, the last time. */
  readonly secrets: readonly RecordedSecrets[];
}

/** The files of one capture that was rotated, in the order of their first packets. */
export class JoinedCapture implements Capture {
  readonly #files: readonly Capture[];

  /** @throws FtpSecurityError when one of them is no capture */
  constructor(files: readonly Capture[]) {
    const begun = files.map(file => ({ file, time: firstTimeOf(file) }));
    this.#files = begun.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0)).map(({ file }) => file);
  }

  get error(): FtpSecurityError | undefined {
    return this.#files.find(({ error }) => error !== undefined)?.error;
  }

  get secrets(): readonly RecordedSecrets[] {
    return this.#files.flatMap(({ secrets }) => secrets);
  }

  *[Symbol.iterator](): Generator<CapturedPacket> {
    for (const file of this.#files) yield* file;
  }
}

/** The first time that a capture tells; files without any stay where they are, before the others. */
function firstTimeOf(file: Capture): bigint {
  for (const { time } of file) if (time !== undefined) return time;
  return 0n;
}

/** The packets of a capture file, read anew each time that they are gone through. */
export class CaptureFile implements Capture {
  readonly #chunks: Iterable<Uint8Array>;
  #error: FtpSecurityError | undefined;
  #reader: CaptureReader | undefined;

  /** @param chunks  the file, the same each time that it is gone through */
  constructor(chunks: Iterable<Uint8Array>) {
    this.#chunks = chunks;
  }

  get error(): FtpSecurityError | undefined {
    return this.#error;
  }

  get secrets(): readonly RecordedSecrets[] {
    return this.#reader?.secrets ?? [];
  }

  /** @throws FtpSecurityError when this is no capture, or its header is damaged or not whole */
  *[Symbol.iterator](): Generator<CapturedPacket> {
    this.#error = undefined;
    const reader = new CaptureReader();
    this.#reader = reader;
    try {
      for (const chunk of this.#chunks) {
        reader.push(chunk);
        yield* packetsOf(reader);
      }
      reader.close();
      yield* packetsOf(reader);
    } catch (error) {
      if (!(error instanceof FtpSecurityError) || !reader.opened) throw error;
      this.#error = error;
    }
  }
}

function* packetsOf(reader: CaptureReader): Generator<CapturedPacket> {
  for (let packet = reader.next(); packet !== undefined; packet = reader.next()) yield packet;
}
