/** Certification authorities that are trusted, with their signing policies and lists of revoked certificates. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { assertBytes, fromUtf8, toHex } from '../../bytes.js';
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
 * authorities with its hash are not trusted, under another hash either.
 * @throws FtpSecurityError `syntax/bad-file` if it contains no authority that can be read; Error if the directory can't be read
 */
export function readTrustDirectory(path: string): GsiTrust {
  const names = readdirSync(path).sort();
  const hashes = new Set(names.flatMap(name => FILE.exec(name)?.[1] ?? []));
  const read: FilesOfHash[] = [];
  const unreadable = new Map<string, string>();
  // An authority may also be there under the hash of older versions of OpenSSL, without the file that can't be read.
  const refused = new Set<string>();
  for (const hash of hashes) {
    const files = names.filter(name => FILE.exec(name)?.[1] === hash);
    const filesOf = (kind: RegExp) =>
      files.filter(name => kind.test(name)).map((name): Uint8Array => readFileSync(join(path, name)));
    let authorities: Certificate[] = [];
    try {
      authorities = filesOf(AUTHORITY).flatMap(authoritiesIn);
      const policies = policiesIn(filesOf(SIGNING_POLICY));
      read.push({ authorities, policies, revocationLists: filesOf(REVOCATION_LIST).map(parseRevocationList) });
    } catch (error) {
      unreadable.set(hash, isOfSystem(error) ? error.message : refusalFrom(error).message);
      for (const { der } of authorities) refused.add(toHex(der));
    }
  }
  const authorities = read.flatMap(it => it.authorities).filter(({ der }) => !refused.has(toHex(der)));
  const policies = policiesAmong(read);
  const revocationLists = read.flatMap(it => it.revocationLists);
  if (authorities.length > 0) return trustOf({ authorities, policies, revocationLists }, unreadable);
  const message = `${path} contains no certificate of an authority that can be read (HASH.0)`;
  throw new FtpSecurityError('syntax/bad-file', message, { side: 'local' });
}

/** What is read from the files with the hash of one name. */
type FilesOfHash = TrustParts & { policies: SigningPolicies };

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
