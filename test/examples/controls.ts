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

const server = createServer(socket => {
  serve(socket).catch(console.error); // a client that breaks a rule ends its own connection only
}).listen(0, '127.0.0.1');
await once(server, 'listening');

const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
const control = new ClientControl(socket, { mechanism: 'X-PSK', exchange: pskInitiator({ key }) });
await control.start(); // greeting, AUTH, ADAT, PBSZ, PROT P
for await (const reply of control.setEncoding('utf8')) {
  if (reply.startsWith('220')) {
    control.write('USER anna\r\n'); // sent as ENC
    continue;
  }
  console.log(reply.trim()); // 230 USER anna at level private
  break;
}
server.close();
