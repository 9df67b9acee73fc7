/** Which TCP connections of a capture are FTP control connections: known by what they say, on any port. */
import { fromUtf8 } from '../bytes.js';
import type { TcpConnection, TcpStreams } from './tcp.js';

export interface ControlConnection {
  /** `address:port` of either side. */
  client: string;
  server: string;
  /** Which end of the TCP connection the client is. */
  clientEnd: 0 | 1;
}

/** How much of each direction is looked at, in octets: some greetings are long, and commands are short. */
const OPENING = 4096;

/** RFC 5797's registry, and the older X commands of RFC 775. */
const VERBS: ReadonlySet<string> = new Set(
  (
    'ABOR ACCT ADAT ALGS ALLO APPE AUTH CCC CDUP CONF CWD DELE ENC EPRT EPSV FEAT HELP HOST LANG LIST LPRT LPSV MDTM MIC ' +
    'MKD MLSD MLST MODE NLST NOOP OPTS PASS PASV PBSZ PORT PROT PWD QUIT REIN REST RETR RMD RNFR RNTO SITE SIZE SMNT ' +
    'STAT STOR STOU STRU SYST TYPE USER XCUP XCWD XMKD XPWD XRMD CLNT ERET ESTO SPAS SPOR'
  ).split(' '),
);
/** SMTP, LMTP and NNTP have replies like FTP's, and verbs in common with it; but they say these too. */
const NOT_FTP: ReadonlySet<string> = new Set(
  'EHLO HELO LHLO MAIL RCPT DATA RSET VRFY GROUP ARTICLE BODY POST XOVER OVER NEWNEWS'.split(' '),
);

interface Opening {
  /** What either end said first, as text. */
  said: [string, string];
  /** Something before it is not in the capture. */
  late: boolean;
}

/**
 * The control connections, in the order of their SYNs; those whose SYN nobody answered don't count. A server is known
 * by its replies, a client by its commands. Whoever connects where a control connection is served has one as well,
 * whatever it says.
 * @param ports  either end must have one of these; all are looked at if there are none
 */
export function controlConnections(
  { connections, events }: TcpStreams,
  ports: readonly number[] = [],
): Map<TcpConnection, ControlConnection> {
  const openings = new Map<TcpConnection, Opening>(
    connections.map(connection => [connection, { said: ['', ''], late: connection.opened === 'missing' }]),
  );
  for (const event of events) {
    const opening = openings.get(event.connection)!;
    if (event.kind === 'lost' && opening.said[event.from] === '') opening.late = true;
    if (event.kind !== 'data') continue;
    const room = OPENING - opening.said[event.from].length;
    if (room > 0) opening.said[event.from] += fromUtf8(event.data.subarray(0, room));
  }

  const candidates = connections.filter(
    ({ opened, ends }) =>
      opened !== 'unanswered' && (ports.length === 0 || ends.some(end => ports.includes(portOf(end)))),
  );
  const clientEnds = new Map<TcpConnection, 0 | 1>();
  const servers = new Set<string>();
  const pairs = new Set<string>();
  for (const silent of [false, true]) {
    for (const connection of candidates) {
      const end = clientEndOf(connection, openings.get(connection)!, silent);
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
    const clientEnd = clientEnds.get(connection) ?? joins;
    if (clientEnd === undefined) continue;
    control.set(connection, { client: ends[clientEnd], server: ends[other(clientEnd)], clientEnd });
  }
  return control;
}

/** Who connects is the client; where nobody knows who did, whoever speaks commands is. */
function clientEndOf({ opener }: TcpConnection, { said, late }: Opening, silent: boolean): 0 | 1 | undefined {
  const ends = opener === undefined ? ([0, 1] as const) : ([opener] as const);
  return ends.find(end => isControl(said[end], said[other(end)], late, silent));
}

function isControl(fromClient: string, fromServer: string, late: boolean, silent: boolean): boolean {
  if ((fromClient === '') !== silent) return false;
  const lines = fromServer.split('\n').filter(line => line.trim() !== '');
  // A client that leaves before its first command has seen a greeting (RFC 959 §5.4), and no other reply.
  if (silent) return /^(120|220|421)(?:[ -]|\r?$)/.test(lines[0] ?? '');
  const verbs = fromClient.split('\n').map(line => line.trimEnd().split(' ')[0]!.toUpperCase());
  if (verbs.some(verb => NOT_FTP.has(verb)) || !verbs.some(verb => VERBS.has(verb))) return false;
  // What begins with the connection begins with a greeting or a refusal; what starts late may start anywhere.
  return late
    ? lines.some(line => /^[1-6][0-9][0-9](?:[ -]|\r?$)/.test(line))
    : /^(120|220|[45][0-9][0-9])(?:[ -]|\r?$)/.test(lines[0] ?? '');
}

function hostsOf({ ends }: TcpConnection): string {
  return ends
    .map(end => end.slice(0, end.lastIndexOf(':')))
    .sort()
    .join(' ');
}

function other(end: 0 | 1): 0 | 1 {
  return end === 0 ? 1 : 0;
}

function portOf(end: string): number {
  return Number(end.slice(end.lastIndexOf(':') + 1));
}
