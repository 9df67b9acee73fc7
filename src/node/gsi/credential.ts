/** Credentials of the grid: a private key with its chain of certificates, from where the tools of the grid keep them. */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { closeSync, existsSync, fstatSync, openSync, readFileSync, type Stats, statSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { assertBytes, fromUtf8 } from '../../bytes.js';
import { FtpSecurityError } from '../../errors.js';
import { certificatesOf, parseCertificate, pemOf } from './certificate.js';

/** A private key with its chain of certificates. */
export interface GsiCredential {
  /** In DER, the one of the key first; each is followed by the one that has signed it. */
  readonly certificates: readonly Uint8Array[];
  readonly key: KeyObject;
}

/**
 * Reads a credential from PEM files. A proxy file has everything: its certificate, the key, and the chain.
 * @param certificates  the certificate of the key first, and then its chain
 * @param key  the private key, without a password. Default: it is in the same file
 * @throws TypeError if an argument is not a Uint8Array
 * @throws FtpSecurityError `syntax/bad-file`
 */
export function parseGsiCredential(certificates: Uint8Array, key: Uint8Array = certificates): GsiCredential {
  assertBytes(certificates, 'certificates');
  assertBytes(key, 'key');
  const chain = certificatesOf(certificates);
  const [first] = chain;
  if (first === undefined) throw badFile('no certificate in PEM');
  const privateKey = readKey(key);
  if (!parseCertificate(first).x509.checkPrivateKey(privateKey)) {
    throw badFile('the private key is not that of the first certificate');
  }
  return { certificates: chain, key: privateKey };
}

/** The credential as PEM, in the order of a proxy file. It contains the private key. */
export function formatGsiCredential({ certificates, key }: GsiCredential): string {
  const [first, ...others] = certificates.map(pemOf);
  return [first, key.export({ format: 'pem', type: 'pkcs8' }), ...others].join('');
}

/** Variables of the environment that {@link findGsiFiles} reads. */
export type GsiEnvironment = Readonly<Record<string, string | undefined>>;

/** Where a credential and the authorities are. */
export interface GsiFiles {
  certificates: string;
  key: string;
  /** Directory of authorities; undefined if there is none. */
  trustDirectory: string | undefined;
}

/**
 * Looks for a credential where the tools of the grid do. For a user: the proxy in `X509_USER_PROXY`, or else `x509up_u` and the user
 * number in the system's temporary folder and in `/tmp`; then `X509_USER_CERT` and `X509_USER_KEY`, or else `usercert.pem` and
 * `userkey.pem` in `~/.globus`. For a server: `X509_USER_CERT` and `X509_USER_KEY`, or else `hostcert.pem` and `hostkey.pem` in
 * `/etc/grid-security` and in `~/.globus`. Authorities: `X509_CERT_DIR`, `~/.globus/certificates`,
 * `/etc/grid-security/certificates`.
 * @throws FtpSecurityError `security/no-key` if there is none
 */
export function findGsiFiles(owner: 'user' | 'server', environment: GsiEnvironment = process.env): GsiFiles {
  const { X509_CERT_DIR } = environment;
  const globus = join(environment['HOME'] ?? homedir(), '.globus');
  const files = [...(owner === 'user' ? proxyFiles(environment) : []), ...pairsOfFiles(owner, globus, environment)];
  const found = files.find(pair => pair.every(existsSync));
  if (found === undefined) {
    const tried = files.map(([file]) => file).join(', ');
    const message = `no credential of the ${owner} in ${tried}: ${REMEDIES[owner]}`;
    throw new FtpSecurityError('security/no-key', message, { side: 'local' });
  }
  const directories = [join(globus, 'certificates'), '/etc/grid-security/certificates'];
  const trustDirectory = X509_CERT_DIR || directories.find(existsSync);
  return { certificates: found[0], key: found[1], trustDirectory };
}

/** One file may have both, as that of a proxy. What variables name is not looked for elsewhere, where it may be another user's. */
type FilePair = readonly [certificates: string, key: string];

function proxyFiles({ X509_USER_PROXY }: GsiEnvironment): FilePair[] {
  if (X509_USER_PROXY) return [[X509_USER_PROXY, X509_USER_PROXY]];
  // The tools of Globus write it to /tmp even if TMPDIR is another folder, as batch systems set it.
  return [...new Set([tmpdir(), '/tmp'])].map(folder => {
    const file = join(folder, `x509up_u${process.getuid?.() ?? ''}`);
    return [file, file];
  });
}

function pairsOfFiles(
  owner: 'user' | 'server',
  globus: string,
  { X509_USER_CERT, X509_USER_KEY }: GsiEnvironment,
): FilePair[] {
  if (X509_USER_CERT && X509_USER_KEY) return [[X509_USER_CERT, X509_USER_KEY]];
  const names = owner === 'user' ? [join(globus, 'user')] : ['/etc/grid-security/host', join(globus, 'host')];
  return names.map(name => [`${name}cert.pem`, `${name}key.pem`]);
}

const REMEDIES = {
  user: 'run "grid-proxy-init", or set X509_USER_PROXY',
  server: 'set X509_USER_CERT and X509_USER_KEY',
} as const;

/**
 * Reads a credential from files. A file with a private key must be the user's, and closed to others, as Globus requires: anyone may
 * put a file of our name into a temporary folder.
 * @throws FtpSecurityError `syntax/bad-file`; Error if a file can't be read
 */
export function readGsiCredential({ certificates, key }: Pick<GsiFiles, 'certificates' | 'key'>): GsiCredential {
  const keyFile = readPrivately(key);
  return parseGsiCredential(certificates === key ? keyFile : readFileSync(certificates), keyFile);
}

/** Checked once more when it is open, as another file may have taken its place; but a pipe of somebody else is not waited for. */
function readPrivately(path: string): Uint8Array {
  assertPrivate(path, statSync(path));
  const file = openSync(path, 'r');
  try {
    assertPrivate(path, fstatSync(file));
    return readFileSync(file);
  } finally {
    closeSync(file);
  }
}

function assertPrivate(path: string, { mode, uid }: Stats): void {
  if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
    throw badFile(`${path} contains a private key, and others may read it: run "chmod 600 ${path}"`);
  }
  if (uid !== (process.getuid?.() ?? uid)) throw badFile(`${path} contains a private key, but belongs to another user`);
}

const PRIVATE_KEY = /-----BEGIN (?:RSA |EC )?PRIVATE KEY-----[A-Za-z0-9+/=\s]+-----END (?:RSA |EC )?PRIVATE KEY-----/;

function readKey(file: Uint8Array): KeyObject {
  const text = fromUtf8(file);
  const [pem] = PRIVATE_KEY.exec(text) ?? [];
  try {
    if (pem !== undefined) return createPrivateKey(pem);
  } catch {
    // Reported below, since the reason could show a part of the key.
  }
  throw badFile(
    /ENCRYPTED/.test(text)
      ? 'the private key has a password, which is not asked for: make a proxy, or a copy by "openssl pkey -in KEY -out NEW"'
      : 'no private key in PEM',
  );
}

function badFile(message: string): FtpSecurityError {
  return new FtpSecurityError('syntax/bad-file', message, { side: 'local' });
}
