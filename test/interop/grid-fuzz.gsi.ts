/**
 * `rfc2228 fuzz --mechanism gsi` against the servers and a client of the grid. Each serves a connection in a process of its own, so a
 * crash shows as a core file; what the client's process dies of, the command sees itself.
 */
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Fuzzed, fuzzed, SEED, tell } from './fuzz-command.js';
import { type Grid, type GridServer, makeGrid, startArcServer, startGlobusServer } from './grid.js';

/** For each target, in seconds. */
const SECONDS = Number(process.env['INTEROP_FUZZ_SECONDS'] ?? 40);
const LAYERS = ['token', 'sequence', 'exchange'].flatMap(layer => ['--only', layer]);

let grid: Grid;
beforeAll(() => {
  grid = makeGrid();
});
afterAll(() => grid?.close());

const bounds = () => {
  const out = process.env['INTEROP_FUZZ_OUT'] ?? join(grid.folder, 'findings');
  return ['--mechanism', 'gsi', ...LAYERS, '--time', `${SECONDS}`, '--seed', `${SEED}`, '--rate', '1000', '--out', out];
};
const foundBy = ({ findings }: Fuzzed) => findings.map(({ finding, name }) => `${finding}: ${name}`);

test.each<[string, (grid: Grid) => Promise<GridServer>]>([
  ['globus-gridftp-server', startGlobusServer],
  ['gridftpd of ARC', startArcServer],
])(
  '%s does not crash or hang',
  async (name, start) => {
    const server = await start(grid);
    const password = join(grid.folder, 'password');
    writeFileSync(password, 'x\n');
    const user = ['--user', ':globus-mapping:', '--password-file', password];
    const ran = await fuzzed(
      ['server', `localhost:${server.port}`, ...user, ...bounds()],
      grid.userEnvironment as never,
    );
    server.stop();
    tell(name, ran);
    expect(ran.summary?.cases).toBeGreaterThan(10);
    expect(foundBy(ran).filter(title => /^(crashed|hung)/.test(title))).toEqual([]);
    expect(readdirSync(grid.folder).filter(file => file.startsWith('core'))).toEqual([]);
  },
  2000 * SECONDS,
);

test(
  'globus-url-copy dies of a reply whose token is cut',
  async () => {
    const copy = `globus-url-copy -nodcau gsiftp://localhost:$PORT/x file://${grid.folder}/x`;
    const { X509_USER_CERT, X509_USER_KEY } = grid.userEnvironment;
    const exec = `X509_USER_CERT=${X509_USER_CERT} X509_USER_KEY=${X509_USER_KEY} ${copy}`;
    const ran = await fuzzed(
      ['client', '--listen', '0', '--exec', exec, '--limit', '4000', ...bounds()],
      grid.hostEnvironment as never,
    );
    tell('globus-url-copy', ran);
    expect(foundBy(ran)).toContain('crashed: token: a token is cut short');
  },
  3000 * SECONDS,
);
