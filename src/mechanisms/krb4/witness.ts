/**
 * The passive side of Kerberos V4: from the security data of a recorded exchange and the service's key to the contexts of
 * both directions (RFC 2228 appendix II).
 *
 * A witness does not know the addresses and ports of the wire, and needs none: the ticket has the client's address, and
 * the server's answer, a safe message with the checksum of the client plus one, has the server's address and the sign of
 * its direction. The client's sign is the other. Times are of the recording, and not judged.
 */
import { assertBytes, equalConstantTime, u32be } from '../../bytes.js';
import { FtpSecurityError } from '../../errors.js';
import type { ExchangeFacts, Sight, Witness } from '../../secure/security-context.js';
import { type ApReq, type OpenedApReq, openApReq, parseApReq } from './ap-req.js';
import { Krb4Context, WEAKNESS } from './context.js';
import { compareNumbers } from './direction.js';
import { openMessage } from './messages.js';
import { desKey, type Krb4Ciphers } from './pcbc.js';
import type { SrvtabEntry } from './srvtab.js';

/** Times are ISO 8601, UTC. What a key has to open is absent without it. */
export interface Krb4Facts extends ExchangeFacts {
  weak: true;
  /** Of the service. */
  realm?: string;
  /** Version of the service's key. */
  ticketKvno?: number;
  startTime?: string;
  /** Absent for a life longer than plain units of 5 minutes can say. */
  endTime?: string;
  clientAddress?: string;
  /** The client's clock when it made the AP_REQ. */
  clientTime?: string;
}

const LIFE_UNIT = 300;
const MAX_PLAIN_LIFE = 0x7f;

/**
 * It throws for tokens that can't be read, and is then as before. When a key is missing or wrong, its sight has a
 * `problem`, and the facts that stand in the clear.
 * @param keys  e.g. the entries of a srvtab
 */
export function krb4Witness(keys: readonly SrvtabEntry[], ciphers: Krb4Ciphers): Witness {
  let facts: Krb4Facts = { weak: true, weakness: WEAKNESS };
  let request: OpenedApReq | undefined;
  let problem = new FtpSecurityError('security/no-key', 'no AP_REQ was seen, and its ticket holds the key');

  function seeRequest(message: ApReq): Sight {
    facts = { weak: true, weakness: WEAKNESS, realm: message.realm, ticketKvno: message.kvno };
    request = undefined;
    try {
      request = openApReq(message, keys, ciphers);
    } catch (error) {
      if (!(error instanceof FtpSecurityError)) throw error;
      problem = error;
      return { facts, problem };
    }
    facts = { ...facts, ...factsOf(request) };
    return { facts };
  }

  function seeAnswer(token: Uint8Array): Sight {
    if (request === undefined) return { facts, problem };
    try {
      return { facts, ...contexts(request, token, ciphers) };
    } catch (error) {
      if (!(error instanceof FtpSecurityError) || error.code === 'security/bad-token') throw error;
      return { facts, problem: error };
    }
  }

  return {
    see(from, token) {
      assertBytes(token, 'token');
      return from === 'client' ? seeRequest(parseApReq(token)) : seeAnswer(token);
    },
  };
}

function factsOf({ ticket, authenticator }: OpenedApReq): Partial<Krb4Facts> {
  const { client, service, issued, life, address } = ticket;
  return {
    clientName: client,
    serverName: service,
    startTime: iso(issued),
    ...(life <= MAX_PLAIN_LIFE && { endTime: iso(issued + life * LIFE_UNIT) }),
    clientAddress: address.join('.'),
    clientTime: iso(authenticator.time),
  };
}

/** @throws FtpSecurityError when the answer does not show that the server has the session key */
function contexts(
  { ticket, authenticator, session }: OpenedApReq,
  token: Uint8Array,
  ciphers: Krb4Ciphers,
): Omit<Sight, 'facts'> {
  const { plaintext, sealed, sender, seconds } = openMessage(session, token);
  if (sealed) throw new FtpSecurityError('security/bad-token', 'a private message where a safe one is due');
  if (!equalConstantTime(plaintext, u32be(authenticator.checksum + 1))) {
    throw new FtpSecurityError('security/bad-checksum', "the server's answer is not for this authenticator");
  }
  const order = compareNumbers(sender, ticket.address);
  const negative = seconds < 0;
  if (order !== 0 && order < 0 !== negative) {
    throw new FtpSecurityError('security/wrong-direction', "the server's answer has the time of the other direction");
  }
  const server = { sender, negative };
  const client = { sender: ticket.address, negative: !negative };
  const own = () => desKey(session.octets, ciphers);
  const maxSkew = Number.POSITIVE_INFINITY;
  return {
    fromClient: new Krb4Context(own(), { sending: server, receiving: client, maxSkew }),
    fromServer: new Krb4Context(own(), { sending: client, receiving: server, maxSkew }),
  };
}

function iso(seconds: number): string {
  return `${new Date(seconds * 1000).toISOString().slice(0, -5)}Z`;
}
