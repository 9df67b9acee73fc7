/** What can be shown of tokens and exchanges, as plain values that JSON can hold: names and times, never a key. */
import type { ExchangeFacts } from '../../protection/mechanism.js';
import { type ApReq, isApReq, type OpenedApReq, parseApReq, type Ticket } from './ap-req.js';
import { readHeader } from './messages.js';
import { endOf } from './times.js';

/** Times are ISO 8601, UTC. What a key has to open is absent without it. */
export interface Krb4Facts extends ExchangeFacts {
  weak: true;
  /** Of the service. */
  realm?: string;
  /** Version of the service's key. */
  ticketKvno?: number;
  /** Of an observer: the service's key that has opened the ticket, and where it is from, if its owner has said so. */
  openedBy?: { key: 'service key'; principal: string; kvno: number; source?: string };
  startTime?: string;
  /** Absent for a ticket without end. */
  endTime?: string;
  clientAddress?: string;
  /** The client's clock when it made the AP_REQ. */
  clientTime?: string;
}

/** For people: why nothing that this mechanism verified may be relied on. */
export const WEAKNESS =
  'single DES, a checksum that can be forged, and no integrity check in private messages: that level is a claim only';

/** What can be read without a key. */
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

export interface Krb4TokenDescription {
  kind: 'AP_REQ' | 'safe message' | 'private message';
  weak: true;
  [part: string]: unknown;
}

/**
 * The text of a safe message is left out: it is readable, but not verified.
 * @throws FtpSecurityError `security/bad-token` when it is no token of Kerberos V4
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
