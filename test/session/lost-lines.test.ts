/** Octets that a recording has lost: no peer is accused of what may have been in them. */
import { describe, expect, it } from 'vitest';
import { FtpSecurityError } from '../../src/errors.js';
import type { Mechanism, Peer, SecurityContext } from '../../src/protection/mechanism.js';
import { Observer } from '../../src/session/observer.js';
import { ascii } from '../helpers.js';
import { visibleContext } from '../protection/visible-context.js';
import { base64, CCC, EXCHANGE, LOCKED, mechanism, mic, observe, reply } from './observed-lines.js';

/** The code of each line's error. */
const errors = (lines: string[], mechanisms: Mechanism[] = [mechanism()]) =>
  observe(lines, { mechanisms }).messages.map(({ error }) => error?.code);
const verdicts = (lines: string[], mechanisms: Mechanism[] = [mechanism()]) =>
  observe(lines, { mechanisms }).messages.map(({ wire, verdict }) => `${wire.trim()} ${verdict}`);
/** The error of each line, or else its verb or code, with a gap between two pieces. */
function pushed(from: Peer, before: string, isWithinLine: boolean, after: string) {
  const observer = new Observer({ mechanisms: [] });
  observer.push(from, ascii(before));
  observer.gap(from, isWithinLine);
  observer.push(from, ascii(after));
  const told = [];
  for (let next = observer.next(); next !== undefined; next = observer.next())
    if (next.type === 'message') told.push(next.error?.code ?? next.wire);
  return told;
}
const CLEAN = [...EXCHANGE, mic(0, 'PWD'), reply(0, '257 "/"')];

describe('lines around a gap', () => {
  it('are read whole, if the gap is between lines', () => {
    const { messages } = observe([...CLEAN, 'C!', 'S!', mic(2, 'NOOP'), reply(2, '200 a'), mic(3, 'CWD x')]);
    expect(messages.slice(-3).map(({ text, error }) => [text, error])).toEqual([
      ['NOOP', undefined],
      ['200 a', undefined],
      ['CWD x', undefined],
    ]);
    expect(observe(['C!', 'C> PWD', 'C> QUIT']).messages.map(({ wire }) => wire)).toEqual(['PWD', 'QUIT']);
  });

  it('are one damaged line, if what follows is the rest of a line', () => {
    const rest = `S> ${base64('the rest of a token')}`;
    expect(errors([...CLEAN, 'S!', rest, reply(2, '250 b')]).slice(-2)).toEqual(['syntax/truncated', undefined]);
    expect(errors([...CLEAN, 'C!', 'C> abcd', mic(2, 'NOOP')]).slice(-2)).toEqual(['syntax/truncated', undefined]);
  });

  it('are read as they are, if the gap is known to be between lines', () => {
    expect(pushed('server', '220 hi\r\n', false, 'text\r\n')).toEqual(['220 ', '']);
    expect(pushed('client', 'PWD\r\n', false, '\r\n')).toEqual(['PWD', '']);
  });

  it('are one damaged line, if the gap is within a line, whatever follows', () => {
    expect(pushed('server', '220 hel', true, '220 lo\r\n')).toEqual(['syntax/truncated']);
    expect(pushed('client', 'SITE a', true, 'PWD\r\n')).toEqual(['syntax/truncated']);
  });

  it('are read as they are behind a packet without octets', () => {
    const observer = new Observer({ mechanisms: [] });
    observer.gap('server');
    for (const octets of ['', '220 hi\r\n']) observer.push('server', ascii(octets));
    expect(observer.next()).toMatchObject({ wire: '220 ', error: undefined });
  });

  it('are not joined to a reply before a gap', () => {
    expect(observe(['S> 211-a', 'S!', 'S> 211 b']).replies).toMatchObject([{ messages: [2], reply: { lines: ['b'] } }]);
    const protectedOnes = [mic(0, 'STAT'), reply(0, '211-a\r\n'), 'S!', reply(2, '211 b')];
    expect(observe([...EXCHANGE, ...protectedOnes]).replies.at(-1)).toMatchObject({
      messages: [8],
      reply: { lines: ['b'] },
    });
  });

  it('leave a reply unfinished that goes on after a gap of the client', () => {
    const { messages, replies } = observe(['S> 211-a', 'C!', 'S> b', 'S> 211 c']);
    expect(messages.map(({ error }) => error)).toEqual([undefined, undefined, undefined]);
    expect(replies).toMatchObject([{ messages: [1, 2, 3] }]);
  });

  it('are damaged too if a command or a code does not come first in them', () => {
    expect(errors([...CLEAN, 'S!', 'S> x220 b'])).toContain('syntax/truncated');
    expect(errors([...CLEAN, 'C!', 'C> -PWD x'])).toContain('syntax/truncated');
  });

  it('have no text before the greeting to be refused, even where the recording lacks only the greeting', () => {
    expect(errors(['S!', 'S> rest', 'S> text', 'S> 331 x'])).toEqual(['syntax/truncated', undefined, undefined]);
  });

  it('answer none of several commands that came before a damaged line', () => {
    const lines = [...EXCHANGE, 'S!', mic(0, 'NOOP'), mic(1, 'PWD'), 'S> abcd', reply(1, '200 a')];
    expect(observe(lines).replies.at(-1)?.command).toBeUndefined();
  });

  it('answer no command that came before a damaged line', () => {
    // The damaged line is the reply to NOOP, so that 200 grants CCC.
    const lines = [...EXCHANGE, 'S!', mic(0, 'NOOP'), 'S> abcd', mic(1, 'CCC'), reply(1, '200 a'), 'C> PWD'];
    expect(errors(lines).slice(-3)).toEqual([undefined, undefined, undefined]);
    expect(observe(lines).replies.at(-1)?.command?.verb).toBe('CCC');
  });

  it('have one command where a line of the client is damaged: the reply to it answers no later one', () => {
    const lines = [...EXCHANGE, 'C!', 'C> abcd', mic(2, 'NOOP'), reply(0, '250 a'), reply(1, '200 b')];
    const answered = observe(lines)
      .replies.slice(-2)
      .map(({ command }) => command?.verb);
    expect(answered).toEqual([undefined, 'NOOP']);
  });

  it('may be the rest of a protected reply', () => {
    const rest = [reply(2, ' second line\r\n'), reply(3, '211 End\r\n'), mic(1, 'NOOP'), reply(4, '200 a')];
    expect(errors([...EXCHANGE, mic(0, 'STAT'), 'S!', ...rest]).slice(6)).toEqual(Array(4).fill(undefined));
    const smuggled = [...CLEAN, mic(1, 'NOOP'), reply(1, 'no code')];
    expect(errors(smuggled).at(-1)).toBe('syntax/bad-reply');
    const later = [...EXCHANGE, 'S!', reply(1, '200 a'), reply(2, 'no code')];
    expect(errors(later).at(-1)).toBe('syntax/bad-reply');
  });
});

describe('a line longer than the limit', () => {
  it('takes its turn: the next reply does not answer the command before', () => {
    const { replies } = observe(['S> 220 hi', 'C> PWD', `S> 257 ${'x'.repeat(50)}`, 'C> NOOP', 'S> 200 a'], {
      maxLine: 40,
    });
    expect(replies.at(-1)?.command?.verb).toBe('NOOP');
    const long = observe(['S> 220 hi', `C> ${'x'.repeat(50)}`, 'S> 500 no', 'C> NOOP', 'S> 200 a'], { maxLine: 40 });
    expect(long.replies.at(-1)?.command?.verb).toBe('NOOP');
  });

  it('leaves the commands before it waiting', () => {
    const commands = ['S> 220 hi', 'C> PWD', 'C> NOOP'];
    const verb = (...lines: string[]) =>
      observe([...commands, ...lines], { maxLine: 40 }).replies.at(-1)?.command?.verb;
    expect(verb(`C> ${'x'.repeat(50)}`, 'S> 257 a')).toBe('PWD');
    expect(verb(`S> 257 ${'x'.repeat(50)}`, 'S> 200 a')).toBe('NOOP');
  });

  it('is in the clear: so must be the reply to it after CCC', () => {
    const { messages } = observe([...EXCHANGE, ...CCC, `C> ${'x'.repeat(50)}`, 'S> 500 no'], { maxLine: 40 });
    expect(messages.slice(-2).map(({ error }) => error?.code)).toEqual(['syntax/limit-exceeded', undefined]);
  });
});

describe('the requirement of protection', () => {
  it.each([
    ['CCC', 'the reply to CCC', [mic(1, 'CCC'), 'S!']],
    ['CCC', 'a command', ['C!', 'S> 631 AAAA']],
    ['REIN', 'the reply to REIN', [mic(1, 'REIN'), 'S!']],
    ['AUTH', 'the reply to AUTH', [mic(1, 'AUTH X-VISIBLE'), 'S!']],
    ['CCC', 'the replies to CCC and others', [mic(1, 'CCC'), mic(2, 'NOOP'), 'S!']],
  ])('is not known where %s may be granted in a gap: %s', (_verb, _what, gap) => {
    expect(errors([...CLEAN, ...gap, 'C> NOOP', 'S> 200 a', 'C> PWD', 'S> 257 a']).slice(-4)).toEqual(
      Array(4).fill(undefined),
    );
  });

  it('is known where the gap can only have the reply to another command', () => {
    expect(errors([...CLEAN, mic(1, 'NOOP'), 'S!', 'C> NOOP', 'S> 200 a']).slice(-2)).toEqual([
      'sequence/unprotected',
      'sequence/unprotected',
    ]);
  });

  it('is known where only a reply can not be opened', () => {
    expect(errors([...LOCKED, 'S> 631 Zm9v', 'C> NOOP']).at(-1)).toBe('sequence/unprotected');
  });

  it('is known again after the next exchange', () => {
    const again = [mic(2, 'AUTH X-VISIBLE'), reply(2, '334 go'), ...EXCHANGE.slice(3)];
    expect(errors([...CLEAN, 'C!', 'S!', ...again, 'C> NOOP']).at(-1)).toBe('sequence/unprotected');
  });
});

describe('the level of data connections', () => {
  const protection = (...lines: string[]) => observe([...CLEAN, ...lines]).replies.at(-1)?.protection;
  it('is not known where PROT may be granted in a gap', () => {
    expect(protection(mic(1, 'PROT P'), reply(1, '200 a'))).toBe('private');
    expect(protection(mic(1, 'PROT P'), 'S!', mic(2, 'NOOP'), reply(2, '200 a'))).toBeUndefined();
    expect(protection('C!', mic(2, 'NOOP'), reply(2, '200 a'))).toBeUndefined();
    expect(protection(mic(1, 'NOOP'), 'S!', mic(2, 'NOOP'), reply(2, '200 a'))).toBe('clear');
    expect(protection('C!', mic(2, 'PROT S'), reply(2, '200 a'))).toBe('safe');
    for (const refusal of ['534 no', '300 more'])
      expect(protection('C!', mic(2, 'PROT S'), reply(2, refusal))).toBeUndefined();
  });

  it('is not known in a recording that lacks the exchange', () => {
    const late = observe(['C> MIC AAAA', 'S> 631 AAAA', 'C> NOOP', 'S> 200 a'], { fromStart: false });
    expect(late.replies.at(-1)?.protection).toBeUndefined();
  });

  it('is not certain after a command that could not be opened', () => {
    const observer = new Observer({ mechanisms: [mechanism()] });
    const certain = () => observer.dataProtection.isCertain;
    const play = (lines: string[]) => {
      for (const line of lines)
        observer.push(line.startsWith('C') ? 'client' : 'server', ascii(`${line.slice(3)}\r\n`));
    };
    play(LOCKED);
    expect(certain()).toBe(true);
    play([mic(0, 'PROT P')]);
    expect(certain()).toBe(false);
  });
});

describe('an exchange that lacks a part', () => {
  const rest = ['C!', 'C> ADAT bm9uc2Vuc2U=', 'S> 235 done', mic(0, 'PWD'), reply(0, '257 a')];
  it('is not in the capture if its tokens can not be read', () => {
    const lines = [
      ...EXCHANGE.slice(0, 4),
      'S!',
      `C> ADAT ${base64('garbage')}`,
      'S> 235',
      'C> MIC AAAA',
      'S> 631 AAAA',
    ];
    const { messages } = observe(lines);
    expect(messages.map(({ error }) => error)).toEqual(messages.map(() => undefined));
    expect(verdicts(lines).slice(-2)).toEqual(['MIC unkeyed', '631 unkeyed']);
    expect(observe(lines).exchanges.at(-1)?.problem?.message).toBe('the exchange is not in the capture');
    expect(errors([...EXCHANGE.slice(0, 3), `C> ADAT ${base64('garbage')}`]).at(-1)).toBe('security/bad-token');
  });

  it('is not in the capture if its keys do not open the first token', () => {
    const failing: SecurityContext = {
      ...visibleContext(),
      unwrap: () => {
        throw new FtpSecurityError('security/bad-checksum', 'wrong');
      },
    };
    const wrong: Mechanism = {
      ...mechanism(),
      observer: () => ({ observe: () => ({ facts: {}, fromClient: failing, fromServer: failing }) }),
    };
    const { messages, problem } = observe([...EXCHANGE.slice(0, 3), ...rest], { mechanisms: [wrong] });
    expect(messages.slice(-2).map(({ verdict, error }) => [verdict, error])).toEqual([
      ['unkeyed', undefined],
      ['unkeyed', undefined],
    ]);
    expect(problem).toMatchObject({ code: 'sequence/no-context', message: 'the exchange is not in the capture' });
    // The command that can not be opened may have been CCC; a reply lifts nothing.
    const unknown = [...EXCHANGE.slice(0, 3), ...rest.slice(0, 3)];
    expect(errors([...unknown, mic(0, 'CCC'), 'C> NOOP'], [wrong]).at(-1)).toBeUndefined();
    expect(errors([...unknown, reply(0, '257 a'), 'C> NOOP'], [wrong]).at(-1)).toBe('sequence/unprotected');
    expect(errors([...EXCHANGE.slice(0, 4), 'S> 235', mic(0, 'PWD')], [wrong]).at(-1)).toBe('security/bad-checksum');
  });

  it('may have used numbers: none is missing before the first line', () => {
    const lines = [...EXCHANGE.slice(0, 3), 'C!', ...EXCHANGE.slice(3), mic(3, 'PWD'), reply(4, '257 a')];
    expect(errors(lines).slice(-2)).toEqual([undefined, undefined]);
  });

  it('is complete without its 235: the lines are unkeyed, and not wrong', () => {
    const lines = [...EXCHANGE.slice(0, 3), 'S!', EXCHANGE[3]!, mic(0, 'PWD'), reply(0, '257 a')];
    expect(verdicts(lines).slice(-2)).toEqual(['MIC unkeyed', '631 unkeyed']);
    expect(errors(lines).slice(-2)).toEqual([undefined, undefined]);
  });

  it('is none, where the association is older than the recording: a protected reply refuses ADAT', () => {
    const late = ['C> MIC AAAA', 'S> 631 AAAA', 'C> ADAT AAAA', 'S> 631 AAAA', 'C> PWD', 'S> 631 AAAA'];
    const { messages } = observe(late, { fromStart: false });
    expect(messages.map(({ error }) => error)).toEqual(messages.map(() => undefined));
  });
});

describe('an exchange after one that the recording lacks', () => {
  const LATE = { fromStart: false };
  it('may be completed by a protected 235', () => {
    const again = ['C> MIC AAAA', 'S> 631 AAAA', 'C> AUTH X-VISIBLE', 'S> 334 go', EXCHANGE[3]!, reply(0, '235 done')];
    const { messages, exchanges } = observe([...again, mic(0, 'PWD')], LATE);
    expect(exchanges).toMatchObject([{ keyed: true }]);
    expect(messages.slice(-2).map(({ verdict }) => verdict)).toEqual(['verified', 'verified']);
  });

  it('may itself begin before the recording, and be completed by a protected 235', () => {
    const { exchanges } = observe([EXCHANGE[3]!, reply(0, '235 done')], LATE);
    expect(exchanges).toMatchObject([{ keyed: true }]);
  });

  it('is still missing after replies that change no phase', () => {
    const { messages } = observe(['C> NOOP', 'S> 200 a', mic(0, 'PWD')], LATE);
    expect(messages.at(-1)).toMatchObject({ verdict: 'unkeyed', error: undefined });
  });

  it('is missing itself, where a protected reply to its ADAT is not 235', () => {
    const { messages, problem } = observe([EXCHANGE[3]!, reply(0, '335 more')], LATE);
    expect(messages.at(-1)).toMatchObject({ verdict: 'unkeyed', error: undefined });
    expect(problem?.message).toBe('the exchange is not in the capture');
  });
});

describe('tokens that are counted', () => {
  /** A context that knows no number after a gap, for so many tokens. */
  function counting(lost: number): { mechanism: Mechanism; told: () => number } {
    let [interrupted, told] = [0, 0];
    const context: SecurityContext = visibleContext();
    const counted: SecurityContext = {
      ...context,
      supports: level => context.supports(level),
      unwrap(token) {
        if (interrupted-- > 0) throw new FtpSecurityError('security/bad-checksum', 'wrong');
        return context.unwrap(token);
      },
      interrupted() {
        told++;
        interrupted = lost;
      },
    };
    const observer = () => ({ observe: () => ({ facts: {}, fromClient: counted, fromServer: visibleContext() }) });
    return { mechanism: { ...mechanism(), observer }, told: () => told };
  }

  it('are unkeyed until one opens again', () => {
    const { mechanism: counted, told } = counting(1);
    const lines = [...EXCHANGE, 'C!', mic(3, 'NOOP'), mic(4, 'NOOP')];
    const { messages, problem } = observe(lines, { mechanisms: [counted] });
    expect(messages.slice(-2).map(({ verdict, error }) => [verdict, error?.code])).toEqual([
      ['unkeyed', undefined],
      ['verified', undefined],
    ]);
    expect(problem).toMatchObject({ code: 'sequence/no-context', message: expect.stringContaining('counted') });
    expect(told()).toBe(1);
  });

  it('are wrong without a gap', () => {
    const { mechanism: counted } = counting(1);
    counted.observer!().observe('client', new Uint8Array());
    expect(errors([...EXCHANGE, 'S!', mic(0, 'NOOP'), 'C> MIC AAAA'], [counted]).at(-1)).toBeDefined();
  });
});

describe('a recording that ends before the connection', () => {
  const ended = (isCut: boolean, ...lines: string[]) => {
    const observer = new Observer({ mechanisms: [mechanism()] });
    for (const line of lines) observer.push(line.startsWith('C') ? 'client' : 'server', ascii(line.slice(3)));
    const { unfinished } = observer;
    observer.close(undefined, isCut);
    const errors = [];
    for (let next = observer.next(); next !== undefined; next = observer.next())
      if (next.type === 'message') errors.push(next.error?.code);
    return { unfinished, errors };
  };

  it.each([
    ['a reply in the clear', 'S: 211-status\r\n'],
    ['a protected reply', ...EXCHANGE.map(line => `${line}\r\n`), `${reply(0, '211-status\r\n')}\r\n`],
  ])('leaves %s unfinished, which is no error', (_what, ...lines) => {
    expect(ended(true, ...lines)).toEqual({ unfinished: true, errors: lines.map(() => undefined) });
    expect(ended(false, ...lines).errors.at(-1)).toBe('syntax/truncated');
  });

  it('has no message for a part of a line', () => {
    expect(ended(true, 'S: 220 hello\r\n', 'C: PW')).toEqual({ unfinished: true, errors: [undefined] });
    expect(ended(false, 'S: 220 hello\r\n', 'C: PW').errors).toEqual([undefined, 'syntax/truncated']);
  });

  it('has nothing unfinished after whole lines', () => {
    expect(ended(true, 'S: 220 hello\r\n', 'C: PWD\r\n')).toEqual({
      unfinished: false,
      errors: [undefined, undefined],
    });
  });
});
