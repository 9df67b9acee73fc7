/** Keys from options: keytab and srvtab files, and `ETYPE:HEX`. */
import { fromHex } from '../bytes.js';
import { FtpSecurityError } from '../errors.js';
import { parseSrvtab, type SrvtabEntry } from '../mechanisms/krb4/index.js';
import {
  type CredentialCache,
  enctypeOf,
  type KeytabEntry,
  parseCredentialCache,
  parseKeytabFile,
  type ServiceKey,
} from '../mechanisms/krb5/index.js';
import { readInput, UsageError } from './status.js';
import type { Output } from './streams.js';

/**
 * The whole entries of a keytab, given by its path or as MIT's tools take it, `FILE:path`; what is odd at the file's end is
 * told on standard error.
 * @throws FtpSecurityError with the file's name in its message
 */
export function readKeytab(name: string, stderr: Output = process.stderr): KeytabEntry[] {
  const file = name.replace(/^(WR)?FILE:/, '');
  const { entries, error } = readKeys(file, parseKeytabFile);
  warn(file, error, stderr);
  return entries;
}

/** The same for a credential cache. */
export function readCredentialCache(file: string, stderr: Output = process.stderr): CredentialCache {
  const cache = readKeys(file, parseCredentialCache);
  warn(file, cache.error, stderr);
  return cache;
}

function warn(file: string, error: FtpSecurityError | undefined, stderr: Output): void {
  if (error === undefined) return;
  const place = error.offset === undefined ? '' : ` (octet ${error.offset})`;
  stderr.write(`rfc2228: ${file}: ${error.message}${place}; the whole entries before it are used\n`);
}

/** The same for a srvtab, the keytab of Kerberos V4. */
export function readSrvtab(file: string): SrvtabEntry[] {
  return readKeys(file, parseSrvtab);
}

/** @throws FtpSecurityError with the file's name in its message */
export function readKeys<T>(file: string, parse: (bytes: Uint8Array) => T): T {
  const bytes = readInput(file);
  try {
    return parse(bytes);
  } catch (error) {
    throw error instanceof FtpSecurityError ? new FtpSecurityError(error.code, `${file}: ${error.message}`) : error;
  }
}

/** A key given as `18:hex`. Nothing of the key is repeated in an error. */
export function parseKey(text: string): ServiceKey {
  const colon = text.indexOf(':');
  const number = text.slice(0, Math.max(colon, 0));
  const enctype = enctypeOf(Number(number));
  if (enctype === undefined) throw new UsageError('--key wants ETYPE:HEX, with the number of an enctype that is known');
  try {
    const key = fromHex(text.slice(colon + 1));
    if (key.length === enctype.keyLength) return { enctype: enctype.number, key };
  } catch {
    // Said below: the reason could show a part of the key.
  }
  throw new UsageError(`--key: a key of ${enctype.name} is ${2 * enctype.keyLength} hex digits`);
}
