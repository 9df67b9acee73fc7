/**
 * `rfc2228/psk`: X-PSK, the reference mechanism, in which both sides hold a shared key. It supports all levels. Read it to learn
 * how to write a mechanism (RFC 2228 §2 and §3): this file has the security data exchange, context.ts the tokens after it.
 *
 *     AUTH X-PSK
 *     334
 *     ADAT  version octet 1, nonce of the initiator
 *     335   nonce of the acceptor, confirmation of the acceptor
 *     ADAT  confirmation of the initiator
 *     235
 *
 * A nonce is 32 random octets. A confirmation is the HMAC-SHA256 of the role's name and both nonces, with a key derived from
 * the shared key and both nonces. It proves that its sender holds the shared key and takes part in this exchange.
 * @module rfc2228/psk
 */
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { randomBytes } from '@noble/hashes/utils.js';
import { assertBytes, concat, copy, equalConstantTime, toUtf8 } from '../../bytes.js';
import { badToken, FtpSecurityError } from '../../errors.js';
import type { Exchange, ExchangeObserver, Mechanism, ObservedStep, Peer } from '../../protection/mechanism.js';
import { type ExchangeGenerator, exchangeFromGenerator, stepsOf, type Token } from '../exchange-generator.js';
import { deriveKey, PskContext, type PskContextOptions, type Role } from './context.js';

export type { PskContextOptions, Role } from './context.js';

const VERSION = 1;
const NONCE = 32;
const CONFIRMATION = 32;
const MIN_KEY = 16;

/** Options of {@link pskInitiator} and {@link pskAcceptor}. */
export interface PskOptions {
  /**
   * The shared key: 16 or more random octets. Do not use a password, since it could be guessed from a recorded exchange. The key
   * is read until the exchange is over, and not erased; the caller can do so then.
   */
  key: Uint8Array;
  /** Returns `length` random octets. Only tests replace it, as nonces must never repeat. Default the platform's secure generator. */
  random?: (length: number) => Uint8Array;
  /**
   * Called with the options of the context when it is established, for tools that log keys. They include the key, with which
   * anybody can read and forge all messages. Default not called.
   */
  keylog?: (options: PskContextOptions) => void;
}

/**
 * The client's side of an X-PSK exchange. After an error or the last step, the exchange is over, and each further step throws
 * `sequence/closed`.
 * @throws TypeError if the key is not a Uint8Array, RangeError if it is too short
 * @throws FtpSecurityError the steps: `security/bad-token`, `security/bad-checksum`
 */
export function pskInitiator(options: PskOptions): Exchange {
  return exchangeFromGenerator('X-PSK', initiate(options));
}

/**
 * The server's side of an X-PSK exchange. After an error or the last step, the exchange is over, and each further step throws
 * `sequence/closed`.
 * @throws TypeError if the key is not a Uint8Array, RangeError if it is too short
 * @throws FtpSecurityError the steps: `security/bad-token`, `security/bad-checksum`
 */
export function pskAcceptor(options: PskOptions): Exchange {
  return exchangeFromGenerator('X-PSK', accept(options));
}

/** Options of {@link pskObserver}. */
export interface PskObserverOptions {
  /** The shared keys, each 16 octets or more. The key that fits both confirmations is used. */
  keys: readonly Uint8Array[];
}

/**
 * The passive side of a recorded X-PSK exchange. If no key fits, the last step has a `problem`.
 * @throws TypeError if `keys` is not a list, or a key is not a Uint8Array, RangeError if it is too short
 */
export function pskObserver({ keys }: PskObserverOptions): ExchangeObserver {
  const next = stepsOf('X-PSK', observe(keys));
  return {
    observe(from, token) {
      assertBytes(token, 'token');
      return next({ from, token });
    },
  };
}

/** Options of {@link psk}, for each side. A side without options is not offered. */
export interface PskSides {
  /** Options of the client's side. */
  initiator?: PskOptions;
  /** Options of the server's side. */
  acceptor?: PskOptions;
  /** Options of the passive side. */
  observer?: PskObserverOptions;
}

/**
 * X-PSK as a `Mechanism` for sessions, observers and the verification of captures.
 * @throws TypeError, RangeError as the functions of the sides
 */
export function psk({ initiator, acceptor, observer }: PskSides = {}): Mechanism {
  // A wrong option is an error here, where it is written, and not one of each connection.
  for (const side of [initiator, acceptor]) if (side) assertKey(side.key);
  if (observer) pskObserver(observer);
  return {
    name: 'X-PSK',
    variant: 'psk',
    recognises: firstToken => firstToken.length === 1 + NONCE && firstToken[0] === VERSION,
    ...(initiator && { initiator: () => pskInitiator(initiator) }),
    ...(acceptor && { acceptor: () => pskAcceptor(acceptor) }),
    ...(observer && { observer: () => pskObserver(observer) }),
  };
}

/** A token of a recorded exchange. */
interface RecordedToken {
  from: Peer;
  token: Uint8Array;
}

function* initiate({ key, random = randomBytes, keylog }: PskOptions): ExchangeGenerator {
  assertKey(key);
  const nonce = random(NONCE);
  const early = yield {};
  if (early !== undefined) throw badToken("the server sent security data before the client's");
  const answer = readAnswer(yield { token: concat(Uint8Array.of(VERSION), nonce) });
  const nonces = concat(nonce, answer.nonce);
  assertConfirmed(key, nonces, 'acceptor', answer.confirmation);
  const token = keyConfirmation(key, nonces, 'initiator');
  return { token, context: contextOf({ role: 'initiator', key, nonces }, keylog) };
}

function* accept({ key, random = randomBytes, keylog }: PskOptions): ExchangeGenerator {
  assertKey(key);
  const nonce = random(NONCE);
  const nonces = concat(readOpening(yield {}), nonce);
  const confirmation = exactly(CONFIRMATION, yield { token: concat(nonce, keyConfirmation(key, nonces, 'acceptor')) });
  assertConfirmed(key, nonces, 'initiator', confirmation);
  return { context: contextOf({ role: 'acceptor', key, nonces }, keylog) };
}

function contextOf(options: PskContextOptions, keylog: PskOptions['keylog']): PskContext {
  keylog?.({ ...options, key: copy(options.key) });
  return new PskContext(options);
}

/** After the last token, the observer has the same nonces as both sides, and derives the same keys. */
function* observe(keys: readonly Uint8Array[]): ExchangeGenerator<RecordedToken, ObservedStep> {
  if (!Array.isArray(keys)) throw new TypeError('keys must be a list of Uint8Arrays');
  keys.forEach(assertKey);
  const opening = readOpening(sentBy('client', yield { facts: {} }));
  const answer = readAnswer(sentBy('server', yield { facts: {} }));
  const confirmation = exactly(CONFIRMATION, sentBy('client', yield { facts: {} }));
  const nonces = concat(opening, answer.nonce);
  const problemWith = (key: Uint8Array) =>
    checkConfirmation(key, nonces, 'acceptor', answer.confirmation) ??
    checkConfirmation(key, nonces, 'initiator', confirmation);
  const key = keys.find(it => problemWith(it) === undefined);
  if (key === undefined) {
    const [first] = keys;
    const problem = first && problemWith(first);
    return { facts: {}, problem: problem ?? new FtpSecurityError('security/no-key', 'no shared key is known') };
  }
  return {
    facts: {},
    fromClient: new PskContext({ role: 'acceptor', key, nonces }),
    fromServer: new PskContext({ role: 'initiator', key, nonces }),
  };
}

function sentBy(peer: Peer, { from, token }: RecordedToken): Uint8Array {
  if (from === peer) return token;
  const code = from === 'client' ? 'sequence/unexpected-command' : 'sequence/unexpected-reply';
  throw new FtpSecurityError(code, `expected security data from the ${peer}, got it from the ${from}`);
}

function readOpening(token: Token): Uint8Array {
  const opening = exactly(1 + NONCE, token);
  if (opening[0] === VERSION) return opening.subarray(1);
  throw badToken(`unknown version of X-PSK: ${opening[0]}`, { offset: 0 });
}

function readAnswer(token: Token): { nonce: Uint8Array; confirmation: Uint8Array } {
  const answer = exactly(NONCE + CONFIRMATION, token);
  return { nonce: answer.subarray(0, NONCE), confirmation: answer.subarray(NONCE) };
}

function exactly(length: number, token: Token): Uint8Array {
  if (token?.length === length) return copy(token);
  throw badToken(`X-PSK security data must have ${length} octets, got ${token?.length ?? 'none'}`);
}

function keyConfirmation(key: Uint8Array, nonces: Uint8Array, role: Role): Uint8Array {
  const derived = deriveKey(key, nonces, 'confirmation');
  const confirmation = hmac(sha256, derived, concat(toUtf8(role), nonces));
  derived.fill(0);
  return confirmation;
}

function checkConfirmation(
  key: Uint8Array,
  nonces: Uint8Array,
  role: Role,
  received: Uint8Array,
): FtpSecurityError | undefined {
  if (equalConstantTime(keyConfirmation(key, nonces, role), received)) return undefined;
  return new FtpSecurityError(
    'security/bad-checksum',
    `key confirmation of the ${role} failed: the two sides hold different keys`,
  );
}

function assertConfirmed(key: Uint8Array, nonces: Uint8Array, role: Role, received: Uint8Array): void {
  const problem = checkConfirmation(key, nonces, role, received);
  if (problem !== undefined) throw problem;
}

function assertKey(key: Uint8Array): void {
  assertBytes(key, 'key');
  if (key.length < MIN_KEY) throw new RangeError(`a shared key must have at least ${MIN_KEY} octets`);
}
