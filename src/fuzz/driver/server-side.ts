/**
 * The driver's side of a connection to a client under test: a conforming server on {@link ServerSession}, which records
 * what the client does. The session passes the driver every text that it wants to protect, so that no number is used up
 * if something else is sent instead.
 */
import { concatAll } from '../../bytes.js';
import { refusalFrom } from '../../errors.js';
import type { Command } from '../../ftp/command.js';
import { commandFacts } from '../../ftp/commands.js';
import { formatReply, parseReply } from '../../ftp/reply.js';
import type { Exchange, SecurityContext, Step } from '../../protection/mechanism.js';
import { protectReply } from '../../protection/protect.js';
import { decodeProtectedCommand } from '../../protection/protected-command.js';
import { levelOfVerb, type ProtectionLevel, type TokenLevel } from '../../protection/protection-level.js';
import type { AnsweredEvent, CommandEvent, ServerDataEvent, ServerEvent } from '../../session/events.js';
import { ServerSession } from '../../session/server.js';
import { BUFFER_SIZE } from '../cases.js';
import { wrappingWith } from '../mechanisms/mechanism.js';
import type { FuzzSession } from '../mutation.js';
import type { ClientTrace } from './client-trace.js';
import type { Connection, DataConnections, FuzzSide } from './connection.js';
import { type Due, type ReplyMutator, type Said, TO_ITS_END } from './mutators.js';
import { ServerData } from './server-data.js';
import { type Answer, usualAnswer } from './server-replies.js';

/** A client under test. */
export interface ClientTarget extends FuzzSide {
  /** The number of the command after the exchange that gets a mutated reply, from 1. */
  at: number;
  /** Its exit status is evidence: after any mutation it may continue to its end. */
  toEnd?: boolean;
  /** Without them nothing is transferred. */
  data?: DataConnections;
}

type Octets = readonly Uint8Array[];
type Notes = Omit<ClientTrace, 'end' | 'commands'> & { commands: string[] };

/** Sessions are strict by default; here a client may continue after an error, so that its reaction can be observed. */
const LENIENT = { allowWeak: true, allowInsertedLines: true, allowMissingLines: true, maxFailures: 1000, minPbsz: 1 };

/** A server that mutates one of its replies. */
export class ServerSide {
  readonly #mutator: ReplyMutator;
  readonly #target: ClientTarget;
  readonly #connection: Connection;
  readonly #server: ServerSession;
  readonly #data: ServerData;
  readonly #seen: Notes = { commands: [] };
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
    const { markers, played } = this.#mutator;
    const { used, error, played: transfer } = this.#data;
    return {
      ...(markers !== undefined && { markers }),
      ...(played && { played }),
      ...(transfer && { played: transfer }),
      ...(used && { transfers: used }),
      ...(error && { dataError: error }),
      ...this.#seen,
    };
  }

  /** Whether the client has done enough after the mutated reply, or has ended the session. */
  get isOver(): boolean {
    const { mutated, commands } = this.#seen;
    const behind = this.#mutator.behind ?? (this.#target.toEnd ? TO_ITS_END : 1);
    return this.#quits || (mutated !== undefined && commands.length > mutated + behind);
  }

  /** Whether the mutated octets have no end. */
  get isOpen(): boolean {
    return this.#isMutated && this.#mutator.isOpen === true;
  }

  /** Whether a client that waits after a mutated reply may be waiting for a valid one. */
  get canGoOn(): boolean {
    return this.#isMutated && !this.#seen.waited && !this.isOpen && this.#valid !== undefined;
  }

  linesOf(heard: Uint8Array): Uint8Array {
    return this.#data.withoutBlocks(heard);
  }

  goOn(): Uint8Array[] {
    this.#seen.waited = true;
    return [this.#valid!()];
  }

  /**
   * Returns the octets of the reply to a command, chunk by chunk.
   * @param ahead  whether the command came together with the previous one
   */
  async answer(outer: Command, ahead: boolean): Promise<Octets> {
    const isLost = this.#isLost;
    if (ahead) this.#seen.pipelines = true;
    if (ahead && this.#isMutated) this.#seen.ahead = true;
    const claimed = levelOfVerb(outer.verb);
    if (isLost && !this.#isSecured) {
      // It may be protected by keys that are not ours.
      this.#note(outer.verb, claimed ?? 'clear');
      return [formatReply(530, 'Not without an association')];
    }
    this.#server.receive(outer.raw);
    const event = this.#asked(() => this.#server.next());
    if (event === undefined) return [];
    const { command } = event;
    if (command === undefined && this.#isSecured) return this.#unreadable(outer.verb, claimed!, event, isLost);
    if (claimed !== undefined && command !== undefined) this.#received = decodeProtectedCommand(outer).token;
    const level = event.type === 'command' ? event.level : ((this.#isSecured ? claimed : undefined) ?? 'clear');
    this.#note((command ?? outer).verb, level);
    return await this.#handle(event, level);
  }

  get #isSecured(): boolean {
    return this.#server.phase === 'secured';
  }

  get #isMutated(): boolean {
    return this.#seen.mutated !== undefined;
  }

  /** Evaluated before the present command is recorded. */
  get #isLost(): boolean {
    const { mutated, commands } = this.#seen;
    return mutated !== undefined && commands.length > mutated && this.#mutator.isLost === true;
  }

  /** Whether the reply to the present command was sent before the command came. */
  get #isAnswered(): boolean {
    const { early, mutated, commands } = this.#seen;
    return early === true && mutated === commands.length - 1;
  }

  /**
   * Handles a token that can't be opened. If the client may have other keys, all that can be observed is that it
   * continues protected.
   */
  #unreadable(verb: string, claimed: TokenLevel, event: ServerEvent, isLost: boolean): Octets {
    if (isLost) this.#note(verb, claimed);
    else if (event.type === 'answered') this.#seen.error = event.error!;
    this.#quits = true;
    return [];
  }

  async #handle(event: ServerEvent, level: ProtectionLevel): Promise<Octets> {
    if (event.type === 'auth') return this.#auth();
    if (event.type === 'security-data') return await this.#adat(event);
    if (level !== 'clear') return await this.#protected(event, level);
    if (event.type === 'answered') return [this.#sealing(event.octets)()];
    return [this.#reply(usualAnswer(event.command.verb), event)()];
  }

  // The session's replies

  /** Calls the session, and collects the texts that it wants to protect. */
  #asked<T>(work: () => T): T {
    this.#plain = [];
    const done = work();
    return done;
  }

  /**
   * Returns a function that makes the octets of the session's last reply.
   * @param octets  the session's own output, correct only for a reply in the clear
   */
  #sealing(octets: Uint8Array): () => Uint8Array {
    const [first] = this.#plain ?? [];
    const text = concatAll((this.#plain ?? []).map(it => it.text));
    this.#plain = undefined;
    return first === undefined ? () => octets : () => protectReply(this.#session!.context, first.level, text);
  }

  #reply([code, text]: Answer, event: CommandEvent): () => Uint8Array {
    return this.#sealing(this.#asked(() => this.#server.reply(code, text, event)));
  }

  /** The context of the association: it makes valid tokens for data, and none for replies. */
  #tapped({ context }: FuzzSession): SecurityContext {
    return wrappingWith(context, (plaintext, level) => {
      if (this.#plain === undefined) return context.wrap(plaintext, level);
      this.#plain.push({ text: plaintext, level: level });
      return { token: Uint8Array.of(0), level };
    });
  }

  // The exchange

  #auth(): Octets {
    this.#exchange = this.#target.exchange(session => {
      this.#session = session;
    }, this.#connection.ends);
    const valid = this.#sealing(this.#asked(() => this.#server.proceed({})))();
    return this.#say(valid, () => this.#mutator.toAuth?.(valid));
  }

  async #adat({ token: received }: ServerDataEvent): Promise<Octets> {
    const said = this.#isMutated ? undefined : this.#mutator.toAnyAdat?.();
    let step: Step;
    try {
      step = said === undefined ? await this.#exchange!.step(received) : {};
    } catch (error) {
      this.#seen.refusal = refusalFrom(error);
      return [this.#sealing(this.#asked(() => this.#server.refuse(this.#seen.refusal!)))()];
    }
    const { token, context } = step;
    const its = { ...step, ...(context && { context: this.#tapped(this.#session!) }) };
    const valid = this.#sealing(this.#asked(() => this.#server.proceed(its)))();
    if (said !== undefined) return this.#mutate(said);
    const code = context === undefined ? 335 : 235;
    const turn = { number: this.#adats++, code, token, received, session: this.#session } as const;
    if (this.#isAnswered) return this.#hold(() => valid);
    return this.#say(valid, () => this.#mutator.toAdat?.(turn, valid));
  }

  #say(valid: Uint8Array, mutate: () => Said | undefined): Octets {
    const said = this.#isMutated ? undefined : mutate();
    return said === undefined ? [valid] : this.#mutate(said);
  }

  // After the exchange

  async #protected(event: CommandEvent | AnsweredEvent, level: ProtectionLevel): Promise<Octets> {
    this.#secured++;
    const octets = event.type === 'answered' ? event.octets : await this.#carryOut(event);
    const { code, lines } = parseReply(concatAll((this.#plain ?? []).map(it => it.text)));
    const valid = this.#sealing(octets);
    if (this.#isAnswered) return this.#hold(valid);
    const protect = (reply: Uint8Array) => protectReply(this.#session!.context, level as TokenLevel, reply);
    const { verb } = event.command!;
    const answer: Answer = [code, lines[0]!];
    const due: Due = { verb, level, answer, protect, number: this.#secured, session: this.#itsSession };
    const said = this.#comesNow ? this.#mutator.toCommand?.(due) : this.#mutator.toOther?.(due);
    return said === undefined ? [valid()] : this.#mutate(said, valid);
  }

  /** Whether the mutation belongs to the present command, if the case can be played there. */
  get #comesNow(): boolean {
    return this.#secured >= this.#target.at && !this.#isMutated;
  }

  get #itsSession(): FuzzSession {
    return { ...this.#session!, received: this.#received };
  }

  /** Carries out a transfer, and returns the session's final reply. */
  async #carryOut(event: CommandEvent): Promise<Uint8Array> {
    const [code, text] = await this.#finalAnswer(event);
    return this.#asked(() => this.#server.reply(code, text, event));
  }

  async #finalAnswer(event: CommandEvent): Promise<Answer> {
    const { command } = event;
    const { data: sender } = commandFacts(command.verb);
    if (sender === undefined) return (await this.#data.prepare(command)) ?? usualAnswer(command.verb);
    if (!this.#data.isReady) return [425, 'PASV or EPSV first'];
    if (this.#comesNow && this.#mutator.dropsTransfer) {
      await this.#data.drop();
      return [226, 'Transfer complete'];
    }
    await this.#connection.send([this.#reply([150, 'Opening the data connection'], event)()]);
    if (sender === 'client') return await this.#data.receive();
    const sending = this.#comesNow ? this.#mutator.sends : undefined;
    const answer = await this.#data.send(sending ?? 'plain', this.#itsSession);
    if (this.#data.sent !== undefined) this.#mutate({ chunks: this.#data.sent });
    return answer;
  }

  /** @param valid  makes the valid reply, if it is protected */
  #mutate({ chunks, isValid, isEarly }: Said, valid?: () => Uint8Array): Octets {
    if (isValid) return chunks;
    this.#seen.mutated = this.#seen.commands.length - (isEarly ? 0 : 1);
    if (isEarly) this.#seen.early = true;
    this.#seen.sent = chunks;
    this.#valid = valid;
    return chunks;
  }

  /** Sends no reply yet. A client that continues nevertheless has accepted the earlier reply. */
  #hold(valid: () => Uint8Array): Octets {
    this.#valid = valid;
    return [];
  }

  #note(verb: string, level: ProtectionLevel): void {
    this.#seen.commands.push(`${level} ${verb}`);
    if (verb === 'QUIT') this.#quits = true;
  }
}
