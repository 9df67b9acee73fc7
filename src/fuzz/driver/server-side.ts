/** Our side of a connection to a client under test: a sound server, but for one reply, which notes what the client does. */
import { toUtf8 } from '../../bytes.js';
import { FtpSecurityError } from '../../errors.js';
import type { Command } from '../../ftp/command.js';
import { formatReply } from '../../ftp/reply.js';
import { protectReply, unprotectCommand } from '../../secure/protect.js';
import { decodeProtectedCommand } from '../../secure/protected-command.js';
import { levelOfVerb, type ProtectionLevel } from '../../secure/protection-level.js';
import type { Exchange, Step } from '../../secure/security-context.js';
import { formatAdatReply, parseAdat, parseAuth } from '../../secure/security-data.js';
import type { FuzzSession } from '../mutation.js';
import { BUFFER_SIZE } from '../transfers.js';
import { type Bender, type Due, type Said, TO_ITS_END } from './bender.js';
import type { Conduct } from './conduct.js';
import { ServerData } from './data-to-client.js';
import { type Answer, replyOf, soundAnswer } from './sound-server.js';
import type { DataConnections, FuzzSide, Wire } from './wire.js';

export interface ClientTarget extends FuzzSide {
  /** Which command behind the exchange gets a bent reply, counted from 1. */
  at: number;
  /** Its exit status tells something: whatever was bent, it is let to its end. */
  toEnd?: boolean;
  /** Without them nothing is transferred. */
  data?: DataConnections;
}

/** Files go to the client, or come. */
const SENDS: ReadonlySet<string> = new Set(['LIST', 'NLST', 'RETR']);
const RECEIVES: ReadonlySet<string> = new Set(['STOR', 'STOU', 'APPE']);

type Octets = readonly Uint8Array[];
type Notes = Omit<Conduct, 'end' | 'commands'> & { commands: string[] };

export class ServerSide {
  readonly #bender: Bender;
  readonly #target: ClientTarget;
  readonly #wire: Wire;
  readonly #data: ServerData;
  readonly #seen: Notes = { commands: [] };
  #session: FuzzSession | undefined;
  #exchange: Exchange | undefined;
  /** The client's last token. */
  #received: Uint8Array | undefined;
  #secured = 0;
  #adats = 0;
  /** Makes what would have been owed in the place of the bent reply. */
  #sound: (() => Uint8Array) | undefined;
  #quits = false;

  constructor(bender: Bender, target: ClientTarget, wire: Wire) {
    this.#bender = bender;
    this.#target = target;
    this.#wire = wire;
    this.#data = new ServerData(target.data, bender.bufferSize ?? BUFFER_SIZE);
  }

  get conduct(): Omit<Conduct, 'end'> {
    const { markers, played } = this.#bender;
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

  /** The client has done what tells something behind the bent reply, or said goodbye. */
  get isOver(): boolean {
    const { bent, commands } = this.#seen;
    const behind = this.#bender.behind ?? (this.#target.toEnd ? TO_ITS_END : 1);
    return this.#quits || (bent !== undefined && commands.length > bent + behind);
  }

  /** What was sent has no end. */
  get isOpen(): boolean {
    return this.#isBent && this.#bender.isOpen === true;
  }

  /** A client that waits behind a bent reply may wait for a sound one. */
  get canGoOn(): boolean {
    return this.#isBent && !this.#seen.waited && !this.isOpen && this.#sound !== undefined;
  }

  linesOf(heard: Uint8Array): Uint8Array {
    return this.#data.withoutBlocks(heard);
  }

  goOn(): Uint8Array[] {
    this.#seen.waited = true;
    return [this.#sound!()];
  }

  /**
   * Octets of the reply to a command, chunk by chunk.
   * @param ahead  the command came together with the one before
   */
  async answer(outer: Command, ahead: boolean): Promise<Octets> {
    const isLost = this.#isLost;
    if (ahead) this.#seen.pipelines = true;
    if (ahead && this.#isBent) this.#seen.ahead = true;
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

  get #isBent(): boolean {
    return this.#seen.bent !== undefined;
  }

  /** Asked before the present command is noted. */
  get #isLost(): boolean {
    const { bent, commands } = this.#seen;
    return bent !== undefined && commands.length > bent && this.#bender.isLost === true;
  }

  /** Whether the present command is the one whose reply went before it. */
  get #isAnswered(): boolean {
    const { early, bent, commands } = this.#seen;
    return early === true && bent === commands.length - 1;
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
    return [replyOf(soundAnswer(verb))];
  }

  #auth(command: Command): Octets {
    if (!this.#names(command)) return [formatReply(504, 'No such mechanism')];
    this.#exchange = this.#target.exchange(session => {
      this.#session = session;
    }, this.#wire.ends);
    const sound = formatReply(334, 'Security data, please');
    return this.#say(sound, () => this.#bender.toAuth?.(sound));
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
    const said = this.#isBent ? undefined : this.#bender.toAnyAdat?.();
    if (said !== undefined) return this.#bend(said);
    let step: Step;
    let received: Uint8Array | undefined;
    try {
      received = parseAdat(command).token;
      step = await exchange.step(received);
    } catch (error) {
      if (!(error instanceof FtpSecurityError)) throw error;
      this.#seen.refusal = error;
      return [formatReply(535, 'Failed security check')];
    }
    const { token, context } = step;
    const code = context === undefined ? 335 : 235;
    const sound = token ? formatAdatReply(code, token) : formatReply(code, 'Security data exchange complete');
    const turn = { number: this.#adats++, code, token, received, session: this.#session } as const;
    if (this.#isAnswered) return this.#hold(() => sound);
    return this.#say(sound, () => this.#bender.toAdat?.(turn, sound));
  }

  #say(sound: Uint8Array, bend: () => Said | undefined): Octets {
    const said = this.#isBent ? undefined : bend();
    return said === undefined ? [sound] : this.#bend(said);
  }

  // Behind it

  async #protected(command: Command, level: ProtectionLevel): Promise<Octets> {
    this.#secured++;
    const answer = await this.#carryOut(command, level);
    const protect = (reply: Uint8Array) => this.#protect(reply, level);
    const sound = () => protect(replyOf(answer));
    if (this.#isAnswered) return this.#hold(sound);
    const { verb } = command;
    const due: Due = { verb, level, answer, protect, number: this.#secured, session: this.#itsSession };
    const said = this.#comesNow ? this.#bender.toCommand?.(due) : this.#bender.toOther?.(due);
    return said === undefined ? [sound()] : this.#bend(said, sound);
  }

  /** Whether what is bent comes with the present command, if it can. */
  get #comesNow(): boolean {
    return this.#secured >= this.#target.at && !this.#isBent;
  }

  get #itsSession(): FuzzSession {
    return { ...this.#session!, received: this.#received };
  }

  /** The final reply to a command, when its transfer is over. */
  async #carryOut(command: Command, level: ProtectionLevel): Promise<Answer> {
    const { verb } = command;
    const isSent = SENDS.has(verb);
    if (!isSent && !RECEIVES.has(verb)) return (await this.#data.prepare(command)) ?? soundAnswer(verb);
    if (!this.#data.isReady) return [425, 'PASV or EPSV first'];
    if (this.#comesNow && this.#bender.dropsTransfer) {
      await this.#data.drop();
      return [226, 'Transfer complete'];
    }
    await this.#wire.send([this.#protect(replyOf([150, 'Opening the data connection']), level)]);
    if (!isSent) return await this.#data.receive(this.#itsSession);
    const sending = this.#comesNow ? this.#bender.sends : undefined;
    const answer = await this.#data.send(sending ?? 'plain', this.#itsSession);
    if (this.#data.sent !== undefined) this.#bend({ chunks: this.#data.sent });
    return answer;
  }

  /** @param sound  what is owed, where it is protected */
  #bend({ chunks, isSound, isEarly }: Said, sound?: () => Uint8Array): Octets {
    if (isSound) return chunks;
    this.#seen.bent = this.#seen.commands.length - (isEarly ? 0 : 1);
    if (isEarly) this.#seen.early = true;
    this.#seen.sent = chunks;
    this.#sound = sound;
    return chunks;
  }

  /** Says nothing yet: a client that goes on all the same has taken what came before. */
  #hold(sound: () => Uint8Array): Octets {
    this.#sound = sound;
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
