/**
 * Syntax and security context together: replies and commands protected and unprotected (RFC 2228 §3 and §5.2). A line
 * is believed for no more than its token's level; that check lives here, once. Verified or nothing.
 */
import { assertBytes, CR, CRLF, concat, concatAll, copy, LF, NUL, startsWith, toUtf8 } from '../bytes.js';
import { FtpSecurityError } from '../errors.js';
import { type Command, parseCommand } from '../ftp/command.js';
import { linesOf } from '../ftp/line.js';
import { beginsWithDigits, parseReply, type Reply } from '../ftp/reply.js';
import { type Classification, classify } from '../ftp/reply-codes.js';
import { type Deviation, Deviations } from './deviations.js';
import { InnerReplies, type InnerReplyOptions } from './inner-reply.js';
import type { SecurityContext, SequenceState, Unwrapped } from './mechanism.js';
import { decodeProtectedCommand, encodeProtectedCommand } from './protected-command.js';
import { decodeProtectedReply, encodeProtectedReply } from './protected-reply.js';
import {
  commonLevel,
  covers,
  factsOf,
  levelOfVerb,
  type ProtectionLevel,
  type TokenLevel,
} from './protection-level.js';

export interface UnprotectOptions extends InnerReplyOptions {
  /**
   * Whether every line owes integrity, as §3 has it from the end of the exchange until CCC succeeds. Default: whether
   * the mechanism has integrity.
   */
  integrityOwed?: boolean;
  /**
   * Whether the tokens of one inner reply come without a gap, where the mechanism numbers them: what was taken out of a
   * reply is refused then (`security/out-of-sequence`). Default false: `sequence` tells.
   */
  gapless?: boolean;
}

export interface Unprotected<T> {
  inner: T;
  /** What the mechanism applied to every token of it; with `confidential` alone, nothing vouches for the text. */
  level: ProtectionLevel;
  tolerated: Deviation[];
  /** The state of the token that stood worst. */
  sequence: SequenceState;
}

export interface UnprotectedReply extends Unprotected<Reply> {
  /** The inner reply classified: the last step of decoding. */
  classification: Classification;
}

export interface ProtectReplyOptions {
  /**
   * Every line as a whole `63z ` reply of its own, so that the inner reply spans them. curl and Bazaar's client break on
   * `63z-`, and Heimdal's ftpd sends no other form. Default false: `63z-` for all lines but the last.
   */
  replyPerLine?: boolean;
}

/**
 * Protects a reply: one token for each line of it, its CRLF inside, as every living peer understands it. Each token can be
 * sent again as the whole of an outer reply, so a middle line that begins with the digits of another reply gets a blank in
 * front (RFC 959 §4.2).
 * @param plaintext  octets of one whole reply; the final CRLF may be left out
 * @returns octets of the 63z reply, labelled with the level that the mechanism applied
 * @throws RangeError when the plaintext is no reply; FtpSecurityError `security/level-unsupported`
 */
export function protectReply(
  context: SecurityContext,
  level: TokenLevel,
  plaintext: Uint8Array,
  { replyPerLine = false }: ProtectReplyOptions = {},
): Uint8Array {
  const wrapped = crlfLinesOf(ofCaller(parseReply, plaintext)).map(line => context.wrap(line, level));
  if (replyPerLine)
    return concatAll(wrapped.map(one => encodeProtectedReply({ level: one.level, tokens: [one.token] })));
  return encodeProtectedReply({ level: wrapped[0]!.level, tokens: wrapped.map(({ token }) => token) });
}

/**
 * Protects a command, its CRLF inside the token.
 * @param plaintext  octets of one command; the final CRLF may be left out
 * @returns octets of a MIC, CONF or ENC command, labelled with the level that the mechanism applied
 * @throws RangeError when the plaintext is no command; FtpSecurityError `security/level-unsupported`
 */
export function protectCommand(context: SecurityContext, level: TokenLevel, plaintext: Uint8Array): Uint8Array {
  const { raw } = ofCaller(parseCommand, plaintext);
  return encodeProtectedCommand(context.wrap(withCrlf(raw), level));
}

/**
 * Unprotects a reply that stands whole in one outer reply.
 * @throws FtpSecurityError as {@link ProtectedReplyReader}, and `syntax/truncated` when the inner reply is not finished
 */
export function unprotectReply(
  context: SecurityContext,
  reply: Reply,
  options: UnprotectOptions = {},
): UnprotectedReply {
  const reader = new ProtectedReplyReader(context, options);
  reader.push(reply);
  const unprotected = reader.next();
  if (unprotected === undefined) throw new FtpSecurityError('syntax/truncated', 'the inner reply is not finished');
  return unprotected;
}

/**
 * Unprotects a command.
 * @throws FtpSecurityError `sequence/unprotected` for a clear command, `sequence/wrong-level` (533),
 *   `security/level-unsupported` (537), `syntax/bad-command`, `syntax/bad-base64`, and what the mechanism refuses
 */
export function unprotectCommand(
  context: SecurityContext,
  command: Command,
  options: UnprotectOptions = {},
): Unprotected<Command> {
  const { level, token, tolerated = [] } = decodeProtectedCommand(command, options);
  const { plaintext, level: applied, sequence } = context.unwrap(token);
  checkCommandLevel(context, level, applied, options);
  const deviations = new Deviations(options);
  const inner = parseInnerCommand(plaintext, deviations);
  return { inner, level: applied, tolerated: [...tolerated, ...deviations.seen], sequence };
}

/**
 * Outer replies in, inner replies out: an inner reply may span several outer ones. After an error it goes on with the next
 * outer reply, and the last line of an inner reply that was broken may then come as a reply by itself: verified, but not
 * all that the server said. A session stops at the error instead.
 */
export class ProtectedReplyReader {
  readonly #context: SecurityContext;
  readonly #options: UnprotectOptions;
  readonly #inner: InnerReplies;
  readonly #ready: UnprotectedReply[] = [];
  /** What the outer replies of an unfinished inner reply had. */
  #before: Seen[] = [];

  constructor(context: SecurityContext, options: UnprotectOptions = {}) {
    this.#context = context;
    this.#options = options;
    this.#inner = new InnerReplies(options);
  }

  /**
   * Takes one whole 63z reply.
   * @throws FtpSecurityError `sequence/unprotected` for a reply in the clear, `sequence/wrong-level`,
   *   `syntax/bad-reply`, `syntax/bad-base64`, `syntax/limit-exceeded`, `security/out-of-sequence` where it is to be
   *   gapless, and what the mechanism refuses. The outer reply and what was open before it are dropped; tokens of it that were good stay used.
   */
  push(outer: Reply): void {
    const before = this.#before;
    this.#before = [];
    try {
      const { level, tokens, tolerated = [] } = decodeProtectedReply(outer, this.#options);
      const deviations = new Deviations(this.#options);
      const goesOn = this.#inner.open;
      const opened = tokens.map((token, i) => {
        const one = this.#open(token, level, deviations);
        if (i > 0 || goesOn) this.#checkGap();
        return one;
      });
      const inner = this.#inner.push(opened.map(({ plaintext }) => plaintext));
      const seen = [
        ...before,
        ...opened.map((one): Seen => ({ level: one.level, sequence: one.sequence, tolerated: [] })),
        { ...opened[0]!, tolerated: [...tolerated, ...deviations.seen, ...(inner?.tolerated ?? [])] },
      ];
      if (inner === undefined) this.#before = [summary(seen)];
      else this.#ready.push({ inner: inner.reply, ...summary(seen), classification: classify(inner.reply.code) });
    } catch (error) {
      this.#inner.reset();
      throw error;
    }
  }

  /** The next whole inner reply; undefined when there is none yet. */
  next(): UnprotectedReply | undefined {
    return this.#ready.shift();
  }

  /** @throws FtpSecurityError `syntax/truncated` when an inner reply is still open */
  close(): void {
    this.#before = [];
    this.#inner.close();
  }

  #open(token: Uint8Array, claimed: TokenLevel, deviations: Deviations): Unwrapped {
    const opened = this.#context.unwrap(token);
    checkReplyLevel(this.#context, claimed, opened.level, deviations, this.#options);
    return opened;
  }

  #checkGap(): void {
    const { lastReceived, lastFollows } = this.#context;
    if (this.#options.gapless !== true || lastReceived === undefined || lastFollows === true) return;
    throw new FtpSecurityError('security/out-of-sequence', 'a line of the reply is missing');
  }
}

/**
 * Holds the level that a 63z reply claims against what its token had. 633 claims no integrity, so where integrity is
 * owed it counts only if its token has it all the same. 632 around a token that is not sealed is taken where that is
 * tolerated by name.
 * @throws FtpSecurityError `sequence/wrong-level`
 */
export function checkReplyLevel(
  context: SecurityContext,
  claimed: TokenLevel,
  applied: TokenLevel,
  deviations: Deviations,
  options: UnprotectOptions = {},
): void {
  if (claimed === 'private' && applied === 'safe' && deviations.allows('integrity-under-632')) {
    deviations.accept('integrity-under-632', 'sequence/wrong-level');
    return;
  }
  checkClaim(claimed, applied);
  if (factsOf(claimed).integrity || !owesIntegrity(context, options)) return;
  if (!factsOf(applied).integrity) throw wrongLevel('633 without integrity where integrity is owed');
  deviations.accept('integrity-under-633', 'sequence/wrong-level');
}

/**
 * Holds the level that MIC, CONF or ENC claims against what its token had.
 * @throws FtpSecurityError `sequence/wrong-level`: 533; `security/level-unsupported` for CONF after CCC under a
 *   mechanism that has no such level: 537
 */
export function checkCommandLevel(
  context: SecurityContext,
  claimed: TokenLevel,
  applied: TokenLevel,
  options: UnprotectOptions = {},
): void {
  checkClaim(claimed, applied);
  if (factsOf(claimed).integrity) return;
  if (owesIntegrity(context, options)) throw wrongLevel('CONF where integrity is owed');
  if (!context.supports(claimed)) {
    throw new FtpSecurityError('security/level-unsupported', `${context.mechanism} has no level ${claimed}`);
  }
}

function checkClaim(claimed: TokenLevel, applied: TokenLevel): void {
  if (!covers(applied, claimed)) throw wrongLevel(`a ${applied} token where the line claims ${claimed}`);
}

function owesIntegrity(context: SecurityContext, { integrityOwed }: UnprotectOptions): boolean {
  return integrityOwed ?? (context.supports('safe') || context.supports('private'));
}

function wrongLevel(why: string): FtpSecurityError {
  return new FtpSecurityError('sequence/wrong-level', why);
}

/**
 * The command inside a token: one NUL, as MIT ends it, or the final CRLF, or nothing (§3 leaves the end of the line out).
 * @throws FtpSecurityError `syntax/bad-command`, also for MIC, CONF or ENC inside
 */
export function parseInnerCommand(plaintext: Uint8Array, deviations: Deviations): Command {
  const nul = plaintext.at(-1) === NUL;
  if (nul) deviations.accept('trailing-nul', 'syntax/bad-command');
  const command = parseCommand(nul ? plaintext.subarray(0, -1) : plaintext);
  if (levelOfVerb(command.verb) !== undefined) {
    throw new FtpSecurityError('syntax/bad-command', 'a protected command inside a protected command');
  }
  return command;
}

const PAD = toUtf8(' ');

type Seen = Omit<Unprotected<never>, 'inner'>;

const WORST_FIRST: readonly SequenceState[] = ['late', 'gap', 'ok', 'none'];

function summary(seen: readonly Seen[]): Seen {
  return {
    level: commonLevel(seen.map(({ level }) => level)),
    sequence: WORST_FIRST.find(state => seen.some(({ sequence }) => sequence === state))!,
    tolerated: [...new Set(seen.flatMap(({ tolerated }) => tolerated))],
  };
}

/** Reads what the caller wants protected: if that can't be read, it is the caller's fault. */
function ofCaller<T>(parse: (bytes: Uint8Array) => T, plaintext: Uint8Array): T {
  assertBytes(plaintext, 'plaintext');
  try {
    return parse(plaintext);
  } catch (error) {
    throw new RangeError(`nothing to protect: ${(error as Error).message}`);
  }
}

/** The lines of a reply, each with its CRLF. Its own code and a hyphen may begin any of them: alone they say the same. */
function crlfLinesOf({ code, raw }: Reply): Uint8Array[] {
  const own = toUtf8(`${code}-`);
  const lines: Uint8Array[] = [];
  for (const { raw: uncut, start } of linesOf(raw)) {
    const line = withCrlf(uncut);
    const isMiddle = start > 0 && start + uncut.length < raw.length;
    lines.push(isMiddle && beginsWithDigits(line) && !startsWith(line, own) ? concat(PAD, line) : line);
  }
  return lines;
}

/** A line of the caller's with its CRLF. */
export function withCrlf(line: Uint8Array): Uint8Array {
  if (line.at(-1) !== LF) return concat(line, CRLF);
  return line.at(-2) === CR ? copy(line) : concat(line.subarray(0, -1), CRLF);
}
