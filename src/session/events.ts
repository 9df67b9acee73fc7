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
  /** The name that AUTH knows it by. */
  mechanism: string;
  /** What the exchange has found out: names and flags. */
  facts: ExchangeFacts;
}

/** Options of {@link ClientSession}. */
export interface ClientSessionOptions extends Tolerance {
  /** The level that commands go at, until CCC succeeds. Default: the strongest that the context has. */
  level?: TokenLevel;
  /** The least level of commands and replies until CCC succeeds. Default: whatever integrity the context has. */
  require?: 'safe' | 'private';
  /** Sends nothing but what leads to an association before one stands. Default: whether `require` is given. */
  requireSecurity?: boolean;
  /** Whether CCC may be sent. Default true: it goes when the caller sends it. */
  ccc?: boolean;
  /** Takes a context whose mechanism or keys are weak. Default false. */
  allowWeak?: boolean;
  /** Lets PASS and ACCT go where no association stands, or one without confidentiality: anybody on the way can read them. Default false. */
  allowClearPassword?: boolean;
  /**
   * Goes on behind a 533, 535 or 537 to a protected command, and behind a protected reply, other than 421, that answers no
   * command. A line that somebody has inserted on the way makes the server send either, and every later reply is then heard
   * as that to another command. Default false: `sequence/unexpected-reply`, and the session is closed.
   */
  allowInsertedLines?: boolean;
  /**
   * The smallest protection buffer, in octets, at which PROT and transfers are sent; the server may state any in its reply to
   * PBSZ. Default 128: smaller blocks are mostly token, and cost as much work.
   */
  minPbsz?: number;
  /** The octets of security data that one exchange may bring. Default 256 KiB, as for servers. */
  maxSecurityData?: number;
  /** Hears of each association that begins or ends. */
  association?: (event: AssociationEvent) => void;
  /**
   * Takes a reply though a line before it is missing, and says so: `sequence` is `gap`. Default false: where no block of a
   * transfer can have used the number that is missing, somebody has taken a line away.
   */
  allowMissingLines?: boolean;
  /** Octets that a line may have; default as LineReader's. */
  maxLine?: number;
  /** Octets that a reply may have, outer or inner; default as ReplyReader's. */
  maxReply?: number;
}

/** A whole reply: in the clear where that is lawful, else from verified tokens. */
export interface ReplyEvent {
  type: 'reply';
  reply: Reply;
  classification: Classification;
  /** What vouches for it: the level that every token of it had. */
  level: ProtectionLevel;
  sequence: SequenceState;
  tolerated: Deviation[];
  /** The command that it answers; undefined for one that nobody asked for, such as the greeting. */
  command: Command | undefined;
}

/** The exchange has to take a step: `proceed(await exchange.step(token))`. The session waits. */
export interface SecurityDataEvent {
  type: 'security-data';
  /** What the server sent; undefined when nothing. */
  token: Uint8Array | undefined;
  /** The server has said that the exchange is complete. */
  complete: boolean;
  reply: Reply;
  tolerated: Deviation[];
}

/** What {@link ClientSession.next} returns. */
export type ClientEvent = ReplyEvent | SecurityDataEvent;

/** Options of {@link ServerSession}. */
export interface ServerSessionOptions extends Omit<Policy, 'mechanisms'>, Tolerance {
  /** What AUTH may name: other names are refused (504), and all are when there is none (502). Only the names are read. */
  mechanisms: readonly Pick<Mechanism, 'name'>[];
  /** Default `refused` (534): with CCC, whoever is on the way can insert commands. */
  ccc?: 'allowed' | 'refused' | 'required';
  /** The largest protection buffer that PBSZ may settle, in octets: so much of a block is held until it is whole. Default 16 MiB. */
  maxPbsz?: number;
  /**
   * The smallest protection buffer that transfers may have, in octets. A smaller PBSZ is granted, as RFC 2228 §3 has it, but
   * PROT is refused then (431), and transfers (534). Default 128: smaller blocks are mostly token, and cost as much work.
   */
  minPbsz?: number;
  /**
   * The octets of security data that one exchange may bring: more is 535. Default 256 KiB: a ticket of Active Directory has
   * up to 64 KiB, one that is delegated with it as many, and base 64 is not counted.
   */
  maxSecurityData?: number;
  /**
   * How often AUTH and ADAT may fail on one connection; exchanges that are not finished count too. Then the connection is to
   * be closed, and both are answered by 421. Default 16: clients try a few mechanisms, each for the services ftp and host, and
   * with every ticket that they have; whoever needs more is guessing.
   */
  maxFailures?: number;
  /**
   * Goes on behind a line in the clear, with a token that can't be opened, or behind one that is missing, where protection is owed. Its 533, 535 or 501
   * takes the place of another reply, and whoever inserted the line has shifted all that follow. Default false: `ends` says
   * that the connection is to be closed.
   */
  allowInsertedLines?: boolean;
  /** Sends every line of a protected reply as a `63z` reply of its own, for clients that know no `63z-` (curl). Default false. */
  replyPerLine?: boolean;
  /** Hears of each association that begins or ends. Whoever was logged in must log in again. */
  association?: (event: AssociationEvent) => void;
  /** Hears of an exchange that has been refused: by `refuse`, or by `proceed` for reasons of policy. Its octets are theirs. */
  refused?: (event: AnsweredEvent) => void;
  /** Takes a context whose mechanism or keys are weak. Default false: 534. */
  allowWeak?: boolean;
  /**
   * Takes a command though a line before it is missing, and says so: `sequence` is `gap`. Default false: where no block of a
   * transfer can have used the number that is missing, somebody has taken a line away.
   */
  allowMissingLines?: boolean;
  /** Octets that a line may have; default as LineReader's. */
  maxLine?: number;
}

/** A command for the application; it answers with `reply`. */
export interface CommandEvent {
  type: 'command';
  command: Command;
  /** What vouches for it: the level that the mechanism applied. */
  level: ProtectionLevel;
  sequence: SequenceState;
  tolerated: Deviation[];
}

/** AUTH: the application begins an exchange with `proceed(step)`, or refuses it with `refuse`. The session waits. */
export interface AuthEvent {
  type: 'auth';
  /** In upper case. */
  mechanism: string;
  command: Command;
  tolerated: Deviation[];
  /** An association stands, and ends when this AUTH is accepted; the user must log in again (§3, AUTH). */
  again: boolean;
}

/** ADAT: `proceed(await exchange.step(token))`, or `refuse` when it throws. The session waits. */
export interface ServerDataEvent {
  type: 'security-data';
  token: Uint8Array;
  command: Command;
  tolerated: Deviation[];
}

/** The session has answered by itself. */
export interface AnsweredEvent {
  type: 'answered';
  /** Undefined when it could not be read. */
  command: Command | undefined;
  code: number;
  /** The rule that was broken; undefined when the command was carried out. */
  error: FtpSecurityError | undefined;
  /** For the client. */
  octets: Uint8Array;
  tolerated: Deviation[];
  /**
   * The connection is to be closed, behind 421: a line came where protection is owed that whoever has the keys has not sent, or
   * not as the next one, so that somebody may have inserted it, or taken one out, or too many exchanges have failed.
   */
  ends: boolean;
}

/** What {@link ServerSession.next} returns. */
export type ServerEvent = CommandEvent | AuthEvent | ServerDataEvent | AnsweredEvent;

/** What the application answers. */
export type RequestEvent = CommandEvent | AuthEvent | ServerDataEvent;

/**
 * What became of a token: `verified` its checksum holds and its text is shown; `decrypted` it has no checksum; `failed`
 * it was refused; `unkeyed` nobody has its key; `clear` the line has none.
 */
export type Verdict = 'verified' | 'decrypted' | 'failed' | 'unkeyed' | 'clear';

/** One control line. */
export interface ObservedMessage {
  type: 'message';
  /** From 1, in the order in which the lines of the connection were completed. */
  index: number;
  /** When the line was completed, in nanoseconds since 1970; undefined in a transcript without times. */
  time: bigint | undefined;
  from: Peer;
  /** Verb, or code and separator; empty for a line that has neither. */
  wire: string;
  /** What the line claims. */
  level: ProtectionLevel;
  /** What the token had; undefined unless it was opened. */
  applied: ProtectionLevel | undefined;
  verdict: Verdict;
  /** The token's whole text, octets; undefined unless it was opened. */
  plaintext: Uint8Array | undefined;
  /** The same as text, or the text of a clear line. */
  text: string | undefined;
  sequence: SequenceState | undefined;
  tolerated: Deviation[];
  weak: boolean;
  /** The rule that was broken. It may stand beside a verified or a clear line too. */
  error: FtpSecurityError | undefined;
}

/** A whole reply, in the clear or from verified tokens, with the lines that it came in. */
export interface ObservedReply {
  type: 'reply';
  messages: number[];
  reply: Reply;
  classification: Classification;
}

/** A security data exchange that is complete. */
export interface ObservedExchange {
  type: 'exchange';
  mechanism: string | undefined;
  variant: string | undefined;
  facts: ExchangeFacts;
  /** Whether both directions can be opened. */
  keyed: boolean;
  /** Why not. */
  problem: FtpSecurityError | undefined;
}

/** A transfer of a recorded connection. */
export interface ObservedTransfer {
  /** Of its command, in upper case, e.g. `RETR`. */
  verb: string;
  /** Who sends on the data connection. */
  from: Peer;
  /** Of data connections, as PROT has set it by now. */
  level: ProtectionLevel;
}

/** What {@link Observer} reports. */
export type Observation = ObservedMessage | ObservedReply | ObservedExchange;
