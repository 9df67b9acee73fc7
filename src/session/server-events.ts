/** What a server session is told at its start, and what it tells. */
import type { FtpSecurityError } from '../errors.js';
import type { Command } from '../ftp/command.js';
import type { Deviation, Tolerance } from '../protection/deviations.js';
import type { Mechanism, SequenceState } from '../protection/mechanism.js';
import type { ProtectionLevel } from '../protection/protection-level.js';
import type { AssociationEvent } from './association.js';
import type { Policy } from './command-rules.js';

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

export type ServerEvent = CommandEvent | AuthEvent | ServerDataEvent | AnsweredEvent;

/** What the application answers. */
export type RequestEvent = CommandEvent | AuthEvent | ServerDataEvent;
