/**
 * The passive side of Kerberos V4: from the security data of a recorded exchange and the service's key to the contexts of
 * both directions (RFC 2228 appendix II).
 *
 * An observer does not know the addresses and ports of the wire, and needs none: the ticket has the client's address, and
 * the server's answer, a safe message with the checksum of the client plus one, has the server's address and the sign of
 * its direction. The client's sign is the other. Times are of the recording, and not judged.
 */
import { assertBytes } from '../../bytes.js';
import { FtpSecurityError } from '../../errors.js';
import type { ExchangeObserver, ObservedStep } from '../../protection/mechanism.js';
import type { BlockCiphers } from '../block-cipher.js';
import { type ApReq, forgetKeys, type OpenedApReq, openApReq, parseApReq } from './ap-req.js';
import { compareNumbers, Krb4Context } from './context.js';
import { desKey } from './crypto.js';
import { headerFacts, type Krb4Facts, openerFacts, requestFacts, WEAKNESS } from './describe.js';
import type { SrvtabEntry } from './files.js';
import { assertAnswers, openMessage } from './messages.js';

export interface Krb4ObserverOptions {
  /** Keys of services, e.g. the entries of a srvtab. */
  keys: readonly SrvtabEntry[];
  /** The block cipher DES: with Node `nodeCiphers` of `rfc2228/node`. */
  ciphers: BlockCiphers;
}

/**
 * The passive side of a recorded exchange. It throws for tokens that can't be read, and is then as before. When a key is
 * missing or wrong, what it returns has a `problem`, and the facts that can be read without the key.
 */
export function krb4Observer({ keys, ciphers }: Krb4ObserverOptions): ExchangeObserver {
  let facts: Krb4Facts = { weak: true, weakness: WEAKNESS };
  let request: OpenedApReq | undefined;
  let problem = new FtpSecurityError(
    'security/no-key',
    'no AP_REQ was seen that waits for an answer, and its ticket holds the key',
  );

  function onRequest(message: ApReq): ObservedStep {
    facts = headerFacts(message);
    forget();
    try {
      request = openApReq(message, keys, ciphers);
    } catch (error) {
      if (!(error instanceof FtpSecurityError)) throw error;
      problem = error;
      return { facts, problem };
    }
    facts = { ...facts, ...requestFacts(request), ...openerFacts(request) };
    return { facts };
  }

  /** Nothing more is to be opened with its keys. */
  function forget(): void {
    if (request !== undefined) forgetKeys(request);
    request = undefined;
  }

  function onAnswer(token: Uint8Array): ObservedStep {
    if (request === undefined) return { facts, problem };
    try {
      const opened = contexts(request, token, ciphers);
      forget();
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
  };
}

/** @throws FtpSecurityError when the answer does not show that the server has the session key */
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
    throw new FtpSecurityError('security/wrong-direction', "the server's answer has the time of the other direction");
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
