/** Choosing the credential for a service from a cache. */
import { CIPHER_REMEDY } from '../../../block-cipher.js';
import { FtpSecurityError } from '../../../errors.js';
import { enctypeOf, isUsable } from '../crypto/enctypes.js';
import type { Credential } from '../files/credential-cache.js';
import { isNamed, principalText, type ServiceName } from '../messages/principal.js';
import type { EnctypePolicy } from './etype-negotiation.js';
import { iso } from './facts.js';

/**
 * Returns the first credential for the service that is valid now and has a permitted encryption type.
 * @param now  in seconds since 1970
 * @throws FtpSecurityError with side `local`: `security/no-key` if there is no ticket for the service, or only ones with an
 *   unusable encryption type; `security/expired`, `security/not-yet-valid`, `security/weak`
 */
export function chooseCredential(
  credentials: readonly Credential[],
  service: ServiceName,
  now: number,
  policy: EnctypePolicy,
): Credential {
  const named = credentials.filter(({ server, isSessionKey }) => isNamed(server, service) && !isSessionKey);
  if (named.length === 0) throw noTicket(credentials, service);
  const errors = named.map(credential => policyError(credential, now, policy));
  const chosen = named[errors.indexOf(undefined)];
  if (chosen === undefined) throw errors[0];
  return chosen;
}

function policyError(
  { server, key, authTime, startTime, endTime }: Credential,
  now: number,
  policy: EnctypePolicy,
): FtpSecurityError | undefined {
  const ticket = `the ticket for ${principalText(server)}`;
  const refuse = (code: 'expired' | 'not-yet-valid' | 'no-key' | 'weak', reason: string) =>
    new FtpSecurityError(`security/${code}`, `${ticket} ${reason}`, { side: 'local' });
  if (now > endTime) return refuse('expired', `expired at ${iso(endTime)}: run "kinit"`);
  if (now < (startTime || authTime))
    return refuse('not-yet-valid', `is not valid before ${iso(startTime || authTime)}`);
  const enctype = enctypeOf(key.keytype);
  if (enctype === undefined) return refuse('no-key', `has a session key of the unsupported enctype ${key.keytype}`);
  const keyName = `session key of enctype ${enctype.name}`;
  if (!isUsable(key.keytype, policy))
    return refuse('no-key', `has a ${keyName}, whose cipher is missing: ${CIPHER_REMEDY}`);
  if (enctype.weak && !policy.allowWeak) {
    return refuse('weak', `has a ${keyName}, which is weak (set allowWeak to permit it)`);
  }
  return undefined;
}

function noTicket(credentials: readonly Credential[], { name, realm = '' }: ServiceName): FtpSecurityError {
  const principal = principalText({ name: [...name], realm, type: 0 });
  const requested = realm === '' ? principal.slice(0, -1) : principal;
  const held = credentials.map(({ server }) => principalText(server)).join(', ') || 'no tickets';
  const message = `no ticket for ${requested} (the cache holds ${held}): run "kvno ${requested}"`;
  return new FtpSecurityError('security/no-key', message, { side: 'local' });
}
