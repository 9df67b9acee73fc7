/**
 * The table of all known commands: facts that are the same for every client and server. What a side permits is policy, which
 * is in session.
 */

/** What the RFCs say about one command. A mark that is absent is false. */
export interface CommandFacts {
  /** In upper case. */
  verb: string;
  /** The RFC and section that define it, GFD.20 (GridFTP), or `common use`. */
  source: string;
  /** The reply codes listed for it by its RFC, and by RFC 2228 §8.2; empty if no RFC lists any. */
  replies: readonly number[];
  /** The side that sends on the data connection; undefined for a command without one. */
  data?: 'client' | 'server';
  /** The command is part of the login (RFC 959 §5.4). */
  login?: true;
  /** Its argument is a secret, which must be sent at the strongest level (RFC 2228 §7). */
  password?: true;
  /** It neither names a user nor acts for one, so it may come before the security data exchange. */
  beforeSecurity?: true;
  /** It has a meaning only after the security data exchange (RFC 2228 §3). */
  needsAssociation?: true;
  /** It is part of the security data exchange (RFC 2228 §3). */
  exchange?: true;
  /** Its reply decides how the next lines are protected, so nothing may be sent or read before that reply. */
  awaited?: true;
  /** If it is accepted, the security association ends (RFC 2228 §3, AUTH; appendix I). */
  resets?: true;
  /** If it is accepted, less protection is required than before. */
  liftsProtection?: true;
  /** It may be sent during a transfer. Its reply then comes at once, or after the reply to the transfer (RFC 959 §4.1.3). */
  duringTransfer?: 'answered-at-once' | 'answered-after';
}

/** Replies to almost every command (RFC 959 §5.4): unknown command, bad argument, closing. */
const ANY = [500, 501, 421];
const OPTIONAL = [500, 501, 502, 421, 530];
const TRANSFER = [125, 150, 226, 250, 425, 426, 451, 534, 535];
const STORE = [...TRANSFER, 110, 551, 552, 532, 450, 452, 553, 530, ...ANY];
const PARAMETER = [200, 500, 501, 504, 421, 530];
/** "Any security command can return" these (RFC 2228 §8.2). */
const SECURITY = [500, 501, 502, 533, 421];
/** §8.2; §3 adds 503 before the exchange and 537 for a level that the mechanism lacks. */
const PROTECTED = [535, 503, 537, ...SECURITY];

/** The sections that define most commands, by their titles: a name for each keeps the bundle small. */
const ACCESS_CONTROL = 'RFC 959 §4.1.1';
const TRANSFER_PARAMETER = 'RFC 959 §4.1.2';
const FTP_SERVICE = 'RFC 959 §4.1.3';
const NEW_FTP_COMMANDS = 'RFC 2228 §3';

/** Every known command: ordered by RFC, oldest first, and within it as the RFC lists them. */
export const COMMANDS: readonly CommandFacts[] = [
  { verb: 'USER', source: ACCESS_CONTROL, replies: [230, 331, 332, 530, ...ANY, 232, 336], login: true },
  {
    verb: 'PASS',
    source: ACCESS_CONTROL,
    replies: [230, 202, 332, 530, 503, ...ANY],
    login: true,
    password: true,
  },
  { verb: 'ACCT', source: ACCESS_CONTROL, replies: [230, 202, 530, 503, ...ANY], login: true, password: true },
  { verb: 'CWD', source: ACCESS_CONTROL, replies: [250, 550, ...OPTIONAL] },
  { verb: 'CDUP', source: ACCESS_CONTROL, replies: [200, 550, ...OPTIONAL] },
  { verb: 'SMNT', source: ACCESS_CONTROL, replies: [202, 250, 550, ...OPTIONAL] },
  {
    verb: 'REIN',
    source: ACCESS_CONTROL,
    replies: [120, 220, 421, 500, 502],
    beforeSecurity: true,
    awaited: true,
    resets: true,
    liftsProtection: true,
  },
  {
    verb: 'QUIT',
    source: ACCESS_CONTROL,
    replies: [221, 500],
    beforeSecurity: true,
    duringTransfer: 'answered-after',
  },
  { verb: 'PORT', source: TRANSFER_PARAMETER, replies: [200, 530, ...ANY] },
  { verb: 'PASV', source: TRANSFER_PARAMETER, replies: [227, ...OPTIONAL] },
  { verb: 'TYPE', source: TRANSFER_PARAMETER, replies: PARAMETER },
  { verb: 'STRU', source: TRANSFER_PARAMETER, replies: PARAMETER },
  { verb: 'MODE', source: TRANSFER_PARAMETER, replies: PARAMETER },
  { verb: 'RETR', source: FTP_SERVICE, replies: [...TRANSFER, 110, 450, 550, 530, ...ANY], data: 'server' },
  {
    verb: 'STOR',
    source: FTP_SERVICE,
    replies: STORE,
    data: 'client',
  },
  {
    verb: 'STOU',
    source: FTP_SERVICE,
    replies: STORE,
    data: 'client',
  },
  {
    verb: 'APPE',
    source: FTP_SERVICE,
    replies: [...TRANSFER, 110, 551, 552, 532, 450, 550, 452, 553, ...OPTIONAL],
    data: 'client',
  },
  { verb: 'ALLO', source: FTP_SERVICE, replies: [202, ...PARAMETER] },
  { verb: 'REST', source: FTP_SERVICE, replies: [350, ...OPTIONAL] },
  { verb: 'RNFR', source: FTP_SERVICE, replies: [350, 450, 550, ...OPTIONAL] },
  { verb: 'RNTO', source: FTP_SERVICE, replies: [250, 532, 553, 503, ...OPTIONAL] },
  {
    verb: 'ABOR',
    source: FTP_SERVICE,
    replies: [225, 226, 502, ...ANY],
    duringTransfer: 'answered-after',
  },
  { verb: 'DELE', source: FTP_SERVICE, replies: [250, 450, 550, ...OPTIONAL] },
  { verb: 'RMD', source: FTP_SERVICE, replies: [250, 550, ...OPTIONAL] },
  { verb: 'MKD', source: FTP_SERVICE, replies: [257, 550, ...OPTIONAL] },
  { verb: 'PWD', source: FTP_SERVICE, replies: [257, 550, 502, ...ANY] },
  { verb: 'LIST', source: FTP_SERVICE, replies: [...TRANSFER, 450, ...OPTIONAL], data: 'server' },
  { verb: 'NLST', source: FTP_SERVICE, replies: [...TRANSFER, 450, ...OPTIONAL], data: 'server' },
  { verb: 'SITE', source: FTP_SERVICE, replies: [200, 202, 500, 501, 530] },
  { verb: 'SYST', source: FTP_SERVICE, replies: [215, 502, ...ANY], beforeSecurity: true },
  {
    verb: 'STAT',
    source: FTP_SERVICE,
    replies: [211, 212, 213, 450, ...OPTIONAL],
    duringTransfer: 'answered-at-once',
  },
  { verb: 'HELP', source: FTP_SERVICE, replies: [211, 214, 502, ...ANY], beforeSecurity: true },
  { verb: 'NOOP', source: FTP_SERVICE, replies: [200, 500, 421], beforeSecurity: true },

  ...['XMKD', 'XRMD', 'XPWD', 'XCUP', 'XCWD'].map(verb => ({ verb, source: 'RFC 775', replies: [] })),

  { verb: 'LPRT', source: 'RFC 1639 §2', replies: [200, 521, 530, ...ANY] },
  { verb: 'LPSV', source: 'RFC 1639 §3', replies: [228, 521, ...OPTIONAL] },

  {
    verb: 'AUTH',
    source: NEW_FTP_COMMANDS,
    replies: [234, 334, 504, 534, 431, ...SECURITY],
    beforeSecurity: true,
    exchange: true,
    awaited: true,
    resets: true,
  },
  {
    verb: 'ADAT',
    source: NEW_FTP_COMMANDS,
    replies: [235, 335, 503, 535, ...SECURITY],
    beforeSecurity: true,
    exchange: true,
    awaited: true,
  },
  { verb: 'PBSZ', source: NEW_FTP_COMMANDS, replies: [200, 503, 530, ...SECURITY], needsAssociation: true },
  {
    verb: 'PROT',
    source: NEW_FTP_COMMANDS,
    replies: [200, 504, 536, 503, 534, 431, 530, ...SECURITY],
    needsAssociation: true,
  },
  {
    verb: 'CCC',
    source: NEW_FTP_COMMANDS,
    replies: [200, 534, 503, ...SECURITY],
    needsAssociation: true,
    liftsProtection: true,
  },
  { verb: 'MIC', source: NEW_FTP_COMMANDS, replies: PROTECTED },
  { verb: 'CONF', source: NEW_FTP_COMMANDS, replies: PROTECTED },
  { verb: 'ENC', source: NEW_FTP_COMMANDS, replies: PROTECTED },

  { verb: 'FEAT', source: 'RFC 2389 §3', replies: [211, 500, 501, 502], beforeSecurity: true },
  { verb: 'OPTS', source: 'RFC 2389 §4', replies: [200, 451, 500, 501, 502], beforeSecurity: true },
  { verb: 'EPRT', source: 'RFC 2428 §2', replies: [200, 522, 530, ...ANY] },
  { verb: 'EPSV', source: 'RFC 2428 §3', replies: [229, 522, ...OPTIONAL] },
  { verb: 'LANG', source: 'RFC 2640 §4', replies: [200, 500, 501, 502, 504] },
  { verb: 'MDTM', source: 'RFC 3659 §3', replies: [213, 550, 500, 501] },
  { verb: 'SIZE', source: 'RFC 3659 §4', replies: [213, 550, 500, 501] },
  { verb: 'MLST', source: 'RFC 3659 §7', replies: [250, 550, 530, 553, 503, 504, 500, 501] },
  {
    verb: 'MLSD',
    source: 'RFC 3659 §7',
    replies: [...TRANSFER, 550, 530, 553, 503, 504, 500, 501],
    data: 'server',
  },
  { verb: 'HOST', source: 'RFC 7151 §3', replies: [220, 421, 500, 501, 502, 503, 504], beforeSecurity: true },

  { verb: 'ALGS', source: 'common use', replies: [] },
  { verb: 'CLNT', source: 'common use', replies: [] },
  { verb: 'ERET', source: 'GFD.20', replies: TRANSFER, data: 'server' },
  { verb: 'ESTO', source: 'GFD.20', replies: TRANSFER, data: 'client' },
  { verb: 'SPAS', source: 'GFD.20', replies: [] },
  { verb: 'SPOR', source: 'GFD.20', replies: [] },
];

const BY_VERB: ReadonlyMap<string, CommandFacts> = new Map(COMMANDS.map(facts => [facts.verb, facts]));
const UNKNOWN: Omit<CommandFacts, 'verb'> = { source: 'unknown', replies: [] };

/** Whether a command has a data connection. */
export function isTransfer(verb: string): boolean {
  return commandFacts(verb).data !== undefined;
}

/**
 * The facts about a command (RFC 959, RFC 2228 and the other sources in {@link COMMANDS}).
 * @param verb  in upper case, as parsers return it
 * @returns for an unknown verb, a record without replies and without marks
 * @example
 * commandFacts('RETR').data; // 'server': the server sends on the data connection
 */
export function commandFacts(verb: string): CommandFacts {
  return BY_VERB.get(verb) ?? { verb, ...UNKNOWN };
}
