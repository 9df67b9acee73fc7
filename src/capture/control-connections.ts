/** Finds the FTP control connections among the TCP connections of a capture, by their content, on any port. */
import { concatAll, fromUtf8 } from '../bytes.js';
import { COMMANDS } from '../ftp/commands.js';
import { TelnetFilter } from '../ftp/telnet.js';
import { preambleOf } from './preamble.js';
import type { TcpConnection, TcpEvent, TcpStreams } from './tcp.js';

export interface ControlConnection {
  /** `address:port` of each side. */
  client: string;
  server: string;
  /** Which end of the TCP connection is the client. */
  clientEnd: 0 | 1;
  /** Number of octets from each end that belong to a proxy, before the control connection begins. */
  preamble: readonly [number, number];
}

/** The ports of control connections. */
export interface PortOptions {
  /** A connection with one of these ports is a control connection, whatever its content. */
  ports?: readonly number[];
  /** Ignore connections without one of these ports. Default: false. */
  onlyPorts?: boolean;
}

/** How many octets of each direction are examined: some greetings are long, and commands are short. */
const OPENING = 4096;

const VERBS: ReadonlySet<string> = new Set(COMMANDS.map(({ verb }) => verb));
/** Verbs that SMTP, LMTP, NNTP or DICT have as well, with replies like FTP's. They do not identify FTP. */
const SHARED: ReadonlySet<string> = new Set('HELP LIST MODE NOOP QUIT STAT'.split(' '));
/** Verbs that POP or IRC have as well. They do not identify FTP if there is no reply. */
const SHARED_ALONE: ReadonlySet<string> = new Set('AUTH DELE PASS RETR USER'.split(' '));
/** Verbs of SMTP, LMTP, NNTP and DICT that FTP does not have. */
const NOT_FTP: ReadonlySet<string> = new Set(
  (
    'EHLO HELO LHLO MAIL RCPT DATA BDAT RSET VRFY EXPN ETRN TURN STARTTLS GROUP LISTGROUP ARTICLE HEAD BODY NEXT LAST POST ' +
    'IHAVE CHECK TAKETHIS XOVER OVER XHDR HDR XPAT NEWNEWS NEWGROUPS DATE AUTHINFO CAPABILITIES SLAVE CLIENT DEFINE MATCH ' +
    'SHOW STATUS OPTION SASLAUTH'
  ).split(' '),
);
/** Reply codes that only FTP has, including those of RFC 2228. */
const FTP_CODES: ReadonlySet<string> = new Set(
  '226 227 228 229 232 234 257 331 332 350 425 426 532 631 632 633'.split(' '),
);
/** Greetings of other protocols. That of DICT ends with capabilities and a message id (RFC 2229 §3.1). */
const OTHER_GREETING = /smtp|lmtp|nntp|usenet|postfix|sendmail|exim|dictd|<[\w.]*> <[^<>\s]+@[^<>\s]+>\s*$/im;
const FTP_GREETING = /ftp/i;
const FTP_PORT = 21;

/** The first octets that one end of a connection sent, as far as they were captured. */
class Opening {
  readonly #parts: Uint8Array[] = [];
  #length = 0;
  /** Whether octets are missing among them. */
  lost = false;
  /** Whether octets are missing before all of them. */
  late = false;

  add(event: TcpEvent): void {
    if (event.kind === 'lost') {
      this.lost = true;
      this.late ||= this.#length === 0;
    } else if (event.kind === 'data' && this.#length < OPENING) {
      // A copy, because a view would keep the whole chunk in memory.
      const part = event.data.slice(0, OPENING - this.#length);
      this.#parts.push(part);
      this.#length += part.length;
    }
  }

  get said(): Uint8Array {
    return concatAll(this.#parts);
  }
}

/** A connection, with the assumption that a certain end is the client. */
interface Candidate {
  verbs: string[];
  /** The lines of the server. */
  lines: string[];
  /** Whether octets are missing, which can explain why the end has no lines. */
  clientLost: boolean;
  serverLost: boolean;
  late: boolean;
  serverPort: number;
}

/**
 * The control connections, in the order of their SYNs; those whose SYN was not answered are ignored. A server is
 * recognised by its replies, a client by its commands. Every other connection to a recognised server is a control
 * connection too, whatever its content.
 */
export function controlConnections(
  { connections, events }: TcpStreams,
  { ports = [], onlyPorts = false }: PortOptions = {},
): Map<TcpConnection, ControlConnection> {
  const openings = new Map<TcpConnection, readonly [Opening, Opening]>();
  for (const event of events) {
    if (event.kind === 'end') continue;
    const pair = openings.get(event.connection) ?? [new Opening(), new Opening()];
    openings.set(event.connection, pair);
    pair[event.from].add(event);
  }

  const isForced = ({ ends }: TcpConnection) => ends.some(end => ports.includes(portOf(end)));
  const candidates = connections.filter(it => it.opened !== 'unanswered' && (!onlyPorts || isForced(it)));
  const clientEnds = new Map<TcpConnection, 0 | 1>();
  const servers = new Set<string>();
  const pairs = new Set<string>();
  for (const silent of [false, true]) {
    for (const connection of candidates) {
      const end = clientEndOf(connection, openings.get(connection), silent);
      // If two hosts already have a control connection, octets that only resemble a greeting are the content of a data
      // connection.
      if (end === undefined || (silent && pairs.has(hostsOf(connection)))) continue;
      clientEnds.set(connection, end);
      servers.add(connection.ends[other(end)]);
      if (!silent) pairs.add(hostsOf(connection));
    }
  }

  const control = new Map<TcpConnection, ControlConnection>();
  for (const connection of candidates) {
    const { ends, opener } = connection;
    const joins = opener !== undefined && servers.has(ends[other(opener)]) ? opener : undefined;
    const forced = isForced(connection) ? (opener ?? (ports.includes(portOf(ends[0])) ? 1 : 0)) : undefined;
    const clientEnd = clientEnds.get(connection) ?? joins ?? forced;
    if (clientEnd === undefined) continue;
    control.set(connection, {
      client: ends[clientEnd],
      server: ends[other(clientEnd)],
      clientEnd,
      preamble: preambleFrom(clientEnd, openings.get(connection)),
    });
  }
  return control;
}

/** The preamble in the order of the ends. */
function preambleFrom(clientEnd: 0 | 1, openings: readonly [Opening, Opening] | undefined): readonly [number, number] {
  if (openings === undefined) return [0, 0];
  const [client, server] = preambleOf(openings[clientEnd].said, openings[other(clientEnd)].said);
  return clientEnd === 0 ? [client, server] : [server, client];
}

/** The client is the end that connects; if the SYN is missing, the end that sends commands. */
function clientEndOf(
  { opened, opener, ends }: TcpConnection,
  openings: readonly [Opening, Opening] | undefined,
  silent: boolean,
): 0 | 1 | undefined {
  if (openings === undefined) return undefined;
  const late = opened === 'missing' || openings.some(it => it.late);
  return (opener === undefined ? ([0, 1] as const) : [opener]).find(end => {
    const [client, server] = [openings[end], openings[other(end)]];
    const preamble = preambleFrom(end, openings);
    const verbs = linesOf(client.said.subarray(preamble[end])).map(verbOf);
    if ((verbs.length === 0) !== silent) return false;
    const lines = linesOf(server.said.subarray(preamble[other(end)]));
    const serverPort = portOf(ends[other(end)]);
    return isControl({ verbs, lines, late, clientLost: client.lost, serverLost: server.lost, serverPort });
  });
}

function isControl(candidate: Candidate): boolean {
  const { verbs, lines, late, clientLost, serverLost, serverPort } = candidate;
  const isAlone = lines.length === 0;
  // The first command that only one protocol has shows which protocol it is.
  const telling = verbs.find(
    verb => NOT_FTP.has(verb) || (VERBS.has(verb) && !SHARED.has(verb) && !(isAlone && SHARED_ALONE.has(verb))),
  );
  if (telling !== undefined && NOT_FTP.has(telling)) return false;
  if (isAlone) return serverLost && telling !== undefined;
  const codes = lines.map(codeOf).filter(code => code !== undefined);
  const isKnown =
    telling !== undefined || (codes.some(code => FTP_CODES.has(code)) && (verbs.length > 0 || clientLost));
  // A capture that begins late may begin anywhere in the dialogue.
  if (late) return isKnown && codes.length > 0;
  // From its beginning, a control connection starts with a greeting or a refusal, perhaps after some text.
  if (isKnown) return /^(120|220|[45])/.test(codes[0] ?? '');
  // If no command identifies the protocol, the greeting must name FTP, or come from FTP's own port.
  const says = lines.join('\n');
  if (!/^(120|220|[45])/.test(codeOf(lines[0]!) ?? '') || OTHER_GREETING.test(says)) return false;
  return serverPort === FTP_PORT || FTP_GREETING.test(says);
}

/** Lines that are not blank, without Telnet commands. */
function linesOf(octets: Uint8Array): string[] {
  const text = fromUtf8(new TelnetFilter().filter(octets));
  return text.split('\n').filter(line => line.trim() !== '');
}

/** Arguments of AUTH in SMTP (RFC 4422) that FTP does not have. */
const SASL = /^(PLAIN|LOGIN|NTLM|EXTERNAL|CRAM-MD5|DIGEST-MD5|SCRAM-.*|X?OAUTH.*)$/i;

/** The verb of a command; empty for AUTH of DICT, which has two arguments, and for AUTH of SMTP. */
function verbOf(line: string): string {
  const [verb = '', ...words] = line.trim().split(' ');
  const name = verb.toUpperCase();
  return name === 'AUTH' && (words.length !== 1 || SASL.test(words[0]!)) ? '' : name;
}

function codeOf(line: string): string | undefined {
  return /^([1-6][0-9][0-9])(?:[ -]|\r?$)/.exec(line)?.[1];
}

function hostsOf({ ends }: TcpConnection): string {
  return ends.map(hostOf).sort().join(' ');
}

function other(end: 0 | 1): 0 | 1 {
  return end === 0 ? 1 : 0;
}

export function hostOf(end: string): string {
  return end.slice(0, end.lastIndexOf(':'));
}

export function portOf(end: string): number {
  return Number(end.slice(end.lastIndexOf(':') + 1));
}
