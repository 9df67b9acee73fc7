/** GridFTP clients with our server: a file each way, and lists, in the clear (DCAU N); they delegate a credential. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { gsi } from '../../src/mechanisms/gsi/index.js';
import { parseCertificate } from '../../src/node/gsi/certificate.js';
import { type GsiCredential, gsiAcceptor } from '../../src/node/index.js';
import { type FtpServer, startFtpServer } from './ftp-server.js';
import { type Grid, makeGrid, USER_NAME } from './grid.js';
import { GRID_CLIENTS, type TlsVersion } from './grid-programs.js';
import { run } from './program.js';

const SIZE = 3_000_001;
let grid: Grid;
beforeAll(() => {
  grid = makeGrid();
  mkdirSync(join(grid.folder, 'served'));
});
afterAll(() => grid?.close());

const exec = ([program, ...args]: readonly string[]) =>
  run(program!, args, {
    environment: grid.userEnvironment as never,
    folder: grid.folder,
    limit: 50_000,
  });

async function startServer(version: TlsVersion, delegated: (credential: GsiCredential) => void) {
  const { host: credential, trust, folder } = grid;
  const acceptor = () => gsiAcceptor({ credential, trust, minVersion: version, maxVersion: version, delegated });
  return await startFtpServer({
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
}

const ROWS = Object.entries(GRID_CLIENTS).flatMap(([name, client]) =>
  client.versions.map(version => ({ name, version, client })),
);

describe.each(ROWS)('$name, $version', ({ version, client }) => {
  const credentials: GsiCredential[] = [];
  let server: FtpServer;
  beforeAll(async () => {
    server = await startServer(version, it => credentials.push(it));
  });
  afterAll(() => server?.close());

  const url = (name: string) => `gsiftp://localhost:${server.port}/${name}`;
  const local = (name: string) => `file://${grid.folder}/${name}`;
  const copy = async (source: string, destination: string) => {
    const { code, output, complaint } = await exec(client.copy(grid, source, destination));
    return { code, said: output + complaint };
  };

  test('stores a file', async () => {
    const file = randomBytes(SIZE);
    writeFileSync(join(grid.folder, 'local'), file);
    expect(await copy(local('local'), url(`stored-${version}`))).toMatchObject({ code: 0 });
    expect(readFileSync(join(grid.folder, 'served', `stored-${version}`)).equals(file)).toBe(true);
  });

  test('retrieves a file', async () => {
    const file = randomBytes(SIZE);
    writeFileSync(join(grid.folder, 'served/there'), file);
    expect(await copy(url('there'), local(`got-${version}`))).toMatchObject({ code: 0 });
    expect(readFileSync(join(grid.folder, `got-${version}`)).equals(file)).toBe(true);
  });

  test.runIf(client.list)('lists the folder', async () => {
    writeFileSync(join(grid.folder, 'served/listed'), '');
    const { code, output } = await exec(client.list!(url('')));
    expect(code).toBe(0);
    expect(output).toMatch(/^\s*listed\b/m);
  });

  test('says that there is no such file', async () => {
    const { code, said } = await copy(url('missing'), local('none'));
    expect(code).not.toBe(0);
    expect(said).toMatch(client.missing);
  });

  test('has delegated a limited credential, and sent every command with integrity', () => {
    expect(credentials.length).toBeGreaterThan(0);
    const proxies = credentials.map(it => parseCertificate(it.certificates[0]!).proxy);
    for (const proxy of proxies) expect(proxy).toMatchObject({ form: 'rfc', rights: 'limited' });
    const commands = server.noted.flatMap(it => (it.kind === 'command' ? [it] : []));
    expect(commands.length).toBeGreaterThan(10);
    expect(new Set(commands.map(({ level }) => level))).toEqual(new Set(['private']));
    const failures = server.noted.flatMap(it => (it.kind === 'failed' ? [it.error] : []));
    // A client may reset its connection once it has its file: it closes with octets of ours unread.
    expect(new Set(failures.filter(it => it !== 'ECONNRESET'))).toEqual(new Set(['ENOENT']));
  });
});

test('JGlobus has no TLS 1.3', async () => {
  const server = await startServer('TLSv1.3', () => {});
  const url = `gsiftp://localhost:${server.port}/there`;
  expect(await exec(GRID_CLIENTS['JGlobus']!.copy(grid, url, `file://${grid.folder}/none`))).toMatchObject({ code: 1 });
  await server.close();
  expect(server.noted).toContainEqual({ kind: 'failed', what: 'exchange', error: 'security/bad-token' });
});
