/** Every script against our own sessions: what a server answers, and what a client refuses. */
import { describe, expect, it } from 'vitest';
import { concat, toUtf8 } from '../../src/bytes.js';
import { FtpSecurityError } from '../../src/errors.js';
import type { Script } from '../../src/fuzz/mutation.js';
import { PHASES, scriptOctets } from '../../src/fuzz/mutations/phases.js';
import { PskContext } from '../../src/mechanisms/psk/context.js';
import { ClientSession } from '../../src/session/client.js';
import type { ServerEvent } from '../../src/session/events.js';
import { ServerSession } from '../../src/session/server.js';
import { errorOf } from '../helpers.js';

const KEYS = { key: new Uint8Array(32).fill(7), nonces: new Uint8Array(64).fill(9) };
const initiator = () => new PskContext({ ...KEYS, role: 'initiator' });
const acceptor = () => new PskContext({ ...KEYS, role: 'acceptor' });
const line = (text: string) => toUtf8(`${text}\r\n`);

/** @param octets  of the script's line */
function serverThatHears(octets: Uint8Array, start: Script['start'], before: readonly Uint8Array[]): ServerSession {
  const server = new ServerSession({ mechanisms: [{ name: 'X-PSK' }] });
  const hear = (text: string, behind: boolean) => {
    server.receive(behind ? concat(line(text), octets) : line(text));
    return server.next()?.type;
  };
  if (start !== 'greeted') {
    expect(hear('AUTH X-PSK', start === 'auth')).toBe('auth');
    server.proceed({});
  }
  if (start === 'adat' || start === 'secured') {
    expect(hear('ADAT AAAA', start === 'adat')).toBe('security-data');
    server.proceed({ context: acceptor() });
  }
  for (const one of before) {
    server.receive(one);
    expect(answerTo(server.next(), server)).toBe(200);
  }
  if (start !== 'auth' && start !== 'adat') server.receive(octets);
  return server;
}

/** The code by which a session answers, or the application would: it refuses security data that no mechanism reads. */
function answerTo(event: ServerEvent | undefined, server: ServerSession): number | string {
  if (event?.type === 'answered') return event.code;
  if (event?.type !== 'security-data') return `carried out: ${event?.type}`;
  server.refuse(new FtpSecurityError('security/bad-token', 'no security data of X-PSK'));
  return 535;
}

/** @param octets  of the script's line: what the client does by the next reply that it reads */
function clientThatHears(octets: Uint8Array, start: Script['start']): { client: ClientSession; next: () => unknown } {
  const client = new ClientSession();
  const hear = (text: string, behind = false) => {
    client.receive(behind ? concat(line(text), octets) : line(text));
    return client.next();
  };
  hear('220 Ready');
  client.send(toUtf8('AUTH X-PSK'));
  const token = Uint8Array.of(1);
  if (start !== 'greeted') expect(hear('334 Go on', start === 'auth')?.type).toBe('security-data');
  if (start === 'auth') return { client, next: () => client.proceed({ token }) };
  const isSecured = start === 'adat' || start === 'secured';
  if (start !== 'greeted') client.proceed(isSecured ? { token, context: initiator() } : { token });
  if (isSecured) {
    expect(hear('235 Done', start === 'adat')?.type).toBe('reply');
    client.send(toUtf8('NOOP'));
  }
  if (start !== 'adat') client.receive(octets);
  return { client, next: () => client.next() };
}

const of = <P extends 'client' | 'server'>(to: P) =>
  PHASES.filter(it => it.to === to).map(it => [it.name, it] as const);

describe('scripts to a server', () => {
  it.each(of('server'))('%s', (_, { expected, script }) => {
    const { start, before, line: last } = script!;
    const codes = expected.verdict === 'answer' ? expected.codes : [];
    const client = initiator();
    const valid = before.map(one => scriptOctets(one, 'server', client)!);
    const server = serverThatHears(scriptOctets(last, 'server', client)!, start, valid);
    const { phase } = server;
    expect(codes).toContain(answerTo(server.next(), server));
    // A failed exchange is over; else all is as it was.
    const over = start === 'exchange' && /^ADAT/.test(last.text);
    expect(server.phase).toBe(over ? 'clear' : phase);
  });
});

describe('scripts to a client', () => {
  it.each(of('client'))('%s', (_, { expected, script }) => {
    const { start, line: last } = script!;
    const { client, next } = clientThatHears(scriptOctets(last, 'client', acceptor())!, start);
    if (expected.verdict === 'accept') {
      expect(next()).toMatchObject({ type: 'reply' });
      expect(client.phase).toBe('clear');
    } else if (expected.verdict === 'either') {
      // Ours takes a reply for that of the command which waits when it is read.
      expect(next()).toMatchObject({ reply: { code: 230 }, level: 'safe' });
    } else {
      expect(expected.codes).toContain(errorOf(next).code);
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
