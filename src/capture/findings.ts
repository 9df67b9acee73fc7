/**
 * Findings: what in a recording breaks a rule, weakens the protection, or deserves attention. Each has a rule, a
 * severity, and the lines that show it. Every error of a line is a finding; many other findings show only in several
 * lines together.
 */
import { commandFacts } from '../ftp/commands.js';
import { DEVIATIONS, type Deviation, OPTIONAL_DEVIATIONS } from '../protection/deviations.js';
import type { ProtectionLevel } from '../protection/protection-level.js';
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
  'reordered-line': ['high', 'a line that was sent before another, and came after it'],
  'unexplained-gap': ['high', 'lines are missing that no data connection accounts for'],
  'unsealed-token': ['high', 'a line that claims level private, with a token that is not encrypted'],
  'overstated-level': ['medium', 'a line that claims more than its token has'],
  'nested-protection': ['medium', 'a protected line within a protected line'],
  'smuggled-text': ['high', 'a verified token whose text is not one whole line or reply'],
  'token-without-association': ['medium', 'a token where no security association exists'],
  'malformed-line': ['low', 'a line against the syntax'],
  'unfinished-line': ['low', 'a line or reply that was not finished when the connection or the capture ended'],
  'password-in-clear': ['high', 'a password in the clear'],
  'anonymous-password': ['low', 'the password of an anonymous login in the clear'],
  'password-unsealed': ['high', 'a password with integrity alone, which anyone on the way can read'],
  'data-in-clear': ['medium', 'a transfer without protection, under a security association'],
  'lowered-protection': ['medium', 'the protection of data connections was lowered'],
  'data-truncated': ['high', 'a data connection that ended without its last block'],
  'data-given-up': ['low', 'a data connection without its last block, of a transfer that the server reports as failed'],
  'data-altered': ['high', 'a data connection with a block that does not verify'],
  'data-replayed': ['high', 'a data connection with a block that came before'],
  'data-reordered': ['high', 'a data connection with blocks that are missing or out of order'],
  'data-irregular': ['medium', 'a data connection against the rules of its blocks'],
  'data-not-captured': ['low', 'a protected transfer whose data connection is not in the capture'],
  'weak-cryptography': ['medium', 'a mechanism or encryption type that is too weak to rely on'],
  'delegated-credentials': ['low', 'the client has delegated its credentials to the server'],
  'clock-skew': ['low', 'the clock of the client is more than five minutes off'],
  'ticket-out-of-time': ['medium', 'a ticket that has expired, or is not yet valid'],
  'unfinished-connection': ['low', 'a secured connection that is open where the capture ends'],
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
  'syntax/truncated': 'unfinished-line',
};

const BY_DATA_CODE: Readonly<Record<string, Rule>> = {
  'syntax/truncated': 'data-truncated',
  'security/replayed': 'data-replayed',
  'security/out-of-sequence': 'data-reordered',
};

/** The findings of one control connection, and what its records so far have shown. */
export class ConnectionFindings {
  readonly #connection: number;
  #secured = false;
  #clientName: string | null = null;
  /** The last ADAT command. */
  #exchanged: { time: string | null; index: number } | undefined;
  /** The argument of the last USER command. */
  #requestedUser = '';
  #protection: ProtectionLevel = 'clear';
  /** The last transfer in the clear: the server may send several 1yz replies to one. */
  #inClear: number | undefined;
  /** The deviations that were found, each with its side; undefined before the first. */
  #deviations: Set<string> | undefined;

  constructor(connection: number) {
    this.#connection = connection;
  }

  /** The findings that a record of the connection causes. Records must be given in their order. */
  see(record: TranscriptRecord): FindingRecord[] {
    switch (record.type) {
      case 'connection':
        return this.#exchange(record);
      case 'message':
        return this.#message(record);
      case 'reply':
        return this.#reply(record);
      case 'data':
        return dataFindings(record);
      default:
        return [];
    }
  }

  #find(rule: Rule, messages: number[], detail?: string): FindingRecord {
    return finding(this.#connection, rule, messages, detail);
  }

  #exchange({ mechanism, client_name, facts }: ConnectionRecord): FindingRecord[] {
    if (mechanism === null) return [];
    this.#secured = true;
    this.#clientName = client_name;
    this.#protection = 'clear';
    const messages = this.#exchanged === undefined ? [] : [this.#exchanged.index];
    const flags = (facts['flags'] as string[] | undefined) ?? [];
    return [
      ...(facts.weak === true ? [this.#find('weak-cryptography', messages, facts.weakness)] : []),
      ...(flags.includes('deleg') ? [this.#find('delegated-credentials', messages)] : []),
      ...timeRules(facts, this.#exchanged?.time).map(rule => this.#find(rule, messages)),
    ];
  }

  #message(message: MessageRecord): FindingRecord[] {
    const { connection, index, error, tolerated } = message;
    const found: FindingRecord[] = [];
    if (error !== null) found.push(this.#find(ruleOf(message), [index], error.message));
    for (const name of tolerated) {
      this.#deviations ??= new Set();
      if (this.#deviations.has(`${message.from} ${name}`)) continue;
      this.#deviations.add(`${message.from} ${name}`);
      const text = `a deviation of the ${message.from}`;
      found.push({ type: 'finding', connection, rule: `deviation/${name}`, severity: 'low', messages: [index], text });
    }
    return message.from === 'client' ? found.concat(this.#command(message)) : found;
  }

  #command({ index, time, text, level, applied }: MessageRecord): FindingRecord[] {
    const command = text === null ? undefined : commandIn(text);
    if (command === undefined) return [];
    const { verb, argument = '' } = command;
    if (verb === 'ADAT') this.#exchanged = { time, index };
    if (verb === 'USER') this.#requestedUser = argument;
    if (commandFacts(verb).password === undefined) return [];
    const sealed = applied ?? level;
    if (sealed === 'private' || sealed === 'confidential') return [];
    if (ANONYMOUS.has(this.#requestedUser.toLowerCase())) return [this.#find('anonymous-password', [index])];
    return [this.#find(sealed === 'clear' ? 'password-in-clear' : 'password-unsealed', [index])];
  }

  #reply({ messages, code, answers, user, protection }: ReplyRecord): FindingRecord[] {
    const before = this.#protection;
    if (protection !== null) this.#protection = protection;
    if (answers !== null && endsAssociation(answers.verb, code)) {
      this.#secured = false;
      this.#clientName = null;
    }
    if (answers === null || !this.#secured) return [];
    const lines = [answers.message, ...messages];
    // After a password, it is the password that identifies the user.
    // The server has a list of the accounts of distinguished names; `:globus-mapping:` asks for the one in it.
    const isMapped = this.#clientName?.startsWith('/');
    if (answers.verb === 'USER' && (code === 230 || code === 232) && user !== null && !isMapped) {
      const own = this.#clientName?.replace(/@.*$/s, '');
      const isOther = own !== undefined && user !== own;
      return isOther ? [this.#find('other-user', lines, `${this.#clientName} is ${user} now`)] : [];
    }
    if (protection === null) return [];
    if (answers.verb === 'PROT' && STRENGTH.indexOf(protection) < STRENGTH.indexOf(before))
      return [this.#find('lowered-protection', lines, `from ${before} to ${protection}`)];
    const isTransfer = code < 200 && commandFacts(answers.verb).data !== undefined;
    if (!isTransfer || protection !== 'clear' || answers.message === this.#inClear) return [];
    this.#inClear = answers.message;
    return [this.#find('data-in-clear', lines)];
  }
}

/** Whether a reply ends the association before (RFC 2228 §3, appendix I). */
function endsAssociation(verb: string, code: number): boolean {
  return verb === 'REIN' ? code >= 200 && code < 300 : verb === 'AUTH' && code === 334;
}

/** Names of an anonymous login, whose password is no secret (RFC 1635). */
const ANONYMOUS: ReadonlySet<string> = new Set(['anonymous', 'ftp']);

/** The levels of data connections, weakest first. */
const STRENGTH: readonly ProtectionLevel[] = ['clear', 'confidential', 'safe', 'private'];

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

/** A connection under a security association whose end is not in the capture. */
export function unfinishedConnection(connection: number): FindingRecord {
  return finding(connection, 'unfinished-connection', []);
}

/** A protected transfer of which the capture has nothing but its lines. @param messages  index of each of these lines */
export function missingData(
  connection: number,
  messages: number[],
  { command, name, level }: { command: string; name: string | undefined; level: ProtectionLevel },
): FindingRecord {
  return finding(
    connection,
    'data-not-captured',
    messages,
    `${[command, name ?? ''].join(' ').trimEnd()} at level ${level}`,
  );
}

function dataFindings(record: DataRecord): FindingRecord[] {
  const { connection, message, command, name, level, verdict, error, given_up } = record;
  if (error === null) return [];
  const isAltered = verdict === 'failed' && error.code.startsWith('security/');
  const rule = isAltered ? 'data-altered' : given_up ? 'data-given-up' : (BY_DATA_CODE[error.code] ?? 'data-irregular');
  const what = [command ?? 'a transfer', ...(name === null ? [] : [name])].join(' ');
  const lines = message === null ? [] : [message];
  return [finding(connection, rule, lines, `${what} at level ${level}: ${error.message}`)];
}

function finding(connection: number, rule: Rule, messages: number[], detail?: string): FindingRecord {
  const [severity, meaning] = RULES[rule];
  const text = detail === undefined || detail === meaning ? meaning : `${meaning}: ${detail}`;
  return { type: 'finding', connection, rule, severity, messages, text };
}
