/** Whether the certificate of a server is that of a host, as Globus compares them. */
import { isIP } from 'node:net';
import type { Certificate } from './certificate.js';

/** Services that may come before a host in a common name: `/CN=host/ftp.example.org`. */
const SERVICE_NAME = /^(?:host|ftp|gridftp)\/(.+)$/i;

/**
 * The names are the DNS names and addresses of subjectAltName (RFC 6125), with a wildcard for the whole leftmost label. Only if
 * there is no DNS name, it is the last common name, with `host/` or the name of the service before it or without.
 */
export function isCertificateOf({ x509, subject }: Certificate, host: string): boolean {
  if (isIP(host) !== 0) return x509.checkIP(host) !== undefined;
  if (x509.checkHost(host, { subject: 'never', partialWildcards: false }) !== undefined) return true;
  if (/(?:^|, )DNS:/.test(x509.subjectAltName ?? '')) return false;
  const commonName = subject.slice(subject.lastIndexOf('/CN=') + '/CN='.length);
  const name = SERVICE_NAME.exec(commonName)?.[1] ?? commonName;
  return subject.includes('/CN=') && name.toLowerCase() === host.toLowerCase();
}
