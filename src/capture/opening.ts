/** Recognises a control connection by the first octets of both ends. */
import { fromUtf8 } from '../bytes.js';
import { COMMANDS } from '../ftp/commands.js';
import { TelnetFilter } from '../ftp/telnet.js';
import { preambleOf } from './preamble.js';

/** How many octets of each direction are examined: some greetings are long, and commands are short. */
export const OPENING = 4096;

const VERBS: ReadonlySet<string> = new Set(COMMANDS.map(({ verb }) => verb));
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
  verbs: string[];
  /** The lines of the server. */
  lines: string[];
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
    const verbs = linesOf(client.said.subarray(preamble[end])).map(verbOf);
    const by = verbs.length > 0 ? 'byCommands' : 'byGreeting';
    if (found[by] !== undefined) continue;
    const lines = linesOf(server.said.subarray(preamble[other(end)]));
    const serverPort = portOf(ends[other(end)]);
    if (isControl({ verbs, lines, late, clientLost: client.lost, serverLost: server.lost, serverPort }))
      found[by] = end;
  }
  return found;
}

const BOTH = [0, 1] as const;

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

export function other(end: 0 | 1): 0 | 1 {
  return end === 0 ? 1 : 0;
}

export function hostOf(end: string): string {
  return end.slice(0, end.lastIndexOf(':'));
}

export function portOf(end: string): number {
  return Number(end.slice(end.lastIndexOf(':') + 1));
}
