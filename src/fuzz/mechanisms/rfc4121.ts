/** Wrap tokens of RFC 4121 §4.2 with any header, sealed or signed as if that header were right. */
import { concat, u64be, viewOf } from '../../bytes.js';
import type { KerberosKey } from '../../mechanisms/krb5/crypto/enctypes.js';
import { formatFrame } from '../../mechanisms/krb5/messages/gss-framing.js';
import { ACCEPT, EITHER, refuse } from '../mutation.js';
import { spliced } from '../pieces.js';
import { BAD_TOKEN, type Forgery, type ForgingContext, forgeries, UNVERIFIED } from './forgery.js';

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

export interface Rfc4121Forger extends ForgingContext {
  readonly forges: 'rfc4121';
  /** The flags of a sound token that is not sealed. */
  readonly flags: number;
  readonly checksumLength: number;
  token(plaintext: Uint8Array, sealed: boolean, fields?: WrapFields): Uint8Array;
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

const TABLE: readonly Forgery<Rfc4121Forger>[] = [
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
    make: (context, text, sealed) => context.token(text, sealed, { tokenId: 0x0404 }),
  },
  {
    name: 'the id of a context deletion token',
    source: HEADERS,
    expected: BAD_TOKEN,
    make: (context, text, sealed) => context.token(text, sealed, { tokenId: 0x0405 }),
  },
  {
    name: 'an id that nobody has',
    source: HEADERS,
    expected: BAD_TOKEN,
    make: (context, text, sealed, draw) =>
      context.token(text, sealed, {
        tokenId: draw.of([0x0506, 0x0100, 0x0200, 0x0201, 0x0504 ^ 0x8000, 0x0000, 0xffff]),
      }),
  },
  {
    name: 'filler that is not FF',
    source: HEADERS,
    expected: BAD_TOKEN,
    make: (context, text, sealed, draw) => context.token(text, sealed, { filler: draw.below(255) }),
  },
  {
    name: 'the frame of RFC 2743 around it',
    source: 'RFC 4121 §4.2',
    expected: BAD_TOKEN,
    make: (context, text, sealed) => formatFrame(context.token(text, sealed)),
  },
  {
    name: 'AcceptorSubkey is the other way',
    source: FLAGS,
    expected: BAD_TOKEN,
    make: (context, text, sealed) =>
      context.token(text, sealed, { flags: flagged(context, sealed) ^ FLAG.acceptorSubkey }),
  },
  {
    name: 'flags that are reserved',
    source: FLAGS,
    expected: ACCEPT,
    make: (context, text, sealed, draw) =>
      context.token(text, sealed, { flags: flagged(context, sealed) | (8 << draw.below(5)) }),
  },
  {
    name: 'Sealed is set, and it is not',
    source: FLAGS,
    only: 'safe',
    expected: BAD_TOKEN,
    make: (context, text) => context.token(text, false, { flags: flagged(context, true) }),
  },
  {
    name: 'Sealed is clear, and it is',
    source: FLAGS,
    only: 'private',
    expected: BAD_TOKEN,
    make: (context, text) => context.token(text, true, { flags: context.flags }),
  },
  {
    name: 'EC counts filler',
    source: EC,
    only: 'private',
    expected: ACCEPT,
    make: (context, text, _sealed, draw) => context.token(text, true, { padding: 1 + draw.below(64) }),
  },
  {
    name: 'EC counts more than there is',
    source: EC,
    only: 'private',
    expected: BAD_TOKEN,
    make: (context, text, _sealed, draw) =>
      context.token(text, true, { ec: draw.of([0xffff, 0x8000, text.length + 1]) }),
  },
  {
    name: 'EC is zero beside a checksum',
    source: EC,
    only: 'safe',
    expected: BAD_TOKEN,
    make: (context, text) => context.token(text, false, { ec: 0 }),
  },
  {
    name: 'EC is more than the checksum',
    source: EC,
    only: 'safe',
    expected: BAD_TOKEN,
    make: (context, text, _sealed, draw) =>
      context.token(text, false, { ec: draw.of([context.checksumLength + 1, 0xffff]) }),
  },
  {
    name: 'EC is less than the checksum',
    source: EC,
    only: 'safe',
    expected: BAD_TOKEN,
    make: (context, text, _sealed, draw) => context.token(text, false, { ec: draw.below(context.checksumLength) }),
  },
  {
    name: 'EC is altered behind the sealing',
    source: COVERED,
    only: 'private',
    expected: UNVERIFIED,
    make: (context, text) => context.token(text, true, { ec: 4, covered: header => header.fill(0, 4, 6) }),
  },
  {
    name: 'RRC is less than the token',
    source: RRC,
    expected: ACCEPT,
    make: (context, text, sealed, draw) => context.token(text, sealed, { rrc: 1 + draw.below(27) }),
  },
  {
    name: 'RRC is more than the token',
    source: RRC,
    expected: ACCEPT,
    make: (context, text, sealed, draw) => context.token(text, sealed, { rrc: 0xffff - draw.below(4096) }),
  },
  {
    name: 'RRC is that of another rotation',
    source: RRC,
    expected: BAD_TOKEN,
    make: (context, text, sealed) => spliced(context.token(text, sealed), 6, 2, Uint8Array.of(0, 5)),
  },
  {
    name: 'RRC is sealed as it was sent',
    source: COVERED,
    only: 'private',
    expected: BAD_TOKEN,
    make: (context, text) => context.token(text, true, { rrc: 12, covered: header => viewOf(header).setUint16(6, 12) }),
  },
  {
    name: 'RRC is signed as it was sent',
    source: COVERED,
    only: 'safe',
    expected: BAD_CHECKSUM,
    make: (context, text) =>
      context.token(text, false, { rrc: 12, covered: header => viewOf(header).setUint16(6, 12) }),
  },
  {
    name: 'EC is signed as it was sent',
    source: COVERED,
    only: 'safe',
    expected: BAD_CHECKSUM,
    make: (context, text) =>
      context.token(text, false, { covered: header => viewOf(header).setUint16(4, context.checksumLength) }),
  },
  {
    name: 'another number is sealed or signed',
    source: COVERED,
    expected: BAD_CHECKSUM,
    make: (context, text, sealed) =>
      context.token(text, sealed, { covered: header => viewOf(header).setBigUint64(8, context.numbers.next + 1n) }),
  },
  {
    name: 'other flags are sealed or signed',
    source: COVERED,
    expected: BAD_CHECKSUM,
    make: (context, text, sealed) =>
      context.token(text, sealed, {
        covered: header => {
          header[2]! ^= 8;
        },
      }),
  },
  {
    name: 'the key usage of a GetMIC token',
    source: 'RFC 4121 §2',
    expected: BAD_CHECKSUM,
    make: (context, text, sealed) =>
      context.token(text, sealed, {
        usage: (context.flags & FLAG.sentByAcceptor) === 0 ? USAGE.initiatorSign : USAGE.acceptorSign,
      }),
  },
  {
    name: 'the key usage of the other side',
    source: 'RFC 4121 §2',
    expected: BAD_CHECKSUM,
    make: (context, text, sealed) =>
      context.token(text, sealed, {
        usage: (context.flags & FLAG.sentByAcceptor) === 0 ? USAGE.acceptorSeal : USAGE.initiatorSeal,
      }),
  },
  {
    name: 'half a header',
    source: HEADERS,
    expected: UNVERIFIED,
    make: (context, text, sealed, draw) => context.token(text, sealed).subarray(0, 2 + draw.below(HEADER - 2)),
  },
  {
    name: 'a header alone',
    source: HEADERS,
    expected: UNVERIFIED,
    make: (context, text, sealed) => context.token(text, sealed).subarray(0, HEADER),
  },
  {
    name: 'an octet less than an empty token',
    source: HEADERS,
    expected: UNVERIFIED,
    make: (context, _text, sealed) => context.token(new Uint8Array(), sealed).subarray(0, -1),
  },
  {
    name: 'a used number around a new text',
    layer: 'sequence',
    source: NUMBERS,
    after: 1,
    expected: REPLAYED,
    make: (context, text, sealed) => context.token(text, sealed, { sequence: context.numbers.next - 1n }),
  },
  {
    name: 'the highest number',
    layer: 'sequence',
    source: NUMBERS,
    expected: EITHER,
    make: (context, text, sealed) => context.token(text, sealed, { sequence: (1n << 64n) - 1n }),
  },
  {
    name: 'a number 2^32 ahead',
    layer: 'sequence',
    source: NUMBERS,
    expected: EITHER,
    make: (context, text, sealed) =>
      context.token(text, sealed, { sequence: BigInt.asUintN(64, context.numbers.next + 2n ** 32n) }),
  },
  {
    name: 'a number before the first',
    layer: 'sequence',
    source: NUMBERS,
    expected: EITHER,
    make: (context, text, sealed) =>
      context.token(text, sealed, { sequence: BigInt.asUintN(64, context.numbers.next - 100n) }),
  },
  {
    name: 'SentByAcceptor is the other way, and so is the key usage',
    layer: 'direction',
    source: FLAGS,
    expected: WRONG_DIRECTION,
    make: (context, text, sealed) =>
      context.token(text, sealed, { flags: flagged(context, sealed) ^ FLAG.sentByAcceptor }),
  },
  {
    name: 'SentByAcceptor is the other way',
    layer: 'direction',
    source: FLAGS,
    expected: WRONG_DIRECTION,
    make: (context, text, sealed) =>
      context.token(text, sealed, {
        flags: flagged(context, sealed) ^ FLAG.sentByAcceptor,
        usage: (context.flags & FLAG.sentByAcceptor) === 0 ? USAGE.initiatorSeal : USAGE.acceptorSeal,
      }),
  },
];

export const RFC4121_FORGERIES = forgeries('rfc4121', TABLE);
