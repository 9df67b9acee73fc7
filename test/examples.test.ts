/** The example server without protection, command by command. With protection: test/node, test/interop. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, type Readable, type Writable } from 'node:stream';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { parseReply } from '../src/ftp/reply.js';
import { psk, pskInitiator } from '../src/mechanisms/psk/index.js';
import { protectCommand, unprotectReply } from '../src/protection/protect.js';
import { formatAdat, parseAdatReply } from '../src/protection/security-data.js';
import { connectToClient } from './examples/data-connections.js';
import { Folder } from './examples/folder.js';
import { FtpService } from './examples/ftp-service.js';
import { type FtpServerOptions, serve } from './examples/server.js';
import { ascii } from './helpers.js';

/** A file on disk, and its octets in a transfer of type A. */
const FILE = Buffer.from(`one\n\r\n\r\r\n\xff\xff\xf4\n${'\rtwo\xff\n\n'.repeat(30_000)}\r`, 'latin1');
const LINES = Buffer.from(FILE.toString('latin1').replaceAll('\n', '\r\n'), 'latin1');
const sha256 = (octets: Uint8Array) => createHash('sha256').update(octets).digest('hex');

const textOf = (line: Uint8Array) => Buffer.from(line).toString('latin1').trimEnd();

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** In octets, the hidden files first. */
const sizesIn = (folder: string) =>
  readdirSync(folder)
    .sort()
    .map(name => statSync(join(folder, name)).size);

/** Sends RST. `resetAndDestroy` sends FIN before it, which may pass for the end of the file. */
function reset(socket: Socket): void {
  const { _handle } = socket as unknown as { _handle: { reset(done: () => void): void } };
  _handle.reset(() => socket.destroy());
}

interface Client {
  socket: Socket;
  folder: string;
  failures: string[];
  /** Sends a command and returns the last line of the reply. */
  say(command: string): Promise<string>;
  hear(): Promise<string>;
}

async function client(host: string, options: Partial<FtpServerOptions> = {}): Promise<Client> {
  const folder = mkdtempSync(join(tmpdir(), 'rfc2228-example-'));
  cleanups.push(() => rmSync(folder, { recursive: true }));
  const failures: string[] = [];
  const failed = (what: string, error: Error) => void failures.push(`${what} ${error.message}`);
  const its = {
    folder,
    mechanisms: [],
    timeout: 5000,
    mayLogIn: (user: string) => user === 'anna',
    failed,
    ...options,
  };
  const served: Promise<void>[] = [];
  const listener = createServer({ allowHalfOpen: true, noDelay: true }, control => {
    served.push(serve(control, its).catch(error => failed('control', error)));
  });
  listener.listen(0, host);
  await once(listener, 'listening');
  const socket = connect({ host, port: (listener.address() as AddressInfo).port });
  cleanups.push(async () => {
    socket.destroy();
    listener.close();
    await Promise.all(served);
  });
  const lines = socket.setEncoding('latin1').iterator()[Symbol.asyncIterator]();
  let text = '';
  const hear = async () => {
    for (;;) {
      const found = /^\d{3} .*?(?=\r\n)/m.exec(text);
      if (found !== null) {
        text = text.slice(found.index + found[0].length + 2);
        return found[0];
      }
      const { done, value } = await lines.next();
      if (done === true) return '(end)';
      text += value;
    }
  };
  const say = (command: string) => {
    socket.write(`${command}\r\n`);
    return hear();
  };
  expect(await hear()).toBe('220 Ready');
  return { socket, folder, failures, say, hear };
}

async function loggedIn(host = '127.0.0.1', options: Partial<FtpServerOptions> = {}): Promise<Client> {
  const its = await client(host, options);
  expect(await its.say('USER anna')).toMatch(/^232 /);
  return its;
}

/** Prepares a data connection; the result opens it after the 150 reply. */
type Way = (its: Client, host: string) => Promise<() => Promise<Socket>>;

const portIn = (reply: string) => Number(/\|\|\|(\d+)\|/.exec(reply)?.[1]);
const passive =
  (host: string, port: number): (() => Promise<Socket>) =>
  async () => {
    const socket = connect({ host, port, allowHalfOpen: true });
    await once(socket, 'connect');
    return socket;
  };
const active = async (host: string, tell: (port: number) => Promise<string>): Promise<() => Promise<Socket>> => {
  const listener = createServer({ allowHalfOpen: true }).listen(0, host);
  await once(listener, 'listening');
  const accepted = once(listener, 'connection').finally(() => listener.close());
  expect(await tell((listener.address() as AddressInfo).port)).toMatch(/^200 /);
  return async () => (await accepted)[0];
};

const WAYS: Readonly<Record<string, Way>> = {
  PASV: async ({ say }, host) => {
    const [, high, low] = /,(\d+),(\d+)\)$/.exec(await say('PASV'))!;
    return passive(host, Number(high) * 256 + Number(low));
  },
  EPSV: async ({ say }, host) => passive(host, portIn(await say('EPSV'))),
  PORT: ({ say }, host) => active(host, port => say(`PORT ${host.replaceAll('.', ',')},${port >> 8},${port & 255}`)),
  EPRT: ({ say }, host) => active(host, port => say(`EPRT |${host === '::1' ? 2 : 1}|${host}|${port}|`)),
};

async function retrieve(its: Client, way: Way, host: string, command: string): Promise<Buffer> {
  const opened = await way(its, host);
  expect(await its.say(command)).toMatch(/^150 /);
  const socket = await opened();
  const parts: Buffer[] = [];
  for await (const part of socket) parts.push(part);
  socket.destroy();
  expect(await its.hear()).toMatch(/^226 /);
  return Buffer.concat(parts);
}

async function store(its: Client, way: Way, host: string, name: string, octets: Uint8Array): Promise<void> {
  const opened = await way(its, host);
  expect(await its.say(`STOR ${name}`)).toMatch(/^150 /);
  (await opened()).end(octets);
  expect(await its.hear()).toMatch(/^226 /);
}

const BOTH: readonly (readonly [string, string])[] = [
  ['PASV', '127.0.0.1'],
  ['EPSV', '127.0.0.1'],
  ['PORT', '127.0.0.1'],
  ['EPRT', '127.0.0.1'],
  ['EPSV', '::1'],
  ['EPRT', '::1'],
];

describe('the example server', () => {
  it.each(BOTH)('transfers files in types A and I, by %s over %s', async (verb, host) => {
    const its = await loggedIn(host);
    const way = WAYS[verb]!;
    writeFileSync(join(its.folder, 'down'), FILE);
    const hashOf = (name: string) => sha256(readFileSync(join(its.folder, name)));
    expect(sha256(await retrieve(its, way, host, 'RETR down')), 'type A is the default').toBe(sha256(LINES));
    await store(its, way, host, 'lines', LINES);
    expect(hashOf('lines')).toBe(sha256(FILE));
    expect(await its.say('TYPE I')).toMatch(/^200 /);
    expect(sha256(await retrieve(its, way, host, 'RETR down'))).toBe(sha256(FILE));
    await store(its, way, host, 'octets', LINES);
    expect(hashOf('octets')).toBe(sha256(LINES));
    expect((await retrieve(its, way, host, 'LIST')).toString()).toMatch(/ down\r\n.* lines\r\n.* octets\r\n$/);
    expect(await its.say('TYPE A')).toMatch(/^200 /);
    expect(sha256(await retrieve(its, way, host, 'RETR down'))).toBe(sha256(LINES));
    expect(its.failures).toEqual([]);
  });

  it('refuses other types, and SIZE and REST in type A', async () => {
    const { say, folder } = await loggedIn();
    writeFileSync(join(folder, 'file'), FILE);
    const replies = ['TYPE E', 'TYPE A T', 'SIZE file', 'REST 3', 'REST 0', 'TYPE L 8', 'SIZE file', 'REST 3'];
    const codes = [];
    for (const command of replies) codes.push((await say(command)).slice(0, 3));
    expect(codes).toEqual(['504', '504', '550', '504', '350', '200', '213', '350']);
  });

  it('accepts PASS after 232, and refuses other users', async () => {
    const { say } = await client('127.0.0.1');
    expect(await say('PASS secret')).toMatch(/^530 /);
    expect(await say('USER root')).toMatch(/^530 /);
    expect(await say('PASS secret')).toMatch(/^530 /);
    expect(await say('PWD')).toMatch(/^530 /);
    expect(await say('USER anna')).toMatch(/^232 /);
    expect(await say('PASS secret')).toMatch(/^230 /);
    expect(await say('PWD')).toMatch(/^257 /);
    expect(await say('REIN')).toMatch(/^220 /);
    expect(await say('PWD')).toMatch(/^530 /);
    expect(await say('constructor')).toMatch(/^502 /);
  });

  it('ends the login when an association begins', async () => {
    const key = new Uint8Array(32).fill(7);
    const its = await loggedIn('127.0.0.1', { mechanisms: [psk({ acceptor: { key } })] });
    expect(await its.say('PWD')).toMatch(/^257 /);
    const exchange = pskInitiator({ key });
    const adat = async (reply?: string) => {
      const step = await exchange.step(
        reply === undefined ? undefined : parseAdatReply(parseReply(ascii(`${reply}\r\n`))).token,
      );
      return { ...step, command: textOf(formatAdat(step.token!)) };
    };
    expect(await its.say('AUTH X-PSK')).toMatch(/^334 /);
    const opening = await adat();
    const { command, context } = await adat(await its.say(opening.command));
    expect(await its.say(command)).toMatch(/^235/);
    const protectedly = async (text: string) => {
      const reply = await its.say(textOf(protectCommand(context!, 'private', ascii(text))));
      return unprotectReply(context!, parseReply(ascii(`${reply}\r\n`))).inner.code;
    };
    expect(await protectedly('PWD')).toBe(530);
    expect(await protectedly('USER anna')).toBe(232);
    expect(await protectedly('PWD')).toBe(257);
  });

  it.each([
    ['PORT 127,0,0,2,200,1', 504],
    ['PORT 10,0,0,1,200,1', 504],
    ['PORT 127,0,0,1,0,25', 504],
    ['PORT 127,0,0,1,256,1', 501],
    ['PORT 127,0,0,1,4,256', 501],
    ['PORT 127,0,0,1', 501],
    ['PORT |1|127.0.0.1|5000|', 501],
    ['EPRT |1|127.0.0.2|5000|', 504],
    ['EPRT |1|127.0.0.1|1023|', 504],
    ['EPRT |1|127.0.0.1|65536|', 501],
    ['EPRT |1|::1|5000|', 501],
    ['EPRT |2|::1|5000|', 522],
    ['EPRT |3|127.0.0.1|5000|', 522],
    ['EPRT |1|localhost|5000|', 501],
    ['EPSV 2', 522],
    ['EPSV ALL', 504],
    ['RETR file', 425],
  ])('connects to its client only: %s gets %d', async (command, code) => {
    const { say, folder } = await loggedIn();
    writeFileSync(join(folder, 'file'), FILE);
    expect(await say(command)).toMatch(new RegExp(`^${code} `));
  });

  it('accepts any notation of the address of its client', async () => {
    const { say } = await loggedIn('::1');
    expect(await say('EPRT |2|0:0:0:0:0:0:0:1|5000|')).toMatch(/^200 /);
    expect(await say('EPRT |2|::2|5000|')).toMatch(/^504 /);
    expect(await say('PASV')).toMatch(/^522 /);
  });

  it('closes data connections from other addresses', async () => {
    const its = await loggedIn();
    writeFileSync(join(its.folder, 'file'), FILE);
    await its.say('TYPE I');
    const port = portIn(await its.say('EPSV'));
    const thief = connect({ host: '127.0.0.1', port, localAddress: '127.0.0.2' });
    await once(thief.resume(), 'close');
    expect(thief.bytesRead).toBe(0);
    expect(await its.say('RETR file')).toMatch(/^150 /);
    const parts: Buffer[] = [];
    for await (const part of await passive('127.0.0.1', port)()) parts.push(part);
    expect(sha256(Buffer.concat(parts))).toBe(sha256(FILE));
  });

  it('limits the time for opening a data connection, and keeps one listener only', async () => {
    const its = await loggedIn('127.0.0.1', { timeout: 300 });
    writeFileSync(join(its.folder, 'file'), FILE);
    const [first, second] = [portIn(await its.say('EPSV')), portIn(await its.say('EPSV'))];
    await expect(passive('127.0.0.1', first)()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    expect(await its.say('RETR file')).toMatch(/^150 /);
    expect(await its.hear()).toMatch(/^425 /);
    await expect(passive('127.0.0.1', second)()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    const closed = createServer().listen(0, '127.0.0.1');
    await once(closed, 'listening');
    const { port } = closed.address() as AddressInfo;
    closed.close();
    expect(await its.say(`EPRT |1|127.0.0.1|${port}|`)).toMatch(/^200 /);
    expect(await its.say('RETR file')).toMatch(/^150 /);
    expect(await its.hear()).toMatch(/^425 /);
  });

  it('aborts a transfer whose data connection is still being opened', async () => {
    const data = connectToClient(1024, { local: '127.0.0.1', remote: '127.0.0.1', timeout: 5000 });
    const opened = data.open();
    data.close();
    await expect(opened).rejects.toThrow('closed');
    const its = await loggedIn();
    writeFileSync(join(its.folder, 'file'), FILE);
    const client = createServer().listen(0, '127.0.0.1');
    await once(client, 'listening');
    cleanups.push(() => client.close());
    const { port } = client.address() as AddressInfo;
    its.socket.write(`EPRT |1|127.0.0.1|${port}|\r\nRETR file\r\nABOR\r\n`);
    const replies: string[] = [];
    while (replies.at(-1) !== '226 No transfer is running') replies.push(await its.hear());
    expect(replies).toHaveLength(4);
  });

  it('keeps the old file if an upload fails or is aborted', async () => {
    const its = await loggedIn();
    writeFileSync(join(its.folder, 'file'), 'old');
    for (const end of ['reset', 'ABOR'] as const) {
      const opened = await WAYS['EPSV']!(its, '127.0.0.1');
      expect(await its.say('STOR file')).toMatch(/^150 /);
      const data = await opened();
      data.on('error', () => {}).write('x'.repeat(1000));
      // A reset before the server has read everything may pass for the end of the file.
      await vi.waitFor(() => expect(sizesIn(its.folder)).toEqual([1000, 3]));
      if (end === 'ABOR') its.socket.write('ABOR\r\n');
      else reset(data);
      expect(await its.hear()).toMatch(/^426 /);
      if (end === 'ABOR') expect(await its.hear()).toMatch(/^226 /);
      expect(readdirSync(its.folder)).toEqual(['file']);
      expect(readFileSync(join(its.folder, 'file'), 'utf8')).toBe('old');
    }
    mkdirSync(join(its.folder, 'folder'));
    const opened = await WAYS['EPSV']!(its, '127.0.0.1');
    expect(await its.say('STOR folder')).toMatch(/^150 /);
    (await opened()).end(FILE);
    expect(await its.hear()).toMatch(/^550 /);
    expect(readdirSync(its.folder)).toEqual(['file', 'folder']);
  });

  it('removes the partial file if the client disconnects', async () => {
    const its = await loggedIn();
    const opened = await WAYS['EPSV']!(its, '127.0.0.1');
    expect(await its.say('STOR file')).toMatch(/^150 /);
    (await opened()).on('error', () => {}).write(FILE);
    await vi.waitFor(() => expect(readdirSync(its.folder)).toHaveLength(1));
    its.socket.destroy();
    await vi.waitFor(() => expect(readdirSync(its.folder)).toEqual([]));
  });

  it('does not leave its folder', async () => {
    const its = await loggedIn();
    mkdirSync(join(its.folder, 'inner'));
    symlinkSync('/etc', join(its.folder, 'link'));
    symlinkSync('/etc/passwd', join(its.folder, 'inner', 'passwd'));
    for (const name of ['../../../etc/passwd', '/etc/passwd', 'link/passwd', 'inner/passwd', 'inner', '']) {
      await WAYS['EPSV']!(its, '127.0.0.1');
      expect(await its.say(`RETR ${name}`), name).toMatch(/^550 /);
    }
    for (const name of ['link/new', 'inner/passwd', 'none/new']) {
      await WAYS['EPSV']!(its, '127.0.0.1');
      expect(await its.say(`STOR ${name}`), name).toMatch(/^550 /);
    }
    expect(await its.say('CWD link')).toMatch(/^550 /);
  });
});

describe('a file that is being received', () => {
  it('is open before the transfer begins, so that no failure comes when nothing listens', async () => {
    const root = mkdtempSync(join(tmpdir(), 'rfc2228-folder-'));
    cleanups.push(() => rmSync(root, { recursive: true, force: true }));
    const { sink, keep, drop } = await (await Folder.at(root)).write('a', 0);
    expect(sink).toMatchObject({ pending: false });
    rmSync(root, { recursive: true });
    await expect(keep()).rejects.toThrow('ENOENT');
    await drop();
  });
});

describe('a transfer that can not begin, since the client has gone', () => {
  it.each(['STOR new', 'RETR old'])('closes its file, and leaves no part of it: %s', async command => {
    const folder = mkdtempSync(join(tmpdir(), 'rfc2228-gone-'));
    writeFileSync(join(folder, 'old'), 'text');
    const control = { localAddress: '127.0.0.1', remoteAddress: '127.0.0.1' } as Socket;
    const plain = () => new PassThrough();
    const options = { folder, mayLogIn: () => true, outgoing: plain, incoming: plain, timeout: 5000 };
    const service = new FtpService(control, options);
    const closed: boolean[] = [];
    for (const line of ['USER anna', 'TYPE I', 'PASV']) {
      const [verb, argument] = line.split(' ');
      await service.carryOut(verb!, argument, async () => {});
    }
    const watch = <T extends object>(made: T, stream: (made: T) => Readable | Writable) => {
      stream(made).on('close', () => closed.push(true));
      return made;
    };
    const { files } = service;
    const [read, write] = [files.read.bind(files), files.write.bind(files)];
    vi.spyOn(files, 'read').mockImplementation(async (...its) => watch(await read(...its), it => it));
    vi.spyOn(files, 'write').mockImplementation(async (...its) => watch(await write(...its), ({ sink }) => sink));
    const [verb, argument] = command.split(' ');
    const gone = async () => {
      throw new Error('gone');
    };
    await expect(service.carryOut(verb!, argument, gone)).rejects.toThrow('gone');
    await service.close();
    await vi.waitFor(() => expect(closed).toEqual([true]));
    expect(readdirSync(folder)).toEqual(['old']);
    rmSync(folder, { recursive: true });
  });
});
