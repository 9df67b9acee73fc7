/** Base 64 is refused by FtpSecurityError, or it is the one encoding of the octets that it stands for. */
import { decodeBase64, encodeBase64 } from '../../../src/base64.js';
import { attempt, hold, octets, same, type Target } from './target.js';

export const base64: Target = {
  name: 'base64',
  invariant: 'what is decoded encodes to the same characters, and every octet string survives the way there and back',
  run(input) {
    const decoded = attempt(() => decodeBase64(input));
    if ('value' in decoded) hold(same(encodeBase64(decoded.value), input), 'two encodings of the same octets');
    hold(same(decodeBase64(encodeBase64(input)), input), 'octets lost on the way');
  },
  seeds: ['', 'AA==', 'AAA=', 'AAAA', 'Zm9vYmFy', 'A===', 'AB=='].map(octets),
  words: ['=', '==', '+', '/', 'A'],
};
