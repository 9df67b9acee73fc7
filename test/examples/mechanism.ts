/** The codec with a mechanism, without I/O: an exchange, a protected command, and a protected reply. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { parseCommand, parseReply, protectCommand, protectReply, unprotectCommand, unprotectReply } from 'rfc2228';
import { pskAcceptor, pskInitiator } from 'rfc2228/psk';

const key = randomBytes(32); // shared by both sides
const client = pskInitiator({ key });
const server = pskAcceptor({ key });
const opening = await client.step(); //                    AUTH X-PSK, 334, and then ADAT with this token
const answer = await server.step(opening.token); //        335 ADAT=
const confirmation = await client.step(answer.token); //   ADAT; the client has its context
const end = await server.step(confirmation.token); //      235; now the server has one too
assert(confirmation.context && end.context);

const octets = (text: string) => new TextEncoder().encode(text);
const line = protectCommand(confirmation.context, 'private', octets('USER anna')); // ENC …
const command = unprotectCommand(end.context, parseCommand(line));
assert.deepEqual([command.inner.verb, command.level, command.sequence], ['USER', 'private', 'ok']);

const lines = protectReply(end.context, 'private', octets('230-Welcome\r\n230 Logged in')); // 632-…, 632 …
const { inner, level, classification } = unprotectReply(confirmation.context, parseReply(lines));
console.log(inner.code, inner.lines, level, classification.kind); // 230 [ 'Welcome', 'Logged in' ] private positive-completion
