/**
 * Keytab files, which hold the long-term keys of services. MIT Kerberos and Heimdal use the same format, which the MIT
 * documentation describes ("Keytab file format"). Version 2 is big-endian. Version 1 has the byte order of the machine that wrote
 * it, counts the realm as a component of the name, and has no name type.
 */
import { ByteReader } from '../../../byte-reader.js';
import { assertBytes, viewOf } from '../../../bytes.js';
import { FtpSecurityError, refusalFrom } from '../../../errors.js';
import { nameText } from '../../name-text.js';
import type { Principal } from '../messages/principal.js';

/** An entry of a keytab: one key of one service. */
export interface KeytabEntry {
  /** The name of the service. */
  principal: Principal;
  /** Key version number. */
  kvno: number;
  /** Number of the encryption type, e.g. 18; 16 bits, may be negative. */
  enctype: number;
  /** The octets of the key; their number depends on the encryption type. */
  key: Uint8Array;
  /** When the entry was written, in seconds since 1970. */
  timestamp: number;
}

/** The contents of a keytab file. */
export interface Keytab {
  /** In the file's order, without deleted entries. */
  entries: KeytabEntry[];
  /** Set if the end of the file, after complete entries, can't be parsed: an entry is truncated, or other octets follow. */
  error?: FtpSecurityError;
}

/**
 * Parses a keytab file of version 1 or 2. Returns its entries in the file's order, without deleted ones. If the end of the file
 * can't be parsed, complete entries before it are returned; {@link parseKeytabFile} also reports the problem.
 * @throws TypeError if `bytes` is not a Uint8Array
 * @throws FtpSecurityError `syntax/bad-file`, with the offset in `bytes`, if it is not a keytab, has no complete entry, or a complete
 *   entry is malformed
 * @example
 * ```ts
 * const keytab = parseKeytab(await readFile('/etc/krb5.keytab'));
 * for (const { principal, kvno, enctype } of keytab) console.log(principalText(principal), kvno, enctype);
 * ```
 */
export function parseKeytab(bytes: Uint8Array): KeytabEntry[] {
  return parseKeytabFile(bytes).entries;
}

/**
 * Parses a keytab file, and reports a problem at its end, e.g. if a writer was interrupted or an editor has added a newline.
 * @throws TypeError if `bytes` is not a Uint8Array
 * @throws FtpSecurityError `syntax/bad-file`, with the offset in `bytes`, if it is not a keytab, has no complete entry but other octets,
 *   or a complete entry is malformed
 */
export function parseKeytabFile(bytes: Uint8Array): Keytab {
  assertBytes(bytes, 'bytes');
  const version = bytes[1];
  if (bytes[0] !== 5 || (version !== 1 && version !== 2))
    throw bad('not a keytab: it does not start with 05 01 or 05 02', 0);
  const littleEndian = version === 1 && isLittleEndian(bytes);
  const file = new ByteReader(bytes, { what: 'keytab', code: 'syntax/bad-file', start: 2, littleEndian });
  const entries: KeytabEntry[] = [];
  while (file.left > 0) {
    const record = nextRecord(file);
    if (record === undefined) break;
    if (record instanceof FtpSecurityError) {
      if (entries.length === 0) throw record;
      return { entries, error: record };
    }
    if (!record.deleted) entries.push(readEntry(record.reader, version));
  }
  return { entries };
}

/** Returns undefined at a length of zero, which ends the file, and an error if the record is truncated. */
function nextRecord(file: ByteReader): { reader: ByteReader; deleted: boolean } | FtpSecurityError | undefined {
  try {
    const length = file.int32();
    return length === 0 ? undefined : { reader: file.part(Math.abs(length)), deleted: length < 0 };
  } catch (error) {
    return refusalFrom(error);
  }
}

/** The length of the first record is below 2^16, so with the wrong byte order it is far greater. */
function isLittleEndian(bytes: Uint8Array): boolean {
  if (bytes.length < 6) return false;
  const view = viewOf(bytes);
  return Math.abs(view.getInt32(2, true)) < Math.abs(view.getInt32(2, false));
}

function readEntry(record: ByteReader, version: 1 | 2): KeytabEntry {
  const { offset } = record;
  const components = record.uint16() - (version === 1 ? 1 : 0);
  if (components < 0) throw bad('keytab: an entry whose name has no realm', offset);
  const realm = nameText(counted(record));
  const name: string[] = [];
  for (let i = 0; i < components; i++) name.push(nameText(counted(record)));
  const type = version === 1 ? 0 : record.int32();
  const timestamp = record.uint32();
  const kvno = record.uint8();
  const enctype = record.int16();
  const key = counted(record);
  // Newer writers append the kvno in 32 bits. Zero there is padding.
  const longKvno = record.left >= 4 ? record.uint32() : 0;
  return { principal: { name, realm, type }, kvno: longKvno || kvno, enctype, key, timestamp };
}

function counted(record: ByteReader): Uint8Array {
  return record.octets(record.uint16());
}

function bad(message: string, offset: number): FtpSecurityError {
  return new FtpSecurityError('syntax/bad-file', message, { offset });
}
