/**
 * Security data as octets, whatever they mean. A mechanism may leave octets unprotected, and pass over some behind a
 * token, so that much is left to the peer; but what is not whole is no token (RFC 2743 §2.2.2, GSS_S_DEFECTIVE_TOKEN).
 */
import { concat } from '../../bytes.js';
import { BASE64_TEXTS } from '../layers/base64.js';
import { EITHER, type Expectation, type RowEnd, refuse, rowEnd } from '../mutation.js';
import { flipped, octets } from '../pieces.js';
import type { ExchangeMutation } from './mutation.js';

const DEFECTIVE = refuse('security/bad-token', 'security/bad-checksum', 'security/no-key');
/** Base 64 of as much is 64 KiB. */
const LONG = 48 * 1024;
/** How tokens begin that are of none of the mechanisms here: TLS, NTLM, and none at all. */
const FOREIGN = [
  '\x16\x03\x01\x00\x2f\x01\x00\x00\x2b\x03\x03'.padEnd(52, '\x11'),
  'NTLMSSP\0\x01\0\0\0\x97\x82\x08\xe2'.padEnd(40, '\0'),
  'GET / HTTP/1.0\r\n\r\n',
];

type Change = ExchangeMutation['change'];
const token = (
  name: string,
  expected: Expectation,
  ...end: RowEnd<Partial<ExchangeMutation>, Change>
): ExchangeMutation => {
  const [also, change] = rowEnd(end);
  return { name, source: 'RFC 2228 §3, ADAT', at: 'token', expected, ...also, change };
};

const tokens: readonly ExchangeMutation[] = [
  token('no octet of the token', refuse('security/bad-token', 'syntax/bad-command'), () => octets('')),
  token('one octet for the token', DEFECTIVE, (_, draw) => octets(draw.of(['`', '\0', '\x01', '\x16', '\xff']))),
  token('the token is cut', DEFECTIVE, (token, draw) => {
    const third = Math.floor(token.length / 3);
    return token.subarray(0, draw.of([token.length - 1, third, 2 * third, 1 + draw.below(token.length - 1)]));
  }),
  token('octets behind the token', EITHER, (token, draw) => concat(token, draw.octets(draw.of([1, 4, 100])))),
  token('the token comes twice', EITHER, token => concat(token, token)),
  token('a bit of the token is flipped', EITHER, (token, draw) =>
    flipped(token, draw.below(token.length), draw.below(8)),
  ),
  token('octets at random for the token', DEFECTIVE, (token, draw) => draw.octets(token.length)),
  token('a token of another mechanism', DEFECTIVE, (_, draw) => octets(draw.of(FOREIGN))),
  token('48 KiB behind the token', EITHER, { large: true }, token => concat(token, new Uint8Array(LONG))),
  token('48 KiB of one octet for the token', DEFECTIVE, { large: true }, (_, draw) =>
    new Uint8Array(LONG).fill(draw.of([0x60, 0x30, 0, 0x80, 0xff])),
  ),
  token("the client's own token", DEFECTIVE, { to: 'client' }, (_token, _draw, { received }) => received),
];

export const EXCHANGE_OCTETS: readonly ExchangeMutation[] = [
  ...tokens,
  ...BASE64_TEXTS.map(({ name, expected, change }): ExchangeMutation => {
    return {
      name: `base 64: ${name}`,
      expected,
      source: 'RFC 2228 §10',
      at: 'base64',
      change: (text, draw) => change([text], draw)?.[0],
    };
  }),
];
