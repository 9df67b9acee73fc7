/**
 * KERBEROS_V4 (RFC 2228 appendix II): messages with any header, sender and time, and the unprotected parts of the
 * AP_REQ: numbers, the realm, lengths. Private messages have no checksum.
 */
import { concat, concatAll, toHex } from '../../bytes.js';
import { directionOf, type Krb4ContextOptions, krb4Context } from '../../mechanisms/krb4/context.js';
import { BLOCK, desKey, pcbcEncrypt, quadCksum } from '../../mechanisms/krb4/crypto.js';
import { u32 } from '../../mechanisms/krb4/messages.js';
import type { Peer } from '../../protection/mechanism.js';
import type { ExchangeTurn, FuzzSession } from '../mutation.js';
import { added, type Edit, every, flippedAtEnd, inverted, numberAt, octets, spliced } from '../pieces.js';
import { BAD_TOKEN, mutationsOf, PRIVATE, SAFE, UNVERIFIED } from '../rows.js';
import * as forge from './mechanism.js';

interface Krb4Fields {
  /** Changes the first two octets: the version, and the type with the bit for the byte order. */
  header?: Edit;
  littleEndian?: boolean;
  /** Added to the length at the beginning; `textOff` is added to the length of the text. */
  lengthOff?: number;
  textOff?: number;
  sender?: Uint8Array;
  /** Added to the time, in seconds. */
  later?: number;
  /** Whether the sign of the time is that of the other side. */
  mirrored?: boolean;
  /** The octet that pads the last block. */
  padding?: number;
}

interface Krb4Forger extends forge.ForgingContext<Krb4Fields> {
  readonly forges: 'krb4';
}

const VERSION = 4;
const TYPE = { private: 0x0c, safe: 0x0e } as const;
const UNNUMBERED = { next: 0n, skip: () => undefined };

/** Our side of a session whose key is known. */
export function krb4FuzzSession(options: Krb4ContextOptions): FuzzSession {
  const { key: octets, ciphers, local, peer, clock = Date.now } = options;
  const key = desKey(octets, ciphers);
  const direction = directionOf(local, peer);
  const token: Krb4Forger['token'] = (plaintext, level, fields = {}, draw) => {
    const { littleEndian = options.littleEndian ?? false, later = 0, textOff = 0, lengthOff = 0 } = fields;
    const { header = forge.same, sender = direction.sender, mirrored = false, padding = 0 } = fields;
    const number = (value: number) => u32(value, littleEndian);
    const seconds = Math.floor(clock() / 1000) + later;
    const time = number(direction.negative !== mirrored ? -seconds : seconds);
    const body = concat(number(plaintext.length + textOff), plaintext, Uint8Array.of(0), sender, time);
    const type = level === 'private' ? TYPE.private : TYPE.safe;
    const head = header(Uint8Array.of(VERSION, type | Number(littleEndian)), draw)!;
    if (level !== 'private') return concatAll([head, body, ...quadCksum(key.octets, body, 2).map(number)]);
    const blocks = pcbcEncrypt(key, padded(body, padding));
    return concat(head, number(blocks.length + lengthOff), blocks);
  };
  const context = forge.forgingContext(krb4Context(options), { forges: 'krb4', numbers: UNNUMBERED, token });
  return { context, numbered: false, integrity: ['safe'] };
}

function padded(body: Uint8Array, padding: number): Uint8Array {
  const missing = (BLOCK - (body.length % BLOCK)) % BLOCK;
  return concat(body, new Uint8Array(missing).fill(padding));
}

const SOURCE = 'RFC 2228 appendix II';

const TOKENS = forge.forgeries<Krb4Forger>('krb4', {
  [SOURCE]: {
    'a valid message': ['accept', {}],
    'numbers in little-endian order': ['accept', { littleEndian: true }],
    'an order of octets that it does not have': [BAD_TOKEN, { littleEndian: true, header: inverted(1, 1) }],
    'another version': [BAD_TOKEN, { header: numberAt(0, 1, [5, 3, 0, 0xff]) }],
    'a type that is no message': [BAD_TOKEN, { header: numberAt(1, 1, [2, 4, 8, 0x0a, 0x40]) }],
    'a private message as a safe one': [UNVERIFIED, { header: numberAt(1, 1, [TYPE.safe]) }, PRIVATE],
    'a safe message as a private one': [UNVERIFIED, { header: numberAt(1, 1, [TYPE.private]) }, SAFE],
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

/** Replaces a length: by one of these, or by the right one less 1. */
const lengthOf = (place: (token: Uint8Array) => number, ...others: number[]) =>
  every((token, draw) => {
    const at = place(token);
    return (others.length > 0 ? numberAt(at, 1, others) : added(at, 1, -1n))(token, draw);
  });
/** Behind the NUL that ends the realm. */
const TICKET_LENGTH = (token: Uint8Array) => token.indexOf(0, REALM) + 1;
const AUTHENTICATOR_LENGTH = (token: Uint8Array) => TICKET_LENGTH(token) + 1;
const longRealm = (length: number) => octets('A'.repeat(length));

const COMMON = { layer: 'exchange', at: 'tokens', to: 'server', forges: 'krb4', prefix: 'AP_REQ: ' } as const;
const EXCHANGES = mutationsOf<ExchangeTurn>(COMMON)({
  [SOURCE]: {
    'another version': [REFUSED, every(numberAt(0, 1, [5, 0, 3, 0xff]))],
    'another kind of message': [REFUSED, every(numberAt(1, 1, [2, 4, 0x0e, 0xff]))],
    'another version of the key': [REFUSED, every(inverted(2, 0x80))],
    'another realm': [REFUSED, every(inverted(REALM, 1))],
    'a realm that has no end': [
      REFUSED,
      every((token, draw) => concat(token.subarray(0, REALM), longRealm(draw.of([40, 41, 255, 4000])))),
    ],
    'a realm of 4000 octets': [REFUSED, every(token => spliced(token, REALM, 0, longRealm(4000)))],
    'a ticket longer than there is': [REFUSED, lengthOf(TICKET_LENGTH, 0xff, 0xf8, 0x80)],
    'no ticket': [REFUSED, lengthOf(TICKET_LENGTH, 0)],
    'a ticket of no whole blocks': [REFUSED, lengthOf(TICKET_LENGTH)],
    'an authenticator longer than there is': [REFUSED, lengthOf(AUTHENTICATOR_LENGTH, 0xff, 0xf8)],
    'no authenticator': [REFUSED, lengthOf(AUTHENTICATOR_LENGTH, 0)],
    'an authenticator of no whole blocks': [REFUSED, lengthOf(AUTHENTICATOR_LENGTH)],
  },
});

const CLIENT = { address: Uint8Array.of(192, 0, 2, 1), port: 40_000 };
const SERVER = { address: Uint8Array.of(198, 51, 100, 20), port: 21 };
/** The time of every message, in seconds since 1970. */
const TIME = 1_795_342_788;

export const krb4: forge.FuzzMechanism = {
  name: 'krb4',
  tokens: TOKENS,
  exchanges: EXCHANGES,
  lines: { server: 1, client: 1 },
  references(_seed, ciphers) {
    const key = forge.counting(BLOCK);
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
  const request = concatAll([
    octets('\x04\x02\x01EXAMPLE.TEST\0'),
    Uint8Array.of(size, size),
    forge.counting(2 * size),
  ]);
  const both = { number: 0, keys: { forges: 'krb4' } };
  return [
    { ...both, to: 'server', token: request, received: undefined },
    { ...both, to: 'client', token: forge.counting(size), code: 235, received: request },
  ];
}
