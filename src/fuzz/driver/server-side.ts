/**
 * A client under test: we are the server. It is a conforming server on {@link ServerSession}, except for one reply or
 * transfer that a case mutates, and records what the client does. The session passes every text that it wants to
 * protect, so that no number is used up if something else is sent instead.
 */
import { concatAll } from '../../bytes.js';
import { refusalFrom } from '../../errors.js';
import { type Command, CommandReader } from '../../ftp/command.js';
import { commandFacts } from '../../ftp/commands.js';
import { formatReply, parseReply } from '../../ftp/reply.js';
import type { Exchange, SecurityContext, Step } from '../../protection/mechanism.js';
import { protectReply } from '../../protection/protect.js';
import { decodeProtectedCommand } from '../../protection/protected-command.js';
import { levelOfVerb, type ProtectionLevel, type TokenLevel } from '../../protection/protection-level.js';
import type { AnsweredEvent, CommandEvent, ServerDataEvent } from '../../session/events.js';
import { ServerSession } from '../../session/server.js';
import { BUFFER_SIZE, type FuzzCase } from '../cases.js';
import { wrappingWith } from '../mechanisms/mechanism.js';
import type { FuzzSession } from '../mutation.js';
import type { ClientTrace } from './client-trace.js';
import type { Connection, DataConnections, FuzzSide, NoReply } from './connection.js';
import type { PendingReply, Plain, Replacement, ReplyMutator } from './mutators.js';
import { mutatorOf, TO_ITS_END, usualAnswer } from './mutators.js';
import { type Answer, ServerData } from './server-data.js';

/** A client under test. */
export interface ClientTarget extends FuzzSide {
  /** The number of the command after the exchange that gets a mutated reply, from 1. */
  at: number;
  /** Its exit status is evidence: after any mutation it may continue to its end. */
  toEnd?: boolean;
  /** Without them nothing is transferred. */
  data?: DataConnections;
}

/** Plays a case, or a conforming server, to a client that has just connected. */
export async function playToClient(
  one: FuzzCase | Plain,
  target: ClientTarget,
  connection: Connection,
): Promise<ClientTrace> {
  const server = new ServerSide(mutatorOf(one, target.keys), target, connection);
  await connection.send([formatReply(220, 'Ready')]);
  const end = await server.converse();
  connection.end();
  return { ...server.trace, end };
}

type Octets = readonly Uint8Array[];

/** Sessions are strict by default; here a client may continue after an error, so that its reaction can be observed. */
const LENIENT = { allowWeak: true, allowInsertedLines: true, allowMissingLines: true, maxFailures: 1000, minPbsz: 1 };

/** A server that mutates one of its replies. */
class ServerSide {
  readonly #mutator: ReplyMutator;
  readonly #target: ClientTarget;
  readonly #connection: Connection;
  readonly #server: ServerSession;
  readonly #data: ServerData;
  readonly #seen: Omit<ClientTrace, 'end' | 'commands'> & { commands: string[] } = { commands: [] };
  #session: FuzzSession | undefined;
  #exchange: Exchange | undefined;
  /** The texts that the session wants to protect, while it makes a reply. */
  #plain: { text: Uint8Array; level: TokenLevel }[] | undefined;
  /** The client's last token. */
  #received: Uint8Array | undefined;
  #secured = 0;
  #adats = 0;
  /** Makes the valid reply that the mutated one has replaced. */
  #valid: (() => Uint8Array) | undefined;
  #quits = false;

  constructor(mutator: ReplyMutator, target: ClientTarget, connection: Connection) {
    this.#mutator = mutator;
    this.#target = target;
    this.#connection = connection;
    const { bufferSize: maxPbsz = BUFFER_SIZE } = mutator;
    this.#server = new ServerSession({ ...LENIENT, mechanisms: [{ name: target.mechanism }], maxPbsz });
    this.#data = new ServerData(target.data, this.#server);
  }

  get trace(): Omit<ClientTrace, 'end'> {
    return { ...this.#mutator.notes, ...this.#data.notes, ...this.#seen };
  }

  /** Continues until the client has reacted to the mutated reply, or the connection ends. */
  async converse(): Promise<NoReply> {
    const reader = new CommandReader();
    for (let ahead = false; ; ) {
      const command = nextCommand(reader);
      if (command === 'unreadable') await this.#connection.send([formatReply(500, 'No command')]);
      else if (command !== undefined) {
        await this.#connection.send(await this.#answer(command, ahead));
        ahead = true;
        if (this.#isOver) return 'end';
        if (this.#isOpen) this.#connection.end();
      } else {
        const received = await this.#connection.receive();
        ahead = false;
        if (received instanceof Uint8Array) reader.push(this.#data.withoutBlocks(received));
        else if (received === 'end' || !(await this.#goesOn())) return received;
      }
    }
  }

  /** Whether the client has done enough after the mutated reply, or has ended the session. */
  get #isOver(): boolean {
    const { mutated, commands } = this.#seen;
    const behind = this.#mutator.behind ?? (this.#target.toEnd ? TO_ITS_END : 1);
    return this.#quits || (mutated !== undefined && commands.length > mutated + behind);
  }

  get #isMutated(): boolean {
    return this.#seen.mutated !== undefined;
  }

  get #isOpen(): boolean {
    return this.#isMutated && this.#mutator.isOpen === true;
  }

  /** If a client that waits after a mutated reply may be waiting for a valid one, it gets that. */
  async #goesOn(): Promise<boolean> {
    const valid = this.#seen.waited || this.#isOpen ? undefined : this.#valid;
    if (valid === undefined) return false;
    this.#seen.waited = true;
    await this.#connection.send([valid()]);
    return true;
  }

  get #isSecured(): boolean {
    return this.#server.phase === 'secured';
  }

  /** The reply to a command, chunk by chunk. @param ahead  whether it came together with the previous one */
  async #answer(outer: Command, ahead: boolean): Promise<Octets> {
    const { mutated, commands } = this.#seen;
    // The client may have other keys.
    const isLost = mutated !== undefined && commands.length > mutated && this.#mutator.isLost === true;
    if (ahead) this.#seen.pipelines = true;
    if (ahead && this.#isMutated) this.#seen.ahead = true;
    const claimed = levelOfVerb(outer.verb);
    if (isLost && !this.#isSecured) {
      this.#note(outer.verb, claimed ?? 'clear');
      return [formatReply(530, 'Not without an association')];
    }
    this.#server.receive(outer.raw);
    const event = this.#recorded(() => this.#server.next());
    if (event === undefined) return [];
    const { command } = event;
    if (command === undefined && this.#isSecured) {
      // The token can't be opened. If the client may have other keys, it can only be seen that it continues protected.
      if (isLost) this.#note(outer.verb, claimed!);
      else if (event.type === 'answered') this.#seen.error = event.error!;
      this.#quits = true;
      return [];
    }
    if (claimed !== undefined && command !== undefined) this.#received = decodeProtectedCommand(outer).token;
    const level = event.type === 'command' ? event.level : ((this.#isSecured ? claimed : undefined) ?? 'clear');
    this.#note((command ?? outer).verb, level);
    if (event.type === 'auth') return this.#sent(this.#auth());
    if (event.type === 'security-data') {
      const reply = await this.#adat(event);
      return reply instanceof Uint8Array ? [reply] : this.#sent(reply);
    }
    if (level !== 'clear') return this.#sent(await this.#protected(event, level));
    if (event.type === 'answered') return [this.#sealed(event.octets).octets()];
    return [this.#reply(usualAnswer(event.command.verb), event)];
  }

  /** The octets of a reply, or of what replaces it. */
  #sent(reply: PendingReply): Octets {
    // The client got a reply to this command before it sent it. If it continues now, it has accepted that reply.
    const { early, mutated, commands } = this.#seen;
    if (early && mutated === commands.length - 1 && reply.to !== 'AUTH') {
      this.#valid = reply.valid;
      return [];
    }
    const isOver = this.#isMutated && reply.to !== 'command';
    const replacement = isOver ? undefined : this.#mutator.replace?.(reply);
    if (replacement === undefined) return [reply.valid()];
    if (!replacement.isValid) this.#noteMutation(replacement, reply.to === 'command' ? reply.valid : undefined);
    return replacement.chunks;
  }

  /** @param valid  makes the valid reply, if the client may get it after the mutated one */
  #noteMutation({ chunks, isEarly }: Replacement, valid?: () => Uint8Array): void {
    this.#seen.mutated = this.#seen.commands.length - (isEarly ? 0 : 1);
    if (isEarly) this.#seen.early = true;
    this.#seen.sent = chunks;
    this.#valid = valid;
  }

  #note(verb: string, level: ProtectionLevel): void {
    this.#seen.commands.push(`${level} ${verb}`);
    if (verb === 'QUIT') this.#quits = true;
  }

  // The session's replies

  /** Calls the session, and records the texts that it wants to protect. */
  #recorded<T>(work: () => T): T {
    this.#plain = [];
    return work();
  }

  /**
   * Returns the text of the session's reply, if it is protected, and a function that makes its octets.
   * @param octets  the session's own output, correct only for a reply in the clear
   */
  #sealed(octets: Uint8Array): { text: Uint8Array; octets: () => Uint8Array } {
    const plain = this.#plain ?? [];
    const level = plain[0]?.level;
    this.#plain = undefined;
    const text = concatAll(plain.map(its => its.text));
    return { text, octets: () => (level ? protectReply(this.#session!.context, level, text) : octets) };
  }

  #octets(work: () => Uint8Array): Uint8Array {
    return this.#sealed(this.#recorded(work)).octets();
  }

  #reply([code, text]: Answer, event: CommandEvent): Uint8Array {
    return this.#octets(() => this.#server.reply(code, text, event));
  }

  /** The context of the association: it makes valid tokens for data, and none for replies. */
  #recording({ context }: FuzzSession): SecurityContext {
    return wrappingWith(context, (plaintext, level) => {
      if (this.#plain === undefined) return context.wrap(plaintext, level);
      this.#plain.push({ text: plaintext, level });
      return { token: Uint8Array.of(0), level };
    });
  }

  // The exchange

  #auth(): PendingReply {
    this.#exchange = this.#target.exchange(session => {
      this.#session = session;
    }, this.#connection.ends);
    const valid = this.#octets(() => this.#server.proceed({}));
    return { to: 'AUTH', valid: () => valid, session: undefined };
  }

  /** @returns the octets of a refusal if our mechanism refuses the security data */
  async #adat({ token: received }: ServerDataEvent): Promise<PendingReply | Uint8Array> {
    let step: Step = {};
    try {
      if (this.#isMutated || !this.#mutator.skipsExchange) step = await this.#exchange!.step(received);
    } catch (error) {
      const refusal = refusalFrom(error);
      this.#seen.refusal = refusal;
      return this.#octets(() => this.#server.refuse(refusal));
    }
    const { token, context } = step;
    if (context) step = { ...step, context: this.#recording(this.#session!) };
    const valid = this.#octets(() => this.#server.proceed(step));
    const turn = { number: this.#adats++, code: context ? 235 : 335, token, received } as const;
    return { to: 'ADAT', valid: () => valid, session: this.#session, turn };
  }

  // After the exchange

  async #protected(event: CommandEvent | AnsweredEvent, level: ProtectionLevel): Promise<PendingReply> {
    const number = ++this.#secured;
    const { text, octets } = this.#sealed(event.type === 'answered' ? event.octets : await this.#execute(event));
    const { code, lines } = parseReply(text);
    const protect = (reply: Uint8Array) => protectReply(this.#session!.context, level as TokenLevel, reply);
    const its = { verb: event.command!.verb, level, answer: [code, lines[0]!], protect, number } as const;
    return { to: 'command', valid: octets, session: this.#itsSession, isTarget: this.#isTarget, ...its };
  }

  /** Whether the mutation belongs to the present command, if the case can be played there. */
  get #isTarget(): boolean {
    return this.#secured >= this.#target.at && !this.#isMutated;
  }

  get #itsSession(): FuzzSession {
    return { ...this.#session!, received: this.#received };
  }

  /** Executes a command with its transfer, and returns the session's final reply. */
  async #execute(event: CommandEvent): Promise<Uint8Array> {
    const [code, text] = await this.#finalAnswer(event);
    return this.#recorded(() => this.#server.reply(code, text, event));
  }

  async #finalAnswer(event: CommandEvent): Promise<Answer> {
    const { command } = event;
    const { data: sender } = commandFacts(command.verb);
    if (sender === undefined) return (await this.#data.prepare(command)) ?? usualAnswer(command.verb);
    if (!this.#data.isReady) return [425, 'PASV or EPSV first'];
    if (this.#isTarget && this.#mutator.dropsTransfer) return await this.#data.drop();
    await this.#connection.send([this.#reply([150, 'Opening the data connection'], event)]);
    if (sender === 'client') return await this.#data.receive();
    const sending = this.#isTarget ? this.#mutator.sends : undefined;
    const answer = await this.#data.send(sending ?? 'plain', this.#itsSession);
    if (this.#data.sent !== undefined) this.#noteMutation({ chunks: this.#data.sent });
    return answer;
  }
}

function nextCommand(reader: CommandReader): Command | 'unreadable' | undefined {
  try {
    return reader.next();
  } catch (error) {
    refusalFrom(error);
    return 'unreadable';
  }
}
