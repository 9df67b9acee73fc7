/** X-PSK (mechanisms/psk): tokens of any letter, number and level under the right keys, and its security data. */
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { concat, toHex, toUtf8, u64be } from '../../bytes.js';
import { deriveKey, PROTECTIONS, PskContext, type PskContextOptions, type Role } from '../../mechanisms/psk/context.js';
import { pskAcceptor, pskInitiator } from '../../mechanisms/psk/index.js';
import type { Peer } from '../../protection/mechanism.js';
import type { TokenLevel } from '../../protection/protection-level.js';
import { octetsFrom } from '../choices.js';
import type { Change, ExchangeTurn, FuzzSession } from '../mutation.js';
import * as edit from '../pieces.js';
import { BAD_TOKEN, mutationsOf, SEQUENCE, type Table, UNVERIFIED } from '../rows.js';
import * as forge from './mechanism.js';

interface PskFields {
  /** Changes the header: a letter, and a number of eight octets. */
  header?: edit.Edit;
  /** Whose keys are used, and those of which level; default our own. */
  from?: Role;
  level?: TokenLevel;
}

interface PskForger extends forge.ForgingContext<PskFields> {
  readonly forges: 'psk';
  readonly role: Role;
}

/** In a letter: the sender is the acceptor. */
const SMALL = 0x20;
/** The letters S and P differ in these bits. */
const SAFE_OR_PRIVATE = 0x53 ^ 0x50;
/** Octets of a nonce, a key confirmation and our keys. */
const SIZE = 32;

/** Our side of a session whose key is known. */
export function pskFuzzSession({ role, key, nonces }: Omit<PskContextOptions, 'limit'>): FuzzSession {
  const numbers = forge.counterFrom(0n, 64);
  const unverified = forge.counterFrom(0n, 64);
  const numbersOf = (level: TokenLevel) => (level === 'confidential' ? unverified : numbers);
  const token: PskForger['token'] = (plaintext, ofText, fields = {}, draw) => {
    const { from = role, level = ofText, header: change = forge.same } = fields;
    const { letter, seal } = PROTECTIONS.find(one => one.level === level)!;
    const first = Uint8Array.of(letter | (from === 'acceptor' ? SMALL : 0));
    const header = change(concat(first, u64be(numbersOf(level).next)), draw)!;
    return concat(header, seal(deriveKey(key, nonces, `${from} ${level}`), header, plaintext));
  };
  const format = { forges: 'psk', role, numbers, token } as const;
  const context = forge.forgingContext(new PskContext({ role, key, nonces }), format, numbersOf);
  return { context, numbered: true, integrity: ['safe', 'private'] };
}

type Its = forge.Forgery<PskForger>;
const otherLevel = ({ sealed }: Its) => (sealed ? 'safe' : 'private');
const otherRole = ({ context }: Its): Role => (context.role === 'initiator' ? 'acceptor' : 'initiator');
const WRONG_SIDE = 'security/wrong-direction';
const USED = 'security/replayed';

const TOKENS = forge.forgeries<PskForger>('psk', {
  'X-PSK': {
    'a letter that X-PSK does not have': [BAD_TOKEN, { header: edit.numberAt(0, 1, [0, 0x43, 0x58, 0x63, 0xff]) }],
    'the letter of another level': [BAD_TOKEN, { header: edit.inverted(0, SAFE_OR_PRIVATE) }],
    'a header alone': [UNVERIFIED, its => its.token().subarray(0, 9)],
    'an octet less than an empty token': [UNVERIFIED, its => its.token({}, edit.octets('')).subarray(0, -1)],
    'a tag with a bit flipped': ['security/bad-checksum', its => edit.flippedAtEnd(its.token(), its.draw, 16)],
    'the next number': ['accept', {}],
    'a used number around a new text': [USED, { header: edit.added(1, 8, -1n) }, { after: 1 }],
    'the first number again, at the other level': [
      USED,
      its => ({ header: edit.added(1, 8, -2n), level: otherLevel(its) }),
      { after: 2 },
    ],
    'the highest number': ['either', { header: edit.numberAt(1, 8, [(1n << 64n) - 1n]) }, SEQUENCE],
    "the other side's letter and keys": [WRONG_SIDE, its => ({ from: otherRole(its) })],
    "the other side's letter, our keys": [WRONG_SIDE, { header: edit.inverted(0, SMALL) }],
  },
});

const DEFECTIVE = 'security/bad-token';
const NOT_CONFIRMED = 'security/bad-checksum';
const NOT_DUE = ['sequence/unexpected-reply', 'sequence/closed'] as const;
const OTHER_KEY = new Uint8Array(SIZE).fill(0x45);

const ZEROS = '\0'.repeat(SIZE);
/** One octet removed at the start or at the end, one octet added, or only `short` octets kept. */
const otherLength = (short: number) =>
  edit.every((token, draw) =>
    draw.of([token.subarray(1), token.subarray(0, -1), concat(token, edit.octets('\0')), token.subarray(0, short)]),
  );
/** Octets from `at` on, whose number is chosen, at random. */
const random = (at: number, ...lengths: number[]) =>
  edit.every((token, draw) => concat(token.subarray(0, at), draw.octets(draw.of(lengths))));

/** The nonces of our answer, and a key confirmation for any role, with the key of the exchange or another one. */
const confirming =
  (role: Role, otherKey?: Uint8Array): Change<ExchangeTurn> =>
  ([token], _draw, { received, keys }) => {
    const nonces = concat(received!.subarray(1), token!.subarray(0, SIZE));
    const key = deriveKey(otherKey ?? (keys!['key'] as Uint8Array), nonces, 'confirmation');
    return [concat(token!.subarray(0, SIZE), hmac(sha256, key, concat(toUtf8(role), nonces)))];
  };

/** The mutations of our line of this number. */
const ofLine = (to: Peer, turn: number, rows: Table<Change<ExchangeTurn>>[string], source = 'X-PSK') =>
  mutationsOf<ExchangeTurn>({ layer: 'exchange', at: 'tokens', forges: 'psk', to, turn })({ [source]: rows });
const LINES = { at: 'lines' } as const;

const EXCHANGES = [
  ...ofLine('server', 0, {
    'an unknown version': [DEFECTIVE, edit.every(edit.numberAt(0, 1, [0, 2, 0x81, 0xff]))],
    'no nonce': [DEFECTIVE, edit.every(token => token.subarray(0, 1))],
    'a nonce of another length': [DEFECTIVE, random(1, 31, 33, 16, 64, 4096)],
  }),
  ...ofLine('server', 1, {
    'a confirmation of zeros': [NOT_CONFIRMED, edit.all(ZEROS)],
    'a confirmation with a bit flipped': [NOT_CONFIRMED, edit.every(edit.anyBitFlipped)],
    'a confirmation of another length': [DEFECTIVE, otherLength(1)],
    'a confirmation comes twice': [DEFECTIVE, edit.every(token => concat(token, token))],
    "the server's own confirmation": [NOT_CONFIRMED, (_token, _draw, { received }) => [received!.subarray(SIZE)]],
    'a confirmation comes again': [NOT_CONFIRMED, tokens => tokens, { again: true }],
  }),
  ...ofLine('client', 0, {
    'a confirmation of zeros': [NOT_CONFIRMED, edit.every(edit.ended(ZEROS, SIZE))],
    'a confirmation with a bit flipped': [
      NOT_CONFIRMED,
      edit.every((it, draw) => edit.anyBitFlipped(it, draw, SIZE, SIZE)),
    ],
    'a confirmation of other nonces': [
      NOT_CONFIRMED,
      edit.every((token, draw) => concat(draw.octets(SIZE), token.subarray(SIZE))),
    ],
    'a confirmation in the name of the client': [NOT_CONFIRMED, confirming('initiator')],
    'a confirmation under another key': [NOT_CONFIRMED, confirming('acceptor', OTHER_KEY)],
    'an answer of another length': [DEFECTIVE, otherLength(SIZE)],
  }),
  ...ofLine(
    'client',
    1,
    {
      'security data behind the last': [NOT_DUE, edit.all('235 ADAT=AAAA\r\n'), LINES],
      '335 behind the last security data': [NOT_DUE, edit.all('335 Go on\r\n'), LINES],
    },
    'RFC 2228 §3, ADAT',
  ),
];

const [KEY, NONCES] = [forge.counting(SIZE), forge.counting(2 * SIZE)];

export const psk: forge.FuzzMechanism = {
  name: 'psk',
  tokens: TOKENS,
  exchanges: EXCHANGES,
  lines: { server: 2, client: 1 },
  references(seed) {
    const initiator = () => pskInitiator({ key: KEY, random: octetsFrom(seed) });
    const acceptor = () => pskAcceptor({ key: KEY, random: octetsFrom(seed + 1) });
    const turns = () =>
      forge.exchangeTurns({ initiator: initiator(), acceptor: acceptor() }, { forges: 'psk', key: KEY });
    return [
      { name: `X-PSK, key ${toHex(KEY)}, nonces ${toHex(NONCES)}`, session },
      { name: `X-PSK, key ${toHex(KEY)}`, exchange: { mechanism: 'X-PSK', turns } },
    ];
  },
};

/** It has a token from the peer, for the cases that send it back. */
function session(to: Peer): FuzzSession {
  const of = (reader: Peer) => pskFuzzSession({ role: forge.roleOf(reader), key: KEY, nonces: NONCES });
  const peer = of(to === 'client' ? 'server' : 'client');
  return { ...of(to), received: peer.context.wrap(toUtf8('NOOP'), 'safe').token };
}
