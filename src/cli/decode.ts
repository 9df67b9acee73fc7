/** `rfc2228 decode`: what a control line is, without keys. */
import { toHex, toUtf8 } from '../bytes.js';
import { FtpSecurityError } from '../errors.js';
import { commandOf } from '../ftp/command.js';
import { type Line, LineReader } from '../ftp/line.js';
import { classify } from '../ftp/reply-codes.js';
import { type Deviation, Deviations } from '../protection/deviations.js';
import { decodeCommandToken } from '../protection/protected-command.js';
import { decodeReplyLine } from '../protection/protected-reply.js';
import { factsOf, levelOfCode, levelOfVerb, type TokenLevel } from '../protection/protection-level.js';
import { exchangeReply, parseAdatCommand, parseAdatReply } from '../protection/security-data.js';
import { describeCode } from './code.js';
import { KEYLESS } from './mechanisms.js';
import { EXIT, parseOptions, readInput } from './status.js';
import type { Streams } from './streams.js';
import { printable, shorten } from './terminal.js';

export function decode(args: string[], { stdout }: Streams): number {
  const { positionals } = parseOptions({ args, options: {}, allowPositionals: true });
  const fromInput = positionals.length === 0 || (positionals.length === 1 && positionals[0] === '-');
  const reader = new LineReader();
  const octets = fromInput ? readInput(0) : toUtf8(positionals.join(' '));
  reader.push(octets);
  if (octets.at(-1) !== 0x0a) reader.push(toUtf8('\r\n'));

  let status: number = EXIT.fine;
  for (;;) {
    try {
      const line = reader.next();
      if (line === undefined) return status;
      stdout.write(`${describeLine(line).join('\n')}\n`);
    } catch (error) {
      if (!(error instanceof FtpSecurityError)) throw error;
      const place = error.offset === undefined ? '' : ` at octet ${error.offset}`;
      stdout.write(`${error.code}${place}: ${error.message}\n`);
      status = EXIT.faulty;
    }
  }
}

/** @throws FtpSecurityError when it is no control line, or its base 64 is broken */
function describeLine(line: Line): string[] {
  const text = new TextDecoder().decode(line.bytes);
  const code = /^([1-6][0-9][0-9])(?:[ -]|$)/.exec(text)?.[1];
  return code === undefined ? describeCommand(line) : describeReply(line, text, Number(code));
}

function describeReply(line: Line, text: string, code: number): string[] {
  const level = levelOfCode(code);
  const deviations = new Deviations({});
  if (level !== undefined) {
    const place = text[3] === '-' ? 'a line of a multi-line reply' : 'the last or only line of a reply';
    const token = decodeReplyLine(line.raw, code, deviations);
    return [`${code}: protected, ${describeLevel(level)}; ${place}`, ...describe(token, deviations.seen)];
  }
  const description = describeCode(classify(code)).split('\n');
  if (exchangeReply(code) === undefined) return description;
  const { token, tolerated } = parseAdatReply({ code, lines: [text], raw: line.raw });
  return token === undefined ? description : [...description, ...describe(token, tolerated)];
}

function describeCommand(line: Line): string[] {
  const command = commandOf(line);
  const level = levelOfVerb(command.verb);
  if (level !== undefined) {
    const deviations = new Deviations({});
    const token = decodeCommandToken(command, deviations);
    return [`${command.verb}: protected command, ${describeLevel(level)}`, ...describe(token, deviations.seen)];
  }
  if (command.verb === 'ADAT') {
    const { token, tolerated } = parseAdatCommand(command);
    return ['ADAT: security data', ...describe(token!, tolerated)];
  }
  const argument = command.argument === undefined ? 'no argument' : `argument ${printable(command.argument)}`;
  return [`${command.verb}: command in the clear, ${argument}`];
}

function describeLevel(level: TokenLevel): string {
  const { integrity, confidentiality } = factsOf(level);
  const bits = [...(integrity ? ['integrity'] : []), ...(confidentiality ? ['confidentiality'] : [])];
  return `level ${level} (claims ${bits.join(' and ')})`;
}

function describe(token: Uint8Array, tolerated: readonly Deviation[]): string[] {
  const deviations = tolerated.map(deviation => `     deviation            ${deviation}`);
  return [`     token                ${token.length} octets`, ...describeToken(token), ...deviations];
}

/** What the first mechanism that knows a token can read of it without a key. */
function describeToken(token: Uint8Array): string[] {
  let reason = '';
  for (const mechanism of KEYLESS) {
    try {
      const description = mechanism.describe?.(token);
      if (description === undefined) continue;
      return Object.entries(description).map(([part, value]) => `     ${part.padEnd(20)} ${show(value)}`);
    } catch (error) {
      if (!(error instanceof FtpSecurityError)) throw error;
      reason ||= error.message;
    }
  }
  return [
    `     kind                 not known here (${reason})`,
    `     octets               ${shorten(toHex(token), 64)}`,
  ];
}

function show(value: unknown): string {
  return printable(typeof value === 'string' ? value : JSON.stringify(value));
}
