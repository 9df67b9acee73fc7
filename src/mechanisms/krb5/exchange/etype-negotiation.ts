/** Which encryption type the acceptor's subkey has: AD-ETYPE-NEGOTIATION in an authenticator (RFC 4537). */

import { formatDer, int32, parseDer, sequenceOf } from '../../der.js';
import { type CipherOptions, ENCTYPES, enctypeOf, isUsable } from '../crypto/enctypes.js';
import { AD_TYPES, type AuthorizationData, authorizationData } from '../messages/kerberos.js';

export interface EnctypePolicy extends CipherOptions {
  /** Take encryption types that are not to be trusted any more. Default false. */
  allowWeak?: boolean;
  /** Besides the session key's own, the only ones that the acceptor's subkey may have. Default: all that are stronger. */
  enctypes?: readonly number[] | undefined;
}

/** EtypeList, the sender's favourite first (RFC 4537 §3). */
const etypeList = sequenceOf(int32);

/**
 * The encryption types that an authenticator offers; none when it offers none.
 * @throws FtpSecurityError `security/bad-token`
 */
export function offeredEnctypes(data: AuthorizationData = []): number[] {
  const relevant = data
    .filter(({ adType }) => adType === AD_TYPES.ifRelevant)
    .flatMap(({ adData }) => parseDer(authorizationData, adData));
  const offers = relevant.filter(({ adType }) => adType === AD_TYPES.etypeNegotiation);
  return offers.flatMap(({ adData }) => parseDer(etypeList, adData));
}

/** The authorization data that offers encryption types. */
export function offerEnctypes(enctypes: number[]): AuthorizationData {
  const offer = [{ adType: AD_TYPES.etypeNegotiation, adData: formatDer(etypeList, enctypes) }];
  return [{ adType: AD_TYPES.ifRelevant, adData: formatDer(authorizationData, offer) }];
}

/** What an initiator with a key of type `own` can offer: all that are stronger and permitted, then its own. */
export function worthOffering(own: number, policy: EnctypePolicy): number[] {
  return [...strongerThan(own).filter(enctype => isPermitted(enctype, policy)), own];
}

/** The strongest of `own` and of what is offered and permitted. */
export function chooseEnctype(own: number, offered: readonly number[], policy: EnctypePolicy): number {
  return strongerThan(own).find(enctype => offered.includes(enctype) && isPermitted(enctype, policy)) ?? own;
}

/** The strongest first; none for an encryption type that is not known here. */
function strongerThan(own: number): number[] {
  const { strength = Number.POSITIVE_INFINITY } = enctypeOf(own) ?? {};
  const stronger = ENCTYPES.filter(entry => entry.strength > strength);
  return stronger.sort((a, b) => b.strength - a.strength).map(({ number }) => number);
}

function isPermitted(enctype: number, policy: EnctypePolicy): boolean {
  const { allowWeak = false, enctypes = [enctype] } = policy;
  return isUsable(enctype, policy) && enctypes.includes(enctype) && (allowWeak || !enctypeOf(enctype)!.weak);
}
