/**
 * gss_accept_sec_context and gss_init_sec_context of a library, put to mutated exchanges in `peer.c`. What is behind the seal is
 * sealed with the right session key, from tickets and keys of a real KDC.
 */
import { readFileSync } from 'node:fs';
import { toHex } from '../../src/bytes.js';
import { parseCommand } from '../../src/ftp/command.js';
import { parseReply } from '../../src/ftp/reply.js';
import { EXCHANGES, type FuzzCase, fuzzCases, ruleIn } from '../../src/fuzz/cases.js';
import { judged } from '../../src/fuzz/driver/outcome.js';
import { sanitizerReport } from '../../src/fuzz/index.js';
import type { ExchangeKeys } from '../../src/fuzz/mutation.js';
import { performExchange } from '../../src/fuzz/perform.js';
import { parseCredentialCache, parseKeytab } from '../../src/mechanisms/krb5/index.js';
import { nodeCiphers } from '../../src/node/index.js';
import type { Peer as Side } from '../../src/protection/mechanism.js';
import { parseAdatCommand, parseAdatReply } from '../../src/protection/security-data.js';
import { ourAcceptor, ourInitiator, theirAcceptor, theirInitiator } from './conversation.js';
import { type LibraryRun, newRun, note, type Shown } from './library-run.js';
import { FTP_FLAGS, type Peer, type PeerReply } from './peer.js';
import { cacheOf, keytabOf, type Realm } from './realm.js';

export interface TakenExchange extends Shown {
  /** The last one that was sent, in hex. */
  token: string;
}

export type Exchanged = LibraryRun<TakenExchange>;

/** No library has to answer longer, in milliseconds. */
const PATIENCE = 10_000;

/** Octets of ADAT without data, which is no command. */
const EMPTY = 'ADAT \r\n'.length;

interface Target {
  realm: Realm;
  enctype: number;
  keys: ExchangeKeys;
  newPeer(): Peer;
}

function targetOf(realm: Realm, enctype: number, to: Side): Target {
  const { credentials } = parseCredentialCache(readFileSync(cacheOf(realm, enctype)));
  const keytab = parseKeytab(readFileSync(keytabOf(realm, enctype)));
  const flags = FTP_FLAGS[realm.library];
  return {
    realm,
    enctype,
    keys: { forges: 'krb5', sessionKeys: credentials.map(({ key }) => key), keytab, ciphers: nodeCiphers },
    newPeer: () => (to === 'server' ? theirAcceptor(realm, enctype) : theirInitiator(realm, enctype, { flags })),
  };
}

/**
 * Puts every case to both sides of a library, and then others as long as there is time.
 * @param names  of the cases that are put; default all
 */
export async function fuzzExchanges(
  realm: Realm,
  enctype: number,
  seconds: number,
  seed: number,
  names = OF_TOKENS,
): Promise<Exchanged> {
  const began = performance.now();
  const since = () => (performance.now() - began) / 1000;
  const run: Exchanged = newRun();
  for (const to of ['server', 'client'] as const) {
    const end = since() + seconds / 2;
    const target = targetOf(realm, enctype, to);
    let peer = target.newPeer();
    for (const one of casesTo(to, seed, names)) {
      if (since() > end) break;
      if (!(await playCase(one, peer, target, run))) peer = target.newPeer();
    }
    await peer.close().catch(() => {});
  }
  return { ...run, seconds: since() };
}

/** Without those of lines and base 64, which no library reads. */
const OF_TOKENS = EXCHANGES.filter(({ at }) => at === 'tokens').map(({ name }) => name);

function* casesTo(to: Side, seed: number, names: readonly string[]): Generator<FuzzCase> {
  for (let round = 0; ; round++) {
    for (const one of fuzzCases({
      layers: ['exchange'],
      to,
      seed: seed + round * 7919,
      variants: round === 0 ? 1 : 4,
    })) {
      if (names.includes(one.name) && (round === 0 || one.choices.length > 0)) yield one;
    }
  }
}

/** @returns whether the peer still works */
async function playCase(one: FuzzCase, peer: Peer, target: Target, run: Exchanged): Promise<boolean> {
  const show = (finding: string, outcome: string, token: Uint8Array) =>
    note(run, { finding, name: one.name, outcome, token: toHex(token) });
  const last: Last = { token: new Uint8Array() };
  try {
    const play = one.to === 'server' ? toAcceptor : toInitiator;
    const said = await within(PATIENCE, play(one, peer, target, last));
    if (said === undefined) return true;
    run.tokens++;
    if (!said.flag) run.refused++;
    const { finding } = judged({ kind: said.flag ? 'accepted' : 'refused' }, one);
    if (finding !== undefined) show(finding, said.flag ? 'complete' : await peer.errorText(), last.token);
    return true;
  } catch (error) {
    const { message } = error as Error;
    show('crashed', sanitizerReport(message)?.split('\n', 1)[0] ?? message.slice(0, 200), last.token);
    await peer.close().catch(() => {});
    return false;
  }
}

/** What was sent last. */
interface Last {
  token: Uint8Array;
}

async function toAcceptor(one: FuzzCase, peer: Peer, { realm, enctype, keys }: Target, last: Last) {
  const { token } = await ourInitiator(realm, enctype, { enctypes: [enctype] }).step();
  const line = performExchange(one, { to: 'server', number: 0, token, received: undefined, keys });
  const mutated = line && (line.length > EMPTY ? parseAdatCommand(parseCommand(line)).token : undefined);
  if (mutated === undefined) return undefined;
  last.token = mutated;
  const said = await freshStep(peer, mutated);
  if (!ruleIn(one).again) return said;
  return said.flag ? await freshStep(peer, mutated) : undefined;
}

async function toInitiator(one: FuzzCase, peer: Peer, { realm, enctype, keys }: Target, last: Last) {
  const { result: received } = await freshStep(peer, new Uint8Array());
  const { token } = await ourAcceptor(realm, enctype).step(received);
  const line = performExchange(one, { to: 'client', number: 0, token, code: 235, received, keys });
  const mutated = line && parseAdatReply(parseReply(line)).token;
  if (mutated === undefined) return undefined;
  last.token = mutated;
  return await peer.request('s', mutated);
}

async function freshStep(peer: Peer, token: Uint8Array): Promise<PeerReply> {
  const both = [peer.queue('n'), peer.queue('s', token)] as const;
  peer.flush();
  const [, said] = await Promise.all(both);
  return said;
}

async function within<T>(limit: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('hung')), limit);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
