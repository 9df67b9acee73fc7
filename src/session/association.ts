/** Security association state shared by client and server sessions: phase, security context, peer information. */
import { type ErrorFacts, FtpSecurityError } from '../errors.js';
import { isTransfer } from '../ftp/commands.js';
import { BlockReader, type BlockReaderOptions, BlockWriter } from '../protection/data-block.js';
import type { ExchangeFacts, Peer, SecurityContext } from '../protection/mechanism.js';
import { factsOf, type ProtectionLevel, TOKEN_LEVELS } from '../protection/protection-level.js';
import { formatPbszText } from '../protection/security-data.js';
import type { Policy } from './command-rules.js';
import { PeerSequence } from './peer-sequence.js';
import {
  type CommandRequest,
  type ConnectionState,
  NO_ASSOCIATION,
  nextState,
  owesIntegrity,
  sharesNumbers,
  strongest,
} from './rules.js';

export interface AssociationPolicy extends Pick<Policy, 'require'> {
  allowWeak?: boolean | undefined;
}

/**
 * A security association has begun, or has ended: by an accepted AUTH, by REIN, or with its session. A login belongs to the
 * association that it was made under (RFC 2228 §3, AUTH): with either event the user must log in again.
 */
export interface AssociationEvent {
  type: 'begins' | 'ends';
  /** The name that AUTH knows it by. */
  mechanism: string;
  /** What the exchange has found out: names and flags. */
  facts: ExchangeFacts;
}

export interface AssociationOptions {
  /** Default {@link DEFAULT_MIN_PBSZ}. */
  minPbsz?: number | undefined;
  allowMissingLines?: boolean | undefined;
  association?: ((event: AssociationEvent) => void) | undefined;
}

/**
 * A token adds up to 72 octets to its block (AES with SHA-2), and its work hardly depends on its size. Where a block holds one
 * octet, a file costs 77 times its octets, and 64 KiB of it keep the event loop for some seconds. With 128 a file costs about
 * twice its octets, and 64 KiB some 50 ms. Living peers ask for 4 KiB and more.
 */
export const DEFAULT_MIN_PBSZ = 128;

export class Association {
  readonly #peer: Peer;
  readonly #allowMissingLines: boolean;
  readonly #minPbsz: number;
  readonly #tell: (event: AssociationEvent) => void;
  /** Of the association that stands, and has not been told to have ended. */
  #mechanism: string | undefined;
  #state: ConnectionState = NO_ASSOCIATION;
  #context: SecurityContext | undefined;
  #control: SecurityContext | undefined;
  #facts: ExchangeFacts = {};
  #sequence = new PeerSequence(false);
  /** Of the transfer that runs, or comes next. */
  #writer: BlockWriter | undefined;
  #aborted = false;

  /**
   * @param peer  who the other side is
   * @throws RangeError for a least buffer size that is none
   */
  constructor(peer: Peer, options: AssociationOptions) {
    const { minPbsz = DEFAULT_MIN_PBSZ, allowMissingLines = false, association = () => {} } = options;
    formatPbszText(minPbsz);
    this.#peer = peer;
    this.#minPbsz = minPbsz;
    this.#allowMissingLines = allowMissingLines;
    this.#tell = association;
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** The context as the control connection uses it; present while an association stands. */
  get control(): SecurityContext | undefined {
    return this.#control;
  }

  get facts(): ExchangeFacts {
    return this.#facts;
  }

  /** Adds what a step of the exchange has found out. */
  recordFacts(facts: ExchangeFacts | undefined): void {
    this.#facts = { ...this.#facts, ...facts };
  }

  /** A command has been answered finally. What AUTH or REIN ends is erased (appendix I). */
  settle(request: CommandRequest, code: number): void {
    this.#endTransfer(request.verb, code);
    this.#state = nextState(this.#state, request, code);
    const { phase, levels } = this.#state;
    const facts = this.#facts;
    if (phase === 'clear' || (request.verb === 'AUTH' && code < 400)) this.#facts = {};
    if (levels.length === 0) this.#forget(facts);
  }

  /** The exchange is complete on both sides. */
  establish(context: SecurityContext): void {
    this.#context = context;
    this.#sequence = new PeerSequence(this.#allowMissingLines);
    this.#control = inOrder(context, this.#sequence);
    const levels = TOKEN_LEVELS.map(({ level }) => level).filter(level => context.supports(level));
    this.#state = { ...nextState(this.#state, { verb: 'ADAT', level: 'clear' }, 235), levels };
    this.#mechanism = context.mechanism;
    this.#tell({ type: 'begins', mechanism: context.mechanism, facts: this.#facts });
  }

  /** The exchange has been given up. */
  reset(): void {
    const facts = this.#facts;
    this.#state = NO_ASSOCIATION;
    this.#facts = {};
    this.#forget(facts);
  }

  /** Erases the keys and leaves all else: what needs them fails from now on, and nothing goes in the clear for want of them. */
  destroy(): void {
    this.#control?.destroy();
    this.#end(this.#facts);
  }

  /** The policy that a new context breaks, checked before it is in force: 534. */
  policyError(
    context: SecurityContext,
    facts: ExchangeFacts,
    { allowWeak = false, require }: AssociationPolicy,
  ): FtpSecurityError | undefined {
    const refused = { side: 'local', reply: 534 } as const;
    if (facts.weak === true && !allowWeak) {
      return new FtpSecurityError('security/weak', 'the mechanism or its keys are weak', refused);
    }
    if (require === undefined || context.supports(require) || context.supports('private')) return undefined;
    const message = `${context.mechanism} has no level ${require}, which policy wants`;
    return new FtpSecurityError('security/level-unsupported', message, refused);
  }

  /**
   * Holds a buffer size against a level for data: it has a least size, and a block of one octet must fit.
   * @param facts  of the error
   */
  bufferTooSmall(
    level: ProtectionLevel,
    bufferSize: number | undefined,
    facts: ErrorFacts,
  ): FtpSecurityError | undefined {
    if (level === 'clear' || bufferSize === undefined || this.#control === undefined) return undefined;
    if (bufferSize >= this.#minPbsz && this.#control.wrapSizeLimit(level, bufferSize) >= 1) return undefined;
    const message = `a protection buffer of ${bufferSize} octets is too small for ${level} blocks (see minPbsz)`;
    return new FtpSecurityError('syntax/limit-exceeded', message, facts);
  }

  /** Leaves a number out, so that what comes next, moved between blocks of ours, does not follow the one before it. */
  skipNumber(): void {
    if (this.#writer?.closed === true) return;
    this.#control!.wrap(new Uint8Array(), strongest(this.#state.levels)!);
  }

  /** For the next transfer out. @throws FtpSecurityError as BlockWriter does, and for a buffer below the least size */
  dataWriter(): BlockWriter {
    const { protection, bufferSize } = this.#state;
    const bufferTooSmall = this.bufferTooSmall(protection, bufferSize, { side: 'local', reply: 535 });
    if (bufferTooSmall !== undefined) throw bufferTooSmall;
    this.#writer = new BlockWriter(this.#context, protection, { bufferSize });
    if (this.#aborted) this.#writer.abort();
    return this.#writer;
  }

  /** Gives up what we send. The line that says so could be moved into the file: it must not come to its end. */
  abortWriter(): void {
    this.#aborted = true;
    this.#writer?.abort();
  }

  /** A command has been answered by its first preliminary reply. The blocks of a transfer come behind that one. */
  begin(verb: string): void {
    if (isTransfer(verb)) this.#sequence.begin(sharesNumbers(verb, this.#peer, this.#state.protection));
  }

  /** For the next transfer in. To be called before its final reply is read; blocks go in when its command, or 1yz, has been. */
  dataReader(options: Pick<BlockReaderOptions, 'interleaved'> = {}): BlockReader {
    const { protection, bufferSize } = this.#state;
    const first = this.#sequence.firstBlock(this.#isAnsweredByLine);
    const reader = new BlockReader(this.#context, protection, {
      ...options,
      bufferSize,
      get after() {
        return factsOf(protection).integrity ? first().after : undefined;
      },
      get gapBefore() {
        return first().gapBefore;
      },
    });
    this.#sequence.reads(reader);
    return reader;
  }

  /** Whether the peer answers transfers by lines that have numbers. */
  get #isAnsweredByLine(): boolean {
    return this.#peer === 'server' && owesIntegrity(this.#state);
  }

  #endTransfer(verb: string, code: number): void {
    if (!isTransfer(verb)) return;
    this.#writer = undefined;
    this.#aborted = false;
    const { protection } = this.#state;
    this.#sequence.end(code < 300 && sharesNumbers(verb, this.#peer, protection), this.#isAnsweredByLine);
  }

  /** @param facts  of what ends */
  #forget(facts: ExchangeFacts): void {
    this.#control?.destroy();
    this.#context = undefined;
    this.#control = undefined;
    this.#end(facts);
  }

  #end(facts: ExchangeFacts): void {
    const mechanism = this.#mechanism;
    this.#mechanism = undefined;
    if (mechanism !== undefined) this.#tell({ type: 'ends', mechanism, facts });
  }
}

/** A context for the control connection, whose lines keep their order. A confidential token's number can be forged by anybody. */
function inOrder(context: SecurityContext, sequence: PeerSequence): SecurityContext {
  let follows: boolean | undefined;
  return {
    mechanism: context.mechanism,
    supports: level => context.supports(level),
    wrap: (plaintext, level) => context.wrap(plaintext, level),
    unwrap(token) {
      const opened = context.unwrap(token);
      const place = opened.level === 'confidential' ? undefined : context.lastReceived;
      follows = place === undefined || context.lastFollows;
      const error = place === undefined ? undefined : sequence.line(place, follows === true);
      if (error !== undefined) throw error;
      return opened;
    },
    get lastReceived() {
      return sequence.lastLine;
    },
    get lastFollows() {
      return follows;
    },
    wrapSizeLimit: (level, maxToken) => context.wrapSizeLimit(level, maxToken),
    destroy: () => context.destroy(),
  };
}
