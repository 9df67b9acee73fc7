/** Whatever the octets and however they are cut, LineReader gives the same lines, each without a line feed, or refuses by FtpSecurityError. */
import { LineReader } from '../../../src/ftp/line.js';
import { attempt, hold, holdsInAnyChunks, octets, type Target } from './target.js';

export const lines: Target = {
  name: 'lines',
  invariant: 'any chunking gives the same lines, none of them with a line feed; only FtpSecurityError escapes',
  run(input) {
    holdsInAnyChunks(() => new LineReader({ maxLine: 40 }), input);
    holdsInAnyChunks(() => new LineReader({ bareLf: false }), input);
    const reader = new LineReader();
    reader.push(input);
    for (let line = attempt(() => reader.next()); 'value' in line && line.value; line = attempt(() => reader.next())) {
      hold(!line.value.bytes.includes(0x0a), 'a line feed within a line');
    }
  },
  seeds: [
    '220 a\r\n230 b\n',
    '\xff\xf4\xff\xf2ABOR\r\n',
    'a\xff\xffb\xff\xfb\x01c\xff\xfax\xff\xf0\r\n',
    'a\xff',
    '\xff\xfaab\r\n',
  ].map(octets),
  words: ['\r\n', '\n', '\r', '\xff', '\xff\xff', '\xff\xfa', '\xff\xf0', '\xff\xfb'],
};
