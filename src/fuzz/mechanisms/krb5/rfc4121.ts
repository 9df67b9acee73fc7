/** Wrap tokens of RFC 4121 §4.2 with any header, encrypted or signed as if that header were right. */
import { concat, copy, u16be, u16beAt, u64be } from '../../../bytes.js';
import { kerberosKey } from '../../../mechanisms/krb5/crypto/kerberos-key.js';
import { formatFrame } from '../../../mechanisms/krb5/messages/gss-framing.js';
import { type Krb5ContextOptions, krb5Context } from '../../../mechanisms/krb5/tokens/context.js';
import { FILLER, FLAG, HEADER, MIC_ID, WRAP_ID } from '../../../mechanisms/krb5/tokens/token-header.js';
import { added, type Edit, inverted, numberAt, octets, spliced } from '../../pieces.js';
import { BAD_TOKEN, PRIVATE, SAFE, SEQUENCE, UNVERIFIED } from '../../rows.js';
import { counterFrom, type Forgery, type ForgingContext, forgeries, forgingContext, same } from '../mechanism.js';

/** Key usages (§2), by the flag of the sender: of Wrap tokens, and of GetMIC tokens. */
const USAGE = { seal: [24, 22], sign: [25, 23] } as const;
/** Offsets in the header. */
const AT = { id: 0, flags: 2, filler: 3, ec: 4, rrc: 6, sequence: 8 } as const;

/** What differs from a valid Wrap token. */
export interface WrapFields {
  /** Changes the header. */
  header?: Edit;
  /** Changes the header that is encrypted or signed, but not the one that is sent. */
  covered?: Edit;
  usage?: number;
  /** Octets between the text and the encrypted header: the right EC. */
  padding?: number;
}

/** Options of a forging context; `random` makes confounders. */
export type ForgingOptions = Krb5ContextOptions & { random: (length: number) => Uint8Array };

interface Rfc4121Forger extends ForgingContext<WrapFields> {
  readonly forges: 'rfc4121';
  /** Whether the acceptor is the sender. */
  readonly acceptor: boolean;
  readonly checksumLength: number;
}

/** A context that makes any Wrap token; its checksum is correct for its header, unless `covered` changes that. */
export function rfc4121Forger(options: ForgingOptions): Rfc4121Forger {
  const key = kerberosKey(options.enctype, options.key, options);
  const { checksumLength, confounderLength } = key.enctype;
  const numbers = counterFrom(BigInt(options.sendSequence), 64);
  const acceptor = options.role === 'acceptor';
  const flags = (acceptor ? FLAG.sentByAcceptor : 0) | (options.acceptorSubkey ? FLAG.acceptorSubkey : 0);
  const token: Rfc4121Forger['token'] = (plaintext, level, fields = {}, draw) => {
    const sealed = level === 'private';
    const { header: edit = same, covered: editCovered = same, padding = 0 } = fields;
    const [id, ec] = [u16be(WRAP_ID), u16be(sealed ? padding : checksumLength)];
    const kind = Uint8Array.of(flags | (sealed ? FLAG.sealed : 0), FILLER);
    const header = edit(concat(id, kind, ec, u16be(0), u64be(numbers.next)), draw)!;
    const covered = editCovered(copy(header).fill(0, sealed ? AT.rrc : AT.ec, AT.sequence), draw)!;
    const { usage = USAGE.seal[header[AT.flags]! & FLAG.sentByAcceptor ? 1 : 0] } = fields;
    const body = sealed
      ? key.encrypt(usage, concat(plaintext, new Uint8Array(padding), covered), options.random(confounderLength))
      : concat(plaintext, key.checksum(usage, plaintext, covered));
    // Rotated to the right by RRC octets (§4.2.5).
    const end = body.length - (u16beAt(header, AT.rrc) % body.length);
    return concat(header, body.subarray(end), body.subarray(0, end));
  };
  return forgingContext(krb5Context(options), { forges: 'rfc4121', numbers, acceptor, checksumLength, token });
}

type Its = Forgery<Rfc4121Forger>;
const flag = (its: number) => ({ header: inverted(AT.flags, its) });
const usageOf = (kind: keyof typeof USAGE, { context: { acceptor } }: Its, other = false) =>
  USAGE[kind][acceptor === other ? 0 : 1];
const numberOff = (by: bigint) => added(AT.sequence, 8, by);
const OTHER_RRC = numberAt(AT.rrc, 2, [12]);
const WRONG_SIDE = 'security/wrong-direction';
const WRONG_SUM = 'security/bad-checksum';

export const RFC4121 = forgeries<Rfc4121Forger>('rfc4121', {
  'RFC 4121 §4.2.6.2': {
    'a valid Wrap token': ['accept', {}],
    'the id of a GetMIC token': [BAD_TOKEN, { header: numberAt(AT.id, 2, [MIC_ID]) }],
    'the id of a context deletion token': [BAD_TOKEN, { header: numberAt(AT.id, 2, [0x0405]) }],
    'an unknown id': [BAD_TOKEN, { header: numberAt(AT.id, 2, [0x0506, 0x0100, 0x0200, 0x0201, 0x8504, 0, 0xffff]) }],
    'filler that is not FF': [BAD_TOKEN, { header: numberAt(AT.filler, 1, [0, 0x7f, 0xfe]) }],
    'half a header': [UNVERIFIED, its => its.token().subarray(0, 2 + its.draw.below(HEADER - 2))],
    'a header alone': [UNVERIFIED, its => its.token().subarray(0, HEADER)],
    'an octet less than an empty token': [UNVERIFIED, its => its.token({}, octets('')).subarray(0, -1)],
  },
  'RFC 4121 §4.2': { 'the frame of RFC 2743 around it': [BAD_TOKEN, its => formatFrame(its.token())] },
  'RFC 4121 §4.2.2': {
    'AcceptorSubkey is the other way': [BAD_TOKEN, flag(FLAG.acceptorSubkey)],
    'flags that are reserved': ['accept', { header: inverted(AT.flags, 8, 0x10, 0x20, 0x40, 0x80) }],
    'Sealed is set, and it is not': [BAD_TOKEN, flag(FLAG.sealed), SAFE],
    'Sealed is clear, and it is': [BAD_TOKEN, flag(FLAG.sealed), PRIVATE],
    'SentByAcceptor is the other way, and so is the key usage': [WRONG_SIDE, flag(FLAG.sentByAcceptor)],
    'SentByAcceptor is the other way': [
      WRONG_SIDE,
      its => ({ ...flag(FLAG.sentByAcceptor), usage: usageOf('seal', its) }),
    ],
  },
  'RFC 4121 §4.2.3': {
    'EC counts filler': ['accept', its => ({ padding: 1 + its.draw.below(64) }), PRIVATE],
    'EC counts more than there is': [
      BAD_TOKEN,
      its => ({ header: numberAt(AT.ec, 2, [0xffff, its.text.length + 1]) }),
      PRIVATE,
    ],
    'EC is zero beside a checksum': [BAD_TOKEN, { header: numberAt(AT.ec, 2, [0]) }, SAFE],
    'EC is more than the checksum': [BAD_TOKEN, { header: inverted(AT.ec + 1, 0x20, 0x40) }, SAFE],
    'EC is less than the checksum': [BAD_TOKEN, { header: numberAt(AT.ec, 2, [1, 8, 11]) }, SAFE],
  },
  'RFC 4121 §4.2.5': {
    'RRC is less than the token': ['accept', its => ({ header: numberAt(AT.rrc, 2, [1 + its.draw.below(27)]) })],
    'RRC is more than the token': ['accept', its => ({ header: numberAt(AT.rrc, 2, [0xffff - its.draw.below(4096)]) })],
    'RRC is that of another rotation': [BAD_TOKEN, its => spliced(its.token(), AT.rrc, 2, u16be(5))],
  },
  'RFC 4121 §4.2.4': {
    'EC is altered behind the sealing': [
      UNVERIFIED,
      { header: numberAt(AT.ec, 2, [4]), covered: numberAt(AT.ec, 2, [0]) },
      PRIVATE,
    ],
    'RRC is sealed as it was sent': [BAD_TOKEN, { header: OTHER_RRC, covered: OTHER_RRC }, PRIVATE],
    'RRC is signed as it was sent': [WRONG_SUM, { header: OTHER_RRC, covered: OTHER_RRC }, SAFE],
    'EC is signed as it was sent': [
      WRONG_SUM,
      its => ({ covered: numberAt(AT.ec, 2, [its.context.checksumLength]) }),
      SAFE,
    ],
    'another number is sealed or signed': [WRONG_SUM, { covered: numberOff(1n) }],
    'other flags are sealed or signed': [WRONG_SUM, { covered: inverted(AT.flags, 8) }],
  },
  'RFC 4121 §2': {
    'the key usage of a GetMIC token': [WRONG_SUM, its => ({ usage: usageOf('sign', its) })],
    'the key usage of the other side': [WRONG_SUM, its => ({ usage: usageOf('seal', its, true) })],
  },
  'RFC 4121 §4.2.1': {
    'a used number around a new text': ['security/replayed', { header: numberOff(-1n) }, { after: 1 }],
    'the highest number': ['either', { header: numberAt(AT.sequence, 8, [(1n << 64n) - 1n]) }, SEQUENCE],
    'a number 2^32 ahead': ['either', { header: numberOff(2n ** 32n) }, SEQUENCE],
    'a number before the first': ['either', { header: numberOff(-100n) }, SEQUENCE],
  },
});
