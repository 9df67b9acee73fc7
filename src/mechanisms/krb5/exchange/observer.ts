/**
 * The passive side of Kerberos V5: it takes the tokens of a recorded exchange and the service's keys, and derives a context for
 * each direction (RFC 4121 §2 and §4.1). It reports names and times of the ticket without checking them, so that it refuses
 * nothing that the recorded server may have accepted.
 */
import { assertParsed, copy, toHex } from '../../../bytes.js';
import { badToken, FtpSecurityError, refusalFrom } from '../../../errors.js';
import type { ExchangeObserver, ObservedStep, Peer } from '../../../protection/mechanism.js';
import { type CipherOptions, enctypeOf, isUsable } from '../crypto/enctypes.js';
import { GSS_FLAGS, type GssChecksum } from '../messages/gss-checksum.js';
import { type ContextToken, parseContextToken } from '../messages/gss-framing.js';
import { AP_OPTIONS, type ApRep, type ApReq, type EncApRepPart } from '../messages/kerberos.js';
import {
  isKerberos,
  isOfKerberos,
  mechanismList,
  type NegotiationToken,
  parseNegotiation,
} from '../messages/spnego.js';
import type { Krb5Context } from '../tokens/context.js';
import { eraseKeys, messageKey, openApRep, openAuthenticator, type RequestKeys } from './ap-exchange.js';
import { establishContext } from './establish-context.js';
import {
  authenticatorFacts,
  errorFacts,
  type Krb5Facts,
  keyFacts,
  openedBy,
  requestFacts,
  ticketFacts,
} from './facts.js';
import { refusalError } from './krb-error.js';
import { contextOfMessageKeys } from './message-keys.js';
import { openTicket, type ServiceKey } from './ticket-keys.js';

interface Krb5Step extends ObservedStep {
  fromClient?: Krb5Context;
  fromServer?: Krb5Context;
}

/** Options of {@link krb5Observer}. */
export interface Krb5ObserverOptions extends CipherOptions {
  /**
   * Keys of services, e.g. the entries of a keytab. A key without a principal may also be the session key of a ticket, which a
   * client has in its credential cache, or the key of the messages itself, a subkey.
   */
  keys: readonly ServiceKey[];
}

/** An AP-REQ decrypted with a service's key, or with the session key alone. */
interface ObservedRequest extends RequestKeys {
  checksum?: GssChecksum;
  facts: Krb5Facts;
}

/**
 * The passive side of a recorded Kerberos V5 exchange, bare or in SPNEGO.
 *
 * If a key is missing or wrong, the step that `observe` returns has a `problem`, and only the facts that need no key. If there
 * are keys without a principal, it has contexts as well, which throw FtpSecurityError `security/no-key` if none is the messages'.
 * Its `observe` throws FtpSecurityError `security/bad-token` for a malformed token and for one that the other side should have
 * sent; the observer is then unchanged.
 */
export function krb5Observer({ keys, ...options }: Krb5ObserverOptions): ExchangeObserver {
  assertParsed(keys, 'keys', 'parseKeytab');
  let facts: Krb5Facts = {};
  let step: Krb5Step = { facts };
  let list: Uint8Array = new Uint8Array();
  let offers: readonly Uint8Array[] = [];
  /** Whether SPNEGO has chosen another mechanism: the tokens that follow are not those of Kerberos. */
  let isForeign = false;
  let request: ObservedRequest | undefined;
  let problem = new FtpSecurityError('security/no-key', 'an AP-REP without its AP-REQ, whose ticket has the keys');

  /** Keeps the facts found so far if `open` fails. */
  function attempt(open: () => Omit<Krb5Step, 'facts'>): Krb5Step {
    try {
      return { ...open(), facts };
    } catch (error) {
      if (!(error instanceof FtpSecurityError)) throw error;
      return { problem: error, facts };
    }
  }

  function onRequest(message: ApReq): Krb5Step {
    facts = requestFacts(message);
    eraseRequest();
    const step = attempt(() => {
      request = openRequest(message, keys, options);
      const mutual = isMutual(message, request);
      facts = { ...facts, ...request.facts, mutual };
      return mutual ? {} : establish(request);
    });
    if (step.problem !== undefined) problem = step.problem;
    return step;
  }

  function eraseRequest(): void {
    if (request !== undefined) eraseKeys(request);
    request = undefined;
  }

  function onAnswer(message: ApRep): Krb5Step {
    return attempt(() => {
      if (request === undefined) throw problem;
      const answer = openApRep(message, request, options);
      try {
        return establish(request, answer);
      } finally {
        answer.subkey?.keyvalue.fill(0);
      }
    });
  }

  /** If no key opens the ticket, a bare one may be that of the messages: the first token of each side shows it. */
  function withMessageKeys(step: ObservedStep): ObservedStep {
    const { problem } = step;
    const bare = keys.filter(({ principal, enctype }) => principal === undefined && isUsable(enctype, options));
    if (problem === undefined || facts.openedBy !== undefined || bare.length === 0) return step;
    const { message } = problem;
    return {
      ...step,
      facts: { ...facts, weak: bare.some(({ enctype }) => enctypeOf(enctype)!.weak) },
      fromClient: contextOfMessageKeys('acceptor', bare, { ...options, problem: message }),
      fromServer: contextOfMessageKeys('initiator', bare, { ...options, problem: message }),
    };
  }

  function establish(request: ObservedRequest, answer?: EncApRepPart): Omit<Krb5Step, 'facts'> {
    facts = { ...facts, ...keyFacts(messageKey(request, answer)) };
    const { ciphers } = options;
    const receiver = (role: 'initiator' | 'acceptor') =>
      establishContext(role, request, answer, { ciphers, allowWeak: true }).context;
    const contexts = { fromClient: receiver('acceptor'), fromServer: receiver('initiator') };
    eraseRequest();
    return contexts;
  }

  function onMessage(from: Peer, token: Uint8Array): Krb5Step {
    const parsed = parseContextToken(token);
    checkSender(from, parsed.kind);
    switch (parsed.kind) {
      case 'AP-REQ':
        return onRequest(parsed.message);
      case 'AP-REP':
        return onAnswer(parsed.message);
      case 'KRB-ERROR': {
        const { errorCode, errorName, errorText, ...others } = facts;
        facts = { ...others, ...errorFacts(parsed.message) };
        return { facts };
      }
    }
  }

  /** The mechListMIC is verified, since it uses one of its sender's sequence numbers. */
  function onNegotiation(from: Peer, { offered, chosen, inside, mic }: NegotiationToken): void {
    if (chosen !== undefined && !isKerberos(chosen)) {
      onForeign(chosen);
      return;
    }
    // The last tokens of a negotiation may have no Kerberos token inside (RFC 4178 §5).
    if (inside !== undefined && isOfKerberos(offered)) step = onMessage(from, inside);
    if (offered !== undefined) [offers, list] = [offered, mechanismList(offered)];
    const context = from === 'client' ? step.fromClient : step.fromServer;
    if (mic !== undefined && context !== undefined) {
      step = attempt(() => {
        context.verifyMic(list, mic);
        return step;
      });
    }
    facts = { ...facts, spnego: true };
  }

  /** @throws FtpSecurityError `security/bad-token` if the client has not offered the mechanism */
  function onForeign(chosen: Uint8Array): void {
    const message = 'SPNEGO: the chosen mechanism is not Kerberos';
    if (!offers.some(it => toHex(it) === toHex(chosen))) throw badToken(message);
    eraseRequest();
    isForeign = true;
    facts = { ...facts, spnego: true };
    step = { problem: new FtpSecurityError('security/no-key', message), facts };
  }

  return {
    observe(from, token) {
      if (isForeign) return step;
      const negotiation = parseNegotiation(token);
      if (negotiation === undefined) step = onMessage(from, token);
      else onNegotiation(from, negotiation);
      step = { ...step, facts };
      return withMessageKeys(step);
    },
    destroy: eraseRequest,
  };
}

/** @throws FtpSecurityError the same errors as openApReq */
function openRequest(message: ApReq, keys: readonly ServiceKey[], options: CipherOptions): ObservedRequest {
  const opened = openTicket(message.ticket, keys, options);
  if ('part' in opened) {
    const request = openAuthenticator(message, opened.part, options);
    const facts = { ...ticketFacts(request), openedBy: openedBy('service key', opened.entries[0]!) };
    return { ...request, facts };
  }
  for (const key of keys) {
    const request = key.principal === undefined ? openWithSessionKey(message, key, options) : undefined;
    if (request !== undefined) return request;
  }
  throw refusalError(opened);
}

/** Returns undefined if it is the wrong key. */
function openWithSessionKey(message: ApReq, key: ServiceKey, options: CipherOptions): ObservedRequest | undefined {
  if (key.enctype !== message.authenticator.etype) return undefined;
  try {
    // A copy, since the key of a request is erased after use.
    const ticket = { key: { keytype: key.enctype, keyvalue: copy(key.key) } };
    const request = openAuthenticator(message, ticket, options);
    const facts = { ...authenticatorFacts(request.authenticator), openedBy: openedBy('session key', key) };
    return { ...request, facts };
  } catch (error) {
    if (refusalFrom(error).code !== 'security/bad-token') return undefined;
    throw error;
  }
}

function checkSender(from: Peer, kind: ContextToken['kind']): void {
  if ((kind === 'AP-REQ') !== (from === 'client')) {
    throw badToken(`the ${from} sent a token of the other side: ${kind}`);
  }
}

/** Acceptors use the protected flag, so the unprotected option counts only if there are no flags. */
function isMutual({ apOptions }: ApReq, { checksum }: ObservedRequest): boolean {
  if (checksum !== undefined) return (checksum.flags & GSS_FLAGS.mutual) !== 0;
  return (apOptions & AP_OPTIONS.mutualRequired) !== 0;
}
