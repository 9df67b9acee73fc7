/** X-PSK (mechanisms/psk): tokens of any letter, number and level under the right keys, and its security data. */
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { concat, toHex, toUtf8, u64be } from '../../bytes.js';
import { deriveKey, PROTECTIONS, PskContext, type PskContextOptions, type Role } from '../../mechanisms/psk/context.js';
import { pskAcceptor, pskInitiator } from '../../mechanisms/psk/index.js';
import type { Peer } from '../../protection/mechanism.js';
import type { TokenLevel } from '../../protection/protection-level.js';
import { type Choices, octetsFrom } from '../choices.js';
import {
  ACCEPT,
  type Change,
  EITHER,
  type ExchangeMutation,
  type ExchangeTurn,
  type FuzzSession,
  mutationsOf,
  refuse,
} from '../mutation.js';
import { all, ended, every, flipped, flippedAtEnd, octets } from '../pieces.js';
import {
  BAD_TOKEN,
  BEHIND_ONE,
  counterFrom,
  counting,
  DIRECTION,
  type ForgingContext,
  type FuzzMechanism,
  forgeries,
  REPLAYED,
  roleOf,
  SEQUENCE,
  spoken,
  UNVERIFIED,
  WRONG_DIRECTION,
  wrappingWith,
} from './mechanism.js';

interface PskFields {
  /** First octet; default that of `from` and `level`. */
  letter?: number;
  number?: bigint;
  /** Whose keys are used, and those of which level; default our own. */
  from?: Role;
  level?: TokenLevel;
}

interface PskForger extends ForgingContext<PskFields> {
  readonly forges: 'psk';
  readonly role: Role;
}

/** Our side of a session whose keys are known. */
export function pskFuzzSession({ role, key, nonces }: Omit<PskContextOptions, 'limit'>): FuzzSession {
  const numbers = counterFrom(0n, 64);
  const unverified = counterFrom(0n, 64);

  function token(plaintext: Uint8Array, level: TokenLevel, fields: PskFields = {}): Uint8Array {
    const { from = role, number = numbers.next } = fields;
    const protection = PROTECTIONS.find(one => one.level === level)!;
    const letter = fields.letter ?? (from === 'acceptor' ? protection.letter | 0x20 : protection.letter);
    const header = concat(Uint8Array.of(letter), u64be(number));
    return concat(header, protection.seal(deriveKey(key, nonces, `${from} ${level}`), header, plaintext));
  }

  const valid = wrappingWith(new PskContext({ role, key, nonces }), (plaintext, level) => {
    const series = level === 'confidential' ? unverified : numbers;
    const made = token(plaintext, level, { number: series.next });
    series.skip();
    return { token: made, level };
  });
  const context: PskForger = Object.assign(valid, {
    forges: 'psk' as const,
    role,
    numbers,
    token: (plaintext: Uint8Array, sealed: boolean, fields: PskFields = {}) =>
      token(plaintext, fields.level ?? (sealed ? 'private' : 'safe'), fields),
  });
  return { context, numbered: true, integrity: ['safe', 'private'] };
}

const other = (role: Role): Role => (role === 'initiator' ? 'acceptor' : 'initiator');

const TOKENS = forgeries<PskForger>('psk', {
  'X-PSK': {
    'a letter that X-PSK does not have': [BAD_TOKEN, its => ({ letter: its.draw.of([0, 0x43, 0x58, 0x63, 0xff]) })],
    'the letter of another level': [
      BAD_TOKEN,
      its => ({ letter: (its.sealed ? 0x53 : 0x50) | (its.context.role === 'acceptor' ? 0x20 : 0) }),
    ],
    'a header alone': [UNVERIFIED, its => its.token().subarray(0, 9)],
    'an octet less than an empty token': [UNVERIFIED, its => its.context.token(octets(''), its.sealed).subarray(0, -1)],
    'a tag with a bit flipped': [refuse('security/bad-checksum'), its => flippedAtEnd(its.token(), its.draw, 16)],
    'the next number': [ACCEPT, {}],
    'a used number around a new text': [REPLAYED, its => ({ number: its.next - 1n }), BEHIND_ONE],
    'the first number again, at the other level': [
      REPLAYED,
      its => ({ number: 0n, level: its.sealed ? 'safe' : 'private' }),
      { ...SEQUENCE, after: 2 },
    ],
    'the highest number': [EITHER, { number: (1n << 64n) - 1n }, SEQUENCE],
    "the other side's letter and keys": [WRONG_DIRECTION, its => ({ from: other(its.context.role) }), DIRECTION],
    "the other side's letter, our keys": [
      WRONG_DIRECTION,
      its => ({ letter: (its.sealed ? 0x50 : 0x53) ^ (its.context.role === 'acceptor' ? 0 : 0x20) }),
      DIRECTION,
    ],
  },
});

const SIZE = 32;
const BAD_DATA = refuse('security/bad-token');
const WRONG = refuse('security/bad-checksum');
const UNASKED = refuse('sequence/unexpected-reply', 'sequence/closed');
const OTHER_KEY = new Uint8Array(SIZE).fill(0x45);

const ALL = { layer: 'exchange', at: 'tokens', forges: 'psk' } as const;
const zeros = (count: number) => '\0'.repeat(count);
/** One octet removed at the start or at the end, one octet added, or only `short` octets kept. */
const otherLength = (short: number) =>
  every<unknown>((token, draw) =>
    draw.of([token.subarray(1), token.subarray(0, -1), concat(token, octets('\0')), token.subarray(0, short)]),
  );
const anyBit = (token: Uint8Array, draw: Choices, from = 0) => flipped(token, from + draw.below(SIZE), draw.below(8));

/** The nonces of our answer, and a key confirmation for any role, with the key of the exchange or another one. */
const confirming =
  (role: Role, otherKey?: Uint8Array): Change<ExchangeTurn> =>
  ([token], _draw, { received, keys }) => {
    const nonces = concat(received!.subarray(1), token!.subarray(0, SIZE));
    const key = deriveKey(otherKey ?? (keys!['key'] as Uint8Array), nonces, 'confirmation');
    return [concat(token!.subarray(0, SIZE), hmac(sha256, key, concat(toUtf8(role), nonces)))];
  };

const EXCHANGES: readonly ExchangeMutation[] = [
  ...mutationsOf<ExchangeTurn>({ ...ALL, to: 'server', turn: 0 })({
    'X-PSK': {
      'an unknown version': [
        BAD_DATA,
        every((token, draw) => concat(Uint8Array.of(draw.of([0, 2, 0x81, 0xff])), token.subarray(1))),
      ],
      'no nonce': [BAD_DATA, every(token => token.subarray(0, 1))],
      'a nonce of another length': [
        BAD_DATA,
        every((token, draw) => concat(token.subarray(0, 1), draw.octets(draw.of([31, 33, 16, 64, 4096])))),
      ],
    },
  }),
  ...mutationsOf<ExchangeTurn>({ ...ALL, to: 'server', turn: 1 })({
    'X-PSK': {
      'a confirmation of zeros': [WRONG, all(zeros(SIZE))],
      'a confirmation with a bit flipped': [WRONG, every((token, draw) => anyBit(token, draw))],
      'a confirmation of another length': [BAD_DATA, otherLength(1)],
      'a confirmation comes twice': [BAD_DATA, every(token => concat(token, token))],
      "the server's own confirmation": [WRONG, (_token, _draw, { received }) => [received!.subarray(SIZE)]],
      'a confirmation comes again': [WRONG, tokens => tokens, { again: true }],
    },
  }),
  ...mutationsOf<ExchangeTurn>({ ...ALL, to: 'client', turn: 0 })({
    'X-PSK': {
      'a confirmation of zeros': [WRONG, every(ended(zeros(SIZE), SIZE))],
      'a confirmation with a bit flipped': [WRONG, every((token, draw) => anyBit(token, draw, SIZE))],
      'a confirmation of other nonces': [
        WRONG,
        every((token, draw) => concat(draw.octets(SIZE), token.subarray(SIZE))),
      ],
      'a confirmation in the name of the client': [WRONG, confirming('initiator')],
      'a confirmation under another key': [WRONG, confirming('acceptor', OTHER_KEY)],
      'an answer of another length': [BAD_DATA, otherLength(SIZE)],
    },
  }),
  ...mutationsOf<ExchangeTurn>({ ...ALL, at: 'lines', to: 'client', turn: 1 })({
    'RFC 2228 §3, ADAT': {
      'security data behind the last': [UNASKED, all('235 ADAT=AAAA\r\n')],
      '335 behind the last security data': [UNASKED, all('335 Go on\r\n')],
    },
  }),
];

/** X-PSK for the fuzzer. */
export const psk: FuzzMechanism = {
  name: 'psk',
  tokens: TOKENS,
  exchanges: EXCHANGES,
  lines: { server: 2, client: 1 },
  references(seed) {
    const [key, nonces] = [counting(SIZE), counting(2 * SIZE)];
    const session = (to: Peer) => pskFuzzSession({ role: roleOf(to), key, nonces });
    const keys = { forges: 'psk', key };
    return [
      {
        name: `X-PSK, key ${toHex(key)}, nonces ${toHex(nonces)}`,
        // A token from the peer, for the cases that send it back.
        session: to => ({ ...session(to), received: session(otherPeer(to)).context.wrap(NOOP, 'safe').token }),
      },
      {
        name: `X-PSK, key ${toHex(key)}`,
        exchange: {
          mechanism: 'X-PSK',
          turns: to =>
            spoken(to, keys, {
              initiator: pskInitiator({ key, random: octetsFrom(seed) }),
              acceptor: pskAcceptor({ key, random: octetsFrom(seed + 1) }),
            }),
        },
      },
    ];
  },
};

const NOOP = toUtf8('NOOP');
const otherPeer = (to: Peer): Peer => (to === 'client' ? 'server' : 'client');
