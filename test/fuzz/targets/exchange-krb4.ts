/** Security data of KERBEROS_V4, sealed under the right keys where it has to be: both sides and the observer refuse by FtpSecurityError, and nothing else escapes. */
import { concat } from '../../../src/bytes.js';
import { parseApReq } from '../../../src/mechanisms/krb4/ap-req.js';
import { desKey, pcbcDecrypt, pcbcEncrypt } from '../../../src/mechanisms/krb4/crypto.js';
import { krb4Observer } from '../../../src/mechanisms/krb4/index.js';
import { nodeCiphers } from '../../../src/node/index.js';
import { acceptor, answerOf, initiator, requestOf, SAMPLE, step } from '../../mechanisms/krb4/exchanges.js';
import { keyOf } from '../../mechanisms/krb4/vectors.js';
import { joined, octets, refusable, type Target } from './target.js';

const request = requestOf(SAMPLE);
const message = parseApReq(request);
const head = request.subarray(0, request.length - 2 - message.ticket.length - message.authenticator.length);
const serviceKey = desKey(keyOf(SAMPLE).key, nodeCiphers);
const ticketText = pcbcDecrypt(serviceKey, message.ticket);
const session = sessionOf(ticketText);
const authenticatorText = pcbcDecrypt(session, message.authenticator);
/** The most that a length of one octet counts, in whole blocks. */
const MOST = 248;

/** A ticket: flags, three names that end in NUL, an address of four octets, and the session key. */
function sessionOf(ticket: Uint8Array) {
  let at = 1;
  for (let names = 0; names < 3; names++) at = ticket.indexOf(0, at) + 1;
  return desKey(ticket.slice(at + 4, at + 12), nodeCiphers);
}

function requestWith(ticket: Uint8Array, authenticator: Uint8Array): Uint8Array {
  return concat(head, Uint8Array.of(ticket.length, authenticator.length), ticket, authenticator);
}

function seenByAll(token: Uint8Array): void {
  refusable(() => krb4Observer({ keys: [keyOf(SAMPLE)], ciphers: nodeCiphers }).observe('client', token));
  refusable(() => step(acceptor(), token));
}

/** First octet: what the rest is. */
const FORMS: readonly ((rest: Uint8Array) => void)[] = [
  seenByAll,
  rest => seenByAll(requestWith(message.ticket, pcbcEncrypt(session, rest.subarray(0, MOST)))),
  rest => seenByAll(requestWith(pcbcEncrypt(serviceKey, rest.subarray(0, MOST)), message.authenticator)),
  rest => {
    const side = initiator();
    step(side);
    refusable(() => step(side, rest));
    const observer = krb4Observer({ keys: [keyOf(SAMPLE)], ciphers: nodeCiphers });
    observer.observe('client', request);
    refusable(() => observer.observe('server', rest));
  },
];

const seed = (form: number, rest: Uint8Array) => joined([Uint8Array.of(form), rest]);

export const exchangeKrb4: Target = {
  name: 'exchange-krb4',
  invariant:
    'only FtpSecurityError escapes, from either side and from the observer, whatever is inside the sealed parts',
  run: input => FORMS[(input[0] ?? 0) % FORMS.length]!(input.subarray(1)),
  seeds: [seed(0, request), seed(1, authenticatorText), seed(2, ticketText), seed(3, answerOf(SAMPLE)), octets('\0')],
};
