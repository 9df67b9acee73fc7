/**
 * What a client made of a mutated transfer: what it prints of the file, what it does next, and what it says about it, compared with
 * what the same client does and says behind a valid file, and behind one that its server calls a failure.
 */
import { ruleIn, type TransferCase, validTransfer } from '../cases.js';
import { DATA_MARKER, FILE_NAMES } from '../mutations/data.js';
import { type ClientTrace, isDowngrade, kindBySignals } from './client-trace.js';
import { judged, type Outcome } from './outcome.js';

/** What is seen of a client on one connection. */
export interface Seen {
  trace: ClientTrace;
  /** What its process has printed; undefined where that is not seen. */
  output?: string | undefined;
  /** Its exit status; undefined when it did not end by itself. */
  status?: number | null | undefined;
}

/** What is known of how a client receives files. */
export interface TransferBaseline {
  /** Twice the same, behind a valid file: what differs between them shows nothing. */
  usual: readonly [Seen, Seen];
  /** Behind a failure. */
  failed: Seen;
}

/** What is known of a client is asked for only where the case came to be played. */
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
  // It does the same whatever comes: so what it prints has to show it.
  if (shows(usual) && !isLate) return shows(seen) ? 'accepted' : 'refused';
  const says = { its: signalOf(seen), usual: [signalOf(usual), signalOf(again)] as const, failed: signalOf(failed) };
  return kindBySignals(says, one.expected);
}

const nextOf = ({ trace: { commands, mutated } }: Seen) => (mutated === undefined ? undefined : commands[mutated + 1]);
const shows = ({ output }: Seen) => output?.includes(DATA_MARKER) === true;

/** What it says beside the file, but for numbers such as times and ports. */
function signalOf({ output, status }: Seen): string | undefined {
  if (output === undefined) return undefined;
  const lines = output.split(/[\r\n]+/).filter(line => !FILE_NAMES.some(name => line.includes(name)));
  return `${status} ${lines.join('\n').replace(/\d+/g, '0')}`;
}

function detailOf(seen: Seen, next: string | undefined): string {
  const did = next === undefined ? (seen.trace.end === 'end' ? 'closes' : 'does nothing') : `sends ${next}`;
  return `${did}${shows(seen) ? ', and shows the file' : ''}`;
}
