/** A 63z reply or a MIC, CONF, ENC is refused by FtpSecurityError, or the strict reading of it encodes to the same octets. */
import { parseCommand } from '../../../src/ftp/command.js';
import { parseReply } from '../../../src/ftp/reply.js';
import { decodeProtectedCommand, encodeProtectedCommand } from '../../../src/protection/protected-command.js';
import { decodeProtectedReply, encodeProtectedReply } from '../../../src/protection/protected-reply.js';
import { attempt, hold, octets, refusable, same, type Target } from './target.js';

const STRICT = { tolerate: [] };

export const protectedLines: Target = {
  name: 'protected-lines',
  invariant: 'decode and encode are inverse where no deviation is tolerated; only FtpSecurityError escapes',
  run(input) {
    refusable(() => decodeProtectedReply(parseReply(input)));
    refusable(() => decodeProtectedCommand(parseCommand(input)));
    const reply = attempt(() => decodeProtectedReply(parseReply(input), STRICT));
    // An empty token is one line that can't be written.
    if ('value' in reply && input.at(-1) === 0x0a)
      hold(same(encodeProtectedReply(reply.value), input), 'a reply has another form');
    const command = attempt(() => decodeProtectedCommand(parseCommand(input), STRICT));
    if ('value' in command && input.at(-1) === 0x0a && /^[A-Z]/.test(String.fromCharCode(input[0]!))) {
      const again = encodeProtectedCommand(command.value);
      hold(
        same(again.subarray(again.indexOf(0x20)), input.subarray(input.indexOf(0x20))),
        'a command has another form',
      );
    }
  },
  seeds: [
    '631 AAAA\r\n',
    '632-AAAA\r\n632-Zm9v\r\n632 AA==\r\n',
    '633  Zm9v and more\n',
    'MIC AAAA\r\n',
    'enc Zm9v \r\n',
    'CONF AA==\r\n',
  ].map(octets),
  words: ['631-', '631 ', '632 ', 'ENC ', 'AAAA', '\r\n', '='],
};
