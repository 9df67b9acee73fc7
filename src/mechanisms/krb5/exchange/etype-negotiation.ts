/** Negotiation of the acceptor subkey's enctype: AD-ETYPE-NEGOTIATION in an authenticator (RFC 4537). */
import { formatDer, int32, parseDer, sequenceOf } from '../../der.js';
import { type CipherOptions, ENCTYPES, enctypeOf, isUsable } from '../crypto/enctypes.js';
import { AD_TYPES, type AuthorizationData, authorizationData } from '../messages/kerberos.js';

export interface EnctypePolicy extends CipherOptions {
  /** Permit weak encryption types. Default false. */
  allowWeak?: boolean;
  /** The enctypes that the acceptor's subkey may have besides that of the session key. Default all stronger ones. */
  enctypes?: readonly number[] | undefined;
}

const STRONGEST_FIRST = [...ENCTYPES].sort((a, b) => b.strength - a.strength);

/** EtypeList, in the sender's order of preference (RFC 4537 §3). */
const etypeList = sequenceOf(int32);

/**
 * The encryption types that an authenticator offers; empty if it has no offer.
 * @throws FtpSecurityError `security/bad-token`
 */
export function offeredEnctypes(data: AuthorizationData = []): number[] {
  const relevant = data
    .filter(({ adType }) => adType === AD_TYPES.ifRelevant)
    .flatMap(({ adData }) => parseDer(authorizationData, adData));
  const offers = relevant.filter(({ adType }) => adType === AD_TYPES.etypeNegotiation);
  return offers.flatMap(({ adData }) => parseDer(etypeList, adData));
}

/** Makes the authorization data that offers encryption types. */
export function offerEnctypes(enctypes: number[]): AuthorizationData {
  const offer = [{ adType: AD_TYPES.etypeNegotiation, adData: formatDer(etypeList, enctypes) }];
  return [{ adType: AD_TYPES.ifRelevant, adData: formatDer(authorizationData, offer) }];
}

/** The offer of an initiator whose key has enctype `own`: all permitted stronger ones, then `own`. */
export function enctypesToOffer(own: number, policy: EnctypePolicy): number[] {
  return [...strongerThan(own).filter(enctype => isPermitted(enctype, policy)), own];
}

/** The strongest among `own` and the offered enctypes that are permitted. */
export function chooseEnctype(own: number, offered: readonly number[], policy: EnctypePolicy): number {
  return strongerThan(own).find(enctype => offered.includes(enctype) && isPermitted(enctype, policy)) ?? own;
}

/** The stronger enctypes, strongest first; empty if `own` is not supported. */
function strongerThan(own: number): number[] {
  const { strength = Number.POSITIVE_INFINITY } = enctypeOf(own) ?? {};
  return STRONGEST_FIRST.filter(entry => entry.strength > strength).map(({ number }) => number);
}

function isPermitted(enctype: number, policy: EnctypePolicy): boolean {
  const { allowWeak, enctypes = [enctype] } = policy;
  return isUsable(enctype, policy) && enctypes.includes(enctype) && (allowWeak || !enctypeOf(enctype)!.weak);
}
