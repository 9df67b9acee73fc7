/** Certification authorities that are trusted, with their signing policies and lists of revoked certificates. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { assertBytes, fromUtf8 } from '../../bytes.js';
import { FtpSecurityError, refusalFrom } from '../../errors.js';
import { type Certificate, certificatesOf, parseCertificate } from './certificate.js';
import { parseRevocationList, type RevocationList } from './revocation-list.js';
import { parseSigningPolicy, type SigningPolicies } from './signing-policy.js';

/** Certification authorities that are trusted: the result of {@link gsiTrust} and {@link readTrustDirectory}. */
export interface GsiTrust {
  /** The names of the authorities, such as `/O=Grid/CN=Authority`. */
  readonly names: readonly string[];
  /** Authorities of a directory that are not trusted, as one of their files can't be read: the hash, and why. */
  readonly unreadable: ReadonlyMap<string, string>;
}

/** What the chain of a peer's certificate is checked against. */
export interface TrustParts {
  /** Certificates of authorities. */
  readonly authorities: readonly Certificate[];
  /** By the name of the authority. Undefined: authorities may certify any name. */
  readonly policies: SigningPolicies | undefined;
  readonly revocationLists: readonly RevocationList[];
  /** Names of authorities that are not trusted, as one of their files can't be read; nor is an authority that they have certified. */
  readonly refused: ReadonlySet<string>;
}

/** Files of {@link gsiTrust}, each in PEM or DER. */
export interface GsiTrustFiles {
  /** Certificates of authorities; a PEM file may contain several. What one excludes, those that it has certified may not certify. */
  authorities: readonly Uint8Array[];
  /** Signing policies. If it is given, an authority without one may certify no name. */
  signingPolicies?: readonly Uint8Array[];
  revocationLists?: readonly Uint8Array[];
}

/**
 * Makes a {@link GsiTrust} from files.
 * @throws TypeError if there is no authority, or a file is not a Uint8Array
 * @throws FtpSecurityError `security/bad-token`, `syntax/bad-file` for a file that can't be read
 */
export function gsiTrust({ authorities, signingPolicies, revocationLists = [] }: GsiTrustFiles): GsiTrust {
  assertFiles({ authorities, signingPolicies: signingPolicies ?? [], revocationLists });
  if (authorities.length === 0) throw new TypeError('authorities must not be empty: nothing would be trusted');
  return trustOf({
    authorities: authorities.flatMap(authoritiesIn),
    policies: signingPolicies && policiesIn(signingPolicies),
    revocationLists: revocationLists.map(parseRevocationList),
    refused: new Set(),
  });
}

function assertFiles(lists: Record<string, readonly Uint8Array[]>): void {
  for (const [name, files] of Object.entries(lists)) {
    if (!Array.isArray(files)) throw new TypeError(`${name} must be a list of files, each a Uint8Array`);
    for (const file of files) assertBytes(file, `a file of ${name}`);
  }
}

function policiesIn(files: readonly Uint8Array[]): SigningPolicies {
  return new Map(files.flatMap(file => [...parseSigningPolicy(fromUtf8(file))]));
}

function authoritiesIn(file: Uint8Array): Certificate[] {
  const certificates = certificatesOf(file).map(parseCertificate);
  if (certificates.length > 0) return certificates;
  throw new FtpSecurityError('syntax/bad-file', 'no certificate in PEM or DER', { side: 'local' });
}

function trustOf(parts: TrustParts, unreadable: ReadonlyMap<string, string> = new Map()): GsiTrust {
  const trust = { names: parts.authorities.map(({ subject }) => subject), unreadable };
  PARTS.set(trust, parts);
  return trust;
}

const PARTS = new WeakMap<GsiTrust, TrustParts>();

/** @throws TypeError if it was not made by gsiTrust */
export function trustPartsOf(trust: GsiTrust): TrustParts {
  const parts = PARTS.get(trust);
  if (parts === undefined) throw new TypeError('trust must be the result of gsiTrust or readTrustDirectory');
  return parts;
}

/** Names of files in a directory of authorities: the hash of a name, and a number, as names may have the same hash. */
const FILE = /^([0-9a-f]{8})\.(?:\d+|r\d+|signing_policy)$/;
const AUTHORITY = /\.\d+$/;
const REVOCATION_LIST = /\.r\d+$/;
const SIGNING_POLICY = /\.signing_policy$/;

/**
 * Reads a directory of authorities, such as `/etc/grid-security/certificates`: files `HASH.0`, `HASH.signing_policy` and
 * `HASH.r0`. As Globus requires, an authority without a signing policy may certify no name. If a file can't be read, the
 * authorities with its hash are not trusted, under another hash either, nor is what they have certified.
 * @throws FtpSecurityError `syntax/bad-file` if it contains no authority that can be read; Error if the directory can't be read
 */
export function readTrustDirectory(path: string): GsiTrust {
  const names = readdirSync(path).sort();
  const hashes = new Set(names.flatMap(name => FILE.exec(name)?.[1] ?? []));
  const read: FilesOfHash[] = [];
  const unreadable = new Map<string, string>();
  const refused = new Set<string>();
  for (const hash of hashes) {
    const files = names.filter(name => FILE.exec(name)?.[1] === hash);
    const { parts, error } = readFiles(path, files);
    if (error === undefined) read.push(parts);
    else unreadable.set(hash, error);
    if (error !== undefined) for (const name of namesOf(parts)) refused.add(name);
  }
  const authorities = read.flatMap(it => it.authorities).filter(({ subject }) => !refused.has(subject));
  const policies = policiesAmong(read);
  const revocationLists = read.flatMap(it => it.revocationLists);
  if (authorities.length > 0) return trustOf({ authorities, policies, revocationLists, refused }, unreadable);
  const message = `${path} contains no certificate of an authority that can be read (HASH.0)`;
  throw new FtpSecurityError('syntax/bad-file', message, { side: 'local' });
}

/** What is read from the files with the hash of one name. */
interface FilesOfHash extends Pick<TrustParts, 'authorities' | 'revocationLists'> {
  policies: SigningPolicies;
}

/** Reads what can be read, as it shows whose the other files are. */
function readFiles(path: string, files: readonly string[]): { parts: FilesOfHash; error: string | undefined } {
  let error: string | undefined;
  const tried = <T>(kind: RegExp, read: (files: Uint8Array[]) => T, none: T): T => {
    try {
      return read(files.filter(name => kind.test(name)).map(name => readFileSync(join(path, name))));
    } catch (thrown) {
      error ??= isOfSystem(thrown) ? thrown.message : refusalFrom(thrown).message;
      return none;
    }
  };
  const authorities = tried(AUTHORITY, it => it.flatMap(authoritiesIn), []);
  const policies = tried(SIGNING_POLICY, policiesIn, new Map());
  const revocationLists = tried(REVOCATION_LIST, it => it.map(parseRevocationList), []);
  return { parts: { authorities, policies, revocationLists }, error };
}

/** The names of the authorities that files are for; if no certificate can be read, a policy has them. */
function namesOf({ authorities, policies }: FilesOfHash): string[] {
  return authorities.length > 0 ? authorities.map(({ subject }) => subject) : [...policies.keys()];
}

/** Beside an authority is its own policy alone, as for Globus; those of authorities below it have no certificate beside them. */
function policiesAmong(read: readonly FilesOfHash[]): SigningPolicies {
  const alone = read.flatMap(({ authorities, policies }) => (authorities.length === 0 ? [...policies] : []));
  const own = read.flatMap(({ authorities, policies }) =>
    [...policies].filter(([name]) => authorities.some(({ subject }) => subject === name)),
  );
  return new Map([...alone, ...own]);
}

/** Such as that of a link whose file is gone. */
function isOfSystem(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error;
}
