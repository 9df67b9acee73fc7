import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { replyCodeFor } from '../../src/errors.js';
import { CommandReader, parseCommand } from '../../src/ftp/command.js';
import { formatReply, parseReply, ReplyReader } from '../../src/ftp/reply.js';
import {
  ProtectedReplyReader,
  protectCommand,
  protectReply,
  type UnprotectOptions,
  unprotectCommand,
  unprotectReply,
} from '../../src/protection/protect.js';
import { encodeProtectedCommand } from '../../src/protection/protected-command.js';
import { decodeProtectedReply, encodeProtectedReply } from '../../src/protection/protected-reply.js';
import type { TokenLevel } from '../../src/protection/protection-level.js';
import { ascii, errorOf, expectCode, onlyRefuses } from '../helpers.js';
import { PASSING, visibleContext, visibleToken } from './visible-context.js';

type Token = [level: TokenLevel, number: number, text: string];

const ALL: TokenLevel[] = ['safe', 'private', 'confidential'];

function outer(level: TokenLevel, ...tokens: Token[]) {
  return parseReply(encodeProtectedReply({ level, tokens: tokens.map(token => visibleToken(...token)) }));
}

function outerOf(token: Uint8Array) {
  return parseReply(encodeProtectedReply({ level: 'safe', tokens: [token] }));
}

function command(level: TokenLevel, ...token: Token) {
  return parseCommand(encodeProtectedCommand({ level, token: visibleToken(...token) }));
}

describe('protected replies', () => {
  it('come out as the inner reply, classified', () => {
    const inner = unprotectReply(visibleContext(), outer('safe', ['safe', 0, '220 hello\r\n']));
    expect(inner).toMatchObject({
      inner: { code: 220, lines: ['hello'] },
      level: 'safe',
      sequence: 'ok',
      tolerated: [],
      classification: { code: 220, kind: 'positive-completion', group: 'connections', final: true },
    });
  });

  it('are sent as one token for each line, CRLF inside', () => {
    const octets = protectReply(visibleContext(), 'safe', ascii('211-a\r\nb\r\n211 c'));
    const tokens = [
      visibleToken('safe', 0, '211-a\r\n'),
      visibleToken('safe', 1, 'b\r\n'),
      visibleToken('safe', 2, '211 c\r\n'),
    ];
    expect(octets).toEqual(encodeProtectedReply({ level: 'safe', tokens }));
  });

  it('are padded where a middle line could be framed as another reply, or as the last line of this one', () => {
    const lines = ['550-No such file', '550-Try:', '250 minutes of music.mp3', '250-a', '200', '5501', 'b', '550 End'];
    const octets = protectReply(visibleContext(), 'safe', ascii(lines.join('\r\n')));
    const padded = [
      '550-No such file',
      '550-Try:',
      ' 250 minutes of music.mp3',
      ' 250-a',
      ' 200',
      ' 5501',
      'b',
      '550 End',
    ];
    const { tokens } = decodeProtectedReply(parseReply(octets));
    expect(tokens).toEqual(padded.map((line, i) => visibleToken('safe', i, `${line}\r\n`)));
    expect(unprotectReply(visibleContext(), parseReply(octets)).inner.lines).toHaveLength(lines.length);
    for (const token of tokens) {
      const alone = onlyRefuses(() => unprotectReply(visibleContext(), outerOf(token)));
      expect([550, undefined]).toContain(alone?.inner.code);
    }
  });

  it('may end with the bare code (RFC 3659 §7.2), in any fragments', () => {
    const inner = (...texts: string[]) =>
      unprotectReply(visibleContext(), outer('safe', ...texts.map((text, i): Token => ['safe', i, text]))).inner;
    expect(inner('250')).toMatchObject({ code: 250, lines: [''] });
    expect(inner('250\r\n')).toMatchObject({ code: 250, lines: [''] });
    expect(inner('211-a\r\n', 'b\r\n', '211\r\n')).toMatchObject({ code: 211, lines: ['a', 'b', ''] });
    expect(inner('211-a', 'b', '211')).toMatchObject({ code: 211, lines: ['a', 'b', ''] });
    expect(inner('211-a\r\n2', '11')).toMatchObject({ code: 211, lines: ['a', ''] });
    expectCode(() => inner('250', '250'), 'syntax/bad-reply');
    expectCode(() => inner('250', ' ok'), 'syntax/bad-reply');
    expectCode(() => inner('631'), 'syntax/bad-reply');
    const reader = new ProtectedReplyReader(visibleContext());
    for (const [n, text] of ['211-a\r\n', 'b\r\n', '211\r\n'].entries()) reader.push(outer('safe', ['safe', n, text]));
    expect(reader.next()?.inner).toMatchObject({ code: 211, lines: ['a', 'b', ''] });
    const octets = protectReply(visibleContext(), 'safe', ascii('211-a\r\n211'));
    expect(unprotectReply(visibleContext(), parseReply(octets)).inner.raw).toEqual(ascii('211-a\r\n211\r\n'));
  });

  it('are labelled with the level that the mechanism applied', () => {
    const always = { ...visibleContext(), wrap: (text: Uint8Array) => ({ token: text, level: 'private' as const }) };
    expect(Buffer.from(protectReply(always, 'safe', ascii('220 a'))).toString()).toMatch(/^632 /);
    expect(Buffer.from(protectCommand(always, 'safe', ascii('NOOP'))).toString()).toMatch(/^ENC /);
  });

  it('end a bare LF properly when they are made', () => {
    const octets = protectReply(visibleContext(), 'safe', ascii('211-a\n211 c\n'));
    expect(unprotectReply(visibleContext(), parseReply(octets)).inner.raw).toEqual(ascii('211-a\r\n211 c\r\n'));
  });

  it('must be protected', () => {
    expectCode(() => unprotectReply(visibleContext(), parseReply(ascii('220 hello'))), 'sequence/unprotected');
  });

  it('must be whole, for unprotectReply', () => {
    expectCode(() => unprotectReply(visibleContext(), outer('safe', ['safe', 0, '211-a\r\n'])), 'syntax/truncated');
  });

  it('are refused with no text when one token is broken, and the tokens before it stay used', () => {
    const context = visibleContext();
    const reader = new ProtectedReplyReader(context);
    reader.push(outer('safe', ['safe', 0, '211-open\r\n']));
    const broken = encodeProtectedReply({ level: 'safe', tokens: [visibleToken('safe', 1, 'x\r\n'), ascii('broken')] });
    const error = errorOf(() => reader.push(parseReply(broken)));
    expect(error.code).toBe('security/bad-checksum');
    expect(error.message).not.toContain('broken');
    reader.push(outer('safe', ['safe', 2, '220 next\r\n']));
    expect(reader.next()).toMatchObject({ inner: { code: 220 }, sequence: 'ok' });
    expect(reader.next()).toBeUndefined();
    reader.close();
  });

  it('report the weakest level and the worst sequence state of all their tokens, over outer replies too', () => {
    const reader = new ProtectedReplyReader(visibleContext());
    reader.push(outer('safe', ['private', 0, '211-a\r\n']));
    expect(reader.next()).toBeUndefined();
    reader.push(outer('safe', ['safe', 2, 'b\r\n'], ['private', 3, 'c\r\n\0']));
    reader.push(outer('private', ['private', 4, '211 d']));
    expect(reader.next()).toMatchObject({
      level: 'safe',
      sequence: 'gap',
      tolerated: ['reply-spans-outer', 'trailing-nul'],
    });
  });

  it('say when they end unfinished', () => {
    const reader = new ProtectedReplyReader(visibleContext());
    reader.push(outer('safe', ['safe', 0, '211-a\r\n']));
    expectCode(() => reader.close(), 'syntax/truncated');
    reader.close();
  });

  it('report the deviations of every layer', () => {
    const reader = new ReplyReader();
    reader.push(ascii(`631 ${Buffer.from('S0:220 hello\0').toString('base64')} \n`));
    expect(unprotectReply(visibleContext(), reader.next()!).tolerated).toEqual([
      'bare-lf',
      'blank-around-base64',
      'trailing-nul',
    ]);
  });

  it('give back what was protected', () => {
    const text = fc.string({ unit: fc.constantFrom(...'ab 1-é'), maxLength: 12 });
    const level = fc.constantFrom<TokenLevel>('safe', 'private');
    fc.assert(
      fc.property(
        fc.constantFrom(150, 226, 331, 550),
        fc.array(text, { minLength: 1, maxLength: 6 }),
        level,
        (code, lines, level) => {
          const plaintext = formatReply(code, lines);
          const octets = protectReply(visibleContext(), level, plaintext);
          const { inner, tolerated } = unprotectReply(visibleContext(), parseReply(octets), { tolerate: [] });
          expect(inner).toEqual(parseReply(plaintext));
          expect(tolerated).toEqual([]);
        },
      ),
    );
  });
});

describe('gapless', () => {
  // Numbers show what is missing; the first token may follow others on a data connection.
  const numbered = () => {
    const context = visibleContext();
    let follows = true;
    return {
      ...context,
      unwrap(token: Uint8Array) {
        const opened = context.unwrap(token);
        follows = opened.sequence === 'ok';
        return opened;
      },
      lastReceived: 0n,
      get lastFollows() {
        return follows;
      },
    };
  };
  const reader = (options: UnprotectOptions) => new ProtectedReplyReader(numbered(), options);
  const [first, last]: Token[] = [
    ['safe', 3, '550-No such file\r\n'],
    ['safe', 5, '550 End\r\n'],
  ];

  it('refuses a reply from which a token was taken out, in one outer reply or several', () => {
    expectCode(() => reader({ gapless: true }).push(outer('safe', first!, last!)), 'security/out-of-sequence');
    const spanning = reader({ gapless: true });
    spanning.push(outer('safe', first!));
    expectCode(() => spanning.push(outer('safe', last!)), 'security/out-of-sequence');
  });

  it('takes a reply of several lines from a mechanism that does not number its tokens', () => {
    const unnumbered = new ProtectedReplyReader(visibleContext(), { gapless: true });
    unnumbered.push(outer('safe', ['safe', 0, '550-No such file\r\n'], ['safe', 1, '550 End\r\n']));
    expect(unnumbered.next()?.inner.lines).toHaveLength(2);
  });

  it('takes a gap before the first token, and by default any', () => {
    const whole = reader({ gapless: true });
    whole.push(outer('safe', first!, ['safe', 4, '550 End\r\n']));
    expect(whole.next()).toMatchObject({ sequence: 'gap' });
    const any = reader({});
    any.push(outer('safe', first!, last!));
    expect(any.next()).toMatchObject({ sequence: 'gap' });
  });
});

describe('the level is what the mechanism did', () => {
  const open = (claimed: TokenLevel, applied: TokenLevel, options?: UnprotectOptions) =>
    unprotectReply(visibleContext(ALL), outer(claimed, [applied, 0, '220 a']), options);

  it.each<[TokenLevel, TokenLevel]>([
    ['safe', 'safe'],
    ['safe', 'private'],
    ['private', 'private'],
  ])('a reply that claims %s may be %s', (claimed, applied) => {
    expect(open(claimed, applied)).toMatchObject({ level: applied, tolerated: [] });
  });

  it.each<[TokenLevel, TokenLevel]>([
    ['private', 'safe'],
    ['private', 'confidential'],
    ['safe', 'confidential'],
    ['confidential', 'safe'],
  ])('a reply that claims %s may not be %s', (claimed, applied) => {
    expectCode(() => open(claimed, applied), 'sequence/wrong-level');
    expectCode(() => open(claimed, applied, { requireIntegrity: false }), 'sequence/wrong-level');
  });

  it('may be safe where 632 claims private, if that is tolerated by name, and is then reported', () => {
    const options = { tolerate: ['integrity-under-632'], requireIntegrity: false } as const;
    expect(open('private', 'safe', options)).toMatchObject({ level: 'safe', tolerated: ['integrity-under-632'] });
    for (const [claimed, applied] of [
      ['private', 'confidential'],
      ['safe', 'confidential'],
      ['confidential', 'safe'],
    ] as const)
      expectCode(() => open(claimed, applied, options), 'sequence/wrong-level');
    for (const [claimed, applied] of [
      ['safe', 'safe'],
      ['safe', 'private'],
      ['private', 'private'],
    ] as const)
      expect(open(claimed, applied, options)).toMatchObject({ level: applied, tolerated: [] });
  });

  it('requires integrity of 633 too, until CCC', () => {
    expect(open('confidential', 'private').tolerated).toEqual(['integrity-under-633']);
    expectCode(() => open('confidential', 'private', { tolerate: [] }), 'sequence/wrong-level');
    expectCode(() => open('confidential', 'confidential'), 'sequence/wrong-level');
    expect(open('confidential', 'confidential', { requireIntegrity: false })).toMatchObject({ level: 'confidential' });
  });

  it('does not require integrity if the mechanism has none', () => {
    const context = visibleContext(['confidential']);
    const reply = outer('confidential', ['confidential', 0, '220 a']);
    expect(unprotectReply(context, reply).level).toBe('confidential');
  });

  it.each(['safe', 'private'] as const)('requires integrity if the mechanism has it only at level %s', level => {
    const reply = outer('confidential', ['confidential', 0, '220 a']);
    expectCode(() => unprotectReply(visibleContext([level, 'confidential']), reply), 'sequence/wrong-level');
  });
});

describe('protected commands', () => {
  const open = (claimed: TokenLevel, applied: TokenLevel, text: string, options?: UnprotectOptions) =>
    unprotectCommand(visibleContext(ALL), command(claimed, applied, 0, text), options);

  it.each([
    ['PASS me', []],
    ['PASS me\r\n', []],
    ['PASS me\0', ['trailing-nul']],
    ['pass me\r\n\0', ['trailing-nul']],
  ])('%j is PASS me', (text, tolerated) => {
    expect(open('private', 'private', text)).toMatchObject({
      inner: { verb: 'PASS', argument: 'me' },
      level: 'private',
      sequence: 'ok',
      tolerated,
    });
  });

  it('carry their CRLF inside, and come back', () => {
    const octets = protectCommand(visibleContext(), 'safe', ascii('CWD /tmp'));
    expect(octets).toEqual(encodeProtectedCommand({ level: 'safe', token: visibleToken('safe', 0, 'CWD /tmp\r\n') }));
    expect(unprotectCommand(visibleContext(), parseCommand(octets), { tolerate: [] }).inner).toMatchObject({
      verb: 'CWD',
      argument: '/tmp',
    });
  });

  it.each([
    '',
    '\0',
    'NOOP\0\0',
    'NOOP\r\nNOOP',
    'NOOP\nNOOP',
    'NOOP\n',
    'NOOP\r',
    'NO\0OP',
    'MIC Zm9v',
    'enc Zm9v',
    'CONF Zm9v',
  ])('refuse %j inside', text => {
    expectCode(() => open('safe', 'safe', text), 'syntax/bad-command');
  });

  it('refuse a NUL when strict', () => {
    expectCode(() => open('safe', 'safe', 'NOOP\0', { tolerate: [] }), 'syntax/bad-command');
  });

  it('must be protected', () => {
    expectCode(() => unprotectCommand(visibleContext(), parseCommand(ascii('NOOP'))), 'sequence/unprotected');
  });

  it('are answered by 533 if the token is weaker than the verb, and for CONF before CCC', () => {
    for (const [claimed, applied] of [
      ['private', 'safe'],
      ['safe', 'confidential'],
      ['confidential', 'private'],
    ] as const) {
      const error = errorOf(() => open(claimed, applied, 'NOOP'));
      expect(error.code).toBe('sequence/wrong-level');
      expect(replyCodeFor(error)).toBe(533);
    }
  });

  it('may be CONF after CCC if the mechanism supports it, and are answered by 537 if not', () => {
    expect(open('confidential', 'confidential', 'NOOP', { requireIntegrity: false }).level).toBe('confidential');
    const conf = command('confidential', 'private', 0, 'NOOP');
    const error = errorOf(() => unprotectCommand(visibleContext(), conf, { requireIntegrity: false }));
    expect(error.code).toBe('security/level-unsupported');
    expect(replyCodeFor(error)).toBe(537);
  });

  it('report the deviations of every layer', () => {
    const reader = new CommandReader();
    reader.push(ascii(`MIC ${Buffer.from('S0:NOOP\0').toString('base64')} words\n`));
    expect(unprotectCommand(visibleContext(), reader.next()!).tolerated).toEqual([
      'bare-lf',
      'text-after-base64',
      'trailing-nul',
    ]);
  });
});

describe('a mechanism without memory of its own', () => {
  const sizes = [10, 2044, 5000];
  const cases = PASSING.flatMap(([what, context]) => sizes.map(size => [what, size, context] as const));

  it.each(cases)('with %s, a text of %i octets stays as it was read', (_what, size, context) => {
    const [first, second] = ['x', 'y'].map(letter => letter.repeat(size - 4));
    const replies = [first, second].map(text => protectReply(context, 'safe', ascii(`200 ${text}`)));
    const commands = [first, second].map(text => protectCommand(context, 'safe', ascii(`CWD ${text}`)));
    const read = [
      ...replies.map(octets => unprotectReply(context, parseReply(octets)).inner.raw),
      ...commands.map(octets => unprotectCommand(context, parseCommand(octets)).inner.raw),
    ];
    const texts = [`200 ${first}`, `200 ${second}`, `CWD ${first}`, `CWD ${second}`];
    expect(read).toStrictEqual(texts.map(text => ascii(`${text}\r\n`)));
  });
});

describe('misuse', () => {
  it('is a TypeError or a RangeError', () => {
    expect(() => protectReply(visibleContext(), 'safe', ascii('hello'))).toThrow(RangeError);
    expect(() => protectReply(visibleContext(), 'safe', '220 a' as never)).toThrow(TypeError);
    expect(() => protectCommand(visibleContext(), 'safe', ascii('A\r\nB'))).toThrow(RangeError);
  });
});
