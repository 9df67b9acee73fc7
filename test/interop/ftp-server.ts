/**
 * A small FTP server on ServerControl: RFC 959 in passive mode, RFC 2428, RFC 3659, RFC 2228. It serves a folder to whom
 * the exchange has named; there are no passwords.
 */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { ServerControl, type ServerControlOptions } from '../../src/node/index.js';
import type { Exchange } from '../../src/secure/security-context.js';
import { type FtpServerOptions, type Noted, nameOf, Service } from './ftp-service.js';

export interface FtpServer {
  host: string;
  port: number;
  noted: Noted[];
  /** When nobody is served any more. */
  idle(): Promise<void>;
  close(): Promise<void>;
}

export async function startFtpServer(options: FtpServerOptions): Promise<FtpServer> {
  const { host = '127.0.0.1', limit } = options;
  const noted: Noted[] = [];
  const running = new Map<Socket, Promise<void>>();
  const listener = createServer({ noDelay: true, allowHalfOpen: true }, socket => {
    const answered: ServerControlOptions['answered'] = ({ command, code, error }) =>
      noted.push({ kind: 'answered', verb: command?.verb, code, error: error?.code });
    const mechanisms = Object.fromEntries(
      Object.entries(options.mechanisms).map(([name, make]) => [name, () => noting(make(), noted)]),
    );
    const control = new ServerControl(socket, { timeout: limit, answered, ...options, mechanisms });
    const served = new Service(control, options, host, noted)
      .run()
      .catch(error => void noted.push({ kind: 'failed', what: 'control connection', error: nameOf(error) }))
      .finally(() => running.delete(socket));
    running.set(socket, served);
  });
  listener.listen(0, host);
  await once(listener, 'listening');
  const idle = async () => void (await Promise.all(running.values()));
  const close = async () => {
    listener.close();
    for (const socket of running.keys()) socket.destroy();
    await idle();
  };
  return { host, port: (listener.address() as AddressInfo).port, noted, idle, close };
}

/** Refusals of an exchange are its owner's to know, and the client's is a code alone. */
function noting(exchange: Exchange, noted: Noted[]): Exchange {
  return {
    step: async token => {
      try {
        return await exchange.step(token);
      } catch (error) {
        noted.push({ kind: 'failed', what: 'exchange', error: nameOf(error) });
        throw error;
      }
    },
  };
}
