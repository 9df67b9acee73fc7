/**
 * `rfc2228 fuzz --mechanism gsi` against servers and clients of the grid: they do what they are known to do (`grid-findings.json`),
 * and ARC's server goes on serving.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Fuzzed, fuzzed, SEED, tell } from './fuzz-command.js';
import { freePort, type Grid, globusCommand, makeGrid, startArcServer } from './grid.js';
import { GRID_CLIENTS } from './grid-programs.js';

/** How long ARC's server is fuzzed; clients are too, with some cases each, as some take seconds to start. */
const SECONDS = Number(process.env['INTEROP_FUZZ_SECONDS'] ?? 25);
const CLIENT_BOUNDS = process.env['INTEROP_FUZZ_SECONDS'] ? ['--time', `${SECONDS}`] : ['--time', '90', '--cases', '3'];
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
/** Reproducers of what the programs are known to do. */
const FINDINGS: (Titled & { peer: string })[] = JSON.parse(
  readFileSync(new URL('grid-findings.json', import.meta.url), 'utf8'),
);
const titles = (findings: readonly Titled[]) => findings.map(({ finding, name }) => `${finding}: ${name}`);

async function fuzz(target: readonly string[], environment: NodeJS.ProcessEnv): Promise<Fuzzed> {
  const out = process.env['INTEROP_FUZZ_OUT'] ?? join(grid.folder, 'findings');
  const ran = await fuzzed([...target, '--mechanism', 'gsi', '--limit', '4000', '--out', out], environment as never);
  tell(target[1]!, ran);
  return ran;
}

/** Plays again what this peer is known to do. */
async function known(peer: string, target: readonly string[], environment: NodeJS.ProcessEnv): Promise<void> {
  const its = FINDINGS.filter(finding => finding.peer === peer);
  const file = join(grid.folder, 'known.json');
  writeFileSync(file, JSON.stringify(its));
  const { findings } = await fuzz([...target, '--replay', file], environment);
  expect(its.length).toBeGreaterThan(0);
  expect(titles(findings)).toEqual(expect.arrayContaining(titles(its)));
}

const serverAt = (port: number) => [
  ...['server', `localhost:${port}`, '--user', ':globus-mapping:'],
  ...['--password-file', join(grid.folder, 'password')],
];
/** A command for the shell, in an environment of its own. */
const inEnvironment = ({ PATH: _, ...environment }: NodeJS.ProcessEnv, command: string) =>
  `${Object.entries(environment)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ')} exec ${command}`;

/** With -debug each process serves one connection, and dies of its own signals. */
const debugged = (port: number) =>
  inEnvironment(grid.hostEnvironment, [...globusCommand(grid, port), '-debug'].join(' '));

test(
  'globus-gridftp-server: what has been found shows again',
  async () => {
    const port = await freePort();
    const server = [...serverAt(port), '--exec', debugged(port)];
    await known('globus-gridftp-server', server, grid.userEnvironment);
  },
  LIMIT,
);

describe.each(Object.keys(GRID_CLIENTS))('%s', name => {
  const client = () => {
    const files = ['gsiftp://localhost:$PORT/x', `file://${grid.folder}/x`] as const;
    const command = GRID_CLIENTS[name]!.copy(grid, ...files).join(' ');
    return ['client', '--listen', '0', '--exec', inEnvironment(grid.userEnvironment, command)];
  };

  test('what has been found shows again', async () => await known(name, client(), grid.hostEnvironment), LIMIT);

  // JGlobus takes seconds to start, so its turn is in longer runs only.
  test.runIf(name !== 'JGlobus' || process.env['INTEROP_FUZZ_SECONDS'])(
    'can be fuzzed, whatever it does',
    async () => {
      const bounds = [...LAYERS, ...CLIENT_BOUNDS, '--seed', `${SEED}`];
      const { summary } = await fuzz([...client(), ...bounds], grid.hostEnvironment);
      expect(summary?.cases).toBeGreaterThan(0);
    },
    LIMIT,
  );
});

// It serves each connection in a process of its own, so a crash is not seen.
test(
  'gridftpd of ARC goes on serving',
  async () => {
    const server = await startArcServer(grid);
    const bounds = ['--time', `${SECONDS}`, '--seed', `${SEED}`, '--rate', '1000'];
    const { findings, summary } = await fuzz([...serverAt(server.port), ...LAYERS, ...bounds], grid.userEnvironment);
    server.stop();
    const { cases = 0, outcomes = {} } = summary ?? {};
    expect(cases).toBeGreaterThan(10);
    // See RETRIED in grid.ts.
    expect(outcomes.unready ?? 0).toBeLessThan(cases / 20);
    const unanswered = titles(findings).filter(title => /^(crashed|hung)/.test(title));
    expect(unanswered.filter(title => title !== 'hung: token: an integrity-only token')).toEqual([]);
  },
  LIMIT,
);
