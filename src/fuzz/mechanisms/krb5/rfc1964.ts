/**
 * Wrap tokens of RFC 1964 §1.2.2 and RFC 4757 §7.3 with any header, number and padding, and checksums that cover them.
 */
import { concat, concatAll, u32be } from '../../../bytes.js';
import { formatFrame } from '../../../mechanisms/krb5/messages/gss-framing.js';
import type { Rfc1964Key } from '../../../mechanisms/krb5/tokens/rfc1964-keys.js';
import { ACCEPT, EITHER, PRIVATE, SAFE } from '../../mutation.js';
import { octets, spliced } from '../../pieces.js';
import {
  BAD_TOKEN,
  BEHIND_ONE,
  DIRECTION,
  type ForgingContext,
  forgeries,
  REPLAYED,
  SEQUENCE,
  UNVERIFIED,
  WRONG_DIRECTION,
} from '../mechanism.js';

/** Fields of a Wrap token that differ from those of a valid one. */
export interface FramedFields {
  tokenId?: number;
  /** SGN_ALG and SEAL_ALG as they are sent. */
  signing?: number;
  sealing?: number;
  filler?: number;
  number?: bigint;
  /** The four direction octets. */
  direction?: readonly number[];
  /** The octets after the text; default valid padding, in which each octet is the number of padding octets. */
  padding?: Uint8Array;
  /** Whether to leave out the frame. */
  bare?: boolean;
}

/** Makes any Wrap token of RFC 1964. */
export interface Rfc1964Forger extends ForgingContext<FramedFields> {
  readonly forges: 'rfc1964';
  readonly key: Rfc1964Key;
  readonly acceptor: boolean;
}

/** A token whose checksum is correct for its header. */
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

interface Place {
  context: Rfc1964Forger;
  text: Uint8Array;
}

/** Padding of the right length with a wrong last octet. */
function miscounted({ context: { key }, text }: Place, count: number): Uint8Array {
  const padding = paddingOf(key, text);
  padding[padding.length - 1] = count;
  return padding;
}

/** A token with a wrong length in its frame. */
const framed = (token: Uint8Array, length: string) =>
  spliced(token, 1, token[1]! & 0x80 ? 1 + (token[1]! & 0x7f) : 1, octets(length));
const opposite = ({ acceptor }: Rfc1964Forger) => new Array<number>(4).fill(acceptor ? 0 : 0xff);

/** Tokens of RFC 1964 that no conforming peer makes. */
export const RFC1964 = forgeries<Rfc1964Forger>('rfc1964', {
  'RFC 1964 §1.2.2': {
    'a valid Wrap token': [ACCEPT, {}],
    'the id of a GetMIC token': [BAD_TOKEN, { tokenId: 0x0101 }],
    'the id of a context deletion token': [BAD_TOKEN, { tokenId: 0x0102 }],
    'the id of an AP-REQ': [BAD_TOKEN, { tokenId: 0x0100 }],
    'an SGN_ALG that the key does not have': [
      BAD_TOKEN,
      its => ({ signing: its.draw.of([0xffff, 0x0500, 0x1101, 0x0004]) }),
    ],
    'a SEAL_ALG that the key does not have': [BAD_TOKEN, its => ({ sealing: its.draw.of([0x0300, 0x1100, 0xfffe]) })],
    'sealed is claimed, and it is not': [BAD_TOKEN, its => ({ sealing: its.context.key.sealing }), SAFE],
    'not sealed is claimed, and it is': [BAD_TOKEN, { sealing: 0xffff }, PRIVATE],
    'filler that is not FFFF': [BAD_TOKEN, its => ({ filler: its.draw.below(0xffff) })],
    'a header alone': [UNVERIFIED, its => formatFrame(its.token({ bare: true }).subarray(0, 8))],
    'a token without a body': [
      UNVERIFIED,
      its => formatFrame(its.token({ bare: true }).subarray(0, 16 + its.context.key.checksumLength)),
    ],
  },
  'RFC 1964 §1.2': { 'no frame': [BAD_TOKEN, { bare: true }] },
  'RFC 2743 §3.1': {
    'a length in the frame that is too large': [BAD_TOKEN, its => framed(its.token(), '\x84\x7f\xff\xff\xff')],
    'a length in the frame that has no end': [BAD_TOKEN, its => framed(its.token(), '\x80')],
  },
  'RFC 1964 §1.2.2.3': {
    'padding that counts nothing': [BAD_TOKEN, its => ({ padding: miscounted(its, 0) })],
    'padding that counts more than a block': [
      BAD_TOKEN,
      its => ({ padding: miscounted(its, its.draw.of([9, 0x7f, 0x80, 0xff])) }),
    ],
    'padding that is not its own count': [
      BAD_TOKEN,
      its => {
        const padding = paddingOf(its.context.key, its.text);
        return padding.length < 2 ? undefined : { padding: padding.fill(0, 0, 1) };
      },
    ],
    'no whole number of blocks': [
      UNVERIFIED,
      its => (its.context.key.blockSize === 1 ? undefined : its.token().subarray(0, -3)),
    ],
  },
  'RFC 1964 §1.2.1.2': {
    'a direction that is neither': [
      BAD_TOKEN,
      its => {
        const direction = its.draw.of([0x0000_ffff, 0x0100_0000, 0xffff_fffe]);
        return { direction: [...u32be(direction)] };
      },
      DIRECTION,
    ],
    'the direction of the other side': [WRONG_DIRECTION, its => ({ direction: opposite(its.context) }), DIRECTION],
    'a used number around a new text': [REPLAYED, its => ({ number: its.next - 1n }), BEHIND_ONE],
    'a number half of them ahead': [
      EITHER,
      its => ({ number: BigInt.asUintN(32, its.next + 2n ** 31n - 1n) }),
      SEQUENCE,
    ],
  },
});
