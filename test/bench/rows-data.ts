/** Data blocks beside MIT's C, and streams over loopback beside TLS of Node. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { cbc } from '@noble/ciphers/aes.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha1 } from '@noble/hashes/legacy.js';
import type { BlockCiphers } from '../../src/block-cipher.js';
import { BlockReader, BlockWriter } from '../../src/index.js';
import { nodeCiphers, protectData, unprotectData } from '../../src/node/index.js';
import type { TokenLevel } from '../../src/protection/protection-level.js';
import type { Row, Side } from './measure.js';
import type { Mit } from './mit.js';
import { contexts } from './realm.js';

const BUFFER = 65_536;

export function dataRows(mit: Mit | undefined): Row[] {
  const rows: Row[] = [];
  for (const enctype of [18, 20]) {
    for (const level of ['private', 'safe'] as const) {
      for (const ciphers of [undefined, nodeCiphers]) {
        for (const work of ['read', 'make'] as const) rows.push(blockRow(mit, { work, enctype, level, ciphers }));
      }
    }
  }
  return rows;
}

interface Shape {
  work: 'read' | 'make';
  enctype: number;
  level: TokenLevel;
  ciphers: BlockCiphers | undefined;
}

const named = (ciphers: BlockCiphers | undefined) => (ciphers === undefined ? '' : ', with nodeCiphers');

function blockRow(mit: Mit | undefined, { work, enctype, level, ciphers }: Shape): Row {
  const [from, to] = contexts(enctype, ciphers);
  const size = from.wrapSizeLimit(level, BUFFER);
  const text = new Uint8Array(size).fill(0x78);
  const sealed = level === 'private';
  let blocks: Uint8Array[] = [];
  const writing = () => new BlockWriter(from, level, { bufferSize: BUFFER });
  const make = (count: number) => {
    const writer = writing();
    for (let i = 0; i < count; i++) writer.write(text);
  };
  const read = () => {
    const reader = new BlockReader(to, level, { bufferSize: BUFFER });
    for (const block of blocks) {
      reader.push(block);
      if (reader.next()?.length !== size) throw new Error('not the block that was sent');
    }
  };
  const ours: Side =
    work === 'make'
      ? { name: 'ours', run: make }
      : {
          name: 'ours',
          prepare(count) {
            const writer = writing();
            blocks = Array.from({ length: count }, () => writer.write(text));
          },
          run: read,
        };
  const worker = mit?.of(enctype);
  const theirs = (count: number) => worker!.messages(work === 'make' ? 'wrap' : 'unwrap', sealed, size, count);
  return {
    name: `${work} a ${level} data block of 64 KiB, enctype ${enctype}${named(ciphers)}`,
    sides: [ours, ...(worker === undefined ? [] : [{ name: 'MIT', run: theirs }])],
    ...(sealed && ciphers !== undefined && { goals: { MIT: 1 / 3 } }),
  };
}

const FILE = 16 * 2 ** 20;
const CHUNK = Buffer.alloc(65_536, 'rfc2228 ');

export async function streamRows(): Promise<Row[]> {
  const tls = await tlsSide();
  return [undefined, nodeCiphers].map(ciphers => ({
    name: `a private stream of 16 MiB over loopback, both ends, enctype 18${named(ciphers)}`,
    count: 1,
    sides: [protectedSide(ciphers), tls, ...(ciphers === undefined ? [nobleSide()] : [])],
    goals: { TLS: ciphers === undefined ? 1 / 0.06 : 1 / 0.3 },
  }));
}

function protectedSide(ciphers: BlockCiphers | undefined): Side {
  return {
    name: 'ours',
    async run() {
      const [from, to] = contexts(18, ciphers);
      const server = createServer();
      const [sending, receiving] = await connected(server, port => connect(port, '127.0.0.1'), 'connection');
      const options = { bufferSize: BUFFER };
      const sink = counter();
      await Promise.all([
        pipeline(file(), protectData(new BlockWriter(from, 'private', options)), sending),
        pipeline(receiving, unprotectData(new BlockReader(to, 'private', options)), sink),
      ]);
      server.close();
    },
  };
}

/** What noble's functions take for the cipher and the checksum of both ends, one block at a time: no stream of theirs takes less. */
function nobleSide(): Side {
  const [key, iv] = [new Uint8Array(32).fill(1), new Uint8Array(16)];
  const plaintext = new Uint8Array(BUFFER).fill(0x78);
  return {
    name: 'noble alone',
    run() {
      for (let octets = 0; octets < FILE; octets += BUFFER) {
        const encrypted = cbc(key, iv, { disablePadding: true }).encrypt(plaintext);
        hmac(sha1, key, plaintext);
        hmac(sha1, key, cbc(key, iv, { disablePadding: true }).decrypt(encrypted));
      }
    },
  };
}

async function tlsSide(): Promise<Side> {
  const folder = mkdtempSync(join(tmpdir(), 'rfc2228-bench-'));
  const [key, cert] = [join(folder, 'key'), join(folder, 'cert')];
  const request = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  execFileSync('openssl', [...request, '-subj', '/CN=localhost', '-keyout', key, '-out', cert], { stdio: 'ignore' });
  const credentials = { key: readFileSync(key), cert: readFileSync(cert) };
  rmSync(folder, { recursive: true });
  return {
    name: 'TLS',
    async run() {
      const server = createTlsServer(credentials);
      const dial = (port: number) => connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false });
      const [sending, receiving] = await connected(server, dial, 'secureConnection');
      await Promise.all([pipeline(file(), sending), pipeline(receiving, counter())]);
      server.close();
    },
  };
}

async function connected(
  server: Server,
  dial: (port: number) => Socket,
  event: 'connection' | 'secureConnection',
): Promise<[Socket, Socket]> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, event);
  const sending = dial((server.address() as { port: number }).port);
  const [receiving] = await accepted;
  return [sending, receiving as Socket];
}

function file(): Readable {
  let left = FILE;
  return new Readable({
    read() {
      left -= CHUNK.length;
      this.push(left < 0 ? null : CHUNK);
    },
  });
}

/** Takes a file, and fails if it is another. */
function counter(): Writable {
  let received = 0;
  return new Writable({
    write(chunk: Uint8Array, _encoding, done) {
      received += chunk.length;
      done();
    },
    final: done => done(received === FILE ? null : new Error(`${received} octets came`)),
  });
}
