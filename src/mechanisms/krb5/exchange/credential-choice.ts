/** Which credential of a cache serves for a service, now. */
import { FtpSecurityError } from '../../../errors.js';
import { enctypeOf, isUsable } from '../crypto/enctypes.js';
import type { Credential } from '../files/credential-cache.js';
import { isNamed, principalText, type ServiceName } from '../messages/principal.js';
import type { EnctypePolicy } from './etype-negotiation.js';
import { iso } from './facts.js';

/**
 * The first that is for the service, valid now, and of an encryption type that is permitted.
 * @param now  in seconds since 1970
 * @throws FtpSecurityError, side local: `security/no-key` when there is none for the service, or none whose encryption type
 *   is usable, `expired`, `not-yet-valid`, `weak`
 */
export function chooseCredential(
  credentials: readonly Credential[],
  service: ServiceName,
  now: number,
  policy: EnctypePolicy,
): Credential {
  const named = credentials.filter(({ server, isSessionKey }) => isNamed(server, service) && !isSessionKey);
  if (named.length === 0) throw none(credentials, service);
  const reasons = named.map(credential => objection(credential, now, policy));
  const chosen = named[reasons.indexOf(undefined)];
  if (chosen === undefined) throw reasons[0];
  return chosen;
}

function objection(
  { server, key, authTime, startTime, endTime }: Credential,
  now: number,
  policy: EnctypePolicy,
): FtpSecurityError | undefined {
  const ticket = `the ticket for ${principalText(server)}`;
  const refuse = (code: 'expired' | 'not-yet-valid' | 'no-key' | 'weak', why: string) =>
    new FtpSecurityError(`security/${code}`, `${ticket} ${why}`, { side: 'local' });
  if (now > endTime) return refuse('expired', `ended at ${iso(endTime)}`);
  if (now < (startTime || authTime)) return refuse('not-yet-valid', `starts at ${iso(startTime || authTime)}`);
  if (!isUsable(key.keytype, policy))
    return refuse('no-key', `has a session key of enctype ${key.keytype}: not usable`);
  if (enctypeOf(key.keytype)!.weak && !policy.allowWeak) {
    return refuse('weak', `has a session key of ${enctypeOf(key.keytype)!.name}, which is weak`);
  }
  return undefined;
}

function none(credentials: readonly Credential[], { name, realm = '' }: ServiceName): FtpSecurityError {
  const requested = principalText({ name: [...name], realm, type: 0 });
  const there = credentials.map(({ server }) => principalText(server)).join(', ');
  const message = `no ticket for ${realm === '' ? requested.slice(0, -1) : requested}; there is ${there || 'none at all'}`;
  return new FtpSecurityError('security/no-key', message, { side: 'local' });
}
