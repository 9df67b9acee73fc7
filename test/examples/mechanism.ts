import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { parseCommand, protectCommand, unprotectCommand } from 'rfc2228';
import { pskAcceptor, pskInitiator } from 'rfc2228/psk';

const key = randomBytes(32); // shared by both sides
const client = pskInitiator({ key });
const server = pskAcceptor({ key });

const opening = await client.step(); //                    AUTH X-PSK, 334, and then ADAT with this token
const answer = await server.step(opening.token); //        335 ADAT=
const confirmation = await client.step(answer.token); //   ADAT; the client has its context
const end = await server.step(confirmation.token); //      235; now the server has one too
assert(confirmation.context && end.context);

const line = protectCommand(confirmation.context, 'private', new TextEncoder().encode('USER anna'));
assert.match(new TextDecoder().decode(line), /^ENC [A-Za-z0-9+/]+=*\r\n$/);
const { inner, level, sequence } = unprotectCommand(end.context, parseCommand(line));
assert.deepEqual([inner.verb, level, sequence], ['USER', 'private', 'ok']);
