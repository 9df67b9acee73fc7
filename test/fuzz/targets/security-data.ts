/** Arguments of AUTH, ADAT, PBSZ, PROT and CCC, and what their replies carry, are refused by FtpSecurityError, or format to what reads as the same. */
import { parseCommand } from '../../../src/ftp/command.js';
import { parseReply } from '../../../src/ftp/reply.js';
import {
  adatOf,
  formatAdat,
  formatAdatReply,
  formatAuth,
  formatPbsz,
  formatProt,
  parseAdat,
  parseAuth,
  parseCcc,
  parsePbsz,
  parseProt,
  pbszOf,
} from '../../../src/secure/security-data.js';
import { attempt, hold, octets, refusable, same, type Target } from './target.js';

export const securityData: Target = {
  name: 'security-data',
  invariant: 'what is parsed formats to what parses to the same; only FtpSecurityError escapes',
  run(input) {
    refusable(() => pbszOf(parseReply(input)));
    const adat = attempt(() => adatOf(parseReply(input)));
    if ('value' in adat && adat.value.token !== undefined) {
      const { token } = adat.value;
      hold(same(adatOf(parseReply(formatAdatReply(235, token)), { tolerate: [] }).token!, token), 'another token');
    }
    const parsed = attempt(() => parseCommand(input));
    if ('error' in parsed) return;
    refusable(() => COMMANDS[parsed.value.verb]?.(parsed.value));
  },
  seeds: [
    'AUTH GSSAPI\r\n',
    'ADAT AAAA\r\n',
    'PBSZ 4294967295\r\n',
    'PROT P\r\n',
    'CCC\r\n',
    '235 ADAT=AAAA\r\n',
    '335-x ADAT=AAAA\r\n335 adat=AA==\r\n',
    '200 PBSZ=1024\r\n',
  ].map(octets),
  words: ['ADAT=', 'PBSZ=', '235-', '235 ', 'PROT ', 'PBSZ ', 'AUTH ', 'ADAT ', '\r\n'],
};

type Parsed = ReturnType<typeof parseCommand>;

const COMMANDS: Record<string, (command: Parsed) => void> = {
  AUTH: command => hold(parseAuth(parseCommand(formatAuth(parseAuth(command)))) === parseAuth(command), 'another name'),
  ADAT(command) {
    const token = parseAdat(command).token!;
    if (token.length > 0) hold(same(parseAdat(parseCommand(formatAdat(token))).token!, token), 'another token');
  },
  PBSZ: command => hold(parsePbsz(parseCommand(formatPbsz(parsePbsz(command)))) === parsePbsz(command), 'another size'),
  PROT: command =>
    hold(parseProt(parseCommand(formatProt(parseProt(command)))) === parseProt(command), 'another level'),
  CCC: parseCcc,
};
