/** Replies as a client gets them: which may come in the clear, which must, and what is in the protected ones. */
import { FtpSecurityError } from '../errors.js';
import type { Reply } from '../ftp/reply.js';
import { classify } from '../ftp/reply-codes.js';
import { Deviations } from '../secure/deviations.js';
import type { InnerReplyOptions } from '../secure/inner-reply.js';
import { ProtectedReplyReader, type UnprotectedReply } from '../secure/protect.js';
import { covers } from '../secure/protection-level.js';
import type { SecurityContext } from '../secure/security-context.js';
import { endsBare } from './asked.js';
import type { Association } from './association.js';
import type { Policy } from './command-rules.js';
import { hasIntegrity, replyMayBeClear, replyMustBeClear, replyOwesIntegrity, type Unanswered } from './rules.js';

/** For one association, or for the time without any. */
export class ReplyOpener {
  readonly #association: Association;
  readonly #options: InnerReplyOptions;
  readonly #policy: Policy;
  readonly #reader: ProtectedReplyReader | undefined;
  /** An inner reply has begun, and later outer replies must finish it. */
  #open = false;
  readonly #early: boolean;
  #answered: Unanswered | undefined;

  /** @param early  a context that awaits the reply which completes the exchange: MIT's server may protect that already */
  constructor(association: Association, options: InnerReplyOptions, policy: Policy, early?: SecurityContext) {
    this.#association = association;
    this.#options = options;
    this.#policy = policy;
    this.#early = early !== undefined;
    const owed = () => this.#early || replyOwesIntegrity(association.standing, this.#answered);
    const context = association.control ?? early;
    this.#reader =
      context &&
      new ProtectedReplyReader(context, {
        ...options,
        gapless: true,
        get integrityOwed() {
          return owed();
        },
      });
  }

  /**
   * @param answered  the command that the reply answers
   * @returns undefined while an inner reply goes on in the next outer one
   * @throws FtpSecurityError for what may not be believed
   */
  open(outer: Reply, answered: Unanswered | undefined): UnprotectedReply | undefined {
    this.#answered = answered;
    return outer.code < 600 ? this.#clear(outer) : this.#protected(outer);
  }

  /** @throws FtpSecurityError `syntax/truncated` when an inner reply is not finished */
  close(): void {
    this.#reader?.close();
  }

  #clear(reply: Reply): UnprotectedReply {
    const { standing } = this.#association;
    if (hasIntegrity(standing) && !replyMayBeClear(standing.phase, this.#answered)) {
      throw new FtpSecurityError('sequence/unprotected', 'a reply in the clear where protection is owed');
    }
    if (this.#open) throw new FtpSecurityError('syntax/bad-reply', 'a reply in the clear within a protected one');
    const tolerated = endsBare(reply.raw) ? (['bare-lf'] as const) : [];
    return {
      inner: reply,
      level: 'clear',
      tolerated: [...tolerated],
      sequence: 'none',
      classification: classify(reply.code),
    };
  }

  #protected(outer: Reply): UnprotectedReply | undefined {
    const { standing } = this.#association;
    if (this.#reader === undefined) throw new FtpSecurityError('sequence/no-context', 'no security association stands');
    const deviations = new Deviations(this.#options);
    if (this.#early) deviations.meet('protected-235', 'sequence/no-context');
    if (replyMustBeClear(standing.phase, this.#answered)) {
      deviations.meet('protected-after-ccc', 'sequence/wrong-level');
    }
    this.#reader.push(outer);
    const reply = this.#reader.next();
    this.#open = reply === undefined;
    if (reply === undefined) return undefined;
    if (this.#early && reply.inner.code !== 235) {
      throw new FtpSecurityError(
        'sequence/no-context',
        'a protected reply, other than 235, before the exchange is complete',
      );
    }
    const { require } = this.#policy;
    if (require !== undefined && standing.phase === 'secured' && !covers(reply.level, require)) {
      throw new FtpSecurityError('sequence/wrong-level', `a ${reply.level} reply where policy wants ${require}`);
    }
    return { ...reply, tolerated: [...deviations.met, ...reply.tolerated] };
  }
}
