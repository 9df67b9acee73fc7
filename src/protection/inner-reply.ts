/**
 * The inner side of protected replies is a stream: plaintexts of outer replies go in, whole inner replies come out. RFC 2228
 * §5.2 has one inner reply in one outer reply; Heimdal spreads it over several, and MIT sends its lines without CRLF. Only
 * the plaintexts are authenticated, so they alone decide where an inner reply ends.
 */
import { ByteQueue } from '../byte-queue.js';
import { CRLF, concat, concatAll, endsInCrlf, NUL, owned } from '../bytes.js';
import { FtpSecurityError, refusalFrom } from '../errors.js';
import { type Reply, replyOf, scanReply } from '../ftp/reply.js';
import { type Deviation, Deviations, type Tolerance } from './deviations.js';

/** Options for inner replies. */
export interface InnerReplyOptions extends Tolerance {
  /** The longest inner reply that is accepted, in octets. Default 16 MiB, as for a reply in the clear. */
  maxReply?: number;
}

export interface InnerReply {
  reply: Reply;
  tolerated: Deviation[];
}

const DEFAULT_MAX_REPLY = 0x1000000;

/** The part of an unfinished inner reply received so far. */
interface OpenReply {
  code: number;
  /** One piece of memory, since a peer may send any number of lines of two octets. */
  text: ByteQueue;
  deviations: Deviations;
}

export class InnerReplies {
  readonly #options: InnerReplyOptions;
  #open: OpenReply | undefined;

  constructor(options: InnerReplyOptions = {}) {
    this.#options = options;
  }

  /** Whether an inner reply is unfinished. */
  get open(): boolean {
    return this.#open !== undefined;
  }

  /** The deviations of the next inner reply, or of the unfinished one: for the outer reply that is going to be added. */
  get deviations(): Deviations {
    return this.#open?.deviations ?? new Deviations(this.#options);
  }

  /** Forgets the unfinished reply: an outer reply failed, and its content is not known. */
  reset(): void {
    this.#open = undefined;
  }

  /**
   * Adds the plaintexts of one outer reply. Work is linear in them, however long the unfinished reply is.
   * @param plaintexts  of all its tokens, in order; the reply that is returned may be one of them, uncopied
   * @param deviations  those of `deviations` before, to which what is seen now is added
   * @returns the inner reply if it is now whole; undefined if it continues in the next outer reply
   * @throws FtpSecurityError `syntax/bad-reply` or `syntax/limit-exceeded`; the unfinished reply is dropped
   */
  push(plaintexts: readonly Uint8Array[], deviations: Deviations = this.deviations): InnerReply | undefined {
    const was = this.#open;
    this.#open = undefined;
    const fragments = plaintexts.map(plaintext => withoutFinalNul(plaintext, deviations));
    const text = fragments.length === 1 ? fragments[0]! : concatAll(fragments);
    this.#assertLimited((was?.text.length ?? 0) + text.length);

    const joined = withEndOfLine(text);
    const asSent = read(joined, was?.code);
    const cut = fragments.slice(0, -1).some(fragment => !endsInCrlf(fragment));
    if (cut) {
      const perLine = concatAll(fragments.map(withEndOfLine));
      const asLines = read(perLine, was?.code);
      if (asLines.kind === 'early') throw bad('the fragments have two readings, and one of them ends too early');
      if (asSent.kind !== 'whole' && asLines.kind === 'whole') {
        deviations.accept('fragment-per-line', 'syntax/bad-reply');
        return finish(was, asLines.code, perLine, deviations);
      }
    }
    if (asSent.kind === 'whole') return finish(was, asSent.code, joined, deviations);
    const ended = endsInCrlf(fragments.at(-1)!);
    if (asSent.kind === 'unfinished' && !cut && (ended || deviations.allows('unended-line-spans-outer'))) {
      deviations.accept(ended ? 'reply-spans-outer' : 'unended-line-spans-outer', 'syntax/bad-reply');
      const open = was?.text ?? new ByteQueue();
      open.append(joined);
      this.#open = { code: asSent.code, text: open, deviations };
      return undefined;
    }
    throw asSent.kind === 'malformed' ? asSent.error : bad(WHY[asSent.kind]);
  }

  /** @throws FtpSecurityError `syntax/truncated` if an inner reply is unfinished */
  close(): void {
    if (!this.open) return;
    this.reset();
    throw new FtpSecurityError('syntax/truncated', 'the input ends within an inner reply');
  }

  #assertLimited(length: number): void {
    const { maxReply = DEFAULT_MAX_REPLY } = this.#options;
    if (length <= maxReply) return;
    throw new FtpSecurityError('syntax/limit-exceeded', `an inner reply is longer than ${maxReply} octets (maxReply)`);
  }
}

type Reading =
  | { kind: 'whole' | 'unfinished'; code: number }
  | { kind: 'early' }
  | { kind: 'malformed'; error: FtpSecurityError };

const WHY = {
  early: 'more than one inner reply in an outer reply',
  unfinished: 'an inner reply is unfinished, and its last line does not end in CRLF',
} as const;

/**
 * Reads octets as a whole reply, the beginning of one, one with octets after it (`early`), or none of these.
 * @param open  the code of the unfinished reply that they continue
 */
function read(octets: Uint8Array, open: number | undefined): Reading {
  try {
    const scanned = scanReply(octets, { strict: true, code: open });
    if (scanned.code >= 600) return { kind: 'malformed', error: bad('a protected reply contains a protected reply') };
    if (scanned.open) return { kind: 'unfinished', code: scanned.code };
    return scanned.end < octets.length ? { kind: 'early' } : { kind: 'whole', code: scanned.code };
  } catch (error) {
    return { kind: 'malformed', error: refusalFrom(error) };
  }
}

function finish(was: OpenReply | undefined, code: number, last: Uint8Array, deviations: Deviations): InnerReply {
  return { reply: replyOf(code, was === undefined ? owned(last) : withLast(was, last)), tolerated: deviations.seen };
}

function withLast({ text }: OpenReply, last: Uint8Array): Uint8Array {
  text.append(last);
  return text.take(text.length);
}

function withoutFinalNul(plaintext: Uint8Array, deviations: Deviations): Uint8Array {
  let fragment = plaintext;
  if (plaintext[plaintext.length - 1] === NUL) {
    deviations.accept('trailing-nul', 'syntax/bad-reply');
    fragment = plaintext.subarray(0, -1);
  }
  if (fragment.length === 0) throw bad('a token contains no text');
  return fragment;
}

function withEndOfLine(fragment: Uint8Array): Uint8Array {
  return endsInCrlf(fragment) ? fragment : concat(fragment, CRLF);
}

function bad(why: string): FtpSecurityError {
  return new FtpSecurityError('syntax/bad-reply', why);
}
