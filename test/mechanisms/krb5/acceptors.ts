/** Acceptors for the tests: one at the time of a recorded AP-REQ, and one of a test realm, with the AP-REQs for it. */
import { fromHex } from '../../../src/bytes.js';
import { openApReq } from '../../../src/mechanisms/krb5/exchange/ap-exchange.js';
import {
  type Krb5AcceptorOptions,
  type Krb5Context,
  type Krb5Facts,
  krb5Acceptor,
  krb5Initiator,
  ReplayCache,
} from '../../../src/mechanisms/krb5/index.js';
import type { Authenticator, EncTicketPart } from '../../../src/mechanisms/krb5/messages/kerberos.js';
import { nodeCiphers } from '../../../src/node/index.js';
import type { Exchange as ExchangeSide, Step } from '../../../src/protection/mechanism.js';
import { ascii } from '../../helpers.js';
import { type Exchange, requestOf } from './exchange-vectors.js';
import { type Realm, type RealmOptions, reseal, SERVICE, START } from './live.js';

export const PERMISSIVE = { ciphers: nodeCiphers, allowWeak: true };

/** Changes to an AP-REQ of the realm's client. */
export type RequestChange = Parameters<typeof reseal>[2];

/** Our acceptor's answer to a recorded AP-REQ, at the time at which it was made. */
export function acceptRecorded(exchange: Exchange, options: Partial<Krb5AcceptorOptions> = {}) {
  const opened = openApReq(requestOf(exchange), exchange.keytab, PERMISSIVE);
  const { ctime, cusec } = opened.authenticator;
  const acceptor = krb5Acceptor({
    keytab: exchange.keytab,
    clock: () => ctime * 1000 + cusec / 1000,
    replayCache: new ReplayCache(),
    ...PERMISSIVE,
    ...options,
  });
  return { opened, step: acceptor.step(exchange.apReq) as Step & { facts: Krb5Facts } };
}

/** A clock that is `seconds` after the start of the realm's tickets. */
export function at(seconds: number): { clock: () => number } {
  return { clock: () => (START + seconds) * 1000 };
}

/** An acceptor at the start of the realm's tickets, with its own replay cache. */
export function acceptorAt(keytab: Realm['keytab'], options: Partial<Krb5AcceptorOptions> = {}): ExchangeSide {
  return krb5Acceptor({ keytab, ...at(0), replayCache: new ReplayCache(), ciphers: nodeCiphers, ...options });
}

/** An AP-REQ of the realm's client. */
export function requestFor(realm: Realm, change: RequestChange = {}): Uint8Array {
  const { step } = krb5Initiator({
    credentials: [realm.credential],
    service: 'ftp@host.example.test',
    ...at(0),
    ...PERMISSIVE,
  });
  return reseal((step() as Step).token!, realm, change);
}

/** The acceptor's step for an AP-REQ of the realm's client. */
export function accept(realm: Realm, options: Partial<Krb5AcceptorOptions> = {}, change: RequestChange = {}) {
  return acceptorAt(realm.keytab, options).step(requestFor(realm, change)) as Step & {
    facts: Krb5Facts;
    context: Krb5Context;
  };
}

/** Options of a realm whose ticket has other contents. */
export function withTicket(ticket: Partial<EncTicketPart>): RealmOptions {
  return { ticket };
}

/** Contents of a ticket for a client of another realm, whose name was transited. */
export const CROSS_REALM = { crealm: 'OTHER.TEST', transited: { trType: 1, contents: fromHex('41') } };

/** Options of a realm whose ticket is for a client of that other realm, and came through these, which no KDC has checked. */
export function through(contents: string, trType = 1): RealmOptions {
  return withTicket({ ...CROSS_REALM, flags: 0, transited: { trType, contents: ascii(contents) } });
}

/** An authenticator of a client of that realm. */
export function ofOtherRealm(original: Authenticator): Authenticator {
  return { ...original, crealm: 'OTHER.TEST' };
}

/** A keytab with the service in two realms; only the entry of the second has the right key. */
export function inTwoRealms({ keytab: [entry] }: Realm): Realm['keytab'] {
  return [
    { ...entry!, key: new Uint8Array(32) },
    { ...entry!, principal: { ...SERVICE, realm: 'OTHER.TEST' } },
  ];
}

/** The address of a client, as tickets have it. */
export const CLIENT_ADDRESS = { addrType: 2, address: Uint8Array.of(192, 0, 2, 7) };
