/** What a client session is told at its start, and what it tells. */
import type { Command } from '../ftp/command.js';
import type { Reply } from '../ftp/reply.js';
import type { Classification } from '../ftp/reply-codes.js';
import type { Deviation, Tolerance } from '../protection/deviations.js';
import type { SequenceState } from '../protection/mechanism.js';
import type { ProtectionLevel, TokenLevel } from '../protection/protection-level.js';
import type { AssociationEvent } from './association.js';

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

export type ClientEvent = ReplyEvent | SecurityDataEvent;
