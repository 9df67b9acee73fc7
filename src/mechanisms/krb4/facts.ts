/** What is shown of an exchange: names and times, as plain values; never a key. */
import type { ExchangeFacts } from '../../secure/security-context.js';
import type { ApReq, OpenedApReq, Ticket } from './ap-req.js';
import { endOf } from './times.js';

/** Times are ISO 8601, UTC. What a key has to open is absent without it. */
export interface Krb4Facts extends ExchangeFacts {
  weak: true;
  /** Of the service. */
  realm?: string;
  /** Version of the service's key. */
  ticketKvno?: number;
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

/** What stands in the clear. */
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

function iso(seconds: number): string {
  return `${new Date(seconds * 1000).toISOString().slice(0, -5)}Z`;
}
