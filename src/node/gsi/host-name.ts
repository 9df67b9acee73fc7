/** Whether the certificate of a server is that of a host, as Globus compares them. */
import { isIP } from 'node:net';
import type { Certificate } from './certificate.js';
import { alternativeNamesIn, DNS_NAME } from './general-names.js';

/** Services that may come before a host in a common name: `/CN=host/ftp.example.org`. */
const SERVICE_NAME = /^(?:host|ftp|gridftp)\/(.+)$/i;

/** The characters of a host. Only ASCII, since the lower case of the Kelvin sign (U+212A) is `k`. */
const HOST = /^[\w.-]+$/;

/**
 * The names are the DNS names and addresses of subjectAltName (RFC 6125), with a wildcard for the whole leftmost label. Only if
 * there is no DNS name, it is the last common name.
 * @throws FtpSecurityError `security/bad-token` for alternative names that can't be read: a DNS name may be among them
 */
export function isCertificateOf(certificate: Certificate, host: string): boolean {
  const { x509 } = certificate;
  if (isIP(host) !== 0) return x509.checkIP(host) !== undefined;
  if (x509.checkHost(host, { subject: 'never', partialWildcards: false }) !== undefined) return true;
  return commonHostName(certificate) === host.toLowerCase();
}

/**
 * The host in the last common name, as it is or after `host/` or another service, in lower case; undefined if there is a DNS name, or
 * the common name contains no host, or an address, which is compared with alternative names alone.
 * @throws FtpSecurityError `security/bad-token`, as isCertificateOf
 */
export function commonHostName({ alternativeNames, subject }: Certificate): string | undefined {
  const names = alternativeNames === undefined ? [] : alternativeNamesIn(alternativeNames);
  if (names.some(({ kind }) => kind === DNS_NAME) || !subject.includes('/CN=')) return undefined;
  const commonName = subject.slice(subject.lastIndexOf('/CN=') + '/CN='.length);
  const name = SERVICE_NAME.exec(commonName)?.[1] ?? commonName;
  return HOST.test(name) && isIP(name) === 0 ? name.toLowerCase() : undefined;
}
