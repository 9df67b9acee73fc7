/**
 * What a client did after a mutated reply. Its next commands are compared with those of the same client after a valid
 * reply and after a refusal; its output and its exit status are evidence too.
 */

import type { FtpSecurityError } from '../../errors.js';
import type { ProtectionLevel } from '../../protection/protection-level.js';
import type { FuzzCase } from '../cases.js';
import type { Expectation } from '../mutation.js';
import type { NoReply } from './connection.js';
import { judged, type Outcome, type OutcomeKind } from './outcome.js';

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
  /**
   * The mutated reply went in one piece with the previous reply, and at first the command at `mutated` got no other
   * reply.
   */
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

/** The normal behaviour of a client, for comparison. */
export interface Baseline {
  /** With a conforming server. */
  usual: ClientTrace;
  /** If the command is refused whose reply was mutated; undefined if that is not known. */
  refused: ClientTrace | undefined;
  /** How often the marker occurs in its output; undefined if it does not print the text of valid replies. */
  shown: number | undefined;
  /** Its exit statuses: after this case, twice after valid replies, and after a refusal. */
  statuses?: Signals<number | null | undefined> | undefined;
}

/** One kind of evidence: after a case, twice after valid input, and after a failure. */
export interface Signals<T> {
  its: T;
  usual: readonly [T, T];
  failed: T;
}

/** The outcome of a mutated reply. */
export function judgeClient(one: FuzzCase, trace: ClientTrace, known: Baseline): Outcome {
  const { commands, mutated, early, end, played = one, sent, error, waited } = trace;
  if (mutated === undefined) return { kind: 'skipped', detail: 'never came there' };
  const next = commands[mutated + 1];
  const hasShown = (known.shown ?? 0) > (trace.markers ?? 0);
  const base: Omit<Outcome, 'kind'> = { played, ...(sent && { sent }), detail: detailOf(next, trace, hasShown) };
  if (error !== undefined) return { ...base, kind: 'refused', finding: 'bad command given', detail: error.message };
  const expected = expectedOf(played);
  const as = (kind: Outcome['kind']) => judged({ ...base, kind }, { ...one, expected });
  // A client may show a clear reply as not authenticated, and wait for the protected one. That is not acceptance.
  const isClearOnly = expected.verdict === 'refuse' && expected.codes[0] === 'sequence/unprotected';
  if (hasShown && expected.verdict === 'refuse' && !(isClearOnly && waited)) return as('accepted');
  const behind = commands.slice(early ? mutated : mutated + 1, mutated + 2);
  if (behind.some(isDowngrade)) return { ...base, kind: 'refused', finding: 'gone on in the clear' };
  if (early) return as(kindOfEarly(trace, known.usual));
  if (waited) return as(end === 'timeout' && next === undefined ? 'hung' : 'ignored');
  if (next === undefined) return as('closed');
  const usual = known.usual.commands[mutated + 1];
  if (trace.ahead) return { ...base, kind: 'skipped', detail: 'sends commands ahead of replies' };
  if (one.layer === 'exchange') return as(goesOnAlike(next, usual) ? 'accepted' : 'refused');
  if (next !== usual) return as('refused');
  if (usual !== known.refused?.commands[mutated + 1]) return as('accepted');
  // The client always does the same, so only its output can show acceptance.
  if (hasShown) return as('accepted');
  if (known.shown !== undefined) return { ...base, kind: 'refused' };
  if (known.statuses) return as(kindBySignals(known.statuses, expected));
  return { ...base, kind: 'skipped', detail: `${base.detail}, as it does whatever the reply says` };
}

/** Judges a client that always does the same by other evidence, unless that is always the same too. */
export function kindBySignals<T>(
  { its, usual: [usual, again], failed }: Signals<T>,
  expected: Expectation,
): OutcomeKind {
  if (usual === undefined || usual !== again || usual === failed) return 'skipped';
  if (its === usual) return 'accepted';
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
function expectedOf(one: FuzzCase): Expectation {
  const { expected } = one;
  const own = one.layer === 'phases' || one.layer === 'inner' || one.layer === 'fragments';
  return own && expected.verdict === 'accept' ? { verdict: 'either' } : expected;
}

/** Whether the next command is the usual one, or a protected one of any content: with other keys it can't be opened. */
function goesOnAlike(next: string, usual: string | undefined): boolean {
  return next === usual || (usual !== undefined && !isClear(next) && !isClear(usual));
}

function isClear(command: string): boolean {
  return command.startsWith('clear ');
}

/** Whether a command was sent in the clear that must not be. */
export function isDowngrade(command: string): boolean {
  return /^clear (?!AUTH$|ADAT$|QUIT$)/.test(command);
}

function detailOf(next: string | undefined, { waited, end }: ClientTrace, shown: boolean): string {
  const did = next === undefined ? (end === 'end' ? 'closes' : 'does nothing') : `sends ${next}`;
  return `${did}${waited ? ' behind a valid reply' : ''}${shown ? ', and shows the text' : ''}`;
}
