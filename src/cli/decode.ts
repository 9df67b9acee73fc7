/** `rfc2228 decode`: describes control lines without keys. */
import { toUtf8 } from '../bytes.js';
import { type DecodedLine, type DecodedToken, decodeLine } from '../capture/decode-line.js';
import { FtpSecurityError, refusalFrom } from '../errors.js';
import { type Line, LineReader } from '../ftp/line.js';
import { factsOf, type TokenLevel } from '../protection/protection-level.js';
import { describeCode } from './code.js';
import { KEYLESS } from './mechanisms.js';
import { EXIT, JSON_OPTION, parseOptions, readInput, UsageError } from './status.js';
import type { Streams } from './streams.js';
import { printable, shorten } from './terminal.js';

const isBlank = ({ bytes }: Line) => /^[ \t]*$/.test(Buffer.from(bytes).toString('latin1'));

export function decode(args: string[], { stdout }: Streams): number {
  const { values, positionals } = parseOptions({ args, options: JSON_OPTION, allowPositionals: true });
  const fromInput = positionals.length === 0 || (positionals.length === 1 && positionals[0] === '-');
  const given = Buffer.from(fromInput ? readInput(0) : toUtf8(positionals.join(' '))).toString('latin1');
  // A text without a CR has the line ends of its file: LF alone is not a deviation of a peer there, and blank lines mean nothing.
  const isText = !given.includes('\r');
  let status: number = EXIT.fine;
  let number = 0;
  let isEmpty = true;
  for (const { line, decoded } of decodedLines(isText ? given.replaceAll('\n', '\r\n') : given)) {
    number++;
    if (isText && line !== undefined && isBlank(line)) continue;
    isEmpty = false;
    if (decoded instanceof FtpSecurityError) status = EXIT.faulty;
    if (values.json) stdout.write(jsonLine(line, decoded));
    else if (!(decoded instanceof FtpSecurityError)) stdout.write(`${describeLine(decoded).join('\n')}\n`);
    else stdout.write(`${fromInput ? `line ${number}: ` : ''}${describeError(decoded)}\n`);
  }
  if (isEmpty) throw new UsageError('decode needs a line');
  return status;
}

interface Decoded {
  /** Undefined if it is not whole, or too long. */
  line: Line | undefined;
  decoded: DecodedLine | FtpSecurityError;
}

/** @param text  one character for each octet; the last line end may be missing */
function* decodedLines(text: string): Generator<Decoded> {
  const reader = new LineReader();
  reader.push(Buffer.from(text === '' || text.endsWith('\n') ? text : `${text}\r\n`, 'latin1'));
  for (;;) {
    let line: Line | undefined;
    try {
      line = reader.next();
      if (line === undefined) return;
      yield { line, decoded: decodeLine(line, KEYLESS) };
    } catch (error) {
      yield { line, decoded: refusalFrom(error) };
    }
  }
}

function jsonLine(line: Line | undefined, decoded: DecodedLine | FtpSecurityError): string {
  const text = line === undefined ? null : new TextDecoder().decode(line.bytes);
  if (!(decoded instanceof FtpSecurityError)) return `${JSON.stringify({ line: text, ...decoded, error: null })}\n`;
  const { code, message, offset = null } = decoded;
  return `${JSON.stringify({ line: text, error: { code, message, offset } })}\n`;
}

function describeError({ code, message, offset }: FtpSecurityError): string {
  return `${code}${offset === undefined ? '' : ` at octet ${offset}`}: ${message}`;
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
