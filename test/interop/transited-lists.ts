/** Lists of transited realms made at random, and what we make of them. */
import { decodeTransited, refusedTransit, type TransitPolicy } from '../../src/mechanisms/krb5/exchange/transited.js';
import { onlyRefuses } from '../helpers.js';
import type { SeededOctets } from './messages.js';

export interface TransitedList {
  /** The client's realm, and the service's. */
  client: string;
  server: string;
  contents: Uint8Array;
}

const LABELS = ['A', 'B', 'CORP', 'COM', 'XCOM'];

/** A realm of one to four labels, often below `parent`; in ten percent of the X.500 style. */
export function randomRealm(random: SeededOctets, parent?: string): string {
  const labels = Array.from({ length: 1 + random.below(3) }, () => LABELS[random.below(LABELS.length)]!);
  if (parent?.startsWith('/') || (parent === undefined && random.below(10) === 0)) {
    return `${parent ?? ''}${labels.map(label => `/${label}`).join('')}`;
  }
  return [...labels, ...(parent === undefined ? [] : [parent])].join('.');
}

/** A list with names from the neighbourhood of both ends, each in any of the forms; a fifth is damaged too. */
export function randomList(
  random: SeededOctets,
  ends?: readonly [string, string],
  others: readonly string[] = [],
): TransitedList {
  const parent = random.below(3) === 0 ? undefined : randomRealm(random);
  const [client, server] = ends ?? [randomRealm(random, parent), randomRealm(random, parent)];
  const near = [...others, ...[client, server].flatMap(realm => [realm, ...partsOf(realm)])];
  const subfields: string[] = [];
  let previous = '';
  for (let count = 1 + random.below(5); count > 0; count--) {
    const realm = random.below(12) === 0 ? randomRealm(random) : near[random.below(near.length)]!;
    subfields.push(random.below(6) === 0 ? '' : subfieldFor(realm, previous, random));
    previous = realm;
  }
  const text = subfields.join(',');
  const damaged = random.below(5) === 0 ? damage(text, random) : text;
  return { client, server, contents: Buffer.from(damaged, 'latin1') };
}

function partsOf(realm: string): string[] {
  if (realm.startsWith('/'))
    return realm
      .split('/')
      .slice(1, -1)
      .map((_, i, all) => `/${all.slice(0, i + 1).join('/')}`);
  return realm
    .split('.')
    .slice(1)
    .map((_, i, all) => all.slice(i).join('.'));
}

/** In full, or in short if it continues the one before. */
function subfieldFor(realm: string, previous: string, random: SeededOctets): string {
  if (previous !== '' && random.below(4) > 0) {
    if (realm.startsWith(`${previous}/`)) return realm.slice(previous.length);
    if (realm.endsWith(`.${previous}`)) return realm.slice(0, -previous.length);
  }
  const blank = realm.startsWith('/') && previous !== '' ? ' ' : '';
  const quoted = random.below(8) === 0 ? realm.replace(/[A-Z]/, '\\$&') : realm;
  return blank + quoted;
}

const ODD = [',', '\\', '.', '/', ' ', 'A', '\xff', '\0'];

function damage(text: string, random: SeededOctets): string {
  const at = random.below(text.length + 1);
  return text.slice(0, at) + ODD[random.below(ODD.length)] + text.slice(at + random.below(2));
}

/** For differences that are rare otherwise. */
export const HAND_MADE = [
  { client: 'A.CORP.COM', server: 'B.CORP.COM', contents: 'CORP.COM\0' },
  { client: 'A.CORP.COM', server: 'B.CORP.COM', contents: `CORP.COM${',CORP.COM'.repeat(100)}` },
  { client: 'WELLKNOWN:ANONYMOUS', server: 'B.CORP.COM', contents: 'OTHER.NET' },
  { client: 'A.B', server: 'C.B', contents: 'B,A\\.' },
  { client: 'B', server: 'C.A.B', contents: ',A.' },
];

/** MIT takes this end for a realm above the other one. */
export const ALIKE: Path = { ends: ['XCOM.B.COM', 'COM.B.COM'], realms: [] };

export interface Path {
  /** The client's realm, and the service's. */
  ends: [string, string];
  realms: string[];
}

/** Paths of up to three realms between two, of domain style. */
export function randomPaths(random: SeededOctets, count: number): Path[] {
  const paths = new Map<string, Path>();
  while (paths.size < count) {
    const parent = randomRealm(random, 'COM');
    const ends: [string, string] = [randomRealm(random, parent), randomRealm(random, parent)];
    const near = ends.flatMap(partsOf);
    const realms = Array.from({ length: random.below(4) }, () => near[random.below(near.length)]!);
    if (ends[0] !== ends[1]) paths.set(ends.join(), { ends, realms });
  }
  return [...paths.values()];
}

/** The section of krb5.conf. */
export function capathsOf(paths: readonly Path[]): string {
  return paths
    .map(({ ends: [client, server], realms }) => {
      const lines = (realms.length === 0 ? ['.'] : realms).map(realm => `    ${server} = ${realm}\n`);
      return `  ${client} = {\n${lines.join('')}  }\n`;
    })
    .join('');
}

/** Whether an acceptor of ours does. @param policy  default that of an acceptor */
export function weAccept(
  { client, server, contents }: TransitedList,
  policy: TransitPolicy = { transitedRealms: [], hierarchicalTrust: true },
): boolean {
  if (contents.length === 0) return true;
  const transited = { trType: 1, contents };
  const judged = onlyRefuses(() => ({ reason: refusedTransit({ crealm: client, transited }, server, policy) }));
  return judged !== undefined && judged.reason === undefined;
}

/** Undefined if it is malformed. */
export function weDecode({ client, server, contents }: TransitedList): string[] | undefined {
  return onlyRefuses(() => decodeTransited(contents, client, server));
}
