/** Our client with globus-gridftp-server: log-in, commands, and transfers each way with a clear data channel. */
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type FtpSecurityError, parseExtendedPassiveReply, type Reply } from '../../src/index.js';
import { ClientControl, type GsiInitiatorOptions, gsiInitiator } from '../../src/node/index.js';
import { type GlobusServer, type Grid, HOST_NAME, makeGrid, startGlobusServer } from './grid.js';

const SIZE = 3_000_001;
let grid: Grid;
let server: GlobusServer;

beforeAll(async () => {
  grid = makeGrid();
  server = await startGlobusServer(grid);
});
afterAll(() => {
  server?.stop();
  grid?.close();
});

/** A client that is logged in; `send` gives the final reply, and each reply before it goes to `preliminary`. */
async function client(options: Partial<GsiInitiatorOptions> = {}) {
  const { user: credential, trust } = grid;
  const waiting: ((reply: Reply) => void)[] = [];
  const levels = new Set<string>();
  const exchange = gsiInitiator({ credential, trust, server: 'localhost', ...options });
  const control = new ClientControl(connect(server.port, '127.0.0.1'), {
    mechanism: 'GSSAPI',
    exchange,
    protection: 'clear',
    replied(event) {
      if (event.type !== 'reply' || event.command === undefined || !control.session.phase.startsWith('secured')) return;
      levels.add(event.level);
      if (event.reply.code >= 200) waiting.shift()?.(event.reply);
    },
  });
  control.on('error', () => {}); // `start` rejects with it
  control.resume();
  await control.start();
  levels.clear();
  const send = (line: string) =>
    new Promise<Reply>(resolve => {
      waiting.push(resolve);
      control.write(`${line}\r\n`);
    });
  const passive = async (): Promise<Socket> => {
    const { port } = parseExtendedPassiveReply(await send('EPSV'));
    return connect(port, '127.0.0.1');
  };
  return { control, send, passive, levels };
}

describe.each(['TLSv1.2', 'TLSv1.3'] as const)('globus-gridftp-server, %s', version => {
  const only = { minVersion: version, maxVersion: version };

  test('log-in, FEAT, PWD, MLSC, and a file each way with DCAU N', async () => {
    const { control, send, passive, levels } = await client(only);
    expect(control.session.facts).toMatchObject({ serverName: HOST_NAME, tls: version.slice(4) });
    expect((await send('USER :globus-mapping:')).code).toBe(331);
    expect((await send('PASS x')).code).toBe(230);
    expect((await send('FEAT')).lines).toContain(' DCAU');
    expect((await send('PWD')).code).toBe(257);
    expect((await send(`MLSC ${grid.folder}`)).lines.some(line => line.includes('gridmap'))).toBe(true);
    expect((await send('TYPE I')).code).toBe(200);
    expect((await send('DCAU N')).code).toBe(200);

    const file = randomBytes(SIZE);
    const stored = join(grid.folder, `stored-${version}`);
    const upload = await passive();
    const storing = send(`STOR ${stored}`);
    upload.end(file);
    expect((await storing).code).toBe(226);
    expect(readFileSync(stored).equals(file)).toBe(true);

    const served = join(grid.folder, `served-${version}`);
    writeFileSync(served, file);
    const download = await passive();
    const retrieving = send(`RETR ${served}`);
    expect((await buffer(download)).equals(file)).toBe(true);
    expect((await retrieving).code).toBe(226);
    expect((await send('QUIT')).code).toBe(221);
    expect([...levels]).toEqual(['private']);
  });

  test('a user that it does not know is refused', async () => {
    const stranger = makeGrid();
    try {
      const error = await client({ ...only, credential: stranger.user }).then(
        () => undefined,
        (thrown: FtpSecurityError) => thrown,
      );
      expect(error?.code).toBe('sequence/unexpected-reply');
    } finally {
      stranger.close();
    }
  });

  test('a server that we do not trust is refused', async () => {
    const stranger = makeGrid();
    try {
      const error = await client({ ...only, trust: stranger.trust }).then(
        () => undefined,
        (thrown: FtpSecurityError) => thrown,
      );
      expect(error?.code).toBe('security/untrusted');
    } finally {
      stranger.close();
    }
  });
});
