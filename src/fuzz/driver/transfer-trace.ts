/**
 * What a client did after a mutated transfer. Its output, its next commands and its messages are compared with those of
 * the same client after a valid file, and after a file whose final reply reports a failure.
 */
import { ruleIn, type TransferCase, validTransfer } from '../cases.js';
import { DATA_MARKER, FILE_NAMES } from '../mutations/data.js';
import { type ClientTrace, isDowngrade, kindBySignals } from './client-trace.js';
import { judged, type Outcome } from './outcome.js';

/** What is observed of a client on one connection. */
export interface Seen {
  trace: ClientTrace;
  /** The output of its process; undefined if that is not observed. */
  output?: string | undefined;
  /** Its exit status; undefined if it did not end by itself. */
  status?: number | null | undefined;
}

/** How a client behaves when it receives files, for comparison. */
export interface TransferBaseline {
  /** Two runs after a valid file: whatever differs between them is no evidence. */
  usual: readonly [Seen, Seen];
  /** After a failure. */
  failed: Seen;
}

/** The outcome of a mutated transfer. The baseline is requested only if the case was played. */
export async function judgeTransfer(
  one: TransferCase,
  seen: Seen,
  known: () => Promise<TransferBaseline | undefined>,
): Promise<Outcome> {
  const { trace } = seen;
  const { commands, mutated, played = one, sent, error, dataError, transfers } = trace;
  if (one.name === validTransfer(one).name && dataError !== undefined) {
    const detail = `sends data that is refused: ${dataError.code}: ${dataError.message}`;
    return { kind: 'refused', finding: 'bad data given', detail, ...(sent && { sent }) };
  }
  if (mutated === undefined) return { kind: 'skipped', detail: whyNot(one, transfers) };
  const next = commands[mutated + 1];
  const base = { played, ...(sent && { sent }), detail: detailOf(seen, next) };
  if (error !== undefined) return { ...base, kind: 'refused', finding: 'bad command given', detail: error.message };
  if (next !== undefined && isDowngrade(next)) return { ...base, kind: 'refused', finding: 'gone on in the clear' };
  const its = await known();
  return its === undefined ? { kind: 'unready' } : judged({ ...base, kind: kindOf(one, seen, its) }, one);
}

function whyNot({ level }: TransferCase, transfers: ClientTrace['transfers']): string {
  if (transfers === undefined) return 'no transfer comes';
  return transfers === level ? 'there is nothing to mutate' : `transfers are ${transfers}`;
}

function kindOf(one: TransferCase, seen: Seen, { usual: [usual, again], failed }: TransferBaseline): Outcome['kind'] {
  const next = nextOf(seen);
  const isLate = ruleIn(one).late === true;
  const mayBeShown = isLate || one.expected.verdict !== 'refuse';
  if (shows(seen) && !mayBeShown) return 'accepted';
  const isSilent = next === undefined && seen.trace.end === 'timeout';
  if (isSilent) return usual.trace.end === 'timeout' ? 'skipped' : 'hung';
  if (next !== nextOf(usual)) return next === undefined ? 'closed' : 'refused';
  if (seen.trace.ahead) return 'skipped';
  if (nextOf(usual) !== nextOf(failed)) return 'accepted';
  // The client always does the same, so only its output can show acceptance.
  if (shows(usual) && !isLate) return shows(seen) ? 'accepted' : 'refused';
  const says = { its: signalOf(seen), usual: [signalOf(usual), signalOf(again)] as const, failed: signalOf(failed) };
  return kindBySignals(says, one.expected);
}

const nextOf = ({ trace: { commands, mutated } }: Seen) => (mutated === undefined ? undefined : commands[mutated + 1]);
const shows = ({ output }: Seen) => output?.includes(DATA_MARKER) === true;

/** Its messages other than the file, without numbers, since times and ports vary. */
function signalOf({ output, status }: Seen): string | undefined {
  if (output === undefined) return undefined;
  const lines = output.split(/[\r\n]+/).filter(line => !FILE_NAMES.some(name => line.includes(name)));
  return `${status} ${lines.join('\n').replace(/\d+/g, '0')}`;
}

function detailOf(seen: Seen, next: string | undefined): string {
  const did = next === undefined ? (seen.trace.end === 'end' ? 'closes' : 'does nothing') : `sends ${next}`;
  return `${did}${shows(seen) ? ', and shows the file' : ''}`;
}
