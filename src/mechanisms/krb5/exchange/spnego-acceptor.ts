/** The server's side of SPNEGO (RFC 4178 §4.2 and §5). It accepts Kerberos only. */
import { badToken, FtpSecurityError, refusalFrom } from '../../../errors.js';
import type { Step } from '../../../protection/mechanism.js';
import type { ExchangeGenerator, Token } from '../../exchange-generator.js';
import {
  formatAnswer,
  isKerberos,
  mechanismList,
  type NegotiationToken,
  parseNegotiation,
  verifyMechanisms,
} from '../messages/spnego.js';
import type { Krb5Context } from '../tokens/context.js';

/** Accepts the AP-REQ inside, and returns the context. */
type Accept = (token: Token) => Step & { context: Krb5Context };

/**
 * If Kerberos is the initiator's first choice, no MICs are exchanged: so do MIT Kerberos and Heimdal, and old peers can't
 * (appendix C). If it is not, MICs are required, since the list of mechanisms could have been forged.
 * @param first  the initiator's NegTokenInit, with its offer
 */
export function* acceptNegotiated(first: NegotiationToken, offered: Uint8Array[], accept: Accept): ExchangeGenerator {
  const chosen = offered.find(isKerberos);
  if (chosen === undefined) throw rejected(badToken('SPNEGO: the initiator does not offer Kerberos'));
  const mustSign = chosen !== offered[0];
  // A token for another mechanism is ignored (§4.2.1).
  const isOptimistic = !mustSign && first.inside !== undefined;
  const state = mustSign ? 'request-mic' : 'accept-incomplete';
  const request = isOptimistic ? first : readAnswer(yield { token: formatAnswer({ state, chosen }) });
  const list = mechanismList(offered);
  const { token: inside, context, facts: kerberosFacts } = attempt(() => accept(request.inside));
  const facts = { ...kerberosFacts, spnego: true };

  const verify = ({ mic }: NegotiationToken): void => attempt(() => verifyMechanisms(context, list, mic));
  if (inside !== undefined && mustSign) {
    let isVerified = false;
    try {
      const mic = context.getMic(list);
      verify(readAnswer(yield { token: formatAnswer({ state: 'accept-incomplete', inside, mic }), facts }));
      isVerified = true;
      return { context, facts };
    } finally {
      if (!isVerified) context.destroy();
    }
  }
  const isSigned = mustSign || request.mic !== undefined;
  if (isSigned) verify(request);
  const mic = isSigned ? context.getMic(list) : undefined;
  const named = isOptimistic ? chosen : undefined;
  return { token: formatAnswer({ state: 'accept-completed', chosen: named, inside, mic }), context, facts };
}

function readAnswer(token: Token): NegotiationToken {
  const parsed = token && parseNegotiation(token);
  if (parsed?.kind !== 'NegTokenResp') throw badToken('expected a NegTokenResp of SPNEGO');
  if (parsed.state === 'reject') throw badToken('SPNEGO: the initiator rejected the negotiation');
  return parsed;
}

function attempt<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw rejected(refusalFrom(error));
  }
}

/** A copy of an error whose token is a rejecting NegTokenResp, with the KRB-ERROR inside if there is one. */
function rejected({ code, message, side, offset, token }: FtpSecurityError): FtpSecurityError {
  return new FtpSecurityError(code, message, { side, offset, token: formatAnswer({ state: 'reject', inside: token }) });
}
