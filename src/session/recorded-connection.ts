/**
 * What is known of a recorded control connection between its lines: the security state, the exchange that goes on, and what
 * the recording lacks.
 */
import { fromUtf8, startsWith, toUtf8 } from '../bytes.js';
import { FtpSecurityError, refusalFrom } from '../errors.js';
import { commandFacts } from '../ftp/commands.js';
import type { Mechanism, Peer, SecurityContext, Unwrapped } from '../protection/mechanism.js';
import type { TokenLevel } from '../protection/protection-level.js';
import { exchangeReply } from '../protection/security-data.js';
import type { ObservedExchange, ObservedMessage } from './events.js';
import { fail, ifReadable } from './observations.js';
import { exchangeMissing, RecordedExchange } from './recorded-exchange.js';
import { RecordedTls } from './recorded-tls.js';
import {
  type CommandRequest,
  clearReply,
  hasIntegrity,
  integrityRequired,
  isNewExchange,
  noAssociation,
  replyMayBeClear,
  replyMustBeClear,
} from './rules.js';
import { type Association, PEERS, SecurityState } from './state.js';

/** After these the control connection is TLS (RFC 4217 §4). */
const TLS_NAMES: ReadonlySet<string> = new Set(['TLS', 'TLS-C', 'TLS-P', 'SSL']);

/** Clients wait for replies, or send some commands ahead. Beyond this many, the oldest is dropped: the queue must not grow. */
const MAX_PENDING = 256;

/** How many messages are remembered whose tokens do not open after a gap. The one before them is taken to be of another association. */
const MAX_DOUBTED = 64;

/** What a reply means for the connection. */
export interface Answer {
  /** The command that it answers. */
  command: CommandRequest | undefined;
  /** Whether it continues a security data exchange. */
  isExchange: boolean;
}

/** The state of a recorded connection. Its methods throw or return the rule that a line breaks. */
export class RecordedConnection {
  /** The same as in a session, for both directions. */
  readonly state = new SecurityState();
  readonly #mechanisms: readonly Mechanism[];
  #exchange: RecordedExchange | undefined;
  #tls: RecordedTls | undefined;
  /** Lines since the last change of phase are missing in the recording. */
  #incomplete: boolean;
  #exchangeMissing = false;
  /** The sides whose keys no token has shown to be right, because a part of their exchange is missing. */
  readonly #doubtful = new Set<Peer>();
  /** Whether lines are missing, or can't be opened, that may have begun another association, and no token has shown since that none did. */
  #mayBeOther = false;
  /** The messages whose tokens have not opened since, with their errors if there is no other association. */
  #doubted: [message: ObservedMessage, error: FtpSecurityError][] = [];
  /** The sides whose tokens are counted, and have been lost: the number of the next one is not known. */
  readonly #uncounted = new Set<Peer>();
  #countLost = false;
  /** The last exchange that was reported. */
  #completed: ObservedExchange | undefined;

  /** @param fromStart  whether the recording has the connection from its start */
  constructor(mechanisms: readonly Mechanism[], fromStart: boolean) {
    this.#mechanisms = mechanisms;
    this.#incomplete = !fromStart;
  }

  /** Present once AUTH TLS has been accepted. */
  get tls(): RecordedTls | undefined {
    return this.#tls;
  }

  /** What could not be looked at, for another reason than a key that is missing. */
  get problem(): FtpSecurityError | undefined {
    if (this.#exchangeMissing || this.#doubted.length > 0) return exchangeMissing();
    if (this.#countLost) return new FtpSecurityError('sequence/no-context', COUNT_LOST);
    return this.#tls?.problem;
  }

  /** The number of the first message whose verdict is not final; Infinity if those of all are. */
  get undecided(): number {
    return this.#doubted[0]?.[0].index ?? Infinity;
  }

  /** Checks whether a command may be clear. @throws FtpSecurityError `sequence/unprotected` */
  checkClearCommand(): void {
    if (!integrityRequired(this.state)) return;
    throw new FtpSecurityError('sequence/unprotected', 'a command in the clear where integrity is required');
  }

  /**
   * Checks whether a line of a reply may be clear.
   * @param code  of the reply; undefined when that can't be read
   * @param within  whether it comes within a protected reply
   * @throws FtpSecurityError `sequence/unprotected`
   */
  checkClearReply(code: number | undefined, within: boolean): void {
    const { pending, phase } = this.state;
    if (!within && (!hasIntegrity(this.state) || replyMayBeClear(phase, pending.commandFor(code)))) return;
    throw clearReply();
  }

  /** Whether a reply answers a clear command after CCC, and so must be clear itself. */
  replyMustBeClear(code: number | undefined): boolean {
    return replyMustBeClear(this.state.phase, this.state.pending.commandFor(code));
  }

  /**
   * Checks the position of a line that has been opened. If it was moved, or a line before it is missing, the error of the
   * message is `security/out-of-sequence`, instead of any other. The line itself is verified, and takes effect.
   * @param goesOn  whether it continues a reply
   */
  checkSequence(message: ObservedMessage, goesOn: boolean): void {
    const error = this.state.checkLine(message.from, message.applied as TokenLevel, goesOn);
    if (error === undefined) return;
    message.error = error;
    this.#dropRequests();
  }

  /** Whether ADAT waits for the reply that may complete the exchange. A server can protect that one already. */
  get awaits235(): boolean {
    const { pending, phase } = this.state;
    // Under an association, also one that the recording lacks, a protected reply to ADAT refuses it.
    const mayComplete = phase === 'exchange' || (phase === 'clear' && !(this.#incomplete && this.#exchangeMissing));
    return mayComplete && this.#exchange !== undefined && pending.oldest?.verb === 'ADAT';
  }

  /** Adds a command to the queue; its reply says whether it is granted. */
  addRequest(request: CommandRequest): void {
    const { pending } = this.state;
    pending.add(request);
    if (pending.size > MAX_PENDING) pending.drop();
  }

  /** The recording has lost octets of one side. */
  gap(from: Peer): void {
    const context = this.state.association?.contexts[from];
    if (context?.interrupted !== undefined) {
      context.interrupted();
      this.#uncounted.add(from);
    }
    if (this.state.gap(from)) this.#mayBeOther = this.state.association !== undefined;
    this.#exchange?.gap();
    this.#incomplete = true;
  }

  /** Security data of the client. @throws FtpSecurityError when the mechanism can't read it */
  clientData(token: Uint8Array): void {
    const { phase } = this.state;
    // A recording may lack AUTH. Under an association, ADAT without AUTH can't change it (§3).
    const isFirst = phase === 'clear' || this.#mayBeOther;
    if (isFirst) this.#newExchange(undefined);
    if (isFirst || phase === 'exchange') this.#exchange?.observe('client', token);
  }

  /** Security data of the server. @throws FtpSecurityError when the mechanism can't read it */
  serverData(token: Uint8Array): void {
    this.#exchange?.observe('server', token);
  }

  /** Takes a reply that can be trusted. */
  answer(code: number): Answer {
    const { pending } = this.state;
    const verb = exchangeReply(code)?.verb;
    // The AUTH before it is missing, or damaged.
    if (code === 334 && this.#incomplete && !pending.oldest?.verb) pending.add({ verb: 'AUTH', level: 'clear' });
    if (this.#mayBeOther && verb === 'ADAT' && pending.oldest?.verb === 'ADAT') this.state.reset();
    const { phase: before } = this.state;
    const begun = code < 200 ? pending.commandFor(code) : undefined;
    const answered = this.state.takeReply(code);
    if (answered === undefined) return { command: begun, isExchange: false };
    this.state.finish(answered, code);
    // None opens any more, of that association or another one.
    if (this.state.association === undefined) this.#decide(true);
    if (this.state.phase !== before) this.#incomplete = false;
    if (isNewExchange(answered.verb, code)) this.#begin(answered.mechanism, code);
    const isExchange = (before === 'exchange' || before === 'clear') && verb === 'ADAT';
    return { command: answered, isExchange };
  }

  /** The server has said that the exchange is complete. */
  complete(): ObservedExchange | undefined {
    const exchange = this.#exchange;
    this.#exchange = undefined;
    if (exchange === undefined) return undefined;
    exchange.destroy();
    this.#doubtful.clear();
    this.#uncounted.clear();
    if (exchange.incomplete) for (const from of PEERS) this.#doubtful.add(from);
    this.#completed = exchange.observed;
    this.state.recordFacts(exchange.observed.facts);
    this.state.establishObserved(exchange.association, !exchange.incomplete);
    return this.#completed;
  }

  /**
   * Unwraps the token of a message.
   * @returns undefined if that is not possible: its number is not known; or the first token shows that the keys at hand are others,
   *   and then none opens this association
   * @throws FtpSecurityError what the mechanism refuses
   */
  #unwrap(message: ObservedMessage, context: SecurityContext, token: Uint8Array): Unwrapped | undefined {
    const { from } = message;
    try {
      const opened = context.unwrap(token);
      if (this.#completed?.provisional) settle(this.#completed, undefined);
      if (this.#mayBeOther) this.#decide(false);
      this.#doubtful.delete(from);
      this.#uncounted.delete(from);
      return opened;
    } catch (error) {
      let problem = refusalFrom(error);
      if (this.#uncounted.has(from)) {
        this.#countLost = true;
        return undefined;
      }
      // A replay, for example, has been made with these keys.
      if (this.#mayBeOther && problem.code.startsWith('security/bad-')) {
        this.#doubted.push([message, problem]);
        if (this.#doubted.length > MAX_DOUBTED) {
          this.#doubted.shift();
          this.#exchangeMissing = true;
        }
        return undefined;
      }
      if (this.#doubtful.has(from)) {
        this.#exchangeMissing = true;
        problem = exchangeMissing();
      } else if (problem.code !== 'security/no-key') throw error;
      const { association } = this.state;
      if (association === undefined) return undefined;
      // An association is there, so its exchange has been reported.
      settle(this.#completed!, problem);
      this.state.establishObserved({ ...association, contexts: { client: undefined, server: undefined } });
      return undefined;
    }
  }

  /** It is known now whether the missing lines have begun another association: if not, tokens that did not open were altered. */
  #decide(isOther: boolean): void {
    this.#mayBeOther = false;
    for (const [message, error] of this.#doubted.splice(0)) {
      if (isOther) this.#exchangeMissing = true;
      else {
        message.verdict = 'failed';
        fail(message, error);
      }
    }
  }

  /**
   * Takes a reply that can't be trusted. It may have replaced another one, so it is no longer known which reply answers
   * which command: pending commands that would lower the protection are ignored.
   * @param code  undefined when it could not be read
   */
  untrustedReply(code: number | undefined): void {
    this.state.pending.takeReply(code);
    this.#dropRequests();
  }

  /**
   * Opens a token with the context of its direction, and notes in the message what it had.
   * @returns the context; undefined when the key is not known
   * @throws FtpSecurityError `sequence/no-context`, and what the mechanism refuses
   */
  open(message: ObservedMessage, token: Uint8Array): SecurityContext | undefined {
    message.token = token;
    const early = this.awaits235 && message.from === 'server';
    const association = early ? this.#early(message) : this.state.association;
    if (association === undefined && !this.#incomplete) throw noAssociation();
    if (association === undefined) this.#exchangeMissing = true;
    if (!early) message.weak = this.state.facts.weak === true;
    const context = association?.contexts[message.from];
    const opened = context && this.#unwrap(message, context, token);
    if (opened === undefined) {
      message.verdict = 'unkeyed';
      if (message.from === 'client' && this.state.missCommand()) this.#mayBeOther = true;
      return undefined;
    }
    const { plaintext, level, sequence } = opened;
    if (early && (level === 'confidential' || !startsWith(plaintext, COMPLETE))) {
      if (!this.#incomplete) throw noAssociation();
      this.#exchangeMissing = true;
      message.verdict = 'unkeyed';
      return undefined;
    }
    message.verdict = level === 'confidential' ? 'decrypted' : 'verified';
    message.applied = level;
    message.plaintext = plaintext;
    message.text = fromUtf8(plaintext);
    message.sequence = sequence;
    message.place = context!.lastReceived;
    return context;
  }

  /** The association that the server may use before it has said that the exchange is complete. */
  #early(message: ObservedMessage): Association | undefined {
    const exchange = this.#exchange!;
    if (!exchange.mayBeComplete) return undefined;
    message.weak = exchange.observed.facts.weak === true;
    return exchange.association;
  }

  #dropRequests(): void {
    for (const request of this.state.pending.all) if (commandFacts(request.verb).liftsProtection) request.verb = '';
  }

  /** The recording has ended: an exchange that goes on does not end any more. */
  close(): void {
    this.#exchange?.destroy();
  }

  #newExchange(mechanism: string | undefined): void {
    this.#exchange?.destroy();
    this.#exchange = new RecordedExchange(this.#mechanisms, mechanism);
  }

  #begin(mechanism: string | undefined, code: number): void {
    this.#newExchange(mechanism);
    // A client may send ADAT before the reply to AUTH. If it can't be read, its message has said so.
    const ahead = this.state.pending.oldest?.token;
    if (ahead) ifReadable(() => this.clientData(ahead));
    const isTls = code === 234 && TLS_NAMES.has(mechanism ?? '');
    this.#tls = isTls ? new RecordedTls() : undefined;
  }
}

/** A token has shown whether the keys at hand are those of the messages. */
function settle(exchange: ObservedExchange, problem: FtpSecurityError | undefined): void {
  Object.assign(exchange, { keyed: problem === undefined, problem, provisional: false });
}

const COUNT_LOST = 'tokens that are counted are missing in the capture, so the next ones can not be opened';
const COMPLETE = toUtf8('235');
