/** SPNEGO around an AP-REQ (RFC 4178 §4.2): what an initiator offers, and in what order. */
import { concat, fromHex } from '../../bytes.js';
import { formatFrame, openFrame } from '../../mechanisms/krb5/messages/gss-framing.js';
import { formatNegotiation, KERBEROS } from '../../mechanisms/krb5/messages/spnego.js';
import { EITHER, type Expectation, refuse } from '../mutation.js';
import { DER, within } from './der.js';
import type { ExchangeMutation } from './mutation.js';

const INIT = 'RFC 4178 §4.2.1';
const RESP = 'RFC 4178 §4.2.2';
const BAD_TOKEN = refuse('security/bad-token');
/** 1.3.6.1.5.5.14, which is not in use. */
const UNKNOWN = fromHex('2b060105050e');
/** Within NegTokenInit: down to the first of its mechanisms. */
const PATHS = [[0xa0], [0xa0, 0x30], [0xa0, 0x30, 0xa0], [0xa0, 0x30, 0xa0, 0x30], [0xa0, 0x30, 0xa0, 0x30, 0x06]];

const init = (offered: Uint8Array[], inside?: Uint8Array) =>
  formatNegotiation({ kind: 'NegTokenInit', offered, ...(inside && { inside }) });
const resp = (inside: Uint8Array) =>
  formatNegotiation({ kind: 'NegTokenResp', state: 'accept-completed', chosen: KERBEROS, inside });

const row = (
  name: string,
  source: string,
  expected: Expectation,
  change: ExchangeMutation['change'],
): ExchangeMutation => ({
  name: `SPNEGO: ${name}`,
  source,
  expected,
  to: 'server',
  forges: 'krb5',
  at: 'token',
  change,
});

export const SPNEGO: readonly ExchangeMutation[] = [
  row('a token as it ought to be', INIT, EITHER, token => init([KERBEROS], token)),
  row('no mechanism', INIT, BAD_TOKEN, token => init([], token)),
  row('unknown mechanisms', INIT, BAD_TOKEN, token => init([UNKNOWN, UNKNOWN], token)),
  row('an unknown mechanism comes first', INIT, EITHER, token => init([UNKNOWN, KERBEROS], token)),
  row('no token of the mechanism', INIT, EITHER, () => init([KERBEROS])),
  row('a token of the mechanism that is empty', INIT, BAD_TOKEN, () => init([KERBEROS], new Uint8Array())),
  row('a token in a token', INIT, BAD_TOKEN, token => init([KERBEROS], init([KERBEROS], token))),
  {
    ...row('2000 mechanisms', INIT, EITHER, token => init([KERBEROS, ...new Array(2000).fill(UNKNOWN)], token)),
    large: true,
  },
  row('an answer where an offer is due', RESP, BAD_TOKEN, resp),
  row('an answer in a frame', RESP, BAD_TOKEN, token => formatFrame(resp(token), 'spnego')),
  row('a frame with nothing in it', INIT, BAD_TOKEN, () => formatFrame(new Uint8Array(), 'spnego')),
  ...DER.filter(it => it.in === 'element').map(({ name, source, expected, large, change }) => ({
    ...row(name, source, expected, (token, draw) => {
      const whole = init([KERBEROS], token);
      const path = draw.of(PATHS);
      return formatFrame(
        within(whole.subarray(openFrame(whole, 'spnego')), path, element => change(element, draw)),
        'spnego',
      );
    }),
    ...(large && { large }),
  })),
  {
    name: 'an answer of SPNEGO, which was not asked',
    source: RESP,
    expected: BAD_TOKEN,
    to: 'client',
    forges: 'krb5',
    at: 'token',
    change: token => concat(resp(token)),
  },
];
