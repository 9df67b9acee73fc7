/** Security data, sealed under the right keys where it has to be: both sides and the observer refuse by FtpSecurityError, and none gives a context but for a request whose key is known. */
import { octetsFrom } from '../../../src/fuzz/choices.js';
import { formatDer, parseDer } from '../../../src/mechanisms/der.js';
import { kerberosKey } from '../../../src/mechanisms/krb5/crypto/kerberos-key.js';
import { krb5Acceptor, krb5Initiator, krb5Observer } from '../../../src/mechanisms/krb5/index.js';
import { formatContextToken, parseContextToken } from '../../../src/mechanisms/krb5/messages/gss-framing.js';
import {
  type ApReq,
  authenticatorSchema,
  encApRepPart,
  encTicketPart,
  ticket,
  USAGE,
} from '../../../src/mechanisms/krb5/messages/kerberos.js';
import { pskAcceptor, pskInitiator } from '../../../src/mechanisms/psk/index.js';
import { nodeCiphers } from '../../../src/node/index.js';
import type { Exchange, Step } from '../../../src/protection/mechanism.js';
import { exchangeOf } from '../../mechanisms/krb5/exchange-vectors.js';
import { realm, SERVICE, START } from '../../mechanisms/krb5/live.js';
import { attempt, hold, joined, refusable, type Target } from './target.js';

const { keytab, credential } = realm(18);
const clock = () => (START + 60) * 1000;
const random = octetsFrom(4);
const sessionKey = kerberosKey(18, credential.key.keyvalue);
const serviceKey = kerberosKey(18, keytab[0]!.key);

const newInitiator = () => krb5Initiator({ credentials: [credential], service: SERVICE, clock, random });
const newAcceptor = () => krb5Acceptor({ keytab, clock, ciphers: nodeCiphers, replayCache: { add: () => true } });

function step(side: Exchange, token?: Uint8Array): Step {
  const made = side.step(token);
  if (made instanceof Promise) throw new Error('an asynchronous step');
  return made;
}

/** The request of an initiator of ours, and what its sealed parts hold. */
const request = step(newInitiator()).token!;
const message = (parseContextToken(request) as { kind: 'AP-REQ'; message: ApReq }).message;
const soundAuthenticator = sessionKey.decrypt(USAGE.authenticator, message.authenticator.cipher);
const soundTicket = serviceKey.decrypt(USAGE.ticket, message.ticket.encPart.cipher);
const part = parseDer(authenticatorSchema, soundAuthenticator);
const foreign = exchangeOf('krb5-mit-aes256-cts-hmac-sha1-96');

function requestWith(changes: Partial<ApReq>): Uint8Array {
  return formatContextToken({ kind: 'AP-REQ', message: { ...message, ...changes } });
}

const sealed = (key: typeof sessionKey, usage: number, text: Uint8Array) =>
  key.encrypt(usage, text, new Uint8Array(16).fill(1));

/** First octet: what the rest is. */
const FORMS: readonly ((rest: Uint8Array) => void)[] = [
  seenByAll,
  rest =>
    seenByAll(requestWith({ authenticator: { etype: 18, cipher: sealed(sessionKey, USAGE.authenticator, rest) } })),
  rest => {
    const encPart = { ...message.ticket.encPart, cipher: sealed(serviceKey, USAGE.ticket, rest) };
    seenByAll(requestWith({ ticket: { ...message.ticket, encPart } }));
  },
  rest => {
    const cipher = sealed(sessionKey, USAGE.apRep, rest);
    answered(formatContextToken({ kind: 'AP-REP', message: { encPart: { etype: 18, cipher } } as never }));
  },
  answered,
  rest => {
    const key = new Uint8Array(32).fill(6);
    for (const side of [pskInitiator({ key, random: octetsFrom(2) }), pskAcceptor({ key, random: octetsFrom(3) })]) {
      const half = rest.length >> 1;
      for (const token of [rest.subarray(0, half), rest.subarray(half)]) {
        const made = attempt(() => step(side, token));
        hold(!('value' in made) || made.value.context === undefined, 'a context without the key');
      }
    }
  },
];

function seenByAll(token: Uint8Array): void {
  refusable(() => krb5Observer({ keys: keytab, ciphers: nodeCiphers }).observe('client', token));
  refusable(() => krb5Observer({ keys: foreign.keytab, ciphers: nodeCiphers }).observe('client', token));
  refusable(() => step(newAcceptor(), token));
}

function answered(token: Uint8Array): void {
  const initiator = newInitiator();
  step(initiator);
  refusable(() => step(initiator, token));
  const observer = krb5Observer({ keys: keytab, ciphers: nodeCiphers });
  observer.observe('client', request);
  refusable(() => observer.observe('server', token));
}

const seed = (form: number, octets: Uint8Array) => joined([Uint8Array.of(form), octets]);

export const exchange: Target = {
  name: 'exchange',
  invariant:
    'only FtpSecurityError escapes, from either side and from the observer, whatever is inside the sealed parts',
  run: input => FORMS[(input[0] ?? 0) % FORMS.length]!(input.subarray(1)),
  seeds: [
    seed(0, request),
    seed(0, foreign.apReq),
    seed(1, soundAuthenticator),
    seed(1, formatDer(authenticatorSchema, { ...part, seqNumber: 0 })),
    seed(2, soundTicket),
    seed(2, formatDer(encTicketPart, parseDer(encTicketPart, soundTicket))),
    seed(2, formatDer(ticket, message.ticket)),
    seed(3, formatDer(encApRepPart, { ctime: part.ctime, cusec: part.cusec, seqNumber: 77, subkey: credential.key })),
    seed(4, foreign.apRep!),
    seed(5, new Uint8Array(97).fill(1)),
  ],
};
