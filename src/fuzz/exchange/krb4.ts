/** The AP_REQ of KERBEROS_V4 (RFC 2228 appendix II), as much of it as nothing protects: numbers, the realm, lengths. */
import { concat } from '../../bytes.js';
import type { Choices } from '../choices.js';
import { type Expectation, refuse } from '../mutation.js';
import { octets, spliced } from '../pieces.js';
import type { ExchangeMutation } from './mutation.js';

const REFUSED = refuse('security/bad-token', 'security/no-key');
const REALM = 3;

const row = (
  name: string,
  change: (token: Uint8Array, draw: Choices) => Uint8Array,
  expected: Expectation = REFUSED,
): ExchangeMutation => ({
  name: `AP_REQ: ${name}`,
  source: 'RFC 2228 appendix II',
  expected,
  to: 'server',
  forges: 'krb4',
  at: 'token',
  change,
});

/** The octet of so many behind the realm's NUL. */
const lengthAt =
  (nth: 0 | 1, length: (right: number, draw: Choices) => number) => (token: Uint8Array, draw: Choices) => {
    const at = token.indexOf(0, REALM) + 1 + nth;
    return spliced(token, at, 1, Uint8Array.of(length(token[at]!, draw)));
  };

export const KRB4: readonly ExchangeMutation[] = [
  row('another version', (token, draw) => spliced(token, 0, 1, Uint8Array.of(draw.of([5, 0, 3, 0xff])))),
  row('another kind of message', (token, draw) => spliced(token, 1, 1, Uint8Array.of(draw.of([2, 4, 0x0e, 0xff])))),
  row('another version of the key', token => spliced(token, 2, 1, Uint8Array.of(token[2]! ^ 0x80))),
  row('another realm', token => spliced(token, REALM, 1, Uint8Array.of(token[REALM]! ^ 1))),
  row('a realm that has no end', (token, draw) =>
    concat(token.subarray(0, REALM), new Uint8Array(draw.of([40, 41, 255, 4000])).fill(0x41)),
  ),
  row('a realm of 4000 octets', token => spliced(token, REALM, 0, octets('A'.repeat(4000)))),
  row(
    'a ticket longer than there is',
    lengthAt(0, (_, draw) => draw.of([0xff, 0xf8, 0x80])),
  ),
  row(
    'no ticket',
    lengthAt(0, () => 0),
  ),
  row(
    'a ticket of no whole blocks',
    lengthAt(0, right => right - 1),
  ),
  row(
    'an authenticator longer than there is',
    lengthAt(1, (_, draw) => draw.of([0xff, 0xf8])),
  ),
  row(
    'no authenticator',
    lengthAt(1, () => 0),
  ),
  row(
    'an authenticator of no whole blocks',
    lengthAt(1, right => right - 1),
  ),
];
