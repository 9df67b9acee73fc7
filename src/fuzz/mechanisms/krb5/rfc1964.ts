/** Wrap tokens of RFC 1964 §1.2.2 and RFC 4757 §7.3 with any header, number and padding, and right checksums. */
import { concat, concatAll, copy, u16be, u32be } from '../../../bytes.js';
import { kerberosKey } from '../../../mechanisms/krb5/crypto/kerberos-key.js';
import { formatFrame } from '../../../mechanisms/krb5/messages/gss-framing.js';
import { krb5Context } from '../../../mechanisms/krb5/tokens/context.js';
import { type Rfc1964Key, rfc1964Key } from '../../../mechanisms/krb5/tokens/rfc1964-keys.js';
import { added, type Edit, numberAt, octets, spliced } from '../../pieces.js';
import { BAD_TOKEN, DIRECTION, PRIVATE, SAFE, SEQUENCE, UNVERIFIED } from '../../rows.js';
import { counterFrom, type Forgery, type ForgingContext, forgeries, forgingContext, same } from '../mechanism.js';
import type { ForgingOptions } from './rfc4121.js';

const WRAP_ID = 0x0201;
const NOT_SEALED = 0xffff;
const FILLER = 0xffff;
const CONFOUNDER = 8;
/** Offsets in the header, and in SND_SEQ behind it, before that is encrypted. */
const AT = { id: 0, signing: 2, sealing: 4, filler: 6, number: 8, direction: 12 } as const;

/** What differs from a valid Wrap token. */
export interface FramedFields {
  /** Changes the header with SND_SEQ; its number is big-endian. */
  header?: Edit;
  /** Changes the octets after the text: valid padding, in which each octet is the number of padding octets. */
  padding?: Edit;
  /** Whether to leave out the frame. */
  bare?: boolean;
}

interface Rfc1964Forger extends ForgingContext<FramedFields> {
  readonly forges: 'rfc1964';
  readonly key: Rfc1964Key;
}

/** A context that makes any Wrap token; its checksum is correct for its header. */
export function rfc1964Forger(options: ForgingOptions): Rfc1964Forger {
  const key = rfc1964Key(kerberosKey(options.enctype, options.key, options), options.key, options);
  const ourDirection = new Uint8Array(4).fill(options.role === 'acceptor' ? 0xff : 0);
  const numbers = counterFrom(BigInt(options.sendSequence), 32);
  const token: Rfc1964Forger['token'] = (plaintext, level, fields = {}, draw) => {
    const { header: edit = same, padding: editPadding = same, bare } = fields;
    const [[signing, checksumOf]] = [...key.signing] as [[number, (data: Uint8Array) => Uint8Array]];
    const algorithms = [signing, level === 'private' ? key.sealing : NOT_SEALED];
    const valid = [...[WRAP_ID, ...algorithms, FILLER].map(u16be), u32be(Number(numbers.next)), ourDirection];
    const whole = edit(concatAll(valid), draw)!;
    const header = whole.subarray(0, AT.number);
    const number = copy(whole, AT.number, AT.direction);
    const numbered = concat(key.littleEndian ? number.reverse() : number, whole.subarray(AT.direction));
    const count = paddingLength(key, plaintext);
    const padding = editPadding(new Uint8Array(count).fill(count), draw)!;
    const body = concat(options.random(CONFOUNDER), plaintext, padding);
    const checksum = checksumOf(concat(header, body));
    const sent = level === 'private' ? key.seal(body, numbered) : body;
    const inside = concat(header, key.encryptSequence(numbered, checksum), checksum, sent);
    return bare ? inside : formatFrame(inside);
  };
  return forgingContext(krb5Context(options), { forges: 'rfc1964', numbers, key, token });
}

function paddingLength({ blockSize }: Rfc1964Key, plaintext: Uint8Array): number {
  return blockSize - (plaintext.length % blockSize);
}

type Its = Forgery<Rfc1964Forger>;

/** Another last octet of the padding. */
const counting = (...counts: number[]) => ({
  padding: ((padding, draw) => numberAt(padding.length - 1, 1, counts)(padding, draw)) satisfies Edit,
});
const numberOff = (by: bigint) => ({ header: added(AT.number, 4, by) });
/** The first octets of a token, in a frame of their length. */
const cut = (length: (key: Rfc1964Key) => number) => (its: Its) =>
  formatFrame(its.token({ bare: true }).subarray(0, length(its.context.key)));
/** A token with a wrong length in its frame. */
const framed = (length: string) => (its: Its) => {
  const token = its.token();
  return spliced(token, 1, token[1]! & 0x80 ? 1 + (token[1]! & 0x7f) : 1, octets(length));
};
const otherSide: Edit = header => header.map((octet, at) => (at < AT.direction ? octet : octet ^ 0xff));
const hasBlocks = ({ context: { key } }: Its) => key.blockSize > 1;

export const RFC1964 = forgeries<Rfc1964Forger>('rfc1964', {
  'RFC 1964 §1.2.2': {
    'a valid Wrap token': ['accept', {}],
    'the id of a GetMIC token': [BAD_TOKEN, { header: numberAt(AT.id, 2, [0x0101]) }],
    'the id of a context deletion token': [BAD_TOKEN, { header: numberAt(AT.id, 2, [0x0102]) }],
    'the id of an AP-REQ': [BAD_TOKEN, { header: numberAt(AT.id, 2, [0x0100]) }],
    'an SGN_ALG that the key does not have': [
      BAD_TOKEN,
      { header: numberAt(AT.signing, 2, [0xffff, 0x0500, 0x1101, 4]) },
    ],
    'a SEAL_ALG that the key does not have': [BAD_TOKEN, { header: numberAt(AT.sealing, 2, [0x0300, 0x1100, 0xfffe]) }],
    'sealed is claimed, and it is not': [
      BAD_TOKEN,
      its => ({ header: numberAt(AT.sealing, 2, [its.context.key.sealing]) }),
      SAFE,
    ],
    'not sealed is claimed, and it is': [BAD_TOKEN, { header: numberAt(AT.sealing, 2, [NOT_SEALED]) }, PRIVATE],
    'filler that is not FFFF': [BAD_TOKEN, { header: numberAt(AT.filler, 2, [0, 0xff, 0xff00, 0xfffe]) }],
    'a header alone': [UNVERIFIED, cut(() => 8)],
    'a token without a body': [UNVERIFIED, cut(({ checksumLength }) => 16 + checksumLength)],
  },
  'RFC 1964 §1.2': { 'no frame': [BAD_TOKEN, { bare: true }] },
  'RFC 2743 §3.1': {
    'a length in the frame that is too large': [BAD_TOKEN, framed('\x84\x7f\xff\xff\xff')],
    'a length in the frame that has no end': [BAD_TOKEN, framed('\x80')],
  },
  'RFC 1964 §1.2.2.3': {
    'padding that counts nothing': [BAD_TOKEN, counting(0)],
    'padding that counts more than a block': [BAD_TOKEN, counting(9, 0x7f, 0x80, 0xff)],
    'padding that is not its own count': [
      BAD_TOKEN,
      // One octet of padding is the count itself.
      its => (paddingLength(its.context.key, its.text) > 1 ? { padding: numberAt(0, 1, [0]) } : undefined),
    ],
    'no whole number of blocks': [UNVERIFIED, its => (hasBlocks(its) ? its.token().subarray(0, -3) : undefined)],
  },
  'RFC 1964 §1.2.1.2': {
    'a direction that is neither': [
      BAD_TOKEN,
      { header: numberAt(AT.direction, 4, [0xffff, 0x1000000, 0xfffffffe]) },
      DIRECTION,
    ],
    'the direction of the other side': ['security/wrong-direction', { header: otherSide }],
    'a used number around a new text': ['security/replayed', numberOff(-1n), { after: 1 }],
    'a number half of them ahead': ['either', numberOff(2n ** 31n - 1n), SEQUENCE],
  },
});
