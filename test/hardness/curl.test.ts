/** Flaws that curl had as a client of protected FTP: each has a test of ours at every place where the like could be. */

import { readFileSync } from 'node:fs';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { describe, expect, it } from 'vitest';
import { encodeBase64 } from '../../src/base64.js';
import { concat, fromUtf8, toUtf8, u32be } from '../../src/bytes.js';
import { verifyRecording } from '../../src/capture/index.js';
import type { Segment } from '../../src/capture/link-layer.js';
import { FtpSecurityError } from '../../src/errors.js';
import { REPLY_CODES } from '../../src/ftp/reply-codes.js';
import { krb5, parseKeytab } from '../../src/mechanisms/krb5/index.js';
import { unprotectData } from '../../src/node/index.js';
import { BlockReader, BlockWriter } from '../../src/protection/data-block.js';
import type { Peer } from '../../src/protection/mechanism.js';
import { ClientSession } from '../../src/session/client.js';
import { Observer } from '../../src/session/observer.js';
import { ServerSession } from '../../src/session/server.js';
import { pcapOf, realCapture, segmentsOf, talk, vectorPath } from '../capture/helpers.js';
import { errorOf, expectCode, mechanismWith } from '../helpers.js';
import { pskContexts } from '../session/pair.js';
import { observed, PATHS, ROWS, sidesOf } from './paths.js';

const AUTH = 'AUTH X-TEST';
/** GSI has no blocks for data connections. */
const WITH_BLOCKS = ROWS.filter(row => !row.contexts().initiator.neverEmpty);
const lines = (...texts: string[]) => toUtf8(texts.map(text => `${text}\r\n`).join(''));

describe('CVE-2005-0490: base 64 of any length was decoded into a buffer of fixed size', () => {
  const LIMIT = 0x4_0000;
  const LENGTHS = [1, 2, 3, 255, 256, 257, 4096, 65_535, 65_536, 65_537, LIMIT];
  const data = (length: number) => Uint8Array.from({ length }, (_, i) => i * 7);
  const base64 = (length: number) => fromUtf8(encodeBase64(data(length)));

  it('security data is decoded whole or refused, by client, server and observer', () => {
    for (const length of [...LENGTHS, LIMIT + 1]) {
      const seen: Partial<Record<Peer, Uint8Array>> = {};
      const client = new ClientSession();
      client.send(toUtf8(AUTH));
      client.receive(lines(`334 ADAT=${base64(length)}`));
      const server = new ServerSession({ mechanisms: [{ name: 'X-TEST' }] });
      server.receive(lines(AUTH, `ADAT ${base64(length)}`));
      server.next();
      server.proceed({});
      const observe = (from: Peer, token: Uint8Array) => {
        seen[from] = token;
        return { facts: {} };
      };
      const observer = new Observer({ mechanisms: [mechanismWith('X-TEST', { observer: () => ({ observe }) })] });
      observer.push('client', lines(AUTH));
      observer.push('server', lines('334 go on'));
      observer.push('client', lines(`ADAT ${base64(length)}`));
      observer.push('server', lines(`235 ADAT=${base64(length)}`));
      const isWhole = (token?: Uint8Array) => token !== undefined && Buffer.compare(token, data(length)) === 0;
      expect([isWhole(seen.client), isWhole(seen.server)]).toEqual([true, true]);
      if (length <= LIMIT) {
        for (const event of [client.next(), server.next()]) {
          expect(event?.type === 'security-data' && isWhole(event.token)).toBe(true);
        }
      } else {
        expectCode(() => client.next(), 'syntax/limit-exceeded');
        expect(server.next()).toMatchObject({ type: 'answered', error: { code: 'syntax/limit-exceeded' } });
      }
    }
  });
});

describe('CVE-2019-5481: a block said that it was very long; the failed allocation was freed twice', () => {
  const [size, text] = [4096, toUtf8('text')];

  it('a length beyond the protection buffer is refused at once, again and again, and ends nothing else', () => {
    for (const row of WITH_BLOCKS) {
      for (const length of [size + 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff]) {
        const { initiator, acceptor } = row.contexts();
        const reader = new BlockReader(acceptor, row.levels[0]!, { bufferSize: size });
        reader.push(u32be(length));
        const error = errorOf(() => reader.next());
        expect(error.code).toMatch(/^syntax\/(limit-exceeded|bad-block)$/);
        reader.push(new Uint8Array(size));
        for (const again of [() => reader.next(), () => reader.nextBlock(), () => reader.close()]) {
          expect(errorOf(again)).toBe(error);
        }
        expect(reader.ended).toBe(false);
        expect(acceptor.unwrap(initiator.wrap(text, row.levels[0]!).token).plaintext).toEqual(text);
        acceptor.destroy();
        acceptor.destroy();
      }
    }
  });

  it('and so it is in a capture, where the control connection goes on', () => {
    const { data, messages } = verifyAltered(block => block.set([0x7f, 0xff, 0xff, 0xff]));
    expect(data).toMatchObject({ bytes: null, error: { code: 'syntax/limit-exceeded' } });
    expect(messages.every(({ verdict }) => verdict !== 'failed')).toBe(true);
  });
});

describe('CVE-2022-32208: a block whose checksum was wrong was taken for a valid one', () => {
  const FILE = Uint8Array.from({ length: 300 }, (_, i) => i);

  it('after a block that was altered nothing more of the file is given out, and it is not complete', async () => {
    for (const row of WITH_BLOCKS) {
      for (const level of row.levels) {
        const { initiator, acceptor } = row.contexts();
        const writer = new BlockWriter(initiator, level, { bufferSize: 4096 });
        const wrap = (text: Uint8Array) => {
          const { token } = initiator.wrap(text, level);
          return concat(u32be(token.length), token);
        };
        const blocks = [wrap(FILE), wrap(FILE), wrap(FILE), writer.end()];
        blocks[1] = blocks[1]!.slice();
        blocks[1][blocks[1].length >> 1]! ^= 4;
        const reader = new BlockReader(acceptor, level, { bufferSize: 4096 });
        const parts: Uint8Array[] = [];
        const sink = new Writable({
          write(chunk, _encoding, done) {
            parts.push(chunk);
            done();
          },
        });
        const failed = await pipeline(Readable.from(blocks), unprotectData(reader), sink).catch(
          (error: unknown) => error,
        );
        expect(failed).toBeInstanceOf(FtpSecurityError);
        expect(concat(...parts)).toEqual(FILE);
        for (const again of [() => reader.next(), () => reader.close()]) expect(errorOf(again)).toBe(failed);
        expect(reader.ended).toBe(false);
      }
    }
  });

  it('a reply whose checksum is wrong is ignored by clients, observers and captures', () => {
    for (const row of ROWS) {
      for (const path of PATHS) {
        const contexts = row.contexts();
        const { sender } = sidesOf(contexts, path.from);
        const { token } = sender.wrap(path.from === 'client' ? lines('NOOP') : lines('230 in'), row.levels[0]!);
        token[token.length >> 1]! ^= 4;
        const verb = row.levels[0] === 'safe' ? 'MIC' : 'ENC';
        const code = row.levels[0] === 'safe' ? '631' : '632';
        const word = path.from === 'client' ? verb : code;
        const outcome = path.read(contexts, lines(`${word} ${fromUtf8(encodeBase64(token))}`));
        expect([row.name, path.name, outcome.texts]).toEqual([row.name, path.name, []]);
        expect(outcome.error).toMatch(/^security\//);
      }
    }
  });

  it('a block that was altered in a capture has no verdict but failed', () => {
    const { data } = verifyAltered(block => {
      block[30]! ^= 1;
    });
    expect(data).toMatchObject({ verdict: 'failed', bytes: null, error: { code: 'security/bad-checksum' } });
  });
});

/** The first data connection of a real capture, and its control lines, after a change of its first octets. */
function verifyAltered(alter: (block: Uint8Array) => void) {
  const name = 'heimdal-safe-aes128-cts-hmac-sha1-96';
  const mechanisms = [krb5({ observer: { keys: parseKeytab(readFileSync(vectorPath(`${name}.keytab`))) } })];
  const segments = segmentsOf(realCapture(name));
  const control = segments[0]!.destination;
  const isData = ({ source, destination, payload }: Segment) =>
    source !== control && destination !== control && payload.length > 0;
  const { source, destination } = segments.find(isData)!;
  const sent = segments.filter(it => it.source === source && it.destination === destination && isData(it));
  const octets = concat(...sent.map(({ payload }) => payload));
  alter(octets);
  let at = 0;
  for (const segment of sent) {
    segment.payload = octets.slice(at, at + segment.payload.length);
    at += segment.payload.length;
  }
  const { records } = verifyRecording(pcapOf(segments), { mechanisms });
  return {
    data: records.find(record => record.type === 'data'),
    messages: records.filter(record => record.type === 'message'),
  };
}

describe('CVE-2021-22946: after an unexpected reply to AUTH the client went on without protection', () => {
  const CODES = REPLY_CODES.map(([code]) => code).filter(code => code >= 100 && code < 600);
  const LOGIN = ['USER anna', 'PASS secret', 'ACCT secret', 'RETR a'];

  /** No command of a login is sent, whether the session is closed or not. */
  function expectNoLogin(client: ClientSession): void {
    for (const command of LOGIN) {
      const refused = errorOf(() => client.send(toUtf8(command)));
      expect([refused.side, refused.code]).toEqual(['local', expect.stringMatching(/^sequence\//)]);
    }
  }

  it('a client that requires security sends no login, whatever answers AUTH and ADAT', () => {
    expect(CODES.length).toBeGreaterThan(50);
    for (const code of CODES) {
      const auth = new ClientSession({ requireSecurity: true });
      auth.send(toUtf8(AUTH));
      answer(auth, code);
      expectNoLogin(auth);
      if (code === 235) continue;
      const adat = new ClientSession({ requireSecurity: true });
      adat.send(toUtf8(AUTH));
      answer(adat, 334);
      adat.proceed({ token: toUtf8('hello') });
      answer(adat, code);
      expectNoLogin(adat);
    }
  });

  function answer(client: ClientSession, code: number): void {
    client.receive(lines(`${code} text`));
    try {
      client.next();
    } catch (error) {
      if (!(error instanceof FtpSecurityError)) throw error;
    }
  }

  it('a server that requires security takes no login before an exchange, nor after one that failed', () => {
    const server = new ServerSession({ mechanisms: [{ name: 'X-TEST' }], requireSecurity: true });
    const refusesLogin = () => {
      for (const command of LOGIN) {
        server.receive(lines(command));
        expect(server.next()).toMatchObject({ type: 'answered', error: { code: 'sequence/unprotected' } });
      }
    };
    refusesLogin();
    server.receive(lines('AUTH X-OTHER'));
    expect(server.next()).toMatchObject({ type: 'answered', code: 504 });
    refusesLogin();
    server.receive(lines(AUTH, 'ADAT AAAA'));
    server.next();
    server.proceed({});
    server.next();
    server.refuse(new FtpSecurityError('security/bad-token', 'no'));
    refusesLogin();
  });
});

describe('CVE-2021-22947: replies that came before protection began were taken for protected ones', () => {
  const after235 = ['235 done', '230 logged in'] as const;

  it('a client judges what lies behind 334 and 235 by the rules that these replies begin', () => {
    for (const together of [true, false]) {
      const client = new ClientSession();
      client.send(toUtf8(AUTH));
      client.receive(lines('334 go on'));
      client.next();
      client.proceed({ token: toUtf8('hello'), context: pskContexts().initiator });
      if (together) client.receive(lines(...after235));
      else for (const line of after235) client.receive(lines(line));
      expect(client.next()).toMatchObject({ reply: { code: 235 } });
      expectCode(() => client.next(), 'sequence/unprotected');
      expectCode(() => client.send(toUtf8('PASS secret')), 'sequence/closed');
    }
    const early = new ClientSession();
    early.send(toUtf8(AUTH));
    early.receive(lines('334 go on', ...after235));
    early.next();
    const refused = errorOf(() => {
      early.proceed({ token: toUtf8('hello'), context: pskContexts().initiator });
      early.next();
      early.next();
    });
    expect(refused.code).toMatch(/^sequence\//);
  });

  it('a server judges the commands behind the last ADAT by the rules that its 235 begins', () => {
    const server = new ServerSession({ mechanisms: [{ name: 'X-TEST' }] });
    server.receive(lines(AUTH, 'ADAT AAAA', 'USER root', 'DELE a'));
    server.next();
    server.proceed({});
    server.next();
    server.proceed({ context: pskContexts().acceptor });
    expect(server.next()).toMatchObject({ type: 'answered', code: 533, error: { code: 'sequence/unprotected' } });
    expect(server.next()).toMatchObject({ type: 'answered', code: 533 });
  });

  it('an observer and a capture call these lines errors', () => {
    const spoken: [Peer, string][] = [
      ['server', '220 ready'],
      ['client', AUTH],
      ['server', '334 go on'],
      ['client', 'ADAT aGVsbG8='],
      ['server', after235[0]],
      ['server', after235[1]],
      ['client', 'USER root'],
    ];
    const mechanisms = [observed(pskContexts())];
    const observer = new Observer({ mechanisms });
    for (const [from, line] of spoken) observer.push(from, lines(line));
    const seen = [];
    for (let one = observer.next(); one !== undefined; one = observer.next()) seen.push(one);
    const recording = pcapOf(
      talk(spoken.map(([from, line]) => ({ from: from === 'client' ? 0 : 1, text: `${line}\r\n` }))),
    );
    const { records } = verifyRecording(recording, { mechanisms });
    for (const all of [seen, records]) {
      const messages = all.filter(one => one.type === 'message');
      expect(messages.map(({ error }) => error?.code ?? undefined)).toEqual([
        ...Array(5).fill(undefined),
        'sequence/unprotected',
        'sequence/unprotected',
      ]);
    }
  });
});
