/**
 * A mebibyte of anything, for each reader and each role of a session: only FtpSecurityError, in bounded time, and little of it is
 * held. lines.slow.test.ts shows that the work grows linearly.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { decodeBase64 } from '../../src/base64.js';
import { concat, fromHex, toUtf8 } from '../../src/bytes.js';
import { verifyRecording } from '../../src/capture/index.js';
import { CommandReader, parseCommand } from '../../src/ftp/command.js';
import { LineReader } from '../../src/ftp/line.js';
import { parseReply, ReplyReader } from '../../src/ftp/reply.js';
import { describeGsiToken, gsiObserver, parseKeyLog } from '../../src/mechanisms/gsi/index.js';
import { describeKrb4Token, krb4Observer, parseSrvtab, parseTicketFile } from '../../src/mechanisms/krb4/index.js';
import {
  describeKrb5Token,
  krb5Acceptor,
  krb5Observer,
  parseCredentialCache,
  parseKeytab,
  readTokenHeader,
} from '../../src/mechanisms/krb5/index.js';
import { pskObserver } from '../../src/mechanisms/psk/index.js';
import { nodeCiphers } from '../../src/node/index.js';
import { BlockReader } from '../../src/protection/data-block.js';
import { ClientSession } from '../../src/session/client.js';
import { Observer } from '../../src/session/observer.js';
import { ServerSession } from '../../src/session/server.js';
import { onlyRefuses } from '../helpers.js';
import { pskContexts } from '../session/pair.js';
import { observed, ROWS, securedClient, securedServer } from './paths.js';

const MIB = 0x10_0000;
setFlagsFromString('--expose_gc');
const collect: () => void = runInNewContext('gc');

const repeated = (text: string) => Uint8Array.from({ length: MIB }, (_, i) => text.charCodeAt(i % text.length));

/** What a peer may send; each of them once made some reader slow, or made it hold everything. */
const CONTENTS: [name: string, octets: Uint8Array][] = [
  ['zeros', new Uint8Array(MIB)],
  ['ones', new Uint8Array(MIB).fill(0xff)],
  ['one line', repeated('A')],
  ['empty lines', repeated('\r\n')],
  ['returns', repeated('\r')],
  ['replies', repeated('200 a\r\n')],
  ['one reply', repeated('200-a\r\n')],
  ['protected replies', repeated('632 AAAA\r\n')],
  ['one protected reply', repeated('632-AAAA\r\n')],
  ['commands', repeated('NOOP\r\n')],
  ['protected commands', repeated('ENC AAAA\r\n')],
  ['exchanges', repeated('AUTH X-TEST\r\nADAT AAAA\r\n')],
  ['Telnet commands', repeated('\xff\xfd\x01')],
  ['a Telnet command without an end', concat(fromHex('fffa'), repeated('\x01').subarray(2))],
  ['DER without an end', repeated('\x30\x80')],
  ['a frame that is too long', concat(fromHex('6083ffffff06092a864886f712010202'), repeated('\x01').subarray(16))],
  ['small blocks', repeated('\0\0\0\x01A')],
  ['anything', Uint8Array.from({ length: MIB }, (_, i) => (Math.imul(i ^ (i >>> 7), 2_654_435_761) >>> 13) & 0xff)],
];

/** Gives everything to a reader in chunks as of a socket, and takes what comes out. */
function through(reader: { push(chunk: Uint8Array): void; next(): unknown }, octets: Uint8Array): unknown {
  for (let at = 0; at < octets.length; at += 0x4000) {
    reader.push(octets.subarray(at, at + 0x4000));
    // At an error the next chunk is next: a reader goes on behind it, or says it again.
    while (onlyRefuses(() => reader.next()) !== undefined);
  }
  return reader;
}

/** A session whose application answers everything, and closes the connection when it is asked to. */
function session(made: ClientSession | ServerSession, octets: Uint8Array): unknown {
  let ended = false;
  const next = () => {
    const event = ended ? undefined : made.next();
    if (event?.type === 'answered') ended = event.ends;
    else if (event !== undefined && made instanceof ServerSession) made.reply(500, 'no');
    return event;
  };
  return through({ push: chunk => made.receive(chunk), next }, octets);
}

const X_TEST = [{ name: 'X-TEST' }];
const READERS: [name: string, read: (octets: Uint8Array) => unknown][] = [
  ['LineReader', octets => through(new LineReader(), octets)],
  ['ReplyReader', octets => through(new ReplyReader(), octets)],
  ['CommandReader', octets => through(new CommandReader(), octets)],
  ['BlockReader', octets => through(new BlockReader(pskContexts().acceptor, 'safe', { bufferSize: MIB }), octets)],
  ['parseReply', parseReply],
  ['parseCommand', parseCommand],
  ['decodeBase64', decodeBase64],
  ['parseKeytab', parseKeytab],
  ['parseCredentialCache', parseCredentialCache],
  ['parseSrvtab', parseSrvtab],
  ['parseTicketFile', parseTicketFile],
  ['parseKeyLog', octets => parseKeyLog(octets as never)],
  ['readTokenHeader', readTokenHeader],
  ['describeKrb5Token', describeKrb5Token],
  ['describeKrb4Token', describeKrb4Token],
  ['describeGsiToken', describeGsiToken],
  [
    'the acceptor of Kerberos V5',
    octets => krb5Acceptor({ keytab: [{ enctype: 18, key: new Uint8Array(32) }] as never }).step(octets),
  ],
  ['the observer of Kerberos V5', octets => krb5Observer({ keys: [] }).observe('client', octets)],
  ['the observer of KERBEROS_V4', octets => krb4Observer({ keys: [], ciphers: nodeCiphers }).observe('client', octets)],
  ['the observer of X-PSK', octets => pskObserver({ keys: [] }).observe('client', octets)],
  ['the observer of GSI', octets => gsiObserver({ keyLogs: [] }).observe('client', octets)],
  ...ROWS.map(({ name, contexts }): (typeof READERS)[number] => [
    `a context of ${name}`,
    octets => contexts().acceptor.unwrap(octets),
  ]),
  ['a client', octets => session(new ClientSession(), octets)],
  ['a secured client', octets => session(securedClient(pskContexts().initiator), octets)],
  ['a server', octets => session(new ServerSession({ mechanisms: X_TEST }), octets)],
  ['a secured server', octets => session(securedServer(pskContexts().acceptor), octets)],
  ...(['client', 'server'] as const).map((from): (typeof READERS)[number] => [
    `an observer of the ${from}`,
    octets => {
      const observer = new Observer({ mechanisms: [observed(pskContexts())] });
      return through({ push: chunk => observer.push(from, chunk), next: () => observer.next() }, octets);
    },
  ]),
  ['a recording', octets => verifyRecording(octets, { mechanisms: [] })],
  ['a transcript', octets => verifyRecording(concat(toUtf8('S> 220 ready\nC> '), octets), { mechanisms: [] })],
];

/** Seconds of processor time, many times what the slowest takes on a free machine. */
const MAX_SECONDS = 30;
/** A reply or command holds the octets, its lines as text and as octets; an observer also the messages of a reply. */
const MAX_HELD = 64 * MIB;

describe('a mebibyte of anything', () => {
  it.each(READERS)('is read by %s, or refused, in bounded time and memory', { timeout: 300_000 }, (_, read) => {
    for (const [name, octets] of CONTENTS) {
      collect();
      const before = held();
      const start = process.cpuUsage();
      const kept = onlyRefuses(() => read(octets));
      const { user, system } = process.cpuUsage(start);
      collect();
      expect((user + system) / 1e6, name).toBeLessThan(MAX_SECONDS);
      expect(held() - before, name).toBeLessThan(MAX_HELD);
      // It has to be alive until here.
      expect(kept).toBe(kept);
    }
  });
});

function held(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
