/** Recordings whose keys are known, or thought to be known, only in part. */
import { describe, expect, it, test } from 'vitest';
import { FtpSecurityError } from '../../src/errors.js';
import type { Mechanism, SecurityContext } from '../../src/protection/mechanism.js';
import { visibleContext } from '../protection/visible-context.js';
import { EXCHANGE, mechanism, mic, observe, reply } from './observed-lines.js';

const NO_KEY = new FtpSecurityError('security/no-key', 'the keys are of another ticket');

/** A mechanism that can't say before the first token whether its keys are those of the exchange. */
function unsure(keys: 'right' | 'wrong'): Mechanism {
  const context = (): SecurityContext => {
    if (keys === 'right') return visibleContext();
    return Object.assign(visibleContext(), {
      unwrap: () => {
        throw NO_KEY;
      },
    });
  };
  const problem = new FtpSecurityError('security/no-key', 'not known yet');
  const step = { facts: {}, problem, fromClient: context(), fromServer: context() };
  return { ...mechanism(), observer: () => ({ observe: () => step }) };
}

const verdicts = (lines: string[], mechanisms: Mechanism[]) =>
  observe(lines, { mechanisms })
    .messages.slice(EXCHANGE.length)
    .map(({ verdict, error }) => [verdict, error?.code]);

const PROTECTED = { client: mic(0, 'PWD'), server: reply(0, '257 a') };

describe.each(['client', 'server'] as const)('keys that the first token, of the %s, decides', from => {
  const lines = [...EXCHANGE, PROTECTED[from]];

  it('are the right ones once it has been opened', () => {
    expect(observe(lines, { mechanisms: [unsure('right')] }).exchanges).toEqual([
      expect.objectContaining({ keyed: true, problem: undefined, provisional: false }),
    ]);
    expect(verdicts(lines, [unsure('right')])).toEqual([['verified', undefined]]);
  });

  it('are the wrong ones for all of the association if it can not be opened', () => {
    expect(observe(lines, { mechanisms: [unsure('wrong')] }).exchanges).toEqual([
      expect.objectContaining({ keyed: false, problem: NO_KEY, provisional: false }),
    ]);
    const all = [...lines, PROTECTED.client, PROTECTED.server, 'S> 631 Zm9v'];
    expect(verdicts(all, [unsure('wrong')])).toEqual(Array(4).fill(['unkeyed', undefined]));
  });
});

test('wrong keys at a protected 235 leave the exchange complete, and unkeyed', () => {
  const lines = [...EXCHANGE.slice(0, 4), reply(0, '235 done'), mic(0, 'PWD')];
  const { messages, exchanges } = observe(lines, { mechanisms: [unsure('wrong')] });
  expect(messages.slice(4).map(({ verdict, error }) => [verdict, error])).toEqual(
    Array(2).fill(['unkeyed', undefined]),
  );
  expect(exchanges).toMatchObject([{ keyed: false }]);
});

test('without the key of the client alone, the server is still held to its protection', () => {
  const half: Mechanism = {
    ...mechanism(),
    observer: () => ({ observe: () => ({ facts: {}, fromServer: visibleContext() }) }),
  };
  expect(verdicts([...EXCHANGE, mic(0, 'PWD'), 'S> 257 a'], [half])).toEqual([
    ['unkeyed', undefined],
    ['clear', 'sequence/unprotected'],
  ]);
});

test('235 after security data that could not be read, in a recording that starts late, completes nothing', () => {
  const { exchanges, messages } = observe(['C> ADAT !', 'S> 235 done', mic(0, 'PWD')], { fromStart: false });
  expect(exchanges).toEqual([]);
  expect(messages.map(({ verdict }) => verdict)).toEqual(['clear', 'clear', 'failed']);
});

test('234 to an AUTH without a mechanism begins no TLS', () => {
  const { messages, problem } = observe(['S> 220 hello', 'C> AUTH', 'S> 234 go on', 'C> NOOP', 'S> 200 a']);
  expect(messages.map(({ wire }) => wire)).toEqual(['220 ', 'AUTH', '234 ', 'NOOP', '200 ']);
  expect(problem).toBeUndefined();
});
