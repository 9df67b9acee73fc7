/** Recognises a control connection by the first octets of both ends. */
import { fromUtf8 } from '../bytes.js';
import { COMMANDS } from '../ftp/commands.js';
import { TelnetFilter } from '../ftp/telnet.js';
import { preambleOf } from './preamble.js';

/** How many octets of each direction are examined: some greetings are long, and commands are short. */
export const OPENING = 4096;

export const VERBS: ReadonlySet<string> = new Set(COMMANDS.map(({ verb }) => verb));
/** Verbs that SMTP, LMTP, NNTP or DICT have as well, with replies like FTP's. They do not identify FTP. */
const SHARED: ReadonlySet<string> = new Set('HELP LIST MODE NOOP QUIT STAT'.split(' '));
/** Verbs that POP or IRC have as well. They do not identify FTP if there is no reply. */
const SHARED_ALONE: ReadonlySet<string> = new Set('AUTH DELE PASS RETR USER'.split(' '));
/** Verbs of SMTP, LMTP, NNTP and DICT that FTP does not have. */
export const NOT_FTP: ReadonlySet<string> = new Set(
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
export interface Opening {
  said: Uint8Array;
  /** Whether octets are missing, among them or later. */
  lost: boolean;
  /** Whether octets are missing before all of them. */
  late: boolean;
}

/** What is known of a connection besides its octets: see TcpConnection. */
interface ConnectionFacts {
  ends: readonly [string, string];
  opener: 0 | 1 | undefined;
  opened: 'answered' | 'unanswered' | 'late-answer' | 'missing';
}

/** What the openings of a connection show. */
export interface Examined {
  /** The end that is the client of a control connection, by its commands; undefined if there is none. */
  byCommands: 0 | 1 | undefined;
  /** The same for a connection whose client says nothing, by the greeting of the server. */
  byGreeting: 0 | 1 | undefined;
  /** Number of octets from each end that belong to a proxy, if the first or the second end is the client; undefined if there are none. */
  preambles: readonly [readonly [number, number], readonly [number, number]] | undefined;
}

/** @returns undefined if the openings show nothing, as those of most connections */
export function examine(facts: ConnectionFacts, openings: readonly [Opening, Opening]): Examined | undefined {
  const preambles = [preambleFrom(0, openings), preambleFrom(1, openings)] as const;
  const { byCommands, byGreeting } = clientEndsOf(facts, openings, preambles);
  const isPlain = preambles[0] === NO_PREAMBLE && preambles[1] === NO_PREAMBLE;
  return byCommands === undefined && byGreeting === undefined && isPlain
    ? undefined
    : { byCommands, byGreeting, preambles: isPlain ? undefined : preambles };
}

/** A connection, with the assumption that a certain end is the client. */
interface Candidate {
  /** The lines of each side; some may be blank. */
  said: readonly string[];
  answered: readonly string[];
  /** Whether octets are missing, which can explain why the end has no lines. */
  clientLost: boolean;
  serverLost: boolean;
  late: boolean;
  serverPort: number;
}

const NO_PREAMBLE: readonly [number, number] = [0, 0];

/** The preamble in the order of the ends. */
function preambleFrom(clientEnd: 0 | 1, openings: readonly [Opening, Opening]): readonly [number, number] {
  const [client, server] = preambleOf(openings[clientEnd].said, openings[other(clientEnd)].said);
  if (client === 0 && server === 0) return NO_PREAMBLE;
  return clientEnd === 0 ? [client, server] : [server, client];
}

/** The client is the end that connects; if the SYN is missing, the end that sends commands. */
function clientEndsOf(
  { opened, opener, ends }: ConnectionFacts,
  openings: readonly [Opening, Opening],
  preambles: NonNullable<Examined['preambles']>,
): Pick<Examined, 'byCommands' | 'byGreeting'> {
  const late = opened === 'missing' || openings[0].late || openings[1].late;
  const found: Pick<Examined, 'byCommands' | 'byGreeting'> = { byCommands: undefined, byGreeting: undefined };
  for (const end of opener === undefined ? BOTH : [opener]) {
    const [client, server] = [openings[end], openings[other(end)]];
    const preamble = preambles[end];
    const said = linesOf(client.said.subarray(preamble[end]));
    const by = said.every(isBlank) ? 'byGreeting' : 'byCommands';
    if (found[by] !== undefined) continue;
    const answered = linesOf(server.said.subarray(preamble[other(end)]));
    const serverPort = portOf(ends[other(end)]);
    if (isControl({ said, answered, late, clientLost: client.lost, serverLost: server.lost, serverPort }))
      found[by] = end;
  }
  return found;
}

const BOTH = [0, 1] as const;

function isControl({ said, answered, late, clientLost, serverLost, serverPort }: Candidate): boolean {
  const first = answered.find(line => !isBlank(line));
  const telling = tellingVerb(said, first === undefined);
  if (telling !== undefined && NOT_FTP.has(telling)) return false;
  if (first === undefined) return serverLost && telling !== undefined;
  const code = firstCode(answered);
  const hasSpoken = clientLost || !said.every(isBlank);
  const isKnown = telling !== undefined || (hasSpoken && answered.some(line => FTP_CODES.has(codeOf(line) ?? '')));
  // A capture that begins late may begin anywhere in the dialogue.
  if (late) return isKnown && code !== undefined;
  // From its beginning, a control connection starts with a greeting or a refusal, perhaps after some text.
  if (isKnown) return isOpening(code);
  // If no command identifies the protocol, the greeting must name FTP, or come from FTP's own port.
  const says = answered.join('\n');
  if (!isOpening(codeOf(first)) || OTHER_GREETING.test(says)) return false;
  return serverPort === FTP_PORT || FTP_GREETING.test(says);
}

/** The first verb that only one protocol has, which shows which protocol it is. @param isAlone  whether there is no reply */
function tellingVerb(lines: readonly string[], isAlone: boolean): string | undefined {
  for (const line of lines) {
    const verb = verbOf(line);
    if (NOT_FTP.has(verb)) return verb;
    if (VERBS.has(verb) && !SHARED.has(verb) && !(isAlone && SHARED_ALONE.has(verb))) return verb;
  }
  return undefined;
}

/** Lines without Telnet commands. */
function linesOf(octets: Uint8Array): string[] {
  return fromUtf8(new TelnetFilter().filter(octets)).split('\n');
}

function isBlank(line: string): boolean {
  return line.trim() === '';
}

/** Arguments of AUTH in SMTP (RFC 4422) that FTP does not have. */
const SASL = /^(PLAIN|LOGIN|NTLM|EXTERNAL|CRAM-MD5|DIGEST-MD5|SCRAM-.*|X?OAUTH.*)$/i;

/** The verb of a command; empty for AUTH of DICT, which has two arguments, and for AUTH of SMTP. */
function verbOf(line: string): string {
  const text = line.trim();
  const space = text.indexOf(' ');
  const verb = (space < 0 ? text : text.slice(0, space)).toUpperCase();
  if (verb !== 'AUTH') return verb;
  const words = text.split(' ').slice(1);
  return words.length !== 1 || SASL.test(words[0]!) ? '' : verb;
}

const CODE = /^[1-6][0-9][0-9](?:[ -]|\r?$)/;

function codeOf(line: string): string | undefined {
  return CODE.test(line) ? line.slice(0, 3) : undefined;
}

function firstCode(lines: readonly string[]): string | undefined {
  for (const line of lines) {
    const code = codeOf(line);
    if (code !== undefined) return code;
  }
  return undefined;
}

/** Whether a connection may begin with a code: a greeting, or a refusal. */
function isOpening(code: string | undefined): boolean {
  return code !== undefined && /^(120|220|[45])/.test(code);
}

export function other(end: 0 | 1): 0 | 1 {
  return end === 0 ? 1 : 0;
}

export function hostOf(end: string): string {
  return end.slice(0, end.lastIndexOf(':'));
}

export function portOf(end: string): number {
  return Number(end.slice(end.lastIndexOf(':') + 1));
}
