/** The captures of this bench: what they are, and how they are made. */
import { writeFileSync } from 'node:fs';
import { krb5Acceptor, krb5Initiator } from '../../../src/mechanisms/krb5/index.js';
import { nodeCiphers } from '../../../src/node/index.js';
import { BlockWriter } from '../../../src/protection/data-block.js';
import type { SecurityContext } from '../../../src/protection/mechanism.js';
import { protectCommand, protectReply } from '../../../src/protection/protect.js';
import { realm, START } from '../../mechanisms/krb5/live.js';
import { keytabOf } from '../kerberos-files.js';
import type { CaptureWriter, Ends } from './generator.js';

export interface BenchCapture {
  name: string;
  make(writer: CaptureWriter, keytab: string): void | Promise<void>;
}

const SERVER = 0xc0000202;
const BUFFER = 65_536;
const PAGE = `HTTP/1.1 200 OK\r\nContent-Length: 300\r\n\r\n${'x'.repeat(300)}`;

function endsOf(i: number, port: number, servers = 1): Ends {
  return {
    client: [0x0a000000 + Math.floor(i / 50_000), 10_000 + (i % 50_000)],
    server: [SERVER + (i % servers), port],
  };
}

function web(writer: CaptureWriter, count: number): void {
  for (let i = 0; i < count; i++) {
    const connection = writer.open(endsOf(i, 80, 200));
    connection.say('client', `GET /${i} HTTP/1.1\r\nHost: example.test\r\n\r\n`);
    connection.say('server', PAGE);
    connection.end();
  }
}

function logins(writer: CaptureWriter, count: number): void {
  for (let i = 0; i < count; i++) {
    const connection = writer.open(endsOf(i, 21));
    connection.say('server', '220 FTP ready\r\n');
    connection.say('client', 'USER anonymous\r\n');
    connection.say('server', '331 name ok\r\n');
    connection.say('client', 'QUIT\r\n');
    connection.say('server', '221 bye\r\n');
    connection.end();
  }
}

/** A clear download, in segments of a size, until the capture has so many octets. */
function download(writer: CaptureWriter, size: number, segment?: number): void {
  const control = writer.open(endsOf(0, 21));
  control.say('server', '220 FTP ready\r\n');
  control.say('client', 'PASV\r\n');
  control.say('server', '227 Entering (192,0,2,2,100,0)\r\n');
  control.say('client', 'RETR file\r\n');
  control.say('server', '150 here it comes\r\n');
  const data = writer.open({ ...endsOf(1, 25_600) });
  const chunk = new Uint8Array(1448 * 100).fill(120);
  while (writer.size < size) data.say('server', chunk, segment);
  data.end();
  control.say('server', '226 done\r\n');
  control.end();
}

/** A session of Kerberos V5 (AES-128) with one download at level private. */
async function secured(writer: CaptureWriter, size: number, keytabFile: string): Promise<void> {
  const { keytab, credential } = realm(17);
  writeFileSync(keytabFile, keytabOf(keytab as Parameters<typeof keytabOf>[0]));
  const clock = () => 1000 * (START + 60);
  const both = { clock, ciphers: nodeCiphers };
  const client = krb5Initiator({ ...both, credentials: [credential], service: 'ftp/host.example.test@EXAMPLE.TEST' });
  const server = krb5Acceptor({ ...both, keytab });
  const first = await client.step();
  const answer = await server.step(first.token);
  const [user, host] = [(await client.step(answer.token)).context!, answer.context!];
  const base64 = (token?: Uint8Array) => Buffer.from(token!).toString('base64');

  const control = writer.open(endsOf(0, 21));
  control.say('server', '220 FTP ready\r\n');
  control.say('client', 'AUTH GSSAPI\r\n');
  control.say('server', '334 go on\r\n');
  control.say('client', `ADAT ${base64(first.token)}\r\n`);
  control.say('server', `235 ADAT=${base64(answer.token)}\r\n`);
  const command = (context: SecurityContext, text: string) =>
    control.say('client', protectCommand(context, 'private', Buffer.from(text)));
  const reply = (text: string) => control.say('server', protectReply(host, 'private', Buffer.from(text)));
  const dialogue = [
    `PBSZ ${BUFFER}`,
    '200 ok',
    'PROT P',
    '200 ok',
    'PASV',
    '227 (192,0,2,2,100,0)',
    'RETR file',
    '150 here',
  ];
  for (const [i, text] of dialogue.entries()) {
    if (i % 2 === 0) command(user, text);
    else reply(text);
  }
  const data = writer.open(endsOf(1, 25_600));
  const blocks = new BlockWriter(host, 'private', { bufferSize: BUFFER });
  const chunk = new Uint8Array(2 ** 20).fill(120);
  while (writer.size < size) data.say('server', blocks.write(chunk));
  data.say('server', blocks.end());
  data.end();
  reply('226 done');
  control.end();
}

const MB = 1e6;

/** A clear download of `megabytes`, a secured one of as many, and one in segments of one octet. */
export function captures(megabytes: number, connections: number): BenchCapture[] {
  const of = (text: string, size: number) => `${text}, ${size} MB`;
  const sizes = [megabytes / 100, megabytes / 10, megabytes].filter(size => size >= 1);
  return [
    ...sizes.map(size => ({
      name: of('download in the clear', size),
      make: (it: CaptureWriter) => download(it, size * MB),
    })),
    ...sizes.map(size => ({
      name: of('download at level private', size),
      make: (it: CaptureWriter, keytab: string) => secured(it, size * MB, keytab),
    })),
    ...sizes.slice(0, -1).map(size => ({
      name: of('segments of one octet', size),
      make: (it: CaptureWriter) => download(it, size * MB, 1),
    })),
    ...[connections / 10, connections].flatMap(count => [
      { name: `${count} web connections`, make: (it: CaptureWriter) => web(it, count) },
      { name: `${count} control connections`, make: (it: CaptureWriter) => logins(it, count) },
    ]),
  ];
}
