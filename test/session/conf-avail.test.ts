/** A client without GSS_C_CONF_FLAG or GSS_C_INTEG_FLAG (RFC 2228 appendix I, conf_avail): which levels a server gives it. */
import { expect, test } from 'vitest';
import { parseReply } from '../../src/ftp/reply.js';
import { krb5Context } from '../../src/mechanisms/krb5/index.js';
import { protectCommand, unprotectReply } from '../../src/protection/protect.js';
import type { TokenLevel } from '../../src/protection/protection-level.js';
import { ServerSession } from '../../src/session/server.js';
import { ascii } from '../helpers.js';

const key = { enctype: 18, key: new Uint8Array(32).fill(1), acceptorSubkey: true, sendSequence: 1, receiveSequence: 1 };

/** A server whose client has these levels, behind 235; `say` gives the code of its answer. */
function server(levels: readonly TokenLevel[], options = {}) {
  const session = new ServerSession({ mechanisms: [{ name: 'GSSAPI' }], ...options });
  const client = krb5Context({ ...key, role: 'initiator' });
  session.receive(ascii('AUTH GSSAPI\r\nADAT AAAA\r\n'));
  session.next();
  session.proceed({});
  session.next();
  const accepted = parseReply(session.proceed({ context: krb5Context({ ...key, role: 'acceptor', levels }) })).code;
  const answer = (octets: Uint8Array) => {
    session.receive(octets);
    const event = session.next()!;
    const reply = event.type === 'command' ? session.reply(200, 'OK', event) : (event as { octets: Uint8Array }).octets;
    const outer = parseReply(reply);
    return outer.code >= 600 ? unprotectReply(client, outer).inner.code : outer.code;
  };
  return {
    accepted,
    say: (level: TokenLevel, text: string) => answer(protectCommand(client, level, ascii(text))),
  };
}

test('with both levels, all is granted', () => {
  const { accepted, say } = server(['safe', 'private']);
  expect([accepted, say('private', 'PBSZ 1000'), say('safe', 'PROT P'), say('private', 'NOOP')]).toEqual([
    235, 200, 200, 200,
  ]);
});

test('without CONF: 537 for ENC, 536 for PROT P', () => {
  const { accepted, say } = server(['safe']);
  expect([accepted, say('safe', 'PBSZ 1000'), say('safe', 'PROT S')]).toEqual([235, 200, 200]);
  expect([say('safe', 'PROT P'), say('private', 'NOOP'), say('safe', 'NOOP')]).toEqual([536, 537, 200]);
});

test('without INTEG: 537 for MIC, 536 for PROT S', () => {
  const { accepted, say } = server(['private']);
  expect([accepted, say('private', 'PBSZ 1000'), say('private', 'PROT P')]).toEqual([235, 200, 200]);
  expect([say('private', 'PROT S'), say('safe', 'NOOP'), say('private', 'NOOP')]).toEqual([536, 537, 200]);
});

test('without either there is no level that policy could require', () => {
  expect(server([]).say('safe', 'NOOP')).toBe(537);
  expect(server([]).say('private', 'NOOP')).toBe(537);
  expect(server([], { require: 'safe' }).accepted).toBe(535);
});
