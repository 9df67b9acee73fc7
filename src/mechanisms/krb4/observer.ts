/**
 * The passive side of Kerberos V4: it takes the security data of a recorded exchange and the service's keys, and derives a context
 * for each direction (RFC 2228 appendix II).
 *
 * The observer does not need the addresses and ports of the connection. The ticket has the client's address. The server's answer, a
 * safe message with the client's checksum plus one, has the server's address, and the sign of its time shows the direction. The
 * client's messages have the other sign. Times are not checked.
 */
import type { BlockCiphers } from '../../block-cipher.js';
import { assertBytes, assertParsed } from '../../bytes.js';
import { FtpSecurityError, refusalFrom } from '../../errors.js';
import type { ExchangeObserver, ObservedStep } from '../../protection/mechanism.js';
import { type ApReq, eraseKeys, type OpenedApReq, openApReq, parseApReq } from './ap-req.js';
import { compareNumbers, Krb4Context } from './context.js';
import { desKey } from './crypto.js';
import { headerFacts, type Krb4Facts, openerFacts, requestFacts, WEAKNESS } from './describe.js';
import type { SrvtabEntry } from './files.js';
import { assertAnswers, openMessage } from './messages.js';

/** Options of {@link krb4Observer}. */
export interface Krb4ObserverOptions {
  /** Keys of services, e.g. the entries of a srvtab. */
  keys: readonly SrvtabEntry[];
  /** Block ciphers, which must include `des`, e.g. `nodeCiphers` of `rfc2228/node`. */
  ciphers: BlockCiphers;
}

/**
 * The passive side of a recorded Kerberos V4 exchange.
 *
 * If a key is missing or wrong, the step that `observe` returns has a `problem`, and only the facts that need no key.
 * Its `observe` throws FtpSecurityError `security/bad-token` for a malformed token; the observer is then unchanged.
 * @throws TypeError if `keys` is not a list of parsed keys
 */
export function krb4Observer({ keys, ciphers }: Krb4ObserverOptions): ExchangeObserver {
  assertParsed(keys, 'keys', 'parseSrvtab');
  let facts: Krb4Facts = { weak: true, weakness: WEAKNESS };
  let request: OpenedApReq | undefined;
  let problem = new FtpSecurityError(
    'security/no-key',
    "a server's answer without its AP_REQ, whose ticket has the key",
  );

  function onRequest(message: ApReq): ObservedStep {
    facts = headerFacts(message);
    eraseRequest();
    try {
      request = openApReq(message, keys, ciphers);
    } catch (error) {
      problem = refusalFrom(error);
      return { facts, problem };
    }
    facts = { ...facts, ...requestFacts(request), ...openerFacts(request) };
    return { facts };
  }

  function eraseRequest(): void {
    if (request !== undefined) eraseKeys(request);
    request = undefined;
  }

  function onAnswer(token: Uint8Array): ObservedStep {
    if (request === undefined) return { facts, problem };
    try {
      const opened = contexts(request, token, ciphers);
      eraseRequest();
      return { facts, ...opened };
    } catch (error) {
      if (!(error instanceof FtpSecurityError) || error.code === 'security/bad-token') throw error;
      return { facts, problem: error };
    }
  }

  return {
    observe(from, token) {
      assertBytes(token, 'token');
      return from === 'client' ? onRequest(parseApReq(token)) : onAnswer(token);
    },
    destroy: eraseRequest,
  };
}

/** @throws FtpSecurityError if the answer does not prove that the server has the session key */
function contexts(
  { ticket, authenticator, session }: OpenedApReq,
  token: Uint8Array,
  ciphers: BlockCiphers,
): Omit<ObservedStep, 'facts'> {
  const { plaintext, sealed, sender, seconds } = openMessage(session, token);
  assertAnswers(authenticator.checksum, { plaintext, level: sealed ? 'private' : 'safe' });
  const order = compareNumbers(sender, ticket.address);
  const negative = seconds < 0;
  if (order !== 0 && order < 0 !== negative) {
    throw new FtpSecurityError(
      'security/wrong-direction',
      "the time in the server's answer has the sign of the client's direction",
    );
  }
  const server = { sender, negative };
  const client = { sender: ticket.address, negative: !negative };
  const own = () => desKey(session.octets, ciphers);
  const maxClockSkew = Number.POSITIVE_INFINITY;
  return {
    fromClient: new Krb4Context(own(), { sending: server, receiving: client, maxClockSkew }),
    fromServer: new Krb4Context(own(), { sending: client, receiving: server, maxClockSkew }),
  };
}
