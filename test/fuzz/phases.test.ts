/** Every script against our own sessions: what a server answers, and what a client refuses. */
import { describe, expect, it } from 'vitest';
import { toUtf8 } from '../../src/bytes.js';
import { FtpSecurityError } from '../../src/errors.js';
import {
  type ClientScript,
  SCRIPTS,
  type ScriptStart,
  type ServerScript,
  scriptOctets,
} from '../../src/fuzz/phases.js';
import { PskContext } from '../../src/mechanisms/psk/context.js';
import { ClientSession } from '../../src/session/client.js';
import { ServerSession } from '../../src/session/server.js';
import type { ServerEvent } from '../../src/session/server-events.js';
import { errorOf } from '../helpers.js';

const KEYS = { key: new Uint8Array(32).fill(7), nonces: new Uint8Array(64).fill(9) };
const initiator = () => new PskContext({ ...KEYS, role: 'initiator' });
const acceptor = () => new PskContext({ ...KEYS, role: 'acceptor' });
const line = (text: string) => toUtf8(`${text}\r\n`);

function serverAt(start: ScriptStart): ServerSession {
  const server = new ServerSession({ mechanisms: ['X-PSK'] });
  if (start === 'greeted') return server;
  server.receive(line('AUTH X-PSK'));
  expect(server.next()?.type).toBe('auth');
  server.proceed({});
  if (start === 'exchange') return server;
  server.receive(line('ADAT AAAA'));
  expect(server.next()?.type).toBe('security-data');
  server.proceed({ context: acceptor() });
  return server;
}

/** The code by which a session answers, or the application would: it refuses security data that no mechanism reads. */
function answerTo(event: ServerEvent | undefined, server: ServerSession): number | string {
  if (event?.type === 'answered') return event.code;
  if (event?.type !== 'security-data') return `carried out: ${event?.type}`;
  server.refuse(new FtpSecurityError('security/bad-token', 'no security data of X-PSK'));
  return 535;
}

function clientAt(start: ScriptStart): ClientSession {
  const client = new ClientSession();
  const hear = (text: string) => {
    client.receive(line(text));
    return client.next();
  };
  hear('220 Ready');
  client.send(toUtf8('AUTH X-PSK'));
  if (start === 'greeted') return client;
  expect(hear('334 Go on')?.type).toBe('security-data');
  client.proceed(start === 'secured' ? { token: Uint8Array.of(1), context: initiator() } : { token: Uint8Array.of(1) });
  if (start === 'exchange') return client;
  hear('235 Done');
  client.send(toUtf8('NOOP'));
  return client;
}

const of = <P extends 'client' | 'server'>(to: P) =>
  SCRIPTS.filter(it => it.to === to).map(it => [it.name, it] as const);

describe('scripts to a server', () => {
  it.each(of('server'))('%s', (_, script) => {
    const { start, before, owed, line: last } = script as ServerScript;
    const server = serverAt(start);
    const client = initiator();
    for (const one of before) {
      server.receive(scriptOctets(one, 'server', client)!);
      expect(answerTo(server.next(), server)).toBe(200);
    }
    const { phase } = server;
    server.receive(scriptOctets(last, 'server', client)!);
    expect(owed).toContain(answerTo(server.next(), server));
    // A failed exchange is over; else all is as it was.
    const over = start === 'exchange' && /^ADAT/.test(last.text);
    expect(server.phase).toBe(over ? 'clear' : phase);
  });
});

describe('scripts to a client', () => {
  it.each(of('client'))('%s', (_, script) => {
    const { start, expected, line: last } = script as ClientScript;
    const client = clientAt(start);
    client.receive(scriptOctets(last, 'client', acceptor())!);
    if (expected.verdict === 'accept') {
      expect(client.next()?.type).toBe('reply');
      expect(client.phase).toBe('clear');
    } else {
      expect(expected.verdict === 'refuse' && expected.codes).toContain(errorOf(() => client.next()).code);
      expect(errorOf(() => client.next()).code).toBe('sequence/closed');
    }
  });
});

describe('a line of a script', () => {
  it('says nothing where the mechanism lacks its level', () => {
    const context = { ...initiator(), supports: () => false } as never;
    expect(scriptOctets({ text: 'NOOP', level: 'confidential' }, 'server', context)).toBeUndefined();
    expect(scriptOctets({ text: 'NOOP', level: 'safe' }, 'server')).toBeUndefined();
  });
});
