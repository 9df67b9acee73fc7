/**
 * Signing policies: which names a certification authority may certify. Grids keep one for each authority, in a file
 * `HASH.signing_policy` beside its certificate:
 *
 *     access_id_CA   X509    '/C=EX/O=Grid/CN=Authority'
 *     pos_rights     globus  CA:sign
 *     cond_subjects  globus  '"/C=EX/O=Grid/*" "/C=EX/O=Other/*"'
 */
import { FtpSecurityError } from '../../errors.js';

/** What each authority may certify: a right for each time that it is given. */
export type SigningPolicies = ReadonlyMap<string, readonly SigningRight[]>;

/**
 * The conditions of a right, all of which a name has to meet. A condition is patterns, one of which it has to match; `*` stands for
 * any characters, `?` for one.
 */
export type SigningRight = readonly (readonly string[])[];

/** Blanks; a comment, which may have quotes in it; words with quotes, which end at the next of their kind; other words. */
const WORD = /\s+|#[^\n]*|'([^']*)'|"([^"]*)"|([^\s'"#]\S*)/gy;
const PATTERN = /"([^"]*)"/g;

/**
 * Reads a signing policy file. An authority without a right to sign may certify no name.
 * @throws FtpSecurityError `syntax/bad-file`, also for `neg_rights`, which are not supported
 */
export function parseSigningPolicy(text: string): SigningPolicies {
  const policies = new Map<string, SigningRight[]>();
  const words = wordsOf(text);
  let rights: SigningRight[] | undefined;
  /** The conditions of the last right; undefined if it is not that to sign. */
  let conditions: string[][] | undefined;
  for (let i = 0; i < words.length; i += 3) {
    const [statement, type, value] = words.slice(i, i + 3).map(word => word.text);
    const what = value === undefined ? '' : `${statement} ${type}`;
    if (what === 'access_id_CA X509') {
      const authority = withNewNames(unquoted(value!));
      rights = policies.get(authority) ?? [];
      policies.set(authority, rights);
      conditions = undefined;
    } else if (what === 'pos_rights globus' && rights !== undefined) {
      conditions = value === 'CA:sign' ? [] : undefined;
      if (conditions !== undefined) rights.push(conditions);
    } else if (what === 'cond_subjects globus' && rights !== undefined) {
      conditions?.push(patternsIn(value!).map(withNewNames));
    } else {
      throw unreadable(text, words[i]!.at);
    }
  }
  return policies;
}

interface Word {
  text: string;
  at: number;
}

function wordsOf(text: string): Word[] {
  const words: Word[] = [];
  let at = 0;
  for (const [written, ...forms] of text.matchAll(WORD)) {
    const word = forms.find(form => form !== undefined);
    if (word !== undefined) words.push({ text: word, at });
    at += written.length;
  }
  if (at < text.length) throw unreadable(text, at);
  return words;
}

function unreadable(text: string, at: number): FtpSecurityError {
  const line = text.slice(0, at).split('\n').length;
  return new FtpSecurityError('syntax/bad-file', `signing policy: line ${line} can't be read`, { side: 'local' });
}

/** Whether a right permits a name. One without a condition permits none. */
export function permits(right: SigningRight, name: string): boolean {
  return right.length > 0 && right.every(patterns => patterns.some(pattern => matchesPattern(name, pattern)));
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

/** A name may be in quotes of both kinds. */
function unquoted(value: string): string {
  return value.replace(/^"(.*)"$/, '$1');
}

function patternsIn(value: string): string[] {
  const quoted = [...value.matchAll(PATTERN)].map(([, pattern]) => pattern!);
  return quoted.length > 0 ? quoted : [value];
}
