/**
 * A TLS handshake as an observer with its secrets follows it: versions 1.0 to 1.3 (RFC 2246, RFC 4346, RFC 5246, RFC
 * 8446). The secrets are accepted once Finished of both sides has been verified: it covers every message of the
 * handshake.
 */
import { concat, concatAll, copy, equalConstantTime, toHex, u16beAt } from '../../../bytes.js';
import { badToken, FtpSecurityError } from '../../../errors.js';
import type { Peer } from '../../../protection/mechanism.js';
import type { NewAead } from './aead.js';
import { alertName, isPassedOver } from './alerts.js';
import {
  CERTIFICATE,
  CLIENT_HELLO,
  CLIENT_KEY_EXCHANGE,
  FINISHED,
  type HandshakeMessage,
  HandshakeMessages,
  type Hello,
  hasEncryptThenMac,
  hasExtendedMasterSecret,
  isRetry,
  MESSAGE_HASH,
  parseCertificates,
  parseClientHello,
  parseEncryptedPremaster,
  parseServerHello,
  SERVER_HELLO,
} from './handshake-messages.js';
import type { KeyLog } from './key-log.js';
import {
  type Exporter,
  exporterOf,
  exporterOf13,
  finishedData,
  finishedData13,
  type MasterSecret,
  masterSecret,
  TLS_1_0,
  TLS_1_2,
  TLS_1_3,
  tlsName,
  transcriptHash,
} from './key-schedule.js';
import { assertFewKeyUpdates, parsePostHandshake } from './post-handshake.js';
import { APPLICATION_DATA, type PlainRecord } from './record-cipher.js';
import {
  ALERT,
  CHANGE_CIPHER_SPEC,
  copyDirection,
  type Direction,
  destroyDirection,
  directionOf13,
  directionsOf,
  HANDSHAKE,
  MAX_CONTENT,
  openRecord,
  parseRecords,
  type TlsRecord,
  updatedDirection,
} from './records.js';
import { type Suite, suiteByNumber, suiteName } from './suites.js';

/**
 * Decrypts with a server's private RSA key, and does not check the padding.
 * @param encrypted  as long as the modulus; another key may have encrypted it
 * @returns the padded text, as long as the modulus, which is erased after use; undefined if the key can't decrypt it
 */
export type RsaDecrypt = (encrypted: Uint8Array) => Uint8Array | undefined;

/** Sources of the secrets of a handshake. */
export interface HandshakeKeys {
  keyLogs: readonly KeyLog[];
  rsaKeys: readonly RsaDecrypt[];
  /** Replaces noble's AEAD ciphers. */
  newAead?: NewAead;
  /** Whether one of the sides is ours: then the other one must not make much work. */
  isLive?: boolean;
}

interface Side {
  messages: HandshakeMessages;
  /** Later records of this side are protected. */
  isProtected: boolean;
  /** Absent if its keys are not known. */
  direction?: Direction | undefined;
  /** Finished of this side has been verified. */
  isFinished: boolean;
  certificates: Uint8Array[];
  /** Application data after the handshake, one element for each token. */
  texts: Uint8Array[];
  /** Application data of the token that is being read. */
  text: Uint8Array[];
  /** How many KeyUpdates it has. */
  updates: number;
  /** The beginning of a message after the handshake. */
  rest: Uint8Array;
}

interface Agreed extends Omit<MasterSecret, 'secret'> {
  extendedMasterSecret: boolean;
}

interface KeyExchange {
  body: Uint8Array;
  sessionHash: Uint8Array;
}

const NOT_PROTECTED_13: readonly number[] = [CHANGE_CIPHER_SPEC, ALERT];

export class Handshake {
  readonly #keys: HandshakeKeys;
  readonly #sides: Readonly<Record<Peer, Side>> = { client: newSide(), server: newSide() };
  /** The messages that Finished covers. */
  #transcript: Uint8Array[] = [];
  #clientHello: Hello | undefined;
  #agreed: Agreed | undefined;
  /** The suite of HelloRetryRequest, which exists only in TLS 1.3. */
  #retriedSuite: Suite | undefined;
  #keyExchange: KeyExchange | undefined;
  #master: MasterSecret | undefined;
  #exporterSecret: Uint8Array | undefined;
  #pending: Record<Peer, Direction> | undefined;
  #problem: FtpSecurityError | undefined;

  constructor(keys: HandshakeKeys) {
    this.#keys = keys;
  }

  /** Why the records can't be opened; later records are not read. */
  get problem(): FtpSecurityError | undefined {
    return this.#problem;
  }

  /** The parameters of the connection; undefined before ServerHello. */
  get agreed(): Pick<Agreed, 'version' | 'suite' | 'clientRandom'> | undefined {
    return this.#agreed;
  }

  /** Whether both sides' Finished have been verified. */
  get isComplete(): boolean {
    return this.#sides.client.isFinished && this.#sides.server.isFinished;
  }

  certificatesOf(peer: Peer): readonly Uint8Array[] {
    return this.#sides[peer].certificates;
  }

  /** The application data of a side, one element for each token. */
  textsOf(peer: Peer): readonly Uint8Array[] {
    return this.#sides[peer].texts;
  }

  /** A copy of the state for the next record of a side, whose keys the caller erases; undefined until the handshake is complete. */
  directionOf(peer: Peer): Direction | undefined {
    const { direction } = this.#sides[peer];
    return this.isComplete ? direction && copyDirection(direction) : undefined;
  }

  /** Undefined if its secret is not known. */
  get exporter(): Exporter | undefined {
    if (this.#master !== undefined) return exporterOf(this.#master);
    this.#exporterSecret ??= this.#find('EXPORTER_SECRET');
    return this.#exporterSecret && exporterOf13(this.#agreed!.suite, this.#exporterSecret);
  }

  /** Erases the keys. Directions that were returned are not affected. */
  destroy(): void {
    const { client, server } = this.#sides;
    for (const direction of [client.direction, server.direction, this.#pending?.client, this.#pending?.server]) {
      if (direction !== undefined) destroyDirection(direction);
    }
    this.#master?.secret.fill(0);
    this.#exporterSecret?.fill(0);
  }

  /**
   * Reads the next token of a side.
   * @throws FtpSecurityError `security/bad-token`, `security/bad-checksum`
   */
  push(from: Peer, token: Uint8Array): void {
    const side = this.#sides[from];
    side.text = [];
    side.updates = 0;
    for (const record of parseRecords(token)) this.#record(from, record);
    if (side.text.length > 0) side.texts.push(concatAll(side.text));
    if (this.#problem !== undefined) this.destroy();
  }

  #record(from: Peer, record: TlsRecord): void {
    if (this.#problem !== undefined) return;
    const side = this.#sides[from];
    const is13 = this.#agreed?.version === TLS_1_3;
    const isPlain = !side.isProtected || (is13 && !side.isFinished && NOT_PROTECTED_13.includes(record.type));
    if (isPlain) this.#process(from, { type: record.type, content: record.fragment });
    // Without its keys there is a problem, and no later record is read.
    else this.#protectedRecord(from, side, side.direction!, record);
  }

  /**
   * Until Finished is verified, a wrong checksum means that the secrets belong to another handshake; the exchange does
   * not fail then.
   */
  #protectedRecord(from: Peer, side: Side, direction: Direction, record: TlsRecord): void {
    try {
      const opened = openRecord(direction, record);
      side.direction = opened.next;
      this.#process(from, opened);
    } catch (error) {
      const isWrongSecret =
        error instanceof FtpSecurityError && error.code === 'security/bad-checksum' && !side.isFinished;
      if (!isWrongSecret) throw error;
      this.#problem = new FtpSecurityError(error.code, `the secrets do not match the handshake of the ${from}`);
    }
  }

  #process(from: Peer, { type, content }: PlainRecord): void {
    const side = this.#sides[from];
    if (content.length > MAX_CONTENT) throw badToken('TLS record with too much content');
    // RFC 5246 §6.2.1 forbids it to senders; OpenSSL reads it over.
    if (type === HANDSHAKE && content.length === 0 && !side.isProtected) return;
    if (type === ALERT && isPassedOver(content, this.#version)) return;
    if (side.rest.length > 0 && type !== HANDSHAKE) throw badToken('TLS record within a handshake message');
    if (type === HANDSHAKE && side.isFinished) this.#postHandshake(side, content);
    else if (type === HANDSHAKE) this.#messages(from, side.messages.push(content));
    else if (type === CHANGE_CIPHER_SPEC) this.#changeCipherSpec(from, side, content);
    else if (type === ALERT) this.#problem ??= badToken(`TLS alert of the ${from}: ${alertName(content)}`);
    else if (type === APPLICATION_DATA && side.isFinished) side.text.push(content);
    else throw badToken(`TLS record of type ${type} within the handshake`);
  }

  #postHandshake(side: Side, content: Uint8Array): void {
    const { updatesKeys, rest } = parsePostHandshake(this.#agreed!.version, content, side.rest);
    side.rest = rest;
    if (!updatesKeys) return;
    if (this.#keys.isLive === true) assertFewKeyUpdates(++side.updates);
    replaceDirection(side, updatedDirection(side.direction!));
  }

  #changeCipherSpec(from: Peer, side: Side, content: Uint8Array): void {
    const agreed = this.#agreed;
    const isRight = content.length === 1 && content[0] === 1 && !side.messages.isOpen && !side.isFinished;
    // In TLS 1.3 it has no meaning, from ClientHello on (RFC 8446 §5).
    const isBeforeAnswer = agreed === undefined && this.#clientHello !== undefined;
    if (isRight && (agreed?.version === TLS_1_3 || isBeforeAnswer)) return;
    if (!isRight || agreed === undefined || side.isProtected) throw badToken('unexpected ChangeCipherSpec');
    this.#pending ??= this.#deriveKeys(agreed);
    side.isProtected = true;
    side.direction = this.#pending?.[from];
  }

  #messages(from: Peer, messages: readonly HandshakeMessage[]): void {
    for (const message of messages) {
      if (this.#problem !== undefined) return;
      this.#message(from, message);
    }
  }

  #message(from: Peer, message: HandshakeMessage): void {
    const { type, body, raw } = message;
    if (type === CLIENT_HELLO) this.#hello(from, body);
    else if (this.#clientHello === undefined) throw badToken('a TLS handshake begins with ClientHello');
    if (type === FINISHED && !this.#isRightFinished(from, body)) return;
    if (type === CERTIFICATE) this.#sides[from].certificates = parseCertificates(this.#version, body);
    this.#transcript.push(raw);
    if (type === SERVER_HELLO) this.#serverHello(from, body);
    if (type === CLIENT_KEY_EXCHANGE) this.#clientKeyExchange(from, body);
    if (type === FINISHED) this.#afterFinished(from);
  }

  get #version(): number {
    return this.#agreed?.version ?? TLS_1_2;
  }

  #hello(from: Peer, body: Uint8Array): void {
    const isRefused = from !== 'client' || this.#agreed !== undefined;
    if (isRefused) throw badToken('unexpected ClientHello: renegotiation is refused');
    this.#clientHello = parseClientHello(body);
  }

  #clientKeyExchange(from: Peer, body: Uint8Array): void {
    const isRefused = from !== 'client' || this.#agreed === undefined || this.#keyExchange !== undefined;
    if (isRefused) throw badToken('unexpected ClientKeyExchange');
    this.#keyExchange = { body, sessionHash: transcriptHash(this.#agreed!, this.#transcript) };
  }

  #serverHello(from: Peer, body: Uint8Array): void {
    if (from !== 'server' || this.#agreed !== undefined) throw badToken('unexpected ServerHello');
    const hello = parseServerHello(body);
    const { version, random, suites } = hello;
    if (version < TLS_1_0 || version > TLS_1_3) throw badToken(`TLS version ${version.toString(16)}`);
    const suite = suiteByNumber(suites[0]!);
    if (suite === undefined) {
      this.#problem = new FtpSecurityError('security/no-key', `cipher suite ${suiteName(suites[0]!)} is not known`);
      return;
    }
    this.#checkSuite(suite, version);
    if (isRetry(hello)) {
      this.#retry(suite);
    } else {
      this.#agreed = {
        version,
        suite,
        clientRandom: this.#clientHello!.random,
        serverRandom: random,
        encryptThenMac: hasEncryptThenMac(hello),
        extendedMasterSecret: hasExtendedMasterSecret(hello),
      };
      if (version === TLS_1_3) this.#protect13('HANDSHAKE_TRAFFIC_SECRET', 'client', 'server');
    }
  }

  /** The server selects a suite that the client has offered, and not another one after HelloRetryRequest (RFC 8446 §4.1.4). */
  #checkSuite(suite: Suite, version: number): void {
    if (!isSuiteOf(version, suite)) throw badToken(`${suite.name} is not a cipher suite of ${tlsName(version)}`);
    if (!this.#clientHello!.suites.includes(suite.number)) throw badToken(`the client has not offered ${suite.name}`);
    if (this.#retriedSuite !== undefined && this.#retriedSuite !== suite) {
      throw badToken('the server has changed the cipher suite after HelloRetryRequest');
    }
  }

  /** Replaces the first ClientHello in the transcript by its hash (RFC 8446 §4.4.1). */
  #retry(suite: Suite): void {
    if (this.#retriedSuite !== undefined) throw badToken('second HelloRetryRequest');
    this.#retriedSuite = suite;
    const { prf: hash } = suite;
    const [first, ...others] = this.#transcript;
    const header = Uint8Array.of(MESSAGE_HASH, 0, 0, hash.outputLen);
    this.#transcript = [concat(header, hash(first!)), ...others];
  }

  #protect13(secret: 'HANDSHAKE_TRAFFIC_SECRET' | 'TRAFFIC_SECRET_0', ...peers: readonly Peer[]): void {
    for (const peer of peers) {
      const found = this.#find(`${peer.toUpperCase()}_${secret}`, this.#agreed!.suite.prf.outputLen);
      const side = this.#sides[peer];
      side.isProtected = true;
      replaceDirection(side, found && directionOf13(this.#agreed!.suite, found, this.#keys.newAead));
      found?.fill(0);
      if (found === undefined) this.#problem ??= this.#noKey();
    }
  }

  /** Whether Finished matches the messages before it. */
  #isRightFinished(from: Peer, body: Uint8Array): boolean {
    const { direction } = this.#sides[from];
    if (direction === undefined) throw badToken('Finished in the clear');
    const { suite, secret } = direction;
    const expected =
      secret === undefined
        ? finishedData(this.#master!, from, this.#transcript)
        : finishedData13(suite, secret, this.#transcript);
    if (equalConstantTime(expected, body)) return true;
    this.#problem = new FtpSecurityError(
      'security/bad-checksum',
      `Finished of the ${from} does not match the handshake`,
    );
    return false;
  }

  #afterFinished(from: Peer): void {
    const side = this.#sides[from];
    if (side.messages.isOpen) throw badToken('handshake message after Finished');
    side.isFinished = true;
    if (this.#version === TLS_1_3) this.#protect13('TRAFFIC_SECRET_0', from);
  }

  #deriveKeys(agreed: Agreed): Record<Peer, Direction> | undefined {
    const secret = this.#find('CLIENT_RANDOM', 48) ?? this.#masterOfPremaster(agreed);
    if (secret === undefined) {
      this.#problem ??= this.#noKey();
      return undefined;
    }
    this.#master = { ...agreed, secret };
    return directionsOf(this.#master, this.#keys.newAead);
  }

  #masterOfPremaster(agreed: Agreed): Uint8Array | undefined {
    if (this.#keyExchange === undefined || agreed.suite.keyExchange !== 'RSA') return undefined;
    const { body, sessionHash } = this.#keyExchange;
    const encrypted = parseEncryptedPremaster(body);
    const id = encrypted.subarray(0, 8);
    const logged = firstOf(this.#keys.keyLogs, log => log.find('RSA', id));
    const premaster = logged === undefined ? this.#decrypted(encrypted) : copy(logged);
    if (premaster === undefined) return undefined;
    const master = masterSecret(agreed, premaster, agreed.extendedMasterSecret ? sessionHash : undefined);
    premaster.fill(0);
    return master;
  }

  #decrypted(encrypted: Uint8Array): Uint8Array | undefined {
    return firstOf(this.#keys.rsaKeys, decrypt => {
      const padded = decrypt(encrypted);
      const premaster = padded && premasterIn(padded, this.#clientHello!.version);
      padded?.fill(0);
      return premaster;
    });
  }

  /**
   * A copy of a secret of the connection, found by its label; undefined if it is missing, or has another length than the suite
   * requires.
   */
  #find(label: string, length?: number): Uint8Array | undefined {
    const secret = firstOf(this.#keys.keyLogs, log => log.find(label, this.#agreed!.clientRandom));
    return secret !== undefined && (length ?? secret.length) === secret.length ? copy(secret) : undefined;
  }

  #noKey(): FtpSecurityError {
    const { suite, clientRandom } = this.#agreed!;
    const random = toHex(clientRandom.subarray(0, 8));
    const rsa = suite.keyExchange === 'RSA' ? ", or the server's RSA key" : '';
    return new FtpSecurityError('security/no-key', `no secrets in a key log for client random ${random}…${rsa}`);
  }
}

/** Whether a version has a suite: TLS 1.3 has its own, and AEAD ciphers and the MACs of SHA-2 exist since TLS 1.2. */
function isSuiteOf(version: number, { keyExchange, mac }: Suite): boolean {
  if (version === TLS_1_3 || keyExchange === undefined) return version === TLS_1_3 && keyExchange === undefined;
  return version === TLS_1_2 || (mac !== undefined && mac.outputLen <= 20);
}

function replaceDirection(side: Side, direction: Direction | undefined): void {
  if (side.direction !== undefined) destroyDirection(side.direction);
  side.direction = direction;
}

function newSide(): Side {
  return {
    messages: new HandshakeMessages(),
    isProtected: false,
    isFinished: false,
    certificates: [],
    texts: [],
    text: [],
    updates: 0,
    rest: new Uint8Array(),
  };
}

function firstOf<T, R>(items: readonly T[], find: (item: T) => R | undefined): R | undefined {
  for (const item of items) {
    const found = find(item);
    if (found !== undefined) return found;
  }
  return undefined;
}

/**
 * The premaster secret after the padding of PKCS #1 (RFC 5246 §7.4.7.1): 48 octets, the first two the client's version.
 */
function premasterIn(padded: Uint8Array, version: number): Uint8Array | undefined {
  const start = padded.length - 48;
  const isPadding = start >= 11 && padded[0] === 0 && padded[1] === 2 && padded.indexOf(0, 2) === start - 1;
  return isPadding && u16beAt(padded, start) === version ? padded.slice(start) : undefined;
}
