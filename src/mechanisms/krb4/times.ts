/** The times of Kerberos V4: of its messages, how long a ticket lives, and whether a client's request holds now. */
import { FtpSecurityError } from '../../errors.js';
import type { OpenedApReq, Ticket } from './ap-req.js';

/** Seconds that clocks may differ by. */
export const DEFAULT_CLOCK_SKEW = 300;

/** The seconds of a message have 31 bits, as the sign gives the direction: to January 2038. */
const MAX_SECONDS = 0x7fffffff;

/** The life of a ticket is one octet: below 128 units of 5 minutes, from 128 to 191 even ratios from 10:40 hours to 30 days. */
const LIFE = { unit: 300, ratios: 0x80, shortest: 38_400, ratiosEnd: 0xbf, longest: 2_592_000, endless: 0xff };

/**
 * @param now  milliseconds since 1970
 * @throws FtpSecurityError `security/expired`, side local, where Kerberos V4 has no such time
 */
export function messageTime(now: number): { seconds: number; fiveMs: number } {
  const seconds = Math.floor(now / 1000);
  if (!(seconds > 0 && seconds <= MAX_SECONDS)) {
    throw new FtpSecurityError('security/expired', 'Kerberos V4 has no such time', { side: 'local' });
  }
  return { seconds, fiveMs: Math.floor((now - seconds * 1000) / 5) };
}

/** Seconds since 1970; Infinity for a ticket without end. */
export function endOf({ issued, life }: Pick<Ticket, 'issued' | 'life'>): number {
  const { unit, ratios, shortest, ratiosEnd, longest, endless } = LIFE;
  if (life === endless) return Number.POSITIVE_INFINITY;
  if (life < ratios) return issued + life * unit;
  if (life > ratiosEnd) return issued + longest;
  return issued + Math.round(shortest * (longest / shortest) ** ((life - ratios) / (ratiosEnd - ratios)));
}

/**
 * What krb_rd_req asks of the times.
 * @param now  seconds since 1970
 * @throws FtpSecurityError `security/clock-skew`, `not-yet-valid`, `expired`
 */
export function assertTimely({ ticket, authenticator }: OpenedApReq, now: number, maxClockSkew: number): void {
  if (!(Math.abs(now - authenticator.time) <= maxClockSkew)) {
    throw new FtpSecurityError('security/clock-skew', `the client's clock is more than ${maxClockSkew} seconds away`);
  }
  if (ticket.issued > now + maxClockSkew) {
    throw new FtpSecurityError('security/not-yet-valid', 'the ticket is not yet valid');
  }
  if (now > endOf(ticket)) throw new FtpSecurityError('security/expired', 'the ticket has expired');
}
