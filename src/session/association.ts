/** What a session of either side holds of its security association: where it stands, the context, and what is known of the peer. */
import { type ErrorFacts, FtpSecurityError } from '../errors.js';
import { BlockReader, type BlockReaderOptions, BlockWriter } from '../secure/data-block.js';
import { type ProtectionLevel, TOKEN_LEVELS } from '../secure/protection-level.js';
import type { ExchangeFacts, SecurityContext } from '../secure/security-context.js';
import type { Policy } from './command-rules.js';
import { type Asked, NO_ASSOCIATION, type Standing, standingAfter } from './rules.js';

export interface AssociationPolicy extends Pick<Policy, 'require'> {
  allowWeak?: boolean | undefined;
}

export class Association {
  #standing: Standing = NO_ASSOCIATION;
  #context: SecurityContext | undefined;
  #control: SecurityContext | undefined;
  #facts: ExchangeFacts = {};

  get standing(): Standing {
    return this.#standing;
  }

  /** The context as the control connection uses it; present while an association stands. */
  get control(): SecurityContext | undefined {
    return this.#control;
  }

  get facts(): ExchangeFacts {
    return this.#facts;
  }

  /** Notes what a step of the exchange has found out. */
  learn(facts: ExchangeFacts | undefined): void {
    this.#facts = { ...this.#facts, ...facts };
  }

  /** A command has been answered finally. What AUTH or REIN ends is erased (appendix I). */
  settle(asked: Asked, code: number): void {
    this.#standing = standingAfter(this.#standing, asked, code);
    const { phase, levels } = this.#standing;
    if (levels.length === 0) this.#forget();
    if (phase === 'clear' || (asked.verb === 'AUTH' && code < 400)) this.#facts = {};
  }

  /** The exchange is complete on both sides. */
  establish(context: SecurityContext): void {
    this.#context = context;
    this.#control = inOrder(context);
    const levels = TOKEN_LEVELS.map(({ level }) => level).filter(level => context.supports(level));
    this.#standing = { ...standingAfter(this.#standing, { verb: 'ADAT', level: 'clear' }, 235), levels };
  }

  /** The exchange has been given up. */
  reset(): void {
    this.#standing = NO_ASSOCIATION;
    this.#facts = {};
    this.#forget();
  }

  /** Erases the keys and leaves all else: what needs them fails from now on, and nothing goes in the clear for want of them. */
  destroy(): void {
    this.#control?.destroy();
  }

  /** What policy has against a new context, before it is in force: 534. */
  objection(
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
   * Holds a buffer size against a level for data: a block of one octet must fit.
   * @param facts  of the error
   */
  misfit(level: ProtectionLevel, bufferSize: number | undefined, facts: ErrorFacts): FtpSecurityError | undefined {
    if (level === 'clear' || bufferSize === undefined || this.#control === undefined) return undefined;
    if (this.#control.wrapSizeLimit(level, bufferSize) >= 1) return undefined;
    const message = `a protection buffer of ${bufferSize} octets holds no ${level} block`;
    return new FtpSecurityError('syntax/limit-exceeded', message, facts);
  }

  /** For the next transfer out. @throws FtpSecurityError as BlockWriter does */
  dataWriter(): BlockWriter {
    const { protection, bufferSize } = this.#standing;
    return new BlockWriter(this.#context, protection, { bufferSize });
  }

  /** For the next transfer in. To be called before its final reply is read; blocks go in when its command, or 1yz, has been. */
  dataReader(options: Pick<BlockReaderOptions, 'interleaved'> = {}): BlockReader {
    const { protection, bufferSize } = this.#standing;
    return new BlockReader(this.#context, protection, { ...options, bufferSize, after: this.#control?.lastReceived });
  }

  #forget(): void {
    this.#control?.destroy();
    this.#context = undefined;
    this.#control = undefined;
  }
}

/**
 * The control connection keeps the order of its lines, so a token that was sent before one that has come was moved by
 * somebody. Tokens of data connections come between, and late; and a confidential token has a number that anybody can
 * forge.
 */
function inOrder(context: SecurityContext): SecurityContext {
  let last: bigint | undefined;
  let follows: boolean | undefined;
  return {
    mechanism: context.mechanism,
    supports: level => context.supports(level),
    wrap: (plaintext, level) => context.wrap(plaintext, level),
    unwrap(token) {
      const opened = context.unwrap(token);
      const place = opened.level === 'confidential' ? undefined : context.lastReceived;
      if (place !== undefined && last !== undefined && place < last) {
        throw new FtpSecurityError('security/out-of-sequence', 'a line was sent before one that has come');
      }
      last = place ?? last;
      follows = place === undefined || context.lastFollows;
      return opened;
    },
    get lastReceived() {
      return last;
    },
    get lastFollows() {
      return follows;
    },
    wrapSizeLimit: (level, maxToken) => context.wrapSizeLimit(level, maxToken),
    destroy: () => context.destroy(),
  };
}
