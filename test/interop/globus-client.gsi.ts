/** globus-url-copy with our server: a file each way, and a list, in the clear (DCAU N); it delegates a credential. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { gsi } from '../../src/mechanisms/gsi/index.js';
import { type GsiCredential, gsiAcceptor } from '../../src/node/index.js';
import { type FtpServer, startFtpServer } from './ftp-server.js';
import { type Grid, makeGrid, USER_NAME } from './grid.js';
import { run } from './program.js';

const SIZE = 3_000_001;
let grid: Grid;
beforeAll(() => {
  grid = makeGrid();
  mkdirSync(join(grid.folder, 'served'));
});
afterAll(() => grid?.close());

describe.each(['TLSv1.2', 'TLSv1.3'] as const)('globus-url-copy, %s', version => {
  const credentials: GsiCredential[] = [];
  let server: FtpServer;
  beforeAll(async () => {
    const { host: credential, trust, folder } = grid;
    const options = { credential, trust, minVersion: version, maxVersion: version };
    const acceptor = () => gsiAcceptor({ ...options, delegated: it => credentials.push(it) });
    server = await startFtpServer({
      mechanisms: [gsi({ acceptor })],
      require: 'private',
      transfers: ['clear'],
      mayLogIn: (user, { clientName }) => user === ':globus-mapping:' && clientName === USER_NAME,
      folder: join(folder, 'served'),
      timeout: 20_000,
      commands: {
        DCAU: (_, mode) => (mode === 'N' ? [200, 'DCAU N.'] : [504, 'DCAU N only']),
        SITE: () => [250, 'OK.'],
      },
    });
  });
  afterAll(() => server?.close());

  const copy = (...args: string[]) =>
    run('globus-url-copy', ['-nodcau', '-dbg', ...args], {
      environment: grid.userEnvironment as never,
      folder: grid.folder,
      limit: 30_000,
    });
  const url = (name: string) => `gsiftp://localhost:${server.port}/${name}`;

  test('stores a file', async () => {
    const file = randomBytes(SIZE);
    writeFileSync(join(grid.folder, 'local'), file);
    const { code, complaint } = await copy(`file://${grid.folder}/local`, url(`stored-${version}`));
    if (code !== 0) console.error(complaint);
    expect(code).toBe(0);
    expect(readFileSync(join(grid.folder, 'served', `stored-${version}`)).equals(file)).toBe(true);
  });

  test('retrieves a file', async () => {
    const file = randomBytes(SIZE);
    writeFileSync(join(grid.folder, 'served/there'), file);
    const { code } = await copy(url('there'), `file://${grid.folder}/got-${version}`);
    expect(code).toBe(0);
    expect(readFileSync(join(grid.folder, `got-${version}`)).equals(file)).toBe(true);
  });

  test('says that there is no such file', async () => {
    const { code, complaint } = await copy(url('missing'), `file://${grid.folder}/none`);
    expect(code).not.toBe(0);
    expect(complaint).toContain('550');
  });

  test('has delegated its credential, and sent every command with integrity', () => {
    expect(credentials.length).toBeGreaterThan(0);
    const commands = server.noted.flatMap(it => (it.kind === 'command' ? [it] : []));
    expect(commands.length).toBeGreaterThan(10);
    expect(new Set(commands.map(({ level }) => level))).toEqual(new Set(['private']));
    expect(server.noted.filter(({ kind }) => kind === 'failed').map(it => 'error' in it && it.error)).toEqual([
      'ENOENT',
    ]);
  });
});
