/** A server and a client in one process, with X-PSK in place of Kerberos. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { ClientControl, ServerControl } from 'rfc2228/node';
import { psk, pskInitiator } from 'rfc2228/psk';

const key = randomBytes(32); // a secret of both sides

async function serve(socket: Socket) {
  const control = new ServerControl(socket, { mechanisms: [psk({ acceptor: { key } })], require: 'private' });
  await control.reply(220, 'Ready');
  for await (const event of control) {
    const { verb, argument } = event.command;
    await control.reply(verb === 'USER' ? 230 : 502, `${verb} ${argument} at level ${event.level}`, event);
  }
}

// A client that breaks a rule ends its own connection only.
const server = createServer(socket => void serve(socket).catch(console.error)).listen(0, '127.0.0.1');
await once(server, 'listening');
const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
const control = new ClientControl(socket, { mechanism: 'X-PSK', exchange: pskInitiator({ key }) });
await control.start(); // greeting, AUTH, ADAT, PBSZ, PROT P
control.read(); // the greeting, which is not verified
control.end('USER anna\r\n'); // sent as ENC
let replies = '';
for await (const text of control.setEncoding('utf8')) replies += text;
console.log(/^230 .*$/m.exec(replies)?.[0]); // 230 USER anna at level private
server.close();
