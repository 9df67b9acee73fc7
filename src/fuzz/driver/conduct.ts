/**
 * What a client made of a bent reply: what it does next is held against what the same client did behind a sound reply and
 * behind one that refuses; and what it prints tells too.
 */
import type { FtpSecurityError } from '../../errors.js';
import type { ProtectionLevel } from '../../secure/protection-level.js';
import type { MessageCase } from '../cases.js';
import type { ExchangeCase } from '../exchange/cases.js';
import type { ClientScript } from '../phases.js';
import { type DrivenCase, judged, judgedExchange, type Outcome } from './outcome.js';
import type { Quiet } from './wire.js';

/** What a client did on one connection. */
export interface Conduct {
  /** Its commands, each with its level in front: `clear AUTH`, `safe USER`. */
  commands: readonly string[];
  /** The place in `commands` of the one whose reply was bent. */
  bent?: number;
  /** How often the marker went before the bent reply. */
  markers?: number;
  /** It had sent its next command before the bent reply: that tells nothing. */
  ahead?: boolean;
  /** A sound reply had to be sent behind the bent one, to make it go on. */
  waited?: boolean;
  end: Quiet;
  /** What was bent, as it was sent. */
  played?: DrivenCase;
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
export interface Known {
  /** What it does with a sound server. */
  usual: Conduct;
  /** What it does where the command whose reply was bent is refused; undefined where nothing stands for that. */
  refused: Conduct | undefined;
  /** How often the marker stood in what it has printed, if it prints the text of sound replies at all. */
  shown: number | undefined;
}

/** What a client made of a bent reply. */
export function judgeClient(one: DrivenCase, conduct: Conduct, known: Known): Outcome {
  const { commands, bent, end, played = one, sent, error, waited } = conduct;
  if (bent === undefined) return { kind: 'skipped', detail: 'never came there' };
  const next = commands[bent + 1];
  const hasShown = (known.shown ?? 0) > (conduct.markers ?? 0);
  const base: Omit<Outcome, 'kind'> = { played, ...(sent && { sent }), detail: detailOf(next, conduct, hasShown) };
  if (error !== undefined) return { ...base, kind: 'refused', finding: 'bad command given', detail: error.message };
  const expected = expectedOf(one);
  const as = (kind: Outcome['kind']) =>
    one.layer === 'exchange'
      ? judgedExchange({ ...base, kind }, one as ExchangeCase)
      : judged({ ...base, kind }, expected, (one as MessageCase).forges);
  if (hasShown && expected.verdict === 'refuse') return as('accepted');
  if (next !== undefined && isDowngrade(next)) return { ...base, kind: 'refused', finding: 'gone on in the clear' };
  if (waited) return as(end === 'silence' && next === undefined ? 'hung' : 'ignored');
  if (next === undefined) return as('closed');
  const usual = known.usual.commands[bent + 1];
  if (conduct.ahead) return { ...base, kind: 'skipped', detail: 'sends commands ahead of replies' };
  if (one.layer === 'exchange') return as(goesOnAlike(next, usual) ? 'accepted' : 'refused');
  if (next !== usual) return as('refused');
  if (usual !== known.refused?.commands[bent + 1]) return as('accepted');
  // It does the same whatever the reply says, so that only what it prints tells.
  if (hasShown) return as('accepted');
  return { ...base, kind: known.shown === undefined ? 'skipped' : 'refused' };
}

/** A client may do anything behind a text that the case has made up, or a reply that refuses. */
function expectedOf(one: DrivenCase): MessageCase['expected'] {
  const { expected } = one as MessageCase | ClientScript | ExchangeCase;
  const own = one.layer === 'phases' || one.layer === 'inner' || one.layer === 'fragments';
  return own && expected.verdict === 'accept' ? { verdict: 'either' } : expected;
}

/** The same, or protected as well, whatever is in it: nobody can open it whose keys are others. */
function goesOnAlike(next: string, usual: string | undefined): boolean {
  return next === usual || (usual !== undefined && !/^clear /.test(next) && !/^clear /.test(usual));
}

export function isDowngrade(command: string): boolean {
  return /^clear (?!AUTH$|ADAT$|QUIT$)/.test(command);
}

function detailOf(next: string | undefined, { waited, end }: Conduct, shown: boolean): string {
  const did = next === undefined ? (end === 'end' ? 'closes' : 'does nothing') : `sends ${next}`;
  return `${did}${waited ? ' behind a sound reply' : ''}${shown ? ', and shows the text' : ''}`;
}
