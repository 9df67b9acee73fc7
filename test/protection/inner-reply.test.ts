import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat } from '../../src/bytes.js';
import { formatReply } from '../../src/ftp/reply.js';
import type { Deviation } from '../../src/protection/deviations.js';
import { InnerReplies, type InnerReplyOptions } from '../../src/protection/inner-reply.js';
import { growth, LINEAR } from '../ftp/readers.js';
import { ascii, errorOf, expectCode, onlyRefuses } from '../helpers.js';

/** Pushes outer replies, each a list of plaintexts, and gives the texts of the inner replies with their deviations. */
function assemble(outers: string[][], options?: InnerReplyOptions): { text: string; tolerated: Deviation[] }[] {
  const replies = new InnerReplies(options);
  const whole = outers.flatMap(plaintexts => replies.push(plaintexts.map(ascii)) ?? []);
  replies.close();
  return whole.map(({ reply, tolerated }) => ({ text: Buffer.from(reply.raw).toString('latin1'), tolerated }));
}

// The plaintext reply of RFC 2228 §5.2.
const RFC = ['123-First line\r\n', 'Second line\r\n', '  234 A line beginning with numbers\r\n', '123 The last line'];
const RFC_REPLY = `${RFC.join('')}\r\n`;

describe('inner replies (RFC 2228 §5.2)', () => {
  it.each([
    ['one token', [RFC.join('')]],
    ['a token for each line', RFC],
    [
      'a cut anywhere',
      ['123-First line\r\nSecond line\r\n  234 A line b', 'eginning with numbers\r\n123 The last line\r\n'],
    ],
  ])('%s gives the reply of the RFC', (_, plaintexts) => {
    expect(assemble([plaintexts], { tolerate: [] })).toEqual([{ text: RFC_REPLY, tolerated: [] }]);
  });

  it('may continue after a line without CRLF if that is tolerated by name', () => {
    const outers = [['230- Command okay'], ['230 User logged in']];
    const tolerate = ['unended-line-spans-outer'] as const;
    expect(assemble(outers, { tolerate })).toEqual([
      { text: '230- Command okay\r\n230 User logged in\r\n', tolerated: [...tolerate] },
    ]);
    expect(assemble([['230-a\r\n', 'b'], ['230 c']], { tolerate })).toEqual([
      { text: '230-a\r\nb\r\n230 c\r\n', tolerated: [...tolerate] },
    ]);
    expectCode(() => assemble(outers), 'syntax/bad-reply');
    expectCode(() => assemble([['230- Command', ' okay'], ['230 User logged in']], { tolerate }), 'syntax/bad-reply');
  });

  it('takes a cut between CR and LF', () => {
    const [one] = assemble([['211-a\r', '\n211 b\r', '\n']], { tolerate: [] });
    expect(one).toEqual({ text: '211-a\r\n211 b\r\n', tolerated: [] });
  });

  it.each<[string, string[][], string, Deviation[]]>([
    ['MIT: a line in each token', [['211-a', 'b', '211 c']], '211-a\r\nb\r\n211 c\r\n', ['fragment-per-line']],
    ['some of them with CRLF', [['211-a\r\n', 'b', '211 c']], '211-a\r\nb\r\n211 c\r\n', ['fragment-per-line']],
    ['a NUL', [['220 hello\0']], '220 hello\r\n', ['trailing-nul']],
    ['CRLF and a NUL', [['220 hello\r\n\0']], '220 hello\r\n', ['trailing-nul']],
    [
      'Heimdal: a line in each reply',
      [['211-a\r\n'], ['b\r\n'], ['211 c\r\n']],
      '211-a\r\nb\r\n211 c\r\n',
      ['reply-spans-outer'],
    ],
    ['lines joined where both readings are whole', [['211-a\r\nb', '\r\n211 c']], '211-a\r\nb\r\n211 c\r\n', []],
  ])('%s', (_, outers, text, tolerated) => {
    expect(assemble(outers)).toEqual([{ text, tolerated }]);
    if (tolerated.length > 0) expectCode(() => assemble(outers, { tolerate: [] }), 'syntax/bad-reply');
  });

  it.each([
    ['an empty token', [['']]],
    ['a NUL alone', [['\0']]],
    ['two NULs', [['220 a\0\0']]],
    ['a NUL inside', [['220 a\0b']]],
    ['a bare LF', [['220 a\nb']]],
    ['a bare LF at the end', [['220 a\n']]],
    ['a bare CR', [['220 a\rb']]],
    ['no code', [['hello']]],
    ['an invalid code', [['799 a']]],
    ['two replies', [['220 a\r\n230 b']]],
    ['two replies in two tokens', [['220 a\r\n', '230 b\r\n']]],
    ['two replies when lines are joined', [['220 a', '230 b']]],
    ['a protected reply', [['631 Zm9v']]],
    ['an unfinished protected reply', [['631-Zm9v\r\n']]],
    ['a reply that stops within a line', [['211-a']]],
    ['a line that ends the reply for one reading only', [['211-a\r\n211 b', ' c\r\n211 d']]],
    ['an open reply, cut', [['211-a', 'b\r\n']]],
  ])('refuses %s', (_, outers) => {
    expectCode(() => assemble(outers), 'syntax/bad-reply');
  });

  it.each([
    [[''], 'a token contains no text'],
    [['631 Zm9v'], 'a protected reply contains a protected reply'],
    [['220 a\r\n230 b'], 'more than one inner reply in an outer reply'],
    [['211-a'], 'an inner reply is unfinished, and its last line does not end in CRLF'],
    [['211-a\r\n211 b', ' c\r\n211 d'], 'the fragments have two readings, and one of them ends too early'],
    [['hello'], 'a reply must begin with three digits'],
  ])('says why it refuses %j', (plaintexts, why) => {
    expect(errorOf(() => assemble([plaintexts])).message).toContain(why);
  });

  it('says that a reply is not finished', () => {
    expectCode(() => assemble([['211-a\r\n']]), 'syntax/truncated');
  });

  it('drops what was open when an outer reply is refused', () => {
    const replies = new InnerReplies();
    replies.push([ascii('211-a\r\n')]);
    expect(replies.open).toBe(true);
    expectCode(() => replies.push([ascii('\0')]), 'syntax/bad-reply');
    expect(replies.open).toBe(false);
    expect(replies.push([ascii('220 b')])?.reply.code).toBe(220);
  });

  it('is bounded, over outer replies too', () => {
    const line = `${'x'.repeat(98)}\r\n`;
    expectCode(() => assemble([[`211-${line}`], [line], [line]], { maxReply: 300 }), 'syntax/limit-exceeded');
    expect(assemble([['220 hello']], { maxReply: 9 })).toHaveLength(1);
  });

  it('gives the reply back, however it is cut', () => {
    const text = fc.string({ unit: fc.constantFrom(...'ab 1-'), maxLength: 12 });
    fc.assert(
      fc.property(
        fc.array(text, { minLength: 1, maxLength: 6 }),
        fc.array(fc.nat(60), { maxLength: 4 }),
        (lines, cuts) => {
          const octets = formatReply(211, lines);
          const at = [0, ...cuts.filter(cut => cut > 0 && cut < octets.length).sort((a, b) => a - b), octets.length];
          const fragments = at.slice(1).flatMap((end, i) => (end > at[i]! ? [octets.subarray(at[i], end)] : []));
          const inner = onlyRefuses(() => new InnerReplies({ tolerate: [] }).push(fragments));
          // A cut can make a line of its own look like the last one; then the reading is ambiguous, and refused.
          if (inner !== undefined) expect(inner.reply.raw).toEqual(octets);
          else expect(concat(...fragments)).toEqual(octets);
        },
      ),
    );
  });

  it('gives the reply back in each form that peers send', () => {
    const text = fc.string({ unit: fc.constantFrom(...'ab 1-'), minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 6 }), lines => {
        const octets = formatReply(211, lines);
        const whole = Buffer.from(octets).toString('latin1');
        const each = whole.split('\r\n').slice(0, -1);
        for (const outers of [
          [[whole]],
          [[whole.slice(0, -2)]],
          [each.map(line => `${line}\r\n`)],
          [each],
          [each.map(line => `${line}\0`)],
          each.map(line => [`${line}\r\n`]),
        ]) {
          expect(assemble(outers).map(({ text }) => text)).toEqual([whole]);
        }
      }),
    );
  });

  it('does linear work on a reply over many outer replies', () => {
    const line = ascii(`${'x'.repeat(60)}\r\n`);
    const work = (lines: number) => {
      const replies = new InnerReplies();
      replies.push([ascii('211-begin\r\n')]);
      for (let i = 0; i < lines; i++) replies.push([line]);
      expect(replies.push([ascii('211 end')])?.reply.lines).toHaveLength(lines + 2);
    };
    expect(growth(work, 3000)).toBeLessThan(LINEAR);
  });

  it('throws only FtpSecurityError, for any octets', () => {
    const plaintext = fc.string({ unit: fc.constantFrom(...'21 1-6x\r\n\0'), maxLength: 20 });
    fc.assert(
      fc.property(fc.array(fc.array(plaintext, { minLength: 1, maxLength: 3 }), { maxLength: 4 }), outers => {
        onlyRefuses(() => assemble(outers));
      }),
      { numRuns: 2000 },
    );
    expect(errorOf(() => assemble([['x']])).message).not.toContain('x\r\n');
  });
});

it('has no protected reply inside, from 600 on, and some text in each token', () => {
  for (const fragments of [['600 a\r\n'], ['631 AAAA\r\n'], [''], ['211-a\r\n', '', '211 b\r\n']])
    expectCode(() => new InnerReplies({}).push(fragments.map(ascii)), 'syntax/bad-reply');
});
