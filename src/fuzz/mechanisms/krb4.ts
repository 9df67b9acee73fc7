/**
 * KERBEROS_V4 (RFC 2228 appendix II): messages with any header, sender and time, and the unprotected parts of the
 * AP_REQ: numbers, the realm, lengths. Private messages have no checksum.
 */
import { concat, concatAll, toHex, viewOf } from '../../bytes.js';
import { directionOf, type Krb4ContextOptions, krb4Context } from '../../mechanisms/krb4/context.js';
import { desKey, pcbcEncrypt, quadCksum } from '../../mechanisms/krb4/crypto.js';
import type { Peer } from '../../protection/mechanism.js';
import type { Choices } from '../choices.js';
import { BAD_TOKEN, type Change, type ExchangeTurn, type FuzzSession, mutationsOf, UNVERIFIED } from '../mutation.js';
import { every, flippedAtEnd, octets, spliced } from '../pieces.js';
import { counting, type ForgingContext, type FuzzMechanism, forgeries, forgingContext } from './mechanism.js';

interface Krb4Fields {
  version?: number;
  /** The second octet, without the bit for the byte order. */
  type?: number;
  littleEndian?: boolean;
  /** The byte order that the second octet claims. */
  claimed?: boolean;
  /** Added to the length at the beginning; `textOff` is added to the length of the text. */
  lengthOff?: number;
  textOff?: number;
  fiveMs?: number;
  sender?: Uint8Array;
  /** Added to the time, in seconds. */
  later?: number;
  /** Whether the sign of the time is that of the other side. */
  mirrored?: boolean;
  /** The octet that pads the last block. */
  padding?: number;
}

interface Krb4Forger extends ForgingContext<Krb4Fields> {
  readonly forges: 'krb4';
}

const BLOCK = 8;
const TYPE = { private: 0x0c, safe: 0x0e } as const;
const UNNUMBERED = { next: 0n, skip: () => undefined };

/** Our side of a session whose key is known. */
export function krb4FuzzSession(options: Krb4ContextOptions): FuzzSession {
  const { key: octets, ciphers, local, peer, clock = Date.now } = options;
  const key = desKey(octets, ciphers);
  const direction = directionOf(local, peer);
  const token: Krb4Forger['token'] = (plaintext, level, fields = {}) => {
    const { littleEndian = options.littleEndian ?? false, later = 0, textOff = 0, lengthOff = 0, fiveMs = 0 } = fields;
    const { version = 4, sender = direction.sender, claimed = littleEndian } = fields;
    const { type = TYPE[level === 'private' ? 'private' : 'safe'], mirrored = false, padding = 0 } = fields;
    const number = (value: number) => numberOf(value, littleEndian);
    const seconds = Math.floor(clock() / 1000) + later;
    const time = number(direction.negative !== mirrored ? -seconds : seconds);
    const body = concat(number(plaintext.length + textOff), plaintext, Uint8Array.of(fiveMs), sender, time);
    const head = Uint8Array.of(version, type | Number(claimed));
    if (level !== 'private') return concatAll([head, body, ...quadCksum(key.octets, body, 2).map(number)]);
    const blocks = pcbcEncrypt(key, padded(body, padding));
    return concat(head, number(blocks.length + lengthOff), blocks);
  };
  const context = forgingContext(krb4Context(options), { forges: 'krb4', numbers: UNNUMBERED, token });
  return { context, numbered: false, integrity: ['safe'] };
}

function numberOf(value: number, littleEndian: boolean): Uint8Array {
  const octets = new Uint8Array(4);
  viewOf(octets).setUint32(0, value, littleEndian);
  return octets;
}

/** Pads to whole blocks. */
function padded(body: Uint8Array, padding: number): Uint8Array {
  const missing = (BLOCK - (body.length % BLOCK)) % BLOCK;
  return concat(body, new Uint8Array(missing).fill(padding));
}

const SOURCE = 'RFC 2228 appendix II';
const SAFE = { only: 'safe' } as const;
const PRIVATE = { only: 'private' } as const;

const TOKENS = forgeries<Krb4Forger>('krb4', {
  [SOURCE]: {
    'a valid message': ['accept', {}],
    'numbers in little-endian order': ['accept', { littleEndian: true }],
    'an order of octets that it does not have': [BAD_TOKEN, { littleEndian: true, claimed: false }],
    'another version': [BAD_TOKEN, its => ({ version: its.draw.of([5, 3, 0, 255]) })],
    'a type that is no message': [BAD_TOKEN, its => ({ type: its.draw.of([0x02, 0x04, 0x08, 0x0a, 0x40]) })],
    'a private message as a safe one': [UNVERIFIED, { type: TYPE.safe }, PRIVATE],
    'a safe message as a private one': [UNVERIFIED, { type: TYPE.private }, SAFE],
    'a text longer than the message': [BAD_TOKEN, its => ({ textOff: its.draw.of([1, 0x7fff_0000, 0xffff]) }), SAFE],
    'a text shorter than it is': [BAD_TOKEN, { textOff: -1 }, SAFE],
    'blocks that are not there': [BAD_TOKEN, its => ({ lengthOff: its.draw.of([8, -8, 1, 0x7fff_0000]) }), PRIVATE],
    'a sealed text longer than its blocks': [
      BAD_TOKEN,
      its => ({ textOff: its.draw.of([64, 0x7fff_0000, -1 - its.text.length]) }),
      PRIVATE,
    ],
    'filling that is not zero': ['either', { padding: 0xff }, PRIVATE],
    'a checksum with a bit flipped': [UNVERIFIED, its => flippedAtEnd(its.token(), its.draw, 16), SAFE],
    'a header alone': [UNVERIFIED, its => its.token().subarray(0, 6)],
    'a time six minutes ago': ['security/expired', { later: -360 }],
    'a time six minutes ahead': ['security/clock-skew', { later: 360 }],
    'the address of another host': ['security/wrong-direction', { sender: Uint8Array.of(203, 0, 113, 9) }],
    'the sign of the other side': ['security/wrong-direction', { mirrored: true }],
  },
});

const REFUSED = ['security/bad-token', 'security/no-key'] as const;
const REALM = 3;

/** Replaces an octet of the token, counted from its start or from the NUL of the realm. */
const octetAt = (
  place: number | { behindRealm: number },
  other: (right: number, draw: Choices) => number,
): Change<unknown> =>
  every((token, draw) => {
    const at = typeof place === 'number' ? place : token.indexOf(0, REALM) + 1 + place.behindRealm;
    return spliced(token, at, 1, Uint8Array.of(other(token[at]!, draw)));
  });
const TICKET_LENGTH = { behindRealm: 0 };
const AUTHENTICATOR_LENGTH = { behindRealm: 1 };

const EXCHANGES = mutationsOf<ExchangeTurn>({
  layer: 'exchange',
  at: 'tokens',
  to: 'server',
  forges: 'krb4',
  prefix: 'AP_REQ: ',
})({
  [SOURCE]: {
    'another version': [REFUSED, octetAt(0, (_, draw) => draw.of([5, 0, 3, 0xff]))],
    'another kind of message': [REFUSED, octetAt(1, (_, draw) => draw.of([2, 4, 0x0e, 0xff]))],
    'another version of the key': [REFUSED, octetAt(2, its => its ^ 0x80)],
    'another realm': [REFUSED, octetAt(REALM, its => its ^ 1)],
    'a realm that has no end': [
      REFUSED,
      every((token, draw) => concat(token.subarray(0, REALM), octets('A'.repeat(draw.of([40, 41, 255, 4000]))))),
    ],
    'a realm of 4000 octets': [REFUSED, every(token => spliced(token, REALM, 0, octets('A'.repeat(4000))))],
    'a ticket longer than there is': [REFUSED, octetAt(TICKET_LENGTH, (_, draw) => draw.of([0xff, 0xf8, 0x80]))],
    'no ticket': [REFUSED, octetAt(TICKET_LENGTH, () => 0)],
    'a ticket of no whole blocks': [REFUSED, octetAt(TICKET_LENGTH, right => right - 1)],
    'an authenticator longer than there is': [
      REFUSED,
      octetAt(AUTHENTICATOR_LENGTH, (_, draw) => draw.of([0xff, 0xf8])),
    ],
    'no authenticator': [REFUSED, octetAt(AUTHENTICATOR_LENGTH, () => 0)],
    'an authenticator of no whole blocks': [REFUSED, octetAt(AUTHENTICATOR_LENGTH, right => right - 1)],
  },
});

const CLIENT = { address: Uint8Array.of(192, 0, 2, 1), port: 40_000 };
const SERVER = { address: Uint8Array.of(198, 51, 100, 20), port: 21 };
/** The time of every message, in seconds since 1970. */
const TIME = 1_795_342_788;

/** KERBEROS_V4 for the fuzzer. */
export const krb4: FuzzMechanism = {
  name: 'krb4',
  tokens: TOKENS,
  exchanges: EXCHANGES,
  lines: { server: 1, client: 1 },
  references(_seed, ciphers) {
    const key = counting(BLOCK);
    const both = { key, ciphers, clock: () => TIME * 1000, allowWeak: true };
    const session = {
      name: `KERBEROS_V4, key ${toHex(key)}, client 192.0.2.1:40000, server 198.51.100.20:21, time ${TIME}`,
      session: (to: Peer) => {
        const [local, peer] = to === 'client' ? [SERVER, CLIENT] : [CLIENT, SERVER];
        return krb4FuzzSession({ ...both, local, peer });
      },
    };
    const exchange = { mechanism: 'KERBEROS_V4', turns, isKeyless: true } as const;
    return [...(ciphers.des ? [session] : []), { name: 'KERBEROS_V4, no key', exchange }];
  },
};

/** Only the outer form of an AP_REQ is mutated, so its ticket and authenticator may be any octets. */
function turns(): ExchangeTurn[] {
  const size = 40;
  const request = concatAll([octets('\x04\x02\x01EXAMPLE.TEST\0'), Uint8Array.of(size, size), counting(2 * size)]);
  const both = { number: 0, keys: { forges: 'krb4' } };
  return [
    { ...both, to: 'server', token: request, received: undefined },
    { ...both, to: 'client', token: counting(size), code: 235, received: request },
  ];
}
