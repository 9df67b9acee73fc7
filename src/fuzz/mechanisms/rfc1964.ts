/** Wrap tokens of RFC 1964 §1.2.2 and RFC 4757 §7.3 with any header, number and padding, their checksums made over it. */
import { concat, concatAll, u32be } from '../../bytes.js';
import { formatFrame } from '../../mechanisms/krb5/messages/gss-framing.js';
import type { Rfc1964Key } from '../../mechanisms/krb5/tokens/rfc1964-keys.js';
import { ACCEPT, EITHER, refuse } from '../mutation.js';
import { spliced } from '../pieces.js';
import { BAD_TOKEN, type Forgery, type ForgingContext, forgeries, UNVERIFIED } from './forgery.js';

export interface FramedFields {
  tokenId?: number;
  /** SGN_ALG and SEAL_ALG as they are sent. */
  signing?: number;
  sealing?: number;
  filler?: number;
  number?: bigint;
  /** The four octets of direction. */
  direction?: readonly number[];
  /** What stands behind the text; default as many octets as there have to be, each that count. */
  padding?: Uint8Array;
  /** Leaves the frame out. */
  bare?: boolean;
}

export interface Rfc1964Forger extends ForgingContext {
  readonly forges: 'rfc1964';
  readonly key: Rfc1964Key;
  readonly acceptor: boolean;
  token(plaintext: Uint8Array, sealed: boolean, fields?: FramedFields): Uint8Array;
}

export function forgeFramedToken(
  key: Rfc1964Key,
  plaintext: Uint8Array,
  sealed: boolean,
  fields: FramedFields & { number: bigint; direction: readonly number[] },
  confounder: Uint8Array,
): Uint8Array {
  const [soundSigning, checksumOf] = [...key.signing][0]!;
  const { tokenId = 0x0201, signing = soundSigning, filler = 0xffff, number, direction } = fields;
  const sealing = fields.sealing ?? (sealed ? key.sealing : 0xffff);
  const header = concatAll([tokenId, signing, sealing, filler].map(word => Uint8Array.of(word >> 8, word)));
  const body = concat(confounder, plaintext, fields.padding ?? paddingOf(key, plaintext));
  const checksum = checksumOf(concat(header, body));
  const octets = u32be(Number(number));
  const numbered = concat(key.littleEndian ? octets.reverse() : octets, Uint8Array.from(direction));
  const sent = sealed ? key.seal(body, numbered) : body;
  const inside = concat(header, key.encryptSequence(numbered, checksum), checksum, sent);
  return fields.bare ? inside : formatFrame(inside);
}

function paddingOf({ blockSize }: Rfc1964Key, plaintext: Uint8Array): Uint8Array {
  const count = blockSize - (plaintext.length % blockSize);
  return new Uint8Array(count).fill(count);
}

/** Padding of the right length, its last octet another. */
function miscounted({ key }: Rfc1964Forger, plaintext: Uint8Array, count: number): Uint8Array {
  const padding = paddingOf(key, plaintext);
  padding[padding.length - 1] = count;
  return padding;
}

const HEADERS = 'RFC 1964 §1.2.2';
const PADDING = 'RFC 1964 §1.2.2.3';
const NUMBERS = 'RFC 1964 §1.2.1.2';
const opposite = ({ acceptor }: Rfc1964Forger) => (acceptor ? [0, 0, 0, 0] : [0xff, 0xff, 0xff, 0xff]);

const TABLE: readonly Forgery<Rfc1964Forger>[] = [
  {
    name: 'a Wrap token as it ought to be',
    source: HEADERS,
    expected: ACCEPT,
    make: (context, text, sealed) => context.token(text, sealed),
  },
  {
    name: 'the id of a GetMIC token',
    source: HEADERS,
    expected: BAD_TOKEN,
    make: (context, text, sealed) => context.token(text, sealed, { tokenId: 0x0101 }),
  },
  {
    name: 'the id of a context deletion token',
    source: HEADERS,
    expected: BAD_TOKEN,
    make: (context, text, sealed) => context.token(text, sealed, { tokenId: 0x0102 }),
  },
  {
    name: 'the id of an AP-REQ',
    source: HEADERS,
    expected: BAD_TOKEN,
    make: (context, text, sealed) => context.token(text, sealed, { tokenId: 0x0100 }),
  },
  {
    name: 'an SGN_ALG that the key does not have',
    source: HEADERS,
    expected: BAD_TOKEN,
    make: (context, text, sealed, draw) =>
      context.token(text, sealed, { signing: draw.of([0xffff, 0x0500, 0x1101, 0x0004]) }),
  },
  {
    name: 'a SEAL_ALG that the key does not have',
    source: HEADERS,
    expected: BAD_TOKEN,
    make: (context, text, sealed, draw) => context.token(text, sealed, { sealing: draw.of([0x0300, 0x1100, 0xfffe]) }),
  },
  {
    name: 'sealed is claimed, and it is not',
    source: HEADERS,
    only: 'safe',
    expected: BAD_TOKEN,
    make: (context, text) => context.token(text, false, { sealing: context.key.sealing }),
  },
  {
    name: 'not sealed is claimed, and it is',
    source: HEADERS,
    only: 'private',
    expected: BAD_TOKEN,
    make: (context, text) => context.token(text, true, { sealing: 0xffff }),
  },
  {
    name: 'filler that is not FFFF',
    source: HEADERS,
    expected: BAD_TOKEN,
    make: (context, text, sealed, draw) => context.token(text, sealed, { filler: draw.below(0xffff) }),
  },
  {
    name: 'no frame',
    source: 'RFC 1964 §1.2',
    expected: BAD_TOKEN,
    make: (context, text, sealed) => context.token(text, sealed, { bare: true }),
  },
  {
    name: 'a length in the frame that is too large',
    source: 'RFC 2743 §3.1',
    expected: BAD_TOKEN,
    make: (context, text, sealed) => {
      const token = context.token(text, sealed);
      return spliced(
        token,
        1,
        token[1]! & 0x80 ? 1 + (token[1]! & 0x7f) : 1,
        Uint8Array.of(0x84, 0x7f, 0xff, 0xff, 0xff),
      );
    },
  },
  {
    name: 'a length in the frame that has no end',
    source: 'RFC 2743 §3.1',
    expected: BAD_TOKEN,
    make: (context, text, sealed) => {
      const token = context.token(text, sealed);
      return spliced(token, 1, token[1]! & 0x80 ? 1 + (token[1]! & 0x7f) : 1, Uint8Array.of(0x80));
    },
  },
  {
    name: 'padding that counts nothing',
    source: PADDING,
    expected: BAD_TOKEN,
    make: (context, text, sealed) => context.token(text, sealed, { padding: miscounted(context, text, 0) }),
  },
  {
    name: 'padding that counts more than a block',
    source: PADDING,
    expected: BAD_TOKEN,
    make: (context, text, sealed, draw) =>
      context.token(text, sealed, { padding: miscounted(context, text, draw.of([9, 0x7f, 0x80, 0xff])) }),
  },
  {
    name: 'padding that is not its own count',
    source: PADDING,
    expected: BAD_TOKEN,
    make: (context, text, sealed) => {
      const padding = paddingOf(context.key, text);
      return padding.length < 2 ? undefined : context.token(text, sealed, { padding: padding.fill(0, 0, 1) });
    },
  },
  {
    name: 'no whole number of blocks',
    source: PADDING,
    expected: UNVERIFIED,
    make: (context, text, sealed) =>
      context.key.blockSize === 1 ? undefined : context.token(text, sealed).subarray(0, -3),
  },
  {
    name: 'a header alone',
    source: HEADERS,
    expected: UNVERIFIED,
    make: (context, text, sealed) => formatFrame(context.token(text, sealed, { bare: true }).subarray(0, 8)),
  },
  {
    name: 'a token without a body',
    source: HEADERS,
    expected: UNVERIFIED,
    make: (context, text, sealed) =>
      formatFrame(context.token(text, sealed, { bare: true }).subarray(0, 16 + context.key.checksumLength)),
  },
  {
    name: 'a direction that is neither',
    layer: 'direction',
    source: NUMBERS,
    expected: BAD_TOKEN,
    make: (context, text, sealed, draw) =>
      context.token(text, sealed, {
        direction: draw.of([
          [0, 0, 0xff, 0xff],
          [1, 0, 0, 0],
          [0xff, 0xff, 0xff, 0xfe],
        ]),
      }),
  },
  {
    name: 'the direction of the other side',
    layer: 'direction',
    source: NUMBERS,
    expected: refuse('security/wrong-direction'),
    make: (context, text, sealed) => context.token(text, sealed, { direction: opposite(context) }),
  },
  {
    name: 'a used number around a new text',
    layer: 'sequence',
    source: NUMBERS,
    after: 1,
    expected: refuse('security/replayed'),
    make: (context, text, sealed) => context.token(text, sealed, { number: context.numbers.next - 1n }),
  },
  {
    name: 'a number half of them ahead',
    layer: 'sequence',
    source: NUMBERS,
    expected: EITHER,
    make: (context, text, sealed) =>
      context.token(text, sealed, { number: BigInt.asUintN(32, context.numbers.next + 2n ** 31n - 1n) }),
  },
];

export const RFC1964_FORGERIES = forgeries('rfc1964', TABLE);
