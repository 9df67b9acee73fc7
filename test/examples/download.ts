/** Downloads a file with Kerberos and without an FTP library. */
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { connect } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { parseExtendedPassiveReply, type Reply, ReplyReader } from 'rfc2228';
import { krb5Initiator } from 'rfc2228/krb5';
import { ClientControl, defaultCredentials, unprotectData } from 'rfc2228/node';

const [host = 'localhost', port = '21', service = `ftp@${host}`] = process.argv.slice(2);
const credentials = defaultCredentials();
const exchange = krb5Initiator({ credentials, service });
const control = new ClientControl(connect(Number(port), host), { mechanism: 'GSSAPI', exchange });
const replies = readReplies();

async function* readReplies(): AsyncGenerator<Reply, void> {
  const reader = new ReplyReader();
  for await (const octets of control) {
    reader.push(octets);
    for (let reply = reader.next(); reply !== undefined; reply = reader.next()) yield reply;
  }
}

async function nextReply(): Promise<Reply> {
  const { done, value: reply } = await replies.next();
  if (done) throw new Error('the server has gone');
  if (reply.code >= 400) throw new Error(reply.lines.join('\n'));
  return reply;
}

function send(command: string): Promise<Reply> {
  control.write(`${command}\r\n`);
  return nextReply();
}

await control.start();
await nextReply(); // The greeting, which is not verified. All other replies are.
await send(`USER ${credentials.principal.name[0]}`);
await send('TYPE I');
const data = connect(parseExtendedPassiveReply(await send('EPSV')).port, host);
await once(data, 'connect');
data.on('error', () => {}); // An error before the pipeline listens is one of the pipeline, too.
const reader = control.session.dataReader(); // before the command, since its final reply may come at once with 150
await send('RETR report.txt'); // 150
await pipeline(data, unprotectData(reader), createWriteStream('download.txt')); // only now: no block may come before 150
console.log((await nextReply()).lines[0]); // Transfer complete
control.end('QUIT\r\n');
