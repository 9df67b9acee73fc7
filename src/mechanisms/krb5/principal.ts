/** Kerberos names (RFC 4120 §6.2) and how they are shown (RFC 1964 §2.1.3). */
import type { PrincipalName } from './messages.js';

export interface Principal {
  /** Components, e.g. `ftp` and the host. */
  name: string[];
  realm: string;
  /** A hint only (RFC 4120 §6.2); 0 when not known. */
  type: number;
}

export function principalOf(realm: string, { nameType, nameString }: PrincipalName): Principal {
  return { name: nameString, realm, type: nameType };
}

/** `ftp/host@REALM`, with a backslash before each `/`, `@` and `\` of its parts, and the four controls as letters. */
export function principalText({ name, realm }: Principal): string {
  return `${name.map(quote).join('/')}@${quote(realm)}`;
}

/** Whether two names are one; their type does not count (RFC 4120 §6.2). */
export function samePrincipal(a: Principal, b: Principal): boolean {
  return a.realm === b.realm && a.name.length === b.name.length && a.name.every((part, i) => part === b.name[i]);
}

const QUOTED: Record<string, string> = { '\0': '\\0', '\b': '\\b', '\t': '\\t', '\n': '\\n' };

function quote(part: string): string {
  return part.replace(/[/@\\\0\b\t\n]/g, char => QUOTED[char] ?? `\\${char}`);
}
