/** Turns a control connection into records of the transcript, and follows its users and data connections. */
import { commandFacts } from '../ftp/commands.js';
import type { Peer } from '../protection/mechanism.js';
import type { ObservedExchange, ObservedMessage, ObservedReply } from '../session/events.js';
import { Observer, type ObserverOptions } from '../session/observer.js';
import { announcedByCommand, announcedByReply, commandIn, type DataAddress } from './data-addresses.js';
import { Gaps } from './gaps.js';
import type { Endpoints } from './records.js';
import type { TranscriptWriter } from './transcript-writer.js';

/** The last command that uses a data connection. */
export interface RecordedTransfer {
  command: string;
  /** Its argument, as the client sent it. */
  name: string | undefined;
  /** The side that sends the data. */
  from: Peer;
  /** Whether the server has announced the transfer (1yz). */
  begun: boolean;
}

export class ControlRecording {
  readonly number: number;
  readonly endpoints: Endpoints;
  readonly #observer: Observer;
  readonly #writer: TranscriptWriter;
  readonly #announce: (by: Peer, address: DataAddress) => void;
  #announced = false;
  #broken = false;
  #transfer: RecordedTransfer | undefined;
  #requestedUser: string | undefined;
  #user: string | undefined;
  #weak = false;
  #gaps = new Gaps();

  /** @param announce  receives the addresses of data connections, and the side that listens there */
  constructor(
    number: number,
    endpoints: Endpoints,
    options: ObserverOptions,
    writer: TranscriptWriter,
    announce: (by: Peer, address: DataAddress) => void = () => undefined,
  ) {
    this.number = number;
    this.endpoints = endpoints;
    this.#observer = new Observer(options);
    this.#writer = writer;
    this.#announce = announce;
    writer.connections++;
  }

  get transfer(): RecordedTransfer | undefined {
    return this.#transfer;
  }

  /** The user who is logged in, as named in USER. */
  get user(): string | undefined {
    return this.#user;
  }

  /** Whether the security association is too weak to rely on. */
  get weak(): boolean {
    return this.#weak;
  }

  /** The gaps in the token numbers of the security association. */
  get gaps(): Gaps {
    return this.#gaps;
  }

  get dataProtection(): Observer['dataProtection'] {
    return this.#observer.dataProtection;
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
      this.#writer.faults.push({ connection: this.number, error });
    }
    for (let next = this.#observer.next(); next !== undefined; next = this.#observer.next()) {
      if (next.type === 'exchange') this.#exchange(next);
      if (next.type === 'message') this.#gaps.line(next);
      if (next.type === 'message' && next.from === 'client') this.#command(next);
      if (next.type === 'reply') this.#reply(next);
      this.#writer.add(this.number, this.endpoints, next);
    }
  }

  gap(from: Peer): void {
    this.#writer.lost++;
    this.observe(observer => observer.gap(from));
  }

  end(time: bigint | undefined): void {
    this.observe(observer => observer.close(time));
    const { problem } = this.#observer;
    if (!this.#announced || problem !== undefined) this.#writer.addConnection(this.number, this.endpoints, problem);
  }

  #exchange({ facts }: ObservedExchange): void {
    this.#announced = true;
    this.#weak = facts.weak === true;
    this.#gaps = new Gaps();
  }

  #command({ text = '' }: ObservedMessage): void {
    const command = commandIn(text);
    if (command === undefined) return;
    const { verb, argument } = command;
    const from = commandFacts(verb).data;
    if (from !== undefined) this.#transfer = { command: verb, name: argument, from, begun: false };
    if (verb === 'USER') this.#requestedUser = argument;
    const address = announcedByCommand(command);
    if (address !== undefined) this.#announce('client', address);
  }

  #reply({ reply }: ObservedReply): void {
    if (reply.code < 200 && this.#transfer !== undefined) this.#transfer.begun = true;
    if (LOGGED_IN.has(reply.code)) this.#user = this.#requestedUser;
    const address = announcedByReply(reply);
    if (address !== undefined) this.#announce('server', address);
  }
}

/** RFC 959 §5.4; RFC 2228 §5.1 for a login that the security data authorised. */
const LOGGED_IN: ReadonlySet<number> = new Set([230, 232]);
