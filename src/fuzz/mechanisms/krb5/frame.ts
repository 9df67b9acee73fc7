/**
 * The frame around the tokens of Kerberos V5 (RFC 2743 §3.1), their ids (RFC 4121 §4.1), and SPNEGO around an AP-REQ
 * (RFC 4178 §4.2): the mechanisms that an initiator offers, and their order.
 */
import { concat, concatAll, fromHex } from '../../../bytes.js';
import { APPLICATION, formatElement, readElement } from '../../../mechanisms/der.js';
import { formatFrame, openFrame } from '../../../mechanisms/krb5/messages/gss-framing.js';
import { formatAnswer, formatOffer, KERBEROS } from '../../../mechanisms/krb5/messages/spnego.js';
import type { Choices } from '../../choices.js';
import type { ExchangeTurn } from '../../mutation.js';
import { all, type Edit, every, numberAt, octets } from '../../pieces.js';
import { mutationsOf, tableOf } from '../../rows.js';
import { DER_ELEMENTS, within } from './der.js';

const DEFECTIVE = 'security/bad-token';
/** The object identifier of Kerberos with its tag and length. */
const OID_SIZE = 11;
const OTHER_OIDS = {
  /** 1.3.6.1.5.5.14, and GSI's. */
  unknown: ['06062b060105050e', '06092b0601040182374804', '060a2b060104019b5001010101'],
  /** Kerberos V5 before RFC 1964, and the form that Windows once wrote (RFC 4178 appendix C). */
  old: ['06052b05010502', '06092a864882f712010202'],
};

/** The object identifier in a frame, and what follows: token id and message. */
function partsOf(token: Uint8Array): { oid: Uint8Array; inside: Uint8Array } {
  const { start, end } = readElement(token, 0, token.length);
  const at = start + OID_SIZE;
  return { oid: token.subarray(start, at), inside: token.subarray(at, end) };
}

/** Puts other contents into a frame of the right length. */
const framed = (change: (parts: ReturnType<typeof partsOf>, draw: Choices) => readonly Uint8Array[]) =>
  every((token, draw) => formatElement(APPLICATION, concatAll(change(partsOf(token), draw))));

/** One of these octets, in hex, between the length and the token id. */
const withOid = (oids: readonly string[]) => framed(({ inside }, draw) => [fromHex(draw.of(oids)), inside]);

/** Another token id, in hex: one of these, or made from the first octet of the right one. */
const withId = (id: readonly string[] | ((right: number) => string)) =>
  every((token, draw) => {
    const { inside } = partsOf(token);
    const its = typeof id === 'function' ? id(inside[0]!) : draw.of(id);
    return formatFrame(concat(fromHex(its), inside.subarray(2)));
  });

const EXCHANGE = { layer: 'exchange', at: 'tokens', forges: 'krb5' } as const;

const FRAME_PARTS = mutationsOf<ExchangeTurn>({ ...EXCHANGE, prefix: 'frame: ' })({
  'RFC 2743 §3.1': {
    'no length': [DEFECTIVE, all('`')],
    'the mechanism is another': [DEFECTIVE, withOid(OTHER_OIDS.unknown)],
    'an older name of the mechanism': ['either', withOid(OTHER_OIDS.old)],
    'no mechanism': [DEFECTIVE, withOid([''])],
    'a mechanism without octets': [DEFECTIVE, withOid(['0600'])],
    'a mechanism longer than the token': [
      DEFECTIVE,
      framed(({ oid, inside }, draw) => [numberAt(1, 1, [0x7f, 0xff, 0x80])(oid, draw)!, inside]),
    ],
    'nothing behind the mechanism': [DEFECTIVE, framed(({ oid }) => [oid])],
    'a frame within the frame': [DEFECTIVE, every(token => formatFrame(token))],
  },
  'RFC 4121 §4.1': {
    'no frame': ['either', every(token => partsOf(token).inside)],
    'no frame and no id': ['either', every(token => partsOf(token).inside.subarray(2))],
    'half a token id': [DEFECTIVE, framed(({ oid, inside }) => [oid, inside.subarray(0, 1)])],
    'a token id alone': [DEFECTIVE, framed(({ oid, inside }) => [oid, inside.subarray(0, 2)])],
    'the id of a KRB-ERROR': [DEFECTIVE, withId(['0300'])],
    "the id of the other side's message": [DEFECTIVE, withId(right => (right === 1 ? '0200' : '0100'))],
    'an unknown id': [DEFECTIVE, withId(['0000', '0101', '0404', 'ffff', '0001'])],
  },
});

/** 1.3.6.1.5.5.14, which is not in use. */
const UNKNOWN = fromHex('2b060105050e');
/** Paths within NegTokenInit, down to the first of its mechanisms. */
const PATHS = ['a0', 'a030', 'a030a0', 'a030a030', 'a030a03006'];

const offer = (mechanisms: Uint8Array[]) => every(token => formatOffer(mechanisms, token));
const resp: Edit = inside => formatAnswer({ state: 'accept-completed', chosen: KERBEROS, inside });
const inFrame = (inside: Uint8Array) => formatFrame(inside, 'spnego');

const OFFERS = mutationsOf<ExchangeTurn>({ ...EXCHANGE, to: 'server', prefix: 'SPNEGO: ' })({
  'RFC 4178 §4.2.1': {
    'a valid token': ['either', offer([KERBEROS])],
    'no mechanism': [DEFECTIVE, offer([])],
    'unknown mechanisms': [DEFECTIVE, offer([UNKNOWN, UNKNOWN])],
    'an unknown mechanism comes first': ['either', offer([UNKNOWN, KERBEROS])],
    'no token of the mechanism': ['either', every(() => formatOffer([KERBEROS]))],
    'a token of the mechanism that is empty': [DEFECTIVE, every(() => formatOffer([KERBEROS], octets('')))],
    'a token in a token': [DEFECTIVE, every(token => formatOffer([KERBEROS], formatOffer([KERBEROS], token)))],
    '2000 mechanisms': ['either', offer([KERBEROS, ...new Array<Uint8Array>(2000).fill(UNKNOWN)]), { large: true }],
    'a frame with nothing in it': [DEFECTIVE, every(() => inFrame(octets('')))],
  },
  'RFC 4178 §4.2.2': {
    'an answer where an offer is due': [DEFECTIVE, every(resp)],
    'an answer in a frame': [DEFECTIVE, every((token, draw) => inFrame(resp(token, draw)!))],
  },
});

/** Mutations of the DER of a valid offer, on the path to the first of its mechanisms. */
const DER_OF_OFFERS = tableOf<Edit, ExchangeTurn>({ ...EXCHANGE, to: 'server', prefix: 'SPNEGO: ' }, edit =>
  every((token, draw) => {
    const whole = formatOffer([KERBEROS], token);
    const changed = within(draw.of(PATHS), edit)(whole.subarray(openFrame(whole, 'spnego')), draw);
    return changed && inFrame(changed);
  }),
)(DER_ELEMENTS);

/** Mutations of the frame itself. */
const DER_OF_FRAMES = tableOf<Edit, ExchangeTurn>({ ...EXCHANGE, prefix: 'frame: ' }, every)(DER_ELEMENTS);

export const FRAMES = [
  ...FRAME_PARTS,
  ...DER_OF_FRAMES,
  ...OFFERS,
  ...DER_OF_OFFERS,
  ...mutationsOf<ExchangeTurn>({ ...EXCHANGE, to: 'client' })({
    'RFC 4178 §4.2.2': { 'an answer of SPNEGO, which was not asked': [DEFECTIVE, every(resp)] },
  }),
];
