/**
 * The passive side of Kerberos V5: from the tokens of a recorded exchange and the service's key to the contexts of both
 * directions (RFC 4121 §4.1 and §2). Names and times of the ticket are shown; nothing else of it is trusted, and
 * nothing is refused that the recorded server may have accepted.
 */
import { FtpSecurityError } from '../../errors.js';
import type { Peer, Sight, Witness } from '../../secure/security-context.js';
import { forgetKeys, messageKey, type OpenedApReq, openApRep, openApReq } from './ap-exchange.js';
import type { Krb5Context } from './context.js';
import type { CipherOptions } from './enctypes.js';
import { established } from './established.js';
import { errorFacts, type Krb5Facts, keyFacts, requestFacts, ticketFacts } from './facts.js';
import { GSS_FLAGS } from './gss-checksum.js';
import { type ContextToken, parseContextToken } from './gss-token.js';
import { AP_OPTIONS, type ApRep, type ApReq, type EncApRepPart } from './messages.js';
import { isKerberos, isOfKerberos, mechanismList, type NegotiationToken, parseNegotiation } from './spnego.js';
import type { ServiceKey } from './ticket-keys.js';

interface KerberosSight extends Sight {
  fromClient?: Krb5Context;
  fromServer?: Krb5Context;
}

/**
 * A witness that holds the keys of services, e.g. the entries of a keytab.
 *
 * It throws for tokens that can't be read or that the other side should have sent, and is then as before. When a key is
 * missing or wrong, its sight has a `problem` and the facts that stand in the clear.
 */
export function krb5Witness(keys: readonly ServiceKey[], options: CipherOptions = {}): Witness {
  let facts: Krb5Facts = {};
  let sight: KerberosSight = { facts };
  let list: Uint8Array = new Uint8Array();
  let request: OpenedApReq | undefined;
  let problem = new FtpSecurityError(
    'security/no-key',
    'no AP-REQ was seen that waits for an answer, and its ticket holds the keys',
  );

  /** Facts are kept as they are found, also when what follows fails. */
  function attempt(open: () => Omit<KerberosSight, 'facts'>): KerberosSight {
    try {
      return { ...open(), facts };
    } catch (error) {
      if (!(error instanceof FtpSecurityError)) throw error;
      return { problem: error, facts };
    }
  }

  function seeRequest(message: ApReq): KerberosSight {
    facts = requestFacts(message);
    forget();
    const sight = attempt(() => {
      request = openApReq(message, keys, options);
      const mutual = isMutual(message, request);
      facts = { ...facts, ...ticketFacts(request), mutual };
      return mutual ? {} : establish(request);
    });
    if (sight.problem !== undefined) problem = sight.problem;
    return sight;
  }

  /** Nothing more is to be opened with its keys. */
  function forget(): void {
    if (request !== undefined) forgetKeys(request);
    request = undefined;
  }

  function seeAnswer(message: ApRep): KerberosSight {
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

  function establish(request: OpenedApReq, answer?: EncApRepPart): Omit<KerberosSight, 'facts'> {
    facts = { ...facts, ...keyFacts(messageKey(request, answer)) };
    const { ciphers } = options;
    const asReceiver = (role: 'initiator' | 'acceptor') =>
      established(role, request, answer, { ciphers, allowWeak: true }).context;
    const contexts = { fromClient: asReceiver('acceptor'), fromServer: asReceiver('initiator') };
    forget();
    return contexts;
  }

  function seeMessage(from: Peer, token: Uint8Array): KerberosSight {
    const seen = parseContextToken(token);
    checkSender(from, seen.kind);
    switch (seen.kind) {
      case 'AP-REQ':
        return seeRequest(seen.message);
      case 'AP-REP':
        return seeAnswer(seen.message);
      case 'KRB-ERROR':
        facts = { ...facts, ...errorFacts(seen.message) };
        return { facts };
    }
  }

  /** A MIC over the mechanisms uses a number of its sender's, so it has to be counted. */
  function seeNegotiation(from: Peer, { offered, chosen, inside, mic }: NegotiationToken): void {
    if (chosen !== undefined && !isKerberos(chosen)) {
      throw new FtpSecurityError('security/bad-token', 'the mechanism that was chosen is not Kerberos');
    }
    // A negotiation may end, or only check itself, in tokens with nothing of Kerberos inside (RFC 4178 §5).
    if (inside !== undefined && isOfKerberos(offered)) sight = seeMessage(from, inside);
    if (offered !== undefined) list = mechanismList(offered);
    const opens = from === 'client' ? sight.fromClient : sight.fromServer;
    if (mic !== undefined && opens !== undefined) {
      sight = attempt(() => {
        opens.verifyMic(list, mic);
        return sight;
      });
    }
    facts = { ...facts, spnego: true };
  }

  return {
    see(from, token) {
      const negotiation = parseNegotiation(token);
      if (negotiation === undefined) sight = seeMessage(from, token);
      else seeNegotiation(from, negotiation);
      sight = { ...sight, facts };
      return sight;
    },
  };
}

function checkSender(from: Peer, kind: ContextToken['kind']): void {
  if ((kind === 'AP-REQ') !== (from === 'client')) {
    throw new FtpSecurityError('security/bad-token', `${kind} from the ${from}`);
  }
}

/** Acceptors go by the flag; the option in the clear, which anybody can set, counts only where there is none. */
function isMutual({ apOptions }: ApReq, { checksum }: OpenedApReq): boolean {
  if (checksum !== undefined) return (checksum.flags & GSS_FLAGS.mutual) !== 0;
  return (apOptions & AP_OPTIONS.mutualRequired) !== 0;
}
