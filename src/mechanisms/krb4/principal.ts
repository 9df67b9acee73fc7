/** Names of Kerberos V4, of clients and of services, and how they are written in files and messages. */
import type { ByteReader } from '../../byte-reader.js';
import { concatAll, fromUtf8, toUtf8 } from '../../bytes.js';

/** Of a name, an instance and a realm (ANAME_SZ, INST_SZ, REALM_SZ), with the NUL. */
const MAX_NAME = 40;

export interface Krb4Principal {
  name: string;
  /** Of a service, the first part of its host's name in lower case; of a person, mostly empty. */
  instance: string;
  realm: string;
}

/** `name.instance@REALM`, as Kerberos V4 writes it. */
export function principalText({ name, instance, realm }: Krb4Principal): string {
  return `${name}${instance === '' ? '' : `.${instance}`}@${realm}`;
}

export function samePrincipal(a: Krb4Principal, b: Krb4Principal): boolean {
  return a.name === b.name && a.instance === b.instance && a.realm === b.realm;
}

/** Octets up to a NUL, as text. */
export function readName(reader: ByteReader): string {
  return fromUtf8(reader.untilNul(MAX_NAME));
}

/** Texts, each with a NUL after it. */
export function formatNames(...texts: readonly string[]): Uint8Array {
  return concatAll(texts.map(text => toUtf8(`${text}\0`)));
}
