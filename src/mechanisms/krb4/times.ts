/** The times of Kerberos V4: those of messages, and the lifetimes of tickets. */
import { FtpSecurityError } from '../../errors.js';
import type { OpenedApReq, Ticket } from './ap-req.js';

/** The greatest accepted difference between clocks, in seconds. */
export const DEFAULT_CLOCK_SKEW = 300;

/** The seconds of a message have 31 bits, since the sign shows the direction. They end in January 2038. */
const MAX_SECONDS = 0x7fffffff;

/** The lifetime code of a ticket: below 128 in units of 5 minutes, from 128 to 191 exponentially from 10:40 hours to 30 days. */
const LIFE = { unit: 300, ratios: 0x80, shortest: 38_400, ratiosEnd: 0xbf, longest: 2_592_000, endless: 0xff };

/**
 * The time of a message.
 * @param now  in milliseconds since 1970
 * @throws FtpSecurityError `security/expired`, with side `local`, if messages can't have such a time
 */
export function messageTime(now: number): { seconds: number; fiveMs: number } {
  const seconds = Math.floor(now / 1000);
  if (!(seconds > 0 && seconds <= MAX_SECONDS)) {
    const message = 'the clock is outside of the times of Kerberos V4, 1970 to January 2038';
    throw new FtpSecurityError('security/expired', message, { side: 'local' });
  }
  return { seconds, fiveMs: Math.floor((now - seconds * 1000) / 5) };
}

/** When a ticket expires, in seconds since 1970; Infinity if it never does. */
export function endOf({ issued, life }: Pick<Ticket, 'issued' | 'life'>): number {
  const { unit, ratios, shortest, ratiosEnd, longest, endless } = LIFE;
  if (life === endless) return Number.POSITIVE_INFINITY;
  if (life < ratios) return issued + life * unit;
  if (life > ratiosEnd) return issued + longest;
  return issued + Math.round(shortest * (longest / shortest) ** ((life - ratios) / (ratiosEnd - ratios)));
}

/**
 * Checks the times of an AP_REQ as krb_rd_req does.
 * @param now  in seconds since 1970
 * @throws FtpSecurityError `security/clock-skew`, `security/not-yet-valid`, `security/expired`
 */
export function assertTimely({ ticket, authenticator }: OpenedApReq, now: number, maxClockSkew: number): void {
  if (!(Math.abs(now - authenticator.time) <= maxClockSkew)) {
    throw new FtpSecurityError(
      'security/clock-skew',
      `the client's clock is more than ${maxClockSkew} seconds from ours`,
    );
  }
  if (ticket.issued > now + maxClockSkew) {
    throw new FtpSecurityError('security/not-yet-valid', 'the ticket is not yet valid');
  }
  if (now > endOf(ticket)) throw new FtpSecurityError('security/expired', 'the ticket has expired');
}
