/** Describes control lines without keys: what a line is, and what its token contains (RFC 2228 §3 to §6). */
import { fromUtf8, toHex } from '../bytes.js';
import { FtpSecurityError } from '../errors.js';
import { commandOf } from '../ftp/command.js';
import type { Line } from '../ftp/line.js';
import { type Classification, classify } from '../ftp/reply-codes.js';
import { type Deviation, Deviations } from '../protection/deviations.js';
import type { Mechanism } from '../protection/mechanism.js';
import { decodeCommandToken } from '../protection/protected-command.js';
import { decodeReplyLine } from '../protection/protected-reply.js';
import { levelOfCode, levelOfVerb, type TokenLevel } from '../protection/protection-level.js';
import { exchangeReply, parseAdatCommand, parseAdatReply } from '../protection/security-data.js';

/** The description of a control line; also what `rfc2228 decode --json` prints for each line. */
export interface DecodedLine {
  kind: 'protected reply' | 'reply' | 'protected command' | 'security data' | 'command';
  code?: number;
  verb?: string;
  /** The level that a protected line claims. */
  level?: TokenLevel;
  /** Whether more lines of the same reply follow. */
  continues?: boolean;
  argument?: string;
  classification?: Classification;
  token?: DecodedToken;
  deviations?: readonly Deviation[];
}

export interface DecodedToken {
  octets: number;
  /** Named values, as the mechanism describes the token; null if no mechanism here recognises it. */
  description: object | null;
  /** Why no mechanism recognises it. */
  reason?: string;
  /** The octets of a token that no mechanism recognises. */
  hex?: string;
}

/** A mechanism, as far as it is needed to describe its tokens. */
export type Describer = Pick<Mechanism, 'describe'>;

/** @throws FtpSecurityError if it is not a control line, or its base64 is malformed */
export function decodeLine(line: Line, mechanisms: readonly Describer[]): DecodedLine {
  const text = fromUtf8(line.bytes);
  const code = /^([1-6][0-9][0-9])(?:[ -]|$)/.exec(text)?.[1];
  return code === undefined ? decodeCommand(line, mechanisms) : decodeReply(line, text, Number(code), mechanisms);
}

function decodeReply(line: Line, text: string, code: number, mechanisms: readonly Describer[]): DecodedLine {
  const level = levelOfCode(code);
  const deviations = new Deviations({});
  if (level !== undefined) {
    const token = decodeToken(decodeReplyLine(line.raw, 0, line.raw.length, code, deviations), mechanisms);
    return { kind: 'protected reply', code, level, continues: text[3] === '-', token, deviations: deviations.seen };
  }
  const classification = classify(code);
  if (exchangeReply(code) === undefined) return { kind: 'reply', code, classification };
  const { token, tolerated } = parseAdatReply({ code, lines: [text], raw: line.raw });
  if (token === undefined) return { kind: 'reply', code, classification };
  return { kind: 'reply', code, classification, token: decodeToken(token, mechanisms), deviations: tolerated };
}

function decodeCommand(line: Line, mechanisms: readonly Describer[]): DecodedLine {
  const command = commandOf(line);
  const { verb, argument } = command;
  const level = levelOfVerb(verb);
  if (level !== undefined) {
    const deviations = new Deviations({});
    const token = decodeToken(decodeCommandToken(command, deviations), mechanisms);
    return { kind: 'protected command', verb, level, token, deviations: deviations.seen };
  }
  if (verb === 'ADAT') {
    const { token, tolerated } = parseAdatCommand(command);
    return { kind: 'security data', verb, token: decodeToken(token!, mechanisms), deviations: tolerated };
  }
  return { kind: 'command', verb, ...(argument !== undefined && { argument }) };
}

/** Describes a token, without a key, by the first mechanism that recognises it. */
function decodeToken(token: Uint8Array, mechanisms: readonly Describer[]): DecodedToken {
  let reason = '';
  for (const mechanism of mechanisms) {
    try {
      const description = mechanism.describe?.(token);
      if (description !== undefined) return { octets: token.length, description };
    } catch (error) {
      if (!(error instanceof FtpSecurityError)) throw error;
      reason ||= error.message;
    }
  }
  return { octets: token.length, description: null, reason, hex: toHex(token) };
}
