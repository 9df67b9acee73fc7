/** Kerberos names (RFC 4120 §6.2) and how they are shown (RFC 1964 §2.1.3). */
import type { PrincipalName } from './kerberos.js';

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

/**
 * A principal as {@link principalText} writes it; its type is not known.
 * @throws RangeError when the text has no realm, or more than one
 */
export function parsePrincipal(text: string): Principal {
  const { separators, parts } = split(text);
  const realm = parts.pop()!;
  if (!/^\/*@$/.test(separators) || realm === '') throw new RangeError('a principal is ftp/host@REALM or user@REALM');
  return { name: parts, realm, type: 0 };
}

/** Whether two names are one; their type does not count (RFC 4120 §6.2). */
export function samePrincipal(a: Principal, b: Principal): boolean {
  return isNamed(a, b);
}

/** A service that may be requested; without a realm, in any. */
export interface ServiceName {
  name: readonly string[];
  realm?: string;
}

/**
 * A service as callers name it: a principal; `ftp@host`, a host-based name of GSS-API (RFC 2743 §4.1) in any realm; or the
 * text of a principal, `ftp/host@REALM` or `ftp/host`, quoted as {@link principalText} does.
 * @throws RangeError when a text is neither
 */
export function serviceNameOf(service: string | Principal): ServiceName {
  if (typeof service !== 'string') return inRealm(service.name, service.realm);
  const { separators, parts } = split(service);
  if (separators === '@') return { name: [parts[0]!, parts[1]!.toLowerCase()] };
  if (/^\/+$/.test(separators)) return { name: parts };
  if (/^\/+@$/.test(separators)) return inRealm(parts.slice(0, -1), parts.at(-1)!);
  throw new RangeError('a service is ftp@host, ftp/host@REALM or ftp/host');
}

/** No realm at all is what clients write that leave it to the KDC (RFC 6806 §8). */
function inRealm(name: readonly string[], realm: string): ServiceName {
  return realm === '' ? { name } : { name, realm };
}

/** Whether a principal is the service that is requested. */
export function isNamed({ name, realm }: Principal, requested: ServiceName): boolean {
  return (
    (requested.realm === undefined || requested.realm === realm) &&
    requested.name.length === name.length &&
    requested.name.every((part, i) => part === name[i])
  );
}

/**
 * Whether a principal is one of these services of whatever host: `ftp/host` is `ftp`. The account of a machine, `NAME$`, is every
 * service of its host to Active Directory, which writes names in any case.
 */
export function isOneOf({ name }: Principal, services: readonly string[]): boolean {
  const [service = '', ...host] = name;
  if (host.length === 0) return service.endsWith('$');
  return services.some(one => one.toLowerCase() === service.toLowerCase());
}

const QUOTED: Record<string, string> = { '\0': '\\0', '\b': '\\b', '\t': '\\t', '\n': '\\n' };
const UNQUOTED: Record<string, string> = { 0: '\0', b: '\b', t: '\t', n: '\n' };

/** Components and realm, and the separators between them. */
function split(text: string): { parts: string[]; separators: string } {
  const parts = [''];
  let separators = '';
  for (const [piece, quoted] of text.matchAll(/\\(.)|./gs)) {
    if (quoted === undefined && (piece === '/' || piece === '@')) {
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
