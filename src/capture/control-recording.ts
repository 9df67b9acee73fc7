/** Turns a control connection into records of the transcript, and follows its users and data connections. */
import { commandFacts } from '../ftp/commands.js';
import type { Peer } from '../protection/mechanism.js';
import type { ProtectionLevel } from '../protection/protection-level.js';
import type { ObservedExchange, ObservedMessage, ObservedReply } from '../session/events.js';
import { Observer, type ObserverOptions } from '../session/observer.js';
import { announcedByCommand, announcedByReply, commandIn, type DataAddress } from './data-addresses.js';
import { missingData, unfinishedConnection } from './findings.js';
import { Login } from './login.js';
import type { Endpoints } from './records.js';
import { TokenNumbers, type TransferStart } from './token-numbers.js';
import type { ConnectionWriter, TranscriptWriter } from './transcript-writer.js';

/** How many transfers are kept: a data connection belongs to the one that waits for its reply, or to the last one. */
const MAX_TRANSFERS = 256;

/** A command that uses a data connection. */
export interface RecordedTransfer extends TransferStart {
  /** The number of its message. */
  message: number;
  command: string;
  /** Its argument, as the client sent it. */
  name: string | undefined;
  /** The side that sends the data. */
  from: Peer;
  /** Where in the file its octets begin; undefined if that is not known. */
  offset: number | undefined;
  /** The REST command before it, and the last command before it that asked for an address: the numbers of their messages. */
  restart: number | undefined;
  addressed: number | undefined;
  /** The level set with PROT when it began; undefined before. */
  level: ProtectionLevel | undefined;
  /** The number of the message with its last reply. */
  reply: number | undefined;
  /** Whether the server has refused it before it began, or could not open its data connection: then there is no block. */
  isRefused: boolean;
  /** Whether a verified reply says that it has failed. */
  isGivenUp: boolean;
  /** Whether the capture has something of its data connection. */
  isCaptured: boolean;
}

/** Receives an address of a data connection, the side that listens there, and the number of the message that asked for it. */
export type Announce = (by: Peer, address: DataAddress, message: number | undefined) => void;

export class ControlRecording {
  readonly number: number;
  readonly endpoints: Endpoints;
  readonly #observer: Observer;
  readonly #writer: ConnectionWriter;
  readonly #announce: Announce | undefined;
  readonly #login = new Login();
  /** By the number of their messages. */
  readonly #transfers = new Map<number, RecordedTransfer>();
  #lastTransfer: RecordedTransfer | undefined;
  #announced = false;
  #broken = false;
  #ended = false;
  #restart: Restart | undefined;
  /** The last command that asked for an address. */
  #addressed: number | undefined;
  /** Whether lines are missing behind the last command that is known to use a data connection. */
  #missesLines = false;
  /** The number of the last line of the server that was verified, and is in its place. */
  #verified: number | undefined;
  #weak = false;
  /** Undefined as long as no line can have a number. */
  #tokenNumbers: TokenNumbers | undefined;

  /**
   * @param announce  undefined if the recording has no data connections: a transcript
   */
  constructor(
    number: number,
    endpoints: Endpoints,
    options: ObserverOptions,
    writer: TranscriptWriter,
    announce?: Announce,
  ) {
    this.number = number;
    this.endpoints = endpoints;
    this.#observer = new Observer(options);
    this.#writer = writer.connection(number, endpoints);
    this.#announce = announce;
  }

  /**
   * The transfer of a data connection: the only one after the command that asked for its address; or else the transfer whose
   * command waits for its reply, or the last one. Undefined if its command has not come, or is not known.
   */
  transferAt(addressed: number | undefined): RecordedTransfer | undefined {
    if (addressed !== undefined) {
      const [only, ...more] = [...this.#transfers.values()].filter(it => it.addressed === addressed);
      if (more.length === 0) return only;
    }
    const transfer = this.#observer.transfer;
    if (transfer !== undefined) return this.#transfers.get(transfer.message);
    // Where lines are missing, the observer does not know which command waits.
    return this.#lastTransfer?.isCaptured ? undefined : this.#lastTransfer;
  }

  /** Whether the transfer of that command is protected, and has no data connection so far; or one may have begun that is not known. */
  waitsForData(addressed: number | undefined): boolean {
    if (addressed === undefined && this.#missesLines) return this.dataProtection.level !== 'clear';
    const transfer = this.transferAt(addressed);
    return transfer !== undefined && !transfer.isCaptured && this.dataProtection.level !== 'clear';
  }

  /** The user who is logged in, as named in USER. */
  get user(): string | undefined {
    return this.#login.user;
  }

  /** Whether the final reply to a transfer may still come: not after a gap, which may have had it. */
  awaitsReply({ message, answered }: RecordedTransfer): boolean {
    return !answered && !this.#ended && this.#observer.transfer?.message === message;
  }

  /** Whether the security association is too weak to rely on. */
  get weak(): boolean {
    return this.#weak;
  }

  /** The token numbers of the security association. */
  get numbers(): TokenNumbers {
    this.#tokenNumbers ??= new TokenNumbers();
    return this.#tokenNumbers;
  }

  get dataProtection(): Observer['dataProtection'] {
    return this.#observer.dataProtection;
  }

  /** Receives the records of this connection. */
  get writer(): ConnectionWriter {
    return this.#writer;
  }

  /**
   * Gives the observer its next step. After an internal error the observer's state is not reliable, so the connection
   * is given up; other connections continue.
   */
  observe(step: (observer: Observer) => void): void {
    if (this.#broken) return;
    try {
      step(this.#observer);
    } catch (error) {
      this.#broken = true;
      this.#writer.fault(error);
    }
    for (let next = this.#observer.next(); next !== undefined; next = this.#observer.next()) {
      switch (next.type) {
        case 'exchange':
          this.#exchange(next);
          break;
        case 'message':
          this.#message(next);
          break;
        case 'reply':
          this.#reply(next);
      }
    }
    this.#writer.flush();
  }

  /**
   * Octets of one side are missing.
   * @param isWithinLine  false if only whole lines are missing
   * @param goesOn  whether those before them are missing too, and have been reported
   */
  gap(from: Peer, { isWithinLine = true, goesOn = false }: { isWithinLine?: boolean; goesOn?: boolean } = {}): void {
    if (isWithinLine && !goesOn) this.#writer.gap();
    this.numbers.interrupt(from);
    this.#missesLines = true;
    this.observe(observer => observer.gap(from, isWithinLine));
  }

  /** @param isOpen  whether only the capture ends, and not the connection */
  end(time: bigint | undefined, isOpen = false): void {
    if (isOpen && this.#observer.unfinished) this.#writer.gap();
    this.observe(observer => observer.close(time, isOpen));
    this.#ended = true;
    this.#tokenNumbers?.end();
    for (const transfer of this.#transfers.values()) this.#endTransfer(transfer);
    if (isOpen && this.#announced) this.#writer.finding(unfinishedConnection(this.number));
    const { problem } = this.#observer;
    this.#writer.end(this.#announced && problem === undefined ? undefined : { problem });
  }

  #exchange(exchange: ObservedExchange): void {
    this.#announced = true;
    this.#weak = exchange.facts.weak === true;
    this.#tokenNumbers?.end();
    this.#tokenNumbers = new TokenNumbers();
    this.#writer.exchange(exchange);
  }

  #message(message: ObservedMessage): void {
    if (message.level !== 'clear') this.numbers.line(message);
    const numbers = this.#tokenNumbers;
    if (message.from === 'client') this.#command(message);
    else if (message.verdict === 'verified' && message.error === undefined) this.#verified = message.index;
    const isOpen = () => !this.#ended && (message.index >= this.#observer.open || numbers?.isOpen(message) === true);
    this.#writer.message(message, isOpen);
  }

  #command({ text = '', index }: ObservedMessage): void {
    const command = commandIn(text);
    if (command === undefined) return;
    const { verb, argument } = command;
    const from = commandFacts(verb).data;
    if (verb === 'REST') this.#restart = restartOf(argument, index);
    if (ADDRESS_COMMANDS.has(verb)) this.#addressed = index;
    if (from !== undefined) this.#addTransfer({ message: index, command: verb, name: argument, from });
    for (const address of announcedByCommand(command)) this.#announce?.('client', address, index);
  }

  #addTransfer(facts: Pick<RecordedTransfer, 'message' | 'command' | 'name' | 'from'>): void {
    const start = { after: undefined, isExact: false, begun: false, answered: false, blocks: undefined };
    const data = { level: undefined, reply: undefined, isRefused: false, isGivenUp: false, isCaptured: false };
    const { offset, message: restart } = this.#restart ?? { offset: 0, message: undefined };
    const addressed = this.#addressed;
    const isUnknown = OFFSET_UNKNOWN.has(facts.command);
    const known = { offset: isUnknown ? undefined : offset, restart, addressed };
    this.#lastTransfer = { ...facts, ...start, ...data, ...known };
    this.#transfers.set(facts.message, this.#lastTransfer);
    this.#restart = undefined;
    this.#missesLines = false;
    if (this.#transfers.size <= MAX_TRANSFERS) return;
    for (const [message, oldest] of this.#transfers) {
      this.#transfers.delete(message);
      this.#endTransfer(oldest);
      break;
    }
  }

  #reply(observed: ObservedReply): void {
    const { reply, command } = observed;
    const transfer = command && this.#transfers.get(command.message);
    if (transfer !== undefined) this.#transferReply(transfer, observed);
    if (command?.verb === 'REST' && reply.code >= 400) this.#refuseRestart(command.message);
    this.#login.reply(observed);
    for (const address of announcedByReply(reply)) this.#announce?.('server', address, command?.message);
    this.#writer.reply(observed, this.#login.user);
  }

  #transferReply(transfer: RecordedTransfer, { reply: { code }, messages, protection }: ObservedReply): void {
    if (code < 300) transfer.level ??= protection;
    transfer.reply = messages.at(-1);
    transfer.isRefused = code === CANNOT_OPEN || (code >= 400 && !transfer.begun);
    transfer.isGivenUp = code >= 400 && transfer.reply === this.#verified;
    // A client that does not wait for the reply may have made blocks for a transfer that is refused.
    const isAhead = code >= 400 && transfer.from === 'client' && transfer.blocks !== undefined;
    if (code < 200 || isAhead) this.numbers.begin(transfer.from, transfer);
    if (code >= 200) {
      transfer.begun = true;
      transfer.answered = true;
    }
  }

  /** No data connection of it comes any more. */
  #endTransfer({ message, command, name, level, reply, isRefused, isCaptured }: RecordedTransfer): void {
    if (this.#announce === undefined || isCaptured || isRefused || level === undefined || level === 'clear') return;
    const lines = [message, ...(reply === undefined ? [] : [reply])];
    this.#writer.finding(missingData(this.number, lines, { command, name, level }));
  }

  /** A command may follow REST before the reply comes. */
  #refuseRestart(message: number): void {
    if (this.#restart?.message === message) this.#restart = undefined;
    for (const transfer of this.#transfers.values()) if (transfer.restart === message) transfer.offset = 0;
  }
}

/** RFC 959 §4.1.2, RFC 2428, RFC 1639, GFD.20 §4. */
const ADDRESS_COMMANDS: ReadonlySet<string> = new Set('PORT EPRT LPRT SPOR PASV EPSV LPSV SPAS'.split(' '));

/** "Can't open data connection" (RFC 959 §4.2.2). */
const CANNOT_OPEN = 425;

/** APPE writes at the end of a file; ERET and ESTO name a part of it in their argument (GFD.20). */
const OFFSET_UNKNOWN: ReadonlySet<string> = new Set(['APPE', 'ERET', 'ESTO']);

/** A REST command. */
interface Restart {
  message: number;
  /** In octets (RFC 3659 §5.3); undefined for a marker of another form. */
  offset: number | undefined;
}

function restartOf(argument: string | undefined, message: number): Restart {
  return { message, offset: /^\d{1,15}$/.test(argument ?? '') ? Number(argument) : undefined };
}
