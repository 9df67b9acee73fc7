/** Wrap tokens of RFC 4121 §4.2 with any header, encrypted or signed as if that header were right. */
import { concat, u16be, u64be } from '../../../bytes.js';
import { kerberosKey } from '../../../mechanisms/krb5/crypto/kerberos-key.js';
import { formatFrame } from '../../../mechanisms/krb5/messages/gss-framing.js';
import { type Krb5ContextOptions, krb5Context } from '../../../mechanisms/krb5/tokens/context.js';
import { FILLER, FLAG, HEADER, MIC_ID, WRAP_ID } from '../../../mechanisms/krb5/tokens/token-header.js';
import { BAD_TOKEN, PRIVATE, SAFE, SEQUENCE, UNVERIFIED } from '../../mutation.js';
import { octets, spliced } from '../../pieces.js';
import { anyOf, counterFrom, type Forgery, type ForgingContext, forgeries, forgingContext } from '../mechanism.js';

/** Key usages (§2), by the flag of the sender: of Wrap tokens, and of GetMIC tokens. */
const USAGE = { seal: [24, 22], sign: [25, 23] } as const;
/** Offsets in the header. */
const AT = { ec: 4, rrc: 6, sequence: 8 } as const;

/** Fields of a Wrap token that differ from those of a valid one. */
export interface WrapFields {
  /** TOK_ID; default 0504. */
  tokenId?: number;
  flags?: number;
  filler?: number;
  ec?: number;
  rrc?: number;
  sequence?: bigint;
  usage?: number;
  /** Octets between the text and the encrypted header: the right EC. */
  padding?: number;
  /** Changes the header that is encrypted or signed, but not the one that is sent. */
  covered?: (header: Uint8Array) => void;
}

/** Options of a forging context; `random` makes confounders. */
export type ForgingOptions = Krb5ContextOptions & { random: (length: number) => Uint8Array };

interface Rfc4121Forger extends ForgingContext<WrapFields> {
  readonly forges: 'rfc4121';
  /** The flags of a valid token without encryption. */
  readonly flags: number;
  readonly checksumLength: number;
}

/** A context that makes any Wrap token; its checksum is correct for its header, unless `covered` changes that. */
export function rfc4121Forger(options: ForgingOptions): Rfc4121Forger {
  const key = kerberosKey(options.enctype, options.key, options);
  const { checksumLength, confounderLength } = key.enctype;
  const numbers = counterFrom(BigInt(options.sendSequence), 64);
  const flags =
    (options.role === 'acceptor' ? FLAG.sentByAcceptor : 0) | (options.acceptorSubkey ? FLAG.acceptorSubkey : 0);
  const token: Rfc4121Forger['token'] = (plaintext, level, fields = {}) => {
    const sealed = level === 'private';
    const { tokenId = WRAP_ID, filler = FILLER, rrc = 0, sequence = numbers.next, padding = 0 } = fields;
    const { flags: its = flags | (sealed ? FLAG.sealed : 0), ec = sealed ? padding : checksumLength } = fields;
    const { usage = USAGE.seal[its & FLAG.sentByAcceptor ? 1 : 0] } = fields;
    const header = concat(u16be(tokenId), Uint8Array.of(its, filler), u16be(ec), u16be(rrc), u64be(sequence));
    const covered = concat(header).fill(0, sealed ? AT.rrc : AT.ec, AT.sequence);
    fields.covered?.(covered);
    const body = sealed
      ? key.encrypt(usage, concat(plaintext, new Uint8Array(padding), covered), options.random(confounderLength))
      : concat(plaintext, key.checksum(usage, plaintext, covered));
    // Rotated to the right by `rrc` octets (§4.2.5).
    const end = body.length - (rrc % body.length);
    return concat(header, body.subarray(end), body.subarray(0, end));
  };
  return forgingContext(krb5Context(options), { forges: 'rfc4121', numbers, flags, checksumLength, token });
}

type Its = Forgery<Rfc4121Forger>;
const flagsOf = ({ context: { flags }, sealed }: Its) => flags | (sealed ? FLAG.sealed : 0);
/** A flag is the other way, and so is the key usage that belongs to it. */
const inverted = (flag: number) => (its: Its) => ({ flags: flagsOf(its) ^ flag });
const usageOf = (kind: keyof typeof USAGE, { context: { flags } }: Its, other = false) =>
  USAGE[kind][((flags & FLAG.sentByAcceptor) === 0) === other ? 1 : 0];
const ahead = (by: bigint) => (its: Its) => ({ sequence: BigInt.asUintN(64, its.next + by) });

/** Another number in the covered header. */
const word = (at: number, value: number) => (header: Uint8Array) => header.set(u16be(value), at);
const OTHER_RRC = { rrc: 12, covered: word(AT.rrc, 12) };
const WRONG_SIDE = 'security/wrong-direction';
const WRONG_SUM = 'security/bad-checksum';

export const RFC4121 = forgeries<Rfc4121Forger>('rfc4121', {
  'RFC 4121 §4.2.6.2': {
    'a valid Wrap token': ['accept', {}],
    'the id of a GetMIC token': [BAD_TOKEN, { tokenId: MIC_ID }],
    'the id of a context deletion token': [BAD_TOKEN, { tokenId: 0x0405 }],
    'an unknown id': [BAD_TOKEN, anyOf('tokenId', 0x0506, 0x0100, 0x0200, 0x0201, 0x8504, 0x0000, 0xffff)],
    'filler that is not FF': [BAD_TOKEN, its => ({ filler: its.draw.below(FILLER) })],
    'half a header': [UNVERIFIED, its => its.token().subarray(0, 2 + its.draw.below(HEADER - 2))],
    'a header alone': [UNVERIFIED, its => its.token().subarray(0, HEADER)],
    'an octet less than an empty token': [UNVERIFIED, its => its.token({}, octets('')).subarray(0, -1)],
  },
  'RFC 4121 §4.2': { 'the frame of RFC 2743 around it': [BAD_TOKEN, its => formatFrame(its.token())] },
  'RFC 4121 §4.2.2': {
    'AcceptorSubkey is the other way': [BAD_TOKEN, inverted(FLAG.acceptorSubkey)],
    'flags that are reserved': ['accept', its => ({ flags: flagsOf(its) | (8 << its.draw.below(5)) })],
    'Sealed is set, and it is not': [BAD_TOKEN, its => ({ flags: its.context.flags | FLAG.sealed }), SAFE],
    'Sealed is clear, and it is': [BAD_TOKEN, its => ({ flags: its.context.flags }), PRIVATE],
    'SentByAcceptor is the other way, and so is the key usage': [WRONG_SIDE, inverted(FLAG.sentByAcceptor)],
    'SentByAcceptor is the other way': [
      WRONG_SIDE,
      its => ({ ...inverted(FLAG.sentByAcceptor)(its), usage: usageOf('seal', its) }),
    ],
  },
  'RFC 4121 §4.2.3': {
    'EC counts filler': ['accept', its => ({ padding: 1 + its.draw.below(64) }), PRIVATE],
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
    'RRC is less than the token': ['accept', its => ({ rrc: 1 + its.draw.below(27) })],
    'RRC is more than the token': ['accept', its => ({ rrc: 0xffff - its.draw.below(4096) })],
    'RRC is that of another rotation': [BAD_TOKEN, its => spliced(its.token(), AT.rrc, 2, u16be(5))],
  },
  'RFC 4121 §4.2.4': {
    'EC is altered behind the sealing': [UNVERIFIED, { ec: 4, covered: word(AT.ec, 0) }, PRIVATE],
    'RRC is sealed as it was sent': [BAD_TOKEN, OTHER_RRC, PRIVATE],
    'RRC is signed as it was sent': [WRONG_SUM, OTHER_RRC, SAFE],
    'EC is signed as it was sent': [WRONG_SUM, its => ({ covered: word(AT.ec, its.context.checksumLength) }), SAFE],
    'another number is sealed or signed': [
      WRONG_SUM,
      its => ({ covered: header => header.set(u64be(its.next + 1n), AT.sequence) }),
    ],
    'other flags are sealed or signed': [WRONG_SUM, { covered: header => header.set([header[2]! ^ 8], 2) }],
  },
  'RFC 4121 §2': {
    'the key usage of a GetMIC token': [WRONG_SUM, its => ({ usage: usageOf('sign', its) })],
    'the key usage of the other side': [WRONG_SUM, its => ({ usage: usageOf('seal', its, true) })],
  },
  'RFC 4121 §4.2.1': {
    'a used number around a new text': ['security/replayed', ahead(-1n), { after: 1 }],
    'the highest number': ['either', { sequence: (1n << 64n) - 1n }, SEQUENCE],
    'a number 2^32 ahead': ['either', ahead(2n ** 32n), SEQUENCE],
    'a number before the first': ['either', ahead(-100n), SEQUENCE],
  },
});
