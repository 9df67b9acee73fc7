/**
 * `verify --extract DIR`: writes the files of data connections that were verified to their end, and a manifest of all.
 * It writes only inside the directory, overwrites nothing, and keeps no incomplete file.
 */
import { closeSync, linkSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { DataRecord, Transfer, TransferSink } from '../capture/index.js';
import { InputError } from './status.js';

/** The longest file name in characters, before a number or an ending is added; file systems allow 255 octets. */
const MAX_NAME = 100;
/** How many numbers are tried for files with the same name. */
const MAX_SAME = 100_000;

/** A line of the manifest. */
interface Entry {
  /** The name in the directory; null if the file is not kept. */
  file: string | null;
  /** The name that the client requested. */
  name: string | null;
  command: string | null;
  from: DataRecord['from'];
  level: DataRecord['level'];
  applied: DataRecord['applied'];
  octets: number | null;
  sha256: string | null;
  verdict: DataRecord['verdict'];
  weak: boolean;
  error: DataRecord['error'];
  time: string | null;
  user: string | null;
  /** The number of the control connection, and the recording that contains it. */
  connection: number;
  recording: string;
}

export class ExtractDirectory {
  readonly #directory: string;
  readonly #manifest: number;

  /** @throws InputError if the directory can't be made or written to */
  constructor(directory: string) {
    this.#directory = directory;
    attempt(directory, () => mkdirSync(directory, { recursive: true }));
    this.#manifest = this.#create('manifest', '.jsonl').descriptor;
  }

  /**
   * The sink for the file of a data connection.
   * @param before  the number of connections in earlier recordings, added to the connection's number
   */
  sink({ name, command }: Transfer, recording: string, before: number): TransferSink {
    const wanted = safeName(name, command);
    const part = this.#create(`.${wanted}`, '.part');
    return {
      write: plaintext => attempt(part.path, () => writeAll(part.descriptor, plaintext)),
      end: record => {
        closeSync(part.descriptor);
        const file = isWhole(record) ? this.#keep(part.path, wanted) : null;
        rmSync(part.path);
        this.#note(record, file, recording, before);
      },
    };
  }

  close(): void {
    closeSync(this.#manifest);
  }

  #note(record: DataRecord, file: string | null, recording: string, before: number): void {
    const { name, command, from, level, applied, bytes: octets, sha256, verdict, weak, error, time, user } = record;
    const connection = record.connection + before;
    const facts = { file, name, command, from, level, applied, octets, sha256, verdict, weak, error, time, user };
    const entry: Entry = { ...facts, connection, recording };
    attempt(this.#directory, () => writeAll(this.#manifest, Buffer.from(`${JSON.stringify(entry)}\n`)));
  }

  /** Creates a file under the first name that is not used. */
  #create(stem: string, ending: string): { path: string; descriptor: number } {
    return this.#firstFree(stem, ending, path => ({ path, descriptor: openSync(path, 'wx', 0o600) })).made;
  }

  /** Gives the complete file its name. A link is used because it never replaces another file. */
  #keep(part: string, wanted: string): string {
    const dot = wanted.lastIndexOf('.');
    const [stem, ending] = dot > 0 ? [wanted.slice(0, dot), wanted.slice(dot)] : [wanted, ''];
    return this.#firstFree(stem, ending, path => linkSync(part, path)).name;
  }

  #firstFree<T>(stem: string, ending: string, make: (path: string) => T): { name: string; made: T } {
    for (let number = 1; ; number++) {
      const name = `${stem}${number === 1 ? '' : `-${number}`}${ending}`;
      const path = join(this.#directory, name);
      try {
        return { name, made: make(path) };
      } catch (error) {
        const isTaken = (error as NodeJS.ErrnoException).code === 'EEXIST' && number < MAX_SAME;
        if (!isTaken) throw new InputError(`${path}: ${(error as Error).message}`);
      }
    }
  }
}

/** Whether every octet of the file was verified and no octet is missing. */
function isWhole({ verdict, error, lost }: DataRecord): boolean {
  return verdict === 'verified' && error === null && lost === 0;
}

/**
 * A file name that is valid in any file system: the last part of the requested path, with only letters, digits, dots,
 * hyphens and underscores, and no dot at the beginning.
 */
function safeName(name: string | null, command: string | null): string {
  const last = (name ?? '').split(/[/\\]/).filter(Boolean).at(-1) ?? '';
  const safe = last
    .replace(/[^A-Za-z0-9._-]/g, '_')
    .replace(/^[.-]+/, '')
    .replace(/[.]+$/, '')
    .slice(-MAX_NAME);
  if (RESERVED.test(safe)) return `_${safe}`;
  return safe === '' ? (command ?? 'data').toLowerCase().replace(/[^a-z]/g, '') : safe;
}

/** Windows reserves these names for devices, with any ending. */
const RESERVED = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)|^manifest/i;

function writeAll(descriptor: number, octets: Uint8Array): void {
  for (let at = 0; at < octets.length; ) at += writeSync(descriptor, octets, at);
}

function attempt<T>(path: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw new InputError(`${path}: ${(error as Error).message}`);
  }
}
