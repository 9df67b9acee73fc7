/** Every variant of a context for every encryption type of a library, and many messages over each. */
import { afterAll, describe, expect, inject, test } from 'vitest';
import type { Krb5Facts } from '../../src/mechanisms/krb5/index.js';
import { type Agreed, agree, ourAcceptor, ourInitiator, theirAcceptor, theirInitiator } from './conversation.js';
import { SeededOctets } from './messages.js';
import { FLAG, FTP_FLAGS, GSS, type Peer } from './peer.js';
import { enctypesOf, type Library, principalOf, type Realm, userOf } from './realm.js';
import { exchangeMessages, type Tally } from './traffic.js';

/** Each way, per encryption type; spread over its variants. */
const MESSAGES = Number(process.env['INTEROP_MESSAGES'] ?? 20_000);
const SEED = process.env['INTEROP_SEED'] ?? '2228';
if (!(MESSAGES >= 1)) throw new RangeError('INTEROP_MESSAGES is a number, 1 or more');

interface Variant {
  weAre: 'acceptor' | 'initiator';
  mutual: boolean;
  spnego: boolean;
}

const VARIANTS: readonly Variant[] = [false, true].flatMap(spnego =>
  [true, false].flatMap(mutual => (['acceptor', 'initiator'] as const).map(weAre => ({ weAre, mutual, spnego }))),
);

interface Row extends Tally, Variant {
  enctype: number;
  seconds: number;
}

export function liveRuns(library: Library): void {
  const rows: Row[] = [];

  describe.each(enctypesOf(library))(`${library} enctype %i`, enctype => {
    test.each(VARIANTS)('we are $weAre, mutual $mutual, SPNEGO $spnego', async variant => {
      const realm = inject(library);
      const peer = peerOf(realm, enctype, variant);
      const agreed = await agree(ourSide(realm, enctype, variant), peer, variant.weAre);
      expect(agreed.facts.enctype).toBe(enctype);
      await compareFacts(library, enctype, variant, agreed.facts, peer);

      if (losesFirst(library, variant)) await loseFirst(agreed, peer);
      const random = new SeededOctets([SEED, library, enctype, ...Object.values(variant)].join());
      const start = performance.now();
      const tally = await exchangeMessages(agreed.context, peer, random, Math.ceil(MESSAGES / VARIANTS.length));
      rows.push({ enctype, ...variant, ...tally, seconds: (performance.now() - start) / 1000 });
      await peer.close();
      expect(tally.differing, `${tally.first} (INTEROP_SEED=${SEED})`).toBe(0);
    });
  });

  afterAll(() => console.info(table(library, rows)));
}

/** Heimdal's acceptor takes a better type whenever it is offered one, so it is offered none. */
function ourSide(realm: Realm, enctype: number, { weAre, mutual, spnego }: Variant) {
  if (weAre === 'acceptor') return ourAcceptor(realm, enctype);
  return ourInitiator(realm, enctype, { mutual, spnego, enctypes: [enctype] });
}

function peerOf(realm: Realm, enctype: number, { weAre, mutual, spnego }: Variant): Peer {
  if (weAre === 'initiator') return theirAcceptor(realm, enctype, { spnego });
  const flags = FTP_FLAGS[realm.library] & ~(mutual ? 0 : FLAG.mutual);
  return theirInitiator(realm, enctype, { spnego, flags });
}

/** Both sides must tell the same of the context. */
async function compareFacts(library: Library, enctype: number, variant: Variant, ours: Krb5Facts, peer: Peer) {
  const theirs = await peer.facts();
  const flags = Number.parseInt(theirs.get('flags')!, 16);
  expect(theirs.get('initiator')).toBe(userOf(library));
  expect(ours.clientName).toBe(userOf(library));
  // From its second ticket on, Heimdal's initiator leaves out the realm.
  expect(principalOf(library, enctype)).toContain(ours.serverName);
  expect(
    Object.entries(FLAG)
      .filter(([, bit]) => (flags & bit) !== 0)
      .map(([name]) => name),
  ).toEqual(ours.flags?.filter(name => name in FLAG));
  expect([ours.mutual, (flags & FLAG.mutual) !== 0]).toEqual([variant.mutual, variant.mutual]);
}

/**
 * Without mutual authentication, Heimdal's initiator expects the acceptor to begin at zero, while Heimdal's acceptor begins
 * at the initiator's number: the first token is a gap to it, whose text it keeps back.
 */
function losesFirst(library: Library, { weAre, mutual }: Variant): boolean {
  return library === 'heimdal' && weAre === 'acceptor' && !mutual;
}

async function loseFirst({ context }: Agreed, peer: Peer): Promise<void> {
  const { major } = await peer.request('u', context.wrap(new Uint8Array(1), 'safe').token);
  expect(major).toBe(GSS.gap);
}

const COLUMNS: readonly [title: string, width: number, value: (row: Row) => string | number][] = [
  ['enctype', 7, row => row.enctype],
  ['we are', 9, row => row.weAre],
  ['mutual', 6, row => (row.mutual ? 'yes' : 'no')],
  ['SPNEGO', 6, row => (row.spnego ? 'yes' : 'no')],
  ['each way', 8, row => row.messages],
  ['sealed', 7, row => row.sealed],
  ['unsealed', 8, row => 2 * row.messages - row.sealed],
  ['octets', 11, row => row.octets],
  ['seconds', 7, row => row.seconds.toFixed(1)],
  ['differing', 9, row => row.differing],
];

function table(library: Library, rows: readonly Row[]): string {
  const line = (cells: readonly (string | number)[]) =>
    cells.map((cell, i) => String(cell).padStart(COLUMNS[i]![1])).join('  ');
  const sum = (of: (row: Row) => number) => rows.reduce((total, row) => total + of(row), 0);
  return [
    `\n${library}, seed ${SEED}; sealed, unsealed and octets are of both ways together`,
    line(COLUMNS.map(([title]) => title)),
    ...rows.map(row => line(COLUMNS.map(([, , value]) => value(row)))),
    `${rows.length} contexts, ${sum(row => row.messages)} messages each way, ${sum(row => row.octets)} octets, ${sum(row => row.differing)} differing\n`,
  ].join('\n');
}
