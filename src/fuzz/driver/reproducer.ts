/** Findings as files, from which cases can be read back: JSON, octets in hex, rules by name. */
import { fromUtf8, toHex } from '../../bytes.js';
import { FtpSecurityError } from '../../errors.js';
import { MAX_PROTECTION_BUFFER } from '../../protection/security-data.js';
import { caseOf, type FuzzCase, ruleOf } from '../cases.js';
import { FINDINGS, type Finding, type Outcome, type Severity } from './outcome.js';

/** A finding in the form of a file. */
export interface Reproducer {
  /** The rule that the case breaks, with its layer. */
  name: string;
  /** The source of the rule. */
  source: string;
  /** What a conforming peer does. */
  must: string;
  finding: Finding;
  severity: Severity;
  /** What this peer did. */
  outcome: string;
  mechanism: string;
  /** Octets of the mutated message, chunk by chunk. Keys are new each time, so a replay sends other octets. */
  sent: string[];
  case: FuzzCase;
}

/** The file of a finding. */
export function reproducerOf(one: FuzzCase, outcome: Outcome & { finding: Finding }, mechanism: string): Reproducer {
  const { finding, sent = [] } = outcome;
  return {
    name: `${one.layer}: ${one.name}`,
    source: one.source,
    must: dutyOf(one),
    finding,
    severity: FINDINGS[finding],
    outcome: textOf(outcome),
    mechanism,
    sent: sent.map(toHex),
    case: one,
  };
}

function dutyOf({ expected }: FuzzCase): string {
  if (expected.verdict === 'answer') return `answers ${expected.codes.join(' or ')}`;
  if (expected.verdict === 'accept') return 'accepts it';
  if (expected.verdict === 'either') return 'accepts or refuses it, and accepts no other text instead';
  return `refuses it, and keeps its state: ${expected.codes.join(' or ')}`;
}

/** A status of 0 is left out, and so is a signal, which `detail` has already. */
function textOf({ kind, code, detail, exit }: Outcome): string {
  const status = exit?.signal === null && exit.status ? `, exit status ${exit.status}` : '';
  return `${kind}${code === undefined ? '' : ` ${code}`}${detail === undefined ? '' : ` (${detail})`}${status}`;
}

/** A file name for a finding, of letters and hyphens only. */
export function fileNameOf({ case: one }: Reproducer): string {
  const level = one.level === undefined ? '' : `-${one.level}`;
  const words = `${one.to}-${one.layer}-${one.name}`.toLowerCase().replace(/[^a-z0-9]+/g, '-');
  return `${words.slice(0, 80).replace(/-$/, '')}${level}.json`;
}

/**
 * Reads the cases of a file with one reproducer or a list of them.
 * @throws FtpSecurityError `syntax/bad-file`
 */
export function parseReproducers(octets: Uint8Array): FuzzCase[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(fromUtf8(octets));
  } catch {
    throw bad('no JSON');
  }
  return (Array.isArray(parsed) ? parsed : [parsed]).map(value => {
    if (!isRecord(value) || !isRecord(value['case'])) throw bad('no case');
    return readCase(value['case']);
  });
}

/** The fields of a case that a file may set, in addition to its rule. */
const FIELDS: Readonly<Record<string, (value: unknown) => boolean>> = {
  level: value => value === 'safe' || value === 'private',
  text: value => typeof value === 'string' && /^[\x01-\x7f]*$/.test(value),
  bufferSize: value => isChoice(value) && value >= 1 && value <= MAX_PROTECTION_BUFFER,
  choices: value => Array.isArray(value) && value.every(isChoice),
};

function readCase(one: Record<string, unknown>): FuzzCase {
  const { to, at } = one;
  if (to !== 'client' && to !== 'server') throw bad('the case is for neither side');
  const rule = ruleOf(one);
  if (rule === undefined) throw bad(`no case is called ${JSON.stringify(one['name'])}`);
  if (at !== undefined && (!isChoice(at) || at === 0)) throw bad('the case is at no command');
  const made = caseOf(rule, { to, choices: [] });
  const fields = Object.keys(FIELDS).filter(field => field in made && rule.layer !== 'phases');
  for (const field of fields) if (!FIELDS[field]!(one[field])) throw bad(`the case has no valid ${field}`);
  return { ...made, ...Object.fromEntries(fields.map(field => [field, one[field]])), ...(at !== undefined && { at }) };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isChoice(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 0xffff_ffff;
}

function bad(why: string): FtpSecurityError {
  return new FtpSecurityError('syntax/bad-file', `no reproducer: ${why}`, { side: 'local' });
}
