/**
 * Both sides of a live GSI exchange. Node's TLS makes the tokens of the handshake. The passive side of rfc2228/gsi follows them with
 * Node's secrets, which gives the certificates, and the keys and record numbers of the context.
 */
import tls, { type SecureContext } from 'node:tls';
import { assertBytes, toUtf8 } from '../../bytes.js';
import { badToken, FtpSecurityError } from '../../errors.js';
import { RecordContext } from '../../mechanisms/gsi/context.js';
import { Handshake } from '../../mechanisms/gsi/tls/handshake.js';
import { TLS_1_3, tlsName } from '../../mechanisms/gsi/tls/key-schedule.js';
import type { Exchange, ExchangeFacts, Peer, Step } from '../../protection/mechanism.js';
import { nodeAead } from './aead.js';
import { type ChainOptions, PROXY_KINDS, type VerifiedPeer, verifyChain } from './chain.js';
import { formatGsiCredential, type GsiCredential } from './credential.js';
import { delegatedCredential, delegationRequest } from './delegation.js';
import { isCertificateOf } from './host-name.js';
import { type GsiDelegation, proxySigner } from './proxy-certificate.js';
import { TlsEngine } from './tls-engine.js';
import { type GsiTrust, trustPartsOf } from './trust.js';

/** Options of both sides. */
export interface GsiExchangeOptions {
  /** Our key and certificates. Grid servers require a certificate of the client. */
  credential: GsiCredential;
  /** The authorities that may have signed the peer's certificate. */
  trust: GsiTrust;
  /** TLS versions. Default 1.2 to 1.3; there are no others. */
  minVersion?: 'TLSv1.2' | 'TLSv1.3';
  maxVersion?: 'TLSv1.2' | 'TLSv1.3';
  /**
   * Cipher suites in OpenSSL's notation. Default those of Node, but for ARIA and Camellia, which contexts do not have; a server uses
   * those with DHE only if they are named here, as they cost it more than its client.
   */
  ciphers?: string;
  /**
   * Which proxy certificates the peer may have: of RFC 3820, of its draft, of the first form of Globus, and limited ones. Default all;
   * `['rfc', 'limited']` is what is in use today.
   */
  proxies?: readonly ('rfc' | 'draft' | 'legacy' | 'limited')[];
  /** The current time in milliseconds since 1970, for the validity of certificates. Default `Date.now`. */
  clock?: () => number;
}

/** Options of {@link gsiInitiator}. */
export interface GsiInitiatorOptions extends GsiExchangeOptions {
  /**
   * Whom the server's certificate must name: a host, or with `/` at its beginning the whole subject, `/O=Grid/CN=host/ftp`. A host
   * is a name or an address.
   */
  server: string;
  /**
   * Delegates a credential to the server, with which it can act for us; it needs one to transfer files to another server. `{}` is a
   * limited one for 12 hours. Default: none.
   */
  delegate?: GsiDelegation;
}

/** Options of {@link gsiAcceptor}. */
export interface GsiAcceptorOptions extends GsiExchangeOptions {
  /**
   * Called with a credential that the client delegates, with which the server can act for it. Without this option a client that
   * delegates is refused.
   */
  delegated?: (credential: GsiCredential) => void;
}

/** The security data after the handshake: the client delegates no credential, or one. */
const DOES_NOT_DELEGATE = toUtf8('0');
const DELEGATES = toUtf8('D');
/** In TLS 1.3 the server says by this octet that it has accepted the client's certificate. */
const ACCEPTED = Uint8Array.of(0);

type Tokens = AsyncGenerator<Step, Step, Uint8Array | undefined>;

/**
 * The client's side of a GSI exchange, with mutual authentication. The context has one level, `private`; `safe` if `ciphers` selects a
 * suite without encryption. Data connections of GridFTP are not protected by it: use `protection: 'clear'`, and DCAU N.
 *
 * The facts are `serverName`, `delegates`, `tls`, `cipherSuite` and `inOrder`. After an error or the last step, each further step throws
 * `sequence/closed`.
 * @throws FtpSecurityError the steps: `security/bad-token`, `bad-checksum`, `untrusted`, `expired`, `not-yet-valid`, `wrong-name`
 * @example
 * const files = findGsiFiles('user');
 * const trust = readTrustDirectory(files.trustDirectory ?? '/etc/grid-security/certificates');
 * const exchange = gsiInitiator({ credential: readGsiCredential(files), trust, server: 'ftp.example.org' });
 * const control = new ClientControl(socket, { mechanism: 'GSSAPI', exchange, protection: 'clear' });
 */
export function gsiInitiator(options: GsiInitiatorOptions): Exchange {
  if (typeof options.server !== 'string' || options.server === '') throw new TypeError('server must be a name');
  assertOptions(options);
  const signProxy = options.delegate && proxySigner(options.credential, options.delegate);
  return exchangeOf(new Side('client', options), side => initiate(side, options, signProxy));
}

/**
 * The server's side of a GSI exchange, with mutual authentication. The context has one level, as that of the client.
 *
 * The facts are `clientName` (the client's subject, without the parts of proxies), `limitedProxy`, `delegates`, `tls`,
 * `cipherSuite` and `inOrder`. After an error or the last step, each further step throws `sequence/closed`.
 * @throws FtpSecurityError the steps: `security/bad-token`, `bad-checksum`, `untrusted`, `expired`, `not-yet-valid`, `wrong-name`
 * @example
 * const acceptor = () => gsiAcceptor({ credential, trust });
 * const control = new ServerControl(socket, { mechanisms: [gsi({ acceptor })], transfers: ['clear'], require: 'private' });
 */
export function gsiAcceptor(options: GsiAcceptorOptions): Exchange {
  assertOptions(options);
  return exchangeOf(new Side('server', options), side => accept(side, options));
}

/** One side of the handshake: Node's TLS, and the observer that follows it. */
class Side {
  readonly #side: Peer;
  readonly #engine: TlsEngine;
  readonly #handshake: Handshake;

  constructor(side: Peer, options: GsiExchangeOptions) {
    trustPartsOf(options.trust);
    this.#side = side;
    this.#engine = new TlsEngine(side, secureContextOf(options));
    this.#handshake = new Handshake({ keyLogs: [this.#engine.keyLog], rsaKeys: [], newAead: nodeAead, isLive: true });
  }

  get isComplete(): boolean {
    return this.#engine.isComplete;
  }

  get is13(): boolean {
    return this.#handshake.agreed?.version === TLS_1_3;
  }

  /** The peer's certificates; empty before it has sent them. */
  get certificates(): readonly Uint8Array[] {
    return this.#handshake.certificatesOf(this.#peer);
  }

  get facts(): ExchangeFacts {
    const { version, suite } = this.#handshake.agreed!;
    return { tls: tlsName(version).slice('TLS '.length), cipherSuite: suite.name, inOrder: true };
  }

  /** Lets TLS process a token, and returns what it answers. The observer does not know the answer yet. */
  async process(token?: Uint8Array): Promise<Uint8Array> {
    const answer = await this.#engine.process(token);
    if (token !== undefined) this.received(token);
    return answer;
  }

  /** A token that is sent, or received after the handshake, changes the numbers of records. */
  sent(token: Uint8Array): void {
    if (token.length > 0) this.#push(this.#side, token);
  }

  received(token: Uint8Array): void {
    this.#push(this.#peer, token);
  }

  /** What the peer has said within TLS, one element for each token. */
  get texts(): readonly Uint8Array[] {
    return this.#handshake.textsOf(this.#peer);
  }

  /** @throws FtpSecurityError if the handshake is not complete */
  context(): RecordContext {
    const [send, receive] = [this.#handshake.directionOf(this.#side), this.#handshake.directionOf(this.#peer)];
    if (send === undefined || receive === undefined) throw badToken('the TLS handshake is incomplete');
    return new RecordContext({ send, receive });
  }

  destroy(): void {
    this.#engine.destroy();
    this.#handshake.destroy();
  }

  get #peer(): Peer {
    return this.#side === 'client' ? 'server' : 'client';
  }

  #push(from: Peer, token: Uint8Array): void {
    this.#handshake.push(from, token);
    if (this.#handshake.problem !== undefined) throw this.#handshake.problem;
  }
}

async function* initiate(
  side: Side,
  { server, ...options }: GsiInitiatorOptions,
  signProxy: ReturnType<typeof proxySigner> | undefined,
): Tokens {
  const early = yield {};
  if (early !== undefined) throw badToken("the server sent security data before the client's");
  let token = await side.process();
  side.sent(token);
  let peer: VerifiedPeer | undefined;
  while (!side.isComplete || token.length > 0) {
    const answer = required(yield { token });
    // In TLS 1.3 the client is complete first, and this token only says that the server is too.
    if (side.isComplete) {
      side.received(answer);
      break;
    }
    token = await side.process(answer);
    // The client's certificate is not sent to a server that is not the right one.
    if (side.certificates.length > 0) peer ??= verifyServer(side.certificates, server, chainOptions('server', options));
    side.sent(token);
  }
  if (peer === undefined) throw badToken('the server has sent no certificate');
  checkAcceptance(side.texts);
  const context = side.context();
  const facts = { ...side.facts, serverName: peer.name, delegates: signProxy !== undefined };
  if (signProxy === undefined) return { token: context.wrap(DOES_NOT_DELEGATE, 'safe').token, context, facts };
  let isEstablished = false;
  try {
    const request = textOf(context, yield { token: context.wrap(DELEGATES, 'safe').token });
    const proxy = signProxy(request, chainOptions('client', options).now);
    isEstablished = true;
    return { token: context.wrap(proxy, 'safe').token, context, facts };
  } finally {
    if (!isEstablished) context.destroy();
  }
}

async function* accept(side: Side, options: GsiAcceptorOptions): Tokens {
  let token = await side.process(required(yield {}));
  while (!side.isComplete) {
    side.sent(token);
    token = await side.process(required(yield { token }));
  }
  const chain = chainOptions('client', options);
  const { name, isLimited } = verifyChain(side.certificates, chain);
  // What TLS 1.3 sends after the handshake are session tickets, which are left out: a session can't be resumed here.
  if (!side.is13) side.sent(token);
  if (side.texts.length > 0) throw badToken('the client sent security data before the server was ready');
  const context = side.context();
  let isEstablished = false;
  try {
    const last = side.is13 ? context.wrap(ACCEPTED, 'safe').token : token;
    const flag = textOf(context, yield { token: last });
    const delegates = flag[0] === DELEGATES[0];
    if (flag.length !== 1 || (!delegates && flag[0] !== DOES_NOT_DELEGATE[0])) throw badToken('not a delegation flag');
    if (delegates) yield* acceptDelegation(context, { chain: side.certificates, name }, chain, options);
    isEstablished = true;
    return { context, facts: { ...side.facts, clientName: name, limitedProxy: isLimited, delegates } };
  } finally {
    if (!isEstablished) context.destroy();
  }
}

async function* acceptDelegation(
  context: RecordContext,
  client: { chain: readonly Uint8Array[]; name: string },
  chain: ChainOptions,
  { delegated }: GsiAcceptorOptions,
): AsyncGenerator<Step, void, Uint8Array | undefined> {
  if (delegated === undefined) throw badToken('the client delegates a credential, which this server does not accept');
  const { key, request } = await delegationRequest();
  const certificates = textOf(context, yield { token: context.wrap(request, 'safe').token });
  delegated(delegatedCredential(key, certificates, client, chain));
}

function verifyServer(certificates: readonly Uint8Array[], server: string, options: ChainOptions): VerifiedPeer {
  const peer = verifyChain(certificates, options);
  const isRight = server.startsWith('/') ? peer.name === server : isCertificateOf(peer.owner, server);
  if (isRight) return peer;
  throw new FtpSecurityError('security/wrong-name', `the server is ${peer.name}, not ${server}`);
}

/** In TLS 1.3 Globus's server sends one octet; before, and from other servers, nothing comes. */
function checkAcceptance(texts: readonly Uint8Array[]): void {
  const isRight = texts.length === 0 || (texts.length === 1 && texts[0]!.length === 1 && texts[0]![0] === ACCEPTED[0]);
  if (!isRight) throw badToken('unexpected security data of the server after the handshake');
}

function chainOptions(
  purpose: Peer,
  { trust, clock = Date.now, proxies }: Omit<GsiExchangeOptions, 'credential'>,
): ChainOptions {
  return { trust, now: clock(), purpose, proxies };
}

function textOf(context: RecordContext, token: Uint8Array | undefined): Uint8Array {
  return context.unwrap(required(token)).plaintext;
}

function required(token: Uint8Array | undefined): Uint8Array {
  if (token !== undefined && token.length > 0) return token;
  throw badToken('the peer sent no security data, but the exchange is incomplete');
}

function assertOptions({ credential, proxies = [] }: GsiExchangeOptions): void {
  if (!Array.isArray(credential?.certificates))
    throw new TypeError('credential must be the result of parseGsiCredential or readGsiCredential');
  if (!Array.isArray(proxies) || proxies.some(kind => !PROXY_KINDS.includes(kind)))
    throw new TypeError(`proxies must be a list of ${PROXY_KINDS.join(', ')}`);
}

/** A new one for each exchange, so that no session is resumed: then a client would show no certificate. */
function secureContextOf(options: GsiExchangeOptions): SecureContext {
  const { credential, minVersion = 'TLSv1.2', maxVersion = 'TLSv1.3', ciphers } = options;
  for (const version of [minVersion, maxVersion])
    if (version !== 'TLSv1.2' && version !== 'TLSv1.3')
      throw new RangeError(`${String(version)} is not offered: TLS 1.0 and 1.1 are only read in recordings`);
  const pem = formatGsiCredential(credential);
  return tls.createSecureContext({
    key: pem,
    cert: pem,
    ca: [],
    minVersion,
    maxVersion,
    ciphers: ciphers ?? `${tls.DEFAULT_CIPHERS}:!ARIA:!CAMELLIA`,
    // Without parameters OpenSSL passes over the suites with DHE.
    ...(ciphers !== undefined && { dhparam: 'auto' }),
  });
}

/** Runs a side as an exchange. When it is over, its keys are erased, but not those of the context. */
function exchangeOf(side: Side, run: (side: Side) => Tokens): Exchange {
  const tokens = run(side);
  const started = tokens.next();
  let isOver = false;
  const end = () => {
    isOver = true;
    side.destroy();
    // Runs the clauses that erase keys.
    void tokens.return({});
  };
  return {
    async step(token) {
      if (token !== undefined) assertBytes(token, 'token');
      await started;
      if (isOver) throw over();
      try {
        const { value, done } = await tokens.next(token);
        if (isOver) value.context?.destroy();
        if (isOver) throw over();
        if (done) end();
        return value;
      } catch (error) {
        // Without its keys, the step could only say that they are missing.
        if (isOver) throw over();
        end();
        throw error;
      }
    },
    destroy: end,
  };
}

function over(): FtpSecurityError {
  return new FtpSecurityError('sequence/closed', 'the GSI exchange is over: each connection needs one of its own', {
    side: 'local',
  });
}
