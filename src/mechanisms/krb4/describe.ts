/** Facts about exchanges and descriptions of tokens, as values that can be written as JSON; never a key. */
import type { ExchangeFacts } from '../../protection/mechanism.js';
import { type ApReq, isApReq, type OpenedApReq, parseApReq, type Ticket } from './ap-req.js';
import { readHeader } from './messages.js';
import { endOf } from './times.js';

/**
 * Facts about a Kerberos V4 exchange. Times are ISO 8601 in UTC, e.g. `2026-01-31T12:00:00Z`. Facts that only a key can decrypt are
 * absent without it.
 */
export interface Krb4Facts extends ExchangeFacts {
  /** KERBEROS_V4 is always weak. */
  weak: true;
  /** The service's realm. */
  realm?: string;
  /** Version number of the service's key. */
  ticketKvno?: number;
  /** The key that decrypted the ticket, and the `source` of its {@link SrvtabEntry}; observers only. */
  openedBy?: { key: 'service key'; principal: string; kvno: number; source?: string };
  /** When the ticket was issued. */
  startTime?: string;
  /** When the ticket expires; absent if it never does. */
  endTime?: string;
  /** The IPv4 address in the ticket, e.g. `192.0.2.7`. */
  clientAddress?: string;
  /** The client's clock when it made the AP_REQ. */
  clientTime?: string;
}

/** Why the mechanism is weak, for people. */
export const WEAKNESS =
  'single DES, a checksum that can be forged, and no integrity check in private messages, whatever their level claims';

/** Facts of an AP_REQ that need no key. */
export function headerFacts({ realm, kvno }: Pick<ApReq, 'realm' | 'kvno'>): Krb4Facts {
  return { weak: true, weakness: WEAKNESS, realm, ticketKvno: kvno };
}

export function ticketFacts({ client, service, issued, life }: Omit<Ticket, 'address' | 'sessionKey'>) {
  const end = endOf({ issued, life });
  return {
    clientName: client,
    serverName: service,
    startTime: iso(issued),
    ...(end !== Number.POSITIVE_INFINITY && { endTime: iso(end) }),
  } satisfies Partial<Krb4Facts>;
}

export function requestFacts({ ticket, authenticator }: OpenedApReq): Partial<Krb4Facts> {
  return {
    ...ticketFacts(ticket),
    clientAddress: ticket.address.join('.'),
    clientTime: iso(authenticator.time),
  };
}

export function openerFacts({ ticket, opener: { kvno, source } }: OpenedApReq): Partial<Krb4Facts> {
  return { openedBy: { key: 'service key', principal: ticket.service, kvno, ...(source !== undefined && { source }) } };
}

function iso(seconds: number): string {
  return `${new Date(seconds * 1000).toISOString().slice(0, -5)}Z`;
}

/** What can be read of a token without keys. All values can be written as JSON. */
export interface Krb4TokenDescription {
  /** The type of the token. */
  kind: 'AP_REQ' | 'safe message' | 'private message';
  /** KERBEROS_V4 is always weak. */
  weak: true;
  /** Depends on `kind`: realm, key version, lengths in octets, byte order. */
  [part: string]: unknown;
}

/**
 * Describes a token of Kerberos V4 (RFC 2228 appendix II). Nothing in it has been verified. The text of a safe message is left out,
 * since it could be taken for verified.
 * @throws FtpSecurityError `security/bad-token` if it is malformed or not a token of Kerberos V4
 */
export function describeKrb4Token(token: Uint8Array): Krb4TokenDescription {
  if (isApReq(token)) {
    const { littleEndian, kvno, realm, ticket, authenticator } = parseApReq(token);
    const lengths = { ticketLength: ticket.length, authenticatorLength: authenticator.length };
    return { kind: 'AP_REQ', weak: true, realm, ticketKvno: kvno, ...lengths, littleEndian };
  }
  const { sealed, littleEndian, length } = readHeader(token);
  return { kind: sealed ? 'private message' : 'safe message', weak: true, length, littleEndian };
}
