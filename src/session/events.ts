/** Options and events of sessions, and the observations of an observer: types only. */
import type { FtpSecurityError } from '../errors.js';
import type { Command } from '../ftp/command.js';
import type { Reply } from '../ftp/reply.js';
import type { Classification } from '../ftp/reply-codes.js';
import type { Deviation, Tolerance } from '../protection/deviations.js';
import type { ExchangeFacts, Mechanism, Peer, SequenceState } from '../protection/mechanism.js';
import type { ProtectionLevel, TokenLevel } from '../protection/protection-level.js';
import type { Policy } from './command-rules.js';

/**
 * A security association has begun, or has ended: by an accepted AUTH, by REIN, or with its session. A login belongs to the
 * association that it was made under (RFC 2228 §3, AUTH): with either event the user must log in again.
 */
export interface AssociationEvent {
  type: 'begins' | 'ends';
  /** The name of the mechanism in AUTH. */
  mechanism: string;
  /** What the exchange has found out: names and flags. */
  facts: ExchangeFacts;
}

/** Options of {@link ClientSession}. */
export interface ClientSessionOptions extends Tolerance {
  /** The level of commands, until CCC succeeds. Default: the strongest that the context supports. */
  level?: TokenLevel;
  /** The lowest level of commands and replies until CCC succeeds. Default: integrity, if the context supports it. */
  require?: 'safe' | 'private';
  /**
   * Until there is an association, send only the commands that may come before one, such as AUTH. Default: whether `require`
   * is given.
   */
  requireSecurity?: boolean;
  /** Whether CCC may be sent. Default true; it is sent only if the caller sends it. */
  ccc?: boolean;
  /** Accept a context whose mechanism or keys are weak. Default false: `security/weak`. */
  allowWeak?: boolean;
  /**
   * Permit PASS and ACCT without an association that encrypts: anybody on the way can read them. Default false:
   * `sequence/unprotected`.
   */
  allowClearPassword?: boolean;
  /**
   * Continue after a 533, 535 or 537 to a protected command, and after a protected reply, other than 421, that answers no
   * command. The server sends either if somebody on the way has inserted a line, and then every later reply seems to answer
   * another command. Default false: `sequence/unexpected-reply`, and the session is closed.
   */
  allowInsertedLines?: boolean;
  /**
   * The smallest protection buffer, in octets, with which PROT and transfers are sent; the server may choose any in its reply to
   * PBSZ. Default 128: smaller blocks are mostly token, and cost as much work.
   */
  minPbsz?: number;
  /** The most octets of security data in one exchange. Default 256 KiB, as for servers. */
  maxSecurityData?: number;
  /** Called when an association begins or ends. */
  association?: (event: AssociationEvent) => void;
  /**
   * Accept a reply although a line before it is missing; its `sequence` is `gap`. Default false, `security/out-of-sequence`: no
   * block of a transfer can have used the missing number, so somebody has taken a line out.
   */
  allowMissingLines?: boolean;
  /** The most octets in a line; default as for LineReader. */
  maxLine?: number;
  /** The most octets in a reply, outer or inner; default as for ReplyReader. */
  maxReply?: number;
}

/** A whole reply: from verified tokens, or in the clear where the RFC permits it. */
export interface ReplyEvent {
  type: 'reply';
  reply: Reply;
  classification: Classification;
  /** How it was protected: the level that every token of it had. */
  level: ProtectionLevel;
  /** The worst of its tokens. */
  sequence: SequenceState;
  /** Deviations that were seen and tolerated. */
  tolerated: Deviation[];
  /** The command that it answers; undefined for the greeting, and for other replies without a command. */
  command: Command | undefined;
}

/** The mechanism has to take a step: `proceed(await exchange.step(token))`. The session waits. */
export interface SecurityDataEvent {
  type: 'security-data';
  /** From the server; undefined if the reply carries none. */
  token: Uint8Array | undefined;
  /** The server has said that the exchange is complete. */
  complete: boolean;
  reply: Reply;
  /** Deviations that were seen and tolerated. */
  tolerated: Deviation[];
}

/** What {@link ClientSession.next} returns. */
export type ClientEvent = ReplyEvent | SecurityDataEvent;

/** Options of {@link ServerSession}. */
export interface ServerSessionOptions extends Omit<Policy, 'mechanisms'>, Tolerance {
  /** What AUTH may name: other names are refused (504), and every name if the list is empty (502). Only the names are read. */
  mechanisms: readonly Pick<Mechanism, 'name'>[];
  /** Default `refused` (534): after CCC, anybody on the way can insert commands. */
  ccc?: 'allowed' | 'refused' | 'required';
  /** The largest protection buffer that PBSZ can set, in octets: a block is held in memory until it is whole. Default 16 MiB. */
  maxPbsz?: number;
  /**
   * The smallest protection buffer for transfers, in octets. A smaller PBSZ is granted, as RFC 2228 §3 says, but then
   * PROT is refused (431), and so are transfers (534). Default 128: smaller blocks are mostly token, and cost as much work.
   */
  minPbsz?: number;
  /**
   * The most octets of security data in one exchange: more is 535. Default 256 KiB: a ticket of Active Directory has
   * up to 64 KiB, a delegated one as many again, and base 64 is not counted.
   */
  maxSecurityData?: number;
  /**
   * How often AUTH and ADAT may fail on one connection; exchanges that are not finished count too. After that both are answered
   * by 421, and the connection should be closed (`ends`). Default 16: clients try a few mechanisms, each for the services ftp and
   * host, and with every ticket that they have; a client that needs more is guessing.
   */
  maxFailures?: number;
  /**
   * Where integrity is required, continue after a line in the clear, a line whose token can't be opened, or a line before which
   * another is missing. If somebody on the way has inserted it, its refusal (533, 535 or 501) takes the place of another reply,
   * and every later reply seems to answer another command. Default false: `ends` asks to close the connection.
   */
  allowInsertedLines?: boolean;
  /**
   * Send every line of a protected reply as a `63z` reply of its own, for clients that don't know `63z-` (curl). Default
   * false.
   */
  replyPerLine?: boolean;
  /** Called when an association begins or ends. The user must log in again. */
  association?: (event: AssociationEvent) => void;
  /** Called when `refuse`, or `proceed` for reasons of policy, refuses an exchange. Those methods return the same octets. */
  refused?: (event: AnsweredEvent) => void;
  /** Accept a context whose mechanism or keys are weak. Default false: 534. */
  allowWeak?: boolean;
  /**
   * Accept a command although a line before it is missing; its `sequence` is `gap`. Default false, `security/out-of-sequence`: no
   * block of a transfer can have used the missing number, so somebody has taken a line out.
   */
  allowMissingLines?: boolean;
  /** The most octets in a line; default as for LineReader. */
  maxLine?: number;
}

/** A command for the application; it answers with `reply`. */
export interface CommandEvent {
  type: 'command';
  command: Command;
  /** How it was protected: the level that the mechanism applied. */
  level: ProtectionLevel;
  sequence: SequenceState;
  /** Deviations that were seen and tolerated. */
  tolerated: Deviation[];
}

/** AUTH: the application begins an exchange with `proceed(step)`, or refuses it with `refuse`. The session waits. */
export interface AuthEvent {
  type: 'auth';
  /** In upper case. */
  mechanism: string;
  command: Command;
  /** Deviations that were seen and tolerated. */
  tolerated: Deviation[];
  /** There is an association, which ends if this AUTH is accepted; the user must log in again (RFC 2228 §3, AUTH). */
  again: boolean;
}

/** ADAT: `proceed(await exchange.step(token))`, or `refuse` if that throws. The session waits. */
export interface ServerDataEvent {
  type: 'security-data';
  token: Uint8Array;
  command: Command;
  /** Deviations that were seen and tolerated. */
  tolerated: Deviation[];
}

/** The session has answered by itself. */
export interface AnsweredEvent {
  type: 'answered';
  /** Undefined if it could not be read. */
  command: Command | undefined;
  /** Of the reply. */
  code: number;
  /** The rule that the command broke; undefined if it was carried out. */
  error: FtpSecurityError | undefined;
  /** The reply, for the client. */
  octets: Uint8Array;
  /** Deviations that were seen and tolerated. */
  tolerated: Deviation[];
  /**
   * The connection should be closed, after a 421 reply. Either too many exchanges have failed, or integrity is required and
   * somebody may have inserted a line or taken one out: the line was not protected, or not the next one of the client.
   */
  ends: boolean;
}

/** What {@link ServerSession.next} returns. */
export type ServerEvent = CommandEvent | AuthEvent | ServerDataEvent | AnsweredEvent;

/** What the application has to answer. */
export type RequestEvent = CommandEvent | AuthEvent | ServerDataEvent;

/**
 * The result for one line. `verified`: the checksum of its token is right, and its text is shown; `decrypted`: its token has no
 * checksum; `failed`: its token was refused; `unkeyed`: the key is not known; `clear`: it has no token.
 */
export type Verdict = 'verified' | 'decrypted' | 'failed' | 'unkeyed' | 'clear';

/** One control line. */
export interface ObservedMessage {
  type: 'message';
  /** From 1, in the order in which the lines of the connection were completed. */
  index: number;
  /** When the line was completed, in nanoseconds since 1970; undefined in a transcript without times. */
  time: bigint | undefined;
  /** Who sent it. */
  from: Peer;
  /** Verb, or code and separator; empty for a line that has neither. */
  wire: string;
  /** What the line claims. */
  level: ProtectionLevel;
  /** What the token had; undefined unless it was opened. */
  applied: ProtectionLevel | undefined;
  verdict: Verdict;
  /** The token of a protected line, octets; undefined if it can't be decoded. */
  token: Uint8Array | undefined;
  /** The whole plaintext of the token, octets; undefined unless it was opened. */
  plaintext: Uint8Array | undefined;
  /** The same as text, or the text of a clear line. */
  text: string | undefined;
  /** Undefined unless the token was opened. */
  sequence: SequenceState | undefined;
  /** Place of the token among those of its sender, as of `SecurityContext.lastReceived`; undefined unless it was opened. */
  place: bigint | undefined;
  /** Deviations that were seen and tolerated. */
  tolerated: Deviation[];
  /** The mechanism or its keys are weak. */
  weak: boolean;
  /** The first rule that was broken. A verified or a clear line can have one too. */
  error: FtpSecurityError | undefined;
}

/** A whole reply, in the clear or from verified tokens. */
export interface ObservedReply {
  type: 'reply';
  /** The numbers of the messages that it came in. */
  messages: number[];
  reply: Reply;
  classification: Classification;
  /** The command that it answers; undefined if none waits, as for the greeting, or if that command broke a rule. */
  command: ObservedCommand | undefined;
  /**
   * The level of data connections that PROT has set, this reply included; undefined if lines are missing in the recording that may
   * have set another.
   */
  protection: ProtectionLevel | undefined;
}

/** A command of a recorded connection. */
export interface ObservedCommand {
  /** In upper case. */
  verb: string;
  argument: string | undefined;
  /** The number of its message. */
  message: number;
}

/** A security data exchange that is complete. */
export interface ObservedExchange {
  type: 'exchange';
  /** The name in AUTH; undefined if the recording has no AUTH and no mechanism recognised the first token. */
  mechanism: string | undefined;
  /** Which of the mechanisms under that name; undefined if none recognised the first token. */
  variant: string | undefined;
  /** What the tokens show: names and flags. */
  facts: ExchangeFacts;
  /** Whether both directions can be opened; see `provisional`. */
  keyed: boolean;
  /** Why not. */
  problem: FtpSecurityError | undefined;
  /** Whether `keyed` and `problem` change with the first protected line: it shows whether the keys are those of the messages. */
  provisional: boolean;
}

/** A transfer of a recorded connection: its command, e.g. `RETR`. */
export interface ObservedTransfer extends ObservedCommand {
  /** Who sends on the data connection. */
  from: Peer;
  /** The level of data connections that PROT has set by now. */
  level: ProtectionLevel;
}

/** What {@link Observer} reports. */
export type Observation = ObservedMessage | ObservedReply | ObservedExchange;
