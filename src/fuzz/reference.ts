/**
 * Reference sessions and exchanges, under keys that are written down: a case comes to the same octets in them each time. The
 * corpus is made of these octets, and the plan leaves out a case that would repeat them.
 */
import { toHex, toUtf8 } from '../bytes.js';
import { formatReply } from '../ftp/reply.js';
import type { BlockCiphers } from '../mechanisms/block-cipher.js';
import type { Peer } from '../protection/mechanism.js';
import { formatAuth } from '../protection/security-data.js';
import { type FuzzCase, isMessage, isTransfer, mutationIn } from './cases.js';
import { octetsFrom } from './choices.js';
import { type ExchangeFormat, lineOf } from './exchange/mutation.js';
import { performExchange } from './exchange/perform.js';
import { kerberosSample, krb4Sample, pskSample, type SampleExchange } from './exchange/sample.js';
import { krb4FuzzSession } from './mechanisms/krb4.js';
import { krb5FuzzSession } from './mechanisms/krb5.js';
import { pskFuzzSession } from './mechanisms/psk.js';
import type { FuzzSession } from './mutation.js';
import { perform } from './perform.js';
import { SCRIPTS, scriptOctets } from './phases.js';
import { performTransfer } from './transfers.js';

export interface Reference {
  mechanism: ExchangeFormat;
  /** Its keys, for people. */
  name: string;
  /** Behind the exchange, at number 0 in both directions. */
  session?: (to: Peer) => FuzzSession;
  exchange?: SampleExchange;
}

/** 1, 2, 3 and so on: keys that no one takes for real ones. */
const counting = (length: number) => Uint8Array.from({ length }, (_, i) => i + 1);
const roleOf = (to: Peer) => (to === 'client' ? 'acceptor' : 'initiator');

const CLIENT = { address: Uint8Array.of(192, 0, 2, 1), port: 40_000 };
const SERVER = { address: Uint8Array.of(198, 51, 100, 20), port: 21 };
/** Of every message of KERBEROS_V4, in seconds since 1970. */
const KRB4_TIME = 1_795_342_788;

/**
 * Every format of tokens once; those that need DES only where the ciphers have it.
 * @param seed  of confounders and nonces
 */
export function references(seed: number, ciphers: BlockCiphers = {}): Reference[] {
  return [
    kerberos(18, 32, seed, ciphers),
    kerberos(23, 16, seed, ciphers),
    {
      mechanism: 'psk',
      name: `X-PSK, key ${toHex(counting(32))}, nonces ${toHex(counting(64))}`,
      session: answered(to => pskFuzzSession({ role: roleOf(to), key: counting(32), nonces: counting(64) })),
    },
    ...(ciphers.des ? [kerberos(3, 8, seed, ciphers), krb4(ciphers)] : []),
    ...[kerberosSample(seed), pskSample(seed), krb4Sample].map(exchange => ({
      mechanism: exchange.keys.forges,
      name: exchange.name,
      exchange: { ...exchange, turns: remembered(to => exchange.turns(to)) },
    })),
  ];
}

function kerberos(enctype: number, length: number, seed: number, ciphers: BlockCiphers): Reference {
  const both = { enctype, key: counting(length), acceptorSubkey: true, sendSequence: 0, receiveSequence: 0 };
  return {
    mechanism: 'krb5',
    name: `GSSAPI, enctype ${enctype}, acceptor's subkey ${toHex(counting(length))}`,
    session: to => krb5FuzzSession({ ...both, role: roleOf(to), allowWeak: true, ciphers, random: octetsFrom(seed) }),
  };
}

function krb4(ciphers: BlockCiphers): Reference {
  const both = { key: counting(8), ciphers, clock: () => KRB4_TIME * 1000, allowWeak: true };
  return {
    mechanism: 'krb4',
    name: `KERBEROS_V4, key ${toHex(counting(8))}, client 192.0.2.1:40000, server 198.51.100.20:21, time ${KRB4_TIME}`,
    session: to =>
      krb4FuzzSession({
        ...both,
        ...(to === 'client' ? { local: SERVER, peer: CLIENT } : { local: CLIENT, peer: SERVER }),
      }),
  };
}

/** The same for one side, computed once. */
function remembered<T>(make: (to: Peer) => T): (to: Peer) => T {
  const made = new Map<Peer, T>();
  return to => {
    if (!made.has(to)) made.set(to, make(to));
    return made.get(to)!;
  };
}

/** With a token of the peer, for the cases that send it back. */
function answered(session: (to: Peer) => FuzzSession): (to: Peer) => FuzzSession {
  const received = remembered(
    to => session(to === 'client' ? 'server' : 'client').context.wrap(toUtf8('NOOP'), 'safe').token,
  );
  return to => ({ ...session(to), received: received(to) });
}

/**
 * What is sent in a reference, chunk by chunk: the messages that go before the case, and its own.
 * @returns undefined where the case is not applicable
 */
export function referenceChunks(one: FuzzCase, { session, exchange }: Reference): readonly Uint8Array[] | undefined {
  if (one.layer === 'exchange') return exchange && exchangeChunks(one, exchange);
  if (session === undefined) return undefined;
  if (isTransfer(one)) return performTransfer(one, session(one.to));
  if (!isMessage(one)) return scriptChunks(one, session(one.to));
  const performed = perform(one, session(one.to));
  return performed && [...performed.before, ...performed.chunks];
}

function scriptChunks(one: FuzzCase, { context }: FuzzSession): readonly Uint8Array[] | undefined {
  const { before, line } = mutationIn(SCRIPTS, one);
  const lines = [...before, line];
  const octets = lines.map(it => scriptOctets(it, one.to, context));
  return octets.every(it => it !== undefined) ? octets : undefined;
}

/** What one side says from AUTH on, up to the line that is mutated. */
function exchangeChunks(one: FuzzCase, { mechanism, turns }: SampleExchange): readonly Uint8Array[] | undefined {
  const first = one.to === 'server' ? formatAuth(mechanism) : formatReply(334, 'Security data, please');
  const before: Uint8Array[] = [first];
  for (const turn of turns(one.to)) {
    const mutated = performExchange(one, turn);
    if (mutated !== undefined) return [...before, mutated];
    before.push(lineOf(turn));
  }
  return undefined;
}
