/**
 * Protects and unprotects replies and commands: the syntax together with a security context (RFC 2228 §3 and §5.2). The
 * reported level is the token's; a line that claims more is rejected, here for all callers. No text is returned before its
 * token has been verified.
 */
import type { Allocate } from '../base64.js';
import { assertBytes, CRLF, concat, concatAll, copy, endsInCrlf, HYPHEN, LF, NUL, owned, toUtf8 } from '../bytes.js';
import { atPlace, FtpSecurityError } from '../errors.js';
import { type Command, parseCommand, parseOwnCommand } from '../ftp/command.js';
import { lineAt } from '../ftp/line.js';
import { beginsWithDigits, hasCode, type Reply, wholeReplyCode } from '../ftp/reply.js';
import { type Classification, classify } from '../ftp/reply-codes.js';
import { Queue } from '../queue.js';
import { withMemory } from '../work-memory.js';
import { type Deviation, Deviations } from './deviations.js';
import { InnerReplies, type InnerReplyOptions } from './inner-reply.js';
import type { SecurityContext, SequenceState, Unwrapped } from './mechanism.js';
import { decodeCommandToken, encodeProtectedCommand, protectedLevelOfCommand } from './protected-command.js';
import { decodeReplyLines, encodeProtectedReply, lineOf, protectedLevelOf } from './protected-reply.js';
import {
  commonLevel,
  covers,
  factsOf,
  levelOfCode,
  levelOfVerb,
  type ProtectionLevel,
  type TokenLevel,
} from './protection-level.js';

/** Options for reading protected replies and commands. */
export interface UnprotectOptions extends InnerReplyOptions {
  /**
   * Whether every line must have integrity, as §3 requires from the end of the exchange until CCC succeeds. Default: whether
   * the mechanism has integrity.
   */
  requireIntegrity?: boolean;
  /**
   * Whether the tokens of one inner reply must follow each other without a gap, if the mechanism numbers them: a reply with a
   * missing line is then `security/out-of-sequence`. Default false: `sequence` reports the gap.
   */
  gapless?: boolean;
}

/** A reply or command after its tokens have been verified. */
export interface Unprotected<T> {
  /** The reply or command inside. */
  inner: T;
  /** The level that all its tokens really have. With `confidential`, the text is not authenticated. */
  level: ProtectionLevel;
  /** The deviations seen. */
  tolerated: Deviation[];
  /** The worst sequence state among its tokens: `late`, `gap`, `ok`, then `none`. */
  sequence: SequenceState;
}

/** A reply after its tokens have been verified. */
export interface UnprotectedReply extends Unprotected<Reply> {
  /** The meaning of the inner reply's code. */
  classification: Classification;
}

/** The form of a protected reply. */
export interface ProtectReplyOptions {
  /**
   * Send every line as a separate `63z ` reply, so that the inner reply spans several outer ones. curl and Bazaar's client
   * fail on `63z-`, and Heimdal's ftpd sends only this form. Default false: `63z-` for all lines but the last.
   */
  replyPerLine?: boolean;
}

/**
 * Protects a reply (RFC 2228 §5.2): one token for each line with its CRLF, the form that all known peers understand. An
 * attacker could send each token alone as an outer reply, so a middle line that begins with three digits gets a leading space
 * (RFC 959 §4.2).
 * @param level  the least that is applied to every line
 * @param plaintext  octets of one whole reply; the final CRLF may be left out
 * @returns octets of the 63z reply, labelled with the level that the mechanism applied
 * @throws RangeError if the plaintext is not a reply; FtpSecurityError `security/level-unsupported`
 * @example
 * socket.write(protectReply(context, 'private', formatReply(230, 'Logged in'))); // 632 …
 */
export function protectReply(
  context: SecurityContext,
  level: TokenLevel,
  plaintext: Uint8Array,
  { replyPerLine = false }: ProtectReplyOptions = {},
): Uint8Array {
  const code = ofCaller(wholeReplyCode, plaintext);
  const tokens: Uint8Array[] = [];
  const replies: Uint8Array[] = [];
  let applied = level;
  for (const line of crlfLinesOf(code, plaintext)) {
    const wrapped = context.wrap(line, level);
    if (replyPerLine) replies.push(encodeProtectedReply({ level: wrapped.level, tokens: [wrapped.token] }));
    else if (tokens.push(wrapped.token) === 1) applied = wrapped.level;
  }
  return replyPerLine ? concatAll(replies) : encodeProtectedReply({ level: applied, tokens });
}

/**
 * Protects a command (RFC 2228 §3, MIC, CONF and ENC). Its CRLF is inside the token.
 * @param level  the least that is applied
 * @param plaintext  octets of one command; the final CRLF may be left out
 * @returns octets of a MIC, CONF or ENC command, labelled with the level that the mechanism applied
 * @throws RangeError if the plaintext is not a command; FtpSecurityError `security/level-unsupported`
 * @example
 * socket.write(protectCommand(context, 'private', formatCommand('PASS', 'secret'))); // ENC …
 */
export function protectCommand(context: SecurityContext, level: TokenLevel, plaintext: Uint8Array): Uint8Array {
  return protectParsedCommand(context, level, ofCaller(parseCommand, plaintext));
}

/** The same for a command that has been parsed. */
export function protectParsedCommand(context: SecurityContext, level: TokenLevel, { raw }: Command): Uint8Array {
  return encodeProtectedCommand(context.wrap(endsInCrlf(raw) ? raw : withCrlf(raw), level));
}

/**
 * Unprotects a reply that is complete in one outer reply (RFC 2228 §5.2). Some servers spread an inner reply over several
 * outer ones: {@link ProtectedReplyReader} reads these too.
 * @param reply  a 631, 632 or 633 reply
 * @throws FtpSecurityError as {@link ProtectedReplyReader}, and `syntax/truncated` if the inner reply is not finished
 * @example
 * const { inner, level, classification } = unprotectReply(context, parseReply(octets));
 * console.log(inner.code, inner.lines, level, classification.kind); // 230 ['Logged in'] private positive-completion
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
 * Unprotects a command (RFC 2228 §3, MIC, CONF and ENC).
 * @throws FtpSecurityError `sequence/unprotected` for a clear command, `sequence/wrong-level` (533),
 *   `security/level-unsupported` (537), `syntax/bad-command`, `syntax/bad-base64`, and the errors of the mechanism
 * @example
 * const { inner, level } = unprotectCommand(context, parseCommand(octets));
 * console.log(inner.verb, inner.argument, level); // RETR file.txt private
 */
export function unprotectCommand(
  context: SecurityContext,
  command: Command,
  options: UnprotectOptions = {},
): Unprotected<Command> {
  const claimed = protectedLevelOfCommand(command);
  const deviations = new Deviations(options);
  return withMemory(command.raw.length, ({ octets }) => {
    const allocate: Allocate = length => octets.subarray(0, length);
    const { plaintext, level, sequence } = unwrapCommand(context, command, deviations, allocate);
    checkCommandLevel(context, claimed, level, options);
    const inner = parseInnerCommand(plaintext, deviations);
    return { inner, level, tolerated: deviations.seen, sequence };
  });
}

/** @param allocate  gives memory for the token, which is valid during the call */
function unwrapCommand(
  context: SecurityContext,
  command: Command,
  deviations: Deviations,
  allocate: Allocate,
): Unwrapped {
  const token = decodeCommandToken(command, deviations, allocate);
  try {
    return context.unwrap(token);
  } catch (error) {
    throw atPlace(`token of ${command.verb}`, error);
  }
}

/**
 * Reads inner replies from outer ones (RFC 2228 §5.2). An inner reply may span several outer replies.
 *
 * After an error it resumes at the next outer reply. The last line of an inner reply that was damaged may then come as a reply
 * by itself: verified, but not all that the server sent. Sessions stop at the error instead.
 * @example
 * const outer = new ReplyReader();
 * const inner = new ProtectedReplyReader(context);
 * outer.push(chunk); // octets from the socket
 * for (let reply = outer.next(); reply !== undefined; reply = outer.next()) inner.push(reply);
 * for (let reply = inner.next(); reply !== undefined; reply = inner.next()) handle(reply.inner, reply.level);
 */
export class ProtectedReplyReader {
  readonly #context: SecurityContext;
  readonly #options: UnprotectOptions;
  readonly #inner: InnerReplies;
  readonly #ready = new Queue<UnprotectedReply>();
  /** Level and sequence of the outer replies of an unfinished inner reply. */
  #before: Seen | undefined;

  constructor(context: SecurityContext, options: UnprotectOptions = {}) {
    this.#context = context;
    this.#options = options;
    this.#inner = new InnerReplies(options);
  }

  /**
   * Adds one whole 63z reply.
   * @throws FtpSecurityError `sequence/unprotected` for a reply in the clear, `sequence/wrong-level`, `syntax/bad-reply`,
   *   `syntax/bad-base64`, `syntax/limit-exceeded`, `security/out-of-sequence` with the option `gapless`, and the errors of
   *   the mechanism. The outer reply and an unfinished inner reply are dropped. Sequence numbers of its valid tokens stay
   *   recorded.
   */
  push(outer: Reply): void {
    const before = this.#before;
    this.#before = undefined;
    try {
      withMemory(outer.raw.length, ({ octets }) => {
        let used = 0;
        this.#push(outer, before, length => {
          used += length;
          return octets.subarray(used - length, used);
        });
      });
    } catch (error) {
      this.#inner.reset();
      throw error;
    }
  }

  /** @param allocate  gives memory for the tokens, which is valid during the call */
  #push(outer: Reply, before: Seen | undefined, allocate: Allocate): void {
    protectedLevelOf(outer);
    const { deviations } = this.#inner;
    let seen = before;
    let gapMatters = this.#inner.open;
    const plaintexts: Uint8Array[] = [];
    for (const token of decodeReplyLines(outer, deviations, allocate)) {
      const opened = this.#open(token, outer.code, plaintexts.length, deviations);
      if (gapMatters) this.#checkGap();
      gapMatters = true;
      plaintexts.push(opened.plaintext);
      seen = addSeen(seen, opened.level, opened.sequence);
    }
    const inner = this.#inner.push(plaintexts, deviations);
    if (inner === undefined) this.#before = seen;
    else {
      const { reply, tolerated } = inner;
      const { level, sequence } = seen!;
      this.#ready.push({ inner: reply, level, sequence, tolerated, classification: classify(reply.code) });
    }
  }

  /** The next whole inner reply; undefined if more outer replies are needed. */
  next(): UnprotectedReply | undefined {
    return this.#ready.shift();
  }

  /**
   * Declares the end of the input.
   * @throws FtpSecurityError `syntax/truncated` if an inner reply is not finished
   */
  close(): void {
    this.#before = undefined;
    this.#inner.close();
  }

  /** @param index  of the line that has the token */
  #open(token: Uint8Array, code: number, index: number, deviations: Deviations): Unwrapped {
    try {
      const opened = this.#context.unwrap(token);
      checkReplyLevel(this.#context, levelOfCode(code)!, opened.level, deviations, this.#options);
      return opened;
    } catch (error) {
      throw atPlace(lineOf(code, index), error);
    }
  }

  #checkGap(): void {
    const { lastReceived, lastFollows } = this.#context;
    if (this.#options.gapless !== true || lastReceived === undefined || lastFollows === true) return;
    throw new FtpSecurityError('security/out-of-sequence', 'a line of the reply is missing');
  }
}

/**
 * Compares the level that a 63z reply claims with the level of its token. 633 claims no integrity; if integrity is required,
 * it is accepted only if its token has integrity nevertheless. 632 with a token that is not encrypted is accepted only if
 * that deviation is tolerated by name.
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
  if (factsOf(claimed).integrity || !requiresIntegrity(context, options)) return;
  if (!factsOf(applied).integrity) throw wrongLevel('a 633 reply without integrity, but integrity is required');
  deviations.accept('integrity-under-633', 'sequence/wrong-level');
}

/**
 * Compares the level that MIC, CONF or ENC claims with the level of its token.
 * @throws FtpSecurityError `sequence/wrong-level` (533); `security/level-unsupported` (537) for CONF after CCC, if the
 *   mechanism doesn't have this level
 */
export function checkCommandLevel(
  context: SecurityContext,
  claimed: TokenLevel,
  applied: TokenLevel,
  options: UnprotectOptions = {},
): void {
  checkClaim(claimed, applied);
  if (factsOf(claimed).integrity) return;
  if (requiresIntegrity(context, options)) throw wrongLevel('CONF has no integrity, but integrity is required');
  if (!context.supports(claimed)) {
    throw new FtpSecurityError('security/level-unsupported', `${context.mechanism} does not support level ${claimed}`);
  }
}

function checkClaim(claimed: TokenLevel, applied: TokenLevel): void {
  if (!covers(applied, claimed)) throw wrongLevel(`the line claims level ${claimed}, but its token is ${applied}`);
}

function requiresIntegrity(context: SecurityContext, { requireIntegrity }: UnprotectOptions): boolean {
  return requireIntegrity ?? (context.supports('safe') || context.supports('private'));
}

function wrongLevel(why: string): FtpSecurityError {
  return new FtpSecurityError('sequence/wrong-level', why);
}

/**
 * Parses the command inside a token, whose octets the result may keep. It may end in CRLF, in one NUL, as MIT sends it, or in
 * neither (§3 omits the line end).
 * @throws FtpSecurityError `syntax/bad-command`, also for MIC, CONF or ENC inside
 */
export function parseInnerCommand(plaintext: Uint8Array, deviations: Deviations): Command {
  const nul = plaintext.at(-1) === NUL;
  if (nul) deviations.accept('trailing-nul', 'syntax/bad-command');
  const command = parseOwnCommand(owned(nul ? plaintext.subarray(0, -1) : plaintext));
  if (levelOfVerb(command.verb) !== undefined) {
    throw new FtpSecurityError('syntax/bad-command', 'a protected command contains a protected command');
  }
  return command;
}

const PAD = toUtf8(' ');

type Seen = Pick<Unprotected<never>, 'level' | 'sequence'>;

const WORST_FIRST: readonly SequenceState[] = ['late', 'gap', 'ok', 'none'];

/** What all tokens so far and one more have in common: no more than either, and the worse sequence state. */
function addSeen(before: Seen | undefined, level: TokenLevel, sequence: SequenceState): Seen {
  if (before === undefined) return { level, sequence };
  return {
    level: commonLevel([before.level, level]),
    sequence: WORST_FIRST.find(state => state === before.sequence || state === sequence)!,
  };
}

/** Parses plaintext of the caller: if it can't be parsed, that is misuse, and a RangeError. */
function ofCaller<T>(parse: (bytes: Uint8Array) => T, plaintext: Uint8Array): T {
  assertBytes(plaintext, 'plaintext');
  try {
    return parse(plaintext);
  } catch (error) {
    throw new RangeError(`nothing to protect: ${(error as Error).message}`);
  }
}

/**
 * The lines of a reply, each with its CRLF. Any but the last may begin with the reply's own code and a hyphen: alone, it is no
 * other reply.
 */
function crlfLinesOf(code: number, raw: Uint8Array): Uint8Array[] {
  const isOwn = (line: Uint8Array) => hasCode(line, code) && line[3] === HYPHEN;
  const lines: Uint8Array[] = [];
  for (let start = 0; start < raw.length; ) {
    const { next } = lineAt(raw, start);
    const uncut = next - start === raw.length ? raw : raw.subarray(start, next);
    const line = endsInCrlf(uncut) ? uncut : withCrlf(uncut);
    const isLast = next === raw.length;
    lines.push(!isLast && beginsWithDigits(line) && !isOwn(line) ? concat(PAD, line) : line);
    start = next;
  }
  return lines;
}

/** A copy of a line of the caller, with CRLF. */
export function withCrlf(line: Uint8Array): Uint8Array {
  if (endsInCrlf(line)) return copy(line);
  return concat(line.at(-1) === LF ? line.subarray(0, -1) : line, CRLF);
}
