/**
 * What a server sends: replies in the order of their commands, each at the level of its command (RFC 2228 §7), and their
 * texts.
 */
import { concatAll } from '../bytes.js';
import type { RefusalCode } from '../errors.js';
import { protectReply } from '../protection/protect.js';
import type { ProtectionLevel } from '../protection/protection-level.js';
import { formatPbszText } from '../protection/security-data.js';
import type { Queue } from '../queue.js';
import type { RequestEvent, ServerSessionOptions } from './events.js';
import {
  type CommandRequest,
  couldBecomeBlock,
  mayOvertake,
  replyLevel,
  sessionClosed,
  sharesNumbers,
} from './rules.js';
import type { SecurityState } from './state.js';
import type { CommandUnprotector } from './unprotect-command.js';

/** A command that waits for its final reply, and the replies to it that wait for those to earlier commands. */
export type ReceivedCommand = CommandRequest & {
  event: RequestEvent;
  replies: Queue<PendingReply>;
  /** Whether its final reply is sent, or among these. */
  answered?: boolean;
};

export interface PendingReply {
  code: number;
  /** Octets of the reply in the clear. */
  plaintext: Uint8Array;
}

/** Texts of refusals. What was wrong with a token is for the log of the server, not for the sender. */
export const REFUSAL_TEXTS: Readonly<Record<RefusalCode, string>> = {
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

/** The commands that a session grants itself, with the texts of its 200 replies (RFC 2228 §3). */
export const OWN_TEXTS: Readonly<Record<string, (request: CommandRequest) => string>> = {
  PBSZ: ({ bufferSize }) => formatPbszText(bufferSize!),
  PROT: () => 'Protection level set',
  CCC: () => 'Clear commands accepted',
};

/** The replies of one server session. */
export class OutgoingReplies {
  readonly #state: SecurityState<ReceivedCommand>;
  readonly #unprotector: CommandUnprotector;
  readonly #options: Pick<ServerSessionOptions, 'require' | 'replyPerLine'>;
  readonly #finish: (request: ReceivedCommand, code: number) => void;
  #closed = false;

  /** @param finish  called when a command has got its final reply */
  constructor(
    state: SecurityState<ReceivedCommand>,
    unprotector: CommandUnprotector,
    options: Pick<ServerSessionOptions, 'require' | 'replyPerLine'>,
    finish: (request: ReceivedCommand, code: number) => void,
  ) {
    this.#state = state;
    this.#unprotector = unprotector;
    this.#options = options;
    this.#finish = finish;
  }

  /** Every later reply is `sequence/closed`. */
  close(): void {
    this.#closed = true;
  }

  /**
   * Protects a reply.
   * @param level  of the command that it answers; undefined if it answers none
   * @param plaintext  octets of the reply in the clear
   * @returns octets for the client
   */
  protect(level: ProtectionLevel | undefined, plaintext: Uint8Array): Uint8Array {
    if (this.#closed) throw sessionClosed();
    const at = replyLevel(this.#state, level, this.#unprotector.last, this.#options.require);
    return at === 'clear' ? plaintext : protectReply(this.#state.controlContext!, at, plaintext, this.#options);
  }

  /** Adds a reply to a command. @returns octets of all replies whose turn has come, maybe none */
  add(pending: ReceivedCommand, reply: PendingReply): Uint8Array {
    if (this.#isWithinFile(pending, reply) && this.#state.facts.inOrder) {
      throw new RangeError(
        `${reply.code} could be moved into the file that is being sent, and the client requires order`,
      );
    }
    pending.replies.push(reply);
    pending.answered = isFinal(reply);
    const { oldest } = this.#state.pending;
    if (!mayOvertake(pending, oldest)) return this.#flush();
    const isBetweenBlocks = sharesNumbers(oldest!.verb, 'server', this.#state.protection);
    if (isBetweenBlocks && couldBecomeBlock(pending)) {
      if (this.#state.facts.inOrder) return this.#flush();
      this.#state.skipNumber();
    }
    return this.#flush(pending);
  }

  /** Whether a reply is a further 1yz reply to a download that has begun: it could be moved between its blocks. */
  #isWithinFile(pending: ReceivedCommand, reply: PendingReply): boolean {
    const sharesWithBlocks = sharesNumbers(pending.verb, 'server', this.#state.protection);
    return !isFinal(reply) && pending.begun === true && sharesWithBlocks && couldBecomeBlock(pending);
  }

  /** @param only  the command whose replies are sent; default all, in the order of their commands */
  #flush(only?: ReceivedCommand): Uint8Array {
    const sent: Uint8Array[] = [];
    for (;;) {
      const pending = only ?? this.#state.pending.oldest;
      const reply = pending?.replies.shift();
      if (pending === undefined || reply === undefined) break;
      if (this.#isWithinFile(pending, reply)) this.#state.skipNumber();
      sent.push(this.protect(pending.level, reply.plaintext));
      if (isFinal(reply)) {
        this.#state.pending.remove(pending);
        this.#finish(pending, reply.code);
      } else this.#state.begin(pending);
    }
    return sent.length === 1 ? sent[0]! : concatAll(sent);
  }
}

/** Whether a reply ends its command: all but 1yz do (RFC 959 §4.2.1). */
function isFinal(reply: { code: number }): boolean {
  return reply.code >= 200;
}
