import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { protectData, unprotectData } from '../../src/node/index.js';
import { BlockReader, BlockWriter } from '../../src/protection/data-block.js';
import type { SecurityContext } from '../../src/protection/mechanism.js';
import type { TokenLevel } from '../../src/protection/protection-level.js';
import { contextPair } from '../mechanisms/krb5/tokens.js';
import { pskSubject } from '../mechanisms/psk/subject.js';
import { onLoopback } from './sockets.js';

const FILE = Buffer.from(Uint8Array.from({ length: 200_000 }, (_, i) => (i * 31) ^ (i >> 7)));
const PBSZ = { bufferSize: 4096 };

function sink(parts: Buffer[] = [], delay = 0): Writable {
  return new Writable({
    highWaterMark: 4096,
    write(chunk, _encoding, done) {
      parts.push(chunk);
      if (delay === 0) done();
      else setTimeout(done, delay);
    },
  });
}

async function wireOf(context: SecurityContext, level: TokenLevel, file: Buffer): Promise<Buffer> {
  const parts: Buffer[] = [];
  await pipeline(Readable.from([file]), protectData(new BlockWriter(context, level, PBSZ)), sink(parts));
  return Buffer.concat(parts);
}

async function read(context: SecurityContext, level: TokenLevel, chunks: Iterable<Buffer>) {
  const parts: Buffer[] = [];
  const error = await pipeline(
    Readable.from(chunks),
    unprotectData(new BlockReader(context, level, PBSZ)),
    sink(parts),
  ).then(
    () => undefined,
    thrown => thrown.code as string,
  );
  return { text: Buffer.concat(parts), error };
}

describe('data connections as streams', () => {
  it.each([
    ['X-PSK', pskSubject.contexts],
    ['Kerberos with AES', () => contextPair(18)],
    ['Kerberos with RC4', () => contextPair(23)],
  ])('carry a file over a socket: %s', async (_, contexts) => {
    const { initiator, acceptor } = await contexts();
    for (const file of [FILE, Buffer.alloc(0), Buffer.from('x')]) {
      const [from, to] = await onLoopback();
      const parts: Buffer[] = [];
      await Promise.all([
        pipeline(Readable.from([file]), protectData(new BlockWriter(initiator, 'private', PBSZ)), from),
        pipeline(to, unprotectData(new BlockReader(acceptor, 'private', PBSZ)), sink(parts)),
      ]);
      expect(Buffer.concat(parts).equals(file)).toBe(true);
    }
  });

  it('take octets one by one', async () => {
    const { initiator, acceptor } = await pskSubject.contexts();
    const file = FILE.subarray(0, 10_000);
    const wire = await wireOf(initiator, 'safe', file);
    const { text, error } = await read(
      acceptor,
      'safe',
      Array.from(wire, octet => Buffer.of(octet)),
    );
    expect(error).toBeUndefined();
    expect(text.equals(file)).toBe(true);
  });

  it('never end well before the file does', async () => {
    const { initiator, acceptor } = await pskSubject.contexts();
    for (const missing of [1, 29, 30, 5000]) {
      const wire = await wireOf(initiator, 'private', FILE);
      expect((await read(acceptor, 'private', [wire.subarray(0, -missing)])).error).toBe('syntax/truncated');
    }
  });

  it('fail where a block has been changed, and give nothing of it', async () => {
    const { initiator, acceptor } = await pskSubject.contexts();
    const wire = await wireOf(initiator, 'private', FILE);
    wire[10_000]! ^= 1;
    const { text, error } = await read(acceptor, 'private', [wire]);
    expect(error).toBe('security/bad-checksum');
    expect(text.equals(FILE.subarray(0, text.length))).toBe(true);
    expect(text.length).toBeLessThan(10_000);
  });

  it('fail when the connection is cut', async () => {
    const { initiator, acceptor } = await pskSubject.contexts();
    const [from, to] = await onLoopback();
    const reading = pipeline(to, unprotectData(new BlockReader(acceptor, 'private', PBSZ)), sink());
    from.write((await wireOf(initiator, 'private', FILE)).subarray(0, 100_000));
    setTimeout(() => from.resetAndDestroy(), 20);
    await expect(reading).rejects.toThrow();
  });

  it('fail when the mechanism does', async () => {
    const { initiator } = await pskSubject.contexts();
    const writer = new BlockWriter(initiator, 'private', PBSZ);
    initiator.destroy();
    await expect(pipeline(Readable.from([FILE]), protectData(writer), sink())).rejects.toMatchObject({
      code: 'sequence/closed',
    });
  });

  it('pause the source while they are not read', async () => {
    const { initiator, acceptor } = await pskSubject.contexts();
    let made = 0;
    const source = function* () {
      for (; made < 50_000_000; made += 4096) yield Buffer.alloc(4096);
    };
    const [slow, options] = [sink([], 1000), { highWaterMark: 8192 }];
    const abort = new AbortController();
    const transfer = pipeline(
      Readable.from(source(), { highWaterMark: 1 }),
      protectData(new BlockWriter(initiator, 'private', PBSZ), options),
      unprotectData(new BlockReader(acceptor, 'private', PBSZ), options),
      slow,
      { signal: abort.signal },
    );
    await pause(100);
    expect(made).toBeLessThan(100_000);
    abort.abort();
    await expect(transfer).rejects.toThrow('aborted');
  });

  it('need no more memory for a longer file', async () => {
    const { initiator, acceptor } = await pskSubject.contexts();
    const [total, chunk, between] = [32 << 20, Buffer.alloc(1 << 16, 7), 4 << 20];
    const samples: number[] = [];
    let received = 0;
    await pipeline(
      Readable.from(repeat(chunk, total / chunk.length)),
      protectData(new BlockWriter(initiator, 'private', { bufferSize: 1 << 16 })),
      unprotectData(new BlockReader(acceptor, 'private', { bufferSize: 1 << 16 })),
      new Writable({
        write(text: Buffer, _encoding, done) {
          received += text.length;
          if (received >= between * (samples.length + 1)) samples.push(held());
          done();
        },
      }),
    );
    expect(received).toBe(total);
    expect(samples).toHaveLength(8);
    expect(Math.max(...samples) - samples[0]!).toBeLessThan(2 << 20);
  });
});

function* repeat(chunk: Buffer, times: number): Generator<Buffer> {
  for (let i = 0; i < times; i++) yield chunk;
}

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

/** Octets in use. */
function held(): number {
  // The second time waits for what the first has let go.
  collect();
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

describe('other events have their turn', () => {
  /** Tokens are the plaintexts, and each takes 3 ms. */
  const slow: SecurityContext = {
    mechanism: 'X-SLOW',
    supports: () => true,
    wrap: (plaintext, level) => ({ token: busy(Uint8Array.from(plaintext)), level }),
    unwrap: token => ({ plaintext: busy(Uint8Array.from(token)), level: 'safe', sequence: 'none' }),
    wrapSizeLimit: () => 0x1_0000,
    destroy: () => {},
  };

  function busy<T>(result: T): T {
    const end = performance.now() + 3;
    while (performance.now() < end);
    return result;
  }

  /** How many other events came while octets went through a stream. */
  async function turnsWhile(work: () => Promise<unknown>): Promise<number> {
    let turns = 0;
    let over = false;
    const tick = () => {
      turns++;
      if (!over) setImmediate(tick);
    };
    setImmediate(tick);
    await work();
    over = true;
    return turns;
  }

  it('while a large chunk is protected, and while a chunk of many blocks is read', async () => {
    const file = Buffer.alloc(19 * 0x1_0000, 7);
    const options = { bufferSize: 0x1_0000 };
    const parts: Buffer[] = [];
    const protecting = protectData(new BlockWriter(slow, 'safe', options));
    const whileProtecting = () => pipeline(Readable.from([file]), protecting, sink(parts));
    expect(await turnsWhile(whileProtecting)).toBeGreaterThanOrEqual(9);
    // An empty token has no block.
    const wire = Buffer.concat(parts).subarray(0, 19 * (4 + 0x1_0000));
    const reader = new BlockReader(slow, 'safe', options);
    const read: Buffer[] = [];
    const reading = unprotectData(reader);
    const whileReading = () =>
      new Promise<void>(done => {
        const to = sink(read);
        reading.pipe(to);
        reading.write(wire, () => done());
      });
    expect(await turnsWhile(whileReading)).toBeGreaterThanOrEqual(9);
    reading.destroy();
  });

  it('after at most 10 ms, even if the peer sends blocks of 1 MiB', () => {
    const { initiator, acceptor } = contextPair(18);
    const text = new Uint8Array(2 ** 20 - 100).fill(7);
    const times = Array.from({ length: 10 }, () => {
      const { token } = initiator.wrap(text, 'private');
      const before = process.cpuUsage();
      acceptor.unwrap(token);
      const { user, system } = process.cpuUsage(before);
      return (user + system) / 1000;
    });
    expect(Math.min(...times)).toBeLessThan(10);
  });
});
