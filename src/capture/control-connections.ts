/** Which TCP connections of a capture are FTP control connections: known by what they say, on any port. */
import { concatAll, fromUtf8 } from '../bytes.js';
import { COMMANDS } from '../ftp/commands.js';
import { TelnetFilter } from '../ftp/telnet.js';
import { preambleOf } from './preamble.js';
import type { TcpConnection, TcpEvent, TcpStreams } from './tcp.js';

export interface ControlConnection {
  /** `address:port` of either side. */
  client: string;
  server: string;
  /** Which end of the TCP connection the client is. */
  clientEnd: 0 | 1;
  /** How many octets of each end a proxy took, before the control connection begins. */
  preamble: readonly [number, number];
}

/** Which ports are those of control connections. */
export interface PortOptions {
  /** A connection with one of these is a control connection, whatever it says. */
  ports?: readonly number[];
  /** And none is that has another. Default false. */
  onlyPorts?: boolean;
}

/** How much of each direction is looked at, in octets: some greetings are long, and commands are short. */
const OPENING = 4096;

const VERBS: ReadonlySet<string> = new Set(COMMANDS.map(({ verb }) => verb));
/** Those that SMTP, LMTP, NNTP or DICT have as well, whose replies are like FTP's: they tell nothing. */
const SHARED: ReadonlySet<string> = new Set('HELP LIST MODE NOOP QUIT STAT'.split(' '));
/** Those that POP or IRC have as well: they tell nothing where no reply is there. */
const SHARED_ALONE: ReadonlySet<string> = new Set('AUTH DELE PASS RETR USER'.split(' '));
/** What SMTP, LMTP, NNTP and DICT have of their own. */
const NOT_FTP: ReadonlySet<string> = new Set(
  (
    'EHLO HELO LHLO MAIL RCPT DATA BDAT RSET VRFY EXPN ETRN TURN STARTTLS GROUP LISTGROUP ARTICLE HEAD BODY NEXT LAST POST ' +
    'IHAVE CHECK TAKETHIS XOVER OVER XHDR HDR XPAT NEWNEWS NEWGROUPS DATE AUTHINFO CAPABILITIES SLAVE CLIENT DEFINE MATCH ' +
    'SHOW STATUS OPTION SASLAUTH'
  ).split(' '),
);
/** Replies that only FTP has, RFC 2228 among it. */
const FTP_CODES: ReadonlySet<string> = new Set(
  '226 227 228 229 232 234 257 331 332 350 425 426 532 631 632 633'.split(' '),
);
/** How a greeting says that it is of another protocol. That of DICT ends with capabilities and a message id (RFC 2229 §3.1). */
const OTHER_GREETING = /smtp|lmtp|nntp|usenet|postfix|sendmail|exim|dictd|<[\w.]*> <[^<>\s]+@[^<>\s]+>\s*$/im;
const FTP_GREETING = /ftp/i;
const FTP_PORT = 21;

/** What one end of a connection said first, of what the capture has. */
class Opening {
  readonly #parts: Uint8Array[] = [];
  #length = 0;
  /** Whether octets are missing among them. */
  lost = false;
  /** Whether they are missing before all of them. */
  late = false;

  add(event: TcpEvent): void {
    if (event.kind === 'lost') {
      this.lost = true;
      this.late ||= this.#length === 0;
    } else if (event.kind === 'data' && this.#length < OPENING) {
      // A copy: a view would keep all in memory that was read at once.
      const part = event.data.slice(0, OPENING - this.#length);
      this.#parts.push(part);
      this.#length += part.length;
    }
  }

  get said(): Uint8Array {
    return concatAll(this.#parts);
  }
}

/** A connection, seen from the end that may be the client. */
interface Candidate {
  verbs: string[];
  /** Lines of the server. */
  lines: string[];
  /** Of an end that says nothing, octets are missing. */
  clientLost: boolean;
  serverLost: boolean;
  late: boolean;
  serverPort: number;
}

/**
 * The control connections, in the order of their SYNs; those whose SYN was not answered don't count. A server is known
 * by its replies, a client by its commands. Whoever connects where a control connection is served has one as well,
 * whatever it says.
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
      // Between hosts that talk already, what is only like a greeting is the content of a data connection.
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

/** Of either end. */
function preambleFrom(clientEnd: 0 | 1, openings: readonly [Opening, Opening] | undefined): readonly [number, number] {
  if (openings === undefined) return [0, 0];
  const [client, server] = preambleOf(openings[clientEnd].said, openings[other(clientEnd)].said);
  return clientEnd === 0 ? [client, server] : [server, client];
}

/** The end that connects is the client; if the SYN is missing, the end that sends commands. */
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
  // The first command that only one protocol has tells which it is.
  const telling = verbs.find(
    verb => NOT_FTP.has(verb) || (VERBS.has(verb) && !SHARED.has(verb) && !(isAlone && SHARED_ALONE.has(verb))),
  );
  if (telling !== undefined && NOT_FTP.has(telling)) return false;
  if (isAlone) return serverLost && telling !== undefined;
  const codes = lines.map(codeOf).filter(code => code !== undefined);
  const isKnown =
    telling !== undefined || (codes.some(code => FTP_CODES.has(code)) && (verbs.length > 0 || clientLost));
  // What starts late may start anywhere.
  if (late) return isKnown && codes.length > 0;
  // What begins with the connection begins with a greeting or a refusal, perhaps behind some text.
  if (isKnown) return /^(120|220|[45])/.test(codes[0] ?? '');
  // Where no command tells, the greeting must say whose it is, or come from FTP's own port.
  const says = lines.join('\n');
  if (!/^(120|220|[45])/.test(codeOf(lines[0]!) ?? '') || OTHER_GREETING.test(says)) return false;
  return serverPort === FTP_PORT || FTP_GREETING.test(says);
}

/** Lines that say anything, without what Telnet puts between them. */
function linesOf(octets: Uint8Array): string[] {
  const text = fromUtf8(new TelnetFilter().filter(octets));
  return text.split('\n').filter(line => line.trim() !== '');
}

/** What AUTH of SMTP names (RFC 4422), and that of FTP doesn't. */
const SASL = /^(PLAIN|LOGIN|NTLM|EXTERNAL|CRAM-MD5|DIGEST-MD5|SCRAM-.*|X?OAUTH.*)$/i;

/** The verb of a command; none for AUTH of DICT, which has two arguments, and of SMTP. */
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
