/** The connection to a server under test: a conforming client, except for what a case makes it send. */
import { concat, toUtf8 } from '../../bytes.js';
import { FtpSecurityError } from '../../errors.js';
import { type Reply, ReplyReader } from '../../ftp/reply.js';
import { ProtectedReplyReader, protectCommand } from '../../protection/protect.js';
import { decodeProtectedReply } from '../../protection/protected-reply.js';
import type { ProtectionLevel, TokenLevel } from '../../protection/protection-level.js';
import { formatAuth, parseAdatReply } from '../../protection/security-data.js';
import type { ExchangeTurn, FuzzSession } from '../mutation.js';
import { lineOf } from '../perform.js';
import { type Connection, type DataConnections, type FuzzSide, type NoReply, SetupFailed } from './connection.js';
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

/** A reply of a server under test, with the level of its token. */
export type ReceivedReply = Reply & { level: ProtectionLevel };

/** Codes for a command that was not received or understood. Any other code means that it was executed, or why not. */
export const NOT_EXECUTED: readonly number[] = [421, 431, 500, 501, 502, 503, 504, 521, 533, 534, 535, 536, 537];
const CLOSING = 421;
/** How often a server is asked whether it still answers: a mutated line may have swallowed the first line after it. */
const PROBES = 3;
/** The outcome if the connection ends when a reply is due. */
export const CUT: Outcome = {
  kind: 'closed',
  finding: 'connection cut',
  detail: 'ends the connection where a reply is due',
};
const EXECUTED: Outcome = {
  kind: 'accepted',
  finding: 'unverified exchange accepted',
  detail: 'carries out a protected command behind a refusal',
};
const MAX_TEXT = 100;

/**
 * A conforming client, except for what a case makes it send. It has its own reader of replies: a ClientSession ends at
 * the first reply that breaks a rule, and here there may be further faults to find after it.
 */
export class ClientSide {
  session: FuzzSession | undefined;
  /** With its line end. */
  readonly probe: string;
  /** The last octets that were sent, chunk by chunk. */
  lastSent: readonly Uint8Array[] = [];
  /** The last token that was received. */
  lastToken: Uint8Array | undefined;
  readonly #target: ServerTarget;
  readonly #connection: Connection;
  readonly #outer = new ReplyReader();
  /** Reads the replies inside tokens, once there is a context. */
  #inner: ProtectedReplyReader | undefined;

  constructor(target: ServerTarget, connection: Connection) {
    this.#target = target;
    this.#connection = connection;
    this.probe = `${target.probe ?? 'NOOP'}\r\n`;
  }

  at(connection: Connection): ClientSide {
    return new ClientSide(this.#target, connection);
  }

  /** The next reply, or the next that is not 1yz. @throws FtpSecurityError if it can't be read or verified */
  async next({ final = true } = {}): Promise<ReceivedReply | NoReply> {
    for (;;) {
      const reply = this.#read();
      if (reply !== undefined && !(final && reply.code < 200)) return reply;
      if (reply !== undefined) continue;
      const received = await this.#connection.receive();
      if (typeof received === 'string') return received;
      this.#outer.push(received);
    }
  }

  #read(): ReceivedReply | undefined {
    const outer = this.#outer.next();
    if (outer === undefined) return undefined;
    if (outer.code < 600) return receivedAt('clear', outer);
    if (this.#inner === undefined) throw new FtpSecurityError('sequence/no-context', 'a protected reply too early');
    this.lastToken = decodeProtectedReply(outer).tokens[0];
    this.#inner.push(outer);
    const reply = this.#inner.next();
    return reply ? receivedAt(reply.level, reply.inner) : this.#read();
  }

  async send(chunks: readonly Uint8Array[]): Promise<void> {
    this.lastSent = chunks;
    await this.#connection.send(chunks);
  }

  /** The reply to a valid line. @throws SetupFailed if it has none of the expected codes */
  async request(line: Uint8Array, what = 'a valid line', expected?: readonly number[]): Promise<ReceivedReply> {
    await this.send([line]);
    const reply = assertReply(await this.next(), 'a valid line');
    if (expected?.includes(reply.code) ?? true) return reply;
    throw new SetupFailed(`${what} is answered by ${textOf(reply)}, and not by ${expected!.join(' or ')}`);
  }

  async greeting(): Promise<void> {
    const reply = assertReply(await this.next(), 'the connection');
    if (reply.code >= 300) throw new SetupFailed(`the server greets with ${textOf(reply)}`);
  }

  /** @param behind  sent in one piece with AUTH, after it */
  async auth(behind: Uint8Array = new Uint8Array()): Promise<void> {
    const { mechanism } = this.#target;
    await this.request(concat(formatAuth(mechanism), behind), `AUTH ${mechanism}`, [334]);
  }

  async adat(turn: ExchangeTurn): Promise<ReceivedReply> {
    return await this.request(lineOf(turn), 'ADAT', [235, 335]);
  }

  /** Performs the exchange. `ask` sends our line; without a reply from it, the exchange ends there. */
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
      if (step.context !== undefined) this.#open();
      const reply = await ask({ to: 'server', number, token: step.token, received, keys });
      if (reply === undefined) return;
      complete = reply.code === 235;
      if (complete && step.context !== undefined) break;
      received = parseAdatReply(reply).token;
      step = await exchange.step(received);
    }
    this.#open();
  }

  #open(): void {
    if (this.session !== undefined) this.#inner = new ProtectedReplyReader(this.session.context);
  }

  async establish(): Promise<void> {
    await this.exchange();
    this.assertEstablished();
  }

  /** @throws SetupFailed if the mechanism has no context after the exchange */
  assertEstablished(): void {
    if (this.session === undefined) throw new SetupFailed('the exchange ends without a context');
  }

  /** A refused login is no error: later commands then get another refusal code, which is equally good evidence. */
  async logIn(): Promise<void> {
    const { user, password } = this.#target;
    const strongest: TokenLevel = this.session!.context.supports('private') ? 'private' : 'safe';
    const { code } = await this.request(this.protect(`USER ${user}`, strongest));
    if (code === 331 && password !== undefined) await this.request(this.protect(`PASS ${password}`, strongest));
  }

  protect(text: string, level: TokenLevel): Uint8Array {
    return protectCommand(this.session!.context, level, toUtf8(text));
  }

  /** Sends mutated octets; if they have no end, nothing can follow. Returns the outcome. */
  async provoke(chunks: readonly Uint8Array[], isOpen = false): Promise<Outcome> {
    await this.send(chunks);
    if (isOpen) this.#connection.end();
    return await this.outcomeAfter(await this.next(), isOpen);
  }

  /** The outcome of a reply to mutated octets, or of its absence. */
  async outcomeAfter(reply: ReceivedReply | NoReply, isOpen = false): Promise<Outcome> {
    const outcome = isOpen ? outcomeOf(reply) : await this.probed(reply);
    const isClear = typeof reply !== 'string' && reply.level === 'clear' && this.session !== undefined;
    return withFinding(outcome, isClear ? 'clear reply given' : undefined);
  }

  /**
   * Checks whether the server still answers.
   * @param forbidden  is sent in place of a valid line: a line that must not be executed
   */
  async probed(reply: ReceivedReply | NoReply, forbidden?: Uint8Array): Promise<Outcome> {
    if (reply === 'end') return CUT;
    for (let tries = 0; tries < PROBES; tries++) {
      await this.send([forbidden ?? (this.session ? this.protect(this.probe, 'safe') : toUtf8(this.probe))]);
      const answer = await this.next();
      if (answer === 'timeout') continue;
      if (forbidden !== undefined && answer !== 'end' && answer.code < 400) return EXECUTED;
      if (reply !== 'timeout') return answer === 'end' ? closing(reply) : outcomeOf(reply);
      if (answer === 'end') return CUT;
      return NOT_EXECUTED.includes(answer.code) ? outcomeOf(answer) : { kind: 'ignored' };
    }
    return { kind: 'hung', ...(typeof reply !== 'string' && { detail: `after ${reply.code}` }) };
  }
}

/** A reply has getters, so it can't be spread. */
const receivedAt = (level: ProtectionLevel, { code, lines, raw }: Reply) => ({ code, lines, raw, level });

/** The outcome if the server answers and then ends the connection, which it may do only with 421. */
function closing(reply: ReceivedReply): Outcome {
  const outcome: Outcome = { ...outcomeOf(reply), closes: true };
  const detail = `answers ${reply.code}, and then ends the connection`;
  return reply.code === CLOSING ? outcome : { ...outcome, finding: 'connection cut', detail };
}

function outcomeOf(reply: ReceivedReply | NoReply): Outcome {
  if (typeof reply === 'string') return { kind: reply === 'end' ? 'closed' : 'ignored' };
  return { kind: 'refused', code: reply.code };
}

export function textOf({ code, lines }: ReceivedReply): string {
  return `${code} ${lines.join(' ')}`.slice(0, MAX_TEXT).trimEnd();
}

/** @throws SetupFailed if there is no reply */
export function assertReply(reply: ReceivedReply | NoReply, what: string): ReceivedReply {
  if (typeof reply !== 'string') return reply;
  if (reply === 'end') throw new SetupFailed(`the server ends the connection after ${what}`, { cut: true });
  throw new SetupFailed(`no answer to ${what}`);
}
