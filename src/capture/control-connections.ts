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
/** SMTP and LMTP greet with 220 too, and have verbs in common with FTP; but they say these first. */
const NOT_FTP: ReadonlySet<string> = new Set(['EHLO', 'HELO', 'LHLO']);

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
  const openings = new Map<TcpConnection, [string, string]>();
  for (const event of events) {
    if (event.kind !== 'data') continue;
    const opening = openings.get(event.connection) ?? ['', ''];
    const room = OPENING - opening[event.from].length;
    if (room > 0) opening[event.from] += fromUtf8(event.data.subarray(0, room));
    openings.set(event.connection, opening);
  }

  const candidates = connections.filter(
    ({ opened, ends }) =>
      opened !== 'unanswered' && (ports.length === 0 || ends.some(end => ports.includes(portOf(end)))),
  );
  const clientEnds = new Map<TcpConnection, 0 | 1>();
  const servers = new Set<string>();
  for (const connection of candidates) {
    const end = clientEndOf(connection, openings.get(connection) ?? ['', '']);
    if (end === undefined) continue;
    clientEnds.set(connection, end);
    servers.add(connection.ends[other(end)]);
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
function clientEndOf({ opener, opened }: TcpConnection, opening: readonly [string, string]): 0 | 1 | undefined {
  const ends = opener === undefined ? ([0, 1] as const) : ([opener] as const);
  return ends.find(end => isControl(opening[end], opening[other(end)], opened === 'missing'));
}

function isControl(fromClient: string, fromServer: string, startsLate: boolean): boolean {
  const replies = /^[1-6][0-9][0-9][ -]/;
  const [first = '', second = ''] = fromServer.split('\n');
  if (!replies.test(first) && !(startsLate && replies.test(second))) return false;
  const verbs = fromClient.split('\n').map(line => line.trimEnd().split(' ')[0]!.toUpperCase());
  if (NOT_FTP.has(verbs[0]!)) return false;
  // A client that leaves before its first command has seen a greeting (RFC 959 §5.4), and no other reply.
  if (fromClient === '') return /^(120|220|421)[ -]/.test(first);
  return verbs.some(verb => VERBS.has(verb));
}

function other(end: 0 | 1): 0 | 1 {
  return end === 0 ? 1 : 0;
}

function portOf(end: string): number {
  return Number(end.slice(end.lastIndexOf(':') + 1));
}
