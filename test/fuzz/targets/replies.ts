/** Whatever the octets and however they are cut, ReplyReader gives the same replies, and each of them reads again as itself and is classified. */
import { formatReply, parseReply, ReplyReader } from '../../../src/ftp/reply.js';
import { classify } from '../../../src/ftp/reply-codes.js';
import { replyDetails } from '../../../src/ftp/reply-details.js';
import { attempt, hold, holdsInAnyChunks, octets, refusable, same, type Target } from './target.js';

export const replies: Target = {
  name: 'replies',
  invariant: 'any chunking gives the same replies; a reply reads again as itself, and format and parse are inverse',
  run(input) {
    holdsInAnyChunks(() => new ReplyReader({ maxLine: 60, maxReply: 200 }), input);
    const reader = new ReplyReader();
    reader.push(input);
    for (let left = input.length + 1; left > 0; left--) {
      const one = attempt(() => reader.next());
      if ('error' in one) continue;
      if (one.value === undefined) break;
      const { code, lines, raw } = one.value;
      hold(same(parseReply(raw).raw, raw), 'a reply that was read can not be read again');
      hold(classify(code).code === code, 'a code that can not be classified');
      refusable(() => replyDetails(one.value as never));
      if (lines.some(line => /[\r\0]/.test(line))) continue;
      const again = parseReply(formatReply(code, lines));
      // A middle line that would end the reply gets a blank in front.
      hold(
        again.lines.every((line, i) => line === lines[i] || line === ` ${lines[i]}`),
        'format and parse differ',
      );
    }
    refusable(() => parseReply(input));
  },
  seeds: [
    '220 ready\r\n',
    '211-a\r\n b\r\n211-c\r\n211 d\r\n',
    '227 Entering Passive Mode (127,0,0,1,4,1)\r\n',
    '257 "/a""b" made\r\n',
    '213 20010203040506\r\n',
    '229 ok (|||6446|)\r\n',
    '120 ready in 5 minutes\r\n110 MARK a = b\r\n',
  ].map(octets),
  words: ['\r\n', '220 ', '220-', '631 ', '(|||', ',1', '"'],
};
