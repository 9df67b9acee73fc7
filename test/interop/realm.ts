/** A private realm on loopback, of MIT's KDC or of Heimdal's, with a service for every encryption type of that side. */
import { type ChildProcess, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { heimdal } from './realm-heimdal.js';
import { mit } from './realm-mit.js';

export type Library = 'mit' | 'heimdal';
export type Environment = Record<string, string>;

/** Runs a program of the library in the realm's folder, to its end. */
export type Run = (program: string, its: string[], extra?: { input?: string; configuration?: string }) => void;

/** What the two libraries do each in its own way. Paths are relative to the realm's folder. */
export interface Installation {
  realm: string;
  /** Name by number, as the library's programs take it. */
  enctypes: Record<number, string>;
  /** Arguments of the compiler. */
  compile(unpacked: string): string[];
  /** The whole `krb5.conf`. */
  configuration(setting: Setting): string;
  /** The database, with `user` in `user.keytab` and each service in a keytab of its own. */
  createDatabase(run: Run): void;
  kdc(environment: Environment, folder: string): ChildProcess;
  /** A forwardable ticket-granting ticket, and one for the service, both in `ENCTYPE.cache`. */
  fillCache(run: Run, enctype: number): void;
}

interface Setting {
  /** Of the KDC, on 127.0.0.1. */
  port: number;
  /** Of the realm. */
  folder: string;
  /** Of the library. */
  unpacked: string;
  /** The name of the one enctype that is permitted. Default every. */
  permitted?: string;
}

const LIBRARIES: Record<Library, Installation> = { mit, heimdal };

/** What a worker has to know of a realm that runs. */
export interface Realm {
  library: Library;
  /** `peer.c` built on the library. */
  program: string;
  folder: string;
  /** Where `install.sh` has unpacked the library. */
  unpacked: string;
  /** Everything permitted. */
  environment: Environment;
}

export function enctypesOf(library: Library): number[] {
  return Object.keys(LIBRARIES[library].enctypes).map(Number);
}

/** The service whose only key is of the enctype; that of its ticket's session key too. */
export const serviceOf = (enctype: number) => `ftp@etype-${enctype}.test`;

export const principalOf = (library: Library, enctype: number) =>
  `ftp/etype-${enctype}.test@${LIBRARIES[library].realm}`;

export const userOf = (library: Library) => `user@${LIBRARIES[library].realm}`;

export const keytabOf = ({ folder }: Realm, enctype: number) => join(folder, `${enctype}.keytab`);

export const cacheOf = ({ folder }: Realm, enctype: number) => join(folder, `${enctype}.cache`);

export interface PeerSetting {
  /** The ticket's enctype alone, or others too. Default `this`. */
  permitted?: 'this' | 'every';
  /** Default: that of the service. */
  keytab?: string;
  /** Default: the one with the ticket for the service. */
  cache?: string;
}

export function peerEnvironment(
  realm: Realm,
  enctype: number,
  { permitted = 'this', keytab = keytabOf(realm, enctype), cache = cacheOf(realm, enctype) }: PeerSetting = {},
): Environment {
  return {
    ...realm.environment,
    KRB5_KTNAME: `FILE:${keytab}`,
    KRB5CCNAME: `FILE:${cache}`,
    ...(permitted === 'this' && { KRB5_CONFIG: join(realm.folder, `${enctype}.conf`) }),
  };
}

/** @param packages  where `install.sh` has unpacked the libraries */
export async function startRealm(
  library: Library,
  packages: string,
  folder: string,
): Promise<[Realm, () => Promise<void>]> {
  const { enctypes, ...its } = LIBRARIES[library];
  const unpacked = join(packages, library);
  const environment = environmentOf(unpacked, folder);
  const program = join(folder, 'peer');
  const port = await freePort();
  const run: Run = (command, args, extra) =>
    void execFileSync(command, args, {
      cwd: folder,
      env: extra?.configuration === undefined ? environment : { ...environment, KRB5_CONFIG: extra.configuration },
      input: extra?.input ?? '',
      stdio: ['pipe', 'ignore', 'pipe'],
    });

  mkdirSync(folder);
  writeFileSync(join(folder, 'krb5.conf'), its.configuration({ port, folder, unpacked }));
  for (const [number, name] of Object.entries(enctypes)) {
    writeFileSync(join(folder, `${number}.conf`), its.configuration({ port, folder, unpacked, permitted: name }));
  }
  compilePeer({ library, unpacked, environment }, program);
  its.createDatabase(run);
  const kdc = its.kdc(environment, folder);
  try {
    await listening(port, kdc);
    for (const number of enctypesOf(library)) its.fillCache(run, number);
  } catch (error) {
    await end(kdc);
    throw error;
  }
  return [{ library, program, folder, unpacked, environment }, () => end(kdc)];
}

/** Ends it, and waits until it writes no more. */
export async function end(kdc: ChildProcess): Promise<void> {
  if (kdc.exitCode !== null || kdc.signalCode !== null) return;
  const ended = once(kdc, 'exit');
  kdc.kill();
  await Promise.race([ended, sleep(5000, undefined, { ref: false })]);
}

/** Builds `peer.c` on the library. @param flags  more for the compiler */
export function compilePeer(realm: Compiled, program: string, flags: readonly string[] = []): void {
  compile(realm, 'peer.c', program, flags);
}

type Compiled = Pick<Realm, 'library' | 'unpacked' | 'environment'>;

/** Builds a program of this folder on the library. */
export function compile(
  { library, unpacked, environment }: Compiled,
  name: string,
  program: string,
  flags: readonly string[] = [],
): void {
  const source = fileURLToPath(new URL(name, import.meta.url));
  const its = [...COMPILE, ...flags, source, '-o', program, ...LIBRARIES[library].compile(unpacked)];
  execFileSync('gcc', its, { env: environment, stdio: ['ignore', 'ignore', 'pipe'] });
}

const COMPILE = ['-std=c11', '-D_POSIX_C_SOURCE=200809L', '-O2', '-Wall', '-Wextra', '-Werror'];

function environmentOf(unpacked: string, folder: string): Environment {
  const programs = ['bin', 'sbin', 'lib/heimdal-servers'].map(name => join(unpacked, 'usr', name));
  return {
    PATH: [...programs, '/usr/bin', '/bin'].join(':'),
    LD_LIBRARY_PATH: `${join(unpacked, 'libraries')}:${join(unpacked, 'libraries/heimdal')}`,
    KRB5_CONFIG: join(folder, 'krb5.conf'),
    KRB5_KDC_PROFILE: join(folder, 'krb5.conf'),
    KRB5RCACHENAME: `file2:${join(folder, 'replays')}`,
    KRB5RCACHEDIR: folder,
    TMPDIR: folder,
  };
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise(resolve => server.close(resolve));
  return port;
}

/** Waits until a daemon accepts connections. */
export async function listening(port: number, daemon: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 100 && daemon.exitCode === null; tries++) {
    const answered = await new Promise<boolean>(resolve => {
      const socket = connect(port, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false));
      socket.on('connect', () => socket.destroy());
    });
    if (answered) return;
    await sleep(50);
  }
  throw new Error(`nothing listens on port ${port}; the status of its daemon is ${daemon.exitCode}`);
}
