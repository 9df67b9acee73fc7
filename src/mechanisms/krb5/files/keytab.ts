/**
 * Keytab files: the long-term keys of services. MIT and Heimdal share the format; the MIT documentation ("Keytab file
 * format") describes it. Version 2 is big-endian; version 1 has the octet order of the machine that wrote it, counts the
 * realm as a component, and has no name type.
 */
import { ByteReader } from '../../../byte-reader.js';
import { assertBytes, viewOf } from '../../../bytes.js';
import { FtpSecurityError, refusalFrom } from '../../../errors.js';
import { nameText } from '../../der.js';
import type { Principal } from '../messages/principal.js';

export interface KeytabEntry {
  principal: Principal;
  /** Key version number. */
  kvno: number;
  /** Encryption type, with its sign. */
  enctype: number;
  key: Uint8Array;
  /** When the entry was written, in seconds since 1970. */
  timestamp: number;
}

export interface Keytab {
  /** In the file's order; deleted ones are left out. */
  entries: KeytabEntry[];
  /** Why the file can't be read to its end: after whole entries, one is cut or something else follows. */
  error?: FtpSecurityError;
}

/**
 * The entries of a keytab file, in the file's order; deleted ones are left out. What is odd at the end of the file, behind
 * whole entries, is left out as well: {@link parseKeytabFile} reports it.
 * @throws FtpSecurityError `syntax/bad-file`, with the offset in `bytes`
 */
export function parseKeytab(bytes: Uint8Array): KeytabEntry[] {
  return parseKeytabFile(bytes).entries;
}

/**
 * A keytab file, with what is wrong at its end: a writer was interrupted, or an editor has put a newline there.
 * @throws FtpSecurityError `syntax/bad-file`, with the offset in `bytes`, also for a file that has no whole entry and does
 *   not end there
 */
export function parseKeytabFile(bytes: Uint8Array): Keytab {
  assertBytes(bytes, 'bytes');
  const version = bytes[1];
  if (bytes[0] !== 5 || (version !== 1 && version !== 2))
    throw bad('no keytab: it does not start with 05 01 or 05 02', 0);
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

/** Undefined at a length of zero, which ends the file; an error where the file ends first. */
function nextRecord(file: ByteReader): { reader: ByteReader; deleted: boolean } | FtpSecurityError | undefined {
  try {
    const length = file.int32();
    return length === 0 ? undefined : { reader: file.part(Math.abs(length)), deleted: length < 0 };
  } catch (error) {
    return refusalFrom(error);
  }
}

/** No length of a first record reaches 2^16, so read in the wrong order its size is far greater. */
function isLittleEndian(bytes: Uint8Array): boolean {
  if (bytes.length < 6) return false;
  const view = viewOf(bytes);
  return Math.abs(view.getInt32(2, true)) < Math.abs(view.getInt32(2, false));
}

function readEntry(record: ByteReader, version: 1 | 2): KeytabEntry {
  const { offset } = record;
  const components = record.uint16() - (version === 1 ? 1 : 0);
  if (components < 0) throw bad('keytab: a name without a realm', offset);
  const realm = nameText(counted(record));
  const name: string[] = [];
  for (let i = 0; i < components; i++) name.push(nameText(counted(record)));
  const type = version === 1 ? 0 : record.int32();
  const timestamp = record.uint32();
  const kvno = record.uint8();
  const enctype = record.int16();
  const key = counted(record);
  // Later writers put the whole number at the end; where it is zero, it is only filling.
  const longKvno = record.left >= 4 ? record.uint32() : 0;
  return { principal: { name, realm, type }, kvno: longKvno || kvno, enctype, key, timestamp };
}

function counted(record: ByteReader): Uint8Array {
  return record.octets(record.uint16());
}

function bad(message: string, offset: number): FtpSecurityError {
  return new FtpSecurityError('syntax/bad-file', message, { offset });
}
