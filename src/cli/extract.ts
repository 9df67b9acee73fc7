/**
 * `verify --extract DIR`: writes the files of data connections that were verified to their end, and a manifest of all.
 * It writes only inside the directory, overwrites nothing, and keeps no incomplete file. If a file can't be written, the
 * manifest has the reason, and the verification goes on.
 */
import { closeSync, constants, copyFileSync, linkSync, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { DataRecord, Transfer, TransferSink } from '../capture/index.js';
import { attempt, inputError, makeFolder, writeAll } from './files.js';
import type { Output } from './streams.js';

/** The longest file name in characters, before a number or an ending is added; file systems allow 255 octets. */
const MAX_NAME = 100;
/** How many numbers are tried for files with the same name. */
const MAX_SAME = 100_000;
/** How many errors are reported on standard error; the manifest has all. */
const MAX_ERRORS = 10;

/** A line of the manifest. */
interface Entry {
  /** The name in the directory; null if the file is not kept. */
  file: string | null;
  /** The name that the client requested. */
  name: string | null;
  command: string | null;
  /** Where in the requested file the octets begin; null if that is not known. */
  offset: number | null;
  /** Whether the transfer was of a part of the requested file (REST, APPE, ERET, ESTO). */
  partial: boolean;
  from: DataRecord['from'];
  level: DataRecord['level'];
  applied: DataRecord['applied'];
  octets: number | null;
  sha256: string | null;
  verdict: DataRecord['verdict'];
  /** Whether the capture shows that no block is missing. */
  whole: boolean;
  weak: boolean;
  error: DataRecord['error'] | { code: 'unwritable'; message: string };
  time: string | null;
  user: string | null;
  /** The number of the control connection, and the recording that contains it. */
  connection: number;
  recording: string;
}

export class ExtractDirectory {
  readonly #directory: string;
  readonly #manifest: OpenFile;
  readonly #errors: string[] = [];
  #failures = 0;
  /** Parts of files that are not finished. */
  readonly #open = new Set<Part>();

  /** @throws InputError if the directory can't be made or written to */
  constructor(directory: string) {
    this.#directory = directory;
    attempt(directory, () => makeFolder(directory));
    this.#manifest = this.#create('manifest', '.jsonl');
  }

  /** Whether a file or the manifest could not be written. */
  get failed(): boolean {
    return this.#failures > 0;
  }

  /**
   * The sink for the file of a data connection. It throws nothing.
   * @param before  the number of connections in earlier recordings, added to the connection's number
   */
  sink({ name, command }: Transfer, recording: string, before: number): TransferSink {
    const wanted = safeName(name, command);
    const part = new Part(() => this.#create(`.${wanted}`, '.part'));
    this.#open.add(part);
    return {
      write: plaintext => part.write(plaintext),
      end: record => {
        this.#open.delete(part);
        const file = part.end(isWhole(record) ? path => this.#keep(path, wanted) : undefined);
        if (part.error !== undefined) this.#fail(part.error);
        this.#note(record, file, part.error, recording, before);
      },
    };
  }

  /** Ends the manifest, removes the parts of files that never ended, and reports errors. */
  close(stderr: Output): void {
    for (const part of this.#open) part.end(undefined);
    this.#open.clear();
    closeSync(this.#manifest.descriptor);
    for (const message of this.#errors) stderr.write(`rfc2228: ${message}\n`);
    const more = this.#failures - this.#errors.length;
    if (more > 0) stderr.write(`rfc2228: ${this.#directory}: ${more} more errors, which the manifest has\n`);
  }

  #fail(message: string): void {
    this.#failures++;
    if (this.#errors.length < MAX_ERRORS) this.#errors.push(message);
  }

  #note(record: DataRecord, file: string | null, failure: string | undefined, recording: string, before: number): void {
    const { name, command, offset, from, level, applied, bytes: octets, sha256, verdict, whole } = record;
    const { weak, time, user } = record;
    const error = failure === undefined ? record.error : ({ code: 'unwritable', message: failure } as const);
    const partial = offset !== 0;
    const facts = { file, name, command, offset, partial, from, level, applied, octets, sha256, verdict, whole };
    const entry: Entry = { ...facts, weak, error, time, user, connection: record.connection + before, recording };
    const { path, descriptor } = this.#manifest;
    const written = messageOf(() =>
      attempt(path, () => writeAll(descriptor, Buffer.from(`${JSON.stringify(entry)}\n`))),
    );
    if (written !== undefined) this.#fail(written);
  }

  /** Creates a file under the first name that is not used. */
  #create(stem: string, ending: string): OpenFile {
    return this.#firstFree(stem, ending, path => ({ path, descriptor: openSync(path, 'wx', 0o600) })).made;
  }

  /** Gives the complete file its name, which replaces no other file. @returns the name */
  #keep(part: string, wanted: string): string {
    const dot = wanted.lastIndexOf('.');
    const [stem, ending] = dot > 0 ? [wanted.slice(0, dot), wanted.slice(dot)] : [wanted, ''];
    return this.#firstFree(stem, ending, path => linkOrCopy(part, path)).name;
  }

  #firstFree<T>(stem: string, ending: string, make: (path: string) => T): { name: string; made: T } {
    for (let number = 1; ; number++) {
      const name = `${stem}${number === 1 ? '' : `-${number}`}${ending}`;
      const path = join(this.#directory, name);
      try {
        return { name, made: make(path) };
      } catch (error) {
        const isTaken = codeOf(error) === 'EEXIST' && number < MAX_SAME;
        if (!isTaken) throw inputError(path, error);
      }
    }
  }
}

interface OpenFile {
  path: string;
  descriptor: number;
}

/** The file of a data connection until its end. After an error nothing more is written. */
class Part {
  #file: OpenFile | undefined;
  #error: string | undefined;

  constructor(create: () => OpenFile) {
    this.#attempt(() => {
      this.#file = create();
    });
  }

  /** Why it can't be written. */
  get error(): string | undefined {
    return this.#error;
  }

  write(octets: Uint8Array): void {
    const file = this.#file;
    if (file !== undefined && this.#error === undefined)
      this.#attempt(() => attempt(file.path, () => writeAll(file.descriptor, octets)));
  }

  /**
   * Closes and removes the file.
   * @param keep  gives it another name before; absent if it is not kept
   * @returns that name; null if it is not kept
   */
  end(keep: ((path: string) => string) | undefined): string | null {
    const file = this.#file;
    this.#file = undefined;
    let name: string | null = null;
    if (file === undefined) return name;
    this.#attempt(() => closeSync(file.descriptor));
    if (keep !== undefined && this.#error === undefined) {
      this.#attempt(() => {
        name = keep(file.path);
      });
    }
    this.#attempt(() => rmSync(file.path));
    return name;
  }

  #attempt(run: () => void): void {
    const message = messageOf(run);
    this.#error ??= message;
  }
}

/** The message of the error that a function throws. */
function messageOf(run: () => void): string | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** Not every file system has hard links. A copy takes longer; neither replaces another file. */
function linkOrCopy(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch (error) {
    if (codeOf(error) === 'EEXIST') throw error;
    copyOrRemove(from, to);
  }
}

/** A copy that fails after it has begun leaves no part behind. */
function copyOrRemove(from: string, to: string): void {
  try {
    copyFileSync(from, to, constants.COPYFILE_EXCL);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') rmSync(to, { force: true });
    throw error;
  }
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}

/** Whether every octet of the transfer was verified and none is missing. */
function isWhole({ verdict, whole }: DataRecord): boolean {
  return verdict === 'verified' && whole;
}

/**
 * A file name that is valid in any file system: the last part of the requested path, with only letters, digits, dots,
 * hyphens and underscores, and no dot at the beginning or the end.
 */
function safeName(name: string | null, command: string | null): string {
  const path = LISTINGS.test(command ?? '') ? name?.replace(LIST_OPTIONS, '') : name;
  const last = (path ?? '').split(/[/\\]/).filter(Boolean).at(-1) ?? '';
  const safe = last
    .replace(/[^A-Za-z0-9._-]/g, '_')
    .replace(/\.+$/, '')
    .slice(-MAX_NAME)
    .replace(/^[.-]+/, '');
  if (RESERVED.test(safe)) return `_${safe}`;
  return safe === '' ? (command ?? 'data').toLowerCase().replace(/[^a-z]/g, '') : safe;
}

const LISTINGS = /^(LIST|NLST)$/;
/** Many clients send options of `ls` with a listing, which servers take (basic-ftp always begins with `LIST -a`). */
const LIST_OPTIONS = /^(-\S*(\s+|$))+/;

/** Names that Windows reserves for devices, with any ending, and that of the manifest. */
const RESERVED = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)|^manifest/i;
