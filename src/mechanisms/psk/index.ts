/**
 * X-PSK, the reference mechanism: both sides hold a shared key, and every level is there. Read it to learn how to write
 * a mechanism (RFC 2228 §2 and §3): this file is the security data exchange, context.ts the tokens that come after it.
 *
 *     AUTH X-PSK
 *     334
 *     ADAT  version octet 1, nonce of the initiator
 *     335   nonce of the acceptor, confirmation of the acceptor
 *     ADAT  confirmation of the initiator
 *     235
 *
 * A nonce is 32 random octets. A confirmation is HMAC-SHA256, under a key derived from the shared key and both nonces,
 * over the role's name and both nonces: it shows that its sender has the shared key, now.
 */
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { randomBytes } from '@noble/hashes/utils.js';
import { assertBytes, concat, copy, equalConstantTime, toUtf8 } from '../../bytes.js';
import { badToken, FtpSecurityError } from '../../errors.js';
import type { Exchange, ExchangeObserver, Mechanism, ObservedStep, Peer } from '../../protection/mechanism.js';
import { type ExchangeGenerator, exchangeFromGenerator, stepsOf, type Token } from '../exchange-generator.js';
import { deriveKey, PskContext, type PskContextOptions, type Role } from './context.js';

const VERSION = 1;
const NONCE = 32;
const CONFIRMATION = 32;
const MIN_KEY = 16;

export interface PskOptions {
  /**
   * The shared key, 16 octets or more, random: a password could be guessed from one recorded exchange. It is read until
   * the exchange is over, and is then the caller's to erase.
   */
  key: Uint8Array;
  /** Gives so many random octets. Default: the runtime's secure source. For tests alone: a nonce must never come twice. */
  random?: (length: number) => Uint8Array;
  /** Called with the options of the context, its key included; anyone who has these can read and forge everything. Default: not called. */
  keylog?: (options: PskContextOptions) => void;
}

/**
 * The client's side. After an error or its last step the exchange is over, and a further step throws `sequence/closed`.
 * @throws RangeError when the key is too short. Steps throw FtpSecurityError `security/bad-token`,
 *   `security/bad-checksum`
 */
export function pskInitiator(options: PskOptions): Exchange {
  return exchangeFromGenerator('X-PSK', initiate(options));
}

/** The server's side; it throws as {@link pskInitiator} does. */
export function pskAcceptor(options: PskOptions): Exchange {
  return exchangeFromGenerator('X-PSK', accept(options));
}

export interface PskObserverOptions {
  /** The shared keys, each 16 octets or more; the one that both key confirmations fit opens the exchange. */
  keys: readonly Uint8Array[];
}

/** The passive side, for recorded exchanges. @throws RangeError when a key is too short */
export function pskObserver({ keys }: PskObserverOptions): ExchangeObserver {
  const next = stepsOf('X-PSK', observe(keys));
  return {
    observe(from, token) {
      assertBytes(token, 'token');
      return next({ from, token });
    },
  };
}

/** What each side needs; a side without options is not offered. */
export interface PskSides {
  initiator?: PskOptions;
  acceptor?: PskOptions;
  observer?: PskObserverOptions;
}

/** X-PSK as sessions and observers take it. */
export function psk({ initiator, acceptor, observer }: PskSides = {}): Mechanism {
  return {
    name: 'X-PSK',
    variant: 'psk',
    recognises: firstToken => firstToken.length === 1 + NONCE && firstToken[0] === VERSION,
    ...(initiator && { initiator: () => pskInitiator(initiator) }),
    ...(acceptor && { acceptor: () => pskAcceptor(acceptor) }),
    ...(observer && { observer: () => pskObserver(observer) }),
  };
}

interface Seen {
  from: Peer;
  token: Uint8Array;
}

function* initiate({ key, random = randomBytes, keylog }: PskOptions): ExchangeGenerator {
  assertKey(key);
  const nonce = random(NONCE);
  const early = yield {};
  if (early !== undefined) throw badToken('security data before our first token');
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

/** The passive side: it sees every token, and after the last it has what both sides have. */
function* observe(keys: readonly Uint8Array[]): ExchangeGenerator<Seen, ObservedStep> {
  keys.forEach(assertKey);
  const opening = readOpening(saidBy('client', yield { facts: {} }));
  const answer = readAnswer(saidBy('server', yield { facts: {} }));
  const confirmation = exactly(CONFIRMATION, saidBy('client', yield { facts: {} }));
  const nonces = concat(opening, answer.nonce);
  const problemWith = (key: Uint8Array) =>
    checkConfirmation(key, nonces, 'acceptor', answer.confirmation) ??
    checkConfirmation(key, nonces, 'initiator', confirmation);
  const key = keys.find(it => problemWith(it) === undefined);
  if (key === undefined) {
    const [first] = keys;
    const problem = first && problemWith(first);
    return { facts: {}, problem: problem ?? new FtpSecurityError('security/no-key', 'no shared key was given') };
  }
  return {
    facts: {},
    fromClient: new PskContext({ role: 'acceptor', key, nonces }),
    fromServer: new PskContext({ role: 'initiator', key, nonces }),
  };
}

function saidBy(peer: Peer, { from, token }: Seen): Uint8Array {
  if (from === peer) return token;
  const code = from === 'client' ? 'sequence/unexpected-command' : 'sequence/unexpected-reply';
  throw new FtpSecurityError(code, `security data of the ${from}, where the ${peer} has the turn`);
}

function readOpening(token: Token): Uint8Array {
  const opening = exactly(1 + NONCE, token);
  if (opening[0] === VERSION) return opening.subarray(1);
  throw badToken('X-PSK version unknown', { offset: 0 });
}

function readAnswer(token: Token): { nonce: Uint8Array; confirmation: Uint8Array } {
  const answer = exactly(NONCE + CONFIRMATION, token);
  return { nonce: answer.subarray(0, NONCE), confirmation: answer.subarray(NONCE) };
}

function exactly(length: number, token: Token): Uint8Array {
  if (token?.length === length) return copy(token);
  throw badToken(`X-PSK security data: ${length} octets expected`);
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
  shown: Uint8Array,
): FtpSecurityError | undefined {
  if (equalConstantTime(keyConfirmation(key, nonces, role), shown)) return undefined;
  return new FtpSecurityError(
    'security/bad-checksum',
    `key confirmation of the ${role} failed: the two sides hold different keys`,
  );
}

function assertConfirmed(key: Uint8Array, nonces: Uint8Array, role: Role, shown: Uint8Array): void {
  const problem = checkConfirmation(key, nonces, role, shown);
  if (problem !== undefined) throw problem;
}

function assertKey(key: Uint8Array): void {
  assertBytes(key, 'key');
  if (key.length < MIN_KEY) throw new RangeError(`a shared key has at least ${MIN_KEY} octets`);
}
