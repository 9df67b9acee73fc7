/** Decompresses recordings, and counts what follows the compressed data. */
import { accessSync, constants } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';
import { Readable, type Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import * as zlib from 'node:zlib';
import type { Compression } from '../capture/index.js';
import { FtpSecurityError } from '../errors.js';
import { InputError } from './status.js';

export interface Decompressed {
  /** Why the data could not be decompressed to their end. */
  error?: FtpSecurityError;
  /** How many octets that are not compressed data follow it; zeros at the end are padding, and not counted. */
  behind: number;
}

/** Receives decompressed octets. */
type Add = (octets: Uint8Array) => void;

/** Decompresses a file, and gives the octets before any damage. @throws what `add` throws */
type Decompress = (input: Input, add: Add) => Promise<Decompressed>;

/** The compressions that this version of Node has: zstd came with 22.15, and no version has the others. */
const FORMATS: Partial<Record<Compression, Decompress>> = {
  gzip,
  ...('createZstdDecompress' in zlib && { zstd }),
};

/** Whether files of this compression can be decompressed: by Node, or by the program of that name. */
export function isSupported(format: Compression): boolean {
  return FORMATS[format] !== undefined || programOf(format) !== undefined;
}

/** @param chunks  the file, in chunks that are not empty */
export function decompress(format: Compression, chunks: AsyncIterator<Uint8Array>, add: Add): Promise<Decompressed> {
  const input = new Input(chunks);
  return FORMATS[format]?.(input, add) ?? byProgram(format, programOf(format)!, input, add);
}

/**
 * The path of the program that has the name of a compression, as `xz`. Not on Windows, where a program may come from the folder that is
 * being read, and only from folders of PATH that are absolute, for the same reason.
 */
function programOf(format: Compression): string | undefined {
  if (process.platform === 'win32') return undefined;
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter(isAbsolute);
  return folders.map(folder => join(folder, format)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export function endsEarly(format: Compression): FtpSecurityError {
  return new FtpSecurityError('syntax/truncated', `${format} data that ends early`);
}

/** Octets that are taken in parts. */
class Input {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #octets: Uint8Array = NOTHING;

  constructor(chunks: AsyncIterator<Uint8Array>) {
    this.#chunks = chunks;
  }

  /** The next octets, at least one; undefined at the end. */
  async next(): Promise<Uint8Array | undefined> {
    const octets = this.#octets;
    this.#octets = NOTHING;
    if (octets.length > 0) return octets;
    const chunk = await this.#chunks.next();
    return chunk.done ? undefined : chunk.value;
  }

  /** Gives octets back. */
  unread(octets: Uint8Array): void {
    this.#octets = this.#octets.length === 0 ? octets : Buffer.concat([octets, this.#octets]);
  }

  /** The next octets, which stay there: as many as are asked for, or less at the end. */
  async peek(count: number): Promise<Uint8Array> {
    while (this.#octets.length < count) {
      const chunk = await this.#chunks.next();
      if (chunk.done) break;
      this.#octets = Buffer.concat([this.#octets, chunk.value]);
    }
    return this.#octets.subarray(0, count);
  }

  drop(count: number): void {
    this.#octets = this.#octets.subarray(count);
  }

  /** Drops the zeros that come next. */
  async skipZeros(): Promise<void> {
    for (let octets = await this.next(); octets !== undefined; octets = await this.next()) {
      const at = octets.findIndex(octet => octet !== 0);
      if (at === -1) continue;
      this.unread(octets.subarray(at));
      return;
    }
  }

  /** Counts all octets that are left, without the zeros at their end. */
  async countRest(): Promise<number> {
    let [count, zeros] = [0, 0];
    for (let octets = await this.next(); octets !== undefined; octets = await this.next()) {
      let length = octets.length;
      while (length > 0 && octets[length - 1] === 0) length--;
      if (length > 0) {
        count += zeros + length;
        zeros = 0;
      }
      zeros += octets.length - length;
    }
    return count;
  }
}

const NOTHING = new Uint8Array(0);

/** The members of a gzip file (RFC 1952 §2.2). */
async function gzip(input: Input, add: Add): Promise<Decompressed> {
  for (let isFirst = true; ; isFirst = false) {
    const length = await headerLength(input);
    if (length === undefined) {
      if (isFirst) return { error: damaged('gzip', 'bad header'), behind: 0 };
      return { behind: await input.countRest() };
    }
    if ((await input.peek(length)).length < length) return { error: endsEarly('gzip'), behind: 0 };
    input.drop(length);
    const { error, crc, octets } = await inflate(input, add);
    if (error !== undefined) return { error, behind: 0 };
    const trailer = await input.peek(8);
    if (trailer.length < 8) return { error: endsEarly('gzip'), behind: 0 };
    input.drop(8);
    const view = new DataView(trailer.buffer, trailer.byteOffset, 8);
    if (view.getUint32(0, true) !== crc || view.getUint32(4, true) !== octets % 2 ** 32)
      return { error: damaged('gzip', 'wrong checksum'), behind: 0 };
    await input.skipZeros();
  }
}

/** The flags of a member (RFC 1952 §2.3.1). */
const [HEADER_CRC, EXTRA, NAME, COMMENT] = [2, 4, 8, 16];
/** How long the header of a member may be, in octets: it has a name and a comment. */
const MAX_HEADER = 2 ** 20;

/** The length of the header of a member; more than there is if the file ends in it; undefined if the octets are not a header. */
async function headerLength(input: Input): Promise<number | undefined> {
  const start = await input.peek(10);
  if (start[0] !== 0x1f || start[1] !== 0x8b || start[2] !== 8) return undefined;
  const flags = start[3] ?? 0;
  let length = 10;
  if ((flags & EXTRA) !== 0) {
    const [low = 0, high = 0] = (await input.peek(length + 2)).subarray(length);
    length += 2 + low + 256 * high;
  }
  for (const flag of [NAME, COMMENT]) {
    if ((flags & flag) === 0) continue;
    const end = await zeroAt(input, length);
    if (end === undefined) return undefined;
    length = end + 1;
  }
  return (flags & HEADER_CRC) === 0 ? length : length + 2;
}

/** Where the next zero is; the end if there is none, and undefined if it is too far. */
async function zeroAt(input: Input, from: number): Promise<number | undefined> {
  for (let count = from + 64; count <= MAX_HEADER; count *= 2) {
    const octets = await input.peek(count);
    const at = octets.indexOf(0, from);
    if (at !== -1) return at;
    if (octets.length < count) return octets.length;
  }
  return undefined;
}

/** Decompresses one member. */
async function inflate(input: Input, add: Add): Promise<{ error?: FtpSecurityError; crc: number; octets: number }> {
  let [crc, octets] = [0, 0];
  const error = await transform('gzip', zlib.createInflateRaw(), input, chunk => {
    crc = zlib.crc32(chunk, crc);
    octets += chunk.length;
    add(chunk);
  });
  return { ...(error && { error }), crc, octets };
}

/** The frames of a zstd file (RFC 8878 §3.1). */
async function zstd(input: Input, add: Add): Promise<Decompressed> {
  const create = (zlib as unknown as { createZstdDecompress: () => Decompressor }).createZstdDecompress;
  for (let isFirst = true; isFirst || isFrame(await input.peek(4)); isFirst = false) {
    const error = await transform('zstd', create(), input, add);
    if (error !== undefined) return { error, behind: 0 };
  }
  return { behind: await input.countRest() };
}

/** Whether octets begin a frame, or one to be skipped. */
function isFrame(start: Uint8Array): boolean {
  if (start.length < 4) return false;
  const magic = new DataView(start.buffer, start.byteOffset, 4).getUint32(0, true);
  return magic === 0xfd2fb528 || magic >>> 4 === 0x184d2a5;
}

/** What a program has to say of damage, in octets. */
const MAX_COMPLAINT = 4096;

/** Decompresses by a program. What follows the data is for the program to judge. */
async function byProgram(format: Compression, program: string, input: Input, add: Add): Promise<Decompressed> {
  const { spawn } = await import('node:child_process');
  const child = spawn(program, ['-dc'], { env: { ...process.env, LC_ALL: 'C' } });
  let complaint = '';
  const status = new Promise<number | null>(resolve => {
    child.once('close', resolve).once('error', ({ message }) => {
      complaint = message;
      resolve(null);
    });
  });
  child.stderr.setEncoding('latin1').on('data', (text: string) => {
    complaint = (complaint + text).slice(0, MAX_COMPLAINT);
  });
  // A program that ends early takes no more; its status shows why.
  const fed = pipeline(Readable.from(octetsOf(input), { objectMode: false }), child.stdin).catch(() => undefined);
  try {
    for await (const octets of child.stdout) add(octets);
  } catch (error) {
    child.kill();
    throw error;
  }
  await fed;
  return (await status) === 0 ? { behind: 0 } : { error: damaged(format, reasonOf(format, complaint)), behind: 0 };
}

/** The first line that a program has printed, as `xz: (stdin): Unexpected end of input`, without the names. */
function reasonOf(format: Compression, complaint: string): string {
  const [line = ''] = complaint.split('\n').filter(text => text.trim() !== '');
  const reason = line.replace(/^[^:]*: *(?:\(?(?:std)?in\)?)?[ :]*/, '').replace(/[^ -~]/g, '?');
  return reason.trim().replace(/;$/, '') || `${format} can't read them`;
}

async function* octetsOf(input: Input): AsyncGenerator<Uint8Array> {
  for (let octets = await input.next(); octets !== undefined; octets = await input.next()) yield octets;
}

/** `bytesWritten` counts the octets that it has decompressed. */
type Decompressor = Transform & { readonly bytesWritten: number };

/**
 * Decompresses to the end of the data, and gives back what follows.
 * @returns why it failed; undefined if it did not
 */
async function transform(
  format: Compression,
  decompressor: Decompressor,
  input: Input,
  add: Add,
): Promise<FtpSecurityError | undefined> {
  let failure: Error | undefined;
  const failed = new Promise<void>(resolve => {
    decompressor.once('error', error => {
      failure = error;
      resolve();
    });
  });
  decompressor.on('data', (chunk: Uint8Array) => {
    try {
      add(chunk);
    } catch (error) {
      decompressor.destroy(error as Error);
    }
  });
  let isOver = false;
  const ended = new Promise<void>(resolve => {
    decompressor.once('end', () => {
      isOver = true;
      resolve();
    });
  });
  // One chunk after the other, so that all octets before damaged data are given before the error is found. Where something
  // follows the data, Node ends the output, and never answers the write.
  let written = 0;
  for (let chunk = await input.next(); chunk !== undefined; chunk = await input.next()) {
    const octets = chunk;
    await Promise.race([failed, ended, new Promise<void>(resolve => decompressor.write(octets, () => resolve()))]);
    written += octets.length;
    if (isOver) input.unread(octets.subarray(octets.length - (written - decompressor.bytesWritten)));
    if (isOver || failure !== undefined) break;
  }
  if (!isOver) decompressor.end();
  await Promise.race([failed, ended]);
  if (failure === undefined) return undefined;
  if (!('code' in failure) || failure instanceof InputError) throw failure;
  return failure.code === 'Z_BUF_ERROR' ? endsEarly(format) : damaged(format, failure.message);
}

function damaged(format: Compression, reason: string): FtpSecurityError {
  return new FtpSecurityError('syntax/bad-file', `damaged ${format} data: ${reason}`);
}
