/**
 * What is known of a recorded control connection between its lines: the phase, the commands that wait for a reply, the
 * security data exchange, and the association that came of it.
 */
import { fromUtf8, startsWith, toUtf8 } from '../bytes.js';
import { FtpSecurityError } from '../errors.js';
import { commandFacts, isTransfer } from '../ftp/commands.js';
import type { Mechanism, Peer, SecurityContext } from '../protection/mechanism.js';
import type { ProtectionLevel } from '../protection/protection-level.js';
import { exchangeReply } from '../protection/security-data.js';
import { type Association, ExchangeWatch } from './exchange-watch.js';
import type { ObservedExchange, ObservedMessage } from './observation.js';
import { PeerSequence } from './peer-sequence.js';
import { PendingCommands } from './pending-commands.js';
import {
  type CommandRequest,
  commandMayBeClear,
  type Phase,
  phaseAfter,
  replyMayBeClear,
  replyMustBeClear,
  sharesNumbers,
} from './rules.js';
import { TlsRecords } from './tls-records.js';

/** After these the control connection is TLS (RFC 4217 §4). */
const TLS_NAMES: ReadonlySet<string> = new Set(['TLS', 'TLS-C', 'TLS-P', 'SSL']);

/** Clients wait for replies, or send some commands ahead; whoever is this far ahead gets none. The queue must not grow. */
const MAX_PENDING = 256;

export class ObservedState {
  readonly #mechanisms: readonly Mechanism[];
  readonly #pending = new PendingCommands<CommandRequest>();
  #phase: Phase = 'clear';
  #exchange: ExchangeWatch | undefined;
  #association: Association | undefined;
  /** Of what each side sends; undefined without an association, and when octets are missing: nobody knows then what they were. */
  #sequences: Readonly<Record<Peer, PeerSequence>> | undefined;
  /** Of data connections. */
  #protection: ProtectionLevel = 'clear';
  #tls: Readonly<Record<Peer, TlsRecords>> | undefined;
  /** What was said between the last line that told where the connection stands, and now, is not all in the recording. */
  #incomplete: boolean;
  #exchangeMissing = false;

  constructor(mechanisms: readonly Mechanism[], fromStart: boolean) {
    this.#mechanisms = mechanisms;
    this.#incomplete = !fromStart;
  }

  /** What each side says where TLS is due: AUTH TLS was granted. */
  get tls(): Readonly<Record<Peer, TlsRecords>> | undefined {
    return this.#tls;
  }

  /** What could not be looked at, for another reason than a key that is missing. */
  get problem(): FtpSecurityError | undefined {
    if (this.#exchangeMissing) return new FtpSecurityError('sequence/no-context', 'the exchange is not in the capture');
    const octets = this.#tls === undefined ? 0 : this.#tls.client.octets + this.#tls.server.octets;
    if (octets === 0) return undefined;
    return new FtpSecurityError('security/no-key', `from here on TLS (RFC 4217): ${octets} octets`);
  }

  /** Whether a side is within TLS, as far as octets that are missing let anybody see. */
  losesTls(from: Peer): boolean {
    if (this.#tls === undefined || this.#tls.client.octets + this.#tls.server.octets === 0) return false;
    this.#tls[from].gap();
    return true;
  }

  /** What a line in the clear breaks, of a side that owes TLS and never spoke it. */
  tlsError(from: Peer): FtpSecurityError | undefined {
    if (this.#tls === undefined || this.#tls[from].octets > 0) return undefined;
    return new FtpSecurityError('sequence/unprotected', 'a line in the clear behind 234, where TLS is due (RFC 4217)');
  }

  /** Whether integrity is owed now: an association stands that has it, and CCC has not lifted the requirement. */
  get integrityOwed(): boolean {
    return this.#phase !== 'cleared' && this.#hasIntegrity();
  }

  /** @throws FtpSecurityError `sequence/unprotected` */
  checkClearCommand(): void {
    if (!this.integrityOwed || commandMayBeClear(this.#phase)) return;
    throw new FtpSecurityError('sequence/unprotected', 'a command in the clear where integrity is owed');
  }

  /**
   * Holds a line of a reply in the clear against what it answers.
   * @param code  of the reply; undefined when that can't be read
   * @param within  whether it stands within a protected reply
   * @throws FtpSecurityError `sequence/unprotected`
   */
  checkClearReply(code: number | undefined, within: boolean): void {
    if (!within && (!this.#hasIntegrity() || replyMayBeClear(this.#phase, this.#pending.answering(code)))) return;
    throw new FtpSecurityError('sequence/unprotected', 'a reply in the clear where protection is owed');
  }

  /** Whether a reply answers a clear command after CCC, and so must be clear itself. */
  replyMustBeClear(code: number | undefined): boolean {
    return replyMustBeClear(this.#phase, this.#pending.answering(code));
  }

  /**
   * Holds a line, which has been opened, against those before it.
   * @param goesOn  whether it goes on with a reply
   * @returns `security/out-of-sequence` when it was moved, or a line before it is missing
   */
  sequenceError(
    { from, applied }: ObservedMessage,
    { lastReceived, lastFollows }: SecurityContext,
    goesOn = false,
  ): FtpSecurityError | undefined {
    const sequences = this.#association?.hidden === true ? undefined : this.#sequences;
    if (sequences === undefined || applied === 'confidential' || lastReceived === undefined) return undefined;
    const error = sequences[from].line(lastReceived, lastFollows === true, goesOn);
    if (error !== undefined) this.#dropRequests();
    return error;
  }

  /** Whether ADAT waits for the reply that may complete the exchange. A server can protect that one already. */
  get awaits235(): boolean {
    return this.#association === undefined && this.#exchange !== undefined && this.oldest?.verb === 'ADAT';
  }

  /** The command that the next reply answers. */
  get oldest(): CommandRequest | undefined {
    return this.#pending.oldest;
  }

  /** Whether commands were sent ahead: then a command does not show that the reply before it is whole. */
  get isAhead(): boolean {
    return this.#pending.all.length > 1;
  }

  /** Notes a command; whether it is granted, its reply tells. */
  addRequest(request: CommandRequest): void {
    this.#pending.add(request);
    if (this.#pending.all.length > MAX_PENDING) this.#pending.drop();
  }

  /** Forgets which commands wait: octets are missing. */
  forget(): void {
    this.#pending.clear();
    this.#sequences = undefined;
    this.#incomplete = true;
  }

  /** Security data of the client. @throws FtpSecurityError when the mechanism can't read it */
  clientData(token: Uint8Array): void {
    // A recording may start behind AUTH. Where an association stands, ADAT without AUTH can't change it (§3).
    if (this.#phase === 'clear') this.#exchange = new ExchangeWatch(this.#mechanisms, undefined);
    if (this.#phase === 'clear' || this.#phase === 'exchange') this.#exchange?.observe('client', token);
  }

  /** Security data of the server. @throws FtpSecurityError when the mechanism can't read it */
  serverData(token: Uint8Array): void {
    this.#exchange?.observe('server', token);
  }

  /**
   * Takes a reply that may be believed.
   * @returns whether it goes on with a security data exchange
   */
  answer(code: number): boolean {
    this.#transfer(code);
    const answered = this.#pending.resolve(code);
    if (answered === undefined) return false;
    if (answered.verb === 'PROT' && code < 300) this.#protection = answered.protection ?? this.#protection;
    const before = this.#phase;
    this.#phase = phaseAfter(before, answered.verb, code);
    if (this.#phase !== before) this.#incomplete = false;
    const exchange = exchangeReply(code);
    if (exchange?.verb === 'AUTH' && answered.verb === 'AUTH') this.#begin(answered.mechanism, code);
    if (this.#phase === 'clear') this.#association = undefined;
    return (before === 'exchange' || before === 'clear') && exchange?.verb === 'ADAT';
  }

  /** The server has said that the exchange is complete. */
  complete(): ObservedExchange | undefined {
    const completed = this.#exchange?.complete();
    this.#exchange = undefined;
    this.#association = completed?.association;
    this.#sequences = { client: new PeerSequence(false), server: new PeerSequence(false) };
    this.#protection = 'clear';
    return completed?.observed;
  }

  /**
   * Takes a reply that can't be trusted. It may have replaced another one, so it is no longer known which reply answers
   * which command: pending commands that would lower the protection are ignored.
   * @param code  undefined when it could not be read
   */
  untrustedReply(code: number | undefined): void {
    this.#pending.resolve(code);
    this.#dropRequests();
  }

  #dropRequests(): void {
    for (const request of this.#pending.all) if (commandFacts(request.verb).liftsProtection) request.verb = '';
  }

  /**
   * Opens a token with the context of its direction, and notes in the message what it had.
   * @returns the context; undefined when nobody has the key
   * @throws FtpSecurityError `sequence/no-context`, and what the mechanism refuses
   */
  open(message: ObservedMessage, token: Uint8Array): SecurityContext | undefined {
    const early = this.awaits235 && message.from === 'server';
    const association = early ? this.#exchange?.early : this.#association;
    if (association === undefined) {
      if (!this.#incomplete) throw noAssociation();
      this.#exchangeMissing = true;
      message.verdict = 'unkeyed';
      return undefined;
    }
    message.weak = association.weak;
    const context = contextOf(association, message.from);
    if (context === undefined) {
      message.verdict = 'unkeyed';
      association.hidden ||= message.from === 'client';
      return undefined;
    }
    const { plaintext, level, sequence } = context.unwrap(token);
    if (early && (level === 'confidential' || !startsWith(plaintext, COMPLETE))) throw noAssociation();
    message.verdict = level === 'confidential' ? 'decrypted' : 'verified';
    message.applied = level;
    message.plaintext = plaintext;
    message.text = fromUtf8(plaintext);
    message.sequence = sequence;
    return context;
  }

  /** Whether a reply begins a transfer, or ends one. */
  #transfer(code: number): void {
    const answered = this.#pending.answering(code);
    if (answered === undefined || !isTransfer(answered.verb)) return;
    for (const peer of ['client', 'server'] as const) {
      const shares = sharesNumbers(answered.verb, peer, this.#protection);
      if (code >= 200) this.#sequences?.[peer].end(shares && code < 300, peer === 'server' && this.integrityOwed);
      else if (answered.begun !== true) this.#sequences?.[peer].begin(shares);
    }
  }

  #begin(mechanism: string | undefined, code: number): void {
    this.#association = undefined;
    this.#exchange = new ExchangeWatch(this.#mechanisms, mechanism);
    const isTls = code === 234 && TLS_NAMES.has(mechanism ?? '');
    this.#tls = isTls ? { client: new TlsRecords(), server: new TlsRecords() } : undefined;
  }

  #hasIntegrity(): boolean {
    if (this.#association === undefined) return false;
    const { fromServer, hidden } = this.#association;
    // A command that nobody could open may have been CCC: then nothing can be said.
    if (fromServer === undefined) return !hidden;
    return fromServer.supports('safe') || fromServer.supports('private');
  }
}

const COMPLETE = toUtf8('235');

function noAssociation(): FtpSecurityError {
  return new FtpSecurityError('sequence/no-context', 'no security association stands');
}

function contextOf({ fromClient, fromServer }: Association, from: Peer): SecurityContext | undefined {
  return from === 'client' ? fromClient : fromServer;
}
