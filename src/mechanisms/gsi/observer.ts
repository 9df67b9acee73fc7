/**
 * The passive side of a GSI exchange. The tokens of ADAT are TLS records without a frame of GSSAPI. After the handshake
 * the client sends, within TLS, whether it delegates a credential. If it sends `D`, the server answers with a
 * certificate request, and the client sends the proxy certificate and its chain.
 */
import { assertBytes, toHex } from '../../bytes.js';
import { type FtpSecurityError, refusalFrom } from '../../errors.js';
import type { ExchangeFacts, ExchangeObserver, ObservedStep, Peer } from '../../protection/mechanism.js';
import { certificateNames, firstCertificate, identityOf } from './certificates.js';
import { RecordContext } from './context.js';
import { integrityKey } from './integrity-token.js';
import { Handshake, type RsaDecrypt } from './tls/handshake.js';
import type { KeyLog } from './tls/key-log.js';
import { TLS_1_2 } from './tls/key-schedule.js';

/** Options of {@link gsiObserver}. */
export interface GsiObserverOptions {
  /** Key logs with the secrets of TLS sessions, see {@link parseKeyLog}. */
  keyLogs?: readonly KeyLog[];
  /** Private keys of servers, for handshakes whose key exchange is RSA. */
  rsaKeys?: readonly RsaDecrypt[];
}

/**
 * Records that may be missing before a token: they were lost, or were in lines that an observer does not recognise as
 * protected.
 */
const MAX_SKIPPED = 32;
const DELEGATES = 0x44;
const VERSIONS = ['1.0', '1.1', '1.2', '1.3'];

/** The passive side, for recorded exchanges. */
export function gsiObserver({ keyLogs = [], rsaKeys = [] }: GsiObserverOptions = {}): ExchangeObserver {
  const handshake = new Handshake({ keyLogs, rsaKeys });
  let failure: FtpSecurityError | undefined;
  return {
    observe(from, token) {
      assertBytes(token, 'token');
      if (failure !== undefined) return { facts: {}, problem: failure };
      try {
        handshake.push(from, token);
        return observedStep(handshake);
      } catch (error) {
        failure = refusalFrom(error);
        throw failure;
      }
    },
  };
}

function observedStep(handshake: Handshake): ObservedStep {
  const { problem } = handshake;
  const facts = factsOf(handshake);
  if (problem !== undefined) return { facts, problem };
  const [fromClient, fromServer] = [contextOf(handshake, 'client'), contextOf(handshake, 'server')];
  return fromClient && fromServer ? { facts, fromClient, fromServer } : { facts };
}

/** Each context erases its own keys, so each gets its own key for integrity-only tokens too. */
function contextOf(handshake: Handshake, peer: Peer): RecordContext | undefined {
  const receive = handshake.directionOf(peer);
  if (receive === undefined) return undefined;
  const { exporter } = handshake;
  const integrity = exporter && integrityKey(receive.suite, exporter);
  return new RecordContext({ receive, integrity, maxSkipped: MAX_SKIPPED });
}

function factsOf(handshake: Handshake): ExchangeFacts {
  const { agreed } = handshake;
  if (agreed === undefined) return {};
  const clientName = nameIn(() => identityOf(handshake.certificatesOf('client')));
  const serverName = nameIn(() => identityOf(handshake.certificatesOf('server')));
  const weakness = weaknessOf(agreed);
  return {
    tls: VERSIONS[(agreed.version & 0xff) - 1],
    cipherSuite: agreed.suite.name,
    clientRandom: toHex(agreed.clientRandom),
    ...(clientName !== undefined && { clientName }),
    ...(serverName !== undefined && { serverName }),
    ...(weakness !== undefined && { weak: true, weakness }),
    ...delegationFacts(handshake),
  };
}

function weaknessOf({ version, suite }: NonNullable<Handshake['agreed']>): string | undefined {
  if (version < TLS_1_2) return 'TLS 1.0 and 1.1 are deprecated (RFC 8996)';
  if (suite.keyExchange?.includes('anon')) return 'nobody is authenticated';
  return undefined;
}

function delegationFacts(handshake: Handshake): ExchangeFacts {
  const [flag, ...certificates] = handshake.textsOf('client');
  if (flag === undefined) return {};
  const [chain] = certificates;
  const delegatedName = chain && nameIn(() => certificateNames(firstCertificate(chain)).subject);
  return {
    delegates: flag[0] === DELEGATES,
    ...(delegatedName !== undefined && { delegatedName }),
  };
}

/** Returns undefined for a certificate that can't be read, since the messages can be opened without its name. */
function nameIn(read: () => string | undefined): string | undefined {
  try {
    return read();
  } catch (error) {
    refusalFrom(error);
    return undefined;
  }
}
