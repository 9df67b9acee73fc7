/** Capture files of all supported formats, recognised by their first octets. Octets in, packets out. */
import { assertBytes, startsWith, viewOf } from '../bytes.js';
import { FtpSecurityError } from '../errors.js';
import type { RecordedSecrets } from '../protection/mechanism.js';
import { ChunkQueue } from './chunk-queue.js';
import type { FormatReader } from './file-format.js';
import { Heap } from './heap.js';
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

/** Other packet file formats, so that the error can name a remedy. */
const OTHER_FORMATS: readonly { magic: readonly number[]; name: string }[] = [
  { magic: [0x73, 0x6e, 0x6f, 0x6f], name: 'a snoop file' },
  { magic: [0x47, 0x4d, 0x42, 0x55], name: 'a file of Microsoft Network Monitor' },
  { magic: [0xa1, 0xb2, 0x34, 0xcd], name: 'a pcap file of another kind' },
  { magic: [0xcd, 0x34, 0xb2, 0xa1], name: 'a pcap file of another kind' },
];

/** How many octets distinguish all of these formats. */
export const MAGIC_LENGTH = 4;

/** The compression of a file; undefined if its first octets show none. */
export function compressionOf(start: Uint8Array): Compression | undefined {
  return COMPRESSIONS.find(({ magic }) => startsWith(start, magic))?.name;
}

/** Whether a file begins as a capture in one of the supported formats. */
export function isCapture(start: Uint8Array): boolean {
  return formatOf(start) !== undefined;
}

/** The error for a file that is not a capture; it names a remedy if one is known. */
export function noCapture(start: Uint8Array): FtpSecurityError {
  const compression = compressionOf(start);
  const other = OTHER_FORMATS.find(({ magic }) => startsWith(start, magic));
  const message =
    compression !== undefined
      ? `compressed with ${compression}: decompress it first (${compression} -dc FILE)`
      : other !== undefined
        ? `${other.name}: convert it to pcapng (editcap FILE NEW.pcapng)`
        : 'not a capture file, packets in hex or a text transcript';
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

/**
 * Reads one capture file, in chunks of any size. Packets are views into the chunks if possible, so chunks must not be
 * changed.
 */
export class CaptureReader {
  readonly #queue = new ChunkQueue();
  #format: FormatReader | undefined;
  #closed = false;
  #error: FtpSecurityError | undefined;

  /** Whether the file header has been read. After that, damage does not affect the packets before it. */
  get opened(): boolean {
    return this.#format?.opened ?? false;
  }

  /** The decryption secrets found in the file so far. */
  get secrets(): readonly RecordedSecrets[] {
    return this.#format instanceof PcapngReader ? this.#format.secrets : [];
  }

  push(chunk: Uint8Array): void {
    assertBytes(chunk, 'chunk');
    this.#queue.push(chunk);
  }

  /** Ends the input. A record that is not complete by then is truncated. */
  close(): void {
    this.#closed = true;
  }

  /**
   * The next packet; undefined if more octets are needed first, and at the end.
   * @throws FtpSecurityError `syntax/bad-file` if this is not a capture file, or is damaged; `syntax/truncated` if it
   *   ends within a record, with the offset of that record. Nothing can be read after an error, so it is thrown again
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

/** Packets that are read again on each iteration. */
export interface Capture extends Iterable<CapturedPacket> {
  /** Why the last iteration ended before the end of the file. */
  readonly error: FtpSecurityError | undefined;
  /** The decryption secrets that the last iteration found. */
  readonly secrets: readonly RecordedSecrets[];
}

/**
 * The files of one capture: a rotated one, or one of several taps. Where the times of files overlap, their packets are merged in the
 * order of time; the packets of each file keep their own order.
 */
export class JoinedCapture implements Capture {
  /** In the order of their first packets. */
  readonly #files: readonly { file: Capture; time: bigint }[];

  /** @throws FtpSecurityError if one of them is not a capture */
  constructor(files: readonly Capture[]) {
    const begun = files.map(file => ({ file, time: firstTimeOf(file) }));
    this.#files = begun.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
  }

  get error(): FtpSecurityError | undefined {
    return this.#files.find(({ file: { error } }) => error !== undefined)?.file.error;
  }

  get secrets(): readonly RecordedSecrets[] {
    return this.#files.flatMap(({ file: { secrets } }) => secrets);
  }

  *[Symbol.iterator](): Generator<CapturedPacket> {
    const open = new Heap<OpenFile>(isBefore);
    let begun = 0;
    try {
      for (;;) {
        for (; begun < this.#files.length; begun++) {
          const { file, time } = this.#files[begun]!;
          if (open.first !== undefined && open.first.time < time) break;
          const packets = file[Symbol.iterator]();
          next(open, { packets, packet: undefined, time, place: begun });
        }
        const { first } = open;
        if (first === undefined) return;
        yield first.packet!;
        open.pop();
        next(open, first);
      }
    } finally {
      for (let file = open.pop(); file !== undefined; file = open.pop()) file.packets.return?.();
    }
  }
}

/** A file of which some packets have been read. */
interface OpenFile {
  packets: Iterator<CapturedPacket>;
  /** The next one. */
  packet: CapturedPacket | undefined;
  /** Its time, or that of the packet before if it has none. */
  time: bigint;
  /** Index in the order of the first packets. */
  place: number;
}

function isBefore(a: OpenFile, b: OpenFile): boolean {
  return a.time < b.time || (a.time === b.time && a.place < b.place);
}

/** Reads the next packet of a file; after the last one, the file is not open any more. */
function next(open: Heap<OpenFile>, file: OpenFile): void {
  const read = file.packets.next();
  if (read.done) return;
  file.packet = read.value;
  file.time = file.packet.time ?? file.time;
  open.push(file);
}

/** The first packet time in a capture. Files without times come before the others, in their given order. */
function firstTimeOf(file: Capture): bigint {
  for (const { time } of file) if (time !== undefined) return time;
  return 0n;
}

/** The packets of a capture file, read again on each iteration. */
export class CaptureFile implements Capture {
  readonly #chunks: Iterable<Uint8Array>;
  #error: FtpSecurityError | undefined;
  #reader: CaptureReader | undefined;

  /** @param chunks  the file; each iteration must give the same octets */
  constructor(chunks: Iterable<Uint8Array>) {
    this.#chunks = chunks;
  }

  get error(): FtpSecurityError | undefined {
    return this.#error;
  }

  get secrets(): readonly RecordedSecrets[] {
    return this.#reader?.secrets ?? [];
  }

  /** @throws FtpSecurityError if this is not a capture, or its header is damaged or incomplete */
  [Symbol.iterator](): Iterator<CapturedPacket> {
    this.#error = undefined;
    const reader = new CaptureReader();
    this.#reader = reader;
    return new Packets(reader, this.#chunks[Symbol.iterator](), error => {
      this.#error = error;
    });
  }
}

/** Not a generator: there are many packets, and a generator takes several times as long for each. */
class Packets implements Iterator<CapturedPacket> {
  readonly #reader: CaptureReader;
  readonly #chunks: Iterator<Uint8Array>;
  readonly #onError: (error: FtpSecurityError) => void;
  #ended = false;

  /** @param onError  receives why the packets end before the end of the file */
  constructor(reader: CaptureReader, chunks: Iterator<Uint8Array>, onError: (error: FtpSecurityError) => void) {
    this.#reader = reader;
    this.#chunks = chunks;
    this.#onError = onError;
  }

  next(): IteratorResult<CapturedPacket, undefined> {
    try {
      for (;;) {
        const value = this.#reader.next();
        if (value !== undefined) return { done: false, value };
        if (this.#ended) return END;
        this.#feed();
      }
    } catch (error) {
      this.return();
      if (!(error instanceof FtpSecurityError) || !this.#reader.opened) throw error;
      this.#onError(error);
      return END;
    }
  }

  return(): IteratorResult<CapturedPacket, undefined> {
    this.#chunks.return?.();
    return END;
  }

  #feed(): void {
    const chunk = this.#chunks.next();
    if (chunk.done === true) {
      this.#ended = true;
      this.#reader.close();
    } else this.#reader.push(chunk.value);
  }
}

const END: IteratorResult<CapturedPacket, undefined> = { done: true, value: undefined };
