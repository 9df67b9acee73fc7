/** Another exchange on one connection, of which a recording has lost lines: no token is called altered because of that. */
import { beforeEach, describe, expect, it } from 'vitest';
import { psk, pskAcceptor, pskInitiator } from '../../src/mechanisms/psk/index.js';
import type { Mechanism, SecurityContext } from '../../src/protection/mechanism.js';
import { protectCommand, protectReply } from '../../src/protection/protect.js';
import { Observer } from '../../src/session/observer.js';
import { ascii } from '../helpers.js';
import { base64, EXCHANGE, mic, observe, reply } from './observed-lines.js';

const KEY = new Uint8Array(16).fill(7);
const mechanisms = [psk({ observer: { keys: [KEY] } })];

/** The security data of an exchange of X-PSK, and lines under it. */
class Exchange {
  readonly data: [client: string, server: string, client: string];
  readonly #client: SecurityContext;
  readonly #server: SecurityContext;

  private constructor(data: [string, string, string], client: SecurityContext, server: SecurityContext) {
    this.data = data;
    this.#client = client;
    this.#server = server;
  }

  static async make(key = KEY): Promise<Exchange> {
    const [initiator, acceptor] = [pskInitiator({ key }), pskAcceptor({ key })];
    const first = await initiator.step();
    const answer = await acceptor.step(first.token);
    const last = await initiator.step(answer.token);
    const server = (await acceptor.step(last.token)).context!;
    const [one, two, three] = [first.token, answer.token, last.token].map(it => Buffer.from(it!).toString('base64'));
    return new Exchange([`C> ADAT ${one}`, `S> 335 ADAT=${two}`, `C> ADAT ${three}`], last.context!, server);
  }

  mic(text: string): string {
    return `C> ${Buffer.from(protectCommand(this.#client, 'safe', ascii(text)))
      .toString('latin1')
      .trimEnd()}`;
  }

  reply(text: string): string {
    return `S> ${Buffer.from(protectReply(this.#server, 'safe', ascii(`${text}\r\n`)))
      .toString('latin1')
      .trimEnd()}`;
  }
}

let first: Exchange;
let opening: string[];

beforeEach(async () => {
  first = await Exchange.make();
  opening = ['S> 220 hi', 'C> AUTH X-PSK', 'S> 334 go on', ...first.data, 'S> 235 done'];
});

const judged = (lines: string[]) =>
  observe(lines, { mechanisms }).messages.map(({ verdict, error }) => error?.code ?? verdict);

describe('another exchange that lacks', () => {
  it.each([
    ['nothing', [], 'verified'],
    ['AUTH', [0], 'verified'],
    ['the reply to AUTH', [1], 'verified'],
    ['both', [0, 1], 'verified'],
    ['its first token', [2], 'unkeyed'],
    ['the token of the server', [3], 'unkeyed'],
    ['its last token', [4], 'unkeyed'],
    ['its last reply', [5], 'unkeyed'],
    ['the reply to AUTH and its first token', [1, 2], 'unkeyed'],
    ['all but its last reply', [0, 1, 2, 3, 4], 'unkeyed'],
    ['all', [0, 1, 2, 3, 4, 5], 'unkeyed'],
  ])('%s', async (_, lost, verdict) => {
    const second = await Exchange.make();
    const before = [...opening, first.mic('NOOP'), first.reply('200 a')];
    const all = [first.mic('AUTH X-PSK'), first.reply('334 go on'), ...second.data, 'S> 235 done'];
    const again = all.map((line, i) => ((lost as number[]).includes(i) ? `${line[0]}!` : line));
    const last = [second.mic('PWD'), second.reply('257 "/"'), second.mic('QUIT'), second.reply('221 bye')];
    const said = judged([...before, ...again, ...last]);
    expect(said.filter(it => it !== 'clear' && it !== 'verified' && it !== 'unkeyed')).toEqual([]);
    expect(said.slice(-4)).toEqual(Array(4).fill(verdict));
  });

  it('a part of AUTH', async () => {
    const second = await Exchange.make();
    const lines = ['C!', 'C> abcd', first.reply('334 go on'), ...second.data, 'S> 235 done', second.mic('PWD')];
    expect(judged([...opening, ...lines]).at(-1)).toBe('verified');
  });

  it('all after REIN', async () => {
    const second = await Exchange.make();
    const lines = [first.mic('REIN'), 'S!', 'C!', 'S!', second.mic('PWD'), second.reply('257 "/"')];
    expect(judged([...opening, ...lines]).slice(-2)).toEqual(['unkeyed', 'unkeyed']);
  });
});

it('another exchange is followed where the key of the one before is missing', async () => {
  const [locked, second] = [await Exchange.make(new Uint8Array(16).fill(8)), await Exchange.make()];
  const before = ['S> 220 hi', 'C> AUTH X-PSK', 'S> 334 go on', ...locked.data, 'S> 235 done', locked.mic('PWD')];
  const again = [locked.reply('257 "/"'), locked.mic('AUTH X-PSK'), locked.reply('334 go on'), ...second.data];
  const said = judged([...before, ...again, 'S> 235 done', second.mic('PWD'), second.reply('257 "/"')]);
  expect(said.slice(-9)).toEqual([
    ...['unkeyed', 'unkeyed', 'unkeyed', 'clear', 'clear', 'clear', 'clear', 'verified', 'verified'],
  ]);
});

describe('a token that does not open', () => {
  const altered = (line: string) => line.replace(/..$/, end => (end === 'AA' ? 'BA' : 'AA'));

  it('may be of another association after a gap', () => {
    const { messages, problem } = observe([...opening, 'C!', altered(first.mic('PWD'))], { mechanisms });
    expect(messages.at(-1)).toMatchObject({ verdict: 'unkeyed', error: undefined });
    expect(problem?.message).toBe('the exchange is not in the capture');
  });

  it.each(['client', 'server'])('is altered where one opens later, from the %s', from => {
    const [bad, worse] = [altered(first.mic('PWD')), altered(first.mic('NOOP'))];
    const good = from === 'client' ? first.mic('PWD') : first.reply('535 no');
    const { messages, problem } = observe([...opening, 'C!', bad, good, worse], { mechanisms });
    const failed = ['failed', 'security/bad-checksum'];
    expect(messages.slice(-3).map(({ verdict, error }) => [verdict, error?.code])).toEqual([
      ...[failed, ['verified', undefined], failed],
    ]);
    expect(problem).toBeUndefined();
  });

  it('is of another association where the next exchange comes first', async () => {
    const second = await Exchange.make();
    const other = [altered(first.mic('AUTH X-PSK')), altered(first.reply('334 go on'))];
    const again = [...other, ...second.data, 'S> 235 done', second.mic('PWD')];
    const { messages, problem } = observe([...opening, 'C!', ...again], { mechanisms });
    expect(messages.slice(-7).map(({ verdict }) => verdict)).toEqual([
      ...['unkeyed', 'unkeyed', 'clear', 'clear', 'clear', 'clear', 'verified'],
    ]);
    expect(problem?.message).toBe('the exchange is not in the capture');
  });

  it('is not judged by a token of the next association, which protects its 235', () => {
    const bad = [mic(0, 'NOOP'), reply(0, '200 a')].map(line => line.replace(/ \S+$/, ` ${base64('altered')}`));
    const again = ['C> REIN', 'S> 220 hello', EXCHANGE[3]!, reply(0, '235 done')];
    const { messages } = observe([...EXCHANGE, 'C!', ...bad, ...again]);
    expect(messages.slice(-6).map(({ verdict }) => verdict)).toEqual([
      ...['unkeyed', 'unkeyed', 'clear', 'clear', 'clear', 'verified'],
    ]);
  });

  it('is remembered until 64 others have come', () => {
    const bad = Array.from({ length: 66 }, () => altered(first.mic('PWD')));
    const { messages, problem } = observe([...opening, 'C!', ...bad, first.mic('PWD')], { mechanisms });
    expect(messages.slice(-67).map(({ verdict }) => verdict)).toEqual([
      ...[...Array(2).fill('unkeyed'), ...Array(64).fill('failed'), 'verified'],
    ]);
    expect(problem?.message).toBe('the exchange is not in the capture');
  });

  it('is not decided by a reply in the clear, which may have been inserted', () => {
    const lines = ['C!', altered(first.mic('PWD')), 'S> 200 done', first.mic('PWD')];
    const { messages, problem } = observe([...opening, ...lines], { mechanisms });
    expect(messages.slice(-3).map(({ verdict }) => verdict)).toEqual(['failed', 'clear', 'verified']);
    expect(problem).toBeUndefined();
  });

  it('is not final before that', () => {
    const observer = new Observer({ mechanisms });
    const play = (...lines: string[]) => {
      for (const line of lines) observer.push(line[0] === 'C' ? 'client' : 'server', ascii(`${line.slice(3)}\r\n`));
      return observer.open;
    };
    expect(play(...opening)).toBe(Infinity);
    observer.gap('client');
    expect(play(altered(first.mic('PWD')), altered(first.mic('PWD')))).toBe(opening.length + 1);
    expect(play(first.mic('PWD'))).toBe(Infinity);
  });

  it('is altered where the gap can have no AUTH and no REIN', () => {
    const lines = [first.mic('PWD'), 'S!', altered(first.mic('NOOP'))];
    expect(judged([...opening, ...lines]).at(-1)).toBe('security/bad-checksum');
  });

  it('is a replay, and so of this association', () => {
    const line = first.mic('PWD');
    expect(judged([...opening, line, 'C!', line]).at(-1)).toBe('security/replayed');
  });
});

describe('ADAT in the clear under an association', () => {
  it('changes nothing without a gap', async () => {
    const second = await Exchange.make();
    const lines = [...second.data.slice(0, 1), first.reply('503 no'), first.mic('PWD'), first.reply('257 "/"')];
    expect(judged([...opening, ...lines]).slice(-4)).toEqual([
      ...['sequence/unprotected', 'verified', 'verified', 'verified'],
    ]);
  });

  it.each([
    ['clear refusal of it', 'S> 535 no'],
    ['clear reply without a number', 'S> garbage'],
  ])('changes nothing after a gap either: a %s', async (_, answer) => {
    const second = await Exchange.make();
    const lines = ['C!', second.data[0], answer, first.mic('PWD'), first.reply('257 "/"')];
    expect(judged([...opening, ...lines]).slice(-2)).toEqual(['verified', 'verified']);
  });

  it('changes nothing after a gap either where the server refuses it', async () => {
    const second = await Exchange.make();
    const lines = ['C!', ...second.data.slice(0, 1), first.reply('503 no'), first.mic('PWD'), first.reply('257 "/"')];
    expect(judged([...opening, ...lines]).slice(-4)).toEqual(['clear', 'verified', 'verified', 'verified']);
  });
});

it('ADAT after CCC begins nothing, though ADAT in a gap before may have begun something', async () => {
  const second = await Exchange.make();
  const refused = ['C!', second.data[0], first.reply('503 no'), first.mic('CCC'), first.reply('200 clear')];
  const lines = [...refused, second.data[0], first.reply('503 no'), first.mic('PWD'), first.reply('257 "/"')];
  expect(judged([...opening, ...lines]).slice(-4)).toEqual(['clear', 'verified', 'verified', 'verified']);
});

it('level and buffer size of data are unknown where the reply to their own command may be in a gap', () => {
  const observer = new Observer({ mechanisms });
  const play = (...lines: string[]) => {
    for (const line of lines) observer.push(line[0] === 'C' ? 'client' : 'server', ascii(`${line.slice(3)}\r\n`));
    const { level, isCertain, bufferSize } = observer.dataProtection;
    return [level, isCertain, bufferSize];
  };
  play(...opening, first.mic('PBSZ 3000'), first.reply('200 a'));
  expect(play(first.mic('PROT P'), first.reply('200 a'))).toEqual(['private', true, 3000]);
  play(first.mic('PBSZ 4000'));
  observer.gap('server');
  expect(play(first.mic('NOOP'), first.reply('200 a'))).toEqual(['private', true, undefined]);
  expect(play(first.mic('PBSZ 5000'), first.reply('200 a'))).toEqual(['private', true, 5000]);
  play(first.mic('PROT S'));
  observer.gap('server');
  expect(play(first.mic('NOOP'), first.reply('200 a'))).toEqual(['private', false, 5000]);
});

it('the buffer size is not known where a gap may have PBSZ, or the reply to it', () => {
  const observer = new Observer({ mechanisms });
  const play = (...lines: string[]) => {
    for (const line of lines) observer.push(line[0] === 'C' ? 'client' : 'server', ascii(`${line.slice(3)}\r\n`));
    return observer.dataProtection.bufferSize;
  };
  expect(play(...opening, first.mic('PBSZ 3000'), first.reply('200 PBSZ=2000'))).toBe(2000);
  expect(play(first.mic('NOOP'), first.reply('200 a'))).toBe(2000);
  play(first.mic('PBSZ 4000'));
  observer.gap('server');
  expect(play(first.mic('PROT P'), first.reply('200 a'))).toBeUndefined();
  expect(play(first.mic('PBSZ 5000'), first.reply('200 a'))).toBe(5000);
  observer.gap('client');
  expect(play(first.mic('PROT P'), first.reply('200 a'))).toBeUndefined();
});

it('the keys of an exchange are erased when another one begins, and when the recording ends', () => {
  let [begun, ended] = [0, 0];
  const counting: Mechanism = {
    ...mechanisms[0]!,
    recognises: () => true,
    observer: () => {
      begun++;
      return { observe: () => ({ facts: {} }), destroy: () => void ended++ };
    },
  };
  const lines = ['C> ADAT AAAA', 'S> 535 no', 'C> ADAT AAAA'];
  observe(lines, { mechanisms: [counting], fromStart: false });
  expect([begun, ended]).toEqual([2, 2]);
});

describe('replies that anybody may have inserted in the clear end no association', () => {
  const inserted = (before: string[]) =>
    judged([...opening, ...before, first.mic('PWD'), first.reply('257 "/"')]).slice(-2);

  it.each(['S> 334 go on', 'S> 235 done', 'S> 335 ADAT=AAAA'])('%s, after CCC', line => {
    expect(inserted([first.mic('CCC'), first.reply('200 clear'), line])).toEqual(['verified', 'verified']);
  });

  it.each(['S> 235 done', 'S> 335 ADAT=AAAA'])('%s, after a gap', line => {
    expect(inserted(['C!', line])).toEqual(['verified', 'verified']);
  });

  it('334, after a gap, where another command waits', () => {
    expect(inserted(['C!', first.mic('NOOP'), 'S> 334 go on'])).toEqual(['verified', 'verified']);
  });
});
