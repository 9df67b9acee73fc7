/**
 * Control connections as FTP clients print them: `curl -v`, `ftp -d -v` (BSD, MIT, Heimdal, inetutils, tnftp) and the trace
 * of yafc. Without a security association they print every line as it was sent. With one, none of them prints all
 * lines that way: MIT's ftp prints the tokens of its commands, curl those of replies, Heimdal's ftp and yafc none. A
 * line whose token is not printed has no octets here.
 */
import { fromUtf8, toUtf8 } from '../bytes.js';
import type { Peer } from '../protection/mechanism.js';
import { NOT_FTP } from './opening.js';

/** A line of a control connection. */
export interface SpokenLine {
  from: Peer;
  /** The octets of the line without its end; undefined if the text does not have them. */
  line: Uint8Array | undefined;
}

/** What a program has printed of a connection: a line of either side, or something else. */
interface Printed {
  kind: 'line' | 'token' | 'connected' | 'unauthenticated' | 'other';
  from: Peer;
  text: string;
}

interface Program {
  /** How a command and a reply are printed. Both must occur. */
  command: RegExp;
  reply: RegExp;
  /** Which side's tokens it prints at all. */
  prints: Peer | undefined;
}

const PROGRAMS: readonly Program[] = [
  { command: /^> ([A-Z]{3,4}(?: .*)?)$/, reply: /^< (.*)$/, prints: 'server' },
  { command: /^--> \[[^\]]*\] ([A-Z]{3,4}(?: .*)?)$/, reply: /^<-- \[[^\]]*\] (.*)$/, prints: undefined },
  { command: /^(?:ftp> )*---> ([A-Z]{3,4}(?: .*)?)$/, reply: /^([1-6][0-9][0-9](?:[ -].*)?)$/, prints: 'client' },
];

/** What curl prints before each line: the time (`--trace-time`), and the numbers of transfer and connection (`--trace-ids`). */
const CURL_PREFIX = /^(?:\d\d:\d\d:\d\d\.\d{6} )?(?:\[\d+-[\dx]+\] )?(?=[<>*] )/;

/** MIT's ftp prints what it has sent after the command itself. */
const TOKEN = /^encoding [0-9]+ bytes ((?:MIC|ENC|CONF) .*)$/;
const UNAUTHENTICATED = 'Unauthenticated reply received from server:';
const CONNECTED = /^(?:\* )?Connected to /;
const GREETING = /^(?:120|220|[45][0-9][0-9])/;

/** Whether octets look like what a program prints of a control connection. */
export function isProgramLog(octets: Uint8Array): boolean {
  return programOf(linesOf(octets)) !== undefined;
}

/**
 * Reads what a program has printed.
 * @returns the lines of each connection; undefined if the octets are not of that form
 */
export function readProgramLog(octets: Uint8Array): SpokenLine[][] | undefined {
  const lines = linesOf(octets);
  const program = programOf(lines);
  if (program === undefined) return undefined;
  const printed = printedBy(program, lines);
  const hasTokens = printed.some(({ kind }) => kind === 'token');
  const connections: SpokenLine[][] = [];
  let log = new ConnectionLog(program, hasTokens);
  for (const [i, it] of printed.entries()) {
    // curl prints the same of data connections.
    if (it.kind === 'line' && printed[i - 1]?.kind === 'connected' && GREETING.test(it.text)) {
      connections.push(log.lines);
      log = new ConnectionLog(program, hasTokens);
    }
    log.add(it, printed[i - 1], printed[i + 1]);
  }
  return [...connections, log.lines].filter(said => said.length > 0);
}

/** The lines of one connection. */
class ConnectionLog {
  readonly lines: SpokenLine[] = [];
  readonly #program: Program;
  readonly #hasTokens: boolean;
  #isSecured = false;

  constructor(program: Program, hasTokens: boolean) {
    this.#program = program;
    this.#hasTokens = hasTokens;
  }

  add({ kind, from, text }: Printed, before: Printed | undefined, after: Printed | undefined): void {
    if (kind === 'token') this.#push(from, text);
    // A program may print a reply twice.
    if (
      kind !== 'line' ||
      (from === 'server' && before?.kind === 'line' && before.from === from && before.text === text)
    )
      return;
    if (!this.#isSecured || isProtected(text)) this.#push(from, text);
    else if (from === 'client') this.#command(text, after);
    // curl prints a reply that it has opened behind the one that came.
    else if (!(this.#program.prints === 'server' && before?.from === 'server' && isProtected(before.text))) {
      const isClear = this.#program.prints === 'server' || before?.kind === 'unauthenticated';
      this.#push(from, isClear ? text : undefined);
    }
    if (from === 'server' && /^235(?: |$)/.test(text)) this.#isSecured = true;
  }

  /** A command under an association: its token follows, or it was sent in the clear, or the program does not print tokens. */
  #command(text: string, after: Printed | undefined): void {
    if (after?.kind !== 'token') this.#push('client', this.#hasTokens ? text : undefined);
  }

  #push(from: Peer, text: string | undefined): void {
    this.lines.push({ from, line: text === undefined ? undefined : toUtf8(text) });
  }
}

function isProtected(text: string): boolean {
  return /^63[123][ -]/.test(text);
}

function programOf(lines: readonly string[]): Program | undefined {
  return PROGRAMS.find(({ command, reply }) => {
    const verbs = lines.flatMap(line => command.exec(line)?.[1]?.split(' ', 1) ?? []);
    const hasReply = lines.some(line => /^[1-6][0-9][0-9]/.test(reply.exec(line)?.[1] ?? ''));
    // curl prints SMTP in the same way.
    return verbs.length > 0 && hasReply && !verbs.some(verb => NOT_FTP.has(verb));
  });
}

function printedBy({ command, reply }: Program, lines: readonly string[]): Printed[] {
  /** The code of a multi-line reply that has not ended. */
  let open: string | undefined;
  return lines.flatMap((line): Printed[] => {
    const said = command.exec(line)?.[1];
    const token = TOKEN.exec(line)?.[1];
    if (said !== undefined || token !== undefined) {
      open = undefined;
      return [{ kind: token === undefined ? 'line' : 'token', from: 'client', text: token ?? said! }];
    }
    if (CONNECTED.test(line)) return [{ kind: 'connected', from: 'client', text: line }];
    if (line === UNAUTHENTICATED) return [{ kind: 'unauthenticated', from: 'server', text: line }];
    const text = reply.exec(line)?.[1] ?? (open === undefined ? undefined : line);
    if (text === undefined) return [];
    if (open === undefined && text[3] === '-') open = text.slice(0, 3);
    else if (open !== undefined && text.startsWith(open) && text[3] !== '-') open = undefined;
    return [{ kind: 'line', from: 'server', text }];
  });
}

function linesOf(octets: Uint8Array): string[] {
  return fromUtf8(octets)
    .split(/\r?\n/)
    .map(line => line.replace(/^\r/, '').replace(CURL_PREFIX, ''));
}
