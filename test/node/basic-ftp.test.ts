import { createHash } from 'node:crypto';
import { connect } from 'node:net';
import { PassThrough, Readable, Writable } from 'node:stream';
import { Client } from 'basic-ftp';
import { afterEach, describe, expect, it } from 'vitest';
import { FtpSecurityError } from '../../src/errors.js';
import { TLS_1_3 } from '../../src/mechanisms/gsi/tls/key-schedule.js';
import { pskInitiator } from '../../src/mechanisms/psk/index.js';
import { secureBasicFtp } from '../../src/node/index.js';
import { mechanismWith } from '../helpers.js';
import { pairOf, protocolOf } from '../mechanisms/gsi/pairs.js';
import { kerberos, PSK, type TestMechanism } from './exchanges.js';
import { type FtpServer, startServer } from './ftp-server.js';

/** With CR, LF and 0xFF in it. */
const FILE = Buffer.from(Uint8Array.from({ length: 300_000 }, (_, i) => (i * 31) ^ (i >> 7)));

const sha256 = (octets: Uint8Array) => createHash('sha256').update(octets).digest('hex');

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

type Settings = Partial<Parameters<typeof secureBasicFtp>[1]> & Parameters<typeof startServer>[1] & { login?: boolean };

async function connected(
  mechanism: TestMechanism,
  { commands = {}, login = true, ...options }: Settings = {},
): Promise<{ client: Client; server: FtpServer }> {
  const server = await startServer({ mechanisms: [mechanismWith(mechanism.mechanism, mechanism)] }, { commands });
  cleanups.push(() => server.close());
  const client = new Client(5000);
  cleanups.push(() => client.close());
  await client.connect('127.0.0.1', server.port);
  await secureBasicFtp(client, { mechanism: mechanism.mechanism, exchange: mechanism.initiator(), ...options });
  if (login) await client.login('anna', 'secret');
  return { client, server };
}

async function download(client: Client, name: string): Promise<Buffer> {
  const parts: Buffer[] = [];
  const sink = new Writable({
    write(chunk, _encoding, done) {
      parts.push(chunk);
      done();
    },
  });
  await client.downloadTo(sink, name);
  return Buffer.concat(parts);
}

const WITHOUT_EPSV: Settings = { commands: { EPSV: () => [502, 'Not implemented'] } };

describe.each([
  ['X-PSK, EPSV', PSK, true],
  ['X-PSK, PASV', PSK, false],
  ['Kerberos with AES, EPSV', kerberos(18), true],
  ['Kerberos with AES, PASV', kerberos(20), false],
] as const)('basic-ftp over %s', (_, mechanism, epsv) => {
  it('logs in, lists, sends and fetches, all of it private', async () => {
    const { client, server } = await connected(mechanism, epsv ? {} : WITHOUT_EPSV);
    for (const [name, text] of [
      ['a file', FILE],
      ['empty', Buffer.alloc(0)],
      ['one octet', Buffer.from('x')],
    ] as const) {
      await client.uploadFrom(Readable.from(text.length > 0 ? [text] : []), name);
      expect(server.files.get(name)?.equals(text)).toBe(true);
      expect((await download(client, name)).equals(text)).toBe(true);
    }
    expect((await client.list()).map(({ name, size }) => [name, size])).toEqual([
      ['a file', FILE.length],
      ['empty', 0],
      ['one octet', 1],
    ]);
    expect(await client.pwd()).toBe('/');
    expect((await client.features()).has('SIZE')).toBe(true);
    expect(server.heard.every(line => line.startsWith('private '))).toBe(true);
    expect(server.heard).toContain('private PASS secret');
    expect(server.failures).toEqual([]);
  });
});

/** A mechanism whose client is told that the server may require order. */
const inOrder = (mechanism: TestMechanism): TestMechanism => ({
  ...mechanism,
  initiator: () => {
    const exchange = mechanism.initiator();
    return { step: async token => ({ ...(await exchange.step(token)), facts: { inOrder: true } }) };
  },
});

/** Waits until an upload to the server runs. */
async function begun({ heard }: { heard: readonly string[] }): Promise<void> {
  while (!heard.some(line => line.includes('STOR'))) await new Promise(resolve => setTimeout(resolve, 5));
  await new Promise(resolve => setTimeout(resolve, 50));
}

describe('basic-ftp', () => {
  it.each(['safe', 'clear'] as const)('transfers at level %s when that is asked for', async protection => {
    const { client, server } = await connected(PSK, { protection, level: 'safe' });
    await client.uploadFrom(Readable.from([FILE]), 'a');
    expect((await download(client, 'a')).equals(FILE)).toBe(true);
    expect(server.heard).toContain('safe STOR a');
  });

  it('applies the settings of access after login, and transfers files unchanged', async () => {
    const { client, server } = await connected(PSK);
    const settings = ['FEAT', 'TYPE I', 'STRU F', 'OPTS UTF8 ON'].map(it => `private ${it}`);
    expect(server.heard.slice(2)).toEqual([...settings, expect.stringMatching(/^private OPTS MLST type;size;/)]);
    server.files.set('down', FILE);
    expect(sha256(await download(client, 'down'))).toBe(sha256(FILE));
    await client.uploadFrom(Readable.from([FILE]), 'up');
    expect(sha256(server.files.get('up')!)).toBe(sha256(FILE));
  });

  it('converts line ends if type A is selected', async () => {
    const { client, server } = await connected(PSK);
    await client.send('TYPE A');
    const lines = Buffer.from('one\n\r\n\xff\r\r\rtwo\n', 'latin1');
    const onTheWay = Buffer.from('one\r\n\r\r\n\xff\r\r\rtwo\r\n', 'latin1');
    server.files.set('down', lines);
    expect(sha256(await download(client, 'down'))).toBe(sha256(onTheWay));
    await client.uploadFrom(Readable.from([...onTheWay].map(octet => Buffer.of(octet))), 'up');
    expect(sha256(server.files.get('up')!)).toBe(sha256(lines));
    await expect(client.size('down')).rejects.toMatchObject({ code: 550 });
    await expect(client.downloadTo(new PassThrough(), 'down', 3)).rejects.toMatchObject({ code: 504 });
  });

  it('rejects the login if the server refuses TYPE I', async () => {
    const { client } = await connected(PSK, { login: false, commands: { TYPE: () => [504, 'Lines only'] } });
    await expect(client.login('anna', 'secret')).rejects.toMatchObject({ code: 504 });
  });

  it('learns of a download that is cut, though the server says 226', async () => {
    const { client, server } = await connected(PSK);
    server.files.set('a', FILE);
    server.cutAfter = 3;
    const error = await download(client, 'a').then(
      () => undefined,
      thrown => thrown,
    );
    expect(error).toBeInstanceOf(FtpSecurityError);
    expect(error.code).toBe('syntax/truncated');
    expect(client.closed).toBe(true);
  });

  it('learns that the server hung up during an upload', async () => {
    const { client, server } = await connected(PSK);
    const source = new PassThrough();
    const upload = client.uploadFrom(source, 'a');
    source.write(FILE);
    setTimeout(() => server.control[0]!.destroy(), 50);
    await expect(upload).rejects.toThrow();
  });

  it.each([
    ['Kerberos, whose server may require order', inOrder(kerberos(18))],
    ['X-PSK', PSK],
  ])('may be closed during an upload, which then fails: %s', async (_, mechanism) => {
    const { client, server } = await connected(mechanism);
    const source = new PassThrough();
    const upload = client.uploadFrom(source, 'a');
    const failed = expect(upload).rejects.toThrow('User closed client during task');
    source.write(FILE);
    await begun(server);
    const { socket } = client.ftp;
    client.close();
    await failed;
    expect(socket.destroyed).toBe(true);
  });

  it.each([
    ['Kerberos, whose server may require order', inOrder(kerberos(18))],
    ['X-PSK', PSK],
  ])('learns that the data connection of an upload was reset: %s', async (_, mechanism) => {
    const { client, server } = await connected(mechanism);
    const source = new PassThrough();
    const upload = client.uploadFrom(source, 'a');
    const failed = expect(upload).rejects.toThrow('cut');
    source.write(FILE);
    await begun(server);
    client.ftp.dataSocket!.destroy(new Error('cut'));
    await failed;
    expect(client.closed).toBe(true);
  });

  it('takes its time where the destination does, and no more memory', async () => {
    const server = await startServer({ mechanisms: [mechanismWith('X-PSK', PSK)] });
    cleanups.push(() => server.close());
    const client = new Client(1000);
    cleanups.push(() => client.close());
    await client.connect('127.0.0.1', server.port);
    await secureBasicFtp(client, { mechanism: 'X-PSK', exchange: PSK.initiator() });
    await client.login('anna', 'secret');
    server.files.set('a', Buffer.alloc(3_000_000, 7));
    let received = 0;
    const slow = new Writable({
      write(chunk, _encoding, done) {
        if (received === 0) expect(client.ftp.dataSocket!.readableLength).toBeLessThan(200_000);
        setTimeout(done, received === 0 ? 2500 : 0);
        received += chunk.length;
      },
    });
    await client.downloadTo(slow, 'a');
    expect(received).toBe(3_000_000);
  });

  it('stops a transfer whose keys are gone', async () => {
    const { client } = await connected(PSK);
    const source = new PassThrough();
    const upload = client.uploadFrom(source, 'a');
    source.write(FILE);
    await new Promise(resolve => setTimeout(resolve, 100));
    client.ftp.socket.destroy(new Error('enough'));
    await expect(upload).rejects.toThrow('enough');
  });

  it('opens no data connection once the control connection is gone', async () => {
    const { client, server } = await connected(PSK);
    const socket = connect({ host: '127.0.0.1', port: server.port });
    client.ftp.socket.destroy();
    client.ftp.dataSocket = socket;
    expect(socket.destroyed).toBe(true);
  });

  it('gives back the refusals of the server, inner code and all', async () => {
    const { client } = await connected(PSK);
    await expect(client.send('XYZ')).rejects.toMatchObject({ code: 502, message: '502 Not implemented' });
    expect((await client.send('NOOP')).code).toBe(200);
  });

  it('is closed when the server refuses the exchange', async () => {
    const server = await startServer({ mechanisms: [mechanismWith('X-OTHER', PSK)] });
    cleanups.push(() => server.close());
    const client = new Client(5000);
    await client.connect('127.0.0.1', server.port);
    const secured = secureBasicFtp(client, { mechanism: 'X-PSK', exchange: PSK.initiator() });
    await expect(secured).rejects.toMatchObject({ code: 'sequence/unexpected-reply' });
    expect(client.closed).toBe(true);
  });

  it('can connect again, in the clear, and be secured again', async () => {
    const { client, server } = await connected(PSK, { allowClearPassword: true });
    await client.uploadFrom(Readable.from([FILE]), 'a');
    for (const secure of [false, true]) {
      await client.connect('127.0.0.1', server.port);
      if (secure) await secureBasicFtp(client, { mechanism: 'X-PSK', exchange: PSK.initiator() });
      await client.login('anna', 'secret');
      if (!secure) await client.useDefaultSettings();
      expect((await download(client, 'a')).equals(FILE)).toBe(true);
    }
    expect(server.heard.at(-1)).toBe('private RETR a');
    expect(server.heard).toContain('clear RETR a');
  });
});

describe('basic-ftp on a new connection', () => {
  const anna = { user: 'anna', password: 'secret' };
  /** Every way in which a client that is connected anew logs in. */
  const LOGINS: Record<string, (client: Client, port: number) => Promise<unknown>> = {
    'access()': (client, port) => client.access({ host: '127.0.0.1', port, ...anna }),
    'connect() and login()': async (client, port) => {
      await client.connect('127.0.0.1', port);
      await client.login(anna.user, anna.password);
    },
    ...Object.fromEntries(
      ['USER anna', 'PASS secret', 'pass secret', ' PASS secret', 'PASS', 'ACCT secret'].map(command => [
        `connect() and send('${command}')`,
        async (client: Client, port: number) => {
          await client.connect('127.0.0.1', port);
          await client.send(command);
        },
      ]),
    ),
    'sendIgnoringError()': async (client, port) => {
      await client.connect('127.0.0.1', port);
      await client.sendIgnoringError('PASS secret');
    },
    'close() and access()': async (client, port) => {
      client.close();
      await client.access({ host: '127.0.0.1', port, ...anna });
    },
    'a lost connection and access()': async (client, port) => {
      client.ftp.socket.destroy(new Error('lost'));
      await client.access({ host: '127.0.0.1', port, ...anna });
    },
  };

  it.each(Object.entries(LOGINS))('sends neither name nor password in the clear: %s', async (_, login) => {
    const { client, server } = await connected(PSK);
    await expect(login(client, server.port)).rejects.toMatchObject({
      name: 'FtpSecurityError',
      code: 'sequence/unprotected',
      side: 'local',
      message: expect.stringContaining('reconnect'),
    });
    expect(server.heard.join()).not.toMatch(/clear \s*(user|pass|acct)/i);
    // The connection is as it was, and may be secured.
    await secureBasicFtp(client, { mechanism: 'X-PSK', exchange: PSK.initiator() });
    server.heard.length = 0;
    await client.login(anna.user, anna.password);
    expect(server.heard).toContain('private PASS secret');
  });

  const understood = Object.entries(LOGINS).filter(([name]) => !name.includes("' PASS"));
  it.each(understood)('does so by allowClearPassword: %s', async (_, login) => {
    const { client, server } = await connected(PSK, { allowClearPassword: true });
    await login(client, server.port).catch(error => expect(error).not.toBeInstanceOf(FtpSecurityError));
    expect(server.heard.join()).toMatch(/clear (USER|PASS|ACCT)/);
  });

  it.each(Object.entries(LOGINS))('is secured again by reconnect: %s', async (_, login) => {
    const { client, server } = await connected(PSK, { reconnect: PSK.initiator });
    for (let i = 0; i < 2; i++) {
      await login(client, server.port).catch(error => expect(error.message).toMatch(/^502|not a command|verb/));
      await client.login(anna.user, anna.password);
      await client.uploadFrom(Readable.from([FILE]), `file ${i}`);
    }
    expect(server.heard.filter(line => line.startsWith('clear'))).toEqual([]);
    expect(server.heard).toContain('private STOR file 1');
    expect(server.files.get('file 1')?.equals(FILE)).toBe(true);
  });

  it('fails, and is closed, where the exchange of reconnect fails', async () => {
    const { client, server } = await connected(PSK, {
      login: false,
      reconnect: () => pskInitiator({ key: new Uint8Array(32) }),
    });
    await expect(client.access({ host: '127.0.0.1', port: server.port, ...anna })).rejects.toMatchObject({
      name: 'FtpSecurityError',
    });
    expect(client.closed).toBe(true);
    expect(server.heard.filter(line => line !== 'private QUIT')).toEqual([]);
  });

  it('stays guarded when securing it has failed', async () => {
    const { client, server } = await connected(PSK);
    await client.connect('127.0.0.1', server.port);
    const exchange = pskInitiator({ key: new Uint8Array(32) });
    await expect(secureBasicFtp(client, { mechanism: 'X-PSK', exchange })).rejects.toThrow();
    await expect(client.access({ host: '127.0.0.1', port: server.port, ...anna })).rejects.toMatchObject({
      code: 'sequence/unprotected',
    });
  });

  it('may log in under TLS', async () => {
    const { client } = await connected(PSK);
    const sent: string[] = [];
    const tls = { encrypted: true, write: (line: string) => sent.push(line), removeAllListeners() {}, on() {} };
    Object.assign(tls, { destroy() {}, setTimeout() {} });
    Reflect.set(client.ftp, '_socket', tls);
    client.ftp.send('PASS secret');
    expect(sent).toEqual(['PASS secret\r\n']);
  });
});

/** GSI grants PROT P, but has no blocks. */
function withoutBlocks(): TestMechanism {
  const { initiator, acceptor } = pairOf(protocolOf(TLS_1_3, 'TLS_AES_128_GCM_SHA256'));
  return {
    mechanism: 'GSSAPI',
    initiator: () => ({ step: token => (token === undefined ? { token: new Uint8Array(1) } : { context: initiator }) }),
    acceptor: () => ({ step: () => ({ token: new Uint8Array(1), context: acceptor }) }),
  };
}

describe('a mechanism without blocks', () => {
  it('is refused with protected data connections, before one is opened', async () => {
    await expect(connected(withoutBlocks())).rejects.toMatchObject({
      code: 'security/level-unsupported',
      side: 'local',
    });
  });

  it('sends and fetches in the clear if that is asked for', async () => {
    const { client, server } = await connected(withoutBlocks(), { protection: 'clear' });
    await client.uploadFrom(Readable.from([FILE]), 'a file');
    expect(server.files.get('a file')?.equals(FILE)).toBe(true);
  });
});
