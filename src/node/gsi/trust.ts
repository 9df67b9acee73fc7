/** Certification authorities that are trusted, with their signing policies and lists of revoked certificates. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromUtf8 } from '../../bytes.js';
import { FtpSecurityError } from '../../errors.js';
import { type Certificate, certificatesOf, parseCertificate } from './certificate.js';
import { parseRevocationList, type RevocationList } from './revocation-list.js';
import { parseSigningPolicy, type SigningPolicies } from './signing-policy.js';

/** Certification authorities that are trusted: the result of {@link gsiTrust} and {@link readTrustDirectory}. */
export interface GsiTrust {
  /** The names of the authorities, such as `/O=Grid/CN=Authority`. */
  readonly names: readonly string[];
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
  /** Certificates of authorities; a PEM file may contain several. */
  authorities: readonly Uint8Array[];
  /** Signing policies. If it is given, an authority without one may certify no name. */
  signingPolicies?: readonly Uint8Array[];
  revocationLists?: readonly Uint8Array[];
}

/**
 * Makes a {@link GsiTrust} from files.
 * @throws FtpSecurityError `security/bad-token`, `syntax/bad-file` for a file that can't be read
 */
export function gsiTrust({ authorities, signingPolicies, revocationLists = [] }: GsiTrustFiles): GsiTrust {
  const parts: TrustParts = {
    authorities: authorities.flatMap(file => certificatesOf(file).map(parseCertificate)),
    policies: signingPolicies && new Map(signingPolicies.flatMap(file => [...parseSigningPolicy(fromUtf8(file))])),
    revocationLists: revocationLists.map(parseRevocationList),
  };
  const trust = { names: parts.authorities.map(({ subject }) => subject) };
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
const AUTHORITY = /^[0-9a-f]{8}\.\d+$/;
const SIGNING_POLICY = /^[0-9a-f]{8}\.signing_policy$/;
const REVOCATION_LIST = /^[0-9a-f]{8}\.r\d+$/;

/**
 * Reads a directory of authorities, such as `/etc/grid-security/certificates`: files `HASH.0`, `HASH.signing_policy` and
 * `HASH.r0`. As Globus requires, an authority without a signing policy may certify no name.
 * @throws FtpSecurityError `syntax/bad-file` if it contains no authority, or a file can't be read; Error if the directory can't be
 *   read
 */
export function readTrustDirectory(path: string): GsiTrust {
  const names = readdirSync(path).sort();
  const filesOf = (form: RegExp) => names.filter(name => form.test(name)).map(name => readFileSync(join(path, name)));
  const trust = gsiTrust({
    authorities: filesOf(AUTHORITY),
    signingPolicies: filesOf(SIGNING_POLICY),
    revocationLists: filesOf(REVOCATION_LIST),
  });
  if (trust.names.length > 0) return trust;
  throw new FtpSecurityError('syntax/bad-file', `${path} contains no certificate of an authority (HASH.0)`, {
    side: 'local',
  });
}
