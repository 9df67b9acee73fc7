/** Wrap tokens of RFC 1964 §1.2.2 and RFC 4757 §7.3 with any header, number and padding, their checksums made over it. */
import { concat, concatAll, u32be } from '../../bytes.js';
import { formatFrame } from '../../mechanisms/krb5/messages/gss-framing.js';
import type { Rfc1964Key } from '../../mechanisms/krb5/tokens/rfc1964-keys.js';
import { ACCEPT, EITHER, refuse } from '../mutation.js';
import { spliced } from '../pieces.js';
import { BAD_TOKEN, type ForgingContext, forgeries, forgeriesOf, UNVERIFIED } from './forgery.js';

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

export interface Rfc1964Forger extends ForgingContext<FramedFields> {
  readonly forges: 'rfc1964';
  readonly key: Rfc1964Key;
  readonly acceptor: boolean;
}

export function forgeFramedToken(
  key: Rfc1964Key,
  plaintext: Uint8Array,
  sealed: boolean,
  fields: FramedFields & { number: bigint; direction: readonly number[] },
  confounder: Uint8Array,
): Uint8Array {
  const [usualSigning, checksumOf] = [...key.signing][0]!;
  const { tokenId = 0x0201, signing = usualSigning, filler = 0xffff, number, direction } = fields;
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

const forge = forgeriesOf<Rfc1964Forger>();

const TABLE = [
  forge('a Wrap token as it ought to be', HEADERS, ACCEPT, {}),
  forge('the id of a GetMIC token', HEADERS, BAD_TOKEN, { tokenId: 0x0101 }),
  forge('the id of a context deletion token', HEADERS, BAD_TOKEN, { tokenId: 0x0102 }),
  forge('the id of an AP-REQ', HEADERS, BAD_TOKEN, { tokenId: 0x0100 }),
  forge('an SGN_ALG that the key does not have', HEADERS, BAD_TOKEN, ({ draw }) => ({
    signing: draw.of([0xffff, 0x0500, 0x1101, 0x0004]),
  })),
  forge('a SEAL_ALG that the key does not have', HEADERS, BAD_TOKEN, ({ draw }) => ({
    sealing: draw.of([0x0300, 0x1100, 0xfffe]),
  })),
  forge('sealed is claimed, and it is not', HEADERS, BAD_TOKEN, { only: 'safe' }, ({ context }) => ({
    sealing: context.key.sealing,
  })),
  forge('not sealed is claimed, and it is', HEADERS, BAD_TOKEN, { only: 'private' }, { sealing: 0xffff }),
  forge('filler that is not FFFF', HEADERS, BAD_TOKEN, ({ draw }) => ({ filler: draw.below(0xffff) })),
  forge('no frame', 'RFC 1964 §1.2', BAD_TOKEN, { bare: true }),
  forge('a length in the frame that is too large', 'RFC 2743 §3.1', BAD_TOKEN, ({ context, text, sealed }) => {
    const token = context.token(text, sealed);
    return spliced(
      token,
      1,
      token[1]! & 0x80 ? 1 + (token[1]! & 0x7f) : 1,
      Uint8Array.of(0x84, 0x7f, 0xff, 0xff, 0xff),
    );
  }),
  forge('a length in the frame that has no end', 'RFC 2743 §3.1', BAD_TOKEN, ({ context, text, sealed }) => {
    const token = context.token(text, sealed);
    return spliced(token, 1, token[1]! & 0x80 ? 1 + (token[1]! & 0x7f) : 1, Uint8Array.of(0x80));
  }),
  forge('padding that counts nothing', PADDING, BAD_TOKEN, ({ context, text }) => ({
    padding: miscounted(context, text, 0),
  })),
  forge('padding that counts more than a block', PADDING, BAD_TOKEN, ({ context, text, draw }) => ({
    padding: miscounted(context, text, draw.of([9, 0x7f, 0x80, 0xff])),
  })),
  forge('padding that is not its own count', PADDING, BAD_TOKEN, ({ context, text, sealed }) => {
    const padding = paddingOf(context.key, text);
    return padding.length < 2 ? undefined : context.token(text, sealed, { padding: padding.fill(0, 0, 1) });
  }),
  forge('no whole number of blocks', PADDING, UNVERIFIED, ({ context, text, sealed }) =>
    context.key.blockSize === 1 ? undefined : context.token(text, sealed).subarray(0, -3),
  ),
  forge('a header alone', HEADERS, UNVERIFIED, ({ context, text, sealed }) =>
    formatFrame(context.token(text, sealed, { bare: true }).subarray(0, 8)),
  ),
  forge('a token without a body', HEADERS, UNVERIFIED, ({ context, text, sealed }) =>
    formatFrame(context.token(text, sealed, { bare: true }).subarray(0, 16 + context.key.checksumLength)),
  ),
  forge('a direction that is neither', NUMBERS, BAD_TOKEN, { layer: 'direction' }, ({ draw }) => ({
    direction: draw.of([
      [0, 0, 0xff, 0xff],
      [1, 0, 0, 0],
      [0xff, 0xff, 0xff, 0xfe],
    ]),
  })),
  forge(
    'the direction of the other side',
    NUMBERS,
    refuse('security/wrong-direction'),
    { layer: 'direction' },
    ({ context }) => ({ direction: opposite(context) }),
  ),
  forge(
    'a used number around a new text',
    NUMBERS,
    refuse('security/replayed'),
    { layer: 'sequence', after: 1 },
    ({ context }) => ({ number: context.numbers.next - 1n }),
  ),
  forge('a number half of them ahead', NUMBERS, EITHER, { layer: 'sequence' }, ({ context }) => ({
    number: BigInt.asUintN(32, context.numbers.next + 2n ** 31n - 1n),
  })),
];

export const RFC1964_FORGERIES = forgeries('rfc1964', TABLE);
