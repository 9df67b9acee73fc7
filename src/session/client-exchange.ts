/** The client's side of the security data exchange (RFC 2228 §3, AUTH and ADAT): whose step it is, and when it is complete. */
import { FtpSecurityError } from '../errors.js';
import { limitOf } from '../ftp/argument-checks.js';
import { parseCommand } from '../ftp/command.js';
import type { SecurityContext, Step } from '../protection/mechanism.js';
import { DEFAULT_MAX_SECURITY_DATA, exchangeReply, formatAdat, parseAdatReply } from '../protection/security-data.js';
import { contextRefusal } from './command-rules.js';
import type { ClientEvent, ClientSessionOptions, ReplyEvent } from './events.js';
import type { SentCommand } from './outgoing-commands.js';
import type { SecurityState } from './state.js';

/** The exchanges of one client session. */
export class ClientExchange {
  readonly #state: SecurityState<SentCommand>;
  readonly #options: ClientSessionOptions;
  readonly #maxSecurityData: number;
  /** Octets of security data that the exchange has brought. */
  #received = 0;
  /** The reply that asks for the next step of the mechanism. */
  #due: ReplyEvent | undefined;
  /** The context of a mechanism that is complete before the server has said so. */
  #early: SecurityContext | undefined;
  /** The reply that completed the exchange, until it is read. */
  #completed: ReplyEvent | undefined;

  /** @throws TypeError if maxSecurityData is not a number, RangeError if it is not a positive integer */
  constructor(state: SecurityState<SentCommand>, options: ClientSessionOptions) {
    this.#state = state;
    this.#options = options;
    this.#maxSecurityData = limitOf(options.maxSecurityData, DEFAULT_MAX_SECURITY_DATA, 'maxSecurityData');
  }

  /** Whether the mechanism has to take a step. */
  get isDue(): boolean {
    return this.#due !== undefined;
  }

  /** The context of a mechanism that is complete before the server has said so; undefined at other times. */
  get early(): SecurityContext | undefined {
    return this.#early;
  }

  /** AUTH or ADAT was accepted. AUTH ends the association before it; 234 and 235 take effect when the context is there. */
  accepted(event: ReplyEvent, request: SentCommand): ClientEvent {
    const { reply } = event;
    const { token, tolerated } = parseAdatReply(reply, this.#options);
    event.tolerated = [...new Set([...event.tolerated, ...tolerated])];
    if (request.verb === 'AUTH') this.#begin(request);
    this.#received += token?.length ?? 0;
    if (this.#received > this.#maxSecurityData) {
      throw new FtpSecurityError('syntax/limit-exceeded', 'more security data than maxSecurityData');
    }
    const complete = isComplete(event);
    if (complete && this.#early !== undefined) {
      if (token !== undefined && token.length > 0) throw unexpected('security data after the end of the exchange');
      this.#establish(this.#early);
      return event;
    }
    this.#due = event;
    return { type: 'security-data', token, complete, reply, tolerated: event.tolerated };
  }

  /**
   * Takes the step of the mechanism.
   * @param moreReplies  whether the server has sent more than the reply that asked for it
   * @returns the ADAT line; undefined when the exchange is complete
   */
  proceed({ token, context, facts }: Step, moreReplies: boolean): Uint8Array | undefined {
    const due = this.#due!;
    this.#state.recordFacts(facts);
    if (context !== undefined) this.#checkPolicy(context);
    this.#early = context ?? this.#early; // whatever follows, `forget` can erase it
    if (isComplete(due)) {
      if (token !== undefined)
        throw unexpected('the server has ended the exchange, but the mechanism has another token');
      this.#establish(context);
      this.#completed = due;
      return undefined;
    }
    if (token === undefined) throw unexpected('the server expects security data, but the mechanism has no token');
    if (moreReplies) throw unexpected('a reply before the security data that it would answer');
    const line = formatAdat(token);
    this.#due = undefined;
    this.#state.pending.add({ verb: 'ADAT', level: 'clear', command: parseCommand(line) });
    return line;
  }

  /** Gives the exchange up. @returns whether the server considers it complete, so that the connection can't be used any more */
  abandon(): boolean {
    const wasComplete = isComplete(this.#due!);
    this.#due = undefined;
    this.#state.reset();
    this.forget();
    return wasComplete;
  }

  /** The reply that completed the exchange, once. */
  takeCompleted(): ReplyEvent | undefined {
    const completed = this.#completed;
    this.#completed = undefined;
    return completed;
  }

  /** Erases the keys of an exchange that is not complete. */
  forget(): void {
    this.#early?.destroy();
    this.#early = undefined;
  }

  #begin(request: SentCommand): void {
    this.#state.finish(request, 334);
    this.forget();
    this.#received = 0;
  }

  #establish(context: SecurityContext | undefined): void {
    if (context === undefined) {
      throw new FtpSecurityError('sequence/no-context', 'the server has ended the exchange before the mechanism did');
    }
    this.#due = undefined;
    this.#early = undefined;
    this.#state.establish(context, 'server');
  }

  #checkPolicy(context: SecurityContext): void {
    const refusal = contextRefusal(context, this.#state.facts, this.#options);
    if (refusal !== undefined) throw refusal;
  }
}

function isComplete({ reply: { code } }: ReplyEvent): boolean {
  return exchangeReply(code)!.completes;
}

function unexpected(why: string): FtpSecurityError {
  return new FtpSecurityError('sequence/unexpected-reply', why);
}
