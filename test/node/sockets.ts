/** Sockets in memory and on 127.0.0.1, for the tests of streams. */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { listening } from './ftp-server.js';

/** Two ends of a connection in memory. What is written at one comes out of the other, in pieces of at most `most` octets. */
export function inMemory(most = Number.POSITIVE_INFINITY): [Duplex, Duplex] {
  const ends: Duplex[] = [0, 1].map(
    mine =>
      new Duplex({
        read() {
          const resume = waiting[mine];
          waiting[mine] = undefined;
          resume?.();
        },
        write(chunk: Buffer, _encoding, done) {
          const other = ends[1 - mine]!;
          let room = true;
          for (let at = 0; at < chunk.length; at += most) room = other.push(chunk.subarray(at, at + most));
          if (room) done();
          else waiting[1 - mine] = done;
        },
        final(done) {
          ends[1 - mine]!.push(null);
          done();
        },
      }),
  );
  const waiting: ((() => void) | undefined)[] = [];
  return [ends[0]!, ends[1]!];
}

/** Two ends of a TCP connection. */
export async function onLoopback(): Promise<[Socket, Socket]> {
  const listener = createServer({ noDelay: true });
  const accepted = new Promise<Socket>(resolve => {
    listener.once('connection', resolve);
  });
  const client = connect({ host: '127.0.0.1', port: await listening(listener), noDelay: true });
  const [server] = await Promise.all([accepted, once(client, 'connect')]);
  listener.close();
  return [client, server];
}
