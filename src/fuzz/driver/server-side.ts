/** Our side of a connection to a client under test: a conforming server, but for one reply, which notes what the client does. */
import { toUtf8 } from '../../bytes.js';
import { FtpSecurityError } from '../../errors.js';
import type { Command } from '../../ftp/command.js';
import { commandFacts } from '../../ftp/commands.js';
import { formatReply } from '../../ftp/reply.js';
import type { Exchange, Step } from '../../protection/mechanism.js';
import { protectReply, unprotectCommand } from '../../protection/protect.js';
import { decodeProtectedCommand } from '../../protection/protected-command.js';
import { levelOfVerb, type ProtectionLevel } from '../../protection/protection-level.js';
import { formatAdatReply, parseAdatCommand, parseAuth } from '../../protection/security-data.js';
import { BUFFER_SIZE } from '../cases.js';
import type { FuzzSession } from '../mutation.js';
import type { ClientTrace } from './client-trace.js';
import type { Connection, DataConnections, FuzzSide } from './connection.js';
import { ServerData } from './data-to-client.js';
import { type Due, type ReplyMutator, type Said, TO_ITS_END } from './reply-mutator.js';
import { type Answer, replyOf, usualAnswer } from './server-replies.js';

export interface ClientTarget extends FuzzSide {
  /** Which command behind the exchange gets a mutated reply, counted from 1. */
  at: number;
  /** Its exit status tells something: whatever was mutated, it is let to its end. */
  toEnd?: boolean;
  /** Without them nothing is transferred. */
  data?: DataConnections;
}

type Octets = readonly Uint8Array[];
type Notes = Omit<ClientTrace, 'end' | 'commands'> & { commands: string[] };

export class ServerSide {
  readonly #mutator: ReplyMutator;
  readonly #target: ClientTarget;
  readonly #connection: Connection;
  readonly #data: ServerData;
  readonly #seen: Notes = { commands: [] };
  #session: FuzzSession | undefined;
  #exchange: Exchange | undefined;
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
    this.#data = new ServerData(target.data, mutator.bufferSize ?? BUFFER_SIZE);
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

  /** The client has done what tells something behind the mutated reply, or said goodbye. */
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

  lineCount(heard: Uint8Array): Uint8Array {
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
    if (claimed === undefined || this.#session === undefined) return await this.#inTheClear(outer, isLost);
    try {
      this.#received = decodeProtectedCommand(outer).token;
      const { inner, level } = unprotectCommand(this.#session.context, outer);
      this.#note(inner.verb, level);
      return await this.#protected(inner, level);
    } catch (error) {
      if (!(error instanceof FtpSecurityError)) throw error;
      // That it goes on protected is all that can be seen.
      if (isLost) this.#note(outer.verb, claimed);
      else this.#seen.error = error;
      this.#quits = true;
      return [];
    }
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

  // Up to the association

  /** @param isLost  it may be protected by keys that are not ours */
  async #inTheClear(command: Command, isLost: boolean): Promise<Octets> {
    const { verb } = command;
    this.#note(verb, (isLost ? levelOfVerb(verb) : undefined) ?? 'clear');
    if (isLost) return [formatReply(530, 'Not without an association')];
    if (this.#session !== undefined) return [this.#protect(toUtf8('533 Not in the clear'))];
    if (verb === 'AUTH') return this.#auth(command);
    if (verb === 'ADAT' && this.#exchange !== undefined) return await this.#adat(command, this.#exchange);
    return [replyOf(usualAnswer(verb))];
  }

  #auth(command: Command): Octets {
    if (!this.#names(command)) return [formatReply(504, 'No such mechanism')];
    this.#exchange = this.#target.exchange(session => {
      this.#session = session;
    }, this.#connection.ends);
    const valid = formatReply(334, 'Security data, please');
    return this.#say(valid, () => this.#mutator.toAuth?.(valid));
  }

  #names(command: Command): boolean {
    try {
      return parseAuth(command) === this.#target.mechanism;
    } catch (error) {
      if (error instanceof FtpSecurityError) return false;
      throw error;
    }
  }

  async #adat(command: Command, exchange: Exchange): Promise<Octets> {
    const said = this.#isMutated ? undefined : this.#mutator.toAnyAdat?.();
    if (said !== undefined) return this.#mutate(said);
    let step: Step;
    let received: Uint8Array | undefined;
    try {
      received = parseAdatCommand(command).token;
      step = await exchange.step(received);
    } catch (error) {
      if (!(error instanceof FtpSecurityError)) throw error;
      this.#seen.refusal = error;
      return [formatReply(535, 'Failed security check')];
    }
    const { token, context } = step;
    const code = context === undefined ? 335 : 235;
    const valid = token ? formatAdatReply(code, token) : formatReply(code, 'Security data exchange complete');
    const turn = { number: this.#adats++, code, token, received, session: this.#session } as const;
    if (this.#isAnswered) return this.#hold(() => valid);
    return this.#say(valid, () => this.#mutator.toAdat?.(turn, valid));
  }

  #say(valid: Uint8Array, mutate: () => Said | undefined): Octets {
    const said = this.#isMutated ? undefined : mutate();
    return said === undefined ? [valid] : this.#mutate(said);
  }

  // Behind it

  async #protected(command: Command, level: ProtectionLevel): Promise<Octets> {
    this.#secured++;
    const answer = await this.#carryOut(command, level);
    const protect = (reply: Uint8Array) => this.#protect(reply, level);
    const valid = () => protect(replyOf(answer));
    if (this.#isAnswered) return this.#hold(valid);
    const { verb } = command;
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

  /** The final reply to a command, when its transfer is over. */
  async #carryOut(command: Command, level: ProtectionLevel): Promise<Answer> {
    const { verb } = command;
    const { data: sender } = commandFacts(verb);
    const isSent = sender === 'server';
    if (sender === undefined) return (await this.#data.prepare(command)) ?? usualAnswer(verb);
    if (!this.#data.isReady) return [425, 'PASV or EPSV first'];
    if (this.#comesNow && this.#mutator.dropsTransfer) {
      await this.#data.drop();
      return [226, 'Transfer complete'];
    }
    await this.#connection.send([this.#protect(replyOf([150, 'Opening the data connection']), level)]);
    if (!isSent) return await this.#data.receive(this.#itsSession);
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

  #protect(reply: Uint8Array, level: ProtectionLevel = 'safe'): Uint8Array {
    return protectReply(this.#session!.context, level === 'clear' ? 'safe' : level, reply);
  }

  #note(verb: string, level: ProtectionLevel): void {
    this.#seen.commands.push(`${level} ${verb}`);
    if (verb === 'QUIT') this.#quits = true;
  }
}
