/**
 * Findings: what in a recording breaks a rule, weakens the protection, or deserves attention. Each has a rule, a
 * severity, and the lines that show it. Every error of a line is a finding; many other findings show only in several
 * lines together.
 */
import { commandFacts } from '../ftp/commands.js';
import { DEVIATIONS, type Deviation, OPTIONAL_DEVIATIONS } from '../protection/deviations.js';
import { commandIn } from './data-addresses.js';
import type {
  ConnectionRecord,
  DataRecord,
  FindingRecord,
  MessageRecord,
  ReplyRecord,
  TranscriptRecord,
} from './records.js';

/** `high`: an attacker may have changed or read something. `medium`: protection is missing or weak. `low`: worth knowing. */
export type Severity = 'high' | 'medium' | 'low';

/** Every rule except those of deviations, with its severity and meaning. */
export const RULES = {
  'clear-command-after-235': ['high', 'a command in the clear where integrity is required'],
  'clear-reply-after-235': ['high', 'a reply in the clear where protection is required'],
  'altered-token': ['high', 'a token that does not verify'],
  'reflected-token': ['high', 'a token of the other direction'],
  'replayed-token': ['high', 'a token that came before'],
  'reordered-line': ['high', 'a line that was sent before one that came first'],
  'unexplained-gap': ['high', 'lines are missing that no data connection accounts for'],
  'unsealed-token': ['high', 'a line that says private around a token that is readable'],
  'overstated-level': ['medium', 'a line that claims more than its token has'],
  'nested-protection': ['medium', 'a protected line within a protected line'],
  'smuggled-text': ['high', 'a verified token whose text is not one whole line or reply'],
  'token-without-association': ['medium', 'a token where no security association exists'],
  'malformed-line': ['low', 'a line against the syntax'],
  'password-in-clear': ['high', 'a password in the clear'],
  'password-unsealed': ['high', 'a password under integrity alone: everybody can read it'],
  'data-in-clear': ['medium', 'a transfer without protection, under a security association'],
  'lowered-protection': ['medium', 'the protection of data connections was lowered'],
  'data-truncated': ['high', 'a data connection without its last block'],
  'data-altered': ['high', 'a data connection with a block that does not verify'],
  'data-replayed': ['high', 'a data connection with a block that came before, or out of its place'],
  'data-irregular': ['medium', 'a data connection against the rules of its blocks'],
  'weak-cryptography': ['medium', 'a mechanism or encryption type that is too weak to rely on'],
  'delegated-credentials': ['low', 'the client has delegated its credentials to the server'],
  'clock-skew': ['low', 'the clock of the client is more than five minutes off'],
  'ticket-out-of-time': ['medium', 'a ticket that has expired, or is not yet valid'],
  'other-user': ['medium', 'a login as another user than the one of the security association'],
} as const satisfies Record<string, readonly [Severity, string]>;

type Rule = keyof typeof RULES;
/** The name of a rule: a key of RULES, or `deviation/` and the name of a deviation. */
export type FindingRule = keyof typeof RULES | `deviation/${Deviation}`;

/** The names of all rules; those of deviations are `deviation/` and the name. */
export const FINDING_RULES: readonly FindingRule[] = [
  ...(Object.keys(RULES) as Rule[]),
  ...[...DEVIATIONS, ...OPTIONAL_DEVIATIONS].map(name => `deviation/${name}` as const),
];

/** The clock skew in milliseconds: RFC 4120 §8.2 recommends five minutes. */
const MAX_SKEW = 300_000;

/** Rules that follow from the code of the error alone. */
const BY_CODE: Readonly<Record<string, Rule>> = {
  'security/bad-checksum': 'altered-token',
  'security/bad-token': 'altered-token',
  'security/wrong-direction': 'reflected-token',
  'security/replayed': 'replayed-token',
  'sequence/nested-protection': 'nested-protection',
  'sequence/no-context': 'token-without-association',
};

const BY_DATA_CODE: Readonly<Record<string, Rule>> = {
  'syntax/truncated': 'data-truncated',
  'security/replayed': 'data-replayed',
  'security/out-of-sequence': 'data-replayed',
};

/** What the records so far have shown of a control connection. */
interface Seen {
  secured: boolean;
  clientName: string | null;
  /** The last ADAT command. */
  exchanged: { time: string | null; index: number } | undefined;
  user: { name: string; index: number } | undefined;
  /** Whether a password was sent after USER: then the password identifies the user. */
  password: boolean;
  /** The last command, and in `prot` the letter of PROT that is in force. */
  last: { verb: string; argument: string; index: number } | undefined;
  prot: string;
  deviations: Set<string>;
}

export class Findings {
  readonly #connections = new Map<number, Seen>();

  /** The findings that a record causes. Records must be given in their order. */
  see(record: TranscriptRecord): FindingRecord[] {
    switch (record.type) {
      case 'connection':
        return this.#connection(record, this.#seen(record.connection));
      case 'message':
        return this.#message(record, this.#seen(record.connection));
      case 'reply':
        return this.#reply(record, this.#seen(record.connection));
      case 'data':
        return dataFindings(record);
      default:
        return [];
    }
  }

  #seen(connection: number): Seen {
    let seen = this.#connections.get(connection);
    if (seen === undefined) {
      const unknown = { clientName: null, exchanged: undefined, user: undefined, last: undefined };
      seen = { ...unknown, secured: false, password: false, prot: 'C', deviations: new Set() };
      this.#connections.set(connection, seen);
    }
    return seen;
  }

  #connection({ connection, mechanism, client_name, facts }: ConnectionRecord, seen: Seen): FindingRecord[] {
    if (mechanism === null) return [];
    seen.secured = true;
    seen.clientName = client_name;
    seen.prot = 'C';
    const messages = seen.exchanged === undefined ? [] : [seen.exchanged.index];
    const find = (rule: Rule, detail?: string) => finding(connection, rule, messages, detail);
    const flags = (facts['flags'] as string[] | undefined) ?? [];
    return [
      ...(facts.weak === true ? [find('weak-cryptography', facts.weakness)] : []),
      ...(flags.includes('deleg') ? [find('delegated-credentials')] : []),
      ...timeRules(facts, seen.exchanged?.time).map(rule => find(rule)),
    ];
  }

  #message(message: MessageRecord, seen: Seen): FindingRecord[] {
    const { connection, index, error, tolerated } = message;
    const found: FindingRecord[] = [];
    if (error !== null) found.push(finding(connection, ruleOf(message), [index], error.message));
    for (const name of tolerated) {
      if (seen.deviations.has(`${message.from} ${name}`)) continue;
      seen.deviations.add(`${message.from} ${name}`);
      const text = `a deviation of the ${message.from}`;
      found.push({ type: 'finding', connection, rule: `deviation/${name}`, severity: 'low', messages: [index], text });
    }
    return message.from === 'client' ? found.concat(this.#command(message, seen)) : found;
  }

  #command({ connection, index, time, text, level, applied }: MessageRecord, seen: Seen): FindingRecord[] {
    const command = text === null ? undefined : commandIn(text);
    if (command === undefined) return [];
    const { verb, argument = '' } = command;
    seen.last = { verb, argument, index };
    if (verb === 'ADAT') seen.exchanged = { time, index };
    if (verb === 'USER') {
      seen.user = { name: argument, index };
      seen.password = false;
    }
    if (commandFacts(verb).password === undefined) return [];
    seen.password = true;
    const sealed = applied ?? level;
    if (sealed === 'private' || sealed === 'confidential') return [];
    return [finding(connection, sealed === 'clear' ? 'password-in-clear' : 'password-unsealed', [index])];
  }

  #reply({ connection, messages, code }: ReplyRecord, seen: Seen): FindingRecord[] {
    const { last, user } = seen;
    if (code === 230 || code === 232) {
      const own = seen.clientName?.replace(/@.*$/s, '');
      const isOther = seen.secured && own !== undefined && user !== undefined && user.name !== own && !seen.password;
      if (!isOther) return [];
      return [finding(connection, 'other-user', [user.index, ...messages], `${seen.clientName} is ${user.name} now`)];
    }
    if (last === undefined || !seen.secured) return [];
    const rests = [last.index, ...messages];
    if (last.verb === 'PROT' && code >= 200 && code < 300) {
      const before = seen.prot;
      seen.prot = last.argument.trim().toUpperCase();
      const isLower = STRENGTH.indexOf(seen.prot) < STRENGTH.indexOf(before);
      return isLower ? [finding(connection, 'lowered-protection', rests, `from PROT ${before} to ${seen.prot}`)] : [];
    }
    const isTransfer = code < 200 && commandFacts(last.verb).data !== undefined;
    return isTransfer && seen.prot === 'C' ? [finding(connection, 'data-in-clear', rests)] : [];
  }
}

/** The letters of PROT, weakest first. */
const STRENGTH: readonly string[] = ['C', 'E', 'S', 'P'];

/** The rule that a line with an error breaks. */
function ruleOf({ from, level, applied, verdict, sequence, error }: MessageRecord): Rule {
  const code = error!.code;
  if (code === 'sequence/unprotected') return from === 'client' ? 'clear-command-after-235' : 'clear-reply-after-235';
  if (code === 'security/out-of-sequence') return sequence === 'late' ? 'reordered-line' : 'unexplained-gap';
  if (code === 'sequence/wrong-level')
    return level === 'private' && applied === 'safe' ? 'unsealed-token' : 'overstated-level';
  const known = BY_CODE[code];
  if (known !== undefined) return known;
  return verdict === 'verified' ? 'smuggled-text' : 'malformed-line';
}

/** The rules that the times of a ticket break at the time of the exchange. */
function timeRules(facts: ConnectionRecord['facts'], time: string | null | undefined): Rule[] {
  const at = Date.parse(time ?? '');
  const of = (name: string) => Date.parse(String(facts[name]));
  // An unknown time is NaN, and every comparison with it is false.
  const isOff = Math.abs(of('clientTime') - at) > MAX_SKEW;
  const isEarly = (facts['startTime'] === undefined ? of('authTime') : of('startTime')) - at > MAX_SKEW;
  const isLate = at - of('endTime') > MAX_SKEW;
  return [...(isOff ? ['clock-skew' as const] : []), ...(isEarly || isLate ? ['ticket-out-of-time' as const] : [])];
}

function dataFindings({ connection, command, name, level, verdict, error }: DataRecord): FindingRecord[] {
  if (error === null) return [];
  const isAltered = verdict === 'failed' && error.code.startsWith('security/');
  const rule = isAltered ? 'data-altered' : (BY_DATA_CODE[error.code] ?? 'data-irregular');
  const what = [command ?? 'a transfer', ...(name === null ? [] : [name])].join(' ');
  return [finding(connection, rule, [], `${what} at level ${level}: ${error.message}`)];
}

function finding(connection: number, rule: Rule, messages: number[], detail?: string): FindingRecord {
  const [severity, meaning] = RULES[rule];
  const text = detail === undefined || detail === meaning ? meaning : `${meaning}: ${detail}`;
  return { type: 'finding', connection, rule, severity, messages, text };
}
