/** The work of readers, writers and queues is linear in their input. What is not here is tested beside the reader itself. */
import { describe, expect, it } from 'vitest';
import { decodeBase64, encodeBase64 } from '../src/base64.js';
import { concatAll, toUtf8 } from '../src/bytes.js';
import { verifyRecording } from '../src/capture/index.js';
import { type Fragment, IpFragments } from '../src/capture/ip-fragments.js';
import { ACK } from '../src/capture/link-layer.js';
import { readTextTranscript } from '../src/capture/text-transcript.js';
import { parseCommand } from '../src/ftp/command.js';
import { LineReader } from '../src/ftp/line.js';
import { parseReply } from '../src/ftp/reply.js';
import { RecordContext } from '../src/mechanisms/gsi/context.js';
import { parseKeyLog } from '../src/mechanisms/gsi/tls/key-log.js';
import { directionOf13 } from '../src/mechanisms/gsi/tls/records.js';
import { suiteByNumber } from '../src/mechanisms/gsi/tls/suites.js';
import { parseKeytab } from '../src/mechanisms/krb5/index.js';
import { ReplayCache } from '../src/mechanisms/replay-cache.js';
import { BlockReader, BlockWriter } from '../src/protection/data-block.js';
import { ProtectedReplyReader, protectReply } from '../src/protection/protect.js';
import { decodeProtectedCommand } from '../src/protection/protected-command.js';
import { WaitingList } from '../src/queue.js';
import { ReplayWindow } from '../src/replay-window.js';
import { ClientSession } from '../src/session/client.js';
import type { CommandEvent } from '../src/session/events.js';
import { ServerSession } from '../src/session/server.js';
import { keytabOf } from './bench/kerberos-files.js';
import { flowsOf, pcapOf, segment, segmentsOf, talk } from './capture/helpers.js';
import { growth, LINEAR } from './ftp/readers.js';
import { ascii } from './helpers.js';
import { visibleContext } from './protection/visible-context.js';

/** Work for an input of this size; it throws if the result is wrong. */
const WORK: Record<string, (size: number) => void> = {
  'base 64, written and read': size => {
    const octets = new Uint8Array(size).fill(7);
    expect(decodeBase64(encodeBase64(octets)).length).toBe(size);
  },
  'inner replies that wait to be taken': size => {
    const [from, to] = [visibleContext(), new ProtectedReplyReader(visibleContext())];
    const text = toUtf8('200 a');
    for (let i = 0; i < size; i++) to.push(parseReply(protectReply(from, 'safe', text)));
    for (let i = 0; i < size; i++) if (to.next()?.inner.code !== 200) throw new Error('not the reply that came');
  },
  'lines of a protected reply, each with spaces around its token, and text after it': size => {
    const reader = new ProtectedReplyReader(visibleContext());
    const line = (at: number, separator: string, text: string) =>
      `631${separator}  ${btoa(`S${at}:${text}\r\n`)}   ${'x'.repeat(100)}\r\n`;
    const middle = Array.from({ length: size }, (_, i) => line(i + 1, '-', ' a'));
    reader.push(parseReply(toUtf8(`${line(0, '-', '200-a')}${middle.join('')}${line(size + 1, ' ', '200 a')}`)));
    const { inner, tolerated } = reader.next()!;
    expect([inner.lines.length, tolerated.sort()]).toEqual([size + 2, ['blank-around-base64', 'text-after-base64']]);
  },
  'Telnet commands between the octets of a line': size => {
    const reader = new LineReader({ maxLine: size });
    reader.push(new Uint8Array(3 * size).map((_, i) => [0x61, 0xff, 0xf1][i % 3]!));
    reader.push(toUtf8('\r\n'));
    expect(reader.next()?.bytes.length).toBe(size);
  },
  'spaces before a token that is missing': size => {
    const command = parseCommand(toUtf8(`ENC ${' '.repeat(100 * size)}\r\n`));
    expect(() => decodeProtectedCommand(command)).toThrow('the token is missing');
  },
  'entries of a keytab': size => {
    const principal = { name: ['ftp', 'host.example.test'], realm: 'EXAMPLE.TEST', type: 3 };
    const keys = Array.from({ length: size }, () => ({
      principal,
      kvno: 3,
      enctype: 17,
      key: new Uint8Array(16),
      source: '',
    }));
    expect(parseKeytab(keytabOf(keys)).length).toBe(size);
  },
  'lines of a key log': size => {
    const lines = Array.from(
      { length: size },
      (_, i) => `CLIENT_RANDOM ${i.toString(16).padStart(64, '0')} ${'ab'.repeat(48)}\n`,
    );
    expect(parseKeyLog(toUtf8(lines.join(''))).size).toBe(size);
  },
  'records of TLS in one token': size => {
    const direction = (fill: number) => directionOf13(suiteByNumber(0x1301)!, new Uint8Array(32).fill(fill));
    const from = new RecordContext({ send: direction(1), receive: direction(2) });
    const to = new RecordContext({ send: direction(2), receive: direction(1) });
    const records = Array.from({ length: size }, () => from.wrap(Uint8Array.of(7), 'private').token);
    expect(to.unwrap(concatAll(records)).plaintext.length).toBe(size);
  },
  'commands that wait for their replies, at a client': size => {
    const session = new ClientSession();
    const command = toUtf8('NOOP\r\n');
    for (let i = 0; i < size; i++) session.send(command);
    session.receive(toUtf8('200 OK\r\n'.repeat(size)));
    for (let i = 0; i < size; i++) if (session.next()?.type !== 'reply') throw new Error('not the reply that came');
    expect(session.pending).toEqual([]);
  },
  'commands that are answered in order, at a server': size => {
    const { session, events } = served(size);
    for (const event of events) if (session.reply(200, 'OK', event).length === 0) throw new Error('not sent');
  },
  'commands that are answered from the last to the first, at a server': size => {
    const { session, events } = served(size);
    const sent = events.reverse().map(event => session.reply(200, 'OK', event).length);
    expect([sent.filter(length => length > 0).length, sent.at(-1)]).toEqual([1, 8 * size]);
  },
  'preliminary replies that wait for an earlier command, at a server': size => {
    const { session, events } = served(2);
    for (let i = 0; i < size; i++) session.reply(120, 'Wait', events[1]);
    expect(session.reply(200, 'OK', events[0]).length).toBe(8 + 10 * size);
  },
  'values that wait, taken out from both ends and from the middle': size => {
    const waiting = new WaitingList<{ at: number }>();
    const values = Array.from({ length: size }, (_, at) => ({ at }));
    for (const value of values) waiting.add(value);
    for (const value of values.slice(size >> 1)) waiting.delete(value);
    for (const value of values.filter(({ at }) => at % 2 === 1)) waiting.delete(value);
    for (let value = waiting.oldest; value !== undefined; value = waiting.oldest) waiting.delete(value);
    expect(waiting.size).toBe(0);
  },
  'a file in single octets, and its blocks in chunks of seven': size => {
    const options = { bufferSize: 100 };
    const [writer, reader] = [
      new BlockWriter(visibleContext(), 'safe', options),
      new BlockReader(visibleContext(), 'safe', options),
    ];
    const octet = Uint8Array.of(1);
    const blocks = concatAll([...Array.from({ length: size }, () => writer.write(octet)), writer.end()]);
    let read = 0;
    for (let at = 0; at < blocks.length; at += 7) {
      reader.push(blocks.subarray(at, at + 7));
      for (let text = reader.next(); text !== undefined; text = reader.next()) read += text.length;
    }
    expect([read, reader.ended]).toEqual([size, true]);
  },
  'numbers received in order, and with each second one late': size => {
    const window = new ReplayWindow(0n);
    for (let i = 0; i < size; i += 2) {
      window.accept(BigInt(i + 1));
      window.accept(BigInt(i));
    }
    expect(window.missing).toBe(0n);
  },
  'authenticators, recorded and expired': size => {
    const cache = new ReplayCache();
    for (let i = 0; i < size; i++) expect(cache.add(i.toString(16).padStart(64, '0'), i + 60, i)).toBe(true);
  },
  'segments of TCP that come in reverse order': size => {
    const later = Array.from({ length: size }, (_, i) =>
      segment({ seq: 1001 + i, payload: ascii('x'), flags: ACK, ack: 5001 }),
    );
    expect(flowsOf([...talk([], { close: 'open' }), ...later.reverse()])[0]?.texts[0].length).toBe(size);
  },
  'packets of a capture file': size => {
    const file = pcapOf(Array.from({ length: size }, () => segment({ payload: ascii('x') })));
    expect(segmentsOf(file).length).toBe(size);
  },
  'IP fragments of packets side by side, the last ones first': size => {
    const parts = [24, 16, 8, 0].flatMap(offset => packets(size, { offset, more: offset < 24 }));
    expect(reassembled(parts)).toEqual({ whole: size, lost: 0 });
  },
  'IP fragments that come again, and others with the same identification': size => {
    const octets = (at: number) => new Uint8Array(8).fill(at);
    const one = (at: number) => [fragment({ data: octets(at), more: true }), fragment({ data: octets(at), offset: 8 })];
    const parts = Array.from({ length: size }, (_, at) => [...one(at % 200), ...one(at % 200)]).flat();
    expect(reassembled(parts)).toEqual({ whole: size, lost: 0 });
  },
  'IP fragments of packets that are never whole, more of them than are held': size => {
    expect(reassembled(packets(size, { offset: 65_520, more: false }))).toEqual({ whole: 0, lost: size });
  },
  'lines of a log of ftp -d -v, with tokens': size => {
    const line = '---> NOOP\nencoding 6 bytes MIC AAEC\n200 OK\n';
    expect(logged(`220 a\n---> ADAT AAEC\n235 ADAT=AAEC\n${line.repeat(size)}`)).toBe(3 + size);
  },
  'lines of a trace of yafc': size => {
    expect(logged(`<-- [a] 220 a\n${'--> [a] NOOP\n<-- [a] 200 OK\n'.repeat(size)}`)).toBe(1 + 2 * size);
  },
  'lines of what curl -v prints': size => {
    expect(logged(`< 220 a\n${'> NOOP\n< 200 OK\n'.repeat(size)}`)).toBe(1 + 2 * size);
  },
  'connections in what curl -v prints': size => {
    expect(logged('* Connected to a\n< 220 a\n> NOOP\n< 200 OK\n'.repeat(size))).toBe(3 * size);
  },
  'lines of a reply that never ends, in a log of ftp -d -v': size => {
    expect(logged(`220 a\n---> HELP\n214-a${'\n214-b\n c'.repeat(size)}`)).toBe(3 + 2 * size);
  },
  'prompts before a command that never comes, in a log of ftp -d -v': size => {
    expect(logged(`220 a\n---> NOOP\n200 OK\n${'ftp> '.repeat(100 * size)}\n`)).toBe(3);
  },
  'lines of a transcript': size => {
    expect(readTextTranscript(toUtf8('C> NOOP\n'.repeat(size)))[0]?.length).toBe(size);
  },
};

/** A part of an IP packet; of the same one, if nothing else is said. */
function fragment(parts: Partial<Fragment> & { key?: string }): Fragment & { key: string } {
  return { key: 'a', protocol: 6, offset: 0, more: false, data: new Uint8Array(8), ...parts };
}

/** The same part of many packets. */
function packets(count: number, part: Partial<Fragment>) {
  return Array.from({ length: count }, (_, at) => fragment({ ...part, key: `${at}` }));
}

/** How many packets are put together, and how many fragments belong to none. */
function reassembled(fragments: readonly (Fragment & { key: string })[]) {
  let [whole, lost] = [0, 0];
  const assembler = new IpFragments((_, packets) => {
    lost += packets;
  });
  for (const { key, ...part } of fragments) if (assembler.add(key, part, undefined) !== undefined) whole++;
  assembler.finish();
  return { whole, lost };
}

/** How many messages are read in what a program has printed. */
function logged(text: string): number | undefined {
  const { records } = verifyRecording(toUtf8(text), { mechanisms: [], onRecord: () => {} });
  const summary = records.at(-1);
  return summary?.type === 'summary' ? summary.messages : undefined;
}

/** A server that has read commands of a client and answered none. */
function served(size: number) {
  const session = new ServerSession({ mechanisms: [] });
  session.receive(toUtf8('NOOP\r\n'.repeat(size)));
  const events = Array.from({ length: size }, () => session.next() as CommandEvent);
  return { session, events };
}

describe('work is linear', () => {
  it.each(Object.keys(WORK))('for %s', name => {
    expect(growth(WORK[name]!, 500)).toBeLessThan(LINEAR);
  });

  it('and the measure would find work that is not', () => {
    const lines: string[] = [];
    const quadratic = (size: number) => {
      lines.length = 0;
      for (let i = 0; i < size; i++) if (!lines.includes(`${i}`)) lines.push(`${i}`);
      expect(lines.length).toBe(size);
    };
    expect(growth(quadratic, 500)).toBeGreaterThan(LINEAR);
  });
});
