/** SPNEGO around an AP-REQ (RFC 4178 §4.2): the mechanisms that an initiator offers, and their order. */
import { fromHex } from '../../../bytes.js';
import { formatFrame, openFrame } from '../../../mechanisms/krb5/messages/gss-framing.js';
import { formatNegotiation, KERBEROS } from '../../../mechanisms/krb5/messages/spnego.js';
import type { Choices } from '../../choices.js';
import { type Change, EITHER, type ExchangeMutation, type ExchangeTurn, mutationsOf, refuse } from '../../mutation.js';
import { DER_ELEMENTS, type ElementChange, prefixed, within } from './der.js';

const BAD_TOKEN = refuse('security/bad-token');
/** 1.3.6.1.5.5.14, which is not in use. */
const UNKNOWN = fromHex('2b060105050e');
/** Paths within NegTokenInit, down to the first of its mechanisms. */
const PATHS = [[0xa0], [0xa0, 0x30], [0xa0, 0x30, 0xa0], [0xa0, 0x30, 0xa0, 0x30], [0xa0, 0x30, 0xa0, 0x30, 0x06]];

const init = (offered: Uint8Array[], inside?: Uint8Array) =>
  formatNegotiation({ kind: 'NegTokenInit', offered, ...(inside && { inside }) });
const resp = (inside: Uint8Array) =>
  formatNegotiation({ kind: 'NegTokenResp', state: 'accept-completed', chosen: KERBEROS, inside });
const inFrame = (inside: Uint8Array) => formatFrame(inside, 'spnego');

const made =
  (make: (token: Uint8Array, draw: Choices) => Uint8Array): Change<ExchangeTurn> =>
  ([token], draw) => [make(token!, draw)];

/** Mutates the DER of the valid token on the path to the first of its mechanisms. */
const mutatedDer = (change: ElementChange) =>
  made((token, draw) => {
    const whole = init([KERBEROS], token);
    const path = draw.of(PATHS);
    return inFrame(within(whole.subarray(openFrame(whole, 'spnego')), path, element => change(element, draw)));
  });

const ALL = { layer: 'exchange', at: 'tokens', forges: 'krb5' } as const;

/** Mutations of the initiator's offer, and unsolicited answers. */
export const SPNEGO: readonly ExchangeMutation[] = [
  ...mutationsOf<ExchangeTurn>({ ...ALL, to: 'server' })({
    'RFC 4178 §4.2.1': {
      'SPNEGO: a valid token': [EITHER, made(token => init([KERBEROS], token))],
      'SPNEGO: no mechanism': [BAD_TOKEN, made(token => init([], token))],
      'SPNEGO: unknown mechanisms': [BAD_TOKEN, made(token => init([UNKNOWN, UNKNOWN], token))],
      'SPNEGO: an unknown mechanism comes first': [EITHER, made(token => init([UNKNOWN, KERBEROS], token))],
      'SPNEGO: no token of the mechanism': [EITHER, made(() => init([KERBEROS]))],
      'SPNEGO: a token of the mechanism that is empty': [BAD_TOKEN, made(() => init([KERBEROS], new Uint8Array()))],
      'SPNEGO: a token in a token': [BAD_TOKEN, made(token => init([KERBEROS], init([KERBEROS], token)))],
      'SPNEGO: 2000 mechanisms': [
        EITHER,
        made(token => init([KERBEROS, ...new Array<Uint8Array>(2000).fill(UNKNOWN)], token)),
        { large: true },
      ],
      'SPNEGO: a frame with nothing in it': [BAD_TOKEN, made(() => inFrame(new Uint8Array()))],
    },
    'RFC 4178 §4.2.2': {
      'SPNEGO: an answer where an offer is due': [BAD_TOKEN, made(resp)],
      'SPNEGO: an answer in a frame': [BAD_TOKEN, made(token => inFrame(resp(token)))],
    },
  }),
  ...mutationsOf<ExchangeTurn>({ ...ALL, to: 'server' })(prefixed('SPNEGO: ', DER_ELEMENTS, mutatedDer)),
  ...mutationsOf<ExchangeTurn>({ ...ALL, to: 'client' })({
    'RFC 4178 §4.2.2': { 'an answer of SPNEGO, which was not asked': [BAD_TOKEN, made(resp)] },
  }),
];
