/**
 * The server's side of a control connection (RFC 2228): octets of the client in, commands out, each with the level that
 * it came at; replies in, octets for the client out. What the RFC and policy settle the session answers itself. It does
 * no I/O and knows no mechanism: where an exchange has to take a step it says so, and waits.
 */
import { concatAll } from '../bytes.js';
import { FtpSecurityError, type RefusalCode, refusalFrom, replyCodeFor } from '../errors.js';
import { type Command, CommandReader } from '../ftp/command.js';
import { commandFacts } from '../ftp/commands.js';
import { limitOf } from '../ftp/line.js';
import { formatReply } from '../ftp/reply.js';
import type { BlockReader, BlockReaderOptions, BlockWriter } from '../protection/data-block.js';
import type { ExchangeFacts, Step } from '../protection/mechanism.js';
import { protectReply } from '../protection/protect.js';
import type { ProtectionLevel } from '../protection/protection-level.js';
import {
  DEFAULT_MAX_SECURITY_DATA,
  EXCHANGE_REPLIES,
  exchangeReply,
  formatAdatReply,
  formatPbszText,
  parseAdatCommand,
} from '../protection/security-data.js';
import { contextRefusal, type Policy } from './command-rules.js';
import type {
  AnsweredEvent,
  AuthEvent,
  RequestEvent,
  ServerDataEvent,
  ServerEvent,
  ServerSessionOptions,
} from './events.js';
import {
  type CommandRequest,
  couldBecomeBlock,
  integrityRequired,
  mayOvertake,
  type Phase,
  replyLevel,
  sharesNumbers,
} from './rules.js';
import { DEFAULT_MIN_PBSZ, SecurityState } from './state.js';
import { type Arrived, CommandUnprotector } from './unprotect-command.js';

/** A command that waits for its reply, and the replies that wait for those before it. */
type PendingRequest = CommandRequest & { event: RequestEvent; replies: { code: number; plaintext: Uint8Array }[] };

/** A block is held until it is whole, and opened at one go: as much as a reply may have. Clients ask for all that 32 bits hold. */
const DEFAULT_MAX_PBSZ = 0x1000000;
const DEFAULT_MAX_FAILURES = 16;
/** By what the exchange may be refused (§8.2, appendix I), and by what where the error's own reply is none of it. */
const EXCHANGE_REFUSALS = {
  auth: { own: [431, 502, 504, 534], else: 534 },
  'security-data': { own: [], else: 535 },
} as const satisfies Record<string, { own: readonly RefusalCode[]; else: RefusalCode }>;

/** Of a reply to AUTH or ADAT that carries no data. */
const TEXT = 'Security mechanism accepted';

/** Of refusals. What was wrong with a token is for the server's log, not for whoever sent it. */
const TEXTS: Readonly<Record<RefusalCode, string>> = {
  421: 'Too many failures',
  431: 'Need some unavailable resource to process security',
  501: 'Syntax error',
  502: 'Not implemented',
  503: 'Bad sequence of commands',
  504: 'Not implemented for that parameter',
  533: 'Command protection level denied',
  534: 'Request denied for policy reasons',
  535: 'Failed security check',
  536: 'Requested PROT level not supported by mechanism',
  537: 'Command protection level not supported by security mechanism',
};

/** What the session answers itself, and by what text. */
const OWN: Readonly<Record<string, (request: CommandRequest) => string>> = {
  PBSZ: ({ bufferSize }) => formatPbszText(bufferSize!),
  PROT: () => 'Protection level set',
  CCC: () => 'Clear commands accepted',
};

export class ServerSession {
  readonly #policy: Policy;
  readonly #options: ServerSessionOptions;
  readonly #commands: CommandReader;
  readonly #state: SecurityState<PendingRequest>;
  readonly #unprotector: CommandUnprotector;
  /** A command that the session answers itself, when those before it have been answered. */
  #arrived: Arrived | undefined;
  readonly #maxSecurityData: number;
  readonly #maxFailures: number;
  /** AUTH and ADAT that were refused, and exchanges that were not finished. */
  #failures = 0;
  /** Octets of security data that the exchange has brought. */
  #exchanged = 0;
  #closed = false;

  /** @throws TypeError if a limit is not a number, RangeError if it is not a positive integer */
  constructor(options: ServerSessionOptions) {
    const { mechanisms, ccc = 'refused', maxPbsz = DEFAULT_MAX_PBSZ, tolerate, maxLine } = options;
    const { minPbsz = Math.min(DEFAULT_MIN_PBSZ, maxPbsz) } = options;
    formatPbszText(maxPbsz);
    if (minPbsz > maxPbsz) throw new RangeError('minPbsz is more than maxPbsz');
    this.#options = { ...options, maxPbsz };
    this.#maxSecurityData = limitOf(options.maxSecurityData, DEFAULT_MAX_SECURITY_DATA, 'maxSecurityData');
    this.#maxFailures = limitOf(options.maxFailures, DEFAULT_MAX_FAILURES, 'maxFailures');
    this.#policy = { ...options, ccc, mechanisms: mechanisms.map(({ name }) => name.toUpperCase()) };
    this.#commands = new CommandReader({
      ...(maxLine !== undefined && { maxLine }),
      bareLf: tolerate === undefined || tolerate.includes('bare-lf'),
    });
    this.#state = new SecurityState({ ...options, minPbsz });
    this.#unprotector = new CommandUnprotector(this.#state, this.#options, this.#policy);
  }

  /** Where the control connection stands (§9). */
  get phase(): Phase {
    return this.#state.phase;
  }

  /** The level of data connections, as PROT has settled it. */
  get protection(): ProtectionLevel {
    return this.#state.protection;
  }

  /** The protection buffer, as PBSZ has settled it: octets; undefined before. */
  get bufferSize(): number | undefined {
    return this.#state.bufferSize;
  }

  /** What the exchange has found out. */
  get facts(): ExchangeFacts {
    return this.#state.facts;
  }

  /**
   * Whether the next command waits for replies: to AUTH, ADAT or REIN, behind which nothing may be read yet, or to the
   * commands before one that the session answers itself. When they are given, `next` goes on; a caller that reads no more
   * from the network meanwhile bounds the memory.
   */
  get paused(): boolean {
    const { oldest, blocked } = this.#state.pending;
    return (this.#arrived !== undefined && oldest !== undefined) || blocked;
  }

  /** Takes octets that the client sent, in chunks of any size; they are copied. */
  receive(chunk: Uint8Array): void {
    this.#commands.push(chunk);
  }

  /**
   * What the client said next; undefined when more octets are needed, or while `paused`. To be called until it gives
   * undefined, after `receive` and after every reply. Nothing that a client sends makes it throw.
   */
  next(): ServerEvent | undefined {
    if (this.#closed || this.#state.pending.blocked) return undefined;
    const arrived = this.#arrived ?? this.#read();
    this.#arrived = undefined;
    if (arrived === undefined) return undefined;
    if (this.#state.pending.oldest === undefined || isForApplication(arrived)) return this.#handle(arrived);
    this.#arrived = arrived;
    return undefined;
  }

  /**
   * Answers a command, at the level that it came at.
   * @param code  1yz leaves the command waiting for another reply; AUTH and ADAT can only be refused
   * @param text  one line, or several
   * @param to  the command; default the oldest that waits. A reply to a later one is kept until those before it have
   *   been answered, but for STAT during a transfer. When none waits, it is a reply that nobody asked for: the greeting,
   *   or 421.
   * @returns octets for the client, maybe none
   * @throws RangeError for a code out of 100 to 599, or one that `proceed` gives; for a command that has been answered
   */
  reply(code: number, text: string | readonly string[], to?: RequestEvent): Uint8Array {
    const plaintext = formatReply(code, text);
    if (code >= 600 || exchangeReply(code) !== undefined) throw new RangeError(`${code} is the session's to give`);
    const pending =
      to === undefined ? this.#state.pending.oldest : this.#state.pending.all.find(({ event }) => event === to);
    if (pending === undefined && to === undefined) return this.#say(undefined, plaintext);
    if (pending === undefined || isFinal(pending.replies.at(-1))) throw new RangeError('the command has been answered');
    if (pending.event.type !== 'command' && code < 400) throw new RangeError(`${code} does not refuse`);
    pending.replies.push({ code, plaintext });
    const { oldest } = this.#state.pending;
    if (!mayOvertake(pending, oldest)) return this.#flush();
    const isBetweenBlocks = sharesNumbers(oldest!.verb, 'server', this.protection);
    if (isBetweenBlocks && couldBecomeBlock(pending)) this.#state.skipNumber();
    return this.#flush(pending);
  }

  /**
   * Goes on with the exchange.
   * @param step  what the mechanism gave; with a context the exchange is complete, and the context in force
   * @returns octets for the client: 334 or 234 to AUTH, 335 or 235 to ADAT; 534 or 535 for a context that is weak, or lacks
   *   the level that policy wants, and the phase is `clear` then
   * @throws RangeError when neither AUTH nor ADAT waits
   */
  proceed({ token, context, facts }: Step): Uint8Array {
    const pending = this.#exchanging();
    if (context !== undefined) {
      const error = contextRefusal(context, { ...this.facts, ...facts }, this.#options);
      if (error !== undefined) {
        context.destroy();
        return this.refuse(error);
      }
    }
    const completes = context !== undefined;
    const { code, carriesData } = EXCHANGE_REPLIES.find(it => it.verb === pending.verb && it.completes === completes)!;
    if (token !== undefined && !carriesData) throw new RangeError('234 carries no security data');
    const plaintext = token === undefined ? formatReply(code, TEXT) : formatAdatReply(code as 334, token);
    const octets = this.#say(pending.level, plaintext);
    // An exchange that goes on behind AUTH is forgotten with the next one, if it has not come to its end.
    if (pending.verb === 'AUTH') this.#giveUp();
    this.#state.pending.drop();
    this.#settle(pending, code);
    this.#state.recordFacts(facts);
    if (context !== undefined) this.#state.establish(context, 'client');
    return octets;
  }

  /**
   * Refuses AUTH or ADAT: the exchange has failed.
   * @param error  what the mechanism threw, or policy
   * @returns octets for the client: the reply that is owed, to ADAT always 535 (appendix I)
   * @throws RangeError when neither waits
   */
  refuse(error: FtpSecurityError): Uint8Array {
    const { event } = this.#exchanging();
    const { own, else: instead } = EXCHANGE_REFUSALS[event.type];
    const code = own.find(it => it === replyCodeFor(error)) ?? instead;
    const octets = this.reply(code, TEXTS[code], event);
    const { command, tolerated } = event;
    this.#options.refused?.({ type: 'answered', command, code, error, octets, tolerated, ends: this.#exhausted });
    return octets;
  }

  /** Tells that the input has ended. @throws FtpSecurityError `syntax/truncated` within a line */
  close(): void {
    this.#commands.close();
  }

  /** Forgets the keys; transfers that go on can't. Nothing more is read, and a reply is `sequence/closed`. */
  destroy(): void {
    this.#closed = true;
    this.#state.destroy();
  }

  /** For the next transfer to the client. @throws FtpSecurityError as BlockWriter does */
  dataWriter(): BlockWriter {
    return this.#state.dataWriter();
  }

  /** For the next transfer from the client. */
  dataReader(options?: Pick<BlockReaderOptions, 'interleaved'>): BlockReader {
    return this.#state.dataReader('client', options);
  }

  // Commands

  #read(): Arrived | undefined {
    try {
      const command = this.#commands.next();
      return command && this.#unprotector.open(command);
    } catch (error) {
      if (!(error instanceof FtpSecurityError)) throw error;
      const request: CommandRequest = { verb: '', level: 'clear' };
      return { command: undefined, request, sequence: 'none', tolerated: [], vouched: false, error };
    }
  }

  #handle(arrived: Arrived): ServerEvent {
    const { command, request, sequence, tolerated, error = this.#tooOften(arrived) } = arrived;
    if (command === undefined || error !== undefined) return this.#refusal(arrived, error!);
    const { verb, level } = request;
    if (verb in OWN) return this.#carryOut(arrived);
    if (verb === 'ADAT') return this.#adat(command, arrived);
    if (verb === 'AUTH') {
      const again = this.#state.control !== undefined;
      return this.#expect(request, { type: 'auth', mechanism: request.mechanism!, command, tolerated, again });
    }
    if (this.#giveUp()) this.#state.reset();
    return this.#expect(request, { type: 'command', command, level, sequence, tolerated });
  }

  #adat(command: Command, arrived: Arrived): ServerEvent {
    try {
      const { token, tolerated } = parseAdatCommand(command, this.#options);
      const seen = [...new Set([...arrived.tolerated, ...tolerated])];
      this.#exchanged += token!.length;
      if (this.#exchanged > this.#maxSecurityData) throw tooMuch('more security data than maxSecurityData', 535);
      return this.#expect(arrived.request, { type: 'security-data', token: token!, command, tolerated: seen });
    } catch (error) {
      return this.#refusal(arrived, refusalFrom(error));
    }
  }

  /** PBSZ, PROT and CCC, when no rule is against them. */
  #carryOut(arrived: Arrived): ServerEvent {
    const { request } = arrived;
    if (request.verb === 'PBSZ') request.bufferSize = Math.min(request.bufferSize!, this.#options.maxPbsz!);
    return this.#answered(arrived, 200, OWN[request.verb]!(request), undefined);
  }

  #refusal(arrived: Arrived, error: FtpSecurityError): AnsweredEvent {
    const code = replyCodeFor(error);
    return this.#answered(arrived, code, TEXTS[code], error);
  }

  #answered(
    { command, request, tolerated, vouched }: Arrived,
    code: number,
    text: string,
    error: FtpSecurityError | undefined,
  ): AnsweredEvent {
    const inserted = !vouched && integrityRequired(this.#state);
    const octets = this.#say(request.level, formatReply(code, text));
    this.#settle(request, code);
    const ends =
      (inserted && this.#options.allowInsertedLines !== true) ||
      (commandFacts(request.verb).exchange === true && this.#exhausted);
    return { type: 'answered', command, code, error, octets, tolerated, ends };
  }

  /** Whether AUTH and ADAT have failed too often. */
  get #exhausted(): boolean {
    return this.#failures >= this.#maxFailures;
  }

  #tooOften({ request: { verb } }: Arrived): FtpSecurityError | undefined {
    if (!commandFacts(verb).exchange || !this.#exhausted) return undefined;
    return tooMuch('AUTH and ADAT have failed too often', 421);
  }

  /** An exchange that has begun and is not finished counts as a failure. @returns whether there was one */
  #giveUp(): boolean {
    this.#exchanged = 0;
    if (this.phase !== 'exchange') return false;
    this.#failures++;
    return true;
  }

  #expect<E extends RequestEvent>(request: CommandRequest, event: E): E {
    this.#state.pending.add({ ...request, event, replies: [] });
    return event;
  }

  #exchanging(): PendingRequest & { event: AuthEvent | ServerDataEvent } {
    const { oldest } = this.#state.pending;
    if (oldest === undefined || oldest.event.type === 'command') throw new RangeError('neither AUTH nor ADAT waits');
    return { ...oldest, event: oldest.event };
  }

  // Replies

  /** Gives the replies whose turn it is. @param only  those to this command alone */
  #flush(only?: PendingRequest): Uint8Array {
    const said: Uint8Array[] = [];
    for (;;) {
      const pending = only ?? this.#state.pending.oldest;
      const reply = pending?.replies.shift();
      if (pending === undefined || reply === undefined) break;
      said.push(this.#say(pending.level, reply.plaintext));
      if (isFinal(reply)) {
        this.#state.pending.remove(pending);
        this.#settle(pending, reply.code);
      } else this.#state.begin(pending);
    }
    return concatAll(said);
  }

  #say(level: ProtectionLevel | undefined, plaintext: Uint8Array): Uint8Array {
    if (this.#closed) throw new FtpSecurityError('sequence/closed', 'the session is closed', { side: 'local' });
    const at = replyLevel(this.#state, level, this.#unprotector.last, this.#policy.require);
    return at === 'clear' ? plaintext : protectReply(this.#state.control!, at, plaintext, this.#options);
  }

  #settle(request: CommandRequest, code: number): void {
    if (commandFacts(request.verb).exchange === true && code >= 400) this.#failures++;
    this.#state.settle(request, code);
    if (this.#state.control === undefined) this.#unprotector.last = undefined;
  }
}

/** Whether the application answers it, in its own time. */
function isForApplication({ request: { verb }, error }: Arrived): boolean {
  return error === undefined && !commandFacts(verb).exchange && !(verb in OWN);
}

function tooMuch(why: string, reply: RefusalCode): FtpSecurityError {
  return new FtpSecurityError('syntax/limit-exceeded', why, { reply });
}

function isFinal(reply: { code: number } | undefined): boolean {
  return reply !== undefined && reply.code >= 200;
}
