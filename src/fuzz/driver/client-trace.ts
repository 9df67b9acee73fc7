/**
 * What a client made of a mutated reply: what it does next is compared with what the same client did behind a valid reply and
 * behind one that refuses; and what it prints shows it too, or its exit status.
 */

import type { FtpSecurityError } from '../../errors.js';
import type { ProtectionLevel } from '../../protection/protection-level.js';
import type { FuzzCase } from '../cases.js';
import type { Expectation } from '../mutation.js';
import type { NoReply } from './connection.js';
import { judged, type Outcome, type OutcomeKind } from './outcome.js';

/** What a client did on one connection. */
export interface ClientTrace {
  /** Its commands, each with its level in front: `clear AUTH`, `safe USER`. */
  commands: readonly string[];
  /** The place in `commands` of the one whose reply was mutated. */
  mutated?: number;
  /** How often the marker went before the mutated reply. */
  markers?: number;
  /** It had sent its next command before the mutated reply: that shows nothing. */
  ahead?: boolean;
  /** At times it sends a command before the one before it is answered. */
  pipelines?: boolean;
  /** The mutated reply went in one piece with the one before, and the command at `mutated` got no other at first. */
  early?: boolean;
  /** A valid reply had to be sent behind the mutated one, to make it go on. */
  waited?: boolean;
  end: NoReply;
  /** What was mutated, as it was sent. */
  played?: FuzzCase;
  sent?: readonly Uint8Array[];
  /** A command that can't be verified. */
  error?: FtpSecurityError;
  /** At which level files went last. */
  transfers?: ProtectionLevel;
  /** A file that can't be verified. */
  dataError?: FtpSecurityError;
  /** Why its security data was refused. */
  refusal?: FtpSecurityError;
}

/** What is known of a client. */
export interface Baseline {
  /** What it does with a conforming server. */
  usual: ClientTrace;
  /** What it does where the command whose reply was mutated is refused; undefined where that is not known. */
  refused: ClientTrace | undefined;
  /** How often the marker stood in what it has printed, if it prints the text of valid replies at all. */
  shown: number | undefined;
  /** Its exit statuses: behind this case, twice behind valid replies, and behind one that refuses. */
  statuses?: Signals<number | null | undefined> | undefined;
}

/** What a client shows in one way after a case, twice behind what is valid, and behind a failure. */
export interface Signals<T> {
  its: T;
  usual: readonly [T, T];
  failed: T;
}

/** What a client made of a mutated reply. */
export function judgeClient(one: FuzzCase, trace: ClientTrace, known: Baseline): Outcome {
  const { commands, mutated, early, end, played = one, sent, error, waited } = trace;
  if (mutated === undefined) return { kind: 'skipped', detail: 'never came there' };
  const next = commands[mutated + 1];
  const hasShown = (known.shown ?? 0) > (trace.markers ?? 0);
  const base: Omit<Outcome, 'kind'> = { played, ...(sent && { sent }), detail: detailOf(next, trace, hasShown) };
  if (error !== undefined) return { ...base, kind: 'refused', finding: 'bad command given', detail: error.message };
  const expected = expectedOf(played);
  const as = (kind: Outcome['kind']) => judged({ ...base, kind }, { ...one, expected });
  // A client may show a clear reply as one that is not authenticated, and wait for the protected one: that does not take it.
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
  // It does the same whatever the reply says, so that only what it prints shows it.
  if (hasShown) return as('accepted');
  if (known.shown !== undefined) return { ...base, kind: 'refused' };
  if (known.statuses) return as(kindBySignals(known.statuses, expected));
  return { ...base, kind: 'skipped', detail: `${base.detail}, as it does whatever the reply says` };
}

/** Of a client that does the same whatever comes: what else it says has to show it, if it is not the same as well. */
export function kindBySignals<T>(
  { its, usual: [usual, again], failed }: Signals<T>,
  expected: Expectation,
): OutcomeKind {
  if (usual === undefined || usual !== again || usual === failed) return 'skipped';
  if (its === usual) return 'accepted';
  return expected.verdict === 'refuse' ? 'refused' : 'skipped';
}

/** A client that goes on though its command is not answered yet has taken what came before for the answer. */
function kindOfEarly({ commands, mutated, end, waited }: ClientTrace, usual: ClientTrace): OutcomeKind {
  const [own, next] = commands.slice(mutated);
  if (own === undefined) return 'closed';
  if (own !== usual.commands[mutated!]) return 'refused';
  if (next === undefined) return end === 'timeout' && waited ? 'hung' : 'closed';
  if (waited) return 'ignored';
  if (usual.pipelines) return 'skipped';
  // Behind an ADAT that is not answered anything shows as much, unless it begins anew, or leaves.
  const believes = isClear(own) ? !/^clear (AUTH|QUIT)$/.test(next) : next === usual.commands[mutated! + 1];
  return believes ? 'accepted' : 'refused';
}

/** A client may do anything behind a text that the case has made up, or a reply that refuses. */
function expectedOf(one: FuzzCase): Expectation {
  const { expected } = one;
  const own = one.layer === 'phases' || one.layer === 'inner' || one.layer === 'fragments';
  return own && expected.verdict === 'accept' ? { verdict: 'either' } : expected;
}

/** The same, or protected as well, whatever is in it: with other keys it cannot be opened. */
function goesOnAlike(next: string, usual: string | undefined): boolean {
  return next === usual || (usual !== undefined && !isClear(next) && !isClear(usual));
}

function isClear(command: string): boolean {
  return command.startsWith('clear ');
}

/** Whether a command went in the clear that must not. */
export function isDowngrade(command: string): boolean {
  return /^clear (?!AUTH$|ADAT$|QUIT$)/.test(command);
}

function detailOf(next: string | undefined, { waited, end }: ClientTrace, shown: boolean): string {
  const did = next === undefined ? (end === 'end' ? 'closes' : 'does nothing') : `sends ${next}`;
  return `${did}${waited ? ' behind a valid reply' : ''}${shown ? ', and shows the text' : ''}`;
}
