/**
 * gss_unwrap of a library, put to cases and to tokens altered at random, in `peer.c` built with AddressSanitizer. The harness
 * itself is instrumented; the libraries are Debian's, so that of their faults those are seen that go through malloc, memcpy
 * and the like, or that end the process.
 */
import { concat, toHex } from '../../src/bytes.js';
import { fuzzCases, isMessage, type MessageCase } from '../../src/fuzz/cases.js';
import { Choices, choicesFrom } from '../../src/fuzz/choices.js';
import { type Finding, findingOf } from '../../src/fuzz/driver/outcome.js';
import { sanitizerReport } from '../../src/fuzz/index.js';
import { krb5FuzzSession } from '../../src/fuzz/mechanisms/krb5/index.js';
import type { ForgingContext } from '../../src/fuzz/mechanisms/mechanism.js';
import type { FuzzSession } from '../../src/fuzz/mutation.js';
import { perform } from '../../src/fuzz/perform.js';
import type { Krb5ContextOptions } from '../../src/mechanisms/krb5/index.js';
import type { TokenLevel } from '../../src/protection/protection-level.js';
import { altered, tokensOfCommands as tokensOf } from './altered-tokens.js';
import { agree, ourInitiator, theirAcceptor } from './conversation.js';
import { type LibraryRun, newRun, note, type Shown } from './library-run.js';
import { GSS, isRefused, type Peer, type PeerReply } from './peer.js';
import type { Realm } from './realm.js';

export interface Taken extends Shown {
  finding: Finding | 'altered token accepted';
  /** Keys and tokens, as vectors have them: the last token is the one. */
  vector: { etype: number; key: string; receive_sequence: string; tokens: string[]; plaintext: string };
}

export type Unwrapped = LibraryRun<Taken>;

/** Tokens that are on their way at once. */
const BATCH = 256;
/** A context serves for so many tokens. */
const LIFE = 4096;
const LAYERS = ['token', 'sequence', 'direction'] as const;

interface Established {
  peer: Peer;
  session: FuzzSession & { context: ForgingContext };
  options: Krb5ContextOptions;
}

async function established(realm: Realm, enctype: number): Promise<Established> {
  let options: Krb5ContextOptions | undefined;
  const peer = theirAcceptor(realm, enctype);
  const ours = ourInitiator(realm, enctype, {
    enctypes: [enctype],
    keylog: its => {
      options = its;
    },
  });
  await agree(ours, peer, 'initiator');
  const session = krb5FuzzSession({ ...options!, allowWeak: true }) as Established['session'];
  const received = (await peer.request('w', Uint8Array.of(0x31))).result;
  return { peer, session: { ...session, received }, options: options! };
}

export async function fuzzUnwrap(realm: Realm, enctype: number, seconds: number, seed: number): Promise<Unwrapped> {
  const began = performance.now();
  const since = () => (performance.now() - began) / 1000;
  const run: Unwrapped = newRun();
  let its = await established(realm, enctype);
  const renew = async () => {
    await its.peer.close().catch(() => {});
    its = await established(realm, enctype);
  };
  for (const one of fuzzCases({ seed, to: 'server', layers: LAYERS, variants: 2 })) {
    if (!isMessage(one)) continue;
    if (since() > seconds / 2) break;
    // What moves the window of numbers is told about a context of its own.
    if (one.layer === 'sequence') await renew();
    if (!(await playCase(one, its, run))) await renew();
    its.session.context.numbers.skip();
  }
  for (let round = 0; since() < seconds; round++) {
    if (round % (LIFE / BATCH) === 0) await renew();
    if (!(await alterBatch(its, run, seed + round * 7919))) await renew();
  }
  await its.peer.close().catch(() => {});
  return { ...run, seconds: since() };
}

/** @returns whether the peer still works */
async function playCase(one: MessageCase, its: Established, run: Unwrapped): Promise<boolean> {
  const played = perform(one, its.session);
  if (played === undefined) return true;
  const before = played.before.flatMap(tokensOf);
  const tokens = tokensOf(concat(...played.chunks));
  const name = `${one.layer}: ${one.name}`;
  const vector = {
    ...vectorOf(its),
    tokens: [...before, ...tokens].map(toHex),
    plaintext: toHex(Buffer.from(one.text)),
  };
  let replies: PeerReply[];
  try {
    replies = await unwrapped(its.peer, [...before, ...tokens]);
  } catch (error) {
    note(run, { finding: 'crashed', name, outcome: crashOf(error), vector });
    return false;
  }
  run.tokens += replies.length;
  for (const { major, result } of replies.slice(before.length)) {
    const withheld = isWithheld(major, result);
    if (withheld) run.refused++;
    if (one.expected.verdict !== 'refuse' || withheld) continue;
    note(run, { finding: findingOf(one.expected.codes, one), name, outcome: outcomeOf(major, result), vector });
  }
  return true;
}

async function alterBatch(its: Established, run: Unwrapped, seed: number): Promise<boolean> {
  const draw = new Choices(choicesFrom(seed, BATCH * 8));
  const sent = Array.from({ length: BATCH }, () => {
    const level: TokenLevel = draw.of(['safe', 'private']);
    const text = draw.octets(draw.below(60));
    const token = its.session.context.wrap(text, level).token;
    return { level, text, token, altered: altered(token, draw) };
  }).filter(({ token, altered }) => toHex(token) !== toHex(altered));
  let replies: PeerReply[];
  try {
    replies = await unwrapped(
      its.peer,
      sent.map(it => it.altered),
    );
  } catch (error) {
    const tokens = sent.map(it => toHex(it.altered));
    note(run, {
      finding: 'crashed',
      name: 'an altered token',
      outcome: crashOf(error),
      vector: { ...vectorOf(its), tokens, plaintext: '' },
    });
    return false;
  }
  run.tokens += replies.length;
  for (const [i, { major, result }] of replies.entries()) {
    const { level, text, token, altered } = sent[i]!;
    if (isWithheld(major, result)) {
      run.refused++;
      continue;
    }
    const isSame = toHex(result) === toHex(text);
    const finding = isSame || result.length === 0 ? 'altered token accepted' : 'unverified text accepted';
    const name = `${level} token, ${placeOf(token, altered)}`;
    const vector = { ...vectorOf(its), tokens: [toHex(altered)], plaintext: toHex(text) };
    note(run, { finding, name, outcome: outcomeOf(major, result), vector });
  }
  return true;
}

/** Where a token was changed: in RFC 1964's counted from behind the frame. */
function placeOf(token: Uint8Array, altered: Uint8Array): string {
  const frame = token[0] === 0x60 ? 13 + (token[1]! & 0x80 ? token[1]! & 0x7f : 0) : 0;
  if (token.length !== altered.length) return `of another length`;
  const places = [...token.keys()].filter(at => token[at] !== altered[at]).map(at => at - frame);
  const isIn = (from: number, to: number) => places.every(at => at >= from && at < to);
  if (frame === 0 && isIn(6, 8)) return 'its RRC (octets 6 and 7)';
  if (frame > 0 && isIn(8, 12)) return 'the number in SND_SEQ (octets 8 to 11 behind the frame)';
  if (frame > 0 && isIn(-frame, 0)) return 'its frame';
  return `octet ${places[0]}${frame > 0 ? ' behind the frame' : ''}`;
}

async function unwrapped(peer: Peer, tokens: readonly Uint8Array[]): Promise<PeerReply[]> {
  const replies = tokens.map(token => peer.queue('u', token));
  peer.flush();
  return await Promise.all(replies);
}

/** Heimdal looks at the number first: it reports a replay or a gap by a code that is not an error, without a text. */
function isWithheld(major: number, result: Uint8Array): boolean {
  return isRefused(major) || (result.length === 0 && major !== GSS.complete);
}

const SUPPLEMENTARY = ['continueNeeded', 'duplicate', 'old', 'unseq', 'gap'] as const;

function outcomeOf(major: number, result: Uint8Array): string {
  const status = SUPPLEMENTARY.filter(name => (major & GSS[name]) !== 0).join(', ') || 'complete';
  return `${status}, ${result.length} octets of text`;
}

function crashOf(error: unknown): string {
  const { message } = error as Error;
  return sanitizerReport(message)?.split('\n', 1)[0] ?? message.slice(0, 200);
}

function vectorOf({ options }: Established): Pick<Taken['vector'], 'etype' | 'key' | 'receive_sequence'> {
  const { enctype, key, sendSequence } = options;
  return { etype: enctype, key: toHex(key), receive_sequence: `${sendSequence}` };
}
