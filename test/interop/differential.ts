/**
 * The same tokens judged by a library and by us. One context of a library has two sides; each has a counterpart of ours with the
 * same keys. A side of the library or of ours makes a token, half of the tokens are mutated, and the other side of both judges it:
 * the verdict, the text, the level and the sequence must be equal, or `differences.ts` has the difference.
 */
import { toHex } from '../../src/bytes.js';
import { differenceOf } from './differences.js';
import { type Judged, OneWay, type Verdict } from './judged-tokens.js';
import { SeededOctets } from './messages.js';
import { FLAG } from './peer.js';
import type { Realm } from './realm.js';
import { sharedContext } from './shared-context.js';

export interface DifferentialTally {
  messages: number;
  mutated: number;
  /** By both, with the same text. */
  taken: number;
  refused: number;
  /** How many of each difference that is known. */
  known: Map<string, number>;
  /** Others, as text for people. */
  unexplained: string[];
  octets: number;
}

/** Messages that are on their way at once, and for which a context serves. */
const BATCH = 128;
const LIFE = 1024;

/** Every fourth context looks at sequence numbers. */
const NUMBERED = 4;

export async function differentialRun(
  realm: Realm,
  enctype: number,
  messages: number,
  seed: string,
): Promise<DifferentialTally> {
  const tally = { messages: 0, mutated: 0, taken: 0, refused: 0, known: new Map(), unexplained: [], octets: 0 };
  for (let life = 0; tally.messages < messages; life++) {
    const random = new SeededOctets([seed, realm.library, enctype, life].join());
    const numbered = life % NUMBERED === NUMBERED - 1;
    const mutual = numbered || random.below(2) === 1;
    const flags = FLAG.conf | FLAG.integ | (mutual ? FLAG.mutual : 0) | (numbered ? FLAG.replay | FLAG.sequence : 0);
    const context = await sharedContext(realm, enctype, flags);
    // The maker of one direction is the library, that of the other ours, and either once more with Node's ciphers.
    const ways = (['server', 'client'] as const).map(
      (to, i) => new OneWay(realm.library, context, to, { numbered, ours: (life + i) % 2 === 0, life, random }),
    );
    const end = Math.min(messages, tally.messages + LIFE);
    while (tally.messages < end) {
      const count = Math.min(BATCH, end - tally.messages);
      for (const judged of await ways[random.below(2)]!.batch(count)) record(judged, tally);
    }
    await Promise.all([context.initiator.close(), context.acceptor.close()]);
  }
  return tally;
}

function record(judged: Judged, tally: DifferentialTally): void {
  const { ours, theirs, token, mutation } = judged;
  tally.messages++;
  tally.octets += token.length;
  if (mutation !== undefined) tally.mutated++;
  if (isEqual(ours, theirs)) {
    // What was not mutated must be taken, with the text that it was made of.
    const isRight = mutation !== undefined || (ours.text !== undefined && hex(ours.text) === hex(judged.text));
    if (!isRight) tally.unexplained.push(describe(judged));
    else if (ours.text === undefined) tally.refused++;
    else tally.taken++;
    return;
  }
  const difference = differenceOf(judged);
  if (difference === undefined) tally.unexplained.push(describe(judged));
  else tally.known.set(difference, (tally.known.get(difference) ?? 0) + 1);
}

function isEqual(ours: Verdict, theirs: Verdict): boolean {
  return (
    hex(ours.text) === hex(theirs.text) &&
    (ours.text === undefined || (ours.level === theirs.level && (ours.sequence ?? 'ok') === (theirs.sequence ?? 'ok')))
  );
}

const hex = (octets: Uint8Array | undefined) => octets && toHex(octets);

function describe({ ours, theirs, token, original, ...its }: Judged): string {
  const said = ({ text, level, sequence, reason }: Verdict) =>
    [text === undefined ? 'no text' : `${text.length} octets of text`, level, sequence, reason].join(' ');
  const of = `${its.kind} ${its.level} ${its.text.length} octets by ${its.maker}, numbered ${its.numbered}`;
  const head = (octets: Uint8Array | undefined) => octets && toHex(octets).slice(0, 160);
  return `${of}, ${its.mutation ?? 'as it was made'}: ours ${said(ours)}; theirs ${said(theirs)}; ${head(original)} → ${head(token)}`;
}
