/**
 * What a client did after a mutated reply or transfer. Its next commands, its output and its exit status are compared
 * with those of the same client after valid replies or files, and after a failure.
 */
import type { FtpSecurityError } from '../../errors.js';
import type { ProtectionLevel } from '../../protection/protection-level.js';
import { type FuzzCase, ruleIn, type TransferCase, validTransfer } from '../cases.js';
import type { Expectation } from '../mutation.js';
import { DATA_MARKER, FILE_NAMES } from '../mutations/data.js';
import type { NoReply } from './connection.js';
import { judged, type Outcome, type OutcomeKind } from './outcome.js';

/** Part of the text of every mutated reply: a client that prints it has accepted the reply. */
export const MARKER = 'mutated-by-rfc2228';

/** The marker of a reply that is not mutated, by the number of its protected command, from 1. */
export function markerOf(number: number): string {
  return `${MARKER}-${number}`;
}

/** The actions of a client on one connection. */
export interface ClientTrace {
  /** Its commands, each with its level in front: `clear AUTH`, `safe USER`. */
  commands: readonly string[];
  /** The index in `commands` of the command whose reply was mutated. */
  mutated?: number;
  /** How often the marker was sent before the mutated reply. */
  markers?: number;
  /** It sent its next command before the mutated reply, so that command shows nothing. */
  ahead?: boolean;
  /** It sometimes sends a command before the previous one is answered. */
  pipelines?: boolean;
  /** The mutated reply went in one piece with the previous one; at first the command at `mutated` got no other reply. */
  early?: boolean;
  /** A valid reply had to be sent after the mutated one to make it continue. */
  waited?: boolean;
  end: NoReply;
  /** The case as it was sent. */
  played?: FuzzCase;
  sent?: readonly Uint8Array[];
  /** The error of a command that can't be verified. */
  error?: FtpSecurityError;
  /** The level of its last file transfer. */
  transfers?: ProtectionLevel;
  /** The error of a file that can't be verified. */
  dataError?: FtpSecurityError;
  /** Why its security data was refused. */
  refusal?: FtpSecurityError;
}

/** What is observed of a client on one connection. */
export interface Seen {
  trace: ClientTrace;
  /** The output of its process; undefined if that is not observed. */
  output?: string | undefined;
  /** Its exit status; undefined if it did not end by itself. */
  status?: number | null | undefined;
}

/** The normal behaviour of a client, for comparison. */
export interface Baseline {
  /** After valid replies, or after a valid file. */
  usual: Seen;
  /** The same once more: whatever differs between the two is not evidence. Without this second run, only commands and markers are evidence. */
  again?: Seen | undefined;
  /** If the command is refused whose reply was mutated, or the transfer fails; undefined if that is not known. */
  failed?: Seen | undefined;
  /** Whether it prints the text of valid replies. */
  prints?: boolean;
}

const nextOf = ({ trace: { commands, mutated } }: Seen) => (mutated === undefined ? undefined : commands[mutated + 1]);

/** The outcome of a mutated reply. */
export function judgeClient(one: FuzzCase, seen: Seen, known: Baseline): Outcome {
  const { trace } = seen;
  const { commands, mutated, early, end, played = one, waited } = trace;
  if (mutated === undefined) return { kind: 'skipped', detail: 'never came there' };
  const expected = expectedOf(played);
  const hasShown = known.prints === true && (seen.output?.split(MARKER).length ?? 1) - 1 > (trace.markers ?? 0);
  const base = baseOf(one, seen, hasShown ? 'text' : undefined);
  if (base.finding !== undefined) return base;
  const as = (kind: OutcomeKind) => judged({ ...base, kind }, { ...one, expected });
  // A client may show a clear reply as not authenticated, and wait for the protected one. That is not acceptance.
  const isClearOnly = expected.verdict === 'refuse' && expected.codes[0] === 'sequence/unprotected';
  if (hasShown && expected.verdict === 'refuse' && !(isClearOnly && waited)) return as('accepted');
  const behind = commands.slice(early ? mutated : mutated + 1, mutated + 2);
  if (behind.some(isDowngrade)) return { ...base, finding: 'gone on in the clear' };
  const next = nextOf(seen);
  if (early) return as(kindOfEarly(trace, known.usual.trace));
  if (waited) return as(end === 'timeout' && next === undefined ? 'hung' : 'ignored');
  if (next === undefined) return as('closed');
  const usual = known.usual.trace.commands[mutated + 1];
  if (trace.ahead) {
    // Its next command shows nothing; but it prints what it accepts.
    if (known.prints && expected.verdict === 'refuse') return as('refused');
    return { ...base, kind: 'skipped', detail: 'sends commands ahead of replies' };
  }
  if (one.layer === 'exchange') return as(isAlike(next, usual) ? 'accepted' : 'refused');
  if (next !== usual) return as('refused');
  if (usual !== known.failed?.trace.commands[mutated + 1] || hasShown) return as('accepted');
  // The client always does the same, so only its output or its exit status can show acceptance.
  if (known.prints) return base;
  if (known.again !== undefined) return as(kindByEvidence(seen, known, expected, ({ status }) => status));
  return { ...base, kind: 'skipped', detail: `${base.detail}, as it does whatever the reply says` };
}

/** The outcome of a mutated transfer. The baseline is requested only if the case was played. */
export async function judgeTransfer(
  one: TransferCase,
  seen: Seen,
  known: () => Promise<Baseline | undefined>,
): Promise<Outcome> {
  const { mutated, played = one, sent, dataError, transfers } = seen.trace;
  if (one.name === validTransfer(one).name && dataError !== undefined) {
    const detail = `sends data that is refused: ${dataError.code}: ${dataError.message}`;
    return { kind: 'refused', finding: 'bad data given', detail, ...(sent && { sent }) };
  }
  if (mutated === undefined) {
    const levels = transfers === one.level ? 'there is nothing to mutate' : `transfers are ${transfers}`;
    return { kind: 'skipped', detail: transfers === undefined ? 'no transfer comes' : levels };
  }
  const base = baseOf(played, seen, shows(seen) ? 'file' : undefined);
  if (base.finding !== undefined) return base;
  const next = nextOf(seen);
  if (next !== undefined && isDowngrade(next)) return { ...base, finding: 'gone on in the clear' };
  const its = await known();
  return its === undefined ? { kind: 'unready' } : judged({ ...base, kind: kindOfTransfer(one, seen, its) }, one);
}

/** A refusal with the case as it was played, and what the client did; or the finding that its next command is bad. */
function baseOf(one: FuzzCase, seen: Seen, shown: 'text' | 'file' | undefined): Outcome & { detail: string } {
  const { played = one, sent, error, waited, end } = seen.trace;
  const next = nextOf(seen);
  const did = next === undefined ? (end === 'end' ? 'closes' : 'does nothing') : `sends ${next}`;
  const detail = `${did}${waited ? ' behind a valid reply' : ''}${shown ? `, and shows the ${shown}` : ''}`;
  const its = { kind: 'refused', played, ...(sent && { sent }) } as const;
  return error === undefined ? { ...its, detail } : { ...its, finding: 'bad command given', detail: error.message };
}

function kindOfTransfer(one: TransferCase, seen: Seen, known: Baseline): OutcomeKind {
  const { usual, failed } = known;
  const next = nextOf(seen);
  const isLate = ruleIn(one).late === true;
  const mayBeShown = isLate || one.expected.verdict !== 'refuse';
  if (shows(seen) && !mayBeShown) return 'accepted';
  if (next === undefined && seen.trace.end === 'timeout') return usual.trace.end === 'timeout' ? 'skipped' : 'hung';
  if (next !== nextOf(usual)) return next === undefined ? 'closed' : 'refused';
  if (seen.trace.ahead) return 'skipped';
  if (nextOf(usual) !== nextOf(failed!)) return 'accepted';
  // The client always does the same, so only its output can show acceptance.
  if (shows(usual) && !isLate) return shows(seen) ? 'accepted' : 'refused';
  return kindByEvidence(seen, known, one.expected, messagesOf);
}

const shows = ({ output }: Seen) => output?.includes(DATA_MARKER) === true;

/** Its messages other than the file, without numbers, since times and ports vary. */
function messagesOf({ output, status }: Seen): string | undefined {
  if (output === undefined) return undefined;
  const lines = output.split(/[\r\n]+/).filter(line => !FILE_NAMES.some(name => line.includes(name)));
  return `${status} ${lines.join('\n').replace(/\d+/g, '0')}`;
}

/** Judges a client that always does the same by other evidence, unless that is always the same too. */
function kindByEvidence<T>(
  seen: Seen,
  { usual, again, failed }: Baseline,
  expected: Expectation,
  evidenceOf: (seen: Seen) => T,
): OutcomeKind {
  const right = evidenceOf(usual);
  if (right === undefined || right !== evidenceOf(again!) || right === evidenceOf(failed!)) return 'skipped';
  if (evidenceOf(seen) === right) return 'accepted';
  return expected.verdict === 'refuse' ? 'refused' : 'skipped';
}

/** Judges a client that continues before its command is answered: it has accepted the earlier reply as the answer. */
function kindOfEarly({ commands, mutated, end, waited }: ClientTrace, usual: ClientTrace): OutcomeKind {
  const [own, next] = commands.slice(mutated);
  if (own === undefined) return 'closed';
  if (own !== usual.commands[mutated!]) return 'refused';
  if (next === undefined) return end === 'timeout' && waited ? 'hung' : 'closed';
  if (waited) return 'ignored';
  if (usual.pipelines) return 'skipped';
  // After an unanswered ADAT any command shows acceptance, unless the client starts again with AUTH, or quits.
  const believes = isClear(own) ? !/^clear (AUTH|QUIT)$/.test(next) : next === usual.commands[mutated! + 1];
  return believes ? 'accepted' : 'refused';
}

/** After a text that the case invents, or a reply that refuses, a client may do anything. */
function expectedOf({ layer, expected }: FuzzCase): Expectation {
  const isInvented = layer === 'phases' || layer === 'inner' || layer === 'fragments';
  return isInvented && expected.verdict === 'accept' ? { verdict: 'either' } : expected;
}

/** Whether the next command is the usual one, or a protected one of any content: with other keys it can't be opened. */
function isAlike(next: string, usual: string | undefined): boolean {
  return next === usual || (usual !== undefined && !isClear(next) && !isClear(usual));
}

const isClear = (command: string) => command.startsWith('clear ');

/** Whether a command was sent in the clear that must not be. */
const isDowngrade = (command: string) => /^clear (?!AUTH$|ADAT$|QUIT$)/.test(command);
