/** One direction of a context: tokens that one side makes, half of them mutated, and what both judges say of each. */
import { concat, toHex, u32be } from '../../src/bytes.js';
import { type ErrorCode, FtpSecurityError } from '../../src/errors.js';
import { fuzzCases, isMessage, type MessageCase } from '../../src/fuzz/cases.js';
import { Choices, choicesFrom } from '../../src/fuzz/choices.js';
import { krb5FuzzSession } from '../../src/fuzz/mechanisms/krb5/index.js';
import type { FuzzSession } from '../../src/fuzz/mutation.js';
import { perform } from '../../src/fuzz/perform.js';
import { kerberosKey } from '../../src/mechanisms/krb5/crypto/kerberos-key.js';
import { type Krb5Context, type Krb5ContextOptions, krb5Context } from '../../src/mechanisms/krb5/index.js';
import { nodeCiphers } from '../../src/node/index.js';
import type { Peer as ReaderSide, SequenceState } from '../../src/protection/mechanism.js';
import type { TokenLevel } from '../../src/protection/protection-level.js';
import { altered, tokensOfCommands, tokensOfReplies } from './altered-tokens.js';
import { lengthOf, type SeededOctets } from './messages.js';
import { GSS, isRefused, type Peer, type PeerReply } from './peer.js';
import type { Library } from './realm.js';
import type { SharedContext } from './shared-context.js';

/** What a side says of a token. `text` is absent if it gives none; a GetMIC token that is right gives that which it signs. */
export interface Verdict {
  text?: Uint8Array;
  level?: TokenLevel;
  /** Absent where numbers are not looked at, and where the token is refused for another reason. */
  sequence?: SequenceState | 'replayed';
  /** The status or error code, for people. */
  reason: string;
}

/** A token on its way to both judges. */
export interface Judged {
  library: Library;
  enctype: number;
  /** The side that judges. */
  to: ReaderSide;
  kind: 'wrap' | 'mic';
  /** The side that made it. */
  maker: 'ours' | 'theirs';
  /** Whether the context looks at sequence numbers. */
  numbered: boolean;
  level: TokenLevel;
  /** The text that the token was made of. */
  text: Uint8Array;
  /** As it was made; absent for a case of the fuzzer, which makes its own. */
  original?: Uint8Array;
  token: Uint8Array;
  /** What was done to it; absent if it is as it was made. */
  mutation?: string;
  /** Whether the token with the number before its own was altered. */
  followsAltered: boolean;
  ours: Verdict;
  theirs: Verdict;
}

/** Enough choices for any alteration. */
const CHOICES = 24;

const NUMBER_ERRORS: readonly ErrorCode[] = ['security/replayed', 'security/out-of-sequence'];

/** One direction of a context: its maker, and its two judges. */
export class OneWay {
  readonly #judge: Peer;
  readonly #reader: Krb5Context;
  /** Of the library, or ours. */
  readonly #maker: Peer | Krb5Context;
  readonly #forger: FuzzSession;
  readonly #cases: readonly MessageCase[];
  readonly #random: SeededOctets;
  readonly #its: Pick<Judged, 'library' | 'enctype' | 'to' | 'maker' | 'numbered'>;
  #made = 0;
  #before: Made[] = [];
  #altered = new Set<number>();

  constructor(
    library: Library,
    { initiator, acceptor, options }: SharedContext,
    to: ReaderSide,
    its: { numbered: boolean; ours: boolean; life: number; random: SeededOctets },
  ) {
    const { numbered, ours, life, random } = its;
    const [maker, judge] = to === 'server' ? [initiator, acceptor] : [acceptor, initiator];
    // Our ciphers and Node's in turn.
    const sides = sidesOf(life % 4 < 2 ? options : { ...options, ciphers: nodeCiphers });
    const [making, reading] = to === 'server' ? [sides.initiator, sides.acceptor] : [sides.acceptor, sides.initiator];
    this.#judge = judge;
    this.#reader = krb5Context(reading);
    this.#maker = ours ? krb5Context(making) : maker;
    const received = krb5Context(reading).wrap(random.take(8), 'private').token;
    this.#forger = { ...krb5FuzzSession(making), received };
    const { tokens } = kerberosKey(options.enctype, options.key, options).enctype;
    this.#its = { library, enctype: options.enctype, to, maker: ours ? 'ours' : 'theirs', numbered };
    const cases = fuzzCases({ seed: life, to, layers: ['token', 'direction'], variants: 2 });
    this.#cases = [...cases].filter(isMessage).filter(({ forges }) => forges === undefined || forges === tokens);
    this.#random = random;
  }

  async batch(count: number): Promise<Judged[]> {
    const made = await this.#make(count);
    const sent = this.#its.numbered ? this.#reordered(made) : made.map(one => this.#mutated(one));
    const replies = sent.map(({ kind, token, text }) =>
      kind === 'wrap'
        ? this.#judge.queue('u', token)
        : this.#judge.queue('v', concat(u32be(token.length), token, text)),
    );
    this.#judge.flush();
    const ours = sent.map(one => this.#ourVerdict(one));
    const theirs = await Promise.all(replies);
    return sent.map((one, i) => ({
      ...this.#its,
      ...one,
      followsAltered: one.number !== undefined && this.#altered.has(one.number - 1),
      ours: ours[i]!,
      theirs: this.#theirVerdict(one, theirs[i]!),
    }));
  }

  async #make(count: number): Promise<Made[]> {
    const wanted = Array.from({ length: count }, () => this.#choose());
    const maker = this.#maker;
    const tokens = 'queue' in maker ? await makeByPeer(maker, wanted) : wanted.map(one => makeByUs(maker, one));
    return wanted.map((one, i) => ({ ...one, number: this.#made++, original: tokens[i]!, token: tokens[i]! }));
  }

  #choose(): Wanted {
    const random = this.#random;
    const length =
      random.below(8) === 0 ? lengthOf(random.below(9000), random) : Math.floor(1025 ** random.fraction()) - 1;
    const kind = random.below(5) === 0 && !this.#hasLongMics() ? 'mic' : 'wrap';
    return { kind, level: kind === 'wrap' && random.below(2) === 1 ? 'private' : 'safe', text: random.take(length) };
  }

  /** Of these we refuse each, and so its number: what follows would be behind a gap. */
  #hasLongMics(): boolean {
    const { library, enctype, maker, numbered } = this.#its;
    return library === 'heimdal' && enctype === 16 && maker === 'theirs' && numbered;
  }

  /** Half of them: altered at random, a case of the fuzzer, or with another text beside a GetMIC token. */
  #mutated(one: Made): Sent {
    const random = this.#random;
    if (random.below(2) === 0) return one;
    if (one.kind === 'wrap' && one.text.length > 0 && random.below(2) === 0) {
      const forged = this.#forged(one);
      if (forged !== undefined) return forged;
    }
    const draw = new Choices(choicesFrom(random.below(2 ** 32), CHOICES));
    if (one.kind === 'mic' && random.below(4) === 0 && one.text.length > 0) {
      return { ...one, text: altered(one.text, draw), mutation: 'another text' };
    }
    const token = altered(one.token, draw);
    return toHex(token) === toHex(one.token) ? one : { ...one, token, mutation: 'altered at random' };
  }

  #forged({ kind, text, level }: Made): Sent | undefined {
    const one = this.#cases[this.#random.below(this.#cases.length)]!;
    // One line, so that one token.
    const letters = Buffer.from(text.map(octet => 0x61 + (octet % 26))).toString('latin1');
    const played = perform({ ...one, level, text: letters }, this.#forger);
    if (played === undefined) return undefined;
    const tokens = (this.#its.to === 'server' ? tokensOfCommands : tokensOfReplies)(concat(...played.chunks));
    if (tokens.length !== 1) return undefined;
    return { kind, level, text: Buffer.from(letters), token: tokens[0]!, mutation: `${one.layer}: ${one.name}` };
  }

  /** Half of them at another place, left out, sent again, or altered. */
  #reordered(made: readonly Made[]): Sent[] {
    const random = this.#random;
    const sent: Sent[] = [];
    let late: Made | undefined;
    for (const one of made) {
      switch (random.below(8)) {
        case 0:
          late ??= one;
          break;
        case 1:
          this.#altered.add(one.number);
          sent.push({ ...one, token: flipEnd(one.token), mutation: 'its last octet is another' });
          break;
        case 2: {
          const again = this.#before[random.below(this.#before.length)];
          sent.push(one, ...(again ? [{ ...again, mutation: 'sent again' }] : []));
          break;
        }
        case 3:
          sent.push(one, { ...one, mutation: 'sent twice' });
          break;
        case 4:
          break;
        default:
          sent.push(late === undefined ? one : { ...one, mutation: 'before its turn' });
          if (late !== undefined && random.below(3) === 0) {
            sent.push({ ...late, mutation: 'late' });
            late = undefined;
          }
      }
    }
    this.#before = [...made];
    return sent;
  }

  /** Without numbers a GetMIC token is right even if its number is not: that is looked at behind the checksum. */
  #ourVerdict({ kind, text, token }: Sent): Verdict {
    const reader = this.#reader;
    const { numbered } = this.#its;
    try {
      if (kind === 'mic') {
        const sequence = reader.verifyMic(text, token);
        return { text, level: 'safe', ...(numbered && { sequence }), reason: 'ok' };
      }
      const { plaintext, ...its } = numbered ? reader.unwrap(token) : reader.reopen!(token);
      return { text: plaintext, ...its, reason: 'ok' };
    } catch (error) {
      if (!(error instanceof FtpSecurityError)) throw error;
      const { code: reason } = error;
      if (!numbered && NUMBER_ERRORS.includes(reason)) return { text, level: 'safe', reason };
      return { ...(reason === 'security/replayed' && { sequence: 'replayed' }), reason };
    }
  }

  #theirVerdict({ kind, text }: Sent, { major, flag, result }: PeerReply): Verdict {
    const reason = `status ${major.toString(16)}`;
    const { library, enctype, numbered } = this.#its;
    if (isRefused(major)) return { reason };
    const sequence = numbered ? { sequence: sequenceOf(major) } : {};
    // But for RC4, Heimdal looks at the number first: where it is not the next, nothing has been verified.
    if (library === 'heimdal' && major !== GSS.complete && (enctype !== 23 || result.length === 0)) {
      return { ...sequence, reason };
    }
    if (kind === 'mic') return { text, level: 'safe', ...sequence, reason };
    return { text: result, level: flag ? 'private' : 'safe', ...sequence, reason };
  }
}

type Wanted = Pick<Judged, 'kind' | 'level' | 'text'>;
type Made = Wanted & { number: number; original: Uint8Array; token: Uint8Array };
type Sent = Wanted & Pick<Judged, 'original' | 'token' | 'mutation'> & { number?: number };

function sidesOf(options: Krb5ContextOptions): Record<'initiator' | 'acceptor', Krb5ContextOptions> {
  const { sendSequence, receiveSequence } = options;
  const its = { ...options, allowWeak: true };
  return {
    initiator: its,
    acceptor: { ...its, role: 'acceptor', sendSequence: receiveSequence, receiveSequence: sendSequence },
  };
}

async function makeByPeer(peer: Peer, wanted: readonly Wanted[]): Promise<Uint8Array[]> {
  const operation = ({ kind, level }: Wanted) => (kind === 'mic' ? 'm' : level === 'private' ? 'W' : 'w');
  const replies = wanted.map(one => peer.queue(operation(one), one.text));
  peer.flush();
  const made = await Promise.all(replies);
  for (const { major } of made) if (major !== GSS.complete) throw new Error(`not made: status ${major.toString(16)}`);
  return made.map(({ result }) => result);
}

function makeByUs(context: Krb5Context, { kind, level, text }: Wanted): Uint8Array {
  return kind === 'mic' ? context.getMic(text) : context.wrap(text, level).token;
}

function flipEnd(token: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(token);
  copy[copy.length - 1]! ^= 1;
  return copy;
}

function sequenceOf(major: number): NonNullable<Verdict['sequence']> {
  if ((major & (GSS.duplicate | GSS.old)) !== 0) return 'replayed';
  if ((major & GSS.unseq) !== 0) return 'late';
  return (major & GSS.gap) !== 0 ? 'gap' : 'ok';
}
