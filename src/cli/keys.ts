/** Keys from options: files, `ENCTYPE:HEX`, and passwords. Service keys record their source. */
import { fromHex } from '../bytes.js';
import { FtpSecurityError } from '../errors.js';
import { type KeyLog, parseKeyLog, type RsaDecrypt } from '../mechanisms/gsi/index.js';
import { parseSrvtab, type SrvtabEntry } from '../mechanisms/krb4/index.js';
import { parseKeyText } from '../mechanisms/krb5/files/key-text.js';
import {
  type CredentialCache,
  type KeytabEntry,
  parseCredentialCache,
  parseKeytabFile,
  passwordKeys,
  type ServiceKey,
} from '../mechanisms/krb5/index.js';
import { rsaDecrypt } from '../node/rsa-key.js';
import { InputError, readInput, ruleText, UsageError } from './status.js';
import type { Output } from './streams.js';

/** Where keys come from, and where damage in their files is reported. */
export interface KeySource {
  /** The octets of a file, or of standard input for 0. Throws InputError if it can't be read. */
  read(file: string | 0): Uint8Array;
  stderr: Output;
}

/** Files of this process, and its standard streams. */
export const PROCESS: KeySource = { read: readInput, stderr: process.stderr };

const FILE_PREFIX = /^(WR)?FILE:/;

/**
 * The complete entries of a keytab, given by its path or in the form of MIT's tools, `FILE:path`. Damage at the end of
 * the file is reported on standard error.
 * @throws InputError if the file can't be read, or has another format
 */
export function readKeytab(name: string, source: KeySource = PROCESS): (KeytabEntry & ServiceKey)[] {
  const file = name.replace(FILE_PREFIX, '');
  const { entries, error } = readKeys(file, parseKeytabFile, source);
  warn(file, error, source.stderr);
  return entries.map(entry => ({ ...entry, source: file }));
}

/**
 * The keys that open tickets: those of a keytab, or the session keys of the tickets in a credential cache, which opens the sessions
 * of that client.
 * @throws InputError as readKeytab
 */
export function readTicketKeys(name: string, source: KeySource = PROCESS): ServiceKey[] {
  const file = name.replace(FILE_PREFIX, '');
  const octets = source.read(file);
  // A pipe can't be read again.
  const kept = { ...source, read: () => octets };
  const [first, version = 0] = octets;
  if (first !== 5 || version < 3 || version > 4) return readKeytab(name, kept);
  const { credentials, error } = readKeys(file, parseCredentialCache, kept);
  warn(file, error, source.stderr);
  return credentials.map(({ key: { keytype, keyvalue } }) => ({ enctype: keytype, key: keyvalue, source: file }));
}

/**
 * The complete credentials of a credential cache. Damage at the end of the file is reported on standard error.
 * @throws InputError if the file can't be read, or has another format
 */
export function readCredentialCache(file: string): CredentialCache {
  const cache = readKeys(file, parseCredentialCache);
  warn(file, cache.error, process.stderr);
  return cache;
}

function warn(file: string, error: FtpSecurityError | undefined, stderr: Output): void {
  if (error === undefined) return;
  const place = error.offset === undefined ? '' : ` (octet ${error.offset})`;
  stderr.write(`rfc2228: ${file}: ${error.message}${place}; the whole entries before it are used\n`);
}

/**
 * The entries of a srvtab, the keytab of Kerberos V4.
 * @throws InputError if the file can't be read, or has another format
 */
export function readSrvtab(file: string, source: KeySource = PROCESS): SrvtabEntry[] {
  return readKeys(file, parseSrvtab, source).map(entry => ({ ...entry, source: file }));
}

/** A TLS key log. Lines that can't be read are reported on standard error. */
export function readKeyLog(file: string, source: KeySource): KeyLog {
  const { stderr } = source;
  const log = readKeys(file, parseKeyLog, source);
  if (log.error !== undefined) stderr.write(`rfc2228: ${file}: ${log.error.message}; the other lines are used\n`);
  else if (log.size === 0) stderr.write(`rfc2228: ${file}: it has no line of a key log\n`);
  return log;
}

/** A server's RSA key, in PEM or PKCS #8. */
export function readRsaKey(file: string, source: KeySource): RsaDecrypt {
  return readKeys(file, rsaDecrypt, source);
}

/** @throws InputError if the file can't be read, or is not what `parse` reads */
export function readKeys<T>(file: string, parse: (bytes: Uint8Array) => T, source: KeySource = PROCESS): T {
  const bytes = source.read(file);
  try {
    return parse(bytes);
  } catch (error) {
    throw error instanceof FtpSecurityError ? new InputError(`${file}: ${ruleText(error)}`) : error;
  }
}

/**
 * A key given as `18:hex` or `aes256-cts:hex`. No part of the key appears in an error.
 * @throws UsageError if the form, the enctype or the length of the key is wrong
 */
export function parseKey(text: string): ServiceKey {
  try {
    return { ...parseKeyText(text), source: '--key' };
  } catch (error) {
    throw error instanceof RangeError ? new UsageError(`--key: ${error.message}`) : error;
  }
}

export interface PasswordOptions {
  principal?: string | undefined;
  salt?: string | undefined;
  'password-stdin': boolean;
}

/**
 * The AES keys of `--principal`, from the password in the first line of standard input.
 * @throws UsageError for one option without the other, InputError if the first line is empty
 */
export function readPasswordKeys(
  { principal, salt, 'password-stdin': fromInput }: PasswordOptions,
  source: KeySource,
): ServiceKey[] {
  if (principal === undefined && salt === undefined && !fromInput) return [];
  if (principal === undefined || !fromInput) {
    const given = salt === undefined ? '--principal and --password-stdin' : '--principal, --password-stdin and --salt';
    throw new UsageError(`${given} go together`);
  }
  const [password = ''] = Buffer.from(source.read(0)).toString('utf8').split(/\r?\n/, 1);
  if (password === '') throw new InputError('standard input: the first line has no password');
  try {
    return passwordKeys({ principal, password, salt, source: 'the password' });
  } catch (error) {
    throw error instanceof RangeError ? new UsageError(`--principal: ${error.message}`) : error;
  }
}

/**
 * Reads a shared key. No part of the key appears in an error.
 * @throws InputError if it is not hex, or shorter than 16 octets
 */
export function readHex(file: string, source: KeySource = PROCESS): Uint8Array {
  try {
    const key = fromHex(Buffer.from(source.read(file)).toString('latin1').trim());
    if (key.length >= 16) return key;
  } catch (error) {
    if (error instanceof InputError) throw error;
  }
  throw new InputError(`${file}: a shared key is 32 hex digits or more`);
}
