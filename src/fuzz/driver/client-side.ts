/** The connection to a server under test: a conforming client, except for what a case makes it send. */
import { concat, toUtf8 } from '../../bytes.js';
import { protectCommand } from '../../protection/protect.js';
import type { TokenLevel } from '../../protection/protection-level.js';
import { formatAuth, parseAdatReply } from '../../protection/security-data.js';
import type { ExchangeTurn, FuzzSession } from '../mutation.js';
import { lineOf } from '../perform.js';
import {
  type Connection,
  type DataConnections,
  type FuzzSide,
  type NoReply,
  type ReceivedReply,
  ReplyStream,
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

/** Codes for a command that was not received or understood. Any other code means that it was executed, or why not. */
export const NOT_EXECUTED: readonly number[] = [421, 431, 500, 501, 502, 503, 504, 521, 533, 534, 535, 536, 537];
/** Announces the end of the connection. */
const CLOSING = 421;
/** How often a server is asked whether it still answers: a mutated line may have swallowed the first line after it. */
const PROBES = 3;
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
  readonly replies: ReplyStream;
  /** With its line end. */
  readonly probe: string;
  /** The last octets that were sent, chunk by chunk. */
  lastSent: readonly Uint8Array[] = [];
  readonly #target: ServerTarget;
  readonly #connection: Connection;

  constructor(target: ServerTarget, connection: Connection) {
    this.#target = target;
    this.#connection = connection;
    this.replies = new ReplyStream(connection);
    this.probe = `${target.probe ?? 'NOOP'}\r\n`;
  }

  /** The same client on another connection. */
  at(connection: Connection): ClientSide {
    return new ClientSide(this.#target, connection);
  }

  async greeting(): Promise<void> {
    const reply = assertReply(await this.replies.next(), 'the connection');
    if (reply.code >= 300) throw new SetupFailed(`the server greets with ${textOf(reply)}`);
  }

  /** @param behind  sent in one piece with AUTH, after it */
  async auth(behind: Uint8Array = new Uint8Array()): Promise<void> {
    const { mechanism } = this.#target;
    await this.#request(`AUTH ${mechanism}`, concat(formatAuth(mechanism), behind), 334);
  }

  /** Sends a valid line of the exchange. */
  async adat(turn: ExchangeTurn): Promise<ReceivedReply> {
    return await this.#request('ADAT', lineOf(turn), 235, 335);
  }

  /**
   * Performs the exchange.
   * @param ask  sends our line and returns the reply, or undefined to end the exchange. Default: the valid line
   */
  async exchange(
    ask: (turn: ExchangeTurn) => Promise<ReceivedReply | undefined> = turn => this.adat(turn),
  ): Promise<void> {
    const { keys } = this.#target;
    await this.greeting();
    const exchange = this.#target.exchange(session => {
      this.session = session;
    }, this.#connection.ends);
    await this.auth();
    let received: Uint8Array | undefined;
    let step = await exchange.step();
    for (let number = 0, complete = false; step.token !== undefined && !complete; number++) {
      // Some servers protect their 235.
      if (step.context !== undefined && this.session !== undefined) this.replies.open(this.session.context);
      const reply = await ask({ to: 'server', number, token: step.token, received, keys });
      if (reply === undefined) return;
      complete = reply.code === 235;
      if (complete && step.context !== undefined) break;
      received = parseAdatReply(reply).token;
      step = await exchange.step(received);
    }
    if (this.session !== undefined) this.replies.open(this.session.context);
  }

  async establish(): Promise<void> {
    await this.exchange();
    this.assertEstablished();
  }

  /** @throws SetupFailed if the mechanism has no context after the exchange */
  assertEstablished(): void {
    if (this.session === undefined) throw new SetupFailed('the exchange ends without a context');
  }

  /** Logs in. A refused login is no error: later commands then get another refusal code, which is equally good evidence. */
  async logIn(): Promise<void> {
    const { user, password } = this.#target;
    const strongest: TokenLevel = this.session!.context.supports('private') ? 'private' : 'safe';
    const { code } = await this.request(this.protect(`USER ${user}`, strongest));
    if (code === 331 && password !== undefined) await this.request(this.protect(`PASS ${password}`, strongest));
  }

  protect(text: string, level: TokenLevel): Uint8Array {
    return protectCommand(this.session!.context, level, toUtf8(text));
  }

  async send(chunks: readonly Uint8Array[]): Promise<void> {
    this.lastSent = chunks;
    await this.#connection.send(chunks);
  }

  /** The reply to a valid line. */
  async request(line: Uint8Array): Promise<ReceivedReply> {
    await this.send([line]);
    return assertReply(await this.replies.next(), 'a valid line');
  }

  /** Sends mutated octets. Returns the outcome. */
  async provoke(chunks: readonly Uint8Array[], open = false): Promise<Outcome> {
    await this.send(chunks);
    if (!open) return await this.nextOutcome();
    this.#connection.end();
    const reply = await this.replies.next();
    return this.#withLevel(outcomeOf(reply), reply);
  }

  /** The outcome of the next reply, or of its absence. */
  async nextOutcome(): Promise<Outcome> {
    return await this.outcomeAfter(await this.replies.next());
  }

  /** The outcome of a reply to mutated octets, or of its absence. */
  async outcomeAfter(reply: ReceivedReply | NoReply): Promise<Outcome> {
    return this.#withLevel(await this.probed(reply), reply);
  }

  #withLevel(outcome: Outcome, reply: ReceivedReply | NoReply): Outcome {
    const isClear = typeof reply !== 'string' && reply.level === 'clear' && this.session !== undefined;
    return withFinding(outcome, isClear ? 'clear reply given' : undefined);
  }

  /**
   * Checks whether the server still answers.
   * @param forbidden  replaces the valid line: a line that must not be executed
   */
  async probed(reply: ReceivedReply | NoReply, forbidden?: Uint8Array): Promise<Outcome> {
    if (reply === 'end') return CUT;
    for (let tries = 0; tries < PROBES; tries++) {
      await this.send([forbidden ?? (this.session ? this.protect(this.probe, 'safe') : toUtf8(this.probe))]);
      const answer = await this.replies.next();
      if (answer === 'timeout') continue;
      if (forbidden !== undefined && answer !== 'end' && answer.code < 400) return EXECUTED;
      if (reply !== 'timeout') return answer === 'end' ? closing(reply) : outcomeOf(reply);
      if (answer === 'end') return CUT;
      return NOT_EXECUTED.includes(answer.code) ? outcomeOf(answer) : { kind: 'ignored' };
    }
    return { kind: 'hung', ...(typeof reply !== 'string' && { detail: `after ${reply.code}` }) };
  }

  async #request(what: string, line: Uint8Array, ...expected: readonly number[]): Promise<ReceivedReply> {
    const reply = await this.request(line);
    if (expected.includes(reply.code)) return reply;
    throw new SetupFailed(`${what} is answered by ${textOf(reply)}, and not by ${expected.join(' or ')}`);
  }
}

const EXECUTED: Outcome = {
  kind: 'accepted',
  finding: 'unverified exchange accepted',
  detail: 'carries out a protected command behind a refusal',
};

/** The outcome if the server answers and then ends the connection, which it may do only with 421. */
function closing(reply: ReceivedReply): Outcome {
  const outcome: Outcome = { ...outcomeOf(reply), closes: true };
  const detail = `answers ${reply.code}, and then ends the connection`;
  return reply.code === CLOSING ? outcome : { ...outcome, finding: 'connection cut', detail };
}

function outcomeOf(reply: ReceivedReply | NoReply): Outcome {
  if (reply === 'end') return { kind: 'closed' };
  if (reply === 'timeout') return { kind: 'ignored' };
  return { kind: 'refused', code: reply.code };
}

/** Code and text in one line. */
export function textOf({ code, lines }: ReceivedReply): string {
  return `${code} ${lines.join(' ')}`.slice(0, MAX_TEXT).trimEnd();
}

/** @throws SetupFailed if there is no reply */
export function assertReply(reply: ReceivedReply | NoReply, what: string): ReceivedReply {
  if (typeof reply !== 'string') return reply;
  if (reply === 'end') throw new SetupFailed(`the server ends the connection after ${what}`, { cut: true });
  throw new SetupFailed(`no answer to ${what}`);
}
