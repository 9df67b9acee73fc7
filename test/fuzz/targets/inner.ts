/** Texts inside valid tokens: nothing is delivered but whole replies and commands made of the octets that were protected, in their order. */
import { CRLF, concat, concatAll } from '../../../src/bytes.js';
import { parseCommand } from '../../../src/ftp/command.js';
import { parseReply } from '../../../src/ftp/reply.js';
import { ProtectedReplyReader, unprotectCommand } from '../../../src/protection/protect.js';
import { encodeProtectedCommand } from '../../../src/protection/protected-command.js';
import { encodeProtectedReply } from '../../../src/protection/protected-reply.js';
import { quickContext } from './quick-context.js';
import { attempt, contains, cutAt, hold, octets, type Target } from './target.js';

/** Octets that no text of these inputs has otherwise: they part fragments, and outer replies. */
const FRAGMENT = 0xfe;
const OUTER = 0xfd;

export const innerReplies: Target = {
  name: 'inner-replies',
  invariant:
    'a delivered reply reads again as itself, below 600, and its octets were protected; only FtpSecurityError escapes',
  run(input) {
    const sender = quickContext('acceptor');
    const reader = new ProtectedReplyReader(quickContext('initiator'), { maxReply: 400 });
    const sent: Uint8Array[] = [];
    for (const outer of cutAt(input, OUTER)) {
      const fragments = cutAt(outer, FRAGMENT);
      const tokens = fragments.map(fragment => sender.wrap(fragment, 'safe').token);
      sent.push(...fragments);
      const pushed = attempt(() => reader.push(parseReply(encodeProtectedReply({ level: 'safe', tokens }))));
      if ('error' in pushed) continue;
      for (let one = reader.next(); one !== undefined; one = reader.next()) {
        hold(one.inner.code < 600 && one.level === 'safe', 'no reply, or a level that it had not');
        hold(parseReply(one.inner.raw).code === one.inner.code, 'a reply that does not read again');
        const lines = (parts: readonly Uint8Array[]) => concatAll(parts.map(part => withoutEnds(part)));
        hold(contains(lines(sent), lines([one.inner.raw])), 'octets that were not protected');
      }
    }
    attempt(() => reader.close());
  },
  seeds: [
    '200 ok\r\n',
    '211-a\xfe b\xfe211 c',
    '211-a\r\n\xfe211 c\r\n',
    '211-a\r\n\xfd b\r\n\xfd211 c\r\n',
    '200 a\0',
    '20\xfe0 ok\r\n',
    '631 AAAA',
  ].map(octets),
  words: ['\r\n', '\xfe', '\xfd', '211-', '211 ', '\0', '631 '],
};

export const innerCommands: Target = {
  name: 'inner-commands',
  invariant: 'a delivered command is the one that was protected, and none that protects; only FtpSecurityError escapes',
  run(input) {
    const sender = quickContext('initiator');
    const wire = encodeProtectedCommand(sender.wrap(input, 'private'));
    const one = attempt(() => unprotectCommand(quickContext('acceptor'), parseCommand(wire)));
    if ('error' in one) return;
    const { inner, level } = one.value;
    hold(level === 'private' && !/^(MIC|CONF|ENC)$/.test(inner.verb), 'a command that protects, or another level');
    hold(contains(concat(input, CRLF), inner.raw), 'octets that were not protected');
  },
  seeds: ['USER anna\r\n', 'NOOP', 'QUIT\0', 'MIC AAAA\r\n', 'USER a\r\nQUIT\r\n'].map(octets),
  words: ['\r\n', '\0', 'ENC ', ' '],
};

/** Without what a reader may put in or take out at the end of a fragment. */
function withoutEnds(part: Uint8Array): Uint8Array {
  return part.filter(octet => octet !== 0x0d && octet !== 0x0a && octet !== 0);
}
