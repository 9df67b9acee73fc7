/** Removes the protection of replies for a client, and checks which replies may come in the clear and which must. */
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
  hasIntegrity,
  integrityRequired,
  type PendingCommand,
  replyMayBeClear,
  replyMustBeClear,
  replyNeedsIntegrity,
} from './rules.js';
import type { SecurityState } from './state.js';

/** The command that a reply with a code answers; undefined for a reply that nobody asked for. */
type Answering = (code: number) => PendingCommand | undefined;

/** For one association, or for the time without any. */
export class ReplyUnprotector {
  readonly #state: SecurityState;
  readonly #options: InnerReplyOptions;
  readonly #policy: Policy;
  readonly #reader: ProtectedReplyReader | undefined;
  /** An inner reply has begun, and later outer replies must finish it. */
  #open = false;
  readonly #early: boolean;

  /** @param early  a context that awaits the reply which completes the exchange: MIT's server may protect that already */
  constructor(state: SecurityState, options: InnerReplyOptions, policy: Policy, early?: SecurityContext) {
    this.#state = state;
    this.#options = options;
    this.#policy = policy;
    this.#early = early !== undefined;
    const owed = () => this.#early || integrityRequired(state);
    const context = state.control ?? early;
    this.#reader =
      context &&
      new ProtectedReplyReader(context, {
        ...options,
        gapless: true,
        get requireIntegrity() {
          return owed();
        },
      });
  }

  /**
   * @param answering  which command it answers, to be known when its inner code is
   * @returns undefined while an inner reply goes on in the next outer one
   * @throws FtpSecurityError for what may not be believed
   */
  open(outer: Reply, answering: Answering): UnprotectedReply | undefined {
    return outer.code < 600 ? this.#clear(outer, answering(outer.code)) : this.#protected(outer, answering);
  }

  /** What is wrong with a line that begins no reply. @param error  of ReplyReader */
  unreadable(error: unknown): unknown {
    const isLine = error instanceof FtpSecurityError && error.code === 'syntax/bad-reply';
    return isLine && this.#open ? unprotected() : error;
  }

  /** @throws FtpSecurityError `syntax/truncated` when an inner reply is not finished */
  close(): void {
    this.#reader?.close();
  }

  #clear(reply: Reply, answered: PendingCommand | undefined): UnprotectedReply {
    const state = this.#state;
    if (this.#open || (hasIntegrity(state) && !replyMayBeClear(state.phase, answered))) throw unprotected();
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
    if (this.#reader === undefined) throw new FtpSecurityError('sequence/no-context', 'no security association stands');
    if (levelOfCode(outer.code) !== undefined && hasClearLine(outer)) throw unprotected();
    const deviations = new Deviations(this.#options);
    if (this.#early) deviations.accept('protected-235', 'sequence/no-context');
    this.#reader.push(outer);
    const reply = this.#reader.next();
    this.#open = reply === undefined;
    if (reply === undefined) return undefined;
    if (this.#early) assertCompletes(reply);
    return this.#judged(reply, levelOfCode(outer.code)!, answering(reply.inner.code), deviations);
  }

  #judged(
    reply: UnprotectedReply,
    claimed: TokenLevel,
    answered: PendingCommand | undefined,
    deviations: Deviations,
  ): UnprotectedReply {
    const state = this.#state;
    const { control } = state;
    if (replyMustBeClear(state.phase, answered)) {
      deviations.accept('protected-after-ccc', 'sequence/wrong-level');
    }
    // Where every line owes integrity, the reader has seen to it.
    if (control !== undefined && !integrityRequired(state) && replyNeedsIntegrity(state, answered)) {
      checkReplyLevel(control, claimed, reply.level as TokenLevel, deviations, { requireIntegrity: true });
    }
    const { require } = this.#policy;
    if (require !== undefined && state.phase === 'secured' && !covers(reply.level, require)) {
      throw new FtpSecurityError('sequence/wrong-level', `a ${reply.level} reply where policy wants ${require}`);
    }
    return { ...reply, tolerated: [...deviations.seen, ...reply.tolerated] };
  }
}

function unprotected(): FtpSecurityError {
  return new FtpSecurityError('sequence/unprotected', 'a reply in the clear where protection is owed');
}

/** The one reply that may come so early, and the first token of its sender. */
function assertCompletes({ inner, sequence }: UnprotectedReply): void {
  if (inner.code !== 235) {
    const message = 'a protected reply, other than 235, before the exchange is complete';
    throw new FtpSecurityError('sequence/no-context', message);
  }
  if (sequence === 'gap') throw new FtpSecurityError('security/out-of-sequence', 'a line before 235 is missing');
}
