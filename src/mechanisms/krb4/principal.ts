/** Principals of Kerberos V4 and their encoding in files and messages. */
import type { ByteReader } from '../../byte-reader.js';
import { concatAll } from '../../bytes.js';
import { nameOctets, nameText } from '../name-text.js';

/** The greatest length of a name, an instance or a realm, with the NUL (ANAME_SZ, INST_SZ, REALM_SZ). */
const MAX_NAME = 40;

/** A principal of Kerberos V4: a client or a service. */
export interface Krb4Principal {
  /** The name, e.g. `ftp`. */
  name: string;
  /** For a service, the first label of its host name in lower case; for a person, usually empty. */
  instance: string;
  /** The realm, e.g. `EXAMPLE.COM`. */
  realm: string;
}

/**
 * Formats a principal as `name.instance@REALM`, or `name@REALM` without an instance. What could be taken for one of these signs has
 * a backslash before it, as in MIT's library: no two principals have the same text.
 */
export function principalText({ name, instance, realm }: Krb4Principal): string {
  const quoted = instance.replace(/[@\\]/g, '\\$&');
  return `${name.replace(/[.@\\]/g, '\\$&')}${instance === '' ? '' : `.${quoted}`}@${realm.replace(/[@\\]/g, '\\$&')}`;
}

export function samePrincipal(a: Krb4Principal, b: Krb4Principal): boolean {
  return a.name === b.name && a.instance === b.instance && a.realm === b.realm;
}

/** Reads a name that ends with a NUL. Octets that are not UTF-8 are kept, as those of Kerberos V5. */
export function readName(reader: ByteReader): string {
  return nameText(reader.untilNul(MAX_NAME));
}

/** Writes names, each with a NUL at its end. */
export function formatNames(...texts: readonly string[]): Uint8Array {
  return concatAll(texts.map(text => nameOctets(`${text}\0`)));
}
