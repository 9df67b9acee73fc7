/** Kerberos principals (RFC 4120 §6.2) and their text form (RFC 1964 §2.1.3). */
import type { PrincipalName } from './kerberos.js';

/** A Kerberos principal (RFC 4120 §6.2). */
export interface Principal {
  /** The components of the name, e.g. `ftp` and the host name. */
  name: string[];
  /** The realm, e.g. `EXAMPLE.COM`. */
  realm: string;
  /** The name type, which is only a hint; 0 if unknown. */
  type: number;
}

export function principalOf(realm: string, { nameType, nameString }: PrincipalName): Principal {
  return { name: nameString, realm, type: nameType };
}

/**
 * Formats a principal as `ftp/host@REALM` (RFC 1964 §2.1.3). A `/`, `@` or `\` within a component is written with a backslash, and
 * NUL, backspace, tab and newline as `\0`, `\b`, `\t` and `\n`.
 */
export function principalText({ name, realm }: Principal): string {
  return `${name.map(quote).join('/')}@${quote(realm)}`;
}

/**
 * Parses the text that {@link principalText} writes. The name type of the result is 0.
 * @throws RangeError if the text has no realm, or more than one
 */
export function parsePrincipal(text: string): Principal {
  const { separators, parts } = split(text);
  const realm = parts.pop()!;
  if (!/^\/*@$/.test(separators) || realm === '')
    throw new RangeError(`not a principal, e.g. ftp/host@REALM or user@REALM: ${text}`);
  return { name: parts, realm, type: 0 };
}

/** Whether two principals are equal; the name type does not count (RFC 4120 §6.2). */
export function samePrincipal(a: Principal, b: Principal): boolean {
  return isNamed(a, b);
}

/** The name of a requested service; without a realm, it matches any realm. */
export interface ServiceName {
  name: readonly string[];
  realm?: string;
}

/**
 * Reads a service option: a principal; a host-based service name of GSS-API, `ftp@host` (RFC 2743 §4.1); or the text of a
 * principal, `ftp/host@REALM` or `ftp/host`, as {@link principalText} writes it.
 * @throws RangeError if a text has another form
 */
export function serviceNameOf(service: string | Principal): ServiceName {
  if (typeof service !== 'string') return inRealm(service.name, service.realm);
  const { separators, parts } = split(service);
  if (separators === '@') return { name: [parts[0]!, parts[1]!.toLowerCase()] };
  if (/^\/+$/.test(separators)) return { name: parts };
  if (/^\/+@$/.test(separators)) return inRealm(parts.slice(0, -1), parts.at(-1)!);
  throw new RangeError(`not a service (ftp@host, ftp/host@REALM or ftp/host): ${service}`);
}

/** An empty realm is what clients write that leave the choice to the KDC (RFC 6806 §8). */
function inRealm(name: readonly string[], realm: string): ServiceName {
  return realm === '' ? { name } : { name, realm };
}

/** Whether a principal is the requested service. */
export function isNamed({ name, realm }: Principal, requested: ServiceName): boolean {
  return (
    (requested.realm === undefined || requested.realm === realm) &&
    requested.name.length === name.length &&
    requested.name.every((part, i) => part === name[i])
  );
}

/**
 * Whether a principal is one of these services on any host, e.g. `ftp/host` is `ftp`; case does not matter. In Active Directory,
 * a machine account, `NAME$`, is every service of its host.
 */
export function isOneOf({ name }: Principal, services: readonly string[]): boolean {
  const [service = '', ...host] = name;
  if (host.length === 0) return service.endsWith('$');
  return services.some(one => one.toLowerCase() === service.toLowerCase());
}

const QUOTED: Record<string, string> = { '\0': '\\0', '\b': '\\b', '\t': '\\t', '\n': '\\n' };
const UNQUOTED: Record<string, string> = { 0: '\0', b: '\b', t: '\t', n: '\n' };

/** Splits a text into components and realm, and collects the separators between them. */
function split(text: string): { parts: string[]; separators: string } {
  const parts = [''];
  let separators = '';
  for (const [piece, quoted] of text.matchAll(/\\(.)|./gs)) {
    if (piece === '/' || piece === '@') {
      separators += piece;
      parts.push('');
    } else {
      parts[parts.length - 1] += quoted === undefined ? piece : (UNQUOTED[quoted] ?? quoted);
    }
  }
  return { parts, separators };
}

function quote(part: string): string {
  return part.replace(/[/@\\\0\b\t\n]/g, char => QUOTED[char] ?? `\\${char}`);
}
