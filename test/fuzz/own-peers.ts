/** Our own readers as the peer under test: what they deliver, and what they refuse. */
import { FtpSecurityError } from '../../src/errors.js';
import { CommandReader } from '../../src/ftp/command.js';
import { ReplyReader } from '../../src/ftp/reply.js';
import { octetsFrom } from '../../src/fuzz/choices.js';
import { type GsiDirections, gsiFuzzSession } from '../../src/fuzz/mechanisms/gsi.js';
import { krb4FuzzSession } from '../../src/fuzz/mechanisms/krb4.js';
import { krb5FuzzSession } from '../../src/fuzz/mechanisms/krb5/index.js';
import { pskFuzzSession } from '../../src/fuzz/mechanisms/psk.js';
import type { FuzzSession } from '../../src/fuzz/mutation.js';
import { RecordContext } from '../../src/mechanisms/gsi/context.js';
import { directionOf13, directionsOf } from '../../src/mechanisms/gsi/tls/records.js';
import { suiteByNumber } from '../../src/mechanisms/gsi/tls/suites.js';
import { krb4Context } from '../../src/mechanisms/krb4/index.js';
import { ENCTYPES } from '../../src/mechanisms/krb5/crypto/enctypes.js';
import { enctypeOf, krb5Context } from '../../src/mechanisms/krb5/index.js';
import { PskContext } from '../../src/mechanisms/psk/context.js';
import { nodeCiphers } from '../../src/node/index.js';
import type { Deviation, Tolerance } from '../../src/protection/deviations.js';
import type { Peer, SecurityContext, SequenceState } from '../../src/protection/mechanism.js';
import { ProtectedReplyReader, type Unprotected, unprotectCommand } from '../../src/protection/protect.js';

export interface Delivered {
  /** Octets of the inner reply or command, one character each. */
  text: string;
  sequence: SequenceState;
  tolerated: readonly Deviation[];
}

export interface Heard {
  delivered: Delivered[];
  errors: FtpSecurityError[];
}

export interface OwnPeer {
  /** Takes chunks, and gives what came of them. Whatever is no FtpSecurityError escapes. */
  take(chunks: readonly Uint8Array[]): Heard;
  /** Ends the input. */
  close(): FtpSecurityError[];
}

/** Our reader of one side. */
export function ownPeer(to: Peer, context: SecurityContext, tolerance: Tolerance = {}): OwnPeer {
  return to === 'client' ? ownClient(context, tolerance) : ownServer(context, tolerance);
}

function ownClient(context: SecurityContext, tolerance: Tolerance): OwnPeer {
  const outer = new ReplyReader();
  const inner = new ProtectedReplyReader(context, tolerance);
  return {
    take(chunks) {
      const heard: Heard = { delivered: [], errors: [] };
      for (const chunk of chunks) {
        outer.push(chunk);
        drain(heard, () => {
          const reply = outer.next();
          if (reply === undefined) return undefined;
          inner.push(reply);
          return inner.next() ?? 'more';
        });
      }
      return heard;
    },
    close: () => [...errorsOf(() => outer.close()), ...errorsOf(() => inner.close())],
  };
}

function ownServer(context: SecurityContext, tolerance: Tolerance): OwnPeer {
  const reader = new CommandReader();
  return {
    take(chunks) {
      const heard: Heard = { delivered: [], errors: [] };
      for (const chunk of chunks) {
        reader.push(chunk);
        drain(heard, () => {
          const command = reader.next();
          return command && unprotectCommand(context, command, tolerance);
        });
      }
      return heard;
    },
    close: () => errorsOf(() => reader.close()),
  };
}

function drain(heard: Heard, next: () => Unprotected<{ raw: Uint8Array }> | 'more' | undefined): void {
  for (;;) {
    try {
      const one = next();
      if (one === undefined) return;
      if (one === 'more') continue;
      const { inner, sequence, tolerated } = one;
      heard.delivered.push({ text: String.fromCharCode(...inner.raw), sequence, tolerated });
    } catch (error) {
      if (!(error instanceof FtpSecurityError)) throw error;
      heard.errors.push(error);
    }
  }
}

function errorsOf(run: () => void): FtpSecurityError[] {
  try {
    run();
    return [];
  } catch (error) {
    if (error instanceof FtpSecurityError) return [error];
    throw error;
  }
}

/** One side that fuzzes, and the other with our own context. */
export interface FuzzedPair {
  session: FuzzSession;
  peer: SecurityContext;
  /** Nothing is understood after an error, as in TLS. */
  endsAtError?: true;
}

/** Whose side fuzzes depends on who is fuzzed: the client is the initiator. */
export type NewPair = (to: Peer) => FuzzedPair;

const NOW = 1_795_342_788_700;

function krb5Pair(enctype: number, start = 7n): NewPair {
  return to => {
    const key = new Uint8Array(enctypeOf(enctype)!.keyLength).fill(0x2a);
    const both = { enctype, key, acceptorSubkey: true, ciphers: nodeCiphers, allowWeak: true };
    const [ours, theirs] =
      to === 'client' ? (['acceptor', 'initiator'] as const) : (['initiator', 'acceptor'] as const);
    const peer = krb5Context({ ...both, role: theirs, sendSequence: 1000, receiveSequence: start });
    const received = peer.wrap(Uint8Array.of(0x31), 'safe').token;
    const options = { ...both, role: ours, sendSequence: start, receiveSequence: 1000, random: octetsFrom(1) };
    return { session: { ...krb5FuzzSession(options), received }, peer };
  };
}

const pskPair: NewPair = to => {
  const [ours, theirs] = to === 'client' ? (['acceptor', 'initiator'] as const) : (['initiator', 'acceptor'] as const);
  const both = { key: new Uint8Array(32).fill(7), nonces: new Uint8Array(64).fill(9) };
  const peer = new PskContext({ ...both, role: theirs });
  const received = peer.wrap(Uint8Array.of(0x31), 'safe').token;
  return { session: { ...pskFuzzSession({ ...both, role: ours }), received }, peer };
};

const krb4Pair: NewPair = to => {
  const client = { address: Uint8Array.of(192, 0, 2, 1), port: 40_000 };
  const server = { address: Uint8Array.of(198, 51, 100, 20), port: 21 };
  const [local, peer] = to === 'client' ? [server, client] : [client, server];
  const key = Uint8Array.of(0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef);
  const both = { key, ciphers: nodeCiphers, clock: () => NOW, allowWeak: true };
  const theirs = krb4Context({ ...both, local: peer, peer: local });
  const received = theirs.wrap(Uint8Array.of(0x31), 'safe').token;
  return {
    session: { ...krb4FuzzSession({ ...both, local, peer: local === client ? server : client }), received },
    peer: theirs,
  };
};

const TLS_AES_256_GCM_SHA384 = suiteByNumber(0x1302)!;
const TLS_RSA_WITH_AES_128_CBC_SHA = suiteByNumber(0x002f)!;

const TLS_1_3 = () => ({
  client: directionOf13(TLS_AES_256_GCM_SHA384, new Uint8Array(48).fill(7)),
  server: directionOf13(TLS_AES_256_GCM_SHA384, new Uint8Array(48).fill(8)),
});
const TLS_1_2 = () => {
  const randoms = { clientRandom: new Uint8Array(32), serverRandom: new Uint8Array(32) };
  const agreed = { version: 0x0303, suite: TLS_RSA_WITH_AES_128_CBC_SHA, encryptThenMac: true };
  return directionsOf({ ...agreed, ...randoms, secret: new Uint8Array(48).fill(7) });
};

/** Each side has its own copy of the keys. */
function gsiPair(newKeys: typeof TLS_1_3): NewPair {
  const sideOf = (its: Peer): GsiDirections => {
    const { client, server } = newKeys();
    return its === 'client' ? { send: client, receive: server } : { send: server, receive: client };
  };
  return to => {
    const peer = new RecordContext(sideOf(to));
    const received = peer.wrap(Uint8Array.of(0x31), 'safe').token;
    const session = gsiFuzzSession(sideOf(to === 'client' ? 'server' : 'client'));
    return { session: { ...session, received }, peer, endsAtError: true };
  };
}

/** The mechanisms and keys that are fuzzed. */
export const PAIRS: readonly (readonly [name: string, pair: NewPair])[] = [
  ['X-PSK', pskPair],
  ...ENCTYPES.map(({ number, name }) => [name, krb5Pair(number)] as const),
  ['KERBEROS_V4', krb4Pair],
  ['GSI, TLS 1.3', gsiPair(TLS_1_3)],
  ['GSI, TLS 1.2', gsiPair(TLS_1_2)],
];
