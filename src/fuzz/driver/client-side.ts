/** Our side of a connection to a server under test: a sound client, but for what a case has it send. */
import { CRLF, concat, toUtf8 } from '../../bytes.js';
import type { Reply } from '../../ftp/reply.js';
import { protectCommand } from '../../secure/protect.js';
import type { TokenLevel } from '../../secure/protection-level.js';
import type { Exchange, Step } from '../../secure/security-context.js';
import { adatOf, formatAdat, formatAuth } from '../../secure/security-data.js';
import { type ExchangeTurn, linesOf } from '../exchange/mutation.js';
import type { FuzzSession } from '../mutation.js';
import type { Outcome } from './outcome.js';
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

/** A line of the exchange that is to be sent in the place of a sound one. */
export interface BentLine {
  octets: Uint8Array;
  /** Whether 235 answers a sound one. */
  isLast: boolean;
  /** Ends the exchange where 235 has answered it all the same. @throws Unready when the mechanism has no context then */
  complete(reply: Reply): Promise<void>;
}

/** Codes that say that a command was not heard, or not understood. The others say that it was carried out, or why not. */
export const NOT_HEARD: readonly number[] = [421, 431, 500, 501, 502, 503, 504, 521, 533, 534, 535, 536, 537];
export const NOOP = 'NOOP\r\n';

export class ClientSide {
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
  at(wire: Wire): ClientSide {
    return new ClientSide(this.#target, wire);
  }

  async greeting(): Promise<void> {
    const { code } = ready(await this.replies.final(), 'the connection');
    if (code >= 300) throw new Unready(`the server greets with ${code}`);
  }

  /** @param behind  goes in one piece with AUTH */
  async auth(behind: Uint8Array = new Uint8Array()): Promise<void> {
    await this.#asked(concat(formatAuth(this.#target.mechanism), behind), 334);
  }

  /** Speaks the exchange to its end, or as far as the line that is bent, which it gives. */
  async exchange(
    bend: (turn: ExchangeTurn) => Uint8Array | undefined = () => undefined,
  ): Promise<BentLine | undefined> {
    await this.greeting();
    const exchange = this.#target.exchange(session => {
      this.session = session;
    }, this.#wire.ends);
    await this.auth();
    let received: Uint8Array | undefined;
    let step = await exchange.step();
    for (let number = 0; step.token !== undefined; number++) {
      const turn: ExchangeTurn = { to: 'server', number, token: step.token, received, keys: this.#target.keys };
      const octets = bend(turn);
      if (octets !== undefined) return this.#bentLine(octets, turn, exchange, step);
      const reply = await this.#asked(formatAdat(step.token), 235, 335);
      if (reply.code === 235 && step.context !== undefined) break;
      received = adatOf(reply).token;
      step = await exchange.step(received);
      if (reply.code === 235) break;
    }
    return undefined;
  }

  async establish(): Promise<void> {
    await this.exchange();
    this.#open();
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
  async provoke(chunks: readonly Uint8Array[], open = false): Promise<Outcome> {
    await this.#wire.send(chunks);
    if (open) this.#wire.end();
    return await this.told(await this.replies.final(), open);
  }

  /** What a reply to something bent tells, or that there is none. */
  async told(reply: HeardReply | Quiet, open = false): Promise<Outcome> {
    const outcome = open ? outcomeOf(reply) : await this.probed(reply);
    if (typeof reply === 'string' || reply.level !== 'clear' || this.session === undefined) return outcome;
    return { ...outcome, finding: 'clear reply given' };
  }

  /**
   * Whether the server still answers; a bent line may have swallowed the first one that comes behind it.
   * @param unsound  a line that must not be carried out, in the place of a sound one
   */
  async probed(reply: HeardReply | Quiet, unsound?: Uint8Array): Promise<Outcome> {
    if (reply === 'end') return { kind: 'closed' };
    for (let tries = 0; tries < 3; tries++) {
      await this.send(unsound ?? (this.session ? this.sound(NOOP, 'safe') : concat(toUtf8('NOOP'), CRLF)));
      const answer = await this.replies.final();
      if (answer === 'silence') continue;
      if (unsound !== undefined && answer !== 'end' && answer.code < 400) return CARRIED_OUT;
      if (reply !== 'silence') return { ...outcomeOf(reply), ...(answer === 'end' && { closes: true }) };
      if (answer === 'end') return { kind: 'closed' };
      const swallowed = NOT_HEARD.includes(answer.code);
      return swallowed ? outcomeOf(answer) : { kind: 'ignored' };
    }
    return { kind: 'hung', ...(typeof reply !== 'string' && { detail: `after ${reply.code}` }) };
  }

  #bentLine(octets: Uint8Array, turn: ExchangeTurn, exchange: Exchange, { context }: Step): BentLine {
    return {
      octets,
      isLast: turn.number + 1 >= linesOf(turn),
      complete: async reply => {
        if (context === undefined) await exchange.step(adatOf(reply).token);
        this.#open();
      },
    };
  }

  #open(): void {
    if (this.session === undefined) throw new Unready('the exchange ends without a context');
    this.replies.open(this.session.context);
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

export function ready(reply: HeardReply | Quiet, what: string): HeardReply {
  if (typeof reply !== 'string') return reply;
  throw new Unready(reply === 'end' ? `the server closes behind ${what}` : `no answer to ${what}`);
}
