/** Recorded control connections of real peers, line by line, and the contexts of their exchanges. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { CaptureFile } from '../../src/capture/capture-file.js';
import { ControlConnections } from '../../src/capture/control-connections.js';
import { type MessageRecord, type ReplyRecord, verifyRecording } from '../../src/capture/index.js';
import { SegmentReader } from '../../src/capture/link-layer.js';
import { reassemble } from '../../src/capture/tcp.js';
import { LineReader } from '../../src/ftp/line.js';
import { krb4, krb4Observer, parseSrvtab } from '../../src/mechanisms/krb4/index.js';
import { krb5, krb5Observer, parseKeytab } from '../../src/mechanisms/krb5/index.js';
import { nodeCiphers } from '../../src/node/index.js';
import type { ExchangeObserver, Peer } from '../../src/protection/mechanism.js';
import { realCapture, vectorPath } from '../capture/helpers.js';

export interface RecordedLine {
  from: Peer;
  raw: Uint8Array;
  /** What the observer says of it. */
  message: MessageRecord;
}

export interface Recorded {
  name: string;
  /** AUTH's name of the mechanism. */
  mechanism: string;
  lines: RecordedLine[];
  /** The replies that the observer understood: code and text. */
  replies: string[];
  observer(): ExchangeObserver;
}

export const CAPTURES: readonly string[] = readdirSync(vectorPath('.'))
  .filter(file => file.endsWith('.pcap'))
  .map(file => file.slice(0, -'.pcap'.length));

/** The control connections of a capture. */
export function recorded(name: string): Recorded[] {
  const keysIn = <T>(file: string, parse: (bytes: Uint8Array) => T[]): T[] =>
    existsSync(vectorPath(file)) ? parse(readFileSync(vectorPath(file))) : [];
  const keytab = keysIn(`${name}.keytab`, parseKeytab);
  const srvtab = keysIn(`${name}.srvtab`, parseSrvtab);
  const observer = {
    GSSAPI: () => krb5Observer({ keys: keytab, ciphers: nodeCiphers }),
    KERBEROS_V4: () => krb4Observer({ keys: srvtab, ciphers: nodeCiphers }),
  };
  const mechanisms = [
    { ...krb5(), observer: observer.GSSAPI },
    { ...krb4(), observer: observer.KERBEROS_V4 },
  ];
  const { records } = verifyRecording(realCapture(name), { mechanisms });
  const messages = records.filter(record => record.type === 'message');
  return linesOf(name).map((lines, index) => {
    const told = messages.filter(({ connection }) => connection === index + 1);
    const mechanism = srvtab.length > 0 ? 'KERBEROS_V4' : 'GSSAPI';
    const replies = records.filter(
      record => record.type === 'reply' && record.connection === index + 1,
    ) as ReplyRecord[];
    return {
      name,
      replies: replies.map(({ code, lines: text }) => `${code} ${text.join('|')}`),
      mechanism,
      lines: lines.map((line, at) => ({ ...line, message: told[at]! })),
      observer: observer[mechanism],
    };
  });
}

/** Line by line in the order of the wire, connection by connection. */
function linesOf(name: string): { from: Peer; raw: Uint8Array }[][] {
  const streams = reassemble(new SegmentReader(new CaptureFile([realCapture(name)])));
  const control = new ControlConnections(streams.connections);
  const connections = new Map<number, { from: Peer; raw: Uint8Array }[]>(control.ids.map(id => [id, []]));
  const readers = new Map<string, LineReader>();
  for (const event of streams.events()) {
    const lines = connections.get(event.connection.id);
    if (lines === undefined || event.kind !== 'data') continue;
    const from = event.from === control.get(event.connection.id)!.clientEnd ? 'client' : 'server';
    const key = `${event.connection.id} ${from}`;
    const reader = readers.get(key) ?? new LineReader();
    readers.set(key, reader);
    reader.push(event.data);
    for (let line = reader.next(); line !== undefined; line = reader.next()) lines.push({ from, raw: line.raw });
  }
  return [...connections.values()];
}
