/**
 * The keytab and the credential cache that MIT Kerberos and Heimdal would use: from the environment (KRB5_KTNAME, KRB5CCNAME), from
 * krb5.conf (default_keytab_name, default_ccache_name), or their usual place.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FtpSecurityError } from '../errors.js';
import { type CredentialCache, parseCredentialCache } from '../mechanisms/krb5/files/credential-cache.js';
import { type KeytabEntry, parseKeytab } from '../mechanisms/krb5/files/keytab.js';

/** Where {@link defaultCredentials} and {@link defaultKeytab} look. */
export interface KerberosFilesOptions {
  /** Environment variables. Default `process.env`. */
  env?: Readonly<Record<string, string | undefined>>;
  /** Number of the user whose cache is meant. Default that of the process. */
  uid?: number;
  /** The system's folder for temporary files. Default that of Node. */
  temporaryFolder?: string;
}

/**
 * The credential cache of the user: KRB5CCNAME, else `default_ccache_name` of krb5.conf, else `krb5cc_UID` in the system's folder
 * for temporary files. `FILE:` and `DIR:` are read.
 * @throws FtpSecurityError `security/no-key`, side `local`, with the remedy: there is no cache, or it is of a type that is no file;
 *   `syntax/bad-file` if it can't be parsed
 * @example
 * const exchange = krb5Initiator({ credentials: defaultCredentials(), service: 'ftp@ftp.example.com' });
 */
export function defaultCredentials(options: KerberosFilesOptions = {}): CredentialCache {
  const { env = process.env, temporaryFolder = tmpdir() } = options;
  const fallback = `FILE:${join(temporaryFolder, 'krb5cc_%{uid}')}`;
  const name = env['KRB5CCNAME'] || expand(configured('default_ccache_name', env) ?? fallback, options);
  const path = cacheFile(name);
  return parseCredentialCache(readOrExplain(path, 'credential cache', 'run "kinit", or set KRB5CCNAME'));
}

/**
 * The keytab of this machine's services: KRB5_KTNAME, else `default_keytab_name` of krb5.conf, else /etc/krb5.keytab.
 * @throws FtpSecurityError `security/no-key`, side `local`, with the remedy; `syntax/bad-file`
 * @example
 * const server = new ServerControl(socket, { mechanisms: [krb5({ acceptor: { keytab: defaultKeytab() } })] });
 */
export function defaultKeytab(options: KerberosFilesOptions = {}): KeytabEntry[] {
  const { env = process.env } = options;
  const fallback = 'FILE:/etc/krb5.keytab';
  const name = env['KRB5_KTNAME'] || expand(configured('default_keytab_name', env) ?? fallback, options);
  const [type, path] = typeAndPath(name);
  if (type !== 'FILE' && type !== 'WRFILE')
    throw missing(`a keytab of type ${type} is not a file: set KRB5_KTNAME=FILE:…`);
  return parseKeytab(readOrExplain(path, 'keytab', 'set KRB5_KTNAME, or make one with "ktutil" or "kadmin ktadd"'));
}

function cacheFile(name: string): string {
  const [type, path] = typeAndPath(name);
  if (type === 'FILE') return path;
  if (type === 'DIR') return cacheOfCollection(path);
  throw missing(
    `a credential cache of type ${type} is not a file: run "kinit -c FILE:/tmp/mine", and set KRB5CCNAME=FILE:/tmp/mine`,
  );
}

/** `DIR:folder` means the cache that the file `primary` in it names, `DIR::file` that file. */
function cacheOfCollection(path: string): string {
  if (path.startsWith(':')) return path.slice(1);
  try {
    return join(path, readFileSync(join(path, 'primary'), 'utf8').trim());
  } catch {
    return join(path, 'tkt');
  }
}

/** A name without a type is that of a file. */
function typeAndPath(name: string): [type: string, path: string] {
  const found = /^([A-Za-z]{2,}):(.*)$/s.exec(name);
  return found === null ? ['FILE', name] : [found[1]!.toUpperCase(), found[2]!];
}

/** Replaces the parameters that MIT Kerberos and Heimdal permit in names in krb5.conf. */
function expand(
  name: string,
  { uid = process.getuid?.() ?? 0, temporaryFolder = tmpdir() }: KerberosFilesOptions,
): string {
  return name.replace(/%\{(uid|euid|USERID|TEMP)\}/g, (_, parameter) =>
    parameter === 'TEMP' ? temporaryFolder : String(uid),
  );
}

/** A value of [libdefaults], from the first file of KRB5_CONFIG that has it. */
function configured(key: string, env: Readonly<Record<string, string | undefined>>): string | undefined {
  const files = (env['KRB5_CONFIG'] || '/etc/krb5.conf').split(':');
  for (const file of files) {
    const value = valueIn(linesOf(file, 0), key);
    if (value !== undefined) return value;
  }
  return undefined;
}

function valueIn(lines: Iterable<string>, key: string): string | undefined {
  let section = '';
  for (const line of lines) {
    section = /^\s*\[([^\]]*)\]/.exec(line)?.[1] ?? section;
    const setting = /^\s*([A-Za-z_]+)\s*=\s*(.*?)\s*$/.exec(line);
    if (section === 'libdefaults' && setting?.[1] === key) return setting[2]!.replace(/^"(.*)"$/, '$1');
  }
  return undefined;
}

const MAX_INCLUDES = 10;

/** The lines of a configuration, with those of the files that it includes. A file that can't be read has none. */
function* linesOf(file: string, depth: number): Generator<string> {
  const text = ifReadable(() => readFileSync(file, 'utf8')) ?? '';
  for (const line of text.split('\n')) {
    const [, kind, path] = /^\s*(include|includedir)\s+(\S+)/.exec(line) ?? [];
    if (path === undefined || depth === MAX_INCLUDES) {
      if (!/^\s*[#;]/.test(line)) yield line;
    } else if (kind === 'include') {
      yield* linesOf(path, depth + 1);
    } else {
      const names = ifReadable(() => readdirSync(path)) ?? [];
      for (const name of names.filter(it => /^[\w-]+(\.conf)?$/.test(it)).sort())
        yield* linesOf(join(path, name), depth + 1);
    }
  }
}

function ifReadable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/** Reads a file. The error distinguishes a file that this user may not read from one that is missing, and has the remedy. */
function readOrExplain(path: string, what: string, remedy: string): Uint8Array {
  try {
    return new Uint8Array(readFileSync(path));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const isThere = code !== 'ENOENT' && code !== undefined;
    const fault = isThere ? `the ${what} at ${path} can't be read (${code})` : `no ${what} at ${path}`;
    throw missing(`${fault}: ${remedy}`);
  }
}

function missing(message: string): FtpSecurityError {
  return new FtpSecurityError('security/no-key', message, { side: 'local' });
}
