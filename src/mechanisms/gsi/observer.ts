/**
 * The passive side of a GSI exchange. The tokens of ADAT are TLS records without a frame of GSSAPI. After the handshake
 * the client sends, within TLS, whether it delegates a credential. If it sends `D`, the server answers with a
 * certificate request, and the client sends the proxy certificate and its chain.
 */
import { assertBytes, assertParsed, toHex } from '../../bytes.js';
import { FtpSecurityError, refusalFrom } from '../../errors.js';
import type { ExchangeFacts, ExchangeObserver, ObservedStep, Peer } from '../../protection/mechanism.js';
import { certificateNames, firstCertificate, identityOf } from './certificates.js';
import { RecordContext } from './context.js';
import { integrityKey } from './integrity-token.js';
import { Handshake, type RsaDecrypt } from './tls/handshake.js';
import type { KeyLog } from './tls/key-log.js';
import { TLS_1_2, tlsName } from './tls/key-schedule.js';

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

/**
 * The passive side, for recorded exchanges. Its facts have `clientName` and `serverName` once the handshake has been verified
 * with its secrets. Before, and without the secrets, the names that are in the clear (up to TLS 1.2) are `claimedClientName`
 * and `claimedServerName`.
 * @throws TypeError if a key is not a parsed one
 */
export function gsiObserver({ keyLogs = [], rsaKeys = [] }: GsiObserverOptions = {}): ExchangeObserver {
  assertParsed(keyLogs, 'keyLogs', 'parseKeyLog');
  if (!Array.isArray(rsaKeys) || rsaKeys.some(key => typeof key !== 'function'))
    throw new TypeError('rsaKeys must be a list of functions, as rsaDecrypt returns them for the octets of a file');
  const handshake = new Handshake({ keyLogs, rsaKeys });
  const factsOf = factsReader();
  let failure: FtpSecurityError | undefined;
  return {
    observe(from, token) {
      assertBytes(token, 'token');
      if (failure !== undefined) return { facts: {}, problem: failure };
      try {
        handshake.push(from, token);
        return { facts: factsOf(handshake), ...outcomeOf(handshake) };
      } catch (error) {
        failure = refusalFrom(error);
        handshake.destroy();
        throw failure;
      }
    },
    destroy() {
      failure ??= new FtpSecurityError('sequence/closed', 'the exchange is over', { side: 'local' });
      handshake.destroy();
    },
  };
}

function outcomeOf(handshake: Handshake): Omit<ObservedStep, 'facts'> {
  const { problem } = handshake;
  if (problem !== undefined) return { problem };
  const [fromClient, fromServer] = [contextOf(handshake, 'client'), contextOf(handshake, 'server')];
  return fromClient && fromServer ? { fromClient, fromServer } : {};
}

/** Each context has its own copy of the keys, and erases it. */
function contextOf(handshake: Handshake, peer: Peer): RecordContext | undefined {
  const receive = handshake.directionOf(peer);
  if (receive === undefined) return undefined;
  const { exporter } = handshake;
  const integrity = exporter && integrityKey(receive.suite, exporter);
  return new RecordContext({ receive, integrity, maxSkipped: MAX_SKIPPED });
}

/** Reads the facts of a handshake. Certificates are parsed only if they have changed since the last call. */
function factsReader(): (handshake: Handshake) => ExchangeFacts {
  const identity = { client: rememberLast(identityOf), server: rememberLast(identityOf) };
  const delegatedName = rememberLast((chain: Uint8Array) => certificateNames(firstCertificate(chain)).subject);
  return handshake => {
    const { agreed, isComplete } = handshake;
    if (agreed === undefined) return {};
    const clientName = identity.client(handshake.certificatesOf('client'));
    const serverName = identity.server(handshake.certificatesOf('server'));
    const names = isComplete
      ? { clientName, serverName }
      : { claimedClientName: clientName, claimedServerName: serverName };
    const weakness = weaknessOf(agreed);
    const [flag, chain] = handshake.textsOf('client');
    return withoutUndefined({
      tls: tlsName(agreed.version).slice('TLS '.length),
      cipherSuite: agreed.suite.name,
      clientRandom: toHex(agreed.clientRandom),
      ...names,
      ...(weakness !== undefined && { weak: true, weakness }),
      delegates: flag && flag[0] === DELEGATES,
      delegatedName: chain && delegatedName(chain),
    });
  };
}

function weaknessOf({ version, suite }: NonNullable<Handshake['agreed']>): string | undefined {
  if (version < TLS_1_2) return 'TLS 1.0 and 1.1 are deprecated (RFC 8996)';
  if (suite.keyExchange?.includes('anon')) return 'the key exchange authenticates neither side';
  return undefined;
}

/**
 * Keeps the last result of a function that reads a name from certificates. The name is undefined if it can't be read, since the
 * messages can be opened without it.
 */
function rememberLast<T>(read: (certificates: T) => string | undefined): (certificates: T) => string | undefined {
  let last: { certificates: T; name: string | undefined } | undefined;
  return certificates => {
    if (last?.certificates !== certificates) last = { certificates, name: nameIn(() => read(certificates)) };
    return last.name;
  };
}

function nameIn(read: () => string | undefined): string | undefined {
  try {
    return read();
  } catch (error) {
    refusalFrom(error);
    return undefined;
  }
}

function withoutUndefined(facts: Record<string, unknown>): ExchangeFacts {
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined));
}
