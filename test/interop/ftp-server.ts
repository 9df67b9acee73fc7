/** The example server for the live tests: on any address, with any mechanism; commands, replies and errors are recorded. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import type { ServerControlOptions } from '../../src/node/index.js';
import type { Exchange } from '../../src/protection/mechanism.js';
import { type FtpServerOptions, serve } from '../examples/server.js';

/** What the server has seen, in order. */
export type Noted =
  | { kind: 'command'; verb: string; level: string; tolerated: readonly string[] }
  | { kind: 'replied'; code: number }
  | { kind: 'answered'; verb: string | undefined; code: number; error: string | undefined }
  | { kind: 'failed'; what: string; error: string };

export interface FtpServer {
  host: string;
  port: number;
  noted: Noted[];
  /** Resolves when no client is served any more. */
  idle(): Promise<void>;
  close(): Promise<void>;
}

/** @param host  127.0.0.1 or ::1. Default the first */
export async function startFtpServer({
  host = '127.0.0.1',
  ...options
}: FtpServerOptions & { host?: string }): Promise<FtpServer> {
  const noted: Noted[] = [];
  const running = new Map<Socket, Promise<void>>();
  const failed = (what: string, error: Error) => void noted.push({ kind: 'failed', what, error: nameOf(error) });
  const noting: Partial<FtpServerOptions> = {
    heard: ({ command: { verb }, level, tolerated }) => noted.push({ kind: 'command', verb, level, tolerated }),
    replied: ([code]) => noted.push({ kind: 'replied', code }),
    answered: ({ command, code, error, ends }) => {
      noted.push({ kind: 'answered', verb: command?.verb, code, error: error?.code });
      if (ends) noted.push({ kind: 'replied', code: 421 });
    },
    failed,
    mechanisms: notingMechanisms(options.mechanisms, failed),
  };
  const listener = createServer({ noDelay: true, allowHalfOpen: true }, socket => {
    const served = serve(socket, { ...options, ...noting })
      .catch(error => failed('control connection', error))
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

type Mechanisms = ServerControlOptions['mechanisms'];

/** Refusals of an exchange are its owner's to know, and the client's is a code alone. */
function notingMechanisms(mechanisms: Mechanisms, failed: (what: string, error: Error) => void): Mechanisms {
  const noting = (exchange: Exchange): Exchange => ({
    step: async token => {
      try {
        return await exchange.step(token);
      } catch (error) {
        failed('exchange', error as Error);
        throw error;
      }
    },
  });
  return mechanisms.map(it => ({ ...it, acceptor: () => noting(it.acceptor!()) }));
}

function nameOf(error: Error): string {
  return (error as NodeJS.ErrnoException).code ?? error.message;
}
