/** Lists of transited realms, judged by MIT krb5 and by us, and decoded by Heimdal and by us: what differs must be known. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, inject, test } from 'vitest';
import { nameOctets, nameText } from '../../src/mechanisms/name-text.js';
import { CASES, MALFORMED } from '../mechanisms/krb5/exchange/transited-cases.js';
import { SeededOctets } from './messages.js';
import { run } from './program.js';
import { compile, type Library } from './realm.js';
import { type Compared, TRANSITED_DIFFERENCES } from './transited-differences.js';
import {
  ALIKE,
  capathsOf,
  HAND_MADE,
  randomList,
  randomPaths,
  type TransitedList,
  weAccept,
  weDecode,
} from './transited-lists.js';

/** Of each test. */
const LISTS = Number(process.env['INTEROP_MESSAGES'] ?? 10_000);
const SEED = process.env['INTEROP_SEED'] ?? '2228';

const MADE = [
  ...CASES,
  ...MALFORMED.map(([, contents]) => ({ client: 'A.CORP.COM', server: 'B.CORP.COM', contents })),
  ...HAND_MADE,
].map(({ client, server, contents }) => ({ client, server, contents: Buffer.from(contents, 'latin1') }));

const seen = new Set<string>();

test('MIT and we judge alike, by the hierarchy', async () => {
  const random = new SeededOctets(`transited ${SEED}`);
  const lists = [...MADE, ...Array.from({ length: LISTS }, () => randomList(random))];
  const theirs = await ask('mit', lists);
  compare('mit', lists, list => weAccept(list), theirs.map(isAccepted));
});

test('MIT with capaths and we with transitedRealms alone judge alike', async () => {
  const random = new SeededOctets(`capaths ${SEED}`);
  const paths = [ALIKE, ...randomPaths(random, 100)];
  const lists: TransitedList[] = [];
  const policies = new Map<TransitedList, readonly string[]>();
  lists.push({ client: ALIKE.ends[0], server: ALIKE.ends[1], contents: Buffer.from(',') });
  for (let n = 0; n < LISTS; n++) {
    const { ends, realms } = paths[random.below(paths.length)]!;
    const list = randomList(random, ends, realms);
    lists.push(list);
    policies.set(list, realms);
  }
  const theirs = await ask('mit', lists, capathsOf(paths));
  const ours = (list: TransitedList) =>
    weAccept(list, { transitedRealms: policies.get(list) ?? ALIKE.realms, hierarchicalTrust: false });
  compare('mit', lists, ours, theirs.map(isAccepted));
});

/** Heimdal writes behind its memory where it finds no path for a null subfield, so it gets none but the RFC's. */
test('Heimdal and we decode alike', async () => {
  const random = new SeededOctets(`decoding ${SEED}`);
  const lists = [...MADE, ...Array.from({ length: LISTS }, () => randomList(random))].filter(list => {
    const text = nameText(list.contents);
    return text === ',EDU, /COM,' || !isBlankIn(text);
  });
  const theirs = await ask('heimdal', lists);
  const ours = (list: TransitedList) => weDecode(list)?.map(hex).sort().join(' ') ?? 'malformed';
  const decoded = theirs.map(it => (it === '-' ? 'malformed' : it.split(' ').slice(1).sort().join(' ')));
  compare('heimdal', lists, ours, decoded);
});

const isBlankIn = (text: string) => /(^|,)[ \\\0]*(\0|,|$)/.test(text);

test.runIf(LISTS >= 10_000)('each known difference is there', () => {
  const names = Object.entries(TRANSITED_DIFFERENCES).flatMap(([library, its]) => {
    return Object.keys(its).map(name => `${library} ${name}`);
  });
  expect([...seen].sort()).toEqual(names.sort());
});

const isAccepted = (answer: string) => answer === '1';

/** The answers of a library, one for each list. @param capaths  that section of krb5.conf */
async function ask(library: Library, lists: readonly TransitedList[], capaths = ''): Promise<string[]> {
  const { folder, ...realm } = inject(library);
  const program = join(folder, 'transited');
  compile(realm, 'transited.c', program);
  const configuration = join(folder, 'transited.conf');
  writeFileSync(configuration, `[capaths]\n${capaths}`);
  const input = lists
    .map(({ client, server, contents }) => `${[client, server, contents].map(hex).join(' ')}\n`)
    .join('');
  const environment = { ...realm.environment, KRB5_CONFIG: configuration };
  const { code, output, complaint } = await run(program, [], { environment, folder, input, limit: 600_000 });
  expect([complaint, code]).toEqual(['', 0]);
  const answers = output.trimEnd().split('\n');
  expect(answers).toHaveLength(lists.length);
  return answers;
}

function hex(name: string | Uint8Array): string {
  return `=${Buffer.from(typeof name === 'string' ? nameOctets(name) : name).toString('hex')}`;
}

/** Fails if there is a difference that is not known. */
function compare(
  library: Library,
  lists: readonly TransitedList[],
  judge: (list: TransitedList) => boolean | string,
  theirs: readonly (boolean | string)[],
): void {
  const compared = lists.map((list, i): Compared => {
    return { ...list, text: nameText(list.contents), ours: judge(list), theirs: theirs[i]! };
  });
  const known = new Map<string, number>();
  const unknown: Compared[] = [];
  for (const one of compared.filter(({ ours, theirs: other }) => ours !== other)) {
    const [name] = Object.entries(TRANSITED_DIFFERENCES[library]).find(([, holds]) => holds(one)) ?? [];
    if (name === undefined) unknown.push(one);
    else known.set(name, (known.get(name) ?? 0) + 1);
  }
  const both = compared.filter(({ ours, theirs: other }) => ours === other && ours !== false && ours !== 'malformed');
  const differences = [...known].map(([name, count]) => `${count} ${name}`).sort();
  console.info(
    `${library}: ${lists.length} lists, both take ${both.length}; known differences: ${differences.join(', ')}; others: ${unknown.length}`,
  );
  for (const name of known.keys()) seen.add(`${library} ${name}`);
  const texts = unknown.slice(0, 5).map(({ contents, ...its }) => JSON.stringify(its));
  expect(texts, `INTEROP_SEED=${SEED}`).toEqual([]);
}
