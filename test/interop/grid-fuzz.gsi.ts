/**
 * `rfc2228 fuzz --mechanism gsi` against servers and a client of the grid: Globus's programs do what they are known to do
 * (`globus-findings.json`), and ARC's server goes on serving.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { FuzzCase } from '../../src/fuzz/cases.js';
import type { Peer } from '../../src/protection/mechanism.js';
import { type Fuzzed, fuzzed, SEED, tell } from './fuzz-command.js';
import { freePort, type Grid, globusCommand, makeGrid, startArcServer } from './grid.js';

const FINDINGS = new URL('globus-findings.json', import.meta.url);
/** How long ARC's server is fuzzed. */
const SECONDS = Number(process.env['INTEROP_FUZZ_SECONDS'] ?? 40);
/** Milliseconds. */
const LIMIT = 200_000 + 1000 * SECONDS;
const LAYERS = ['token', 'sequence', 'exchange'].flatMap(layer => ['--only', layer]);

let grid: Grid;
beforeAll(() => {
  grid = makeGrid();
  writeFileSync(join(grid.folder, 'password'), 'x\n');
});
afterAll(() => grid?.close());

type Titled = Pick<Fuzzed['findings'][number], 'finding' | 'name'>;
const titles = (findings: readonly Titled[]) => findings.map(({ finding, name }) => `${finding}: ${name}`);

async function fuzz(target: readonly string[], environment: NodeJS.ProcessEnv): Promise<Fuzzed> {
  const out = process.env['INTEROP_FUZZ_OUT'] ?? join(grid.folder, 'findings');
  const ran = await fuzzed([...target, '--mechanism', 'gsi', '--limit', '4000', '--out', out], environment as never);
  tell(target[1]!, ran);
  return ran;
}

/** Plays again what Globus's programs are known to do as this side. */
async function known(side: Peer, target: readonly string[], environment: NodeJS.ProcessEnv): Promise<void> {
  const all: (Titled & { case: FuzzCase })[] = JSON.parse(readFileSync(FINDINGS, 'utf8'));
  const its = all.filter(({ case: { to } }) => to === side);
  const file = join(grid.folder, `${side}.json`);
  writeFileSync(file, JSON.stringify(its));
  const { findings } = await fuzz([...target, '--replay', file], environment);
  expect(titles(findings)).toEqual(expect.arrayContaining(titles(its)));
}

const serverAt = (port: number) => [
  ...['server', `localhost:${port}`, '--user', ':globus-mapping:'],
  ...['--password-file', join(grid.folder, 'password')],
];
/** A command for the shell, in an environment of its own. */
const inEnvironment = ({ X509_USER_CERT, X509_USER_KEY, GRIDMAP }: NodeJS.ProcessEnv, command: string) =>
  `X509_USER_CERT=${X509_USER_CERT} X509_USER_KEY=${X509_USER_KEY} GRIDMAP=${GRIDMAP} exec ${command}`;

/** With -debug each process serves one connection, and dies of its own signals. */
const debugged = (port: number) =>
  inEnvironment(grid.hostEnvironment, [...globusCommand(grid, port), '-debug'].join(' '));

test(
  'globus-gridftp-server: what has been found shows again',
  async () => {
    const port = await freePort();
    await known('server', [...serverAt(port), '--exec', debugged(port)], grid.userEnvironment);
  },
  LIMIT,
);

test(
  'globus-url-copy: what has been found shows again',
  async () => {
    const copy = `globus-url-copy -nodcau gsiftp://localhost:$PORT/x file://${grid.folder}/x`;
    const client = ['client', '--listen', '0', '--exec', inEnvironment(grid.userEnvironment, copy)];
    await known('client', client, grid.hostEnvironment);
  },
  LIMIT,
);

// It serves each connection in a process of its own, so a crash is not seen.
test(
  'gridftpd of ARC goes on serving',
  async () => {
    const server = await startArcServer(grid);
    const bounds = ['--time', `${SECONDS}`, '--seed', `${SEED}`, '--rate', '1000'];
    const { findings, summary } = await fuzz([...serverAt(server.port), ...LAYERS, ...bounds], grid.userEnvironment);
    server.stop();
    expect(summary?.cases).toBeGreaterThan(10);
    expect(summary?.outcomes.unready).toBeUndefined();
    const unanswered = titles(findings).filter(title => /^(crashed|hung)/.test(title));
    expect(unanswered.filter(title => title !== 'hung: token: an integrity-only token')).toEqual([]);
  },
  LIMIT,
);
