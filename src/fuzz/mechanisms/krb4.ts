/** Messages of Kerberos V4 (RFC 2228 appendix II) with any header, sender and time. Private ones have no checksum at all. */
import { concat, concatAll, viewOf } from '../../bytes.js';
import { directionOf, type Krb4ContextOptions, krb4Context } from '../../mechanisms/krb4/context.js';
import { desKey, pcbcEncrypt, quadCksum } from '../../mechanisms/krb4/crypto.js';
import { ACCEPT, EITHER, type FuzzSession, refuse } from '../mutation.js';
import { flipped } from '../pieces.js';
import { BAD_TOKEN, type Forgery, type ForgingContext, forgeries, UNVERIFIED, wrappingWith } from './forgery.js';

interface Krb4Fields {
  version?: number;
  /** Second octet, without the bit of the octet order. */
  type?: number;
  littleEndian?: boolean;
  /** The octet order that the second octet claims. */
  claimed?: boolean;
  /** The length in front, and that of the text, less what they ought to be. */
  lengthOff?: number;
  textOff?: number;
  fiveMs?: number;
  sender?: Uint8Array;
  /** Added to the time, in seconds. */
  later?: number;
  /** Whether the time has the sign of the other side. */
  mirrored?: boolean;
  /** What fills the last block. */
  filling?: number;
}

interface Krb4Forger extends ForgingContext {
  readonly forges: 'krb4';
  token(plaintext: Uint8Array, sealed: boolean, fields?: Krb4Fields): Uint8Array;
}

const BLOCK = 8;
const UNNUMBERED = { next: 0n, skip: () => undefined };

/** Our side of a session whose key is known. */
export function krb4FuzzSession(options: Krb4ContextOptions): FuzzSession {
  const { key: octets, ciphers, local, peer, clock = Date.now } = options;
  const key = desKey(octets, ciphers);
  const { sender, negative } = directionOf(local, peer);

  function token(plaintext: Uint8Array, sealed: boolean, fields: Krb4Fields = {}): Uint8Array {
    const littleEndian = fields.littleEndian ?? options.littleEndian ?? false;
    const number = (value: number) => numberOf(value, littleEndian);
    const seconds = Math.floor(clock() / 1000) + (fields.later ?? 0);
    const signed = negative !== (fields.mirrored ?? false) ? -seconds : seconds;
    const length = number(plaintext.length + (fields.textOff ?? 0));
    const body = concat(length, plaintext, Uint8Array.of(fields.fiveMs ?? 0), fields.sender ?? sender, number(signed));
    const type = (fields.type ?? (sealed ? 0x0c : 0x0e)) | Number(fields.claimed ?? littleEndian);
    const head = Uint8Array.of(fields.version ?? 4, type);
    if (!sealed) return concatAll([head, body, ...quadCksum(key.octets, body, 2).map(number)]);
    const blocks = pcbcEncrypt(key, filled(body, fields.filling ?? 0));
    return concat(head, number(blocks.length + (fields.lengthOff ?? 0)), blocks);
  }

  const sound = wrappingWith(krb4Context(options), (plaintext, level) => ({
    token: token(plaintext, level === 'private'),
    level,
  }));
  const context: Krb4Forger = Object.assign(sound, { forges: 'krb4' as const, numbers: UNNUMBERED, token });
  return { context, numbered: false, integrity: ['safe'] };
}

function numberOf(value: number, littleEndian: boolean): Uint8Array {
  const octets = new Uint8Array(4);
  viewOf(octets).setUint32(0, value, littleEndian);
  return octets;
}

/** To whole blocks. */
function filled(body: Uint8Array, filling: number): Uint8Array {
  const missing = (BLOCK - (body.length % BLOCK)) % BLOCK;
  return concat(body, new Uint8Array(missing).fill(filling));
}

const SOURCE = 'RFC 2228 appendix II';
const WRONG_DIRECTION = refuse('security/wrong-direction');
const EXPIRED = refuse('security/expired');

const TABLE: readonly Omit<Forgery<Krb4Forger>, 'source'>[] = [
  {
    name: 'a message as it ought to be',
    expected: ACCEPT,
    make: (context, text, sealed) => context.token(text, sealed),
  },
  {
    name: 'numbers in little-endian order',
    expected: ACCEPT,
    make: (context, text, sealed) => context.token(text, sealed, { littleEndian: true }),
  },
  {
    name: 'an order of octets that it does not have',
    expected: BAD_TOKEN,
    make: (context, text, sealed) => context.token(text, sealed, { littleEndian: true, claimed: false }),
  },
  {
    name: 'another version',
    expected: BAD_TOKEN,
    make: (context, text, sealed, draw) => context.token(text, sealed, { version: draw.of([5, 3, 0, 255]) }),
  },
  {
    name: 'a type that is no message',
    expected: BAD_TOKEN,
    make: (context, text, sealed, draw) =>
      context.token(text, sealed, { type: draw.of([0x02, 0x04, 0x08, 0x0a, 0x40]) }),
  },
  {
    name: 'a private message as a safe one',
    only: 'private',
    expected: UNVERIFIED,
    make: (context, text) => context.token(text, true, { type: 0x0e }),
  },
  {
    name: 'a safe message as a private one',
    only: 'safe',
    expected: UNVERIFIED,
    make: (context, text) => context.token(text, false, { type: 0x0c }),
  },
  {
    name: 'a text longer than the message',
    only: 'safe',
    expected: BAD_TOKEN,
    make: (context, text, _sealed, draw) => context.token(text, false, { textOff: draw.of([1, 0x7fff_0000, 0xffff]) }),
  },
  {
    name: 'a text shorter than it is',
    only: 'safe',
    expected: BAD_TOKEN,
    make: (context, text) => context.token(text, false, { textOff: -1 }),
  },
  {
    name: 'blocks that are not there',
    only: 'private',
    expected: BAD_TOKEN,
    make: (context, text, _sealed, draw) => context.token(text, true, { lengthOff: draw.of([8, -8, 1, 0x7fff_0000]) }),
  },
  {
    name: 'a sealed text longer than its blocks',
    only: 'private',
    expected: BAD_TOKEN,
    make: (context, text, _sealed, draw) =>
      context.token(text, true, { textOff: draw.of([64, 0x7fff_0000, -1 - text.length]) }),
  },
  {
    name: 'filling that is not zero',
    only: 'private',
    expected: EITHER,
    make: (context, text) => context.token(text, true, { filling: 0xff }),
  },
  {
    name: 'a checksum with a bit flipped',
    only: 'safe',
    expected: UNVERIFIED,
    make: (context, text, _sealed, draw) => {
      const token = context.token(text, false);
      return flipped(token, token.length - 1 - draw.below(16), draw.below(8));
    },
  },
  {
    name: 'a header alone',
    expected: UNVERIFIED,
    make: (context, text, sealed) => context.token(text, sealed).subarray(0, 6),
  },
  {
    name: 'a time six minutes ago',
    layer: 'sequence',
    expected: EXPIRED,
    make: (context, text, sealed) => context.token(text, sealed, { later: -360 }),
  },
  {
    name: 'a time six minutes ahead',
    layer: 'sequence',
    expected: EXPIRED,
    make: (context, text, sealed) => context.token(text, sealed, { later: 360 }),
  },
  {
    name: 'an address of somebody else',
    layer: 'direction',
    expected: WRONG_DIRECTION,
    make: (context, text, sealed) => context.token(text, sealed, { sender: Uint8Array.of(203, 0, 113, 9) }),
  },
  {
    name: 'the sign of the other side',
    layer: 'direction',
    expected: WRONG_DIRECTION,
    make: (context, text, sealed) => context.token(text, sealed, { mirrored: true }),
  },
];

export const KRB4_FORGERIES = forgeries(
  'krb4',
  TABLE.map(row => ({ ...row, source: SOURCE })),
);
