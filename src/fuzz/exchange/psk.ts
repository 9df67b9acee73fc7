/** The security data of X-PSK (mechanisms/psk): lengths, the version, and confirmations that confirm something else. */
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { concat, toUtf8 } from '../../bytes.js';
import { deriveKey, type Role } from '../../mechanisms/psk/context.js';
import type { Choices } from '../choices.js';
import { type Expectation, refuse } from '../mutation.js';
import { flipped, octets } from '../pieces.js';
import type { ExchangeMutation, ExchangeTurn } from './mutation.js';

const SIZE = 32;
const BAD_TOKEN = refuse('security/bad-token');
const WRONG = refuse('security/bad-checksum');
const UNASKED = refuse('sequence/unexpected-reply', 'sequence/closed');

interface Seen extends ExchangeTurn {
  key: Uint8Array;
}

const row = (
  place: Pick<ExchangeMutation, 'to' | 'line'>,
  name: string,
  expected: Expectation,
  change: (token: Uint8Array, draw: Choices, seen: Seen) => Uint8Array,
): ExchangeMutation => ({
  name,
  source: 'X-PSK',
  expected,
  ...place,
  forges: 'psk',
  at: 'token',
  change: (token, draw, turn) =>
    turn.keys?.forges === 'psk' ? change(token, draw, { ...turn, key: turn.keys.key }) : undefined,
});

const OPENING = { to: 'server', line: 0 } as const;
const LAST = { to: 'server', line: 1 } as const;
const ANSWER = { to: 'client', line: 0 } as const;

const confirm = (key: Uint8Array, nonces: Uint8Array, role: Role) =>
  hmac(sha256, deriveKey(key, nonces, 'confirmation'), concat(toUtf8(role), nonces));
const noncesOf = (ours: Uint8Array, { received }: Seen) => concat(received!.subarray(1), ours.subarray(0, SIZE));
const otherKey = new Uint8Array(SIZE).fill(0x45);

export const PSK: readonly ExchangeMutation[] = [
  row(OPENING, 'an unknown version', BAD_TOKEN, (token, draw) =>
    concat(Uint8Array.of(draw.of([0, 2, 0x81, 0xff])), token.subarray(1)),
  ),
  row(OPENING, 'no nonce', BAD_TOKEN, token => token.subarray(0, 1)),
  row(OPENING, 'a nonce of another length', BAD_TOKEN, (token, draw) =>
    concat(token.subarray(0, 1), draw.octets(draw.of([31, 33, 16, 64, 4096]))),
  ),
  row(LAST, 'a confirmation of zeros', WRONG, () => new Uint8Array(SIZE)),
  row(LAST, 'a confirmation with a bit flipped', WRONG, (token, draw) =>
    flipped(token, draw.below(SIZE), draw.below(8)),
  ),
  row(LAST, 'a confirmation of another length', BAD_TOKEN, (token, draw) =>
    draw.of([
      token.subarray(1),
      token.subarray(0, -1),
      concat(token, octets('\0')),
      concat(token, token),
      token.subarray(0, 1),
    ]),
  ),
  row(LAST, "the server's own confirmation", WRONG, (_token, _draw, { received }) => received!.subarray(SIZE)),
  { ...row(LAST, 'a confirmation comes again', WRONG, token => token), again: true },
  row(ANSWER, 'a confirmation of zeros', WRONG, token => concat(token.subarray(0, SIZE), new Uint8Array(SIZE))),
  row(ANSWER, 'a confirmation with a bit flipped', WRONG, (token, draw) =>
    flipped(token, SIZE + draw.below(SIZE), draw.below(8)),
  ),
  row(ANSWER, 'a confirmation of other nonces', WRONG, (token, draw) =>
    concat(draw.octets(SIZE), token.subarray(SIZE)),
  ),
  row(ANSWER, 'a confirmation in the name of the client', WRONG, (token, _draw, seen) =>
    concat(token.subarray(0, SIZE), confirm(seen.key, noncesOf(token, seen), 'initiator')),
  ),
  row(ANSWER, 'a confirmation under another key', WRONG, (token, _draw, seen) =>
    concat(token.subarray(0, SIZE), confirm(otherKey, noncesOf(token, seen), 'acceptor')),
  ),
  row(ANSWER, 'an answer of another length', BAD_TOKEN, (token, draw) =>
    draw.of([token.subarray(1), token.subarray(0, -1), concat(token, octets('\0')), token.subarray(0, SIZE)]),
  ),
  ...[
    { name: 'security data behind the last', text: '235 ADAT=AAAA\r\n' },
    { name: '335 behind the last security data', text: '335 Go on\r\n' },
  ].map(
    ({ name, text }): ExchangeMutation => ({
      name,
      source: 'RFC 2228 §3, ADAT',
      expected: UNASKED,
      to: 'client',
      line: 1,
      forges: 'psk',
      at: 'line',
      change: () => octets(text),
    }),
  ),
];
