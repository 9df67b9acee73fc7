/** What a server session is told at its start, and what it tells. */
import type { FtpSecurityError } from '../errors.js';
import type { Command } from '../ftp/command.js';
import type { Deviation, Tolerance } from '../secure/deviations.js';
import type { ProtectionLevel } from '../secure/protection-level.js';
import type { SequenceState } from '../secure/security-context.js';
import type { Policy } from './command-rules.js';

export interface ServerSessionOptions extends Policy, Tolerance {
  /** The names that AUTH may have, in any case: the others are refused (504), and all are when there is none (502). */
  mechanisms: readonly string[];
  /** Default `refused` (534): with CCC, whoever is on the way can insert commands. */
  ccc?: 'allowed' | 'refused' | 'required';
  /** The largest protection buffer that PBSZ may settle, in octets: so much of a block is held until it is whole. Default 16 MiB. */
  maxPbsz?: number;
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
  /** An association stands, and ends when this AUTH is accepted; the user must log in again (§3, AUTH). */
  again: boolean;
}

/** ADAT: `proceed(await exchange.step(token))`, or `refuse` when it throws. The session waits. */
export interface ServerDataEvent {
  type: 'security-data';
  token: Uint8Array;
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
}

export type ServerEvent = CommandEvent | AuthEvent | ServerDataEvent | AnsweredEvent;

/** What the application answers. */
export type AskedEvent = CommandEvent | AuthEvent | ServerDataEvent;
