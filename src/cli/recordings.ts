/** Recordings in files, compressed or not, in directories, and from standard input. */
import { closeSync, createReadStream, mkdtempSync, openSync, readdirSync, readSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addAbortSignal, type Readable } from 'node:stream';
import { type Compression, recordingFormat } from '../capture/index.js';
import { FtpSecurityError } from '../errors.js';
import { type Decompressed, decompress, endsEarly, isSupported } from './decompression.js';
import { attempt, inputError, writeAll } from './files.js';
import type { Interruption } from './progress.js';
import { InputError } from './status.js';

/** Octets that are read at once; also enough to recognise the format of a file. */
const CHUNK = 2 ** 18;

/**
 * How many octets of a pipe or of decompressed data, which can't be read again, are kept in memory. If there are more,
 * they are kept in a temporary file.
 */
const MAX_IN_MEMORY = 2 ** 26;

export interface RecordingFile {
  /** Can be iterated any number of times until the file is closed. */
  chunks: Iterable<Uint8Array>;
  /** Why compressed data could not be decompressed to their end. */
  error: FtpSecurityError | undefined;
  /** How many octets follow the compressed data. */
  behind: number;
  close(): void;
}

/** A file that was named in the arguments, or found in a directory that was named. */
export interface ListedFile {
  file: string;
  /** The directory in which it was found. Files there that are not recordings are skipped. */
  directory: string | undefined;
}

/**
 * The files that the arguments name. A directory means all files in it and in its directories, sorted by name.
 * @throws InputError if a directory can't be read, or has no file
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
    // Links to directories may form a loop. Devices and pipes in a directory are not recordings.
    if (entry.isDirectory()) return filesIn(path);
    return statSync(path, { throwIfNoEntry: false })?.isFile() ? [path] : [];
  });
}

/** The size of plain files in octets, together. */
export function sizeOf(files: readonly ListedFile[]): number {
  return files.reduce((sum, { file }) => sum + (statSync(file, { throwIfNoEntry: false })?.size ?? 0), 0);
}

/**
 * Opens a file, or standard input for `-`. A plain file is read again for each pass; anything else is copied first.
 * @param interruption  ends the copy; what was copied until then is the recording
 * @throws InputError if it can't be read, FtpSecurityError if nothing of it can be decompressed
 */
export async function openRecording(file: string, interruption: Interruption = NEVER): Promise<RecordingFile> {
  if (file === '-') return await spool('standard input', process.stdin, interruption);
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
    if (!isCompressed(firstOf(chunks))) return { chunks, error: undefined, behind: 0, close: () => chunks.close() };
    chunks.close();
  }
  return await spool(file, createReadStream(file), interruption);
}

const NEVER: Interruption = { count: 0 };

/** The octets of an open file, up to its size when it was opened, so that each pass is the same while the file grows. */
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
      // A new chunk each time, because packets are views into it; not filled with zeros, because it is read over.
      const chunk = new Uint8Array(Buffer.allocUnsafeSlow(Math.min(CHUNK, this.#size - at)).buffer);
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

/** Keeps the octets of a stream, decompressed if necessary. */
async function spool(name: string, stream: Readable, interruption: Interruption): Promise<RecordingFile> {
  const store = new Spool(name);
  try {
    const { error, behind } = await fill(store, wholeChunks(stream, interruption));
    // What was copied until an interruption has no end of its own.
    return { chunks: store, error: interruption.count > 0 ? undefined : error, behind, close: () => store.close() };
  } catch (error) {
    store.close();
    throw error instanceof InputError || error instanceof FtpSecurityError ? error : inputError(name, error);
  }
}

async function fill(store: Spool, chunks: AsyncGenerator<Uint8Array>): Promise<Decompressed> {
  const first = await chunks.next();
  if (first.done) return { behind: 0 };
  const format = recordingFormat(first.value);
  if (!isCompression(format) || !isSupported(format)) {
    store.add(first.value);
    for await (const chunk of chunks) store.add(chunk);
    return { behind: 0 };
  }
  const rest = async function* () {
    yield first.value;
    yield* chunks;
  };
  const result = await decompress(format, rest(), octets => store.add(octets));
  // Node does not report a zstd stream that ends early. The truncated capture itself shows it, unless it is empty.
  if (store.length === 0) throw result.error ?? endsEarly(format);
  return result;
}

/**
 * The same octets in larger chunks, so that the first chunk is enough to recognise the format. They end at an
 * interruption, also one that comes while nothing arrives.
 */
async function* wholeChunks(stream: Readable, interruption: Interruption): AsyncGenerator<Uint8Array> {
  let parts: Uint8Array[] = [];
  let length = 0;
  if (interruption.signal !== undefined) addAbortSignal(interruption.signal, stream);
  try {
    for await (const chunk of stream) {
      if (interruption.count > 0) break;
      parts.push(chunk);
      length += chunk.length;
      if (length < CHUNK) continue;
      yield Buffer.concat(parts);
      parts = [];
      length = 0;
    }
  } catch (error) {
    if (interruption.count === 0) throw error;
  }
  if (length > 0) yield Buffer.concat(parts);
}

function isCompression(format: ReturnType<typeof recordingFormat>): format is Compression {
  return format !== undefined && format !== 'capture' && format !== 'text';
}

/**
 * Whether a recording has a compression that is supported here. For any other one, verifyRecording gives an error with
 * a remedy.
 */
function isCompressed(start: Uint8Array): boolean {
  const format = recordingFormat(start);
  return isCompression(format) && isSupported(format);
}

/** The first chunk of a file; no octets if the file is empty. */
export function firstOf(chunks: Iterable<Uint8Array>): Uint8Array {
  for (const chunk of chunks) return chunk;
  return new Uint8Array(0);
}

/**
 * Keeps octets so that they can be iterated again. The temporary file is deleted as soon as it is open, if the system
 * allows that.
 */
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
