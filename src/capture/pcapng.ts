/**
 * pcapng files (draft-ietf-opsawg-pcapng): sections of either byte order, each with its interfaces; enhanced, simple
 * and obsolete packet blocks; decryption secrets. Other blocks are skipped.
 */
import { copy, viewOf } from '../bytes.js';
import { FtpSecurityError } from '../errors.js';
import type { RecordedSecrets } from '../protection/mechanism.js';
import type { ChunkQueue } from './chunk-queue.js';
import type { FormatReader } from './file-format.js';
import type { CapturedPacket } from './packet.js';

/** Type of a section header block, with which a file begins; it reads the same in either byte order. */
export const SECTION_HEADER = 0x0a0d0d0a;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;

/**
 * The longest block, in octets. Wireshark rejects longer blocks too. A packet has 2^18 octets at most; only lists of
 * names and secrets are longer.
 */
const MAX_BLOCK = 2 ** 24;

/** Each interface takes about a hundred octets of memory. A section that describes more interfaces is damaged. */
const MAX_INTERFACES = 2 ** 16;

/** Octets of secrets that are kept: enough for about a hundred thousand TLS connections. */
const MAX_SECRETS = 2 ** 25;

/** The end of the year 9999, in nanoseconds. Damaged files may have any count, and later times can't be written as a date. */
const LATEST = 253_402_300_799_999_999_999n;

interface Interface {
  linkType: number;
  /** In octets; 0 means no limit. */
  snapshotLength: number;
  /** Nanoseconds since 1970-01-01 UTC for the count in a packet block; undefined if the result is not a possible date. */
  timeOf: (ticks: bigint) => bigint | undefined;
}

/** A block whose body has not been read yet. */
interface Block {
  offset: number;
  type: number;
  /** Length of the whole block in octets; undefined until it is known. */
  length: number | undefined;
  /** Octets of the block that are still to be taken from the queue. */
  left: number;
}

export class PcapngReader implements FormatReader {
  /** In the order of the file. */
  readonly secrets: RecordedSecrets[] = [];
  #secretsLength = 0;
  #opened = false;
  #littleEndian = false;
  #interfaces: Interface[] = [];
  // The magic number of the file, which was taken already, is the type of its first block.
  #block: Block | undefined = { offset: 0, type: SECTION_HEADER, length: undefined, left: 0 };

  get opened(): boolean {
    return this.#opened;
  }

  next(queue: ChunkQueue): CapturedPacket | undefined {
    for (;;) {
      const block = this.#begin(queue);
      if (block === undefined) return undefined;
      const rest = queue.take(block.left);
      if (rest === undefined) return undefined;
      this.#block = undefined;
      const view = viewOf(rest);
      if (view.getUint32(rest.length - 4, this.#littleEndian) !== block.length) {
        throw damaged(block, 'pcapng block with two lengths');
      }
      const packet = this.#read(block, new Body(rest.subarray(0, -4), this.#littleEndian, block));
      if (packet !== undefined) return packet;
    }
  }

  truncation(queue: ChunkQueue): FtpSecurityError | undefined {
    if (this.#block === undefined && queue.length === 0) return undefined;
    const offset = this.#block?.offset ?? queue.offset;
    return new FtpSecurityError('syntax/truncated', this.#opened ? 'pcapng block' : 'pcapng header', { offset });
  }

  /** Reads the part before the body of a block: its type and length, and in a section header the byte order. */
  #begin(queue: ChunkQueue): Block | undefined {
    if (this.#block === undefined) {
      const { offset } = queue;
      const type = queue.take(4);
      if (type === undefined) return undefined;
      this.#block = { offset, type: viewOf(type).getUint32(0, this.#littleEndian), length: undefined, left: 0 };
    }
    const block = this.#block;
    if (block.length !== undefined) return block;
    const isSection = block.type === SECTION_HEADER;
    const head = queue.take(isSection ? 8 : 4);
    if (head === undefined) return undefined;
    const view = viewOf(head);
    if (isSection) this.#littleEndian = byteOrder(view, block);
    block.length = view.getUint32(0, this.#littleEndian);
    block.left = block.length - 4 - head.length;
    if (block.length % 4 !== 0 || block.left < 4) throw damaged(block, `pcapng block of ${block.length} octets`);
    if (block.length > MAX_BLOCK) {
      throw damaged(block, `pcapng block of ${block.length} octets, over ${MAX_BLOCK}`);
    }
    return block;
  }

  #read(block: Block, body: Body): CapturedPacket | undefined {
    switch (block.type) {
      case SECTION_HEADER:
        this.#beginSection(body, block);
        return undefined;
      case 1:
        this.#describeInterface(body, block);
        return undefined;
      case 2:
        return this.#packet(body, body.u16(0));
      case 3:
        return this.#simplePacket(body);
      case 6:
        return this.#packet(body, body.u32(0));
      case 10:
        this.#keepSecrets(body);
    }
    return undefined;
  }

  /** §4.1. The length of the section is not needed. The interfaces of the previous section end with it. */
  #beginSection(body: Body, block: Block): void {
    const major = body.u16(0);
    if (major !== 1) throw damaged(block, `pcapng version ${major}.${body.u16(2)}, not 1.0`);
    this.#interfaces = [];
    this.#opened = true;
  }

  /** §4.2. */
  #describeInterface(body: Body, block: Block): void {
    if (this.#interfaces.length === MAX_INTERFACES) throw damaged(block, `more than ${MAX_INTERFACES} interfaces`);
    const [linkType, snapshotLength] = [body.u16(0), body.u32(4)];
    const options = body.options(8);
    const resolution = options.get(9)?.bytes[0] ?? 6;
    const offset = BigInt.asIntN(64, options.get(14)?.u64(0) ?? 0n) * 1_000_000_000n;
    // The high bit chooses between powers of 2 and of 10.
    const unit = resolution & 0x80 ? 1n << BigInt(resolution & 0x7f) : 10n ** BigInt(resolution);
    const timeOf = (ticks: bigint) => {
      const time = (ticks * 1_000_000_000n) / unit + offset;
      return time < 0n || time > LATEST ? undefined : time;
    };
    this.#interfaces.push({ linkType, snapshotLength, timeOf });
  }

  /** §4.3, and appendix A for the obsolete block: they differ only in the width of the interface number. */
  #packet(body: Body, id: number): CapturedPacket {
    const source = this.#interfaces[id];
    const ticks = (BigInt(body.u32(4)) << 32n) | BigInt(body.u32(8));
    const data = body.slice(20, body.u32(12));
    return { time: source?.timeOf(ticks), linkType: source?.linkType, data, originalLength: body.u32(16) };
  }

  /** §4.4: without a time, always of the first interface, and cut at that interface's snapshot length. */
  #simplePacket(body: Body): CapturedPacket {
    const source = this.#interfaces[0];
    const originalLength = body.u32(0);
    const limit = source?.snapshotLength || body.bytes.length;
    const data = body.slice(4, Math.min(originalLength, limit));
    return { time: undefined, linkType: source?.linkType, data, originalLength };
  }

  /** §4.7. */
  #keepSecrets(body: Body): void {
    const [type, data] = [body.u32(0), body.slice(8, body.u32(4))];
    if (this.#secretsLength + data.length > MAX_SECRETS) return;
    this.#secretsLength += data.length;
    this.secrets.push({ type, data: copy(data) });
  }
}

/**
 * The body of a block, in the byte order of its section.
 * @throws FtpSecurityError `syntax/bad-file` for a read past the end, because the block is then damaged
 */
class Body {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  readonly #littleEndian: boolean;
  readonly #block: Block;

  constructor(bytes: Uint8Array, littleEndian: boolean, block: Block) {
    this.bytes = bytes;
    this.#view = viewOf(bytes);
    this.#littleEndian = littleEndian;
    this.#block = block;
  }

  u16(at: number): number {
    this.#need(at + 2);
    return this.#view.getUint16(at, this.#littleEndian);
  }

  u32(at: number): number {
    this.#need(at + 4);
    return this.#view.getUint32(at, this.#littleEndian);
  }

  u64(at: number): bigint {
    this.#need(at + 8);
    return this.#view.getBigUint64(at, this.#littleEndian);
  }

  slice(at: number, length: number): Uint8Array {
    this.#need(at + length);
    return this.bytes.subarray(at, at + length);
  }

  /** §3.5: the options from offset `at` on. If a code is repeated, the last option is used. */
  options(at: number): Map<number, Body> {
    const found = new Map<number, Body>();
    for (let next = at; next < this.bytes.length; ) {
      const [code, length] = [this.u16(next), this.u16(next + 2)];
      if (code === 0) break;
      found.set(code, new Body(this.slice(next + 4, length), this.#littleEndian, this.#block));
      next += 4 + Math.ceil(length / 4) * 4;
    }
    return found;
  }

  #need(end: number): void {
    if (end > this.bytes.length)
      throw damaged(this.#block, `pcapng block of type ${this.#block.type} that is too short`);
  }
}

function byteOrder(head: DataView, block: Block): boolean {
  if (head.getUint32(4, true) === BYTE_ORDER_MAGIC) return true;
  if (head.getUint32(4, false) === BYTE_ORDER_MAGIC) return false;
  throw damaged(block, 'pcapng section without a byte order');
}

function damaged({ offset }: Block, message: string): FtpSecurityError {
  return new FtpSecurityError('syntax/bad-file', message, { offset });
}
