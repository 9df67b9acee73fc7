/**
 * srvtab files: the long-term DES keys of Kerberos V4 services. Entry after entry, nothing before or between them: name,
 * instance and realm, each up to a NUL, the key's version (1 octet), the key (8 octets).
 */
import { assertBytes } from '../../bytes.js';
import { OctetReader } from './octet-reader.js';
import { KEY_LENGTH } from './pcbc.js';
import type { Krb4Principal } from './principal.js';

export interface SrvtabEntry extends Krb4Principal {
  /** Key version number. */
  kvno: number;
  key: Uint8Array;
}

/** @throws FtpSecurityError `syntax/bad-file`, with the offset */
export function parseSrvtab(bytes: Uint8Array): SrvtabEntry[] {
  assertBytes(bytes, 'bytes');
  const file = new OctetReader(bytes, 'srvtab', 'syntax/bad-file');
  if (file.left === 0) throw file.error('it is empty');
  const entries: SrvtabEntry[] = [];
  while (file.left > 0) {
    const [name, instance, realm] = [file.name(), file.name(), file.name()];
    if (name === '' || realm === '') throw file.error('a key without a name and a realm');
    entries.push({ name, instance, realm, kvno: file.uint8(), key: file.octets(KEY_LENGTH) });
  }
  return entries;
}
