/** How one kind of case mutates what a conforming server says to a client under test. */

import type { ProtectionLevel } from '../../protection/protection-level.js';
import type { FuzzCase } from '../cases.js';
import type { ExchangeTurn, FuzzSession } from '../mutation.js';
import type { Sending } from './data-to-client.js';
import type { Answer } from './server-replies.js';

/** So many commands behind a mutated reply let a client come to its end, lest it die of ours. */
export const TO_ITS_END = 16;

/** Octets in the place of a valid reply, chunk by chunk. */
export interface Said {
  chunks: readonly Uint8Array[];
  /** It is not what is to be looked at: something valid that goes before. */
  isValid?: true;
  /** The valid reply is in it, and what follows comes in the place of the reply to the next command. */
  isEarly?: true;
}

/** A reply to a protected command that is due. */
export interface Due {
  verb: string;
  /** Of the command. */
  level: ProtectionLevel;
  /** What is required. */
  answer: Answer;
  /** The octets of another reply at the same level. */
  protect(reply: Uint8Array): Uint8Array;
  /** Which protected command of the connection, from 1. */
  number: number;
  session: FuzzSession;
}

/** A line with security data that is due. */
export type AdatTurn = Pick<ExchangeTurn, 'code' | 'token' | 'received' | 'number'> & {
  session: FuzzSession | undefined;
};

/**
 * Each is asked until something is mutated, and gives undefined where the valid reply is to go; what is left out does so
 * always.
 */
export interface ReplyMutator {
  /** Instead of 334. */
  toAuth?(valid: Uint8Array): Said | undefined;
  /** Instead of a reply to ADAT, whatever is in it. */
  toAnyAdat?(): Said | undefined;
  /** Instead of 335 or 235. */
  toAdat?(turn: AdatTurn, valid: Uint8Array): Said | undefined;
  /** From the command on that `at` names. */
  toCommand?(due: Due): Said | undefined;
  /** Before that command, and behind what is mutated. */
  toOther?(due: Due): Said | undefined;
  /** What the first transfer from there on sends; default a plain file. */
  sends?: Sending;
  /** Where that command is a transfer, nothing is transferred. */
  dropsTransfer?: true;
  /** The protection buffer that is granted at the most, in octets. */
  bufferSize?: number;
  /** How many commands behind the mutated reply tell what a client makes of it; default 1. Infinite: until it says goodbye. */
  behind?: number;
  /** Behind the mutated reply nothing of the client's can be opened, and nothing is carried out. */
  isLost?: true;
  /** Where a message was mutated. */
  readonly markers?: number;
  readonly played?: FuzzCase | undefined;
  /** What was mutated has no end. */
  readonly isOpen?: boolean;
}
