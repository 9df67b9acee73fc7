/** basic-ftp, secured by the adapter, with the user's ticket. */
import { createHash } from 'node:crypto';
import { Readable, Writable } from 'node:stream';
import { Client } from 'basic-ftp';
import { secureBasicFtp } from '../../src/node/index.js';
import { initiator, type Tickets, USER } from './ftp-realm.js';

export type Level = 'safe' | 'private';

export interface ClientSettings {
  port: number;
  host?: string;
  /** Of the control connection and of data. */
  level: Level;
  /** Milliseconds for any answer. */
  timeout?: number;
  bufferSize?: number;
}

/** Connects, without a word of security yet. */
export async function connected({ host = '127.0.0.1', port, timeout = 10_000 }: ClientSettings): Promise<Client> {
  const client = new Client(timeout);
  await client.connect(host, port);
  return client;
}

export async function secured(client: Client, its: Tickets, { level, bufferSize }: ClientSettings): Promise<void> {
  await secureBasicFtp(client, {
    mechanism: 'GSSAPI',
    exchange: initiator(its),
    level,
    require: level,
    protection: level,
    ...(bufferSize !== undefined && { bufferSize }),
  });
}

export async function loggedIn(its: Tickets, settings: ClientSettings): Promise<Client> {
  const client = await connected(settings);
  await secured(client, its, settings);
  await client.login(USER);
  return client;
}

/** A file that type A changes, and the octets of that transfer. */
export const ODD = Buffer.from(`one\n\r\n\r\r\n\xff\xff\xf4\0${'\xff\n\rtwo\n'.repeat(20_000)}\r`, 'latin1');
export const ODD_LINES = Buffer.from(ODD.toString('latin1').replaceAll('\n', '\r\n'), 'latin1');

/** So many octets that look random and are the same each time, in pieces; `hash` is that of all once they have gone. */
export function madeOctets(length: number, seed = 1): { source: Readable; hash(): string; made(): number } {
  const hash = createHash('sha256');
  const piece = pieceOf(seed);
  let left = length;
  function* pieces() {
    for (; left > 0; left -= piece.length) {
      const next = left < piece.length ? piece.subarray(0, left) : piece;
      piece.writeUInt32BE(left >>> 0);
      hash.update(next);
      yield Buffer.from(next);
    }
  }
  const source = Readable.from(pieces(), { objectMode: false });
  return { source, hash: () => hash.digest('hex'), made: () => length - left };
}

function pieceOf(seed: number): Buffer {
  const piece = Buffer.alloc(0x1_0000);
  let state = seed;
  for (let i = 0; i < piece.length; i += 4) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    piece.writeUInt32LE(state, i);
  }
  return piece;
}

/** Takes octets, and holds none of them. */
export function hashing(): { sink: Writable; hash(): string; length(): number } {
  const hash = createHash('sha256');
  let length = 0;
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      length += chunk.length;
      done();
    },
  });
  return { sink, hash: () => hash.digest('hex'), length: () => length };
}

export function sha256(octets: Uint8Array): string {
  return createHash('sha256').update(octets).digest('hex');
}
