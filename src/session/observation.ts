/** What an observer says of a recorded control connection. */
import type { FtpSecurityError } from '../errors.js';
import type { Reply } from '../ftp/reply.js';
import type { Classification } from '../ftp/reply-codes.js';
import type { Deviation } from '../protection/deviations.js';
import type { ExchangeFacts, Peer, SequenceState } from '../protection/mechanism.js';
import type { ProtectionLevel } from '../protection/protection-level.js';

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

export type Observation = ObservedMessage | ObservedReply | ObservedExchange;
