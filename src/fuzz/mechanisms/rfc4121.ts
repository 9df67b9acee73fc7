/** Wrap tokens of RFC 4121 §4.2 with any header, sealed or signed as if that header were right. */
import { concat, u64be, viewOf } from '../../bytes.js';
import type { KerberosKey } from '../../mechanisms/krb5/crypto/enctypes.js';
import { formatFrame } from '../../mechanisms/krb5/messages/gss-framing.js';
import { ACCEPT, EITHER, refuse } from '../mutation.js';
import { spliced } from '../pieces.js';
import { BAD_TOKEN, type ForgingContext, forgeries, forgeriesOf, UNVERIFIED } from './forgery.js';

const FLAG = { sentByAcceptor: 1, sealed: 2, acceptorSubkey: 4 } as const;
const USAGE = { acceptorSeal: 22, acceptorSign: 23, initiatorSeal: 24, initiatorSign: 25 } as const;
const HEADER = 16;

export interface WrapFields {
  /** TOK_ID; default 0504. */
  tokenId?: number;
  flags?: number;
  /** The filler octet; default FF. */
  filler?: number;
  ec?: number;
  rrc?: number;
  sequence?: bigint;
  /** Key usage number. */
  usage?: number;
  /** Octets between the text and the sealed header: EC as it ought to be. */
  padding?: number;
  /** Changes the header that is sealed or signed, not the one that is sent. */
  covered?: (header: Uint8Array) => void;
}

export interface Rfc4121Forger extends ForgingContext<WrapFields> {
  readonly forges: 'rfc4121';
  /** The flags of a valid token that is not sealed. */
  readonly flags: number;
  readonly checksumLength: number;
}

/** A token whose checksum holds for the header that it has, unless `covered` says otherwise. */
export function forgeWrapToken(
  key: KerberosKey,
  plaintext: Uint8Array,
  sealed: boolean,
  fields: WrapFields & { flags: number; sequence: bigint },
  confounder: Uint8Array,
): Uint8Array {
  const { tokenId = 0x0504, flags, filler = 0xff, rrc = 0, sequence, padding = 0, covered } = fields;
  const ec = fields.ec ?? (sealed ? padding : key.enctype.checksumLength);
  const usage = fields.usage ?? ((flags & FLAG.sentByAcceptor) === 0 ? USAGE.initiatorSeal : USAGE.acceptorSeal);
  const header = concat(
    Uint8Array.of(tokenId >> 8, tokenId, flags, filler, ec >> 8, ec, rrc >> 8, rrc),
    u64be(sequence),
  );
  const protectedHeader = concat(header).fill(0, sealed ? 6 : 4, 8);
  covered?.(protectedHeader);
  const body = sealed
    ? key.encrypt(usage, concat(plaintext, new Uint8Array(padding), protectedHeader), confounder)
    : concat(plaintext, key.checksum(usage, concat(plaintext, protectedHeader)));
  return concat(header, rotated(body, rrc));
}

/** To the right by so many octets (§4.2.5). */
function rotated(body: Uint8Array, rrc: number): Uint8Array {
  const at = body.length - (rrc % body.length);
  return concat(body.subarray(at), body.subarray(0, at));
}

const HEADERS = 'RFC 4121 §4.2.6.2';
const FLAGS = 'RFC 4121 §4.2.2';
const EC = 'RFC 4121 §4.2.3';
const RRC = 'RFC 4121 §4.2.5';
const COVERED = 'RFC 4121 §4.2.4';
const NUMBERS = 'RFC 4121 §4.2.1';
const BAD_CHECKSUM = refuse('security/bad-checksum');
const WRONG_DIRECTION = refuse('security/wrong-direction');
const REPLAYED = refuse('security/replayed');

const flagged = ({ flags }: Rfc4121Forger, sealed: boolean) => flags | (sealed ? FLAG.sealed : 0);

const forge = forgeriesOf<Rfc4121Forger>();

const TABLE = [
  forge('a Wrap token as it ought to be', HEADERS, ACCEPT, {}),
  forge('the id of a GetMIC token', HEADERS, BAD_TOKEN, { tokenId: 0x0404 }),
  forge('the id of a context deletion token', HEADERS, BAD_TOKEN, { tokenId: 0x0405 }),
  forge('an unknown id', HEADERS, BAD_TOKEN, ({ draw }) => ({
    tokenId: draw.of([0x0506, 0x0100, 0x0200, 0x0201, 0x0504 ^ 0x8000, 0x0000, 0xffff]),
  })),
  forge('filler that is not FF', HEADERS, BAD_TOKEN, ({ draw }) => ({ filler: draw.below(255) })),
  forge('the frame of RFC 2743 around it', 'RFC 4121 §4.2', BAD_TOKEN, ({ context, text, sealed }) =>
    formatFrame(context.token(text, sealed)),
  ),
  forge('AcceptorSubkey is the other way', FLAGS, BAD_TOKEN, ({ context, sealed }) => ({
    flags: flagged(context, sealed) ^ FLAG.acceptorSubkey,
  })),
  forge('flags that are reserved', FLAGS, ACCEPT, ({ context, sealed, draw }) => ({
    flags: flagged(context, sealed) | (8 << draw.below(5)),
  })),
  forge('Sealed is set, and it is not', FLAGS, BAD_TOKEN, { only: 'safe' }, ({ context }) => ({
    flags: context.flags | FLAG.sealed,
  })),
  forge('Sealed is clear, and it is', FLAGS, BAD_TOKEN, { only: 'private' }, ({ context }) => ({
    flags: context.flags,
  })),
  forge('EC counts filler', EC, ACCEPT, { only: 'private' }, ({ draw }) => ({ padding: 1 + draw.below(64) })),
  forge('EC counts more than there is', EC, BAD_TOKEN, { only: 'private' }, ({ text, draw }) => ({
    ec: draw.of([0xffff, 0x8000, text.length + 1]),
  })),
  forge('EC is zero beside a checksum', EC, BAD_TOKEN, { only: 'safe' }, { ec: 0 }),
  forge('EC is more than the checksum', EC, BAD_TOKEN, { only: 'safe' }, ({ context, draw }) => ({
    ec: draw.of([context.checksumLength + 1, 0xffff]),
  })),
  forge('EC is less than the checksum', EC, BAD_TOKEN, { only: 'safe' }, ({ context, draw }) => ({
    ec: draw.below(context.checksumLength),
  })),
  forge(
    'EC is altered behind the sealing',
    COVERED,
    UNVERIFIED,
    { only: 'private' },
    { ec: 4, covered: header => header.fill(0, 4, 6) },
  ),
  forge('RRC is less than the token', RRC, ACCEPT, ({ draw }) => ({ rrc: 1 + draw.below(27) })),
  forge('RRC is more than the token', RRC, ACCEPT, ({ draw }) => ({ rrc: 0xffff - draw.below(4096) })),
  forge('RRC is that of another rotation', RRC, BAD_TOKEN, ({ context, text, sealed }) =>
    spliced(context.token(text, sealed), 6, 2, Uint8Array.of(0, 5)),
  ),
  forge(
    'RRC is sealed as it was sent',
    COVERED,
    BAD_TOKEN,
    { only: 'private' },
    { rrc: 12, covered: header => viewOf(header).setUint16(6, 12) },
  ),
  forge(
    'RRC is signed as it was sent',
    COVERED,
    BAD_CHECKSUM,
    { only: 'safe' },
    { rrc: 12, covered: header => viewOf(header).setUint16(6, 12) },
  ),
  forge('EC is signed as it was sent', COVERED, BAD_CHECKSUM, { only: 'safe' }, ({ context }) => ({
    covered: header => viewOf(header).setUint16(4, context.checksumLength),
  })),
  forge('another number is sealed or signed', COVERED, BAD_CHECKSUM, ({ context }) => ({
    covered: header => viewOf(header).setBigUint64(8, context.numbers.next + 1n),
  })),
  forge('other flags are sealed or signed', COVERED, BAD_CHECKSUM, {
    covered: header => {
      header[2]! ^= 8;
    },
  }),
  forge('the key usage of a GetMIC token', 'RFC 4121 §2', BAD_CHECKSUM, ({ context }) => ({
    usage: (context.flags & FLAG.sentByAcceptor) === 0 ? USAGE.initiatorSign : USAGE.acceptorSign,
  })),
  forge('the key usage of the other side', 'RFC 4121 §2', BAD_CHECKSUM, ({ context }) => ({
    usage: (context.flags & FLAG.sentByAcceptor) === 0 ? USAGE.acceptorSeal : USAGE.initiatorSeal,
  })),
  forge('half a header', HEADERS, UNVERIFIED, ({ context, text, sealed, draw }) =>
    context.token(text, sealed).subarray(0, 2 + draw.below(HEADER - 2)),
  ),
  forge('a header alone', HEADERS, UNVERIFIED, ({ context, text, sealed }) =>
    context.token(text, sealed).subarray(0, HEADER),
  ),
  forge('an octet less than an empty token', HEADERS, UNVERIFIED, ({ context, sealed }) =>
    context.token(new Uint8Array(), sealed).subarray(0, -1),
  ),
  forge('a used number around a new text', NUMBERS, REPLAYED, { layer: 'sequence', after: 1 }, ({ context }) => ({
    sequence: context.numbers.next - 1n,
  })),
  forge('the highest number', NUMBERS, EITHER, { layer: 'sequence' }, { sequence: (1n << 64n) - 1n }),
  forge('a number 2^32 ahead', NUMBERS, EITHER, { layer: 'sequence' }, ({ context }) => ({
    sequence: BigInt.asUintN(64, context.numbers.next + 2n ** 32n),
  })),
  forge('a number before the first', NUMBERS, EITHER, { layer: 'sequence' }, ({ context }) => ({
    sequence: BigInt.asUintN(64, context.numbers.next - 100n),
  })),
  forge(
    'SentByAcceptor is the other way, and so is the key usage',
    FLAGS,
    WRONG_DIRECTION,
    { layer: 'direction' },
    ({ context, sealed }) => ({ flags: flagged(context, sealed) ^ FLAG.sentByAcceptor }),
  ),
  forge('SentByAcceptor is the other way', FLAGS, WRONG_DIRECTION, { layer: 'direction' }, ({ context, sealed }) => ({
    flags: flagged(context, sealed) ^ FLAG.sentByAcceptor,
    usage: (context.flags & FLAG.sentByAcceptor) === 0 ? USAGE.initiatorSeal : USAGE.acceptorSeal,
  })),
];

export const RFC4121_FORGERIES = forgeries('rfc4121', TABLE);
