/** A folder shown over FTP: paths can't leave it, also by links, and an uploaded file appears only when it is complete. */
import { randomUUID } from 'node:crypto';
import type { Stats } from 'node:fs';
import { copyFile, mkdir, open, readdir, realpath, rename, rm, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join, posix } from 'node:path';
import type { Readable, Writable } from 'node:stream';

/** A name that is refused though the system might take it. */
export class NoSuchPath extends Error {
  readonly code = 'ENOENT';
}

export class Folder {
  /** Without symbolic links. */
  readonly #root: string;
  /** Of the client, from the root: `/a/b`. */
  directory = '/';

  private constructor(root: string) {
    this.#root = root;
  }

  static async at(root: string): Promise<Folder> {
    return new Folder(await realpath(root));
  }

  async enter(name: string): Promise<void> {
    if (!(await stat(await this.#existing(name))).isDirectory()) throw new NoSuchPath('not a directory');
    this.directory = this.#absolute(name);
  }

  /** Lines as of `ls -l`, for one file or all of a directory. */
  async list(name: string): Promise<string[]> {
    const path = await this.#existing(name);
    if (!(await stat(path)).isDirectory()) return [lineOf(basename(path), await stat(path))];
    return contentsOf(path, lineOf);
  }

  /** The facts of a file or directory, and its path (RFC 3659 §7). */
  async entry(name: string): Promise<string> {
    return entryOf(this.#absolute(name), await stat(await this.#existing(name)));
  }

  /** The facts and names of what is in a directory. */
  async entries(name: string): Promise<string[]> {
    return contentsOf(await this.#existing(name), entryOf);
  }

  /** The names of what is in a directory. */
  async names(name: string): Promise<string[]> {
    return contentsOf(await this.#existing(name), it => it);
  }

  /** Size in octets, and time of the last change. */
  async about(name: string): Promise<{ size: number; mtime: Date }> {
    const facts = await stat(await this.#existing(name));
    if (!facts.isFile()) throw new NoSuchPath('not a file');
    return facts;
  }

  /** @param start  octets to leave out */
  async read(name: string, start: number): Promise<Readable> {
    await this.about(name);
    return (await open(await this.#existing(name))).createReadStream({ start });
  }

  /**
   * What is written comes under its name with `keep`, and else leaves no trace.
   * @param start  octets to leave as they are
   */
  async write(name: string, start: number): Promise<{ sink: Writable; keep(): Promise<void>; drop(): Promise<void> }> {
    const path = await this.#place(name);
    const part = join(dirname(path), `.${randomUUID()}`);
    if (start > 0) await copyFile(path, part);
    // A stream that opened the file itself would report a failure before anything listens for it.
    const file = await open(part, 'a');
    await file.truncate(start);
    const sink = file.createWriteStream();
    const drop = async () => {
      sink.destroy();
      await rm(part, { force: true });
    };
    return { sink, keep: () => rename(part, path), drop };
  }

  async remove(name: string): Promise<void> {
    await unlink(await this.#existing(name));
  }

  async make(name: string): Promise<string> {
    await mkdir(await this.#place(name));
    return this.#absolute(name);
  }

  #absolute(name: string): string {
    return posix.resolve('/', this.directory, name);
  }

  async #existing(name: string): Promise<string> {
    const path = await realpath(join(this.#root, this.#absolute(name)));
    if (path !== this.#root && !path.startsWith(`${this.#root}/`)) throw new NoSuchPath('outside the folder');
    return path;
  }

  /** Of a file that need not be there; one that is must not be a link to elsewhere. */
  async #place(name: string): Promise<string> {
    const absolute = this.#absolute(name);
    const path = join(await this.#existing(posix.dirname(absolute)), posix.basename(absolute));
    const there = await realpath(path).catch(() => path);
    if (there !== path) throw new NoSuchPath('a link');
    return path;
  }
}

async function contentsOf(path: string, format: (name: string, facts: Stats) => string): Promise<string[]> {
  const names = (await readdir(path)).filter(it => !it.startsWith('.')).sort();
  return Promise.all(names.map(async it => format(it, await stat(join(path, it)))));
}

function entryOf(name: string, facts: Stats): string {
  const type = facts.isDirectory() ? 'dir' : 'file';
  const mode = (facts.mode & 0o777).toString(8).padStart(4, '0');
  return `type=${type};size=${facts.size};modify=${timeText(facts.mtime)};UNIX.mode=${mode}; ${name}`;
}

/** A time as MDTM and the fact `modify` have it (RFC 3659 §2.3), in UTC. */
export function timeText(time: Date): string {
  return time.toISOString().replace(/\..*|\D/g, '');
}

/** As `ls -l` has it, the year always given: what FTP clients have learned to read. */
function lineOf(name: string, facts: Stats): string {
  const type = facts.isDirectory() ? 'drwxr-xr-x' : '-rw-r--r--';
  const [, day, month, year] = facts.mtime.toUTCString().split(' ');
  return `${type} 1 user group ${`${facts.size}`.padStart(12)} ${month} ${day} ${` ${year}`} ${name}`;
}
