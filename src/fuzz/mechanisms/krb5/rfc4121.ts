/** Wrap tokens of RFC 4121 §4.2 with any header, encrypted or signed as if that header were right. */
import { concat, u64be, viewOf } from '../../../bytes.js';
import type { KerberosKey } from '../../../mechanisms/krb5/crypto/enctypes.js';
import { formatFrame } from '../../../mechanisms/krb5/messages/gss-framing.js';
import { ACCEPT, EITHER, PRIVATE, refuse, SAFE } from '../../mutation.js';
import { spliced } from '../../pieces.js';
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

const FLAG = { sentByAcceptor: 1, sealed: 2, acceptorSubkey: 4 } as const;
const USAGE = { acceptorSeal: 22, acceptorSign: 23, initiatorSeal: 24, initiatorSign: 25 } as const;
const HEADER = 16;

/** Fields of a Wrap token that differ from those of a valid one. */
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
  /** Octets between the text and the encrypted header: the right EC. */
  padding?: number;
  /** Changes the header that is encrypted or signed, but not the one that is sent. */
  covered?: (header: Uint8Array) => void;
}

/** Makes any Wrap token of RFC 4121. */
export interface Rfc4121Forger extends ForgingContext<WrapFields> {
  readonly forges: 'rfc4121';
  /** The flags of a valid token without encryption. */
  readonly flags: number;
  readonly checksumLength: number;
}

/** A token whose checksum is correct for its header, unless `covered` changes that. */
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

/** Rotates to the right by `rrc` octets (§4.2.5). */
function rotated(body: Uint8Array, rrc: number): Uint8Array {
  const at = body.length - (rrc % body.length);
  return concat(body.subarray(at), body.subarray(0, at));
}

const BAD_CHECKSUM = refuse('security/bad-checksum');

interface Place {
  context: Rfc4121Forger;
  sealed: boolean;
}
const flagged = ({ context: { flags }, sealed }: Place) => flags | (sealed ? FLAG.sealed : 0);
/** Selects by the role of the sender. */
const byRole = ({ context: { flags } }: Place, initiator: number, acceptor: number) =>
  (flags & FLAG.sentByAcceptor) === 0 ? initiator : acceptor;

const withRrc = (header: Uint8Array) => viewOf(header).setUint16(6, 12);

/** Tokens of RFC 4121 that no conforming peer makes. */
export const RFC4121 = forgeries<Rfc4121Forger>('rfc4121', {
  'RFC 4121 §4.2.6.2': {
    'a valid Wrap token': [ACCEPT, {}],
    'the id of a GetMIC token': [BAD_TOKEN, { tokenId: 0x0404 }],
    'the id of a context deletion token': [BAD_TOKEN, { tokenId: 0x0405 }],
    'an unknown id': [
      BAD_TOKEN,
      its => ({ tokenId: its.draw.of([0x0506, 0x0100, 0x0200, 0x0201, 0x0504 ^ 0x8000, 0x0000, 0xffff]) }),
    ],
    'filler that is not FF': [BAD_TOKEN, its => ({ filler: its.draw.below(255) })],
    'half a header': [UNVERIFIED, its => its.token().subarray(0, 2 + its.draw.below(HEADER - 2))],
    'a header alone': [UNVERIFIED, its => its.token().subarray(0, HEADER)],
    'an octet less than an empty token': [
      UNVERIFIED,
      its => its.context.token(new Uint8Array(), its.sealed).subarray(0, -1),
    ],
  },
  'RFC 4121 §4.2': { 'the frame of RFC 2743 around it': [BAD_TOKEN, its => formatFrame(its.token())] },
  'RFC 4121 §4.2.2': {
    'AcceptorSubkey is the other way': [BAD_TOKEN, its => ({ flags: flagged(its) ^ FLAG.acceptorSubkey })],
    'flags that are reserved': [ACCEPT, its => ({ flags: flagged(its) | (8 << its.draw.below(5)) })],
    'Sealed is set, and it is not': [BAD_TOKEN, its => ({ flags: its.context.flags | FLAG.sealed }), SAFE],
    'Sealed is clear, and it is': [BAD_TOKEN, its => ({ flags: its.context.flags }), PRIVATE],
    'SentByAcceptor is the other way, and so is the key usage': [
      WRONG_DIRECTION,
      its => ({ flags: flagged(its) ^ FLAG.sentByAcceptor }),
      DIRECTION,
    ],
    'SentByAcceptor is the other way': [
      WRONG_DIRECTION,
      its => ({
        flags: flagged(its) ^ FLAG.sentByAcceptor,
        usage: byRole(its, USAGE.initiatorSeal, USAGE.acceptorSeal),
      }),
      DIRECTION,
    ],
  },
  'RFC 4121 §4.2.3': {
    'EC counts filler': [ACCEPT, its => ({ padding: 1 + its.draw.below(64) }), PRIVATE],
    'EC counts more than there is': [
      BAD_TOKEN,
      its => ({ ec: its.draw.of([0xffff, 0x8000, its.text.length + 1]) }),
      PRIVATE,
    ],
    'EC is zero beside a checksum': [BAD_TOKEN, { ec: 0 }, SAFE],
    'EC is more than the checksum': [
      BAD_TOKEN,
      its => ({ ec: its.draw.of([its.context.checksumLength + 1, 0xffff]) }),
      SAFE,
    ],
    'EC is less than the checksum': [BAD_TOKEN, its => ({ ec: its.draw.below(its.context.checksumLength) }), SAFE],
  },
  'RFC 4121 §4.2.5': {
    'RRC is less than the token': [ACCEPT, its => ({ rrc: 1 + its.draw.below(27) })],
    'RRC is more than the token': [ACCEPT, its => ({ rrc: 0xffff - its.draw.below(4096) })],
    'RRC is that of another rotation': [BAD_TOKEN, its => spliced(its.token(), 6, 2, Uint8Array.of(0, 5))],
  },
  'RFC 4121 §4.2.4': {
    'EC is altered behind the sealing': [UNVERIFIED, { ec: 4, covered: header => header.fill(0, 4, 6) }, PRIVATE],
    'RRC is sealed as it was sent': [BAD_TOKEN, { rrc: 12, covered: withRrc }, PRIVATE],
    'RRC is signed as it was sent': [BAD_CHECKSUM, { rrc: 12, covered: withRrc }, SAFE],
    'EC is signed as it was sent': [
      BAD_CHECKSUM,
      its => ({ covered: header => viewOf(header).setUint16(4, its.context.checksumLength) }),
      SAFE,
    ],
    'another number is sealed or signed': [
      BAD_CHECKSUM,
      its => ({ covered: header => viewOf(header).setBigUint64(8, its.next + 1n) }),
    ],
    'other flags are sealed or signed': [BAD_CHECKSUM, { covered: header => header.set([header[2]! ^ 8], 2) }],
  },
  'RFC 4121 §2': {
    'the key usage of a GetMIC token': [
      BAD_CHECKSUM,
      its => ({ usage: byRole(its, USAGE.initiatorSign, USAGE.acceptorSign) }),
    ],
    'the key usage of the other side': [
      BAD_CHECKSUM,
      its => ({ usage: byRole(its, USAGE.acceptorSeal, USAGE.initiatorSeal) }),
    ],
  },
  'RFC 4121 §4.2.1': {
    'a used number around a new text': [REPLAYED, its => ({ sequence: its.next - 1n }), BEHIND_ONE],
    'the highest number': [EITHER, { sequence: (1n << 64n) - 1n }, SEQUENCE],
    'a number 2^32 ahead': [EITHER, its => ({ sequence: BigInt.asUintN(64, its.next + 2n ** 32n) }), SEQUENCE],
    'a number before the first': [EITHER, its => ({ sequence: BigInt.asUintN(64, its.next - 100n) }), SEQUENCE],
  },
});
