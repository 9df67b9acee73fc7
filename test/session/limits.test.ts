/** What a peer can make a session do, and how much of it: buffers, security data, exchanges that fail. */
import { describe, expect, it } from 'vitest';
import { toUtf8 } from '../../src/bytes.js';
import { FtpSecurityError } from '../../src/errors.js';
import { formatReply } from '../../src/ftp/reply.js';
import { protectReply } from '../../src/protection/protect.js';
import { ClientSession } from '../../src/session/client.js';
import type { AnsweredEvent, ServerSessionOptions } from '../../src/session/events.js';
import { Observer } from '../../src/session/observer.js';
import { errorOf, expectCode } from '../helpers.js';
import { observe } from './observed-lines.js';
import { Pair, pskContexts, secured } from './pair.js';

const AUTH = 'AUTH X-TEST';
const adat = (octets: number) => `ADAT ${Buffer.alloc(octets, 1).toString('base64')}`;
const BAD = new FtpSecurityError('security/bad-token', 'no');

describe('the smallest protection buffer', () => {
  /** What a server answers to PBSZ, PROT and a transfer. */
  function codes(size: number, server: Partial<ServerSessionOptions> = {}): number[] {
    const pair = secured({ server, client: { minPbsz: 1 } });
    return [`PBSZ ${size}`, 'PROT P'].map(command => pair.settle(command).reply.code);
  }

  it('of a server is 128 octets, or minPbsz', () => {
    expect(codes(127)).toEqual([200, 431]);
    expect(codes(128)).toEqual([200, 200]);
    expect(codes(100, { minPbsz: 100 })).toEqual([200, 200]);
    expect(codes(99, { minPbsz: 100 })).toEqual([200, 431]);
    expect(codes(127, { maxPbsz: 100 })).toEqual([200, 200]); // No more than the largest.
  });

  it.each(['RETR a', 'STOR a', 'STOU', 'APPE a', 'LIST', 'NLST', 'MLSD'])(
    'is required of %s after another PBSZ too',
    command => {
      const pair = secured({ client: { minPbsz: 1 } });
      for (const settled of ['PBSZ 1000', 'PROT P', 'PBSZ 60']) expect(pair.settle(settled).reply.code).toBe(200);
      expect(pair.settle(command, 'private')).toMatchObject({ reply: { code: 534 } });
      expect(pair.settle('PBSZ 1000').reply.code).toBe(200);
      expect(pair.command(command).command.raw).toEqual(toUtf8(`${command}\r\n`));
    },
  );

  it('of a client applies to the size that the server states', () => {
    const contexts = pskContexts();
    const { client } = new Pair().secure({ ...contexts, acceptor: pskContexts().acceptor });
    const say = (command: string, code: number, text: string) => {
      client.send(toUtf8(command));
      client.receive(protectReply(contexts.acceptor, 'private', formatReply(code, text)));
      return client.next();
    };
    say('PBSZ 65536', 200, 'PBSZ=127');
    const refused = errorOf(() => client.send(toUtf8('PROT P')));
    expect([refused.code, refused.side]).toEqual(['syntax/limit-exceeded', 'local']);
    say('PBSZ 65536', 200, 'PBSZ=128');
    say('PROT P', 200, 'ok');
    say('PBSZ 65536', 200, 'PBSZ=60');
    for (const command of ['STOR a', 'RETR a', 'LIST']) {
      expectCode(() => client.send(toUtf8(command)), 'syntax/limit-exceeded');
    }
    expectCode(() => client.dataWriter(), 'syntax/limit-exceeded');
    expect(client.pending).toEqual([]);
    say('PROT C', 200, 'ok');
    expect(client.dataWriter().write(toUtf8('a'))).toEqual(toUtf8('a'));
    expect(client.send(toUtf8('STOR a'))).toBeDefined();
  });

  it('must be a size of PBSZ, and not more than maxPbsz', () => {
    for (const minPbsz of [0, 2 ** 32, 1.5]) {
      expect(() => new ClientSession({ minPbsz })).toThrow(RangeError);
      expect(() => new Pair({ server: { minPbsz } })).toThrow(RangeError);
    }
    expect(() => new Pair({ server: { minPbsz: 1000, maxPbsz: 999 } })).toThrow(RangeError);
  });
});

describe('security data', () => {
  it('of one exchange is limited at a server, which refuses more without asking the mechanism', () => {
    const pair = new Pair({ server: { maxSecurityData: 100 } });
    for (let i = 0; i < 2; i++) {
      pair.toServer(AUTH);
      pair.server.proceed({});
      expect(pair.toServer(adat(60))).toMatchObject({ type: 'security-data' });
      pair.server.proceed({});
      expect(pair.toServer(adat(40))).toMatchObject({ type: 'security-data' });
      pair.server.proceed({});
      expect(pair.toServer(adat(1))).toMatchObject({
        code: 535,
        error: { code: 'syntax/limit-exceeded' },
        ends: false,
      });
      expect(pair.server.phase).toBe('clear');
    }
  });

  it('is 256 KiB by default, on both sides', () => {
    const pair = new Pair();
    pair.toServer(AUTH);
    pair.server.proceed({});
    expect(pair.toServer(adat(0x4_0000))).toMatchObject({ type: 'security-data' });
    pair.server.proceed({});
    expect(pair.toServer(adat(1))).toMatchObject({ code: 535 });

    const client = new ClientSession();
    client.send(toUtf8(AUTH));
    client.receive(toUtf8(`334 ${adat(0x4_0000).replace(' ', '=')}\r\n`));
    expect(client.next()).toMatchObject({ type: 'security-data' });
    client.proceed({ token: toUtf8('a') });
    client.receive(toUtf8('335 ADAT=AA==\r\n'));
    expectCode(() => client.next(), 'syntax/limit-exceeded');
    expectCode(() => client.next(), 'sequence/closed');
  });

  it('of a client is counted anew with each AUTH', () => {
    const client = new ClientSession({ maxSecurityData: 3 });
    for (let i = 0; i < 3; i++) {
      client.send(toUtf8(AUTH));
      client.receive(toUtf8('334 ADAT=AAAA\r\n'));
      expect(client.next()).toMatchObject({ type: 'security-data' });
      client.abandon();
    }
  });
});

describe('failures of AUTH and ADAT', () => {
  const events: AnsweredEvent[] = [];
  const failing = (maxFailures?: number) => {
    events.length = 0;
    return new Pair({
      server: { refused: event => events.push(event), ...(maxFailures !== undefined && { maxFailures }) },
    });
  };
  /** One exchange that the mechanism refuses. */
  const fail = (pair: Pair) => {
    expect(pair.toServer(AUTH)).toMatchObject({ type: 'auth' });
    pair.server.proceed({});
    expect(pair.toServer('ADAT AAAA')).toMatchObject({ type: 'security-data' });
    pair.server.refuse(BAD);
  };

  it('are counted, and the last one that is permitted ends the connection', () => {
    const pair = failing(2);
    fail(pair);
    expect(events.at(-1)).toMatchObject({ code: 535, ends: false, error: BAD, command: { verb: 'ADAT' } });
    fail(pair);
    expect(events.at(-1)).toMatchObject({ code: 535, ends: true });
    for (const line of [AUTH, 'ADAT AAAA']) {
      expect(pair.toServer(line)).toMatchObject({ type: 'answered', code: line === AUTH ? 421 : 503, ends: true });
    }
    expect(pair.toServer('CCC')).toMatchObject({ type: 'answered', code: 503, ends: false });
    expect(pair.toServer('NOOP')).toMatchObject({ type: 'command' });
  });

  it('are limited to 16 by default, of any kind', () => {
    const kinds: [string, (pair: Pair) => unknown][] = [
      ['refused by the mechanism', fail],
      ['unknown name', pair => pair.toServer('AUTH X-OTHER')],
      ['unreadable AUTH', pair => pair.toServer('AUTH')],
      ['ADAT before AUTH', pair => pair.toServer('ADAT AAAA')],
      ['refused AUTH', pair => [pair.toServer(AUTH), pair.server.refuse(BAD)]],
      ['answered AUTH', pair => [pair.toServer(AUTH), pair.server.reply(534, 'no')]],
      ['postponed AUTH', pair => [pair.toServer(AUTH), pair.server.reply(400, 'later')]],
      ['unreadable ADAT', pair => [pair.toServer(AUTH), pair.server.proceed({}), pair.toServer('ADAT A')]],
      [
        'given up for another command',
        pair => [pair.toServer(AUTH), pair.server.proceed({}), pair.toServer('NOOP'), pair.server.reply(200, 'x')],
      ],
    ];
    for (const [name, one] of kinds) {
      const pair = failing();
      for (let i = 0; i < 15; i++) one(pair);
      expect(pair.toServer(AUTH), name).toMatchObject({ type: 'auth' });
      pair.server.refuse(BAD);
      expect(pair.toServer(AUTH), name).toMatchObject({ code: 421, error: { code: 'syntax/limit-exceeded' } });
    }
  });

  it('include exchanges that are begun again and again', () => {
    const pair = failing(3);
    for (let i = 0; i < 4; i++) {
      expect(pair.toServer(AUTH)).toMatchObject({ type: 'auth' });
      pair.server.proceed({});
    }
    expect(pair.toServer(AUTH)).toMatchObject({ code: 421 });
  });

  it('do not include exchanges that succeed', () => {
    const pair = failing(1);
    for (let i = 0; i < 3; i++) pair.secure();
    expect(pair.server.phase).toBe('secured');
  });

  it('have limits that must be positive integers', () => {
    expect(() => new Pair({ server: { maxFailures: 0 } })).toThrow(RangeError);
    expect(() => new Pair({ server: { maxSecurityData: 0 } })).toThrow(RangeError);
    expect(() => new ClientSession({ maxSecurityData: 0 })).toThrow(RangeError);
  });
});

describe('an observer', () => {
  const answered = (commands: number) => {
    const lines = Array.from({ length: commands }, (_, i) => `C> NOOP ${i}`);
    return observe([...lines, 'S> 200 yes']).replies.map(({ command }) => command?.argument);
  };

  it('remembers 256 commands that wait for a reply, and drops the oldest beyond', () => {
    expect(answered(256)).toEqual(['0']);
    expect(answered(257)).toEqual(['1']);
  });

  it('gives up a reply in the clear of more than 250,000 lines', () => {
    const observer = new Observer({ mechanisms: [] });
    const errors = () => {
      const codes = [];
      for (let it = observer.next(); it !== undefined; it = observer.next())
        if (it.type === 'message' && it.error) codes.push(it.error.code);
      return codes;
    };
    observer.push('server', toUtf8(`211-a\r\n${' \r\n'.repeat(249_999)}`));
    expect(errors()).toEqual([]);
    observer.push('server', toUtf8(' \r\n'));
    expect(errors()).toEqual(['syntax/truncated']);
  });
});
