/** A text transcript of a session under X-PSK. */
import { pskAcceptor, pskInitiator } from '../../src/mechanisms/psk/index.js';
import { protectCommand } from '../../src/protection/protect.js';

export async function pskRecording(): Promise<{ key: Uint8Array; lines: string[] }> {
  const key = new Uint8Array(16).fill(7);
  const [client, server] = [pskInitiator({ key }), pskAcceptor({ key })];
  const adat = (token?: Uint8Array) => Buffer.from(token!).toString('base64');
  const first = await client.step();
  const answer = await server.step(first.token);
  const last = await client.step(answer.token);
  const lines = [
    'S> 220 Ready',
    'C> AUTH X-PSK',
    'S> 334 Go on',
    `C> ADAT ${adat(first.token)}`,
    `S> 335 ADAT=${adat(answer.token)}`,
    `C> ADAT ${adat(last.token)}`,
    'S> 235 Done',
    `C> ${Buffer.from(protectCommand(last.context!, 'private', Buffer.from('PWD\r\n'))).toString('latin1')}`,
  ];
  return { key, lines };
}
