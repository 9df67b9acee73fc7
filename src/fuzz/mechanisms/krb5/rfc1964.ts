/** Wrap tokens of RFC 1964 §1.2.2 and RFC 4757 §7.3 with any header, number and padding, and right checksums. */
import { concat, concatAll, u32be } from '../../../bytes.js';
import { kerberosKey } from '../../../mechanisms/krb5/crypto/kerberos-key.js';
import { formatFrame } from '../../../mechanisms/krb5/messages/gss-framing.js';
import { krb5Context } from '../../../mechanisms/krb5/tokens/context.js';
import { type Rfc1964Key, rfc1964Key } from '../../../mechanisms/krb5/tokens/rfc1964-keys.js';
import { BAD_TOKEN, DIRECTION, PRIVATE, SAFE, SEQUENCE, UNVERIFIED } from '../../mutation.js';
import { octets, spliced } from '../../pieces.js';
import { anyOf, counterFrom, type Forgery, type ForgingContext, forgeries, forgingContext } from '../mechanism.js';
import type { ForgingOptions } from './rfc4121.js';

const WRAP_ID = 0x0201;
const NOT_SEALED = 0xffff;
const FILLER = 0xffff;
const CONFOUNDER = 8;

/** Fields of a Wrap token that differ from those of a valid one. */
export interface FramedFields {
  tokenId?: number;
  /** SGN_ALG and SEAL_ALG as they are sent. */
  signing?: number;
  sealing?: number;
  filler?: number;
  number?: bigint;
  /** The four octets of the direction. */
  direction?: Uint8Array;
  /** The octets after the text; default valid padding, in which each octet is the number of padding octets. */
  padding?: Uint8Array;
  /** Whether to leave out the frame. */
  bare?: boolean;
}

interface Rfc1964Forger extends ForgingContext<FramedFields> {
  readonly forges: 'rfc1964';
  readonly key: Rfc1964Key;
  readonly acceptor: boolean;
}

/** A context that makes any Wrap token; its checksum is correct for its header. */
export function rfc1964Forger(options: ForgingOptions): Rfc1964Forger {
  const key = rfc1964Key(kerberosKey(options.enctype, options.key, options), options.key, options);
  const acceptor = options.role === 'acceptor';
  const numbers = counterFrom(BigInt(options.sendSequence), 32);
  const token: Rfc1964Forger['token'] = (plaintext, level, fields = {}) => {
    const sealed = level === 'private';
    const [usualSigning, checksumOf] = [...key.signing][0]!;
    const { tokenId = WRAP_ID, signing = usualSigning, sealing = sealed ? key.sealing : NOT_SEALED } = fields;
    const { filler = FILLER, number = numbers.next, direction = directionOf(acceptor) } = fields;
    const header = concatAll([tokenId, signing, sealing, filler].map(word => Uint8Array.of(word >> 8, word)));
    const body = concat(options.random(CONFOUNDER), plaintext, fields.padding ?? paddingOf(key, plaintext));
    const checksum = checksumOf(concat(header, body));
    const sequence = u32be(Number(number));
    const numbered = concat(key.littleEndian ? sequence.reverse() : sequence, direction);
    const sent = sealed ? key.seal(body, numbered) : body;
    const inside = concat(header, key.encryptSequence(numbered, checksum), checksum, sent);
    return fields.bare ? inside : formatFrame(inside);
  };
  return forgingContext(krb5Context(options), { forges: 'rfc1964', numbers, key, acceptor, token });
}

const directionOf = (acceptor: boolean) => new Uint8Array(4).fill(acceptor ? 0xff : 0);

function paddingOf({ blockSize }: Rfc1964Key, plaintext: Uint8Array): Uint8Array {
  const count = blockSize - (plaintext.length % blockSize);
  return new Uint8Array(count).fill(count);
}

type Its = Forgery<Rfc1964Forger>;

/** Padding of the right length whose last octet is one of these. */
const miscounted =
  (...counts: number[]) =>
  ({ context: { key }, text, draw }: Its) => {
    const padding = paddingOf(key, text);
    padding[padding.length - 1] = draw.of(counts);
    return { padding };
  };

/** A token with a wrong length in its frame. */
const framed = (length: string) => (its: Its) => {
  const token = its.token();
  return spliced(token, 1, token[1]! & 0x80 ? 1 + (token[1]! & 0x7f) : 1, octets(length));
};
const OTHER_DIRECTIONS = [0x0000_ffff, 0x0100_0000, 0xffff_fffe].map(u32be);

export const RFC1964 = forgeries<Rfc1964Forger>('rfc1964', {
  'RFC 1964 §1.2.2': {
    'a valid Wrap token': ['accept', {}],
    'the id of a GetMIC token': [BAD_TOKEN, { tokenId: 0x0101 }],
    'the id of a context deletion token': [BAD_TOKEN, { tokenId: 0x0102 }],
    'the id of an AP-REQ': [BAD_TOKEN, { tokenId: 0x0100 }],
    'an SGN_ALG that the key does not have': [BAD_TOKEN, anyOf('signing', 0xffff, 0x0500, 0x1101, 0x0004)],
    'a SEAL_ALG that the key does not have': [BAD_TOKEN, anyOf('sealing', 0x0300, 0x1100, 0xfffe)],
    'sealed is claimed, and it is not': [BAD_TOKEN, its => ({ sealing: its.context.key.sealing }), SAFE],
    'not sealed is claimed, and it is': [BAD_TOKEN, { sealing: NOT_SEALED }, PRIVATE],
    'filler that is not FFFF': [BAD_TOKEN, its => ({ filler: its.draw.below(FILLER) })],
    'a header alone': [UNVERIFIED, its => formatFrame(its.token({ bare: true }).subarray(0, 8))],
    'a token without a body': [
      UNVERIFIED,
      its => formatFrame(its.token({ bare: true }).subarray(0, 16 + its.context.key.checksumLength)),
    ],
  },
  'RFC 1964 §1.2': { 'no frame': [BAD_TOKEN, { bare: true }] },
  'RFC 2743 §3.1': {
    'a length in the frame that is too large': [BAD_TOKEN, framed('\x84\x7f\xff\xff\xff')],
    'a length in the frame that has no end': [BAD_TOKEN, framed('\x80')],
  },
  'RFC 1964 §1.2.2.3': {
    'padding that counts nothing': [BAD_TOKEN, miscounted(0)],
    'padding that counts more than a block': [BAD_TOKEN, miscounted(9, 0x7f, 0x80, 0xff)],
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
    'a direction that is neither': [BAD_TOKEN, its => ({ direction: its.draw.of(OTHER_DIRECTIONS) }), DIRECTION],
    'the direction of the other side': [
      'security/wrong-direction',
      its => ({ direction: directionOf(!its.context.acceptor) }),
    ],
    'a used number around a new text': ['security/replayed', its => ({ number: its.next - 1n }), { after: 1 }],
    'a number half of them ahead': [
      'either',
      its => ({ number: BigInt.asUintN(32, its.next + 2n ** 31n - 1n) }),
      SEQUENCE,
    ],
  },
});
