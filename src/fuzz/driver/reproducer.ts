/** Findings written down as vectors are: JSON, octets in hex, the rule by name; and the cases read back from there. */
import { fromUtf8, toHex } from '../../bytes.js';
import { FtpSecurityError } from '../../errors.js';
import type { Peer } from '../../secure/security-context.js';
import { caseOf, type MessageCase, MUTATIONS, peersOf } from '../cases.js';
import { EXCHANGES, exchangeCaseOf, exchangePeersOf } from '../exchange/cases.js';
import { SCRIPTS } from '../phases.js';
import type { DrivenCase, Finding, Outcome } from './outcome.js';

/** A finding, as it stands in a file. */
export interface Reproducer {
  /** The rule that the case breaks, with its layer. */
  name: string;
  /** Where the rule is laid down. */
  source: string;
  finding: Finding;
  outcome: string;
  mechanism: string;
  /** Octets of the bent message, chunk by chunk, as they went when it was found: keys are new each time, so others go next time. */
  sent: string[];
  case: DrivenCase;
}

export function reproducerOf(one: DrivenCase, outcome: Outcome & { finding: Finding }, mechanism: string): Reproducer {
  const { kind, code, detail, finding, sent = [] } = outcome;
  return {
    name: `${one.layer}: ${one.name}`,
    source: one.source,
    finding,
    outcome: [kind, ...(code === undefined ? [] : [code]), ...(detail === undefined ? [] : [`(${detail})`])].join(' '),
    mechanism,
    sent: sent.map(toHex),
    case: one,
  };
}

/** A name for its file: letters and hyphens alone. */
export function fileNameOf({ case: one }: Reproducer): string {
  const level = 'level' in one ? `-${one.level}` : '';
  const plain = `${one.to}-${one.layer}-${one.name}`
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 80);
  return `${plain.replace(/-$/, '')}${level}.json`;
}

/**
 * The cases of a file of one reproducer or a list of them.
 * @throws FtpSecurityError `syntax/bad-file`
 */
export function parseReproducers(octets: Uint8Array): DrivenCase[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(fromUtf8(octets));
  } catch {
    throw bad('no JSON');
  }
  return (Array.isArray(parsed) ? parsed : [parsed]).map(readCase);
}

function readCase(value: unknown): DrivenCase {
  const one = isRecord(value) ? value['case'] : undefined;
  if (!isRecord(one)) throw bad('no case');
  const { layer, name, to, forges, level, text, choices } = one;
  if (to !== 'client' && to !== 'server') throw bad('the case is for neither side');
  if (layer === 'phases')
    return found(
      SCRIPTS.find(it => it.name === name && it.to === to),
      name,
    );
  if (layer === 'exchange') {
    const mutation = EXCHANGES.find(it => it.name === name && exchangePeersOf(it).includes(to));
    return exchangeCaseOf(found(mutation, name), { to, choices: readChoices(choices) });
  }
  const mutation = MUTATIONS.find(
    it => it.layer === layer && it.name === name && it.forges === forges && peersOf(it).includes(to as Peer),
  );
  if (level !== 'safe' && level !== 'private') throw bad('the case has no level');
  if (typeof text !== 'string' || !/^[\x01-\x7f]*$/.test(text)) throw bad('the case has no text in ASCII');
  return caseOf(found(mutation, name), {
    to,
    level: level as MessageCase['level'],
    text,
    choices: readChoices(choices),
  });
}

function readChoices(choices: unknown): readonly number[] {
  if (Array.isArray(choices) && choices.every(isChoice)) return choices;
  throw bad('the choices are no numbers below 2^32');
}

function found<T>(it: T | undefined, name: unknown): T {
  if (it === undefined) throw bad(`no case is called ${JSON.stringify(name)}`);
  return it;
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
