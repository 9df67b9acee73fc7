/** Recordings as they lie on a disk: files, compressed or not, directories of them, and standard input. */
import {
  closeSync,
  createReadStream,
  mkdtempSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Transform } from 'node:stream';
import * as zlib from 'node:zlib';
import { type Compression, recordingFormat } from '../capture/index.js';
import { FtpSecurityError } from '../errors.js';
import { InputError } from './status.js';

/** Octets that are read at once, and enough to tell what a file is. */
const CHUNK = 2 ** 18;

/** What can't be read again, as a pipe or what is decompressed, is kept in memory up to here, and in a temporary file beyond. */
const MAX_IN_MEMORY = 2 ** 26;

export interface RecordingFile {
  /** Can be gone through any number of times until it is closed. */
  chunks: Iterable<Uint8Array>;
  /** Why what was compressed could not be decompressed to its end. */
  error: FtpSecurityError | undefined;
  close(): void;
}

/** Decompressors of this Node, as far as it has them: zstd came with 22.15, xz is in none. */
const DECOMPRESSORS: Partial<Record<Compression, () => Transform>> = {
  gzip: zlib.createGunzip,
  ...('createZstdDecompress' in zlib && { zstd: zlib.createZstdDecompress as () => Transform }),
};

/** A file that was named, or found in a directory that was. */
export interface ListedFile {
  file: string;
  /** The directory; what is in there and is no recording is passed over. */
  directory: string | undefined;
}

/**
 * The files that arguments name: those of a directory, and of the directories in it, by name.
 * @throws InputError for a directory that can't be read, or has no file
 */
export function listFiles(names: readonly string[]): ListedFile[] {
  return names.flatMap((name): ListedFile[] => {
    if (name === '-' || !isDirectory(name)) return [{ file: name, directory: undefined }];
    const files = filesIn(name);
    if (files.length === 0) throw new InputError(`${name}: no file is in it`);
    return files.map(file => ({ file, directory: name }));
  });
}

function isDirectory(name: string): boolean {
  return statSync(name, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

function filesIn(directory: string): string[] {
  const entries = attempt(directory, () => readdirSync(directory, { withFileTypes: true }));
  const named = entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  return named.flatMap(entry => {
    const path = join(directory, entry.name);
    // Links to directories may lead back; devices and pipes in a directory are no recordings.
    if (entry.isDirectory()) return filesIn(path);
    return statSync(path, { throwIfNoEntry: false })?.isFile() ? [path] : [];
  });
}

/**
 * Opens a file, or standard input for `-`. A plain file stays where it is, and is read again for each pass.
 * @throws InputError when it can't be read, FtpSecurityError when nothing of it can be decompressed
 */
export async function openRecording(file: string): Promise<RecordingFile> {
  if (file === '-') return await spool('standard input', process.stdin);
  const { size, isPlain } = attempt(file, () => {
    const status = statSync(file);
    return { size: status.size, isPlain: status.isFile() };
  });
  if (isPlain) {
    const chunks = new FileChunks(
      file,
      attempt(file, () => openSync(file, 'r')),
      size,
    );
    if (!isCompressed(firstOf(chunks))) return { chunks, error: undefined, close: () => chunks.close() };
    chunks.close();
  }
  return await spool(file, createReadStream(file));
}

/** The octets of an open file, up to the size that it had: one that still grows is the same for each pass. */
class FileChunks implements Iterable<Uint8Array> {
  readonly #name: string;
  readonly #descriptor: number;
  readonly #size: number;

  constructor(name: string, descriptor: number, size: number) {
    this.#name = name;
    this.#descriptor = descriptor;
    this.#size = size;
  }

  *[Symbol.iterator](): Generator<Uint8Array> {
    for (let at = 0; at < this.#size; ) {
      // Packets are views into the chunk, so each has its own.
      const chunk = new Uint8Array(Math.min(CHUNK, this.#size - at));
      const length = attempt(this.#name, () => readSync(this.#descriptor, chunk, 0, chunk.length, at));
      if (length === 0) return;
      at += length;
      yield chunk.subarray(0, length);
    }
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}

/** Keeps what a stream gives, decompressed where it is compressed. */
async function spool(name: string, stream: AsyncIterable<Uint8Array>): Promise<RecordingFile> {
  const store = new Spool(name);
  try {
    const error = await fill(store, wholeChunks(stream));
    return { chunks: store, error, close: () => store.close() };
  } catch (error) {
    store.close();
    throw error instanceof InputError || error instanceof FtpSecurityError ? error : inputError(name, error);
  }
}

async function fill(store: Spool, chunks: AsyncGenerator<Uint8Array>): Promise<FtpSecurityError | undefined> {
  const first = await chunks.next();
  if (first.done) return undefined;
  const format = recordingFormat(first.value);
  const decompressor = isCompression(format) ? DECOMPRESSORS[format]?.() : undefined;
  if (!isCompression(format) || decompressor === undefined) {
    store.add(first.value);
    for await (const chunk of chunks) store.add(chunk);
    return undefined;
  }
  let failure: Error | undefined;
  const failed = new Promise<void>(resolve => {
    decompressor.once('error', error => {
      failure = error;
      resolve();
    });
  });
  decompressor.on('data', (chunk: Uint8Array) => {
    try {
      store.add(chunk);
    } catch (error) {
      decompressor.destroy(error as Error);
    }
  });
  // One after the other, so that all that comes before damage has been given when it is found.
  const write = (chunk: Uint8Array) =>
    Promise.race([failed, new Promise<void>(resolve => decompressor.write(chunk, () => resolve()))]);
  await write(first.value);
  for await (const chunk of chunks) {
    if (failure !== undefined) break;
    await write(chunk);
  }
  const ended = new Promise<void>(resolve => decompressor.once('end', resolve));
  decompressor.end();
  await Promise.race([failed, ended]);
  if (failure instanceof InputError) throw failure;
  const error = failure && decompressionError(format, failure);
  // Node does not say of zstd that it ends early; a capture that is cut says so itself, if there is any of it.
  if (store.length === 0) throw error ?? endsEarly(format);
  return error;
}

/** The same octets in chunks that are not small, so that the first tells what they are. */
async function* wholeChunks(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let parts: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stream) {
    parts.push(chunk);
    length += chunk.length;
    if (length < CHUNK) continue;
    yield Buffer.concat(parts);
    parts = [];
    length = 0;
  }
  if (length > 0) yield Buffer.concat(parts);
}

function isCompression(format: ReturnType<typeof recordingFormat>): format is Compression {
  return format !== undefined && format !== 'capture' && format !== 'text';
}

/** Only what can be decompressed here: verifying says of anything else what to do. */
function isCompressed(start: Uint8Array): boolean {
  const format = recordingFormat(start);
  return isCompression(format) && DECOMPRESSORS[format] !== undefined;
}

/** The first chunk of a file; nothing, if it is empty. */
export function firstOf(chunks: Iterable<Uint8Array>): Uint8Array {
  for (const chunk of chunks) return chunk;
  return new Uint8Array(0);
}

function decompressionError(format: Compression, error: Error): FtpSecurityError {
  return 'code' in error && error.code === 'Z_BUF_ERROR'
    ? endsEarly(format)
    : new FtpSecurityError('syntax/bad-file', `damaged ${format} data: ${error.message}`);
}

function endsEarly(format: Compression): FtpSecurityError {
  return new FtpSecurityError('syntax/truncated', `${format} data that ends early`);
}

/** Octets that are kept to be gone through again. The temporary file has no name where the system allows that. */
class Spool implements Iterable<Uint8Array> {
  readonly #name: string;
  #chunks: Uint8Array[] = [];
  #length = 0;
  #file: { directory: string; descriptor: number } | undefined;

  constructor(name: string) {
    this.#name = name;
  }

  get length(): number {
    return this.#length;
  }

  add(chunk: Uint8Array): void {
    this.#length += chunk.length;
    if (this.#file === undefined && this.#length <= MAX_IN_MEMORY) {
      this.#chunks.push(chunk);
      return;
    }
    attempt(`${this.#name}: temporary file`, () => {
      this.#file ??= this.#moveToFile();
      writeAll(this.#file.descriptor, chunk);
    });
  }

  [Symbol.iterator](): Iterator<Uint8Array> {
    if (this.#file === undefined) return this.#chunks[Symbol.iterator]();
    return new FileChunks('temporary file', this.#file.descriptor, this.#length)[Symbol.iterator]();
  }

  close(): void {
    this.#chunks = [];
    if (this.#file === undefined) return;
    closeSync(this.#file.descriptor);
    rmSync(this.#file.directory, { recursive: true, force: true });
    this.#file = undefined;
  }

  #moveToFile(): { directory: string; descriptor: number } {
    const directory = mkdtempSync(join(tmpdir(), 'rfc2228-'));
    const descriptor = openSync(join(directory, 'recording'), 'wx+', 0o600);
    if (process.platform !== 'win32') rmSync(directory, { recursive: true });
    for (const chunk of this.#chunks) writeAll(descriptor, chunk);
    this.#chunks = [];
    return { directory, descriptor };
  }
}

function writeAll(descriptor: number, octets: Uint8Array): void {
  for (let at = 0; at < octets.length; ) at += writeSync(descriptor, octets, at);
}

function attempt<T>(name: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw error instanceof InputError ? error : inputError(name, error);
  }
}

function inputError(name: string, error: unknown): InputError {
  return new InputError(`${name}: ${(error as Error).message.split('\n')[0]}`);
}
