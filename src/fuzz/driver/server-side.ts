/**
 * Our side of a connection to a client under test: a conforming server, on {@link ServerSession}, which notes what the client does. What
 * the session wants to protect it gives to us, so that no number is used up where something else goes in its place.
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

/** What is known of a client under test. */
export interface ClientTarget extends FuzzSide {
  /** Which command behind the exchange gets a mutated reply, counted from 1. */
  at: number;
  /** Its exit status shows something: whatever was mutated, it is let to its end. */
  toEnd?: boolean;
  /** Without them nothing is transferred. */
  data?: DataConnections;
}

type Octets = readonly Uint8Array[];
type Notes = Omit<ClientTrace, 'end' | 'commands'> & { commands: string[] };

/** Sessions are strict; here a client goes on, so that it is seen what it does. */
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
  /** What the session wants to protect, while it is asked for a reply. */
  #plain: { text: Uint8Array; level: TokenLevel }[] | undefined;
  /** The client's last token. */
  #received: Uint8Array | undefined;
  #secured = 0;
  #adats = 0;
  /** Makes what would have been required in the place of the mutated reply. */
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

  /** The client has done what shows something behind the mutated reply, or said goodbye. */
  get isOver(): boolean {
    const { mutated, commands } = this.#seen;
    const behind = this.#mutator.behind ?? (this.#target.toEnd ? TO_ITS_END : 1);
    return this.#quits || (mutated !== undefined && commands.length > mutated + behind);
  }

  /** What was sent has no end. */
  get isOpen(): boolean {
    return this.#isMutated && this.#mutator.isOpen === true;
  }

  /** A client that waits behind a mutated reply may wait for a valid one. */
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
   * Octets of the reply to a command, chunk by chunk.
   * @param ahead  the command came together with the one before
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

  /** Asked before the present command is noted. */
  get #isLost(): boolean {
    const { mutated, commands } = this.#seen;
    return mutated !== undefined && commands.length > mutated && this.#mutator.isLost === true;
  }

  /** Whether the present command is the one whose reply went before it. */
  get #isAnswered(): boolean {
    const { early, mutated, commands } = this.#seen;
    return early === true && mutated === commands.length - 1;
  }

  /** A token that can't be opened: where our keys may be others, that it goes on protected is all that can be seen. */
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

  // What the session says

  /** Has the session do something, and takes what it wants to protect. */
  #asked<T>(work: () => T): T {
    this.#plain = [];
    const done = work();
    return done;
  }

  /** Makes the octets of what the session has said last. @param octets  what it gave: right where they are in the clear */
  #sealing(octets: Uint8Array): () => Uint8Array {
    const [first] = this.#plain ?? [];
    const text = concatAll((this.#plain ?? []).map(it => it.text));
    this.#plain = undefined;
    return first === undefined ? () => octets : () => protectReply(this.#session!.context, first.level, text);
  }

  #reply([code, text]: Answer, event: CommandEvent): () => Uint8Array {
    return this.#sealing(this.#asked(() => this.#server.reply(code, text, event)));
  }

  /** The context of the association: valid tokens for data, none for replies. */
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

  // Behind it

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

  /** Whether what is mutated comes with the present command, if it can. */
  get #comesNow(): boolean {
    return this.#secured >= this.#target.at && !this.#isMutated;
  }

  get #itsSession(): FuzzSession {
    return { ...this.#session!, received: this.#received };
  }

  /** What the session says at last, when a transfer is over. */
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

  /** @param valid  what is required, where it is protected */
  #mutate({ chunks, isValid, isEarly }: Said, valid?: () => Uint8Array): Octets {
    if (isValid) return chunks;
    this.#seen.mutated = this.#seen.commands.length - (isEarly ? 0 : 1);
    if (isEarly) this.#seen.early = true;
    this.#seen.sent = chunks;
    this.#valid = valid;
    return chunks;
  }

  /** Says nothing yet: a client that goes on all the same has taken what came before. */
  #hold(valid: () => Uint8Array): Octets {
    this.#valid = valid;
    return [];
  }

  #note(verb: string, level: ProtectionLevel): void {
    this.#seen.commands.push(`${level} ${verb}`);
    if (verb === 'QUIT') this.#quits = true;
  }
}
