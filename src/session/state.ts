/**
 * # Theory of operation
 *
 * An FTP control connection carries commands one way and replies the other, each in the order in which it was sent. RFC 2228
 * adds a security association: client and server exchange tokens of a mechanism (AUTH and ADAT), and from then on each line
 * is wrapped in a token. This file holds what is known of one such connection. A client session, a server session and an
 * observer of a recording hold one {@link SecurityState} each. It reads no octets, and it does not know on which side it is:
 * commands, reply codes and positions of tokens go in, and what may come next comes out. The tables that it applies are in
 * rules.ts.
 *
 * Phases (RFC 2228 §9). A connection begins `clear`. When a server accepts AUTH (334), the phase is `exchange`: security data
 * goes back and forth. 235 completes it (or 234 at once), and the phase is `secured`. Where the mechanism has integrity, every
 * line must then have it, until a protected CCC is accepted: in phase `cleared` lines may be clear again, and a reply has the
 * level of its command. An accepted AUTH or REIN ends the association, and with it all that PBSZ and PROT have set.
 * A phase changes with the reply to a command, never with the command: anybody on the way could have sent that.
 *
 * Whose turn it is. Replies come in the order of their commands, so commands wait in a queue, and a final reply takes the
 * oldest away. A preliminary one (1yz) leaves it there, and marks it as begun. STAT during a transfer is the exception: its
 * reply comes at once. After AUTH, ADAT and REIN nothing may be sent or read before the reply, because that reply decides
 * how the next line is protected.
 *
 * One sequence in each direction. All tokens of a sender have sequence numbers from one counter, on the control connection and
 * on all data connections. The context that unwraps them remembers which have come (its receive window), so it refuses a
 * replay on whatever connection it comes, and accepts a token that overtakes another one, or is overtaken. A token is not
 * bound to a connection, though: somebody on the way can send a block of a file as a line, or a line as a block. So two more
 * rules apply to the control connection, and {@link PeerSequence} checks them.
 *
 * - A late line is refused. TCP keeps the order of the lines, so a line whose number is lower than that of the line before it
 *   was held back or moved by somebody. A late block, on a data connection, is normal: connections overtake each other.
 * - A gap is refused, unless a transfer explains it. A number that has not come may be that of a block which is on its way on
 *   a data connection, if the same side has sent a protected file since the line before. Where no such transfer has begun, or its
 *   last block has come already, the number can only be that of a line, and somebody has taken it out. A confidential token
 *   without integrity is no evidence here: anyone can forge its number.
 *
 * Data connections follow the same numbers. The first block comes after the line that begins the transfer, and the next blocks
 * follow it without a gap, unless the peer sends lines in between. That is why the state has to know when a transfer begins
 * (its first 1yz reply) and ends (its final reply), and which reader reads its blocks. The other way round, a line that we
 * send while our own file is under way could be moved into that file. So a session leaves a number out before such a line
 * ({@link SecurityState.skipNumber}): moved between two blocks, it would not follow the one before. A peer that requires order
 * would refuse the line after a number left out; to such a peer, no line is sent before the transfer has ended.
 *
 * An observer has a state of the same kind, with these differences. It never stops: what breaks a rule is reported, and what
 * can't be trusted has no effect but to take its turn in the queue. It may lack the keys of one direction or of both. And a
 * recording shows the two connections in the order in which packets passed, so a block may be seen before the line that
 * announced it.
 */
import type { ErrorFacts } from '../errors.js';
import { FtpSecurityError } from '../errors.js';
import { commandFacts, isTransfer } from '../ftp/commands.js';
import { type BlockReader, type BlockReaderOptions, BlockWriter } from '../protection/data-block.js';
import type { ExchangeFacts, Peer, SecurityContext } from '../protection/mechanism.js';
import { type ProtectionLevel, TOKEN_LEVELS, type TokenLevel } from '../protection/protection-level.js';
import { formatPbszText, MAX_PROTECTION_BUFFER } from '../protection/security-data.js';
import type { AssociationEvent } from './events.js';
import { controlContext, PeerSequence } from './peer-sequence.js';
import { PendingCommands } from './pending-commands.js';
import {
  type CommandRequest,
  type ConnectionState,
  integrityRequired,
  isNewExchange,
  NO_ASSOCIATION,
  nextState,
  type Phase,
  sharesNumbers,
  strongest,
} from './rules.js';

/** What a security data exchange has settled. */
export interface Association {
  /** What the mechanism supports; all levels where an observer does not know. */
  levels: readonly TokenLevel[];
  /**
   * By the side that sends: what unwraps its tokens. Undefined where an observer has no key. In a session, both are the same
   * context, which also wraps.
   */
  contexts: Readonly<Record<Peer, SecurityContext | undefined>>;
}

/** Options of {@link SecurityState}. */
export interface SecurityStateOptions {
  /** The smallest protection buffer for transfers, in octets. Default {@link DEFAULT_MIN_PBSZ}. */
  minPbsz?: number | undefined;
  /** Accepts a gap in the numbers of the control connection. Default false. */
  allowMissingLines?: boolean | undefined;
  /** Called when an association of a session begins or ends. */
  association?: ((event: AssociationEvent) => void) | undefined;
}

/** Options of {@link SecurityState.dataReader}. */
export interface DataReaderOptions extends Pick<BlockReaderOptions, 'interleaved'> {
  /**
   * Whether blocks and control lines may be seen in another order than they were sent, as in a recording: then a block may come
   * before the 1yz reply that begins the transfer, and after the final one. Default false.
   */
  unordered?: boolean;
}

/**
 * The default of the smallest protection buffer for transfers, in octets. A token adds up to 72 octets to its block (AES with
 * SHA-2), and its work hardly depends on its size. Where a block holds one octet, a file costs 77 times its octets, and 64
 * KiB of it keep the event loop for some seconds. With 128 a file costs about twice its octets, and 64 KiB some 50 ms. Real
 * clients ask for 4 KiB and more.
 */
export const DEFAULT_MIN_PBSZ = 128;

/** The commands whose replies decide how data connections are protected. */
const DATA_SETTINGS = ['PROT', 'PBSZ'] as const;

/** The sides of a connection. */
export const PEERS = ['client', 'server'] as const;

/** What client session, server session and observer know of a control connection. */
export class SecurityState<C extends CommandRequest = CommandRequest> implements ConnectionState {
  /** Commands that wait for their replies. */
  readonly pending = new PendingCommands<C>();
  readonly #minPbsz: number;
  readonly #allowMissingLines: boolean;
  readonly #report: (event: AssociationEvent) => void;
  #connection: ConnectionState = NO_ASSOCIATION;
  #association: Association | undefined;
  #controlContext: SecurityContext | undefined;
  /** The context of a session, until its keys are erased and its end is reported. */
  #established: SecurityContext | undefined;
  #facts: ExchangeFacts = {};
  /** By the side that sends; undefined without an association, and when the recording has lost octets. */
  #sequences: Readonly<Record<Peer, PeerSequence>> | undefined;
  #lastTransfer: CommandRequest | undefined;
  #protectionKnown = true;
  /** The side of a session. */
  #side: Peer | undefined;
  /** The writer of the current or next transfer that the session sends. */
  #writer: BlockWriter | undefined;
  #aborted = false;

  /** @throws RangeError if `minPbsz` is not from 1 to 2^32-1 */
  constructor(options: SecurityStateOptions = {}) {
    const { minPbsz = DEFAULT_MIN_PBSZ, allowMissingLines = false, association = () => {} } = options;
    formatPbszText(minPbsz);
    this.#minPbsz = minPbsz;
    this.#allowMissingLines = allowMissingLines;
    this.#report = association;
  }

  /** The phase of the control connection (RFC 2228 §9). */
  get phase(): Phase {
    return this.#connection.phase;
  }

  /** What the mechanism of the association supports; empty without one. */
  get levels(): readonly TokenLevel[] {
    return this.#connection.levels;
  }

  /** The protection buffer that PBSZ has set, in octets; undefined before. */
  get bufferSize(): number | undefined {
    return this.#connection.bufferSize;
  }

  /** The level of data connections that PROT has set (RFC 2228 §3: clear before). */
  get protection(): ProtectionLevel {
    return this.#connection.protection;
  }

  /** Whether no recorded line is missing that may have set another level for data connections. */
  get protectionKnown(): boolean {
    return this.#protectionKnown;
  }

  /** What the exchange has found out. */
  get facts(): ExchangeFacts {
    return this.#facts;
  }

  /** Undefined without an association. */
  get association(): Association | undefined {
    return this.#association;
  }

  // Commands and replies

  /** Adds what a step of the exchange has found out. */
  recordFacts(facts: ExchangeFacts | undefined): void {
    this.#facts = { ...this.#facts, ...facts };
  }

  /**
   * Takes a reply that has come.
   * @returns the command that it answers finally, taken out of the queue; undefined for a 1yz reply, and where no command waits
   */
  takeReply(code: number): C | undefined {
    const answered = this.pending.commandFor(code);
    if (code < 200 && answered !== undefined) this.begin(answered);
    return this.pending.takeReply(code);
  }

  /** Applies a preliminary reply to a command. The blocks of a transfer come after the first one. */
  begin(request: CommandRequest): void {
    if (!request.begun && isTransfer(request.verb)) {
      for (const from of PEERS) this.#sequences?.[from].begin(sharesNumbers(request.verb, from, this.protection));
    }
    request.begun = true;
  }

  /** Applies the final reply to a command. What AUTH or REIN ends is erased (RFC 2228 appendix I). */
  finish(request: CommandRequest, code: number): void {
    if (isTransfer(request.verb)) this.#endTransfer(request, code);
    this.#connection = nextState(this.#connection, request, code);
    if (request.verb === 'PROT' && code < 300) this.#protectionKnown = true;
    if (this.phase === 'clear' || isNewExchange(request.verb, code)) this.#endAssociation();
  }

  /**
   * The exchange of a session is complete on both sides.
   * @param context  for both directions
   * @param peer  the other side
   */
  establish(context: SecurityContext, peer: Peer): void {
    const levels = TOKEN_LEVELS.map(({ level }) => level).filter(level => context.supports(level));
    this.establishObserved({ levels, contexts: { client: context, server: context } });
    this.#established = context;
    this.#side = PEERS.find(side => side !== peer);
    this.#controlContext = controlContext(context, this.#sequences![peer]);
    this.#report({ type: 'begins', mechanism: context.mechanism, facts: this.#facts });
  }

  /**
   * The exchange of a recorded connection is complete.
   * @param isWhole  whether the recording has all of it; if not, it is not known which numbers it has used
   */
  establishObserved(association: Association, isWhole = true): void {
    this.#association = association;
    this.#connection = { ...NO_ASSOCIATION, phase: 'secured', levels: association.levels };
    this.#protectionKnown = true;
    this.#sequences = isWhole
      ? { client: new PeerSequence(this.#allowMissingLines), server: new PeerSequence(this.#allowMissingLines) }
      : undefined;
  }

  /** The exchange has been given up. */
  reset(): void {
    this.#connection = NO_ASSOCIATION;
    this.#endAssociation();
  }

  /** Erases the keys and leaves all else: whatever needs them fails from now on, and nothing is sent in the clear instead. */
  destroy(): void {
    this.#eraseKeys(this.#facts);
  }

  /**
   * A recorded command could not be opened. It may have been CCC, or have begun a transfer: no later line can be judged by it.
   * @returns whether its reply can't be opened either, which may have lifted the protection of lines
   */
  missCommand(): boolean {
    this.#sequences = undefined;
    for (const verb of DATA_SETTINGS) this.#doubtData(verb);
    const mayBeLifted = this.#association?.contexts.server === undefined;
    if (mayBeLifted) this.#doubtLevels();
    return mayBeLifted;
  }

  /**
   * The recording has lost octets: which commands wait, and which numbers have come, is not known any more.
   * @param from  whose octets: a command that is missing, or the reply to one that waits, may have lifted the protection of
   *   lines, or changed that of data connections
   * @returns whether the protection of lines may have been lifted
   */
  gap(from: Peer): boolean {
    const waiting = [...this.pending.all].map(({ verb }) => verb);
    const mayBeLifted = from === 'client' || waiting.some(liftsProtection);
    if (mayBeLifted) this.#doubtLevels();
    for (const verb of DATA_SETTINGS) if (mayBeLifted || waiting.includes(verb)) this.#doubtData(verb);
    this.pending.clear();
    this.#sequences = undefined;
    this.#lastTransfer = undefined;
    return mayBeLifted;
  }

  /** What PROT or PBSZ has set may have changed. */
  #doubtData(verb: (typeof DATA_SETTINGS)[number]): void {
    if (verb === 'PROT') this.#protectionKnown = false;
    else this.#connection = { ...this.#connection, bufferSize: undefined };
  }

  /** No later line can be judged by its level. */
  #doubtLevels(): void {
    this.#connection = { ...this.#connection, levels: [] };
  }

  #endTransfer(request: CommandRequest, code: number): void {
    this.#lastTransfer = request;
    if (commandFacts(request.verb).data === this.#side) {
      this.#writer = undefined;
      this.#aborted = false;
    }
    for (const from of PEERS) {
      const shares = code < 300 && sharesNumbers(request.verb, from, this.protection);
      this.#sequences?.[from].end(shares, this.#announcesTransfers(from));
    }
  }

  #endAssociation(): void {
    const facts = this.#facts;
    this.#facts = {};
    this.#association = undefined;
    this.#controlContext = undefined;
    this.#sequences = undefined;
    this.#eraseKeys(facts);
  }

  /** Contexts of an observer belong to its mechanism, and are not erased. */
  #eraseKeys(facts: ExchangeFacts): void {
    const context = this.#established;
    this.#established = undefined;
    if (context === undefined) return;
    context.destroy();
    this.#report({ type: 'ends', mechanism: context.mechanism, facts });
  }

  // The control connection

  /** The context of a session for the control connection, whose `unwrap` also checks the order of the lines. */
  get controlContext(): SecurityContext | undefined {
    return this.#controlContext;
  }

  /**
   * Checks the position of a line that the association's own context has just opened.
   * @param goesOn  whether it continues a reply
   * @returns `security/out-of-sequence` when it was moved, or a line before it is missing
   */
  checkLine(from: Peer, level: TokenLevel, goesOn: boolean): FtpSecurityError | undefined {
    const context = this.#association?.contexts[from];
    if (context?.lastReceived === undefined || level === 'confidential') return undefined;
    return this.#sequences?.[from].line(context.lastReceived, context.lastFollows === true, goesOn);
  }

  /**
   * Uses up one sequence number, so that the next line can't be moved into our file unnoticed. A peer that requires order, by the
   * fact `inOrder` (RFC 2743 §1.2.3), would refuse that line and every later token.
   */
  skipNumber(): void {
    // The last block is already sent, or there are no blocks: the line can't be moved between them.
    if (this.#writer?.closed || this.#sessionContext!.neverEmpty) return;
    this.#sessionContext!.wrap(new Uint8Array(), strongest(this.levels)!);
  }

  // Data connections

  /** The transfer whose command waits, or the last one if none does. */
  get transfer(): CommandRequest | undefined {
    for (const request of this.pending.all) if (isTransfer(request.verb)) return request;
    return this.#lastTransfer;
  }

  /**
   * A reader for the next transfer that one side sends, with the level and the buffer size of now. In a session it has to be
   * made before the final reply of the transfer is read.
   * @throws TypeError if the level needs a context, and that of this side is not known
   */
  dataReader(from: Peer, { unordered = false, ...options }: DataReaderOptions = {}): BlockReader {
    const { protection } = this;
    // A recording may lack PBSZ, or have one that can't be read.
    const bufferSize = this.bufferSize ?? (unordered ? MAX_PROTECTION_BUFFER : undefined);
    const sequence = this.#sequences?.[from] ?? new PeerSequence(this.#allowMissingLines);
    return sequence.dataReader(this.#association?.contexts[from], protection, {
      ...options,
      bufferSize,
      announced: this.#announcesTransfers(from),
      unordered,
      ended: unordered && this.transfer === this.#lastTransfer,
    });
  }

  /**
   * A writer for the next transfer that a session sends.
   * @throws FtpSecurityError as BlockWriter does, and for a buffer below the least size
   */
  dataWriter(): BlockWriter {
    const { protection, bufferSize } = this;
    const error = this.bufferTooSmall(protection, bufferSize, { side: 'local', reply: 535 });
    if (error !== undefined) throw error;
    this.#writer = new BlockWriter(this.#sessionContext, protection, { bufferSize });
    if (this.#aborted) this.#writer.abort();
    return this.#writer;
  }

  /** Gives up the file that we send. The line that announces it could be moved into the file, which must therefore never end. */
  abortWriter(): void {
    this.#aborted = true;
    this.#writer?.abort();
  }

  /**
   * Checks a buffer size for data of a level: it has a least size, and a block of one octet must fit.
   * @param facts  of the error
   */
  bufferTooSmall(
    level: ProtectionLevel,
    bufferSize: number | undefined,
    facts: ErrorFacts,
  ): FtpSecurityError | undefined {
    const context = this.#sessionContext;
    if (level === 'clear' || bufferSize === undefined || context === undefined) return undefined;
    if (bufferSize >= this.#minPbsz && context.wrapSizeLimit(level, bufferSize) >= 1) return undefined;
    const message = `a protection buffer of ${bufferSize} octets is too small for ${level} blocks (see minPbsz)`;
    return new FtpSecurityError('syntax/limit-exceeded', message, facts);
  }

  /** The context of a session. */
  get #sessionContext(): SecurityContext | undefined {
    return this.#association?.contexts.client;
  }

  /** Whether a side announces its transfers by lines that have numbers: a server does, by 1yz. */
  #announcesTransfers(from: Peer): boolean {
    return from === 'server' && integrityRequired(this);
  }
}

function liftsProtection(verb: string): boolean {
  const facts = commandFacts(verb);
  return facts.liftsProtection === true || facts.resets === true;
}
