/** Messages both ways over an established context, each wrapped by one side and unwrapped by the other. */
import type { SecurityContext } from '../../src/protection/mechanism.js';
import { lengthOf, type SeededOctets } from './messages.js';
import { GSS, type Peer, type PeerReply } from './peer.js';

export interface Tally {
  /** Each way. */
  messages: number;
  /** Of both ways together. */
  sealed: number;
  octets: number;
  /** What did not come out as it went in, or not at its level, or not in sequence. */
  differing: number;
  /** The first of them. */
  first?: string;
}

interface Message {
  plaintext: Uint8Array;
  sealed: boolean;
  reply: Promise<PeerReply>;
}

/** Enough that neither side waits for the other. */
const BATCH = 48;

/** One batch is on its way while the one before it is judged. */
export async function exchangeMessages(
  context: SecurityContext,
  peer: Peer,
  random: SeededOctets,
  messages: number,
): Promise<Tally> {
  const tally: Tally = { messages, sealed: 0, octets: 0, differing: 0 };
  let before: (() => Promise<void>) | undefined;
  for (let start = 0; start < messages; start += BATCH) {
    const numbers = Array.from({ length: Math.min(BATCH, messages - start) }, (_, i) => start + i);
    const outgoing = numbers.map(number => send(context, peer, choose(number, random, tally)));
    const incoming = numbers.map(number => ask(peer, choose(number, random, tally)));
    peer.flush();
    await before?.();
    before = async () => {
      for (const message of outgoing) note(tally, 'ours', message, await differenceOfOurs(message));
      for (const message of incoming) note(tally, 'theirs', message, await differenceOfTheirs(message, context));
    };
  }
  await before?.();
  return tally;
}

type Choice = Omit<Message, 'reply'>;

function choose(number: number, random: SeededOctets, tally: Tally): Choice {
  const plaintext = random.take(lengthOf(number, random));
  const sealed = random.below(2) === 1;
  tally.octets += plaintext.length;
  tally.sealed += Number(sealed);
  return { plaintext, sealed };
}

function send(context: SecurityContext, peer: Peer, { plaintext, sealed }: Choice): Message {
  const { token } = context.wrap(plaintext, sealed ? 'private' : 'safe');
  return { plaintext, sealed, reply: peer.queue('u', token) };
}

function ask(peer: Peer, { plaintext, sealed }: Choice): Message {
  return { plaintext, sealed, reply: peer.queue(sealed ? 'W' : 'w', plaintext) };
}

/** Nothing supplementary either: no gap, no replay. */
async function differenceOfOurs({ plaintext, sealed, reply }: Message): Promise<string | undefined> {
  const { major, flag, result } = await reply;
  if (major !== GSS.complete) return `status ${major.toString(16)}`;
  if (flag !== sealed) return 'another level';
  return isEqual(result, plaintext) ? undefined : 'another text';
}

async function differenceOfTheirs(message: Message, context: SecurityContext): Promise<string | undefined> {
  const { major, flag, result } = await message.reply;
  if (major !== GSS.complete || flag !== message.sealed) return `not wrapped, status ${major.toString(16)}`;
  try {
    const { plaintext, level, sequence } = context.unwrap(result);
    if (level !== (message.sealed ? 'private' : 'safe')) return `level ${level}`;
    if (sequence !== 'ok') return `sequence ${sequence}`;
    return isEqual(plaintext, message.plaintext) ? undefined : 'another text';
  } catch (error) {
    return String(error);
  }
}

function note(tally: Tally, whose: string, { plaintext, sealed }: Message, difference: string | undefined): void {
  if (difference === undefined) return;
  tally.differing++;
  tally.first ??= `${whose}, ${plaintext.length} octets ${sealed ? 'sealed' : 'not sealed'}: ${difference}`;
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
