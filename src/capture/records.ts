/** The lines that `rfc2228 verify --json` prints, one object on each; transcript.schema.json describes them. */
import { encodeBase64 } from '../base64.js';
import { fromUtf8, toHex } from '../bytes.js';
import type { ErrorCode, FtpSecurityError } from '../errors.js';
import { commandFacts } from '../ftp/commands.js';
import type { Classification } from '../ftp/reply-codes.js';
import type { Deviation } from '../protection/deviations.js';
import type { ExchangeFacts, Peer, SequenceState } from '../protection/mechanism.js';
import type { ProtectionLevel, TokenLevel } from '../protection/protection-level.js';
import type { ObservedCommand, ObservedExchange, ObservedMessage, ObservedReply, Verdict } from '../session/events.js';
import type { DataResult } from './data-blocks.js';

/** The sides of a control connection, `address:port`; null in a transcript without addresses. */
export interface Endpoints {
  client: string | null;
  server: string | null;
}

/** The rule that a line or a connection broke: see {@link FtpSecurityError}. */
export interface RecordedError {
  code: ErrorCode;
  message: string;
}

/** An internal error of this package or of a mechanism. */
export interface RecordedFault {
  code: 'internal';
  message: string;
}

/** A control connection; written when an exchange on it is complete, or else when the connection ends. */
export interface ConnectionRecord extends Endpoints {
  type: 'connection';
  /** From 1, in the order of the SYNs. */
  connection: number;
  /** The recording that contains it, as it was named to the command; only the command sets it. */
  file?: string;
  /** The mechanism as AUTH named it, and its variant under that name; null without an exchange. */
  mechanism: string | null;
  variant: string | null;
  client_name: string | null;
  server_name: string | null;
  /** Kerberos number of the encryption type that protects the messages. */
  enctype: number | null;
  /** Whether the tokens of both directions can be opened. */
  keyed: boolean;
  /**
   * Why the tokens of a completed exchange can't be opened; or why lines can't be opened, or not read to the end of the
   * connection: the exchange is not in the capture, TLS, an internal error. A connection that has this after its
   * exchange has one record more.
   */
  problem: RecordedError | RecordedFault | null;
  /** Other facts that the mechanism reports of its exchange: times, flags, key types. */
  facts: ExchangeFacts;
}

/** One control line. The fields are those of ObservedMessage. */
export interface MessageRecord {
  type: 'message';
  connection: number;
  index: number;
  time: string | null;
  from: Peer;
  wire: string;
  level: ProtectionLevel;
  applied: ProtectionLevel | null;
  verdict: Verdict;
  /** The token of a protected line, in base 64; null if it can't be decoded. */
  token: string | null;
  plain_hex: string | null;
  text: string | null;
  sequence: SequenceState | null;
  tolerated: Deviation[];
  weak: boolean;
  error: RecordedError | null;
}

/** A whole reply that was accepted, with its classification. */
export interface ReplyRecord extends Pick<Classification, 'kind'> {
  type: 'reply';
  connection: number;
  /** Index of each line that carried it. */
  messages: number[];
  code: number;
  group: NonNullable<Classification['group']> | null;
  lines: string[];
  /** The command that it answers; null if none waits, or the command broke a rule. The argument is null if it is a secret. */
  answers: { message: number; verb: string; argument: string | null } | null;
  /** Who is logged in, this reply included, as named in USER. */
  user: string | null;
  /** The level of data connections that PROT has set, this reply included; null if lines are missing that may have set another. */
  protection: ProtectionLevel | null;
}

/**
 * A protected data connection; written when it ends. One under PROT C is listed with level `clear` if its octets are
 * blocks that open anyway; other unprotected connections are not listed.
 */
export interface DataRecord extends Endpoints {
  type: 'data';
  /** Number of the control connection. */
  connection: number;
  /** When its first octets came, or when it ended without any. */
  time: string | null;
  from: Peer;
  /** Index of the line with the command that it belongs to. */
  message: number | null;
  /** That command, and its argument as the client sent it. */
  command: string | null;
  name: string | null;
  /** Where in the file the octets begin (REST); null if that is not known, as with APPE, ERET and ESTO. */
  offset: number | null;
  /** The user who was logged in. */
  user: string | null;
  /**
   * How it was found: by the announced address; by the port alone, as after address translation; or, if the port was translated
   * too, or the announcement is missing, because the transfer waited for it between the same hosts, and its first block opens.
   */
  found_by: 'address' | 'port' | 'time';
  /** The level set with PROT. */
  level: ProtectionLevel;
  /** The weakest level of all opened tokens; null if none was opened. */
  applied: TokenLevel | null;
  /** Number of complete blocks, including empty ones. */
  blocks: number;
  /** Octets of the whole plaintext; null if a block did not open. */
  bytes: number | null;
  sha256: string | null;
  /** About the tokens alone: `verified` if the checksum of every complete block is correct, also of late and replayed blocks. */
  verdict: Exclude<Verdict, 'clear'>;
  weak: boolean;
  /** Why its octets can't be opened: GridFTP has TLS of its own here. Null if they can, or if the connection's `problem` says why. */
  problem: RecordedError | null;
  error: RecordedError | null;
  /** Octets that were sent but not captured; nothing after them could be read. */
  lost: number;
  /**
   * Whether the capture shows that no block is missing: it has the data connection from its start to the empty block, without
   * an error, and the numbers of the blocks follow each other and the line before. KERBEROS_V4 has no numbers, so a block that
   * somebody took out is not noticed.
   */
  whole: boolean;
  /**
   * Whether it lacks its end, and the server has said in a protected reply that the transfer has failed: then both sides know that
   * the octets are not the whole file.
   */
  given_up: boolean;
}

/**
 * Something in a connection that breaks a rule, weakens the protection, or deserves attention; it follows the record
 * that shows it.
 */
export interface FindingRecord {
  type: 'finding';
  connection: number;
  /** One of `FINDING_RULES`. */
  rule: string;
  /** `high`: an attacker may have changed or read something. `medium`: protection is missing or weak. `low`: worth knowing. */
  severity: 'high' | 'medium' | 'low';
  /** Index of each line that shows it; empty for a data connection. */
  messages: number[];
  text: string;
}

/** The totals of a recording: its last record. */
export interface SummaryRecord {
  type: 'summary';
  connections: number;
  messages: number;
  /** Lines with a token; each is one of verified, decrypted, failed, unkeyed. */
  protected: number;
  verified: number;
  decrypted: number;
  failed: number;
  unkeyed: number;
  /** Clear lines where protection was required. */
  unprotected_after_security: number;
  /** TCP connections other than control connections; those whose SYN was not answered are not counted. */
  data_connections: number;
  /** Gaps in control connections: octets that were sent but not captured. */
  lost_segments: number;
  /**
   * Packets that could not be read, by reason; those that are known to hold no TCP are not counted. A reason that begins with
   * `line` counts lines of a text, and one with `octet` octets of the file.
   */
  unread: Record<string, number>;
}

/** A recording begins: its records follow, the last is its {@link FileRecord}. Only the command writes it, with `--json`. */
export interface BeginRecord {
  type: 'begin';
  /** As in {@link FileRecord}. */
  file: string;
}

/** The totals of one recording, after its other records. Only the command writes it. */
export interface FileRecord extends Omit<SummaryRecord, 'type'> {
  type: 'file';
  /** As it was named to the command, or found in a directory. */
  file: string;
  /** The exit status that this file alone would have. */
  status: 0 | 1 | 2 | 3;
  /**
   * Why it could not be read to its end, or at all; `unreadable` if the system gave the error, `unfinished` if the command was
   * interrupted, or its result has no end.
   */
  error: RecordedError | RecordedFault | { code: 'unreadable' | 'unfinished'; message: string } | null;
}

/** One record of a verified recording, by `type`; `rfc2228/transcript.schema.json` describes them. */
export type TranscriptRecord =
  | ConnectionRecord
  | MessageRecord
  | ReplyRecord
  | DataRecord
  | FindingRecord
  | SummaryRecord
  | BeginRecord
  | FileRecord;

export function connectionRecord(
  connection: number,
  { client, server }: Endpoints,
  exchange: Partial<ObservedExchange>,
): ConnectionRecord {
  const { clientName, serverName, enctype, ...facts } = exchange.facts ?? {};
  return {
    type: 'connection',
    connection,
    client,
    server,
    mechanism: exchange.mechanism ?? null,
    variant: exchange.variant ?? null,
    client_name: clientName ?? null,
    server_name: serverName ?? null,
    enctype: enctype ?? null,
    keyed: exchange.keyed ?? false,
    problem: errorRecord(exchange.problem),
    facts,
  };
}

export function messageRecord(connection: number, message: ObservedMessage): MessageRecord {
  const { index, from, wire, level, verdict, tolerated, weak } = message;
  return {
    type: 'message',
    connection,
    index,
    time: message.time === undefined ? null : isoTime(message.time),
    from,
    wire,
    level,
    applied: message.applied ?? null,
    verdict,
    token: message.token === undefined ? null : fromUtf8(encodeBase64(message.token)),
    plain_hex: message.plaintext === undefined ? null : toHex(message.plaintext),
    text: message.text ?? null,
    sequence: message.sequence ?? null,
    tolerated,
    weak,
    error: errorRecord(message.error),
  };
}

export function replyRecord(connection: number, observed: ObservedReply, user: string | undefined): ReplyRecord {
  const { messages, reply, classification, command, protection } = observed;
  const { code, kind, group } = classification;
  return {
    type: 'reply',
    connection,
    messages,
    code,
    kind,
    group: group ?? null,
    lines: reply.lines,
    answers: command === undefined ? null : answered(command),
    user: user ?? null,
    protection: protection ?? null,
  };
}

function answered({ message, verb, argument }: ObservedCommand): NonNullable<ReplyRecord['answers']> {
  const { password, exchange } = commandFacts(verb);
  const isShown = !password && (!exchange || verb === 'AUTH');
  return { message, verb, argument: isShown ? (argument ?? null) : null };
}

/** What is known of a data connection apart from its blocks. */
export interface DataFacts extends Endpoints {
  connection: number;
  time: bigint | undefined;
  from: Peer;
  message: number | null;
  command: string | null;
  name: string | null;
  offset: number | null;
  user: string | null;
  foundBy: DataRecord['found_by'];
  level: ProtectionLevel;
  weak: boolean;
}

/**
 * @param isWhole  whether the numbers of the blocks follow each other
 * @param isGivenUp  whether the server has said that the transfer has failed
 */
export function dataRecord(facts: DataFacts, result: DataResult, isWhole: boolean, isGivenUp: boolean): DataRecord {
  const { connection, client, server, time, from, message, command, name, offset, user, foundBy, level, weak } = facts;
  const { applied, blocks, bytes, sha256, verdict, problem, error, lost, complete } = result;
  return {
    type: 'data',
    connection,
    client,
    server,
    time: time === undefined ? null : isoTime(time),
    from,
    message,
    command,
    name,
    offset,
    user,
    found_by: foundBy,
    level,
    applied: applied ?? null,
    blocks,
    bytes: bytes ?? null,
    sha256: sha256 ?? null,
    verdict,
    weak,
    problem: errorRecord(problem),
    error: errorRecord(error),
    lost,
    whole: complete && isWhole && error === undefined,
    given_up: isGivenUp && error?.code === 'syntax/truncated',
  };
}

function errorRecord(error: FtpSecurityError | undefined): RecordedError | null {
  return error === undefined ? null : { code: error.code, message: error.message };
}

export function faultRecord(error: unknown): RecordedFault {
  return { code: 'internal', message: `internal error, please report it: ${String(error)}` };
}

/** ISO 8601 in UTC, to the microsecond, or to the nanosecond if the capture has that resolution. */
function isoTime(nanoseconds: bigint): string {
  const seconds = Number(nanoseconds / 1_000_000_000n);
  const fraction = Number(nanoseconds % 1_000_000_000n);
  const digits = `${1_000_000_000 + fraction}`.slice(1, fraction % 1000 === 0 ? 7 : 10);
  // Many lines have the same second, and dates are slow.
  if (lastSecond.seconds !== seconds)
    lastSecond = { seconds, text: new Date(seconds * 1000).toISOString().slice(0, 19) };
  return `${lastSecond.text}.${digits}Z`;
}

let lastSecond = { seconds: 0, text: '1970-01-01T00:00:00' };
