/**
 * The driver's side of a connection to a server under test: a conforming client, except for what a case makes it send.
 */
import { concat, toUtf8 } from '../../bytes.js';
import type { Reply } from '../../ftp/reply.js';
import type { Exchange, Step } from '../../protection/mechanism.js';
import { protectCommand } from '../../protection/protect.js';
import type { TokenLevel } from '../../protection/protection-level.js';
import { formatAdat, formatAuth, parseAdatReply } from '../../protection/security-data.js';
import type { ExchangeTurn, FuzzSession } from '../mutation.js';
import { lineCount } from '../perform.js';
import {
  type Connection,
  type DataConnections,
  type FuzzSide,
  HeardReplies,
  type HeardReply,
  type NoReply,
  SetupFailed,
} from './connection.js';
import { type Outcome, withFinding } from './outcome.js';

/** A server under test. */
export interface ServerTarget extends FuzzSide {
  user: string;
  /** For servers that ask for a password after the exchange. */
  password?: string;
  /** A command that the server accepts, used to check that it still answers. Default NOOP. */
  probe?: string;
  /** For the cases of data connections, which are skipped without it. */
  data?: Pick<DataConnections, 'open'>;
}

/** A mutated line of the exchange, which replaces a valid one. */
export interface MutatedLine {
  octets: Uint8Array;
  /** Whether the valid line would be answered by 235. */
  isLast: boolean;
  /**
   * Completes the exchange if the server has answered 235 nevertheless.
   * @throws SetupFailed if the mechanism then has no context
   */
  complete(reply: Reply): Promise<void>;
}

/**
 * Codes for a command that was not received or not understood. Any other code means that it was carried out, or why
 * not.
 */
export const NOT_HEARD: readonly number[] = [421, 431, 500, 501, 502, 503, 504, 521, 533, 534, 535, 536, 537];
/** Announces the end of the connection. */
const CLOSING = 421;
/** The outcome if the connection ends when a reply is due. */
export const CUT: Outcome = {
  kind: 'closed',
  finding: 'connection cut',
  detail: 'ends the connection where a reply is due',
};
const MAX_TEXT = 100;

/**
 * A conforming client, except for what a case makes it send. It has its own reader of replies: a ClientSession ends at
 * the first reply that breaks a rule, and here there may be further faults to find after it.
 */
export class ClientSide {
  session: FuzzSession | undefined;
  readonly replies: HeardReplies;
  /** With its line end. */
  readonly probe: string;
  /** The last octets that were sent, chunk by chunk. */
  lastSent: readonly Uint8Array[] = [];
  readonly #target: ServerTarget;
  readonly #connection: Connection;

  constructor(target: ServerTarget, connection: Connection) {
    this.#target = target;
    this.#connection = connection;
    this.replies = new HeardReplies(connection);
    this.probe = `${target.probe ?? 'NOOP'}\r\n`;
  }

  /** The same client on another connection. */
  at(connection: Connection): ClientSide {
    return new ClientSide(this.#target, connection);
  }

  async greeting(): Promise<void> {
    const reply = ready(await this.replies.final(), 'the connection');
    if (reply.code >= 300) throw new SetupFailed(`the server greets with ${textOf(reply)}`);
  }

  /** @param behind  sent in one piece with AUTH, after it */
  async auth(behind: Uint8Array = new Uint8Array()): Promise<void> {
    const { mechanism } = this.#target;
    await this.#asked(`AUTH ${mechanism}`, concat(formatAuth(mechanism), behind), 334);
  }

  /** Performs the exchange to its end, or up to the line that is mutated, which it returns. */
  async exchange(
    mutate: (turn: ExchangeTurn) => Uint8Array | undefined = () => undefined,
  ): Promise<MutatedLine | undefined> {
    await this.greeting();
    const exchange = this.#target.exchange(session => {
      this.session = session;
    }, this.#connection.ends);
    await this.auth();
    let received: Uint8Array | undefined;
    let step = await exchange.step();
    for (let number = 0; step.token !== undefined; number++) {
      const turn: ExchangeTurn = { to: 'server', number, token: step.token, received, keys: this.#target.keys };
      const octets = mutate(turn);
      if (octets !== undefined) return this.#mutatedLine(octets, turn, exchange, step);
      const reply = await this.#asked('ADAT', formatAdat(step.token), 235, 335);
      if (reply.code === 235 && step.context !== undefined) break;
      received = parseAdatReply(reply).token;
      step = await exchange.step(received);
      if (reply.code === 235) break;
    }
    return undefined;
  }

  async establish(): Promise<void> {
    await this.exchange();
    this.#open();
  }

  /** Logs in. A refused login is no error: later commands then get another refusal code, which is equally good evidence. */
  async logIn(): Promise<void> {
    const { user, password } = this.#target;
    const strongest: TokenLevel = this.session!.context.supports('private') ? 'private' : 'safe';
    const { code } = await this.answered(this.protect(`USER ${user}`, strongest));
    if (code === 331 && password !== undefined) await this.answered(this.protect(`PASS ${password}`, strongest));
  }

  protect(text: string, level: TokenLevel): Uint8Array {
    return protectCommand(this.session!.context, level, toUtf8(text));
  }

  async send(octets: Uint8Array): Promise<void> {
    this.lastSent = [octets];
    await this.#connection.send(this.lastSent);
  }

  /** The reply to a valid line. */
  async answered(octets: Uint8Array): Promise<HeardReply> {
    await this.send(octets);
    return ready(await this.replies.final(), 'a valid line');
  }

  /**
   * Sends mutated octets.
   * @returns the outcome
   */
  async provoke(chunks: readonly Uint8Array[], open = false): Promise<Outcome> {
    this.lastSent = chunks;
    await this.#connection.send(chunks);
    if (open) this.#connection.end();
    return await this.concluded(await this.replies.final(), open);
  }

  /** The outcome of a reply to mutated octets, or of a missing reply. */
  async concluded(reply: HeardReply | NoReply, open = false): Promise<Outcome> {
    const outcome = open ? outcomeOf(reply) : await this.probed(reply);
    if (typeof reply === 'string' || reply.level !== 'clear' || this.session === undefined) return outcome;
    return withFinding(outcome, 'clear reply given');
  }

  /**
   * Checks whether the server still answers. A mutated line may have swallowed the first line after it.
   * @param forbidden  replaces the valid line: a line that must not be carried out
   */
  async probed(reply: HeardReply | NoReply, forbidden?: Uint8Array): Promise<Outcome> {
    if (reply === 'end') return CUT;
    for (let tries = 0; tries < 3; tries++) {
      await this.send(forbidden ?? (this.session ? this.protect(this.probe, 'safe') : toUtf8(this.probe)));
      const answer = await this.replies.final();
      if (answer === 'timeout') continue;
      if (forbidden !== undefined && answer !== 'end' && answer.code < 400) return CARRIED_OUT;
      if (reply !== 'timeout') return answer === 'end' ? closing(reply) : outcomeOf(reply);
      if (answer === 'end') return CUT;
      const swallowed = NOT_HEARD.includes(answer.code);
      return swallowed ? outcomeOf(answer) : { kind: 'ignored' };
    }
    return { kind: 'hung', ...(typeof reply !== 'string' && { detail: `after ${reply.code}` }) };
  }

  #mutatedLine(octets: Uint8Array, turn: ExchangeTurn, exchange: Exchange, { context }: Step): MutatedLine {
    return {
      octets,
      isLast: turn.number + 1 >= lineCount(turn),
      complete: async reply => {
        if (context === undefined) await exchange.step(parseAdatReply(reply).token);
        this.#open();
      },
    };
  }

  #open(): void {
    if (this.session === undefined) throw new SetupFailed('the exchange ends without a context');
    this.replies.open(this.session.context);
  }

  async #asked(what: string, octets: Uint8Array, ...expected: readonly number[]): Promise<HeardReply> {
    const reply = await this.answered(octets);
    if (expected.includes(reply.code)) return reply;
    throw new SetupFailed(`${what} is answered by ${textOf(reply)}, and not by ${expected.join(' or ')}`);
  }
}

const CARRIED_OUT: Outcome = {
  kind: 'accepted',
  finding: 'unverified exchange accepted',
  detail: 'carries out a protected command behind a refusal',
};

/** The outcome if the server answers and then ends the connection, which it may do only with 421. */
function closing(reply: HeardReply): Outcome {
  const outcome: Outcome = { ...outcomeOf(reply), closes: true };
  const detail = `answers ${reply.code}, and then ends the connection`;
  return reply.code === CLOSING ? outcome : { ...outcome, finding: 'connection cut', detail };
}

function outcomeOf(reply: HeardReply | NoReply): Outcome {
  if (reply === 'end') return { kind: 'closed' };
  if (reply === 'timeout') return { kind: 'ignored' };
  return { kind: 'refused', code: reply.code };
}

/** Code and text in one line. */
export function textOf({ code, lines }: HeardReply): string {
  return `${code} ${lines.join(' ')}`.slice(0, MAX_TEXT).trimEnd();
}

/**
 * Returns the reply.
 * @throws SetupFailed if there is none
 */
export function ready(reply: HeardReply | NoReply, what: string): HeardReply {
  if (typeof reply !== 'string') return reply;
  if (reply === 'end') throw new SetupFailed(`the server ends the connection behind ${what}`, { cut: true });
  throw new SetupFailed(`no answer to ${what}`);
}
