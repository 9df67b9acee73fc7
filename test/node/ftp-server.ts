/** The example server for the tests in this folder: any password is accepted, commands and errors are recorded. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ServerControlOptions } from '../../src/node/index.js';
import type { Command } from '../examples/ftp-service.js';
import { serve } from '../examples/server.js';
import { endBefore } from '../interop/fault-kinds.js';
import { blocks, type FaultProxy, startProxy } from '../interop/fault-proxy.js';

export interface FtpServer {
  port: number;
  files: { get(name: string): Buffer | undefined; set(name: string, octets: Uint8Array): void };
  /** Commands with their protection level, e.g. `private USER anna`. */
  heard: string[];
  /** What a session or a transfer failed with. */
  failures: Error[];
  /** Cuts each download after this number of blocks; the server still replies 226. */
  cutAfter: number | undefined;
  control: Socket[];
  close(): Promise<void>;
}

const COMMANDS: Readonly<Record<string, Command>> = {
  USER: () => [331, 'Password'],
  PASS: service => {
    service.login('anna');
    return [230, 'Logged in'];
  },
};

/** Listens on 127.0.0.1. @param commands  replacements for its commands */
export async function startServer(
  options: ServerControlOptions,
  { commands }: { commands?: Readonly<Record<string, Command>> } = {},
): Promise<FtpServer> {
  const folder = mkdtempSync(join(tmpdir(), 'rfc2228-node-'));
  const listener = createServer({ noDelay: true });
  const proxies: FaultProxy[] = [];
  const state: FtpServer = {
    port: 0,
    files: {
      get: name => (existsSync(join(folder, name)) ? readFileSync(join(folder, name)) : undefined),
      set: (name, octets) => writeFileSync(join(folder, name), octets),
    },
    heard: [],
    failures: [],
    cutAfter: undefined,
    control: [],
    close: () => {
      for (const socket of state.control) socket.destroy();
      for (const between of proxies) between.close();
      rmSync(folder, { recursive: true, force: true });
      return new Promise(resolve => listener.close(() => resolve()));
    },
  };
  listener.on('connection', socket => {
    state.control.push(socket);
    serve(socket, {
      timeout: 5000,
      ...options,
      folder,
      mayLogIn: () => true,
      commands: { ...COMMANDS, ...commands },
      heard: ({ level, command: { verb, argument } }) =>
        void state.heard.push(`${level} ${verb}${argument ? ` ${argument}` : ''}`),
      failed: (_, error) => void state.failures.push(error),
      announce: async port => {
        if (state.cutAfter === undefined) return port;
        const between = await startProxy('127.0.0.1', port, blocks, {
          from: 'server',
          fault: endBefore(state.cutAfter),
        });
        proxies.push(between);
        return between.port;
      },
    }).catch(error => state.failures.push(error));
  });
  state.port = await listening(listener);
  return state;
}

export async function listening(listener: Server): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    listener.once('error', reject);
    listener.listen(0, '127.0.0.1', resolve);
  });
  return (listener.address() as { port: number }).port;
}
