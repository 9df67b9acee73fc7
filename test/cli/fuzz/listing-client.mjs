/**
 * A client that prints a listing, or that it has failed, and goes on: `node listing-client.mjs KEYFILE PORT [lax]`. To a lax one
 * the end of the connection is the end of the listing.
 */
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { ReplyReader } from '../../../dist/index.js';
import { pskInitiator } from '../../../dist/mechanisms/psk/index.js';
import { ClientControl } from '../../../dist/node/index.js';

const [, , keyFile, port, lax] = process.argv;
const key = Buffer.from(readFileSync(keyFile, 'latin1').trim(), 'hex');
const socket = connect(Number(port), '127.0.0.1');
const control = new ClientControl(socket, { mechanism: 'X-PSK', exchange: pskInitiator({ key }), bufferSize: 4096 });
control.on('error', () => process.exit(1));
await control.start();

const reader = new ReplyReader();
const chunks = control[Symbol.asyncIterator]();
async function reply() {
  for (;;) {
    const next = reader.next();
    if (next !== undefined) return next;
    const { value, done } = await chunks.next();
    if (done) process.exit(1);
    reader.push(value);
  }
}
async function asked(line) {
  control.write(`${line}\r\n`);
  return await reply();
}

await reply(); // the greeting
await asked('USER anna');
const [, dataPort] = /\|(\d+)\|/.exec((await asked('EPSV')).lines[0]);
const data = connect(Number(dataPort), '127.0.0.1');
data.on('error', () => {});
const blocks = control.session.dataReader();
await asked('LIST');
let text = '';
try {
  for await (const chunk of data) {
    blocks.push(chunk);
    for (let part = blocks.next(); part !== undefined; part = blocks.next()) text += Buffer.from(part);
  }
  if (!lax) blocks.close();
} catch {
  text = 'The listing is damaged\n';
}
if ((await reply()).code >= 400) text = 'The server has failed\n';
process.stdout.write(text);
await asked('QUIT');
process.exit(0);
