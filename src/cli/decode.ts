/** `rfc2228 decode`: describes control lines without keys. */
import { toHex, toUtf8 } from '../bytes.js';
import { FtpSecurityError } from '../errors.js';
import { commandOf } from '../ftp/command.js';
import { type Line, LineReader } from '../ftp/line.js';
import { type Classification, classify } from '../ftp/reply-codes.js';
import { type Deviation, Deviations } from '../protection/deviations.js';
import { decodeCommandToken } from '../protection/protected-command.js';
import { decodeReplyLine } from '../protection/protected-reply.js';
import { factsOf, levelOfCode, levelOfVerb, type TokenLevel } from '../protection/protection-level.js';
import { exchangeReply, parseAdatCommand, parseAdatReply } from '../protection/security-data.js';
import { describeCode } from './code.js';
import { KEYLESS } from './mechanisms.js';
import { EXIT, JSON_OPTION, parseOptions, readInput } from './status.js';
import type { Streams } from './streams.js';
import { printable, shorten } from './terminal.js';

/** The description of a control line; also the shape of `--json`, one object for each line. */
interface DecodedLine {
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

interface DecodedToken {
  octets: number;
  /** Named values, as the mechanism describes the token; null if no mechanism here recognises it. */
  description: object | null;
  /** Why no mechanism recognises it. */
  reason?: string;
  /** The octets of a token that no mechanism recognises. */
  hex?: string;
}

export function decode(args: string[], { stdout }: Streams): number {
  const { values, positionals } = parseOptions({ args, options: JSON_OPTION, allowPositionals: true });
  const fromInput = positionals.length === 0 || (positionals.length === 1 && positionals[0] === '-');
  const reader = new LineReader();
  const octets = fromInput ? readInput(0) : toUtf8(positionals.join(' '));
  reader.push(octets);
  if (octets.at(-1) !== 0x0a) reader.push(toUtf8('\r\n'));

  let status: number = EXIT.fine;
  for (;;) {
    let line: Line | undefined;
    try {
      line = reader.next();
      if (line === undefined) return status;
      const decoded = decodeLine(line);
      stdout.write(values.json ? jsonLine(line, decoded) : `${describeLine(decoded).join('\n')}\n`);
    } catch (error) {
      if (!(error instanceof FtpSecurityError)) throw error;
      const place = error.offset === undefined ? '' : ` at octet ${error.offset}`;
      stdout.write(values.json ? jsonLine(line, error) : `${error.code}${place}: ${error.message}\n`);
      status = EXIT.faulty;
    }
  }
}

function jsonLine(line: Line | undefined, decoded: DecodedLine | FtpSecurityError): string {
  const text = line === undefined ? null : new TextDecoder().decode(line.bytes);
  if (!(decoded instanceof FtpSecurityError)) return `${JSON.stringify({ line: text, ...decoded, error: null })}\n`;
  const { code, message, offset = null } = decoded;
  return `${JSON.stringify({ line: text, error: { code, message, offset } })}\n`;
}

/** @throws FtpSecurityError if it is not a control line, or its base64 is malformed */
function decodeLine(line: Line): DecodedLine {
  const text = new TextDecoder().decode(line.bytes);
  const code = /^([1-6][0-9][0-9])(?:[ -]|$)/.exec(text)?.[1];
  return code === undefined ? decodeCommand(line) : decodeReply(line, text, Number(code));
}

function decodeReply(line: Line, text: string, code: number): DecodedLine {
  const level = levelOfCode(code);
  const deviations = new Deviations({});
  if (level !== undefined) {
    const token = decodeToken(decodeReplyLine(line.raw, 0, line.raw.length, code, deviations));
    return { kind: 'protected reply', code, level, continues: text[3] === '-', token, deviations: deviations.seen };
  }
  const classification = classify(code);
  if (exchangeReply(code) === undefined) return { kind: 'reply', code, classification };
  const { token, tolerated } = parseAdatReply({ code, lines: [text], raw: line.raw });
  if (token === undefined) return { kind: 'reply', code, classification };
  return { kind: 'reply', code, classification, token: decodeToken(token), deviations: tolerated };
}

function decodeCommand(line: Line): DecodedLine {
  const command = commandOf(line);
  const { verb, argument } = command;
  const level = levelOfVerb(verb);
  if (level !== undefined) {
    const deviations = new Deviations({});
    const token = decodeToken(decodeCommandToken(command, deviations));
    return { kind: 'protected command', verb, level, token, deviations: deviations.seen };
  }
  if (verb === 'ADAT') {
    const { token, tolerated } = parseAdatCommand(command);
    return { kind: 'security data', verb, token: decodeToken(token!), deviations: tolerated };
  }
  return { kind: 'command', verb, ...(argument !== undefined && { argument }) };
}

/** Describes a token, without a key, by the first mechanism that recognises it. */
function decodeToken(token: Uint8Array): DecodedToken {
  let reason = '';
  for (const mechanism of KEYLESS) {
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

/** The description as lines of text. */
function describeLine(decoded: DecodedLine): string[] {
  const { token, deviations = [] } = decoded;
  if (token === undefined) return [titleOf(decoded)];
  const lines = deviations.map(deviation => `     deviation            ${deviation}`);
  return [titleOf(decoded), `     token                ${token.octets} octets`, ...describeToken(token), ...lines];
}

function titleOf({ kind, code, verb, level, continues, argument, classification }: DecodedLine): string {
  switch (kind) {
    case 'protected reply':
      return `${code}: protected, ${describeLevel(level!)}; ${continues ? 'a line of a multi-line reply' : 'the last or only line of a reply'}`;
    case 'reply':
      return describeCode(classification!);
    case 'protected command':
      return `${verb}: protected command, ${describeLevel(level!)}`;
    case 'security data':
      return `${verb}: security data`;
    case 'command':
      return `${verb}: command in the clear, ${argument === undefined ? 'no argument' : `argument ${printable(argument)}`}`;
  }
}

function describeLevel(level: TokenLevel): string {
  const { integrity, confidentiality } = factsOf(level);
  const bits = [...(integrity ? ['integrity'] : []), ...(confidentiality ? ['confidentiality'] : [])];
  return `level ${level} (claims ${bits.join(' and ')})`;
}

function describeToken({ description, reason, hex = '' }: DecodedToken): string[] {
  if (description === null) {
    return [`     kind                 not known here (${reason})`, `     octets               ${shorten(hex, 64)}`];
  }
  return Object.entries(description).map(([part, value]) => `     ${part.padEnd(20)} ${show(value)}`);
}

function show(value: unknown): string {
  return printable(typeof value === 'string' ? value : JSON.stringify(value));
}
