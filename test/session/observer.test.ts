import { describe, expect, it } from 'vitest';
import { FtpSecurityError } from '../../src/errors.js';
import { DEVIATIONS } from '../../src/protection/deviations.js';
import type { Peer } from '../../src/protection/mechanism.js';
import { ifReadable } from '../../src/session/observations.js';
import { Observer, type ObserverOptions } from '../../src/session/observer.js';
import { ascii } from '../helpers.js';
import { visibleContext } from '../protection/visible-context.js';
import { base64, CCC, EXCHANGE, LOCKED, mechanism, mic, observe, reply, token } from './observed-lines.js';

/** Verdict and error of the last line. */
function last(lines: string[], options?: Partial<ObserverOptions>): [string, string | undefined] {
  const { verdict, error } = observe(lines, options).messages.at(-1)!;
  return [verdict, error?.code];
}

describe('an observed session', () => {
  it('is verified from 235 on', () => {
    const { messages, replies, exchanges } = observe([...EXCHANGE, mic(0, 'PWD'), reply(0, '257 "/"')]);
    expect(exchanges).toEqual([expect.objectContaining({ mechanism: 'X-VISIBLE', variant: 'visible', keyed: true })]);
    expect(messages.map(({ wire, verdict }) => [wire, verdict])).toEqual([
      ['220 ', 'clear'],
      ['AUTH', 'clear'],
      ['334 ', 'clear'],
      ['ADAT', 'clear'],
      ['235 ', 'clear'],
      ['MIC', 'verified'],
      ['631 ', 'verified'],
    ]);
    expect(replies.at(-1)).toMatchObject({ messages: [7], reply: { code: 257 } });
  });

  it('may have the bare code as the last line of any reply (RFC 3659 §7.2)', () => {
    const { messages, replies } = observe([
      ...['S> 220-hello', 'S> 220-', 'S> 220', 'C> AUTH X-VISIBLE', 'S> 334', `C> ADAT ${base64('open')}`, 'S> 235'],
      ...[mic(0, 'STAT'), reply(0, '211-a\r\n'), reply(1, '211\r\n'), mic(1, 'PWD'), reply(2, '250')],
    ]);
    expect(messages.map(({ wire, error }) => [wire, error])).toEqual(
      ['220-', '220-', '220', 'AUTH', '334', 'ADAT', '235', 'MIC', '631 ', '631 ', 'MIC', '631 '].map(it => [
        it,
        undefined,
      ]),
    );
    expect(replies.map(({ reply: { code, lines } }) => [code, ...lines])).toEqual([
      [220, 'hello', '220-', ''],
      [334, ''],
      [235, ''],
      [211, 'a', ''],
      [250, ''],
    ]);
  });

  it('accepts the bare code of a protected reply as its end, and reports the missing token', () => {
    const { messages } = observe([...EXCHANGE, mic(0, 'PWD'), 'S> 631', mic(1, 'PWD'), reply(0, '257 "/"')]);
    expect(messages.slice(6).map(({ verdict, error }) => [verdict, error?.code])).toEqual([
      ['failed', 'syntax/bad-reply'],
      ['verified', undefined],
      ['verified', undefined],
    ]);
  });

  it('shows nothing of a token before 235', () => {
    expect(last([...EXCHANGE.slice(0, 4), mic(0, 'PWD')])).toEqual(['failed', 'sequence/no-context']);
    expect(last([...EXCHANGE.slice(0, 4), reply(0, '200 a')])).toEqual(['failed', 'sequence/no-context']);
  });

  it('changes context on the 334 reply to AUTH, never on AUTH alone', () => {
    const again = [...EXCHANGE, mic(0, 'AUTH X-VISIBLE')];
    expect(last([...again, mic(1, 'PWD')])).toEqual(['verified', undefined]);
    expect(last([...again, reply(0, '501 no'), mic(1, 'PWD')])).toEqual(['verified', undefined]);
    expect(last([...again, reply(0, '334 go on'), mic(1, 'PWD')])).toEqual(['failed', 'sequence/no-context']);
    expect(last([...again, reply(0, '334 go on'), ...EXCHANGE.slice(3), mic(0, 'PWD')])).toEqual([
      'verified',
      undefined,
    ]);
  });

  it('reports AUTH in the clear, and a clear 334 or 234 after it, as errors, and keeps its context', () => {
    for (const auth of ['C> AUTH X-VISIBLE', mic(0, 'AUTH X-VISIBLE')]) {
      for (const accepted of ['S> 334 go on', 'S> 234 done']) {
        const lines = [...EXCHANGE, auth, accepted];
        const { messages } = observe(lines);
        const codes = messages.slice(-2).map(({ error }) => error?.code);
        expect(codes).toEqual([
          auth.startsWith('C> AUTH') ? 'sequence/unprotected' : undefined,
          'sequence/unprotected',
        ]);
        expect(last([...lines, mic(1, 'PWD')])).toEqual(['verified', undefined]);
      }
    }
  });

  it('ends the association with REIN and with a failed exchange', () => {
    expect(last([...EXCHANGE, mic(0, 'REIN'), reply(0, '220 again'), 'C> USER me'])).toEqual(['clear', undefined]);
    const failed = [...EXCHANGE.slice(0, 4), 'S> 535 no'];
    expect(last([...failed, 'C> USER me'])).toEqual(['clear', undefined]);
    expect(observe(failed).exchanges).toEqual([]);
  });

  it('is not final from the first message of a reply on that goes on', () => {
    const observer = new Observer({ mechanisms: [mechanism()] });
    const play = (...lines: string[]) => {
      for (const line of lines) observer.push(line[0] === 'C' ? 'client' : 'server', ascii(`${line.slice(3)}\r\n`));
      return observer.open;
    };
    expect(play('S> a program says')).toBe(1);
    expect(play('S> 220-hello', 'S> 220-and')).toBe(2);
    expect(play('S> 220 welcome')).toBe(Infinity);
    expect(play('C> NOOP', 'S> 200-two', 'S> lines')).toBe(6);
    expect(play('S> 200 done')).toBe(Infinity);
    expect(play(...EXCHANGE.slice(1))).toBe(Infinity);
    expect(play(mic(0, 'STAT'), `S> 631-${token('safe', 0, '211-a\r\n')}`)).toBe(14);
    expect(play(`S> 631 ${token('safe', 1, 'b\r\n')}`)).toBe(14);
    expect(play(reply(2, '211 c'))).toBe(Infinity);
  });

  it('may begin after AUTH, or without any known exchange', () => {
    expect(last([...EXCHANGE.slice(3), mic(0, 'PWD')])).toEqual(['verified', undefined]);
    expect(last([...EXCHANGE, mic(0, 'PWD')], { mechanisms: [] })).toEqual(['unkeyed', undefined]);
    expect(last(['S> 235 done', mic(0, 'PWD')])).toEqual(['failed', 'sequence/no-context']);
  });

  it('is verified where ADAT is sent before the reply to AUTH', () => {
    const [greeting, auth, accepted, adat, ...rest] = EXCHANGE as [string, string, string, string, ...string[]];
    const ahead = [greeting, auth, adat, accepted];
    const { messages, exchanges } = observe([...ahead, ...rest, mic(0, 'PWD'), reply(0, '257 "/"')]);
    expect(exchanges).toMatchObject([{ mechanism: 'X-VISIBLE', variant: 'visible', keyed: true }]);
    expect(messages.slice(-2).map(({ verdict }) => verdict)).toEqual(['verified', 'verified']);
    // Another exchange, which was refused, has no part in it.
    const refused = [...EXCHANGE.slice(0, 4), 'S> 535 no'];
    expect(last([...refused, auth, adat, accepted, ...rest, mic(0, 'PWD')])).toEqual(['verified', undefined]);
    const other = [greeting, 'C> AUTH X-OTHER', adat, 'S> 504 unknown', 'S> 503 no'];
    expect(observe(other).exchanges).toEqual([]);
    expect(last([...other, ...EXCHANGE.slice(1), mic(0, 'PWD')])).toEqual(['verified', undefined]);
  });

  it('goes on after 335 until 235', () => {
    const more = ['S> 220 hello', 'C> AUTH X-VISIBLE', 'S> 334 go', `C> ADAT ${base64('more')}`];
    const lines = [...more, `S> 335 ADAT=${base64('yes')}`, `C> ADAT ${base64('open')}`];
    expect(observe(lines).exchanges).toEqual([]);
    const { exchanges, messages } = observe([...lines, 'S> 235 done', mic(0, 'PWD')]);
    expect(exchanges).toMatchObject([{ keyed: true, facts: { client: 'open', server: 'yes' } }]);
    expect(messages.at(-1)?.verdict).toBe('verified');
  });

  it('says what applies to data connections: nothing in particular before the exchange', () => {
    const { dataProtection } = new Observer({ mechanisms: [] });
    expect(dataProtection).toMatchObject({ level: 'clear', contexts: { client: undefined, server: undefined } });
  });

  it('is not changed by ADAT under an association', () => {
    expect(last([...EXCHANGE, `C> ADAT ${base64('garbage')}`, reply(0, '503 no'), mic(0, 'PWD')])).toEqual([
      'verified',
      undefined,
    ]);
  });

  it('is not changed by ADAT after 234 either, which no step of an exchange follows', () => {
    const granted = ['S> 220 hello', 'C> AUTH X-VISIBLE', 'S> 234 done'];
    expect(last([...granted, `C> ADAT ${base64('garbage')}`])).toEqual(['clear', undefined]);
    expect(last([...EXCHANGE, mic(0, `ADAT ${base64('open')}`), reply(0, '235 ADAT=!')])).toEqual([
      'verified',
      undefined,
    ]);
  });

  it('names the deviations of security data in either direction', () => {
    const lines = [...EXCHANGE.slice(0, 3), `${EXCHANGE[3]} `, `S> 235 done ADAT=${base64('yes')}`];
    expect(observe(lines).messages.map(({ tolerated }) => tolerated)).toEqual([
      [],
      [],
      [],
      ['blank-around-base64'],
      ['text-before-adat'],
    ]);
  });

  it('goes on where security data without AUTH can not be read, and the server accepts it', () => {
    const late = ['S> 220 hello', 'C> ADAT !', `S> 335 ADAT=${base64('yes')}`, EXCHANGE[3]!];
    expect(observe(late).messages.map(({ error }) => error?.code)).toEqual([
      undefined,
      'syntax/bad-base64',
      undefined,
      undefined,
    ]);
    expect(observe(['S> 220 hello', 'C> ADAT !', reply(0, '235 done')]).messages.at(-1)).toMatchObject({
      tolerated: [],
      error: { code: 'sequence/no-context' },
    });
  });

  it('gives each reply its command, also a preliminary one', () => {
    const { replies } = observe(['S> 220 hello', 'C> RETR x', 'S> 150 soon', 'S> 226 done', 'C> NOOP', 'S> 334 go']);
    expect(replies.map(({ command }) => command?.verb)).toEqual([undefined, 'RETR', 'RETR', undefined]);
  });

  it('sets the level of data connections by PROT alone', () => {
    const { replies } = observe([...EXCHANGE, mic(0, 'TYPE P'), reply(0, '200 a')]);
    expect(replies.map(it => it.protection)).toEqual(Array(4).fill('clear'));
  });

  it('reports why the key is missing, and distinguishes unkeyed from failed', () => {
    const { exchanges, messages } = observe([...LOCKED, mic(0, 'PWD'), 'S> 631 Zm9*', 'S> 631 Zm9v']);
    expect(exchanges).toEqual([expect.objectContaining({ keyed: false, problem: expect.any(FtpSecurityError) })]);
    expect(messages.slice(-3).map(({ verdict }) => verdict)).toEqual(['unkeyed', 'failed', 'unkeyed']);
  });

  it('reports security data that cannot be read, and continues', () => {
    expect(last([...EXCHANGE.slice(0, 3), `C> ADAT ${base64('garbage')}`])).toEqual(['clear', 'security/bad-token']);
    expect(last([...EXCHANGE.slice(0, 4), `S> 235 ADAT=${base64('garbage')}`])).toEqual([
      'clear',
      'security/bad-token',
    ]);
    expect(last([...EXCHANGE.slice(0, 3), 'C> ADAT !'])).toEqual(['clear', 'syntax/bad-base64']);
    expect(last(['C> AUTH'])).toEqual(['clear', 'syntax/bad-command']);
  });
});

describe('after AUTH TLS and 234', () => {
  const GRANTED = ['S> 220 hello', 'C> AUTH TLS', 'S> 234 go on'];
  const record = (length: number, type = 22) =>
    Uint8Array.of(type, 3, 3, length >> 8, length & 0xff, ...Array(length).fill(10));
  const SSL2_HELLO = Uint8Array.of(0x80, 0x2e, 1, 3, 1, ...Array(0x2b).fill(10));
  /** Plays lines, and octets, of which `lost` are missing. */
  const play = (...steps: (string | { from: Peer; octets?: Uint8Array })[]) => {
    const observer = new Observer({ mechanisms: [mechanism()] });
    for (const step of [...GRANTED, ...steps]) {
      if (typeof step === 'string')
        observer.push(step.startsWith('C') ? 'client' : 'server', ascii(`${step.slice(3)}\r\n`));
      else if (step.octets === undefined) observer.gap(step.from);
      else for (const octet of step.octets) observer.push(step.from, Uint8Array.of(octet));
    }
    observer.close();
    const messages = [];
    for (let next = observer.next(); next !== undefined; next = observer.next()) {
      if (next.type === 'message') messages.push(next);
    }
    return { problem: observer.problem, said: messages.slice(3).map(({ wire, error }) => [wire, error?.code]) };
  };
  const client = (octets?: Uint8Array) => ({ from: 'client' as const, ...(octets && { octets }) });
  const server = (octets?: Uint8Array) => ({ from: 'server' as const, ...(octets && { octets }) });

  it('TLS has no lines, and its octets are counted', () => {
    const { problem, said } = play(
      client(record(300)),
      server(record(2)),
      client(record(0, 23)),
      server(record(9, 21)),
    );
    expect(said).toEqual([]);
    expect(problem).toMatchObject({ message: 'from here on TLS (RFC 4217): 331 octets' });
    expect(play(client(SSL2_HELLO), server(record(2)))).toMatchObject({
      said: [],
      problem: { code: 'security/no-key' },
    });
  });

  it('lines of a side that speaks no TLS are read, and are errors', () => {
    const { problem, said } = play('C> USER me', 'S> 331 yes', client(new Uint8Array(0)));
    expect(said).toEqual([
      ['USER', 'sequence/unprotected'],
      ['331 ', 'sequence/unprotected'],
    ]);
    expect(problem).toBeUndefined();
    expect(play(client(record(5)), 'S> 331 yes').said).toEqual([['331 ', 'sequence/unprotected']]);
    expect(play(client(Uint8Array.of(22, 4, 13, 10))).said).toEqual([['', 'syntax/bad-command']]);
    expect(play(client(Uint8Array.of(22, 3, 3, 0xff, 0xff, 10))).said).toEqual([['', 'syntax/bad-command']]);
  });

  it('TLS is required until another AUTH is accepted', () => {
    for (const refused of [
      ['C> AUTH X-OTHER', 'S> 504 no'],
      ['C> NOOP', 'S> 234 what'],
    ])
      expect(play(...refused, 'C> USER me').said.at(-1)).toEqual(['USER', 'sequence/unprotected']);
    expect(last(['S> 220 hello', 'C> AUTH TLS', 'S> 334 go on', 'C> USER me'])).toEqual(['clear', undefined]);
  });

  it('an exchange in the clear is followed, and its protected lines are no errors', () => {
    const { said } = play(...EXCHANGE.slice(1), mic(0, 'PWD'), reply(0, '257 a'));
    expect(said.map(([, error]) => error)).toEqual([
      ...Array(2).fill('sequence/unprotected'),
      ...Array(4).fill(undefined),
    ]);
  });

  it('lines after the end of TLS are read: CCC ends it', () => {
    const { problem, said } = play(client(record(5)), server(record(5)), 'C> PWD', 'S> 257 a');
    expect(said).toEqual([
      ['PWD', undefined],
      ['257 ', undefined],
    ]);
    expect(problem).toMatchObject({ message: expect.stringContaining('20 octets') });
  });

  it('after missing octets it is still TLS, if either side has spoken any', () => {
    expect(play(client(record(5)), client(), client(ascii('xyz\r\n')), server(), server(record(3))).said).toEqual([]);
    expect(play(client(), 'C> ', 'C> USER me').said.at(-1)).toEqual(['USER', 'sequence/unprotected']);
  });
});

describe('a recording that does not have the exchange', () => {
  const LATE = { fromStart: false };
  const verdicts = (lines: string[], options?: Partial<ObserverOptions>) =>
    observe(lines, options).messages.map(({ verdict, error }) => `${verdict} ${error?.code ?? ''}`.trim());
  const problem = (lines: string[], options: Partial<ObserverOptions> = {}) => observe(lines, options).problem?.message;
  const PROTECTED = [mic(0, 'PWD'), reply(0, '257 a')];

  it('since it starts late: tokens are unkeyed, not failed', () => {
    expect(verdicts(PROTECTED, LATE)).toEqual(['unkeyed', 'unkeyed']);
    expect(problem(PROTECTED, LATE)).toBe('the exchange is not in the capture');
    expect(verdicts(PROTECTED)).toEqual(Array(2).fill('failed sequence/no-context'));
    expect(problem(PROTECTED)).toBeUndefined();
    expect(verdicts(['C> MIC !'], LATE)).toEqual(['failed syntax/bad-base64']);
  });

  it('wherever it starts, no line fails', () => {
    const whole = [...EXCHANGE, ...PROTECTED];
    for (let start = 1; start < whole.length; start++) {
      const said = verdicts(whole.slice(start), LATE);
      expect(said.every(it => /^(clear|unkeyed|verified)$/.test(it))).toBe(true);
      expect(said.slice(-1)).toEqual([start <= 3 ? 'verified' : 'unkeyed']);
    }
  });

  it('for a gap in it, or a direction that is missing', () => {
    for (const from of ['C', 'S']) {
      const gap = EXCHANGE.map(line => (line.startsWith(from) ? `${from}!` : line));
      const rest = PROTECTED.filter(line => !line.startsWith(from));
      expect(verdicts([...gap, ...rest]).at(-1)).toBe('unkeyed');
      expect(verdicts([...gap, ...rest]).every(it => /^(clear|unkeyed)$/.test(it))).toBe(true);
      expect(problem([...gap, ...rest])).toBe('the exchange is not in the capture');
    }
  });

  it('but not where a line shows that there is no association', () => {
    const refused = [...EXCHANGE.slice(0, 4), 'S> 535 no'];
    expect(verdicts([...refused.slice(1), ...PROTECTED], LATE).slice(-2)).toEqual(
      Array(2).fill('failed sequence/no-context'),
    );
    expect(verdicts([...EXCHANGE.slice(1, 3), ...PROTECTED], LATE).slice(-2)).toEqual(
      Array(2).fill('failed sequence/no-context'),
    );
  });

  it('may start within a reply or a command: their rest is no error, and one that comes later is', () => {
    const lines = ['C> AAAA==', 'S>  text', 'S> 22', 'S> 214 end', 'C> QUIT', 'S> 221 bye'];
    expect(verdicts(lines, LATE)).toEqual(Array(6).fill('clear'));
    expect(verdicts([...lines, 'S> text', 'C> '], LATE).slice(-2)).toEqual([
      'clear syntax/bad-reply',
      'clear syntax/bad-command',
    ]);
    expect(verdicts(['S> 220 hi', 'S!', 'S> a', 'S>  text', 'S> 214 end'])).toEqual([
      'clear',
      'clear syntax/truncated',
      'clear',
      'clear',
    ]);
  });
});

it('a reply whose command is not in the recording is not held against the next command', () => {
  for (const code of [150, 200, 235]) {
    const { replies } = observe([`S> ${code} what it was`, 'C> PWD', 'S> 257 "/"'], { fromStart: false });
    expect(replies.map(({ command }) => command?.verb)).toEqual([undefined, 'PWD']);
  }
});

describe('a 235 that comes protected', () => {
  const before = EXCHANGE.slice(0, 4);

  it('completes the exchange, and is a deviation', () => {
    const { messages, replies, exchanges } = observe([
      ...before,
      reply(0, '235 done'),
      mic(0, 'PWD'),
      reply(1, '257 "/"'),
    ]);
    expect(messages.slice(4)).toMatchObject([
      { wire: '631 ', verdict: 'verified', text: '235 done', tolerated: ['protected-235'], error: undefined },
      { verdict: 'verified', error: undefined },
      { verdict: 'verified', tolerated: [], error: undefined },
    ]);
    expect(replies.map(it => it.reply.code)).toEqual([220, 334, 235, 257]);
    expect(exchanges).toMatchObject([{ keyed: true }]);
    expect(observe([...before, 'S> 631-Zm9*', reply(0, '235 done')]).exchanges).toEqual([]);
    expect(last([...before, reply(0, '235 done')], { tolerate: [] })).toEqual(['verified', 'sequence/no-context']);
    expect(last([...before, reply(0, '235 done'), reply(1, '200 a')], { tolerate: [] })).toEqual([
      ...['failed', 'sequence/no-context'],
    ]);
  });

  it('has integrity, and is heard once', () => {
    expect(last([...before, reply(0, '235 done', 'confidential')])).toEqual(['failed', 'sequence/no-context']);
    expect(last([...before, reply(0, '335 more')])).toEqual(['failed', 'sequence/no-context']);
    expect(last([...EXCHANGE.slice(0, 3), reply(0, '235 done')])).toEqual(['failed', 'sequence/no-context']);
    for (const text of ['PWD', '235 done'])
      expect(last([...before, mic(0, text)])).toEqual(['failed', 'sequence/no-context']);
  });

  it('is accepted without a key too, but not if the server still has to send security data', () => {
    const { messages, exchanges } = observe([...LOCKED.slice(0, 4), reply(0, '235 done'), mic(0, 'PWD')]);
    expect(messages.slice(4).map(({ verdict }) => verdict)).toEqual(['unkeyed', 'unkeyed']);
    expect(exchanges).toMatchObject([{ keyed: false, problem: { code: 'security/no-key' } }]);
    const more = [...EXCHANGE.slice(0, 3), `C> ADAT ${base64('more')}`, reply(0, '235 done'), mic(0, 'PWD')];
    expect(
      observe(more)
        .messages.slice(4)
        .map(({ verdict }) => verdict),
    ).toEqual(['failed', 'failed']);
    const strict = observe([...LOCKED.slice(0, 4), reply(0, '235 done')], { tolerate: [] });
    expect([strict.messages.at(-1)!.error?.code, strict.exchanges]).toEqual(['sequence/no-context', []]);
  });
});

describe('the reply to PBSZ', () => {
  it('may have a blank before its =, which is a deviation', () => {
    const lines = [...EXCHANGE, mic(0, 'PBSZ 100'), reply(0, '200 PBSZ =50')];
    expect(observe(lines).messages.at(-1)).toMatchObject({ tolerated: ['blank-in-pbsz'], error: undefined });
    expect(last(lines, { tolerate: [] })).toEqual(['verified', 'syntax/bad-reply']);
  });

  it('may have no size at all: MIT grants PBSZ 0', () => {
    for (const text of ['200 PBSZ=0', '200 fine', '500 PBSZ =lots', '300 PBSZ =50', '100 PBSZ =lots']) {
      const { messages } = observe([...EXCHANGE, mic(0, 'PBSZ 0'), reply(0, text)]);
      expect(messages.at(-1)).toMatchObject({ verdict: 'verified', tolerated: [], error: undefined });
    }
  });
});

it('the reply to any other command than PBSZ has no size', () => {
  const { messages } = observe([...EXCHANGE, mic(0, 'NOOP'), reply(0, '200 PBSZ =50')]);
  expect(messages.at(-1)).toMatchObject({ tolerated: [], error: undefined });
});

describe('what should have been protected', () => {
  it('is every command from 235 to CCC', () => {
    expect(last([...EXCHANGE, 'C> PWD'])).toEqual(['clear', 'sequence/unprotected']);
    expect(last([...EXCHANGE, ...CCC, 'C> PWD'])).toEqual(['clear', undefined]);
    expect(last([...EXCHANGE, mic(0, 'CCC'), reply(0, '534 no'), 'C> PWD'])).toEqual(['clear', 'sequence/unprotected']);
  });

  it('is every reply, and CCC is granted by a protected reply alone', () => {
    expect(last([...EXCHANGE, mic(0, 'PWD'), 'S> 257 "/"'])).toEqual(['clear', 'sequence/unprotected']);
    expect(last([...EXCHANGE, mic(0, 'CCC'), 'S> 200 ok', 'C> PWD'])).toEqual(['clear', 'sequence/unprotected']);
    expect(last([...EXCHANGE, 'C> AUTH X-OTHER', 'S> 504 no'])).toEqual(['clear', 'sequence/unprotected']);
    expect(last([...EXCHANGE, ...CCC, mic(1, 'PWD'), 'S> 257 "/"'])).toEqual(['clear', 'sequence/unprotected']);
  });

  it('is nothing after 234, nor under a mechanism without integrity', () => {
    expect(last(['C> AUTH X-VISIBLE', 'S> 234 done', 'C> USER me'])).toEqual(['clear', undefined]);
    const mechanisms = [mechanism(['confidential'])];
    expect(last([...EXCHANGE, 'C> PWD'], { mechanisms })).toEqual(['clear', undefined]);
  });

  it('is unknown after a command without a known key, which may have been CCC', () => {
    expect(last([...LOCKED, 'C> PWD'])).toEqual(['clear', 'sequence/unprotected']);
    expect(last([...LOCKED, mic(0, 'CCC'), 'S> 631 Zm9v', 'C> PWD'])).toEqual(['clear', undefined]);
  });

  it('is every line within a protected reply, after CCC too', () => {
    const cleared = [...EXCHANGE, ...CCC, 'C> STAT'];
    expect(last([...cleared, 'S> 211-a'])).toEqual(['clear', 'syntax/truncated']);
    for (const begun of [`S> 631-${token('safe', 1, '211-a\r\n')}`, reply(1, '211-a\r\n')])
      expect(observe([...cleared, begun, 'S> 211-b']).messages[9]?.error?.code).toBe('sequence/unprotected');
  });

  it('is the reply to a protected command after CCC, though it could not be opened, and no other', () => {
    const cleared = [...EXCHANGE, ...CCC];
    expect(last([...cleared, 'C> MIC AAAA', 'S> 535 no'])).toEqual(['clear', 'sequence/unprotected']);
    expect(last([...cleared, 'C> ', 'S> 500 no'])).toEqual(['clear', undefined]);
    expect(last([...cleared, 'C> PWD\n', 'S> 257 a'], { tolerate: [] })).toEqual(['clear', undefined]);
  });

  it('does not make an inner reply of lines in the clear between its own', () => {
    const { messages, replies } = observe([
      ...EXCHANGE,
      mic(0, 'STAT x'),
      reply(0, '211-begin\r\n'),
      'S> -rw-r--r-- x',
      reply(1, '211 end\r\n'),
    ]);
    expect(messages.at(-2)).toMatchObject({ wire: '', verdict: 'clear', error: { code: 'sequence/unprotected' } });
    expect(replies.at(-1)).toMatchObject({ messages: [7, 9], reply: { lines: ['begin', 'end'] } });
  });
});

describe('levels', () => {
  it('a token weaker than its line is verified, and has an error', () => {
    const weak = `C> ENC ${token('safe', 0, 'PWD')}`;
    expect(last([...EXCHANGE, weak])).toEqual(['verified', 'sequence/wrong-level']);
    expect(last([...EXCHANGE, mic(0, 'PWD'), `S> 632 ${token('safe', 0, '257 a')}`])).toEqual([
      'verified',
      'sequence/wrong-level',
    ]);
  });

  it('safe under 632 is verified, and no error if that is tolerated by name', () => {
    const lines = [...EXCHANGE, mic(0, 'PWD'), `S> 632 ${token('safe', 0, '257 "/"')}`];
    expect(last(lines)).toEqual(['verified', 'sequence/wrong-level']);
    const tolerate = [...DEVIATIONS, 'integrity-under-632'] as const;
    expect(observe(lines, { tolerate }).messages.at(-1)).toMatchObject({
      ...{ level: 'private', applied: 'safe', tolerated: ['integrity-under-632'], error: undefined },
    });
  });

  it('confidential alone is decrypted, and an error before CCC', () => {
    expect(last([...EXCHANGE, mic(0, 'PWD', 'confidential')])).toEqual(['decrypted', 'sequence/wrong-level']);
    expect(last([...EXCHANGE, ...CCC, mic(1, 'PWD', 'confidential')])).toEqual(['decrypted', undefined]);
    expect(last([...EXCHANGE, ...CCC, mic(1, 'PWD', 'confidential'), reply(1, '257 a', 'confidential')])).toEqual([
      'decrypted',
      undefined,
    ]);
  });

  it('a protected reply to a clear command after CCC is a deviation', () => {
    const lines = [...EXCHANGE, ...CCC, 'C> PWD', reply(1, '257 a')];
    expect(observe(lines).messages.at(-1)!.tolerated).toEqual(['protected-after-ccc']);
    expect(last(lines, { tolerate: [] })).toEqual(['verified', 'sequence/wrong-level']);
    // A reply to STAT comes during a transfer, whatever its further lines begin with.
    const status = ['211-a\r\n', ' b\r\n', '211 c\r\n'].map(
      (text, i) => `S> 631${i < 2 ? '-' : ' '}${token('safe', i + 1, text)}`,
    );
    const stat = [...EXCHANGE, ...CCC, 'C> RETR x', 'S> 150 soon', mic(1, 'STAT'), ...status];
    expect(observe(stat).messages.flatMap(({ tolerated }) => tolerated)).toEqual([]);
  });

  it('a weak mechanism is marked on every line', () => {
    const weak = {
      ...mechanism(),
      observer: () => ({ observe: () => ({ facts: { weak: true }, fromClient: visibleContext() }) }),
    };
    const { messages } = observe([...EXCHANGE, mic(0, 'PWD'), reply(0, '257 a')], { mechanisms: [weak] });
    expect(messages.slice(-2).map(({ weak, verdict }) => [weak, verdict])).toEqual([
      [true, 'verified'],
      [true, 'unkeyed'],
    ]);
    const strong = observe([...EXCHANGE, mic(0, 'PWD'), reply(0, '257 a')]);
    expect(strong.messages.map(it => it.weak)).toEqual(Array(7).fill(false));
    for (const isWeak of [true, false]) {
      const step = { facts: { weak: isWeak }, fromClient: visibleContext(), fromServer: visibleContext() };
      const mechanisms = [{ ...mechanism(), observer: () => ({ observe: () => step }) }];
      const early = observe([...EXCHANGE.slice(0, 4), reply(0, '235 done')], { mechanisms });
      expect(early.messages.at(-1)).toMatchObject({ verdict: 'verified', weak: isWeak });
    }
  });
});

describe('replies', () => {
  it('1yz does not answer the command', () => {
    const lines = [...EXCHANGE, ...CCC, 'C> RETR x', 'S> 150 soon', 'S> 226 done', mic(1, 'PWD'), 'S> 257 a'];
    expect(
      observe(lines)
        .messages.map(({ error }) => error?.code)
        .slice(-5),
    ).toEqual([undefined, undefined, undefined, undefined, 'sequence/unprotected']);
  });

  it('with a broken line have no effect, but their other lines are shown', () => {
    const lines = [...EXCHANGE, mic(0, 'HELP'), `S> 631-${token('safe', 0, '214-a\r\n')}`, 'S> 631-Zm9v'];
    const { messages, replies } = observe([...lines, `S> 631 ${token('safe', 1, '214 c\r\n')}`]);
    expect(messages.slice(-3).map(({ verdict }) => verdict)).toEqual(['verified', 'failed', 'verified']);
    expect(replies.filter(({ reply }) => reply.code === 214)).toEqual([]);
  });

  it('that break the rules inside get the error on their last line', () => {
    expect(last([...EXCHANGE, mic(0, 'PWD'), reply(0, 'no reply')])).toEqual(['verified', 'syntax/bad-reply']);
    expect(last([...EXCHANGE, mic(0, 'two\r\nlines')])).toEqual(['verified', 'syntax/bad-command']);
  });

  it('that never end are truncated, on each side of the protection', () => {
    expect(last(['S> 220-hello', 'S> more'])).toEqual(['clear', 'syntax/truncated']);
    expect(last([...EXCHANGE, mic(0, 'HELP'), `S> 631-${token('safe', 0, '214-a\r\n')}`])[1]).toBe('syntax/truncated');
    expect(last([...EXCHANGE, mic(0, 'HELP'), reply(0, '214-a\r\n')])[1]).toBe('syntax/truncated');
  });

  it('have the lines of their own alone, whatever came before them', () => {
    const own = (...lines: string[]) => {
      const { replies } = observe([...EXCHANGE, ...lines]);
      return [replies.at(-1)?.messages, replies.at(-1)?.reply.lines];
    };
    const next = (n: number) => [mic(1, 'PWD'), reply(n, '257 b')];
    expect(own(mic(0, 'PWD'), reply(0, '257 a'), ...next(1))).toEqual([[9], ['b']]);
    expect(own(mic(0, 'PWD'), reply(0, 'no reply'), ...next(1))).toEqual([[9], ['b']]);
    expect(own(mic(0, 'STAT'), reply(0, '211-a\r\n'), 'S> 631 AAAA', ...next(2))).toEqual([[10], ['b']]);
    expect(observe(['S> 220 hi', 'S> text', 'S> 221 bye']).replies.at(-1)?.messages).toEqual([3]);
  });

  it('in the clear have no effect if any of their lines broke a rule', () => {
    expect(observe(['S> 220-a\n', 'S> 220 b'], { tolerate: [] }).replies).toEqual([]);
  });

  it('have their code at the start of a line', () => {
    expect(observe(['S> 220 hi', 'S> x220']).messages.at(-1)).toMatchObject({ wire: '', error: expect.anything() });
  });

  it('go on until their own code, as long as the server alone speaks', () => {
    const { messages, replies } = observe(['S> 220-hi', 'S> 221 b', 'S> 220 c', 'C> NOOP']);
    expect(replies).toMatchObject([{ messages: [1, 2, 3] }]);
    expect(messages.flatMap(({ tolerated }) => tolerated)).toEqual([]);
  });

  it('that another code ends are whole too if they answer the only command that waits', () => {
    const { messages, replies } = observe(['S> 220 hi', 'C> HELP', 'S> 214-a', 'S> 221 b', 'C> QUIT', 'S> 221 bye']);
    expect(messages[3]?.tolerated).toEqual(['mismatched-reply-end']);
    expect(replies.map(({ reply, command }) => [reply.code, command?.verb])).toEqual([
      [220, undefined],
      [214, 'HELP'],
      [221, 'QUIT'],
    ]);
  });

  it('that another code ends are whole when the client goes on, which is a deviation', () => {
    const last = (code: string) => ['S> 220-hi', 'S> there', `S> ${code}`];
    for (const code of ['221 bye', '221', '120 soon']) {
      const { messages, replies } = observe([...last(code), ...EXCHANGE.slice(1), mic(0, 'PWD'), reply(0, '257 a')]);
      expect(messages.map(({ error }) => error)).toEqual(Array(9).fill(undefined));
      expect(messages.map(({ tolerated }) => tolerated).filter(it => it.length > 0)).toEqual([
        ['mismatched-reply-end'],
      ]);
      expect(messages[2]?.tolerated).toEqual(['mismatched-reply-end']);
      expect(replies.map(({ reply }) => reply.code)).toEqual([220, 334, 235, 257]);
      expect(replies[0]).toMatchObject({ messages: [1, 2, 3] });
    }
    const strict = observe([...last('221 bye'), ...EXCHANGE.slice(1), mic(0, 'PWD')], { tolerate: [] }).messages;
    expect(strict.flatMap(({ index, error }) => (error ? [[index, error.code]] : []))).toEqual([
      [3, 'syntax/bad-reply'],
    ]);
    expect(strict.at(-1)?.verdict).toBe('verified');
  });

  it('that continue are not ended by a client that sends ahead, nor by a line that ends nothing', () => {
    const help = ['C> HELP', 'C> NOOP', 'S> 214-a', 'S> 221 b', 'C> QUIT', 'S> 214 c', 'S> 200 d', 'S> 221 e'];
    expect(observe(help).replies.map(({ reply }) => reply.code)).toEqual([214, 200, 221]);
    const early = ['C> HELP', 'S> 214-a', 'S> 221-b', 'C> QUIT', 'S> 214 c', 'S> 221 e'];
    expect(observe(early).replies.map(({ reply }) => reply.code)).toEqual([214, 221]);
    expect(observe([...help, ...early]).messages.flatMap(({ tolerated }) => tolerated)).toEqual([]);
  });

  it('may have text before the greeting, which is a deviation, and nowhere else', () => {
    const told = (lines: string[], options?: Partial<ObserverOptions>) =>
      observe(lines, options).messages.map(({ tolerated: [first], error }) => first ?? error?.code);
    const text = ['S> Welcome', 'S> '];
    const named = Array(2).fill('text-before-greeting');
    const refused = Array(2).fill('syntax/bad-reply');
    for (const greeting of ['S> 220 x', 'S> 120 x', 'S> 421 x']) {
      expect(told([...text, greeting])).toEqual([...named, undefined]);
      expect(told([...text, greeting], { tolerate: [] })).toEqual([...refused, undefined]);
      expect(told([greeting, ...text])).toEqual([undefined, ...refused]);
    }
    expect(told([...text, 'S> 331 x'])).toEqual([...refused, undefined]);
    expect(told(text)).toEqual(refused);
    expect(observe([...text, ...EXCHANGE, mic(0, 'PWD')]).messages.at(-1)?.verdict).toBe('verified');
  });

  it.each(['2026-11-22 maintenance', '999 users', '22 files'])('may have %j before the greeting', text => {
    const { messages, replies } = observe([`S> ${text}`, 'S> 220 x']);
    expect(messages.map(({ tolerated }) => tolerated)).toEqual([['text-before-greeting'], []]);
    expect(replies.map(({ reply }) => reply.lines)).toEqual([['x']]);
  });

  it('of another code end what was open', () => {
    const lines = [
      ...EXCHANGE,
      mic(0, 'HELP'),
      `S> 631-${token('safe', 0, '214-a\r\n')}`,
      reply(1, '200 b', 'private'),
    ];
    expect(last(lines)).toEqual(['verified', 'syntax/bad-reply']);
    expect(observe(lines).replies.at(-1)).toMatchObject({ reply: { code: 235 } });
    expect(last(['S> hello'])).toEqual(['clear', 'syntax/bad-reply']);
  });
});

describe('damage', () => {
  it('loses a line, and continues after it', () => {
    const { messages } = observe([...EXCHANGE, mic(0, 'PWD'), 'S!', 'S> AAAA', 'S> 631 Zm9v', mic(1, 'CWD x')]);
    const [lost] = messages.slice(-3);
    expect(lost).toMatchObject({ from: 'server', wire: '', error: { code: 'syntax/truncated' } });
    expect(messages.at(-1)).toMatchObject({ verdict: 'verified' });
    expect(observe(['C!', 'C> a path', 'C> QUIT']).messages.map(({ wire }) => wire)).toEqual(['', 'QUIT']);
  });

  it('within a line loses that line, and the one after it is read', () => {
    const observer = new Observer({ mechanisms: [] });
    observer.push('server', ascii('220 hel'));
    observer.gap('server');
    observer.push('server', ascii('lo\r\n221 bye\r\n'));
    const told = [observer.next(), observer.next(), observer.next()];
    expect(told).toMatchObject([
      { type: 'message', wire: '', error: { code: 'syntax/truncated' } },
      { type: 'message', wire: '221 ', error: undefined },
      { type: 'reply', reply: { code: 221 } },
    ]);
  });

  it('refuses a line that is too long, and continues', () => {
    const { messages } = observe(['S> 220 hello there', 'S> 220 hello'], { maxLine: 10 });
    expect(messages.map(({ error }) => error?.code)).toEqual(['syntax/limit-exceeded', undefined]);
  });

  it('reports a bare LF, and refuses it when strict', () => {
    const lines = ['S> 220 hello\n', 'C> NOOP\n'];
    expect(observe(lines).messages.map(({ tolerated }) => tolerated)).toEqual([['bare-lf'], ['bare-lf']]);
    const strict = observe(lines, { tolerate: [] }).messages;
    expect(strict.map(({ error }) => error?.code)).toEqual(['syntax/bad-line', 'syntax/bad-line']);
  });

  it('reports that a recording ends within a line', () => {
    const observer = new Observer({ mechanisms: [] });
    observer.push('client', ascii('QUI'), 5n);
    observer.close(7n);
    expect(observer.next()).toMatchObject({ from: 'client', time: 7n, error: { code: 'syntax/truncated' } });
  });

  it('a line that is no command, protected or not, is an error of its own', () => {
    expect(last(['C> '])).toEqual(['clear', 'syntax/bad-command']);
    expect(last([...EXCHANGE, 'C> MIC'])).toEqual(['failed', 'syntax/bad-command']);
  });
});

describe('a fault of a mechanism', () => {
  it('that is not a FtpSecurityError is thrown to the caller', () => {
    const broken = {
      ...mechanism(),
      observer: () => ({
        observe: () => {
          throw new TypeError('a bug');
        },
      }),
    };
    expect(() => observe(EXCHANGE, { mechanisms: [broken] })).toThrow(TypeError);
    const fault = () => {
      throw new TypeError('a bug');
    };
    expect(() => ifReadable(fault)).toThrow(TypeError);
  });
});

describe('no line that broke a rule makes anything less protected', () => {
  const fake = ['C> USER evil', 'S> 230 fake welcome'];
  const codes = (lines: string[]) =>
    observe([...EXCHANGE, ...lines, ...fake])
      .messages.slice(-2)
      .map(it => it.error?.code);
  const bothUnprotected = ['sequence/unprotected', 'sequence/unprotected'];

  it.each([
    ['CCC in the clear', ['C> CCC', mic(0, 'PWD'), reply(0, '257 a')]],
    ['REIN in the clear', ['C> REIN', mic(0, 'PWD'), reply(0, '257 a')]],
    ['CCC in CONF', [mic(0, 'CCC', 'confidential'), mic(1, 'CCC', 'confidential'), 'S> 230 x', reply(0, '257 a')]],
    [
      'a clear reply that moves the next one to CCC',
      [mic(0, 'PWD'), mic(1, 'CCC'), 'S> 200 x', reply(0, '257 a'), reply(1, '534 no')],
    ],
    [
      'a broken token that moves the next one to CCC',
      [mic(0, 'PWD'), mic(1, 'CCC'), 'S> 631 AAAA', reply(0, '257 a'), reply(1, '534 no')],
    ],
    ['234 in the clear', ['C> AUTH X-VISIBLE', 'S> 234 go']],
    ['234 to AUTH TLS', ['C> AUTH TLS', 'S> 234 go']],
  ])('%s', (_, lines) => {
    expect(codes(lines)).toEqual(bothUnprotected);
    expect(observe([...EXCHANGE, ...lines, ...fake]).replies.map(({ reply }) => reply.lines)).not.toContainEqual([
      'fake welcome',
    ]);
  });

  it('a change of the outer code can cut nothing out of an inner reply', () => {
    const lines = [
      reply(0, '211-Status\r\n'),
      `S> 631-${token('safe', 1, ' secret\r\n')}`,
      reply(2, '211 End', 'private'),
    ];
    const { messages, replies } = observe([...EXCHANGE, mic(0, 'STAT'), ...lines]);
    expect(messages.at(-1)).toMatchObject({ verdict: 'verified', error: { code: 'syntax/bad-reply' } });
    expect(replies.filter(it => it.reply.code === 211)).toEqual([]);
  });

  it('a clear reply with one line that may not be clear has no effect', () => {
    const { replies } = observe([...EXCHANGE, 'S> 221-open', 'C> AUTH X-OTHER', 'S> 221 bye']);
    expect(replies.filter(it => it.reply.code === 221)).toEqual([]);
  });

  it('a clear reply that a protected one breaks off is not finished', () => {
    const { messages } = observe(['S> 220-hello', 'S> 631 Zm9v']);
    expect(messages[0]).toMatchObject({ error: { code: 'syntax/truncated' } });
  });

  it('deviations around a token do not change its verdict', () => {
    const blank = `C> MIC ${token('safe', 0, 'PWD')} `;
    expect(last([...EXCHANGE, blank], { tolerate: [] })).toEqual(['verified', 'syntax/bad-command']);
    expect(observe([...EXCHANGE, blank]).messages.at(-1)!.tolerated).toEqual(['blank-around-base64']);
    const answered = [...EXCHANGE, mic(0, 'PWD'), `${reply(0, '257 a')} `];
    expect(last(answered, { tolerate: [] })).toEqual(['verified', 'syntax/bad-reply']);
    expect(observe(answered).messages.at(-1)!.tolerated).toEqual(['blank-around-base64']);
  });
});
