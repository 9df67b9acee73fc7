/** Facts about an exchange for people and for policy: names, times, types and flags, but never a key. */
import { toHex } from '../../../bytes.js';
import type { ExchangeFacts } from '../../../protection/mechanism.js';
import { enctypeOf } from '../crypto/enctypes.js';
import { errorName } from '../messages/error-codes.js';
import { GSS_FLAGS, type GssChecksum, gssFlagNames } from '../messages/gss-checksum.js';
import { AP_OPTIONS, type ApReq, type Authenticator, type EncTicketPart, type KrbError } from '../messages/kerberos.js';
import { principalOf, principalText } from '../messages/principal.js';
import type { MessageKey, OpenedApReq } from './ap-exchange.js';
import type { ServiceKey } from './ticket-keys.js';

/** The key that decrypted an AP-REQ. */
export interface OpenedBy {
  /** Whether it is a service's key, which decrypts the ticket, or the session key in the ticket, which decrypts the rest. */
  key: 'service key' | 'session key';
  /** The principal of the key; absent if unknown. */
  principal?: string;
  /** Key version number; absent if unknown. */
  kvno?: number;
  /** Number of the key's encryption type. */
  enctype: number;
  /** Where the key is from: `source` of the {@link ServiceKey}. */
  source?: string;
}

/**
 * Facts about a Kerberos V5 exchange. Times are ISO 8601 in UTC, e.g. `2026-01-31T12:00:00Z`. All values except `delegation` can be
 * written as JSON. Facts that only the service's key can decrypt are absent without it.
 */
export interface Krb5Facts extends ExchangeFacts {
  /** Number of the encryption type of the ticket. */
  ticketEnctype?: number;
  /** Version number of the service's key. */
  ticketKvno?: number;
  /** The key that decrypted the exchange; observers only. */
  openedBy?: OpenedBy;
  /** Whether the client asked the server to authenticate itself. */
  mutual?: boolean;
  /** When the client authenticated to the KDC. */
  authTime?: string;
  /** When the ticket becomes valid; absent if it is valid from `authTime`. */
  startTime?: string;
  /** When the ticket expires. */
  endTime?: string;
  /** Until when the ticket can be renewed; absent if it is not renewable. */
  renewTill?: string;
  /** The client's clock when it made the AP-REQ, to the microsecond. */
  clientTime?: string;
  /** Names of the GSS-API flags that the client set: deleg, mutual, replay, sequence, conf, integ, … (RFC 4121 §4.1.1.1). */
  flags?: string[];
  /** The client's channel bindings, 16 octets in hex (RFC 4121 §4.1.1.2); absent if it sent none. */
  bindings?: string;
  /** Whether the exchange is wrapped in SPNEGO (RFC 4178). */
  spnego?: boolean;
  /** Which key protects the messages (RFC 4121 §2). */
  keyFrom?: 'acceptor subkey' | 'initiator subkey' | 'session key';
  /** For an acceptor: the KRB-CRED message with the client's delegated credentials, unopened. */
  delegation?: Uint8Array;
  /** The error code of a KRB-ERROR, e.g. 37. KRB-ERRORs are not authenticated. */
  errorCode?: number;
  /** The name of `errorCode`, e.g. `KRB_AP_ERR_SKEW` (RFC 4120 §7.5.9). */
  errorName?: string;
  /** The text of a KRB-ERROR. */
  errorText?: string;
}

/** Facts of an AP-REQ that need no key. */
export function requestFacts({ apOptions, ticket }: ApReq): Krb5Facts {
  const { etype, kvno } = ticket.encPart;
  return {
    serverName: principalText(principalOf(ticket.realm, ticket.sname)),
    ticketEnctype: etype,
    ...(kvno !== undefined && { ticketKvno: kvno }),
    mutual: (apOptions & AP_OPTIONS.mutualRequired) !== 0,
  };
}

/** The names and times in a ticket. */
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

/** With the flag `sequence`, the client asks both sides to check the order of tokens (RFC 2743 §1.2.3). */
export function orderFacts({ flags }: GssChecksum): Krb5Facts {
  return (flags & GSS_FLAGS.sequence) === 0 ? {} : { inOrder: true };
}

/** Facts of an authenticator, for an AP-REQ whose ticket could not be decrypted. */
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

/** @param others  enctypes of ticket and session key: if one of them is weak, so is the protection of the messages */
export function keyFacts({ key, from }: MessageKey, ...others: number[]): Krb5Facts {
  const weak = [key.keytype, ...others].some(enctype => enctypeOf(enctype)?.weak ?? false);
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

/** Formats seconds since 1970 as ISO 8601. */
export function iso(seconds: number, microseconds?: number): string {
  const text = new Date(seconds * 1000).toISOString().slice(0, -5);
  return microseconds === undefined ? `${text}Z` : `${text}.${String(microseconds).padStart(6, '0')}Z`;
}
