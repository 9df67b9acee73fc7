/**
 * The passive side of Kerberos V5: from the tokens of a recorded exchange and the service's key to the contexts of both
 * directions (RFC 4121 §4.1 and §2). Names and times of the ticket are shown; nothing else of it is trusted, and
 * nothing is refused that the recorded server may have accepted.
 */
import { copy } from '../../../bytes.js';
import { badToken, FtpSecurityError } from '../../../errors.js';
import type { ExchangeObserver, ObservedStep, Peer } from '../../../protection/mechanism.js';
import type { CipherOptions } from '../crypto/enctypes.js';
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
import { forgetKeys, messageKey, openApRep, openAuthenticator, type RequestKeys } from './ap-exchange.js';
import { established } from './established.js';
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
import { openTicket, type ServiceKey } from './ticket-keys.js';

interface Krb5Step extends ObservedStep {
  fromClient?: Krb5Context;
  fromServer?: Krb5Context;
}

export interface Krb5ObserverOptions extends CipherOptions {
  /**
   * Keys of services, e.g. the entries of a keytab. One without a principal may also be the session key of a ticket, which
   * clients have in their credential caches.
   */
  keys: readonly ServiceKey[];
}

/** An AP-REQ that has been opened: by a service's key, or by the session key without its ticket. */
interface ObservedRequest extends RequestKeys {
  checksum?: GssChecksum;
  facts: Krb5Facts;
}

/**
 * The passive side of a recorded exchange.
 *
 * It throws for tokens that can't be read or that the other side should have sent, and is then as before. When a key is
 * missing or wrong, what it returns has a `problem` and the facts that can be read without the key.
 */
export function krb5Observer({ keys, ...options }: Krb5ObserverOptions): ExchangeObserver {
  let facts: Krb5Facts = {};
  let step: Krb5Step = { facts };
  let list: Uint8Array = new Uint8Array();
  let request: ObservedRequest | undefined;
  let problem = new FtpSecurityError(
    'security/no-key',
    'no AP-REQ was seen that waits for an answer, and its ticket holds the keys',
  );

  /** Facts are kept as they are found, also when what follows fails. */
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
    forget();
    const step = attempt(() => {
      request = openRequest(message, keys, options);
      const mutual = isMutual(message, request);
      facts = { ...facts, ...request.facts, mutual };
      return mutual ? {} : establish(request);
    });
    if (step.problem !== undefined) problem = step.problem;
    return step;
  }

  /** Nothing more is to be opened with its keys. */
  function forget(): void {
    if (request !== undefined) forgetKeys(request);
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

  function establish(request: ObservedRequest, answer?: EncApRepPart): Omit<Krb5Step, 'facts'> {
    facts = { ...facts, ...keyFacts(messageKey(request, answer)) };
    const { ciphers } = options;
    const asReceiver = (role: 'initiator' | 'acceptor') =>
      established(role, request, answer, { ciphers, allowWeak: true }).context;
    const contexts = { fromClient: asReceiver('acceptor'), fromServer: asReceiver('initiator') };
    forget();
    return contexts;
  }

  function onMessage(from: Peer, token: Uint8Array): Krb5Step {
    const seen = parseContextToken(token);
    checkSender(from, seen.kind);
    switch (seen.kind) {
      case 'AP-REQ':
        return onRequest(seen.message);
      case 'AP-REP':
        return onAnswer(seen.message);
      case 'KRB-ERROR':
        facts = { ...facts, ...errorFacts(seen.message) };
        return { facts };
    }
  }

  /** A MIC over the mechanisms uses a number of its sender's, so it has to be counted. */
  function onNegotiation(from: Peer, { offered, chosen, inside, mic }: NegotiationToken): void {
    if (chosen !== undefined && !isKerberos(chosen)) {
      throw badToken('the mechanism that was chosen is not Kerberos');
    }
    // A negotiation may end, or only check itself, in tokens with nothing of Kerberos inside (RFC 4178 §5).
    if (inside !== undefined && isOfKerberos(offered)) step = onMessage(from, inside);
    if (offered !== undefined) list = mechanismList(offered);
    const opens = from === 'client' ? step.fromClient : step.fromServer;
    if (mic !== undefined && opens !== undefined) {
      step = attempt(() => {
        opens.verifyMic(list, mic);
        return step;
      });
    }
    facts = { ...facts, spnego: true };
  }

  return {
    observe(from, token) {
      const negotiation = parseNegotiation(token);
      if (negotiation === undefined) step = onMessage(from, token);
      else onNegotiation(from, negotiation);
      step = { ...step, facts };
      return step;
    },
  };
}

/** @throws FtpSecurityError as openApReq does */
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

/** Undefined where the key is another. */
function openWithSessionKey(message: ApReq, key: ServiceKey, options: CipherOptions): ObservedRequest | undefined {
  if (key.enctype !== message.authenticator.etype) return undefined;
  try {
    // A copy, since it is erased in the end.
    const ticket = { key: { keytype: key.enctype, keyvalue: copy(key.key) } };
    const request = openAuthenticator(message, ticket, options);
    const facts = { ...authenticatorFacts(request.authenticator), openedBy: openedBy('session key', key) };
    return { ...request, facts };
  } catch (error) {
    if (error instanceof FtpSecurityError && error.code !== 'security/bad-token') return undefined;
    throw error;
  }
}

function checkSender(from: Peer, kind: ContextToken['kind']): void {
  if ((kind === 'AP-REQ') !== (from === 'client')) {
    throw badToken(`${kind} from the ${from}`);
  }
}

/** Acceptors go by the flag; the option in the clear, which anybody can set, counts only where there is none. */
function isMutual({ apOptions }: ApReq, { checksum }: ObservedRequest): boolean {
  if (checksum !== undefined) return (checksum.flags & GSS_FLAGS.mutual) !== 0;
  return (apOptions & AP_OPTIONS.mutualRequired) !== 0;
}
