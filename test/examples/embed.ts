import { ProtectedReplyReader, protectCommand, protectReply, ReplyReader } from 'rfc2228';
import { krb5Context } from 'rfc2228/krb5';

const key = { enctype: 18, key: new Uint8Array(32).fill(1), acceptorSubkey: true };
const context = krb5Context({ ...key, role: 'initiator', sendSequence: 7, receiveSequence: 9 });
const command = protectCommand(context, 'private', new TextEncoder().encode('PASS secret')); // ENC BQQG…

const [outer, inner] = [new ReplyReader(), new ProtectedReplyReader(context)];
outer.push(exchangeWithServer(command)); // what comes from the socket, in any chunks
for (let reply = outer.next(); reply !== undefined; reply = outer.next()) inner.push(reply);
const { inner: reply, level, classification } = inner.next()!;
console.log(reply.code, reply.lines, level, classification.kind); // 230 [ 'Welcome', 'Logged in' ] private positive-completion

/** Takes the place of the network and a server. */
function exchangeWithServer(_octets: Uint8Array): Uint8Array {
  const server = krb5Context({ ...key, role: 'acceptor', sendSequence: 9, receiveSequence: 7 });
  return protectReply(server, 'private', new TextEncoder().encode('230-Welcome\r\n230 Logged in'));
}
