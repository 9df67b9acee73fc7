/** Whatever the octets and however they are cut, CommandReader gives the same commands, and format and parse are inverse. */
import { CommandReader, formatCommand, parseCommand } from '../../../src/ftp/command.js';
import { attempt, hold, holdsInAnyChunks, octets, type Target } from './target.js';

export const commands: Target = {
  name: 'commands',
  invariant: 'any chunking gives the same commands; format and parse are inverse; only FtpSecurityError escapes',
  run(input) {
    holdsInAnyChunks(() => new CommandReader({ maxLine: 60 }), input);
    const one = attempt(() => parseCommand(input));
    if ('error' in one) return;
    const { verb, argument } = one.value;
    const again = parseCommand(formatCommand(verb, argument));
    hold(again.verb === verb && again.argument === argument, 'format and parse differ');
  },
  seeds: ['USER anna\r\n', 'noop\r\nXSHA512 x y\r\n', 'QUIT', 'MIC AAAA\r\n'].map(octets),
  words: ['\r\n', '\0', ' ', 'MIC ', '\xc3\xa9'],
};
