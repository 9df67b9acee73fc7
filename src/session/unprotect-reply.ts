/** Removes the protection of replies for a client, and checks which replies may be clear and which must be (RFC 2228 §3, §7). */
import { FtpSecurityError } from '../errors.js';
import type { Reply } from '../ftp/reply.js';
import { classify } from '../ftp/reply-codes.js';
import { Deviations } from '../protection/deviations.js';
import type { InnerReplyOptions } from '../protection/inner-reply.js';
import type { SecurityContext } from '../protection/mechanism.js';
import { checkReplyLevel, ProtectedReplyReader, type UnprotectedReply } from '../protection/protect.js';
import { hasClearLine } from '../protection/protected-reply.js';
import { covers, levelOfCode, type TokenLevel } from '../protection/protection-level.js';
import { hasBareLf } from '../protection/token-text.js';
import type { Policy } from './command-rules.js';
import {
  clearReply,
  hasIntegrity,
  integrityRequired,
  noAssociation,
  type PendingCommand,
  replyMayBeClear,
  replyMustBeClear,
  replyNeedsIntegrity,
} from './rules.js';
import type { SecurityState } from './state.js';

/** Gives the command that a reply with this code answers; undefined for a reply without a command. */
type Answering = (code: number) => PendingCommand | undefined;

/** Serves one association, or the time without one. */
export class ReplyUnprotector {
  readonly #state: SecurityState;
  readonly #options: InnerReplyOptions;
  readonly #policy: Policy;
  readonly #reader: ProtectedReplyReader | undefined;
  /** An inner reply has begun that later outer replies must finish. */
  #open = false;
  readonly #early: boolean;

  /** @param early  the context before the exchange is complete: MIT's server may already protect the reply that completes it */
  constructor(state: SecurityState, options: InnerReplyOptions, policy: Policy, early?: SecurityContext) {
    this.#state = state;
    this.#options = options;
    this.#policy = policy;
    this.#early = early !== undefined;
    const required = () => this.#early || integrityRequired(state);
    const context = state.controlContext ?? early;
    this.#reader =
      context &&
      new ProtectedReplyReader(context, {
        ...options,
        gapless: true,
        get requireIntegrity() {
          return required();
        },
      });
  }

  /**
   * Removes the protection of a reply.
   * @param answering  called with the code of the inner reply
   * @returns undefined while an inner reply continues in the next outer one
   * @throws FtpSecurityError for a reply that can't be trusted: `sequence/unprotected`, `sequence/wrong-level`,
   *   `sequence/no-context`, and the errors of ProtectedReplyReader
   */
  open(outer: Reply, answering: Answering): UnprotectedReply | undefined {
    return outer.code < 600 ? this.#clear(outer, answering(outer.code)) : this.#protected(outer, answering);
  }

  /**
   * The error for a line that begins no reply. Within a protected reply it is a line in the clear.
   * @param error  of ReplyReader
   */
  unreadable(error: unknown): unknown {
    const isLine = error instanceof FtpSecurityError && error.code === 'syntax/bad-reply';
    return isLine && this.#open ? clearReply() : error;
  }

  /** The input has ended. @throws FtpSecurityError `syntax/truncated` when an inner reply is not finished */
  close(): void {
    this.#reader?.close();
  }

  #clear(reply: Reply, answered: PendingCommand | undefined): UnprotectedReply {
    const state = this.#state;
    if (this.#open || (hasIntegrity(state) && !replyMayBeClear(state.phase, answered))) throw clearReply();
    const tolerated = hasBareLf(reply.raw) ? (['bare-lf'] as const) : [];
    return {
      inner: reply,
      level: 'clear',
      tolerated: [...tolerated],
      sequence: 'none',
      classification: classify(reply.code),
    };
  }

  #protected(outer: Reply, answering: Answering): UnprotectedReply | undefined {
    if (this.#reader === undefined) throw noAssociation();
    if (levelOfCode(outer.code) !== undefined && hasClearLine(outer)) throw clearReply();
    const deviations = new Deviations(this.#options);
    if (this.#early) deviations.accept('protected-235', 'sequence/no-context');
    this.#reader.push(outer);
    const reply = this.#reader.next();
    this.#open = reply === undefined;
    if (reply === undefined) return undefined;
    if (this.#early) assertCompletes(reply);
    return this.#checked(reply, levelOfCode(outer.code)!, answering(reply.inner.code), deviations);
  }

  #checked(
    reply: UnprotectedReply,
    claimed: TokenLevel,
    answered: PendingCommand | undefined,
    deviations: Deviations,
  ): UnprotectedReply {
    const state = this.#state;
    const { controlContext } = state;
    if (replyMustBeClear(state.phase, answered)) {
      deviations.accept('protected-after-ccc', 'sequence/wrong-level');
    }
    // If every line must have integrity, the reader has checked it.
    if (controlContext !== undefined && !integrityRequired(state) && replyNeedsIntegrity(state, answered)) {
      checkReplyLevel(controlContext, claimed, reply.level as TokenLevel, deviations, { requireIntegrity: true });
    }
    const { require } = this.#policy;
    if (require !== undefined && state.phase === 'secured' && !covers(reply.level, require)) {
      throw new FtpSecurityError('sequence/wrong-level', `a ${reply.level} reply where policy requires ${require}`);
    }
    const { seen } = deviations;
    return seen.length === 0 ? reply : { ...reply, tolerated: [...seen, ...reply.tolerated] };
  }
}

/** The only reply that may be protected before the exchange is complete is 235, and its token is the first of the server. */
function assertCompletes({ inner, sequence }: UnprotectedReply): void {
  if (inner.code !== 235) {
    const message = 'a protected reply, other than 235, before the exchange is complete';
    throw new FtpSecurityError('sequence/no-context', message);
  }
  if (sequence === 'gap') throw new FtpSecurityError('security/out-of-sequence', 'a line before 235 is missing');
}
