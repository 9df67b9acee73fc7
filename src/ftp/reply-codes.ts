/** The meaning of reply codes: from the table of known codes, else from the digits (RFC 959 §4.2, RFC 2228 §5). */
import { assertNumber } from './argument-checks.js';

/** What a reply code says by its first digit (RFC 959 §4.2); `protected` is 6yz (RFC 2228 §5.2). */
export type ReplyKind =
  | 'positive-preliminary'
  | 'positive-completion'
  | 'positive-intermediate'
  | 'transient-negative'
  | 'permanent-negative'
  | 'protected'
  | 'winsock'
  | 'unknown';

/** What a reply is about, by the second digit of its code (RFC 959 §4.2, RFC 2228 §5). */
export type ReplyGroup = 'syntax' | 'information' | 'connections' | 'authentication' | 'unspecified' | 'file-system';

/** The meaning of a reply code: the result of {@link classify}. */
export interface Classification {
  code: number;
  /** By the first digit; `winsock` is an error number of Windows Sockets, which some clients show in place of a reply code. */
  kind: ReplyKind;
  /** By the second digit of a reply code; undefined for x60 to x99, which have no group in any RFC. */
  group: ReplyGroup | undefined;
  /** Whether this reply is the last to its command: 2yz to 5yz. Another one follows 1yz, and 6yz contains the real one. */
  final: boolean;
  /** In plain words: for the code, or for its first digit if the code is not in the table. */
  meaning?: string;
  /** Where the meaning is defined: an RFC and its section, `Winsock`, or `common use`. */
  source?: string;
}

interface Series {
  kind: ReplyKind;
  final: boolean;
  meaning: string;
  source: string;
}

/** By the first digit. */
const SERIES: Readonly<Record<number, Series>> = {
  1: { kind: 'positive-preliminary', final: false, meaning: 'Begun: another reply follows', source: 'RFC 959 §4.2' },
  2: { kind: 'positive-completion', final: true, meaning: 'Done', source: 'RFC 959 §4.2' },
  3: {
    kind: 'positive-intermediate',
    final: true,
    meaning: 'Accepted so far: send the next command of the sequence',
    source: 'RFC 959 §4.2',
  },
  4: {
    kind: 'transient-negative',
    final: true,
    meaning: 'Refused for now: try the sequence again from its start',
    source: 'RFC 959 §4.2',
  },
  5: {
    kind: 'permanent-negative',
    final: true,
    meaning: "Refused: don't send it again unchanged",
    source: 'RFC 959 §4.2',
  },
  6: { kind: 'protected', final: false, meaning: 'Protected: decode it first', source: 'RFC 2228 §5.2' },
};

/** By the second digit. */
const GROUPS: readonly ReplyGroup[] = [
  'syntax',
  'information',
  'connections',
  'authentication',
  'unspecified',
  'file-system',
];

/** Error numbers of Windows Sockets, and of libraries on top of it. */
const WINSOCK = { from: 10000, to: 11999 };

/** The sections that define most codes: a name for each keeps the bundle small. */
const RFC_959 = 'RFC 959 §4.2.2';
const RFC_2228 = 'RFC 2228 §5.1';

/**
 * Every known code with its meaning and the source of that meaning. RFC 959 left out 231, which the FTP of 1973 had. No RFC
 * has 430 and 434 in the sense that servers use. A code with several meanings has a source for each.
 */
export const REPLY_CODES: readonly (readonly [code: number, meaning: string, source: string])[] = [
  [110, "Restart marker: the client's and the server's name for one place in the transfer", RFC_959],
  [120, 'Not ready yet: the text says in how many minutes', RFC_959],
  [125, 'The transfer begins, on the data connection that is open already', RFC_959],
  [150, 'The file is ready: the data connection is opened next', RFC_959],
  [200, 'Done; there is nothing more to say', RFC_959],
  [202, 'Accepted without effect: this server does not need the command', RFC_959],
  [211, 'About the server: how it is doing, or its features (FEAT)', 'RFC 959 §4.2.2, RFC 2389 §3.2'],
  [212, 'About a directory', RFC_959],
  [213, 'About a file: its time (MDTM), its size (SIZE) or its status', 'RFC 959 §4.2.2, RFC 3659 §3.1 and §4.1'],
  [214, 'Help, for people to read', RFC_959],
  [215, 'The operating system of the server, by name', RFC_959],
  [220, 'Greeting: a user may log in', 'RFC 959 §4.2.2, RFC 7151 §3.2'],
  [221, 'Goodbye: the server closes the control connection', RFC_959],
  [225, 'The data connection is open, and idle', RFC_959],
  [226, 'The transfer, or the abort of one, is complete; the data connection is closed', RFC_959],
  [227, 'Passive: the text has the IPv4 address and port to connect to', RFC_959],
  [228, 'Passive: the text has a long address to connect to', 'RFC 1639 §3'],
  [229, 'Passive: the text has the port to connect to', 'RFC 2428 §3'],
  [230, 'Logged in', RFC_959],
  [231, 'Logged out', 'RFC 542'],
  [232, 'Logged in by the security data exchange; no password is needed', RFC_2228],
  [234, 'The security mechanism is accepted, and needs no security data here', 'RFC 2228 §5.1, RFC 4217 §4'],
  [235, 'The security data exchange is complete', RFC_2228],
  [250, 'The file or directory has been dealt with as asked', RFC_959],
  [257, 'The directory in quotes has been made, or is the current one', 'RFC 959 §4.2.2 and appendix II'],
  [331, 'The user name is accepted; the password is next', RFC_959],
  [332, 'Logging in takes an account (ACCT) as well', RFC_959],
  [334, 'The security mechanism is accepted; its security data is next (ADAT)', RFC_2228],
  [335, 'The security data is accepted; the exchange goes on (ADAT)', RFC_2228],
  [336, 'The user name is accepted; the password has to answer the challenge in the text', RFC_2228],
  [350, 'Waiting for the command that completes this one', RFC_959],
  [421, 'The server gives up and closes the control connection', RFC_959],
  [425, 'The data connection could not be opened', RFC_959],
  [426, 'The transfer was broken off, its data connection closed', RFC_959],
  [430, 'Wrong user name or password', 'common use'],
  [431, 'A resource that security needs is not available at present', RFC_2228],
  [434, "The host that was asked for can't be reached", 'common use'],
  [450, 'The file is busy or not available at present', RFC_959],
  [451, 'Something went wrong inside the server', RFC_959],
  [452, 'The server has no room left', RFC_959],
  [500, 'Not understood: there is no such command, or the line is too long', RFC_959],
  [501, "Not understood: something is wrong with the command's argument", RFC_959],
  [502, "The server doesn't have this command", RFC_959],
  [503, 'Out of order: another command has to come first', RFC_959],
  [504, 'The server has this command, but not with this argument', RFC_959],
  [
    521,
    'No data connection at this PROT level; or no such address family (LPRT, LPSV); or the directory exists (MKD)',
    'RFC 4217 §10.2; RFC 1639 §4; RFC 959 appendix II',
  ],
  [
    522,
    'No such network protocol (EPRT, EPSV); or TLS on the data connection failed or was not good enough',
    'RFC 2428 §2; RFC 4217 §10.2',
  ],
  [530, 'Log in first; or the login has failed', RFC_959],
  [532, 'Storing files takes an account (ACCT)', RFC_959],
  [533, "The server's policy wants another protection of commands", RFC_2228],
  [534, "The server's policy is against it", RFC_2228],
  [535, 'A security check failed', RFC_2228],
  [536, 'The security mechanism lacks this level for data (PROT)', RFC_2228],
  [537, 'The security mechanism lacks this level for commands', RFC_2228],
  [550, 'The file is not there, or not for this user', RFC_959],
  [551, 'The type of page is not known', RFC_959],
  [552, 'The user has no room left', RFC_959],
  [553, 'The file may not have this name', RFC_959],
  [554, "The transfer can't start at the place that REST named", 'RFC 1123 §4.1.3.4'],
  [555, "The type or structure in force doesn't fit the transfer", 'RFC 1123 §4.1.3.4'],
  [631, 'A reply inside a token with integrity (safe): decode it first', 'RFC 2228 §5.2'],
  [632, 'A reply inside a token with integrity and confidentiality (private): decode it first', 'RFC 2228 §5.2'],
  [633, 'A reply inside a token with confidentiality alone (confidential): decode it first', 'RFC 2228 §5.2'],
  [10054, 'The peer broke the connection off', 'Winsock'],
  [10060, 'The peer did not answer in time', 'Winsock'],
  [10061, 'The peer refused the connection: nothing listens there', 'Winsock'],
  [10065, 'There is no way to the host', 'Winsock'],
  [10066, 'The directory is not empty', 'Winsock'],
  [10068, 'Too many users at once', 'Winsock'],
];

const KNOWN: ReadonlyMap<number, { meaning: string; source: string }> = new Map(
  REPLY_CODES.map(([code, meaning, source]) => [code, { meaning, source }]),
);

/**
 * The meaning of a reply code (RFC 959 §4.2, RFC 2228 §5).
 *
 * A code that is not in the table has the kind, group and meaning of its digits: 100, 300, 400 and 600 are in the group
 * `syntax`; x60 to x99 have no group. 10000 to 11999 are error numbers of Windows Sockets; only those that FTP clients show
 * have a meaning (10055 has none), and no reader accepts them as a reply. Every other number, e.g. 0, 99, 700, 1000 or 200.5,
 * is `unknown`. Codes of Windows Sockets and unknown ones have no group and are not final.
 * @throws TypeError for anything but a number
 * @example
 * classify(230); // { code: 230, kind: 'positive-completion', group: 'authentication', final: true, meaning: 'Logged in', … }
 */
export function classify(code: number): Classification {
  assertNumber(code, 'a reply code');
  const known = KNOWN.get(code);
  const isWhole = Number.isInteger(code);
  const series = isWhole ? SERIES[Math.trunc(code / 100)] : undefined;
  if (series === undefined) {
    const kind = isWhole && code >= WINSOCK.from && code <= WINSOCK.to ? 'winsock' : 'unknown';
    return { code, kind, group: undefined, final: false, ...known };
  }
  const { kind, final } = series;
  const { meaning, source } = known ?? series;
  return { code, kind, final, meaning, source, group: GROUPS[Math.trunc(code / 10) % 10] };
}
