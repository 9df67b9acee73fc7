/** Our client with GridFTP servers: log-in, commands, and transfers each way with a clear data channel. */
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { buffer, text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type FtpSecurityError, parseExtendedPassiveReply, type Reply } from '../../src/index.js';
import {
  ClientControl,
  findGsiFiles,
  formatGsiCredential,
  type GsiCredential,
  type GsiInitiatorOptions,
  gsiAcceptor,
  gsiInitiator,
  readGsiCredential,
} from '../../src/node/index.js';
import { type Grid, type GridServer, HOST_NAME, makeGrid, RETRIED, startArcServer, startGlobusServer } from './grid.js';
import { run } from './program.js';

const SIZE = 3_000_001;

/** Where the servers differ. */
interface Peer {
  start(grid: Grid): Promise<GridServer>;
  /** Of USER and PASS. */
  logIn: number[];
  /** The name of a file to the client. */
  path(name: string): string;
  /** The name of the same file in the grid's folder. */
  file(name: string): string;
  /** Whether it has MLSC, which lists on the control connection. */
  hasMlsc: boolean;
  /** What our client says when the server refuses its certificate. */
  refusal: string;
  tolerated: string[];
}

const PEERS: Readonly<Record<string, (grid: () => Grid) => Peer>> = {
  'globus-gridftp-server': grid => ({
    start: startGlobusServer,
    logIn: [331, 230],
    path: name => join(grid().folder, name),
    file: name => join(grid().folder, name),
    hasMlsc: true,
    refusal: 'sequence/unexpected-reply',
    tolerated: [],
  }),
  'gridftpd of ARC': grid => ({
    start: startArcServer,
    logIn: [230, 230],
    path: name => `/${name}`,
    file: name => join(grid().folder, 'arc', name),
    hasMlsc: false,
    refusal: 'sequence/closed',
    tolerated: ['protected-235', 'trailing-nul'],
  }),
};

describe.each(Object.entries(PEERS))('%s', RETRIED, (_, peerOf) => {
  let grid: Grid;
  let server: GridServer;
  const peer = peerOf(() => grid);
  beforeAll(async () => {
    grid = makeGrid();
    server = await peer.start(grid);
  });
  afterAll(() => {
    server?.stop();
    grid?.close();
  });

  /** A client with an association; `send` gives the final reply. */
  async function client(options: Partial<GsiInitiatorOptions> = {}) {
    const { user: credential, trust } = grid;
    const waiting: ((reply: Reply) => void)[] = [];
    const [levels, tolerated] = [new Set<string>(), new Set<string>()];
    const exchange = gsiInitiator({ credential, trust, server: 'localhost', ...options });
    const control = new ClientControl(connect(server.port, '127.0.0.1'), {
      mechanism: 'GSSAPI',
      exchange,
      protection: 'clear',
      replied(event) {
        if (event.type !== 'reply') return;
        for (const name of event.tolerated) tolerated.add(name);
        if (event.command === undefined || !control.session.phase.startsWith('secured')) return;
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
    return { control, send, passive, levels, tolerated };
  }

  /** The credential that our server gets from our client, as a proxy file. */
  async function delegatedBy(options: Partial<GsiInitiatorOptions>): Promise<string> {
    const { user, host, trust } = grid;
    const taken: GsiCredential[] = [];
    const initiator = gsiInitiator({ credential: user, trust, server: 'localhost', ...options });
    const acceptor = gsiAcceptor({ credential: host, trust, delegated: it => taken.push(it) });
    for (let token: Uint8Array | undefined; ; ) {
      ({ token } = await initiator.step(token));
      const { token: answer, context } = await acceptor.step(token);
      if (context !== undefined) return formatGsiCredential(taken[0]!);
      token = answer;
    }
  }

  test('the example of README logs in', async () => {
    const example = fileURLToPath(new URL('../../dist/examples/gridftp.js', import.meta.url));
    const environment = grid.userEnvironment as never;
    const { code, output, complaint } = await run(
      process.execPath,
      [example, 'localhost', `${server.port}`, '127.0.0.1'],
      {
        environment,
        folder: grid.folder,
        limit: 30_000,
      },
    );
    expect({ code, complaint }).toEqual({ code: 0, complaint: '' });
    expect(output).toMatch(/^257 "\/[^"]*"/);
  });

  const refusalOf = (options: Partial<GsiInitiatorOptions>) =>
    client(options).then(
      () => undefined,
      (thrown: Error & Partial<FtpSecurityError>) => thrown.code ?? thrown.message,
    );

  describe.each(['TLSv1.2', 'TLSv1.3'] as const)('%s', version => {
    const only = { minVersion: version, maxVersion: version };

    test('log-in, FEAT, PWD, lists, and a file each way with DCAU N', async () => {
      const { control, send, passive, levels, tolerated } = await client(only);
      expect(control.session.facts).toMatchObject({ serverName: HOST_NAME, tls: version.slice(4) });
      expect((await send('USER :globus-mapping:')).code).toBe(peer.logIn[0]);
      expect((await send('PASS x')).code).toBe(peer.logIn[1]);
      expect((await send('FEAT')).lines).toContain(' DCAU');
      expect((await send('PWD')).code).toBe(257);
      expect((await send('TYPE I')).code).toBe(200);
      expect((await send('DCAU N')).code).toBe(200);

      const file = randomBytes(SIZE);
      const stored = `stored-${version}`;
      const upload = await passive();
      const storing = send(`STOR ${peer.path(stored)}`);
      upload.end(file);
      expect((await storing).code).toBe(226);
      expect(readFileSync(peer.file(stored)).equals(file)).toBe(true);

      const served = `served-${version}`;
      writeFileSync(peer.file(served), file);
      const download = await passive();
      const retrieving = send(`RETR ${peer.path(served)}`);
      expect((await buffer(download)).equals(file)).toBe(true);
      expect((await retrieving).code).toBe(226);

      const data = await passive();
      const listing = send(`MLSD ${peer.path('')}`);
      expect((await text(data)).toLowerCase()).toContain(`size=${SIZE};`);
      expect((await listing).code).toBe(226);
      const mlsc = await send(`MLSC ${peer.path('')}`);
      expect(mlsc.code).toBe(peer.hasMlsc ? 250 : 500);
      expect(mlsc.lines.some(line => line.includes(served))).toBe(peer.hasMlsc);

      expect((await send('QUIT')).code).toBe(221);
      expect([...levels]).toEqual(['private']);
      expect([...tolerated].sort()).toEqual(peer.tolerated);
    });

    test.each([{}, { rights: 'all' }] as const)('takes a credential that we delegate: %o', async delegate => {
      const { control, send } = await client({ ...only, delegate });
      expect(control.session.facts).toMatchObject({ delegates: true, tls: version.slice(4) });
      expect((await send('USER :globus-mapping:')).code).toBe(peer.logIn[0]);
      expect((await send('PASS x')).code).toBe(peer.logIn[1]);
      expect((await send('PWD')).code).toBe(257);
      expect((await send('QUIT')).code).toBe(221);
    });

    test('our client and globus-url-copy log in with a credential that we have delegated, and delegate it again', async () => {
      const path = (name: string) => join(grid.folder, name);
      writeFileSync(path('proxy.pem'), await delegatedBy({ ...only, delegate: { rights: 'all' } }), { mode: 0o600 });
      const files = findGsiFiles('user', { HOME: grid.folder, X509_USER_PROXY: path('proxy.pem') });
      const { send } = await client({ ...only, credential: readGsiCredential(files), delegate: {} });
      expect((await send('USER :globus-mapping:')).code).toBe(peer.logIn[0]);
      expect((await send('PASS x')).code).toBe(peer.logIn[1]);
      expect((await send('QUIT')).code).toBe(221);

      const file = randomBytes(1000);
      writeFileSync(peer.file('small'), file);
      const { X509_USER_CERT: _, X509_USER_KEY: __, ...environment } = grid.userEnvironment;
      const { code, complaint } = await run(
        'globus-url-copy',
        ['-nodcau', `gsiftp://localhost:${server.port}${peer.path('small')}`, `file://${path('copied')}`],
        {
          environment: { ...environment, X509_USER_PROXY: path('proxy.pem') } as never,
          folder: grid.folder,
          limit: 20_000,
        },
      );
      expect([code, complaint]).toEqual([0, '']);
      expect(readFileSync(path('copied')).equals(file)).toBe(true);
    });

    test('a server that we do not trust is refused, and so are we by one that does not trust us', async () => {
      const stranger = makeGrid();
      try {
        expect(await refusalOf({ ...only, trust: stranger.trust })).toBe('security/untrusted');
        expect(await refusalOf({ ...only, credential: stranger.user })).toBe(peer.refusal);
      } finally {
        stranger.close();
      }
    });
  });
});
