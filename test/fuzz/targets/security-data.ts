/** Arguments of AUTH, ADAT, PBSZ, PROT and CCC, and what their replies carry, are refused by FtpSecurityError, or format to what reads as the same. */
import { parseCommand } from '../../../src/ftp/command.js';
import { parseReply } from '../../../src/ftp/reply.js';
import {
  formatAdat,
  formatAdatReply,
  formatAuth,
  formatPbsz,
  formatProt,
  parseAdatCommand,
  parseAdatReply,
  parseAuth,
  parseCcc,
  parsePbszCommand,
  parsePbszReply,
  parseProt,
} from '../../../src/protection/security-data.js';
import { attempt, hold, octets, refusable, same, type Target } from './target.js';

export const securityData: Target = {
  name: 'security-data',
  invariant: 'what is parsed formats to what parses to the same; only FtpSecurityError escapes',
  run(input) {
    refusable(() => parsePbszReply(parseReply(input)));
    const adat = attempt(() => parseAdatReply(parseReply(input)));
    if ('value' in adat && adat.value.token !== undefined) {
      const { token } = adat.value;
      hold(
        same(parseAdatReply(parseReply(formatAdatReply(235, token)), { tolerate: [] }).token!, token),
        'another token',
      );
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
    const token = parseAdatCommand(command).token!;
    if (token.length > 0) hold(same(parseAdatCommand(parseCommand(formatAdat(token))).token!, token), 'another token');
  },
  PBSZ: command =>
    hold(
      parsePbszCommand(parseCommand(formatPbsz(parsePbszCommand(command)))) === parsePbszCommand(command),
      'another size',
    ),
  PROT: command =>
    hold(parseProt(parseCommand(formatProt(parseProt(command)))) === parseProt(command), 'another level'),
  CCC: parseCcc,
};
