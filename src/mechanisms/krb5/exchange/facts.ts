/** What is shown of an exchange: names, times, types and flags of its messages, as plain values; never a key. */
import { toHex } from '../../../bytes.js';
import type { ExchangeFacts } from '../../../protection/mechanism.js';
import { enctypeOf } from '../crypto/enctypes.js';
import { errorName } from '../messages/error-codes.js';
import { gssFlagNames } from '../messages/gss-checksum.js';
import { AP_OPTIONS, type ApReq, type Authenticator, type EncTicketPart, type KrbError } from '../messages/kerberos.js';
import { principalOf, principalText } from '../messages/principal.js';
import type { MessageKey, OpenedApReq } from './ap-exchange.js';
import type { ServiceKey } from './ticket-keys.js';

/** The key that has opened an AP-REQ. */
export interface OpenedBy {
  /** A service's key opens the ticket; the ticket's own session key opens what is behind it. */
  key: 'service key' | 'session key';
  /** Of a bare key absent, as is `kvno`. */
  principal?: string;
  kvno?: number;
  enctype: number;
  /** Where the key is from, if its owner has said so. */
  source?: string;
}

/** Times are ISO 8601, UTC. Plain values that JSON can hold, but for `delegation`. What the service's key has to open is absent without it. */
export interface Krb5Facts extends ExchangeFacts {
  ticketEnctype?: number;
  /** Version of the service's key. */
  ticketKvno?: number;
  /** Of an observer. */
  openedBy?: OpenedBy;
  /** Whether the client asked the server to authenticate itself. */
  mutual?: boolean;
  authTime?: string;
  startTime?: string;
  endTime?: string;
  renewTill?: string;
  /** The client's clock when it made the AP-REQ, to the microsecond. */
  clientTime?: string;
  /** GSS-API flags that the client set: deleg, mutual, replay, sequence, conf, integ, … */
  flags?: string[];
  /** MD5 of the client's channel bindings, hex; absent when it gave none. */
  bindings?: string;
  /** The exchange was wrapped in SPNEGO (RFC 4178). */
  spnego?: boolean;
  /** Which key protects the messages (RFC 4121 §2). */
  keyFrom?: MessageKey['from'];
  /** Of an acceptor: the KRB-CRED with the client's delegated credentials, as it came. */
  delegation?: Uint8Array;
  /** Of a KRB-ERROR, which nothing authenticates. */
  errorCode?: number;
  errorName?: string;
  errorText?: string;
}

/** What can be read without a key. */
export function requestFacts({ apOptions, ticket }: ApReq): Krb5Facts {
  const { etype, kvno } = ticket.encPart;
  return {
    serverName: principalText(principalOf(ticket.realm, ticket.sname)),
    ticketEnctype: etype,
    ...(kvno !== undefined && { ticketKvno: kvno }),
    mutual: (apOptions & AP_OPTIONS.mutualRequired) !== 0,
  };
}

/** What is shown of the contents of a ticket. */
export type TicketTimes = Pick<EncTicketPart, 'crealm' | 'cname' | 'authtime' | 'starttime' | 'endtime' | 'renewTill'>;

export function ticketFacts({
  ticket,
  authenticator,
  checksum,
}: Pick<OpenedApReq, 'authenticator' | 'checksum'> & { ticket: TicketTimes }): Krb5Facts {
  const { starttime, renewTill } = ticket;
  return {
    clientName: principalText(principalOf(ticket.crealm, ticket.cname)),
    authTime: iso(ticket.authtime),
    ...(starttime !== undefined && { startTime: iso(starttime) }),
    endTime: iso(ticket.endtime),
    ...(renewTill !== undefined && { renewTill: iso(renewTill) }),
    clientTime: iso(authenticator.ctime, authenticator.cusec),
    ...(checksum !== undefined && { flags: gssFlagNames(checksum.flags) }),
    ...(checksum?.bindings.some(octet => octet !== 0) && { bindings: toHex(checksum.bindings) }),
  };
}

/** What is known of a client whose ticket stays closed: what its authenticator says. */
export function authenticatorFacts({ crealm, cname, ctime, cusec }: Authenticator): Krb5Facts {
  return { clientName: principalText(principalOf(crealm, cname)), clientTime: iso(ctime, cusec) };
}

export function openedBy(key: OpenedBy['key'], { principal, kvno, enctype, source }: ServiceKey): OpenedBy {
  return {
    key,
    ...(principal !== undefined && { principal: principalText(principal) }),
    ...(kvno !== undefined && { kvno }),
    enctype,
    ...(source !== undefined && { source }),
  };
}

/** @param under  encryption types that the exchange itself relies on: the messages are no better than they are */
export function keyFacts({ key, from }: MessageKey, ...under: number[]): Krb5Facts {
  const weak = [key.keytype, ...under].some(enctype => enctypeOf(enctype)?.weak ?? false);
  return { enctype: key.keytype, weak, keyFrom: from };
}

export function errorFacts({ errorCode, eText }: KrbError): Krb5Facts {
  const name = errorName(errorCode);
  return {
    errorCode,
    ...(name !== undefined && { errorName: name }),
    ...(eText !== undefined && { errorText: eText }),
  };
}

/** ISO 8601 of seconds since 1970. */
export function iso(seconds: number, microseconds?: number): string {
  const text = new Date(seconds * 1000).toISOString().slice(0, -5);
  return microseconds === undefined ? `${text}Z` : `${text}.${String(microseconds).padStart(6, '0')}Z`;
}
