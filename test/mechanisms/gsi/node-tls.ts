/** Node's TLS, both sides over memory: each flight is a token, as in ADAT. */
import { Duplex } from 'node:stream';
import {
  type ConnectionOptions,
  connect,
  createSecureContext,
  type SecureContext,
  type SecureContextOptions,
  TLSSocket,
} from 'node:tls';
import { parseKeyLog } from '../../../src/mechanisms/gsi/index.js';
import type { KeyLog } from '../../../src/mechanisms/gsi/tls/key-log.js';
import type { Peer } from '../../../src/protection/mechanism.js';
import { file } from './vectors.js';

export interface Flight {
  from: Peer;
  token: Uint8Array;
}

export interface TlsPair {
  /** All that was said, octets of one side in a row joined. */
  flights: Flight[];
  keyLog(): KeyLog;
  /** Says something, and gives the token that it has become. */
  say(from: Peer, text: string | Uint8Array): Promise<Uint8Array>;
  /** Hands a token to a side, and gives what it has understood. */
  hear(by: Peer, token: Uint8Array): Promise<Buffer>;
  cipher: string;
  isResumed: boolean;
  /** For another pair, which goes on with this session. */
  resumption(): Resumption;
  end(): void;
}

export interface Resumption {
  session: Buffer;
  server: SecureContext;
}

export interface TlsOptions {
  version: 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3';
  ciphers: string;
  certificate?: 'rsa' | 'ecdsa';
  secureOptions?: number;
  /** Of the server: an other than the client begins with makes it ask for another hello. */
  curves?: string;
  resumption?: Resumption;
}

/** One end of the wire; what it is handed goes to its TLS. */
class End extends Duplex {
  readonly #said: (octets: Buffer) => void;

  constructor(said: (octets: Buffer) => void) {
    super({ allowHalfOpen: true });
    this.#said = said;
  }

  override _read(): void {}

  override _write(octets: Buffer, _: string, done: () => void): void {
    this.#said(Buffer.from(octets));
    done();
  }
}

const later = () => new Promise<void>(resolve => setImmediate(resolve));

export async function tlsPair(options: TlsOptions): Promise<TlsPair> {
  const flights: Flight[] = [];
  let lines = '';
  const ends: Partial<Record<Peer, End>> = {};
  let isConnected = true;
  const endOf = (from: Peer, to: Peer) =>
    new End(octets => {
      const last = flights.at(-1);
      if (last?.from === from) last.token = Buffer.concat([last.token, octets]);
      else flights.push({ from, token: octets });
      if (isConnected) setImmediate(() => ends[to]!.push(octets));
    });
  ends.client = endOf('client', 'server');
  ends.server = endOf('server', 'client');

  const name = options.certificate ?? 'rsa';
  const own = { key: file(`certificates/${name}.key`), cert: file(`certificates/${name}.crt`) };
  const shared: SecureContextOptions = {
    ...own,
    minVersion: options.version,
    maxVersion: options.version,
    ciphers: options.ciphers,
    secureOptions: options.secureOptions ?? 0,
  };
  const secureContext =
    options.resumption?.server ??
    createSecureContext({ ...shared, dhparam: 'auto', ecdhCurve: options.curves ?? 'auto', sessionIdContext: 'test' });
  const server = new TLSSocket(ends.server, {
    isServer: true,
    requestCert: true,
    rejectUnauthorized: false,
    secureContext,
  });
  let session: Buffer | undefined;
  const client = connect({
    ...shared,
    socket: ends.client,
    rejectUnauthorized: false,
    session: options.resumption?.session,
  } as ConnectionOptions);
  client.on('session', (given: Buffer) => {
    session = given;
  });
  client.on('keylog', (line: Buffer) => {
    lines += line.toString();
  });
  await Promise.all([secured(server, 'secure'), secured(client, 'secureConnect')]);
  // Session tickets come behind the handshake.
  for (let i = 0; i < 5; i++) await later();
  isConnected = false;

  const sides = { client, server };
  return {
    flights,
    keyLog: () => parseKeyLog(Buffer.from(lines)),
    cipher: client.getCipher().standardName,
    isResumed: client.isSessionReused(),
    resumption: () => ({ session: session!, server: secureContext }),
    async say(from, text) {
      const before = flights.length;
      // So that no octets are joined to those before.
      flights.push({ from: from === 'client' ? 'server' : 'client', token: new Uint8Array() });
      sides[from].write(text);
      for (let i = 0; i < 5; i++) await later();
      return flights.splice(before)[1]!.token;
    },
    async hear(by, token) {
      const parts: Buffer[] = [];
      const take = (part: Buffer) => parts.push(part);
      sides[by].on('data', take);
      ends[by]!.push(Buffer.from(token));
      for (let i = 0; i < 10; i++) await later();
      sides[by].off('data', take);
      return Buffer.concat(parts);
    },
    end() {
      client.destroy();
      server.destroy();
    },
  };
}

function secured(socket: TLSSocket, event: string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once(event, () => resolve());
    socket.once('error', reject);
  });
}
