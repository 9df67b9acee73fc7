/**
 * Signing policies: which names a certification authority may certify. Grids keep one for each authority, in a file
 * `HASH.signing_policy` beside its certificate:
 *
 *     access_id_CA   X509    '/C=EX/O=Grid/CN=Authority'
 *     pos_rights     globus  CA:sign
 *     cond_subjects  globus  '"/C=EX/O=Grid/*" "/C=EX/O=Other/*"'
 */
import { FtpSecurityError } from '../../errors.js';

/** Patterns of the names that each authority may certify; `*` stands for any characters, `?` for one. */
export type SigningPolicies = ReadonlyMap<string, readonly string[]>;

const ENTRY = /^(\w+)\s+(\S+)\s+(.+)$/;
const PATTERN = /"([^"]*)"/g;

/**
 * Reads a signing policy file. An authority without a right to sign may certify no name.
 * @throws FtpSecurityError `syntax/bad-file`, also for `neg_rights`, which are not supported
 */
export function parseSigningPolicy(text: string): SigningPolicies {
  const policies = new Map<string, readonly string[]>();
  let authority: string | undefined;
  let maySign = false;
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    const written = line.replace(/^\s*#.*$/, '').trim();
    if (written === '') continue;
    const [, keyword, type, value] = ENTRY.exec(written) ?? [];
    if (keyword === 'access_id_CA' && type === 'X509') {
      authority = withNewNames(unquoted(value!));
      maySign = false;
      policies.set(authority, policies.get(authority) ?? []);
    } else if (keyword === 'pos_rights' && authority !== undefined) {
      maySign = value === 'CA:sign';
    } else if (keyword === 'cond_subjects' && authority !== undefined) {
      if (maySign) policies.set(authority, [...policies.get(authority)!, ...patternsIn(value!).map(withNewNames)]);
    } else {
      throw new FtpSecurityError('syntax/bad-file', `signing policy: line ${i + 1} can't be read`, { side: 'local' });
    }
  }
  return policies;
}

/** Whether a name matches a pattern. The time is at most the product of both lengths. */
export function matchesPattern(name: string, pattern: string): boolean {
  let [at, next] = [0, 0];
  // Where the last `*` was, and how far it reaches.
  let [star, reach] = [-1, 0];
  while (at < name.length) {
    if (pattern[next] === '*') {
      star = next++;
      reach = at;
    } else if (pattern[next] === '?' || pattern[next] === name[at]) {
      at++;
      next++;
    } else if (star >= 0) {
      next = star + 1;
      at = ++reach;
    } else {
      return false;
    }
  }
  return /^\**$/.test(pattern.slice(next));
}

/** Older files have other names of attributes; Globus takes them for the same. */
function withNewNames(name: string): string {
  return name.replace(/\/(?:E|Email)=/gi, '/emailAddress=').replace(/\/USERID=/gi, '/UID=');
}

function unquoted(value: string): string {
  return value.replace(/^'(.*)'$/, '$1').replace(/^"(.*)"$/, '$1');
}

function patternsIn(value: string): string[] {
  const quoted = [...value.matchAll(PATTERN)].map(([, pattern]) => pattern!);
  return quoted.length > 0 ? quoted : [unquoted(value)];
}
