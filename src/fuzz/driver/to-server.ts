/** A server under test: we are the client, and what it answers to a bent command tells what it made of it. */
import { CRLF, concat, toUtf8 } from '../../bytes.js';
import { FtpSecurityError } from '../../errors.js';
import { protectCommand } from '../../secure/protect.js';
import { covers, type TokenLevel } from '../../secure/protection-level.js';
import { adatOf, formatAdat, formatAuth } from '../../secure/security-data.js';
import { type MessageCase, perform } from '../cases.js';
import { comesAgain, type ExchangeCase, performExchange } from '../exchange/cases.js';
import { type ExchangeTurn, linesOf } from '../exchange/mutation.js';
import type { FuzzSession } from '../mutation.js';
import { type ServerScript, scriptOctets } from '../phases.js';
import type { TransferCase } from '../transfers.js';
import { playTransfer } from './data-to-server.js';
import { type DrivenCase, judged, judgedExchange, type Outcome } from './outcome.js';
import {
  type DataConnections,
  type FuzzSide,
  HeardReplies,
  type HeardReply,
  type Quiet,
  Unready,
  type Wire,
} from './wire.js';

export interface ServerTarget extends FuzzSide {
  user: string;
  /** For servers that ask for one behind the exchange. */
  password?: string;
  /** For the cases of data connections, which are skipped without. */
  data?: Pick<DataConnections, 'open'>;
}

/** Codes that say that a command was not heard, or not understood. The others say that it was carried out, or why not. */
const NOT_HEARD: readonly number[] = [421, 431, 500, 501, 502, 503, 504, 521, 533, 534, 535, 536, 537];
/** Of these, those that a command gets for nothing but its protection. */
const NOT_SAFE: readonly number[] = [421, 431, 503, 533, 534, 535, 536, 537];
const NOOP = 'NOOP\r\n';
/** Where no key is known that it could have. */
const MIC = toUtf8('MIC AAAA\r\n');

/**
 * Plays a case on a connection that is new.
 * @param another  makes another to the same server, or throws Unready; without it nothing is replayed there
 * @throws FtpSecurityError, side local, where our own side can't: it has no ticket, say
 */
export async function playToServer(
  one: DrivenCase,
  target: ServerTarget,
  wire: Wire,
  another?: () => Promise<Wire>,
): Promise<Outcome> {
  const client = new Client(target, wire);
  try {
    if (one.layer === 'phases') return await playScript(one as ServerScript, client);
    if (one.layer === 'exchange') return await playExchange(one as ExchangeCase, client, another);
    await client.establish();
    await client.logIn();
    if (one.layer === 'data') return await playTransfer(one as TransferCase, client, target.data);
    return await playMessage(one as MessageCase, client);
  } catch (error) {
    if (error instanceof Unready) return { kind: 'unready', detail: error.message };
    if (!(error instanceof FtpSecurityError) || error.side === 'local') throw error;
    return { kind: 'refused', finding: 'bad reply given', detail: `${error.code}: ${error.message}` };
  }
}

async function playScript(script: ServerScript, client: Client): Promise<Outcome> {
  const { start, before, line, owed } = script;
  await client.come(start);
  for (const { text, level } of before) {
    const { code } = await client.answered(client.sound(text, level!));
    if (code >= 400) return { kind: 'skipped', detail: `${text} is refused: ${code}` };
  }
  const octets = scriptOctets(line, 'server', client.session?.context);
  if (octets === undefined) return { kind: 'skipped' };
  const outcome = { ...(await client.provoke([octets], false)), sent: [octets] };
  const { code } = outcome;
  if (code === undefined) return judged(outcome, { verdict: 'either' });
  if (code < 400) return { ...outcome, kind: 'accepted', finding: outcome.finding ?? 'order broken' };
  const finding = outcome.finding ?? (owed.includes(code) ? undefined : 'another code given');
  return { ...outcome, kind: 'refused', ...(finding && { finding }) };
}

async function playExchange(one: ExchangeCase, client: Client, another?: () => Promise<Wire>): Promise<Outcome> {
  const bent = await client.exchange(turn => performExchange(one, turn));
  if (bent === undefined) return { kind: 'skipped' };
  const outcome = await client.provokeExchange(bent);
  if (!comesAgain(one)) return judgedExchange(outcome, one);
  if (outcome.kind !== 'accepted' || another === undefined) return { ...outcome, kind: 'skipped' };
  const other = client.at(await another());
  const place = await other.exchange(turn => performExchange(one, turn) && bent.octets);
  return place === undefined ? { kind: 'skipped' } : judgedExchange(await other.provokeExchange(place), one);
}

async function playMessage(one: MessageCase, client: Client): Promise<Outcome> {
  const fitted = await fitText(one, client);
  if (typeof fitted === 'string') return { kind: 'accepted', finding: 'weak reply given', detail: fitted };
  const { received } = client.replies;
  const performed = perform(fitted, { ...client.session!, received });
  if (performed === undefined) return { kind: 'skipped' };
  for (const message of performed.before) await client.answered(message);
  const outcome = await client.provoke(performed.chunks, performed.open);
  const kind = outcome.code === undefined ? outcome.kind : wasHeard(fitted, outcome.code) ? 'accepted' : 'refused';
  return judged({ ...outcome, kind, played: fitted, sent: performed.chunks }, fitted.expected, fitted.forges);
}

/**
 * Sends the text as it is first: where the answer is that of a command which was not understood, it tells nothing of a bent
 * one, and the case goes on with NOOP. A text is given where the answer was weaker than the command.
 */
async function fitText(one: MessageCase, client: Client): Promise<MessageCase | string> {
  for (const text of [one.text, NOOP]) {
    const { code, level } = await client.answered(client.sound(text, one.level));
    if (!covers(level, one.level)) return `a ${one.level} command is answered by ${code} at level ${level}`;
    if (!NOT_HEARD.includes(code)) return { ...one, text };
  }
  throw new Unready('NOOP is refused');
}

/** Whether a command was carried out as far as the server would. A text of the case's own may be one that it does not know. */
function wasHeard({ layer, expected }: MessageCase, code: number): boolean {
  const own = layer === 'inner' && expected.verdict === 'accept';
  return !(own ? NOT_SAFE : NOT_HEARD).includes(code);
}

/** A line of the exchange that is to be sent in the place of a sound one. */
interface Bent {
  octets: Uint8Array;
  /** Whether 235 answers a sound one. */
  isLast: boolean;
}

/** Our side. */
class Client {
  session: FuzzSession | undefined;
  readonly replies: HeardReplies;
  readonly #target: ServerTarget;
  readonly #wire: Wire;

  constructor(target: ServerTarget, wire: Wire) {
    this.#target = target;
    this.#wire = wire;
    this.replies = new HeardReplies(wire);
  }

  /** The same client on another connection. */
  at(wire: Wire): Client {
    return new Client(this.#target, wire);
  }

  async come(start: ServerScript['start']): Promise<void> {
    if (start === 'secured') return await this.establish();
    await this.#greeting();
    if (start === 'exchange') await this.#asked(formatAuth(this.#target.mechanism), 334);
  }

  async establish(): Promise<void> {
    await this.exchange();
    if (this.session === undefined) throw new Unready('the exchange ends without a context');
    this.replies.open(this.session.context);
  }

  /** Speaks the exchange to its end, or as far as the line that is bent, which it gives. */
  async exchange(bend: (turn: ExchangeTurn) => Uint8Array | undefined = () => undefined): Promise<Bent | undefined> {
    await this.#greeting();
    const exchange = this.#target.exchange(session => {
      this.session = session;
    }, this.#wire.ends);
    await this.#asked(formatAuth(this.#target.mechanism), 334);
    let received: Uint8Array | undefined;
    let step = await exchange.step();
    for (let number = 0; step.token !== undefined; number++) {
      const turn: ExchangeTurn = { to: 'server', number, token: step.token, received, keys: this.#target.keys };
      const octets = bend(turn);
      if (octets !== undefined) return { octets, isLast: number + 1 >= linesOf(turn) };
      const reply = await this.#asked(formatAdat(step.token), 235, 335);
      if (reply.code === 235 && step.context !== undefined) break;
      received = adatOf(reply).token;
      step = await exchange.step(received);
      if (reply.code === 235) break;
    }
    return undefined;
  }

  /** Sends a bent line of the exchange. Where it is refused, no protected command may be accepted. */
  async provokeExchange({ octets, isLast }: Bent): Promise<Outcome> {
    // Keys that the mechanism has early are those that a server could have, too.
    const early = this.session && this.sound(NOOP, 'safe');
    this.session = undefined;
    await this.#wire.send([octets]);
    const reply = await this.replies.final();
    const sent = [octets];
    if (typeof reply !== 'string' && (reply.code === 235 || (reply.code === 335 && !isLast))) {
      return { kind: 'accepted', code: reply.code, sent };
    }
    return { ...(await this.#probed(reply, early ?? MIC)), sent };
  }

  /** Whoever is refused is not logged in; commands are refused by another code then, and the cases tell as much. */
  async logIn(): Promise<void> {
    const { user, password } = this.#target;
    const strongest: TokenLevel = this.session!.context.supports('private') ? 'private' : 'safe';
    const { code } = await this.answered(this.sound(`USER ${user}`, strongest));
    if (code === 331 && password !== undefined) await this.answered(this.sound(`PASS ${password}`, strongest));
  }

  sound(text: string, level: TokenLevel): Uint8Array {
    return protectCommand(this.session!.context, level, toUtf8(text));
  }

  async send(octets: Uint8Array): Promise<void> {
    await this.#wire.send([octets]);
  }

  /** The answer to a sound line. */
  async answered(octets: Uint8Array): Promise<HeardReply> {
    await this.send(octets);
    return ready(await this.replies.final(), 'a sound line');
  }

  /** Sends what is bent, and tells what came of it. */
  async provoke(chunks: readonly Uint8Array[], open: boolean): Promise<Outcome> {
    await this.#wire.send(chunks);
    if (open) this.#wire.end();
    return await this.told(await this.replies.final(), open);
  }

  /** What a reply to something bent tells, or that there is none. */
  async told(reply: HeardReply | Quiet, open = false): Promise<Outcome> {
    const outcome = open ? outcomeOf(reply) : await this.#probed(reply);
    if (typeof reply === 'string' || reply.level !== 'clear' || this.session === undefined) return outcome;
    return { ...outcome, finding: 'clear reply given' };
  }

  /** @param unsound  must not be carried out. Whether the server still answers; a bent line may have swallowed the first one that comes behind it. */
  async #probed(reply: HeardReply | Quiet, unsound?: Uint8Array): Promise<Outcome> {
    if (reply === 'end') return { kind: 'closed' };
    for (let tries = 0; tries < 3; tries++) {
      await this.#wire.send([unsound ?? (this.session ? this.sound(NOOP, 'safe') : concat(toUtf8('NOOP'), CRLF))]);
      const answer = await this.replies.final();
      if (answer === 'silence') continue;
      if (unsound !== undefined && answer !== 'end' && answer.code < 400) return CARRIED_OUT;
      if (reply !== 'silence') return outcomeOf(reply);
      if (answer === 'end') return { kind: 'closed' };
      const swallowed = NOT_HEARD.includes(answer.code);
      return swallowed ? outcomeOf(answer) : { kind: 'ignored' };
    }
    return { kind: 'hung', ...(typeof reply !== 'string' && { detail: `after ${reply.code}` }) };
  }

  async #greeting(): Promise<void> {
    const { code } = ready(await this.replies.final(), 'the connection');
    if (code >= 300) throw new Unready(`the server greets with ${code}`);
  }

  async #asked(octets: Uint8Array, ...owed: readonly number[]): Promise<HeardReply> {
    const reply = await this.answered(octets);
    if (owed.includes(reply.code)) return reply;
    throw new Unready(`${reply.code} where ${owed.join(' or ')} is due`);
  }
}

const CARRIED_OUT: Outcome = {
  kind: 'accepted',
  finding: 'unverified exchange accepted',
  detail: 'carries out a protected command behind a refusal',
};

function outcomeOf(reply: HeardReply | Quiet): Outcome {
  if (reply === 'end') return { kind: 'closed' };
  if (reply === 'silence') return { kind: 'ignored' };
  return { kind: 'refused', code: reply.code };
}

function ready(reply: HeardReply | Quiet, what: string): HeardReply {
  if (typeof reply !== 'string') return reply;
  throw new Unready(reply === 'end' ? `the server closes behind ${what}` : `no answer to ${what}`);
}
