/** The client's lines of a recorded control connection: each is opened, checked, and added to the commands that wait. */
import { fromUtf8 } from '../bytes.js';
import { type Command, commandOf } from '../ftp/command.js';
import type { Line } from '../ftp/line.js';
import { Deviations, type Tolerance } from '../protection/deviations.js';
import type { SecurityContext } from '../protection/mechanism.js';
import { checkCommandLevel, parseInnerCommand } from '../protection/protect.js';
import { decodeProtectedCommand } from '../protection/protected-command.js';
import { levelOfProt, levelOfVerb, type TokenLevel } from '../protection/protection-level.js';
import { parseAdatCommand, parseAuth, parsePbszCommand } from '../protection/security-data.js';
import { endOfText } from '../protection/token-text.js';
import type { ObservedMessage } from './events.js';
import { addTolerated, fail, ifReadable, recordDeviations } from './observations.js';
import type { RecordedConnection } from './recorded-connection.js';
import { type CommandRequest, integrityRequired } from './rules.js';

/** The reader of the client's lines. */
export class RecordedCommands {
  readonly #connection: RecordedConnection;
  readonly #tolerance: Tolerance;
  /** Whether the next line may be the rest of a command that began before the recording, or in a gap. */
  #resumed: boolean;

  /** @param fromStart  whether the recording has the connection from its start */
  constructor(connection: RecordedConnection, tolerance: Tolerance, fromStart: boolean) {
    this.#connection = connection;
    this.#tolerance = tolerance;
    this.#resumed = !fromStart;
  }

  /** Octets are missing before the next line. */
  gap(): void {
    this.#resumed = true;
  }

  /** Takes a line, and records in its message what became of it. */
  line(message: ObservedMessage, line: Line): void {
    const resumed = this.#resumed;
    this.#resumed = false;
    const tlsError = this.#connection.tls?.error('client');
    const text = fromUtf8(line.bytes);
    try {
      const command = commandOf(line, text);
      message.wire = command.verb;
      const level = levelOfVerb(command.verb);
      if (level === undefined) {
        message.text = text;
        this.#clearCommand(message, line, command);
        // It takes effect nevertheless: a client that speaks no TLS may go on with another mechanism.
        message.error ??= tlsError;
      } else this.#protectedCommand(message, level, command);
    } catch (error) {
      message.text = text;
      if (resumed) return;
      fail(message, error);
      this.#connection.addRequest({ verb: '', level: 'clear' });
    }
  }

  #clearCommand(message: ObservedMessage, line: Line, command: Command): void {
    const deviations = new Deviations(this.#tolerance);
    try {
      endOfText(line.raw, line.raw.length, deviations, 'syntax/bad-line');
      this.#connection.checkClearCommand();
    } catch (error) {
      fail(message, error);
    }
    message.tolerated = deviations.seen;
    this.#handle(message, command);
  }

  #protectedCommand(message: ObservedMessage, level: TokenLevel, command: Command): void {
    message.level = level;
    message.verdict = 'failed';
    try {
      const { token, tolerated = [] } = decodeProtectedCommand(command);
      const context = this.#connection.open(message, token);
      recordDeviations(message, tolerated, this.#tolerance, 'syntax/bad-command');
      if (context !== undefined) {
        this.#innerCommand(message, level, context);
        this.#connection.checkSequence(message, false);
        return;
      }
    } catch (error) {
      fail(message, error);
    }
    this.#connection.addRequest({ verb: '', level });
  }

  #innerCommand(message: ObservedMessage, level: TokenLevel, context: SecurityContext): void {
    const deviations = new Deviations(this.#tolerance);
    let command: Command | undefined;
    try {
      const requireIntegrity = integrityRequired(this.#connection.state);
      checkCommandLevel(context, level, message.applied as TokenLevel, { requireIntegrity });
      command = parseInnerCommand(message.plaintext!, deviations);
    } catch (error) {
      fail(message, error);
    }
    message.tolerated = [...message.tolerated, ...deviations.seen];
    // What could not be read has an error.
    this.#handle(message, command!);
  }

  /** A command that broke a rule asks for nothing, so that its reply can't lower the protection. */
  #handle(message: ObservedMessage, command: Command): void {
    if (message.error === undefined) this.#command(message, command);
    else this.#connection.addRequest({ verb: '', level: message.level });
  }

  /** Records what a command asks for; its reply decides whether it is granted. */
  #command(message: ObservedMessage, command: Command): void {
    const { verb, argument = '' } = command;
    const request: CommandRequest = { verb, level: message.level, argument: command.argument, message: message.index };
    const protection = verb === 'PROT' ? levelOfProt(argument) : undefined;
    if (protection !== undefined) request.protection = protection;
    const bufferSize = verb === 'PBSZ' ? ifReadable(() => parsePbszCommand(command)) : undefined;
    if (bufferSize !== undefined) request.bufferSize = bufferSize;
    this.#connection.addRequest(request);
    try {
      if (verb === 'AUTH') request.mechanism = parseAuth(command);
      if (verb === 'ADAT') this.#securityData(message, command, request);
    } catch (error) {
      fail(message, error);
    }
  }

  #securityData(message: ObservedMessage, command: Command, request: CommandRequest): void {
    const { token, tolerated } = parseAdatCommand(command, this.#tolerance);
    addTolerated(message, tolerated);
    request.token = token!;
    this.#connection.clientData(token!);
  }
}
