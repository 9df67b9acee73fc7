/** What an observer reports of lines that were taken out or moved, of clear lines between protected ones, and of blocks. */
import { describe, expect, it } from 'vitest';
import { concat, concatAll, fromUtf8, toUtf8, u32be } from '../../src/bytes.js';
import type { FtpSecurityError } from '../../src/errors.js';
import type { BlockReader } from '../../src/protection/data-block.js';
import type { ObservedStep, Peer } from '../../src/protection/mechanism.js';
import { encodeProtectedCommand } from '../../src/protection/protected-command.js';
import { encodeProtectedReply } from '../../src/protection/protected-reply.js';
import type { TokenLevel } from '../../src/protection/protection-level.js';
import type { ObservedMessage, ObservedReply } from '../../src/session/events.js';
import { Observer } from '../../src/session/observer.js';
import { expectCode } from '../helpers.js';
import { pskContexts, secured } from './pair.js';

/** Both sides of a recorded connection, and its observer. */
class Recording {
  readonly observer: Observer;
  readonly #says = pskContexts();
  readonly #seen: (ObservedMessage | ObservedReply)[] = [];

  /** @param unknown  sides whose key the observer does not have */
  constructor(unknown: readonly Peer[] = []) {
    const opens = pskContexts();
    const step: ObservedStep = { facts: {} };
    if (!unknown.includes('client')) step.fromClient = opens.acceptor;
    if (!unknown.includes('server')) step.fromServer = opens.initiator;
    const mechanism = {
      name: 'X-PSK',
      variant: 'psk',
      recognises: () => true,
      observer: () => ({ observe: () => step }),
    };
    this.observer = new Observer({ mechanisms: [mechanism] });
    this.client('AUTH X-PSK').server('334 go on').client('ADAT Zm9v').server('235 done');
  }

  client(line: string): this {
    this.observer.push('client', toUtf8(`${line}\r\n`));
    return this;
  }

  server(line: string): this {
    this.observer.push('server', toUtf8(`${line}\r\n`));
    return this;
  }

  /** A protected command, and what it was: lost, if the recording must not have it. */
  mic(text: string, level: TokenLevel = 'safe'): this {
    return this.client(fromUtf8(encodeProtectedCommand(this.#says.initiator.wrap(toUtf8(text), level))).trimEnd());
  }

  reply(text: string, level: TokenLevel = 'safe'): this {
    return this.server(this.line(text, level));
  }

  line(text: string, level: TokenLevel = 'safe'): string {
    const { token } = this.#says.acceptor.wrap(toUtf8(text), level);
    return fromUtf8(encodeProtectedReply({ level, tokens: [token] })).trimEnd();
  }

  /** So many tokens that are not on the control connection. */
  use(from: 'client' | 'server', count = 1): this {
    const context = from === 'client' ? this.#says.initiator : this.#says.acceptor;
    for (let i = 0; i < count; i++) context.wrap(toUtf8('x'), 'safe');
    return this;
  }

  /** The blocks of a file of so many octets, as one side sends them: four octets in each but the last. */
  blocks(from: 'client' | 'server', octets = 6, level: TokenLevel = 'private'): Uint8Array[] {
    const context = from === 'client' ? this.#says.initiator : this.#says.acceptor;
    const texts = Array.from({ length: Math.ceil(octets / 4) }, (_, i) => new Uint8Array(Math.min(4, octets - 4 * i)));
    return [...texts, new Uint8Array()].map(text => {
      const { token } = context.wrap(text, level);
      return concat(u32be(token.length), token);
    });
  }

  get last(): [string, string | undefined, string | undefined] {
    const { verdict, sequence, error } = this.#all()
      .filter(it => it.type === 'message')
      .at(-1)!;
    return [verdict, sequence, error?.code];
  }

  get replies(): number[] {
    return this.#all().flatMap(it => (it.type === 'reply' ? [it.reply.code] : []));
  }

  /** A deviation or an error of any line. */
  get reported(): (string | undefined)[] {
    return this.#all()
      .flatMap(it => (it.type === 'message' ? [it.error?.code, ...it.tolerated] : []))
      .filter(Boolean);
  }

  #all() {
    for (let it = this.observer.next(); it !== undefined; it = this.observer.next()) {
      if (it.type !== 'exchange') this.#seen.push(it);
    }
    return this.#seen;
  }
}

const MISSED = 'security/out-of-sequence';
const at = (letter: string) => {
  const recording = new Recording();
  for (const line of ['PBSZ 1000', `PROT ${letter}`]) recording.mic(line).reply('200 fine');
  return recording;
};

describe('an observer', () => {
  it('reports that a line is missing, and accepts the one after it', () => {
    const replies = new Recording().use('server').mic('PWD').reply('257 a');
    expect([replies.last, replies.replies]).toEqual([
      ['verified', 'gap', MISSED],
      [334, 235, 257],
    ]);
    expect(replies.mic('PWD').reply('257 a').last).toEqual(['verified', 'ok', undefined]);
    const commands = new Recording().mic('NOOP').reply('200 yes').use('client').mic('PWD');
    expect(commands.last).toEqual(['verified', 'gap', MISSED]);
    expect(commands.mic('PWD').last).toEqual(['verified', 'ok', undefined]);
  });

  it('reports a missing line once: what no place is known of is not judged by it', () => {
    const recording = new Recording().mic('CCC').reply('200 fine').use('client').use('server');
    recording.mic('NOOP').reply('200 yes');
    expect(recording.reported).toEqual([MISSED, MISSED]);
    recording.mic('PWD', 'confidential').server('631 AAAA');
    expect(recording.reported.slice(2)).toEqual(['security/bad-token']);
  });

  it('reports that a line was moved, or sent before the first', () => {
    const recording = new Recording().mic('PWD');
    const [first, second] = [recording.line('257 a'), recording.line('257 b')];
    expect(recording.server(second).last).toEqual(['verified', 'gap', MISSED]);
    expect(recording.server(first).last).toEqual(['verified', 'late', MISSED]);
  });

  it('learns nothing from a 1yz reply that was inserted: the genuine one begins the transfer', () => {
    const recording = at('P').mic('RETR a');
    recording.server('150 inserted').reply('150 go on').use('server', 3).reply('226 done');
    expect(recording.last).toEqual(['verified', 'gap', undefined]);
  });

  it('reports that a line of a reply is missing, also during a transfer', () => {
    for (const recording of [new Recording().mic('HELP'), at('P').mic('RETR a').reply('150 go on').mic('STAT')]) {
      recording.server(recording.line('211-a').replace('631 ', '631-')).use('server').reply('211 b');
      expect(recording.last).toEqual(['verified', 'gap', MISSED]);
    }
  });

  it.each([
    ['RETR a', 'S', 'server'],
    ['LIST', 'P', 'server'],
    ['STOR a', 'S', 'client'],
    ['APPE a', 'P', 'client'],
  ] as const)('accounts for numbers that blocks have used: %s, PROT %s', (command, letter, sender) => {
    const recording = at(letter).mic(command).reply('150 go on').use(sender, 3);
    recording.reply('226 done').mic('NOOP').reply('200 yes');
    expect(recording.reported).toEqual([]);
    expect(recording.use(sender).mic('NOOP').reply('200 yes').reported).toEqual([MISSED]);
    const others = at(letter)
      .mic(command)
      .reply('150 go on')
      .use(sender === 'client' ? 'server' : 'client');
    expect(others.reply('226 done').mic('NOOP').reported).toEqual([MISSED]);
    const none = at('C').mic(command).reply('150 go on').use(sender).reply('226 done').mic('NOOP');
    expect(none.reported).toEqual([MISSED]);
    const refused = at(letter).mic(command).reply('550 no').use(sender).mic('NOOP').reply('200 yes');
    expect(refused.reported).toEqual([MISSED]);
  });

  it('applies PROT only if the server has granted it', () => {
    const recording = at('p').mic('RETR a').reply('150 go on').use('server').reply('226 done');
    expect(recording.reported).toEqual([]);
    const refused = new Recording().mic('PROT P').reply('503 no').mic('RETR a').reply('150 go on').use('server');
    expect(refused.reply('226 done').reported).toEqual([MISSED]);
    const unknown = at('P').mic('PROT Q').reply('504 no').mic('PROT').reply('501 no').mic('RETR a').reply('150 go on');
    expect(unknown.use('server').reply('226 done').reported).toEqual([]);
  });

  it('reports no missing line if octets of the recording are missing', () => {
    const recording = new Recording().mic('PWD');
    recording.observer.gap('server');
    // The line that has lost octets is gone.
    recording.server('half a line').mic('PWD').use('server');
    expect(recording.reply('257 a').reported).toEqual(['syntax/truncated']);
  });

  it('reads the next line whole if the missing octets were whole lines', () => {
    const recording = new Recording().mic('PWD');
    recording.observer.gap('server', false);
    expect(recording.reply('257 a').last).toEqual(['verified', 'ok', undefined]);
  });

  it('applies no argument of PROT or PBSZ that it can not read, even if the server grants it', () => {
    const prot = at('P').mic('PROT Q').reply('200 yes').mic('RETR a').reply('150 go on').use('server');
    expect(prot.reply('226 done').reported).toEqual([]);
    const pbsz = new Recording().mic('PBSZ x').reply('200 PBSZ=300').mic('PROT P').reply('200 yes').mic('RETR a');
    const reader = pbsz.reply('150 go on').observer.dataReader('server')!;
    reader.push(u32be(301));
    expectCode(() => reader.next(), 'syntax/limit-exceeded');
  });

  it('ignores a CCC whose reply comes after a missing line', () => {
    const lifted = (lost: boolean) => {
      const recording = new Recording().mic('CCC').mic('NOOP');
      if (lost) recording.use('server');
      return recording.reply('200 one').reply('200 two').client('NOOP').reported;
    };
    expect(lifted(false)).toEqual([]);
    expect(lifted(true)).toEqual([MISSED, 'sequence/unprotected']);
  });

  it('checks a reply that overtakes by its own command', () => {
    const during = (retr: 'clear' | 'safe', stat: 'clear' | 'safe') => {
      const recording = new Recording().mic('CCC').reply('200 fine');
      const say = (level: 'clear' | 'safe', text: string) =>
        level === 'clear' ? recording.client(text) : recording.mic(text);
      say(retr, 'RETR a');
      if (retr === 'clear') recording.server('150 go on');
      else recording.reply('150 go on');
      return say(stat, 'STAT');
    };
    expect(
      during('safe', 'clear').server('211-going').server(' on').server('211 end').reply('226 done').reported,
    ).toEqual([]);
    expect(during('clear', 'safe').reply('211 going on').server('226 done').reported).toEqual([]);
    expect(during('clear', 'safe').server('211 going on').reported).toEqual(['sequence/unprotected']);
    expect(during('safe', 'clear').reply('211 going on').reported).toEqual(['protected-after-ccc']);
    expect(during('safe', 'clear').server('226 done').reported).toEqual(['sequence/unprotected']);
  });
});

describe('the data reader of an observer', () => {
  const read = (reader: BlockReader | undefined, blocks: Uint8Array[]) => {
    reader!.push(concatAll(blocks));
    const seen: unknown[] = [];
    for (let block = reader!.nextBlock(); block !== undefined; block = reader!.nextBlock()) {
      seen.push([block.plaintext.length, block.level, block.sequence]);
    }
    return seen;
  };
  const SIDES = [
    ['RETR a', 'server'],
    ['STOR a', 'client'],
  ] as const;

  it.each(SIDES)(
    'opens the blocks of %s with the context of its sender, and accounts for their numbers',
    (command, from) => {
      const recording = at('P').mic(command).reply('150 go on');
      const [verb, argument] = command.split(' ');
      expect(recording.observer.transfer).toEqual({ verb, argument, message: 9, from, level: 'private' });
      const reader = recording.observer.dataReader(from);
      expect(read(reader, recording.blocks(from))).toEqual([
        [4, 'private', 'ok'],
        [2, 'private', 'ok'],
        [0, 'private', 'ok'],
      ]);
      expect([reader!.ended, recording.reply('226 done').mic('NOOP').reply('200 yes').reported]).toEqual([true, []]);
    },
  );

  it.each(SIDES)('ends with its last block the gaps that %s explains', (command, from) => {
    const recording = at('P').mic(command).reply('150 go on');
    read(recording.observer.dataReader(from), recording.blocks(from));
    recording.use(from).reply('226 done').mic('NOOP');
    expect(recording.reported).toEqual([MISSED]);
  });

  it('accepts blocks that are seen before the 1yz reply, or after the final one', () => {
    const recording = at('P').mic('RETR a');
    const soon = recording.line('150 go on');
    const blocks = recording.blocks('server');
    expect(read(recording.observer.dataReader('server'), blocks)[0]).toEqual([4, 'private', 'gap']);
    expect(recording.server(soon).reply('226 done').reported).toEqual([]);
    recording.mic('RETR b').reply('150 go on');
    const late = recording.blocks('server');
    recording.reply('226 done');
    const reader = recording.observer.dataReader('server');
    expect(read(reader, late).map(it => (it as unknown[])[2])).toEqual(['late', 'late', 'late']);
    expect(reader!.ended).toBe(true);
  });

  it('is of the transfer that runs, also behind one that has ended', () => {
    const recording = at('P').mic('RETR a').reply('150 go on');
    recording.blocks('server');
    recording.reply('226 done').mic('RETR b').reply('150 go on');
    const blocks = recording.blocks('server');
    expect(read(recording.observer.dataReader('server'), blocks)).toHaveLength(3);
  });

  it('refuses a block that has come as a line, and a line that has come as a block', () => {
    const recording = at('P').mic('RETR a').reply('150 go on');
    const [first, ...rest] = recording.blocks('server');
    recording.server(fromUtf8(encodeProtectedReply({ level: 'private', tokens: [first!.subarray(4)] })).trimEnd());
    expectCode(() => read(recording.observer.dataReader('server'), rest), 'security/out-of-sequence');
    const again = recording.observer.dataReader('server', { interleaved: true });
    expectCode(() => read(again, [first!]), 'security/replayed');
  });

  it('refuses a block below the level of PROT, or over the buffer of PBSZ', () => {
    const recording = at('P').mic('RETR a').reply('150 go on');
    const weak = recording.blocks('server', 4, 'safe');
    expectCode(() => read(recording.observer.dataReader('server'), weak), 'sequence/wrong-level');
    const long = concat(u32be(1001), new Uint8Array(1));
    expectCode(() => read(recording.observer.dataReader('server'), [long]), 'syntax/limit-exceeded');
    const smaller = at('P').mic('PBSZ 500').reply('200 PBSZ=300').mic('RETR a').reply('150 go on');
    expectCode(() => read(smaller.observer.dataReader('server'), [u32be(301)]), 'syntax/limit-exceeded');
  });

  it('accepts any size if the PBSZ of the recording cannot be read, since MIT grants PBSZ 0', () => {
    const recording = new Recording().mic('PBSZ 0').reply('200 fine').mic('PROT P').reply('200 fine').mic('RETR a');
    const blocks = recording.reply('150 go on').blocks('server');
    expect(read(recording.observer.dataReader('server'), blocks)).toHaveLength(3);
  });

  it('its level is not certain where the reply to PROT is missing, until the next PROT', () => {
    const recording = new Recording().mic('PBSZ 1000').reply('200 fine');
    expect(recording.observer.dataProtection).toMatchObject({ level: 'clear', isCertain: true, bufferSize: 1000 });
    recording.mic('PROT P').observer.gap('server');
    expect(recording.observer.dataProtection).toMatchObject({ isCertain: false, bufferSize: 1000 });
    recording.mic('PROT S').reply('200 fine');
    expect(recording.observer.dataProtection).toMatchObject({ level: 'safe', isCertain: true });
  });

  it('is of the transfer that waits, or of the last one', () => {
    const recording = at('P').mic('NOOP');
    expect(recording.observer.transfer).toBeUndefined();
    recording.reply('200 yes').mic('RETR a').reply('150 go on').reply('226 done').mic('NOOP').mic('PWD');
    expect(recording.observer.transfer).toMatchObject({ verb: 'RETR', argument: 'a' });
    expect(recording.mic('LIST').observer.transfer).toMatchObject({ verb: 'LIST' });
  });

  it('reads what comes in the clear', () => {
    const recording = new Recording().mic('RETR a').reply('150 go on');
    expect(recording.observer.transfer).toMatchObject({ level: 'clear' });
    expect(read(recording.observer.dataReader('server'), [toUtf8('text')])).toEqual([[4, 'clear', 'none']]);
  });

  it('is absent if a key is missing, or the exchange is', () => {
    for (const unknown of [['client'], ['server'], ['client', 'server']] as const) {
      for (const from of ['client', 'server'] as const) {
        expect(new Recording(unknown).observer.dataReader(from)).toBeUndefined();
      }
    }
    const late = new Observer({ mechanisms: [], fromStart: false });
    expect(late.dataReader('server')).toBeDefined();
    late.push('server', toUtf8('631 Zm9v\r\n'));
    expect(late.dataReader('server')).toBeUndefined();
  });
});

describe('a clear line between protected ones', () => {
  /** Lines of one reply, some of them protected. */
  const CASES: readonly [string, readonly [string, boolean][]][] = [
    [
      'within an outer reply',
      [
        ['211-a\r\n', true],
        ['b', false],
        ['211 c\r\n', true],
      ],
    ],
    [
      'that looks like its last one',
      [
        ['211-a\r\n', true],
        ['211 b', false],
        ['211 c\r\n', true],
      ],
    ],
  ];

  it.each(CASES)('%s: has one error in session and observer', (_, lines) => {
    for (const last of [true, false]) {
      for (const ccc of [false, true]) {
        const contexts = pskContexts();
        const recording = new Recording();
        const { client, server } = secured({ contexts });
        if (ccc) {
          recording.mic('CCC').reply('200 fine');
          server.receive(client.send(toUtf8('CCC'), 'safe'));
          const event = server.next();
          client.receive(event?.type === 'answered' ? event.octets : new Uint8Array());
          client.next();
        }
        recording.mic('STAT a');
        client.send(toUtf8('STAT a'), 'safe');
        const codes: (string | undefined)[] = [];
        for (const [text, isProtected] of lines) {
          const separator = last && text !== lines.at(-1)![0] ? '-' : ' ';
          const line = isProtected ? recording.line(text).replace(' ', separator) : text;
          recording.server(line);
          client.receive(toUtf8(`${line}\r\n`));
        }
        try {
          while (client.next() !== undefined);
        } catch (error) {
          codes.push((error as FtpSecurityError).code);
        }
        expect(codes).toEqual(['sequence/unprotected']);
        expect(recording.reported.filter(it => it !== 'reply-spans-outer')).toEqual(codes);
      }
    }
  });
});
