/** A client under test: we are the server, sound but for one reply, and note what the client does. */
import { toUtf8 } from '../../bytes.js';
import { FtpSecurityError } from '../../errors.js';
import { type Command, CommandReader } from '../../ftp/command.js';
import { formatReply } from '../../ftp/reply.js';
import { protectReply, unprotectCommand } from '../../secure/protect.js';
import { decodeProtectedCommand } from '../../secure/protected-command.js';
import { levelOfVerb, type ProtectionLevel } from '../../secure/protection-level.js';
import type { Exchange } from '../../secure/security-context.js';
import { formatAdatReply, parseAdat, parseAuth } from '../../secure/security-data.js';
import { type MessageCase, mutationOf, type Performance, perform } from '../cases.js';
import { type ExchangeCase, performExchange } from '../exchange/cases.js';
import type { ExchangeTurn } from '../exchange/mutation.js';
import type { FuzzSession } from '../mutation.js';
import { type ClientScript, scriptOctets } from '../phases.js';
import { BUFFER_SIZE, soundTransfer, type TransferCase } from '../transfers.js';
import type { Conduct } from './conduct.js';
import { type Sending, ServerData } from './data-to-client.js';
import type { DrivenCase } from './outcome.js';
import { type Answer, fittedReply, MARKER, replyOf, soundAnswer } from './sound-server.js';
import type { DataConnections, FuzzSide, Quiet, Wire } from './wire.js';

export interface ClientTarget extends FuzzSide {
  /** Which command behind the exchange gets a bent reply, counted from 1. */
  at: number;
  /** Without them nothing is transferred. */
  data?: DataConnections;
}

/** So many commands behind a bent exchange tell what a client makes of it. */
const MOST_BEHIND = 16;

/**
 * Without a case: that command gets a sound reply with the marker in it, or one that refuses; `send` and `fail` have the first
 * transfer from there on go well, with its own marker, or fail at its end.
 */
export type Plain = 'accept' | 'refuse' | 'send' | 'fail';

/** Files go to the client, or come. */
const SENDS: ReadonlySet<string> = new Set(['LIST', 'NLST', 'RETR']);
const RECEIVES: ReadonlySet<string> = new Set(['STOR', 'STOU', 'APPE']);

/** Plays a case to a client that has just connected, or a sound server. */
export async function playToClient(one: DrivenCase | Plain, target: ClientTarget, wire: Wire): Promise<Conduct> {
  const server = new Server(one, target, wire);
  await wire.send([formatReply(220, 'Ready')]);
  const end = await converse(server, wire);
  wire.end();
  return { ...server.conduct, end };
}

/** Goes on until the client has done something behind the bent reply, or ends. */
async function converse(server: Server, wire: Wire): Promise<Quiet> {
  const reader = new CommandReader();
  let isFresh = true;
  for (;;) {
    let command: Command | undefined;
    try {
      command = reader.next();
    } catch (error) {
      if (!(error instanceof FtpSecurityError)) throw error;
      await wire.send([formatReply(500, 'No command')]);
      continue;
    }
    if (command !== undefined) {
      await wire.send(await server.answer(command, !isFresh));
      isFresh = false;
      if (server.isOver) return 'end';
      if (server.isOpen) wire.end();
      continue;
    }
    const heard = await wire.hear();
    isFresh = true;
    if (heard === 'end') return heard;
    if (heard !== 'silence') reader.push(server.linesOf(heard));
    else if (server.canGoOn) await wire.send(server.goOn());
    else return heard;
  }
}

function isExchange(one: DrivenCase | Plain): one is ExchangeCase {
  return typeof one !== 'string' && one.layer === 'exchange';
}

/** Our side. */
class Server {
  readonly #one: DrivenCase | Plain;
  readonly #target: ClientTarget;
  readonly #wire: Wire;
  readonly #data: ServerData;
  #session: FuzzSession | undefined;
  #exchange: Exchange | undefined;
  #received: Uint8Array | undefined;
  #commands: string[] = [];
  #secured = 0;
  #adats = 0;
  #performance: Performance | undefined;
  #before: Uint8Array[] = [];
  #bent: number | undefined;
  #waited = false;
  #ahead = false;
  #played: DrivenCase | undefined;
  #sent: readonly Uint8Array[] | undefined;
  #error: FtpSecurityError | undefined;
  #refusal: FtpSecurityError | undefined;
  /** Makes what would have been owed. */
  #sound: (() => Uint8Array) | undefined;
  #quits = false;

  constructor(one: DrivenCase | Plain, target: ClientTarget, wire: Wire) {
    this.#one = one;
    this.#target = target;
    this.#wire = wire;
    this.#data = new ServerData(target.data, isTransferCase(one) ? one.bufferSize : BUFFER_SIZE);
  }

  get conduct(): Omit<Conduct, 'end'> {
    return {
      commands: this.#commands,
      ...(this.#bent !== undefined && { bent: this.#bent }),
      ...(this.#performance && { markers: this.#performance.before.length }),
      ...(this.#ahead && { ahead: true }),
      ...(this.#waited && { waited: true }),
      ...(this.#played && { played: this.#played }),
      ...(this.#sent && { sent: this.#sent }),
      ...(this.#error && { error: this.#error }),
      ...(this.#data.used && { transfers: this.#data.used }),
      ...(this.#data.error && { dataError: this.#data.error }),
      ...(this.#refusal && { refusal: this.#refusal }),
    };
  }

  /**
   * The client has done something behind the bent reply, or said goodbye. Behind a bent exchange it is let to its end, lest
   * it die of ours.
   */
  get isOver(): boolean {
    // Behind a sound file others may follow, which the client sends.
    if (isTransferCase(this.#one) && this.#one.name === soundTransfer(this.#one).name) return this.#quits;
    const more = isExchange(this.#one) ? MOST_BEHIND : 1;
    return this.#quits || (this.#bent !== undefined && this.#commands.length > this.#bent + more);
  }

  /** What was sent has no end. */
  get isOpen(): boolean {
    return this.#bent !== undefined && this.#performance?.open === true;
  }

  /** A client that waits behind a bent reply may wait for a sound one. */
  get canGoOn(): boolean {
    return this.#bent !== undefined && !this.#waited && !this.isOpen && this.#sound !== undefined;
  }

  linesOf(heard: Uint8Array): Uint8Array {
    return this.#data.withoutBlocks(heard);
  }

  goOn(): Uint8Array[] {
    this.#waited = true;
    return [this.#sound!()];
  }

  /**
   * Octets of the reply to a command, chunk by chunk.
   * @param ahead  the command came together with the one before
   */
  async answer(outer: Command, ahead: boolean): Promise<readonly Uint8Array[]> {
    if (ahead && this.#bent !== undefined) this.#ahead = true;
    const claimed = levelOfVerb(outer.verb);
    if (claimed === undefined || this.#session === undefined) return await this.#inTheClear(outer);
    try {
      this.#received = decodeProtectedCommand(outer).token;
      const { inner, level } = unprotectCommand(this.#session.context, outer);
      this.#note(inner.verb, level);
      return await this.#protected(inner, level);
    } catch (error) {
      if (!(error instanceof FtpSecurityError)) throw error;
      // Behind a bent exchange its keys may be others: that it goes on protected is all that can be seen.
      if (this.#bent !== undefined && isExchange(this.#one)) this.#note(outer.verb, claimed);
      else this.#error = error;
      this.#quits = true;
      return [];
    }
  }

  async #inTheClear(command: Command): Promise<readonly Uint8Array[]> {
    const { verb } = command;
    this.#note(verb, 'clear');
    if (this.#bent !== undefined && isExchange(this.#one)) return [formatReply(530, 'Not without an association')];
    if (this.#session !== undefined) return [this.#protect(toUtf8('533 Not in the clear'))];
    if (verb === 'AUTH' && this.#names(command)) {
      this.#exchange = this.#target.exchange(session => {
        this.#session = session;
      }, this.#wire.ends);
      return this.#scripted('greeted', formatReply(334, 'Security data, please'));
    }
    if (verb === 'ADAT' && this.#exchange !== undefined) return await this.#adat(command, this.#exchange);
    return [verb === 'AUTH' ? formatReply(504, 'No such mechanism') : replyOf(soundAnswer(verb))];
  }

  async #adat(command: Command, exchange: Exchange): Promise<readonly Uint8Array[]> {
    if (this.#isDue('exchange')) return this.#bend([scriptOctets((this.#one as ClientScript).line, 'client')!]);
    let step: Awaited<ReturnType<Exchange['step']>>;
    let received: Uint8Array | undefined;
    try {
      received = parseAdat(command).token;
      step = await exchange.step(received);
    } catch (error) {
      if (!(error instanceof FtpSecurityError)) throw error;
      this.#refusal = error;
      return [formatReply(535, 'Failed security check')];
    }
    const code = step.context === undefined ? 335 : 235;
    const bent = this.#bentAdat({ code, token: step.token, received });
    if (bent !== undefined) return this.#bend([bent]);
    return [step.token ? formatAdatReply(code, step.token) : formatReply(code, 'Security data exchange complete')];
  }

  #bentAdat(said: Pick<ExchangeTurn, 'code' | 'token' | 'received'>): Uint8Array | undefined {
    if (!isExchange(this.#one) || this.#bent !== undefined) return undefined;
    return performExchange(this.#one, { ...said, to: 'client', number: this.#adats++, keys: this.#target.keys });
  }

  #names(command: Command): boolean {
    try {
      return parseAuth(command) === this.#target.mechanism;
    } catch (error) {
      if (error instanceof FtpSecurityError) return false;
      throw error;
    }
  }

  async #protected(command: Command, level: ProtectionLevel): Promise<readonly Uint8Array[]> {
    this.#secured++;
    const answer = await this.#carryOut(command, level);
    const sound = () => this.#protect(replyOf(answer), level);
    if (!this.#comesNow || isTransferCase(this.#one)) return [sound()];
    if (typeof this.#one === 'string') return this.#plain(command.verb, answer, level);
    if (this.#isDue('secured')) {
      const { line } = this.#one as ClientScript;
      const octets = scriptOctets({ ...line, text: `${line.text} ${MARKER}` }, 'client', this.#session!.context);
      return this.#bend(octets && [octets], sound);
    }
    if (this.#one.layer === 'phases' || this.#one.layer === 'exchange') return [sound()];
    this.#performance ??= this.#perform(answer);
    if (this.#performance === undefined) return [sound()];
    const before = this.#before.shift();
    return before ? [before] : this.#bend(this.#performance.chunks, sound);
  }

  /** Whether what is bent comes with the present command, if it can. */
  get #comesNow(): boolean {
    return this.#secured >= this.#target.at && this.#bent === undefined;
  }

  /** The final reply to a command, when its transfer is over. */
  async #carryOut(command: Command, level: ProtectionLevel): Promise<Answer> {
    const { verb } = command;
    const isSent = SENDS.has(verb);
    if (!isSent && !RECEIVES.has(verb)) return (await this.#data.prepare(command)) ?? soundAnswer(verb);
    if (!this.#data.isReady) return [425, 'PASV or EPSV first'];
    // Some other reply comes instead.
    if (this.#comesNow && (this.#one === 'refuse' || this.#isDue('secured'))) {
      await this.#data.drop();
      return [226, 'Transfer complete'];
    }
    await this.#wire.send([this.#protect(replyOf([150, 'Opening the data connection']), level)]);
    const session = { ...this.#session!, received: this.#received };
    if (!isSent) return await this.#data.receive(session);
    const sending = this.#comesNow ? sendingOf(this.#one) : 'plain';
    const answer = await this.#data.send(sending, session);
    if (this.#data.sent !== undefined) {
      this.#played = this.#data.played;
      this.#bend(this.#data.sent);
    }
    return answer;
  }

  #plain(verb: string, answer: Answer, level: ProtectionLevel): readonly Uint8Array[] {
    if (this.#one === 'refuse')
      return this.#bend([this.#protect(formatReply(verb === 'USER' ? 530 : 550, 'No'), level)]);
    if (this.#one !== 'accept' || this.#secured > this.#target.at) return [this.#protect(replyOf(answer), level)];
    return [this.#protect(toUtf8(fittedReply(answer, '200 Ok\r\n')), level)];
  }

  #perform(answer: Answer): Performance | undefined {
    const one = this.#one as MessageCase;
    // With one line, what a client prints is what was bent.
    const shape = mutationOf(one)?.needs?.includes('lines') ? one.text : '200 Ok\r\n';
    const played = { ...one, text: fittedReply(answer, shape) };
    const performance = perform(played, { ...this.#session!, received: this.#received });
    this.#played = played;
    this.#before = [...(performance?.before ?? [])];
    return performance;
  }

  #isDue(start: ClientScript['start']): boolean {
    if (typeof this.#one === 'string' || this.#one.layer !== 'phases') return false;
    return (this.#one as ClientScript).start === start && this.#bent === undefined;
  }

  #scripted(start: ClientScript['start'], sound: Uint8Array): readonly Uint8Array[] {
    return this.#isDue(start) ? this.#bend([scriptOctets((this.#one as ClientScript).line, 'client')!]) : [sound];
  }

  /** @param sound  what is owed, in the clear where it is not protected yet */
  #bend(chunks: readonly Uint8Array[] | undefined, sound?: () => Uint8Array): readonly Uint8Array[] {
    if (chunks === undefined) return sound ? [sound()] : [];
    this.#bent = this.#commands.length - 1;
    this.#sent = chunks;
    this.#sound = sound;
    return chunks;
  }

  #protect(reply: Uint8Array, level: ProtectionLevel = 'safe'): Uint8Array {
    return protectReply(this.#session!.context, level === 'clear' ? 'safe' : level, reply);
  }

  #note(verb: string, level: ProtectionLevel): void {
    this.#commands.push(`${level} ${verb}`);
    if (verb === 'QUIT') this.#quits = true;
  }
}

function isTransferCase(one: DrivenCase | Plain): one is TransferCase {
  return typeof one !== 'string' && one.layer === 'data';
}

/** What the first transfer from the place on that is to be bent sends. */
function sendingOf(one: DrivenCase | Plain): Sending {
  if (one === 'send') return 'marked';
  if (one === 'fail') return 'failing';
  return isTransferCase(one) ? one : 'plain';
}
