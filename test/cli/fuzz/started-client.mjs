/** A client that prints what it is told, and dies of what it must refuse: `node started-client.mjs KEYFILE PORT`. */
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { pskInitiator } from '../../../dist/mechanisms/psk/index.js';
import { ClientControl } from '../../../dist/node/index.js';

const [, , keyFile, port] = process.argv;
const key = Buffer.from(readFileSync(keyFile, 'latin1').trim(), 'hex');
const control = new ClientControl(connect(Number(port), '127.0.0.1'), {
  mechanism: 'X-PSK',
  exchange: pskInitiator({ key }),
});
control.on('error', () => process.kill(process.pid, 'SIGSEGV'));
await control.start().catch(() => process.kill(process.pid, 'SIGSEGV'));
control.write('USER anna\r\n');
control.write('QUIT\r\n');
for await (const replies of control) process.stdout.write(replies);
