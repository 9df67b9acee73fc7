/**
 * A client that prints nothing and sends the same whatever it is told: `node status-client.mjs KEYFILE PORT [VERB]`. Its exit status
 * is 3 where a reply refused something, or could not be opened. It takes replies in the clear. With a verb it prints the reply to
 * that command.
 */

import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import * as ftp from '../../../dist/index.js';
import { pskInitiator } from '../../../dist/mechanisms/psk/index.js';

const [, , keyFile, port, shown] = process.argv;
const key = Buffer.from(readFileSync(keyFile, 'latin1').trim(), 'hex');
const socket = connect(Number(port), '127.0.0.1');
socket.on('error', () => process.exit(1));
const chunks = socket[Symbol.asyncIterator]();
const reader = new ftp.ReplyReader();

async function reply() {
  for (;;) {
    const next = reader.next();
    if (next !== undefined) return next;
    const { value, done } = await chunks.next();
    if (done) process.exit(1);
    reader.push(value);
  }
}

await reply(); // the greeting
socket.write('AUTH X-PSK\r\n');
await reply();
const exchange = pskInitiator({ key });
let step = exchange.step();
let context;
for (;;) {
  socket.write(ftp.formatAdat(step.token));
  const answer = await reply();
  if (answer.code === 235) break;
  step = exchange.step(ftp.parseAdatReply(answer).token);
  context = step.context;
}

let status = 0;
for (const command of ['USER anna', 'NOOP', 'PWD', 'QUIT']) {
  socket.write(ftp.protectCommand(context, 'safe', Buffer.from(command)));
  try {
    const outer = await reply();
    const { code, lines } = outer.code < 600 ? outer : ftp.unprotectReply(context, outer).inner;
    if (command === shown) console.log(lines.join('\n'));
    if (code >= 400) status = 3;
  } catch {
    status = 3;
  }
}
process.exit(status);
