import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toUtf8 } from '../../src/bytes.js';
import type { Line } from '../../src/ftp/line.js';
import {
  formatReply,
  parseReply,
  type Reply,
  ReplyLines,
  type ReplyOptions,
  ReplyReader,
  type ScanOptions,
  scanReply,
} from '../../src/ftp/reply.js';
import { ascii, errorOf, expectCode, onlyRefuses } from '../helpers.js';
import { chunkSizes, growth, inChunks, LINEAR, octetByOctet, readAll, stream } from './readers.js';

// RFC 959 §4.2, and the plaintext of RFC 2228 §5.2.
const RFC_EXAMPLE = '123-First line\r\nSecond line\r\n  234 A line beginning with numbers\r\n123 The last line\r\n';

const line = (text: string): Line => ({ raw: ascii(`${text}\r\n`), bytes: ascii(text) });
const read = (text: string, options?: ReplyOptions) =>
  readAll(new ReplyReader(options), [ascii(text)]).map(outcome =>
    typeof outcome === 'string' ? outcome : [outcome.code, ...outcome.lines],
  );
/** As plain data: `lines` is a getter. */
const plain = (reply: Reply | undefined) => reply && { code: reply.code, lines: reply.lines, raw: reply.raw };
const scan = (text: string, options?: ScanOptions) => scanReply(ascii(text), options);

describe('a reply', () => {
  it('are pending until they have been asked for, or have begun', () => {
    const reader = new ReplyReader();
    reader.push(ascii('220-a\r\n'));
    expect([reader.pending, reader.next(), reader.pending]).toEqual([true, undefined, true]);
    reader.push(ascii('220 b\r\n'));
    expect(reader.next()?.code).toBe(220);
    expect(reader.pending).toBe(false);
  });

  it('is three digits, a blank and text', () => {
    expect(plain(parseReply(ascii('220 Service ready\r\n')))).toEqual({
      code: 220,
      lines: ['Service ready'],
      raw: ascii('220 Service ready\r\n'),
    });
  });

  it('may have several lines: only its code and a blank end it, and those between are verbatim', () => {
    expect(plain(parseReply(ascii(RFC_EXAMPLE)))).toEqual({
      code: 123,
      lines: ['First line', 'Second line', '  234 A line beginning with numbers', 'The last line'],
      raw: ascii(RFC_EXAMPLE),
    });
    expect(read('211-a\r\n211-b\r\n212 c\r\n212\r\n211_d\r\n 211 e\r\n211x\r\n\r\n11= f\r\n211 \r\n')).toEqual([
      [211, 'a', '211-b', '212 c', '212', '211_d', ' 211 e', '211x', '', '11= f', ''],
    ]);
  });

  it('is decoded once, and shown with its text as JSON, by the console and through a proxy', () => {
    const reply = parseReply(ascii('211-a\r\n211 b\r\n'));
    const { code, lines, raw } = reply;
    expect(reply.lines).toBe(lines);
    expect(JSON.stringify(reply)).toBe(JSON.stringify({ code: 211, lines: ['a', 'b'], raw }));
    expect(inspect(reply)).toBe(inspect({ code, lines, raw }));
    expect(new Proxy(reply, {}).lines).toEqual(['a', 'b']);
  });

  it('may have no text after the separator', () => {
    expect(read('200 \r\n211-\r\n211 \r\n')).toEqual([
      [200, ''],
      [211, '', ''],
    ]);
  });

  it('may end with the bare code (RFC 3659 §7.2)', () => {
    expect(read('250\r\n334\n211-a\r\nb\r\n211\r\n220-hello\r\n220-\r\n220\r\n')).toEqual([
      [250, ''],
      [334, ''],
      [211, 'a', 'b', ''],
      [220, 'hello', '220-', ''],
    ]);
    expect(plain(parseReply(ascii('211-a\r\n211')))).toEqual({
      code: 211,
      lines: ['a', ''],
      raw: ascii('211-a\r\n211'),
    });
    expect(errorOf(() => parseReply(ascii('211-a\r\n211\r\n211 b\r\n')))).toMatchObject({
      code: 'syntax/trailing-data',
      offset: 12,
    });
    expectCode(() => parseReply(ascii('250\r')), 'syntax/truncated');
    expectCode(() => parseReply(ascii('211-a\r\n211\r')), 'syntax/truncated');
    expect(readAll(new ReplyReader(), octetByOctet(ascii('250')))).toEqual(['syntax/truncated']);
  });

  it('is text in UTF-8 (RFC 2640 §2), and the octets are kept when it is not', () => {
    expect(parseReply(toUtf8('257 "/é€" is current\r\n')).lines).toEqual(['"/é€" is current']);
    const latin1 = parseReply(ascii('257 "/\xe9"\r\n'));
    expect(latin1.lines).toEqual(['"/\ufffd"']);
    expect(latin1.raw).toEqual(ascii('257 "/\xe9"\r\n'));
    expect(parseReply(toUtf8('220 \ufeffx')).lines).toEqual(['\ufeffx']);
  });

  it.each(['100', '101', '299', '399', '499', '599', '600', '631', '699'])('has a code of 1yz to 6yz: %s', code => {
    expect(parseReply(ascii(`${code} x`)).code).toBe(Number(code));
  });

  it.each([
    ['', 0],
    ['\r\n', 0],
    ['2', 0],
    ['22', 0],
    ['000', 0],
    ['700\r\n', 0],
    ['000 x', 0],
    ['099 x', 0],
    ['700 x', 0],
    ['999 x', 0],
    ['22x y', 0],
    [' 220 x', 0],
    ['11= alias of 123', 0],
    ['2200 x', 3],
    ['220\tx', 3],
    ['220_x', 3],
    ['10054 x', 3],
    ['Welcome\r\n', 0],
  ])('does not begin like %j', (text, offset) => {
    const error = errorOf(() => parseReply(ascii(text)));
    expect(error).toMatchObject({ code: 'syntax/bad-reply', side: 'peer', offset });
  });

  it('is one, and whole', () => {
    expect(parseReply(ascii('220 x')).lines).toEqual(['x']);
    expect(errorOf(() => parseReply(ascii('220 x\r\n220 y\r\n')))).toMatchObject({
      code: 'syntax/trailing-data',
      offset: 7,
    });
    expect(errorOf(() => parseReply(ascii('220 x\r\n\r\n')))).toMatchObject({
      code: 'syntax/trailing-data',
      offset: 7,
    });
    expect(errorOf(() => parseReply(ascii('211-x\r\n21')))).toMatchObject({ code: 'syntax/truncated', offset: 9 });
    expectCode(() => parseReply(ascii('211-x')), 'syntax/truncated');
    expectCode(() => parseReply(ascii('220 x\r')), 'syntax/truncated');
    expectCode(() => parseReply(ascii('211-x\r\n211 y\r')), 'syntax/truncated');
  });

  it('is plain octets of its own', () => {
    const input = Buffer.from('220 x\r\n');
    const reply = parseReply(input);
    input.fill(0);
    expect(reply.raw).toEqual(ascii('220 x\r\n'));
    expect(reply.raw.constructor).toBe(Uint8Array);
    expect(() => parseReply('220 x' as never)).toThrow(TypeError);
  });

  it('is never part of an error: it could be a secret', () => {
    const error = errorOf(() => parseReply(ascii('secret')));
    expect(JSON.stringify([error.message, error])).not.toContain('secret');
  });
});

describe('a ReplyReader', () => {
  it('gives replies one by one', () => {
    const reader = new ReplyReader();
    reader.push(ascii('150 Opening\r\n226 Do'));
    expect(plain(reader.next())).toEqual({ code: 150, lines: ['Opening'], raw: ascii('150 Opening\r\n') });
    expect(reader.next()).toBeUndefined();
    expectCode(() => reader.close(), 'syntax/truncated');
    reader.push(ascii('ne\r\n'));
    expect(reader.next()?.lines).toEqual(['Done']);
    reader.close();
  });

  it('is not at the end within a multi-line reply', () => {
    const reader = new ReplyReader();
    reader.push(ascii('211-a\r\nb\r\n'));
    expect(reader.next()).toBeUndefined();
    expectCode(() => reader.close(), 'syntax/truncated');
  });

  it('keeps line ends as they came, and takes Telnet commands out', () => {
    const reader = new ReplyReader();
    reader.push(ascii('211-a\n\xff\xfb\x01b\xff\xff\r\n211 c\n'));
    expect(reader.next()?.raw).toEqual(ascii('211-a\nb\xff\r\n211 c\n'));
  });

  it('refuses a bare LF when told to, and drops the reply it is in', () => {
    expect(read('211-a\r\nb\n211 c\r\n220 d\r\n', { bareLf: false })).toEqual([
      'syntax/bad-line',
      [211, 'c'],
      [220, 'd'],
    ]);
  });

  it('resumes at the next line after an error', () => {
    expect(read('hello\r\n220 a\r\n\r\n221 b\r\n')).toEqual([
      'syntax/bad-reply',
      [220, 'a'],
      'syntax/bad-reply',
      [221, 'b'],
    ]);
  });

  it('drops the reply that a too long line is in', () => {
    expect(read('211-a\r\n123456789\r\nb\r\n220 c\r\n', { maxLine: 8 })).toEqual([
      'syntax/limit-exceeded',
      'syntax/bad-reply',
      [220, 'c'],
    ]);
  });

  it('limits the octets of a reply, line ends counted', () => {
    expect(read('211-a\r\n211 b\r\n', { maxReply: 14 })).toEqual([[211, 'a', 'b']]);
    expect(read('211-a\r\n211 bc\r\n220 d\r\n', { maxReply: 14 })).toEqual(['syntax/limit-exceeded', [220, 'd']]);
    expect(read('220 too long\r\n220 d\r\n', { maxReply: 13 })).toEqual(['syntax/limit-exceeded', [220, 'd']]);
    expect(() => new ReplyReader({ maxReply: 0 })).toThrow(RangeError);
    expect(() => new ReplyReader({ maxReply: '1' as never })).toThrow(TypeError);
  });
});

describe('ReplyLines', () => {
  it('takes an open reply for whole when it is told to', () => {
    const lines = new ReplyLines();
    expect(lines.finish()).toBeUndefined();
    for (const text of ['220-hi', '221 bye']) {
      expect(lines.push({ raw: ascii(`${text}\r\n`), bytes: ascii(text) })).toBeUndefined();
    }
    expect(lines.finish()).toMatchObject({ code: 220, lines: ['hi', 'bye'] });
    expect(lines.open).toBe(false);
  });

  it('puts lines together', () => {
    const lines = new ReplyLines();
    expect(lines.push(line('211-a'))).toBeUndefined();
    expect(lines.open).toBe(true);
    expect(lines.push(line('b'))).toBeUndefined();
    expect(plain(lines.push(line('211 c')))).toEqual({
      code: 211,
      lines: ['a', 'b', 'c'],
      raw: ascii('211-a\r\nb\r\n211 c\r\n'),
    });
    expect(lines.open).toBe(false);
  });

  it('forgets what has begun when it is reset', () => {
    const lines = new ReplyLines();
    lines.push(line('211-a'));
    lines.reset();
    expect(lines.open).toBe(false);
    expect(lines.push(line('220 b'))?.raw).toEqual(ascii('220 b\r\n'));
  });

  it('is as before after a line that begins no reply, and begins anew after one too many', () => {
    const lines = new ReplyLines(16);
    expectCode(() => lines.push(line('x')), 'syntax/bad-reply');
    expect(lines.open).toBe(false);
    lines.push(line('211-a'));
    expect(errorOf(() => lines.push(line('12345678')))).toMatchObject({ code: 'syntax/limit-exceeded', offset: 7 });
    expect(lines.open).toBe(false);
    expect(lines.push(line('220 b'))?.code).toBe(220);
  });
});

describe('scanReply', () => {
  it('distinguishes a whole reply, an unfinished one, one that ends early, and other text', () => {
    expect(scan('211-a\r\n211 b\r\n', { strict: true })).toEqual({ code: 211, end: 14, open: false });
    expect(scan('211-a\r\nb\r\n', { strict: true })).toEqual({ code: 211, end: 10, open: true });
    expect(scan('220 a\r\n221 b\r\n', { strict: true })).toEqual({ code: 220, end: 7, open: false });
    expectCode(() => scan('hello\r\n', { strict: true }), 'syntax/bad-reply');
    expectCode(() => scan('', { strict: true }), 'syntax/bad-reply');
  });

  it('counts the last line as whole without a line end', () => {
    expect(scan('220 a', { strict: true })).toEqual({ code: 220, end: 5, open: false });
    expect(scan('211-a', { strict: true })).toEqual({ code: 211, end: 5, open: true });
  });

  it('continues a reply that has begun', () => {
    expect(scan('b\r\n211-c\r\n', { code: 211 })).toEqual({ code: 211, end: 10, open: true });
    expect(scan('b\r\n211 c\r\n', { code: 211 })).toEqual({ code: 211, end: 10, open: false });
    expect(scan('220 c\r\n', { code: 211 })).toEqual({ code: 211, end: 7, open: true });
    expect(scan('', { code: 211 })).toEqual({ code: 211, end: 0, open: true });
  });

  it.each([
    ['220 a\n', 5],
    ['220 a\r', 5],
    ['220 a\rb\r\n', 5],
    ['220 a\0\r\n', 5],
    ['\n', 0],
    ['220 a\r\n\0', 7],
    ['220 a\r\r\n', 5],
    ['220 a\r\n\n', 7],
  ])('rejects a CR, LF or NUL that is not part of a line end, when strict: %j', (text, offset) => {
    expect(errorOf(() => scan(text, { strict: true }))).toMatchObject({ code: 'syntax/bad-reply', offset });
  });

  it('takes them otherwise', () => {
    expect(scan('211-a\n\0\rb\r\n211 c\n')).toEqual({ code: 211, end: 17, open: false });
    expect(parseReply(ascii('211-a\n\0\rb\r\n211 c\r\r\n')).lines).toEqual(['a', '\0\rb', 'c\r']);
  });
});

describe('formatReply', () => {
  it('writes one line', () => {
    expect(formatReply(220, 'Ready')).toEqual(ascii('220 Ready\r\n'));
    expect(formatReply(220, ['Ready'])).toEqual(ascii('220 Ready\r\n'));
    expect(formatReply(200, '')).toEqual(ascii('200 \r\n'));
    expect(formatReply(257, '"/é"')).toEqual(toUtf8('257 "/é"\r\n'));
  });

  it('writes several lines, as the example of RFC 959 §4.2', () => {
    const lines = ['First line', 'Second line', '  234 A line beginning with numbers', 'The last line'];
    expect(formatReply(123, lines)).toEqual(ascii(RFC_EXAMPLE));
  });

  it('pads every middle line that begins with three digits (RFC 959 §4.2), and no other', () => {
    const middle = ['211 b', '211-c', '212 d', '211', '2119', '999', '250 minutes.mp3', '21 x', 'x 211', ' 211'];
    const padded = [' 211 b', ' 211-c', ' 212 d', ' 211', ' 2119', ' 999', ' 250 minutes.mp3', '21 x', 'x 211', ' 211'];
    const octets = formatReply(211, ['211 a', ...middle, '211 e']);
    expect(octets).toEqual(ascii(['211-211 a', ...padded, '211 211 e', ''].join('\r\n')));
    expect(parseReply(octets).lines).toEqual(['211 a', ...padded, '211 e']);
  });

  it('refuses misuse', () => {
    for (const code of [0, 99, 700, 220.5, Number.NaN, 10054]) expect(() => formatReply(code, 'x')).toThrow(RangeError);
    for (const text of ['a\rb', 'a\n', '\0']) {
      expect(() => formatReply(220, text)).toThrow(RangeError);
      expect(() => formatReply(220, ['ok', text, 'ok'])).toThrow(RangeError);
    }
    expect(() => formatReply(220, [])).toThrow(RangeError);
    expect(() => formatReply('220' as never, 'x')).toThrow(TypeError);
    expect(() => formatReply(220, 7 as never)).toThrow(TypeError);
    expect(() => formatReply(220, undefined as never)).toThrow(TypeError);
    expect(() => formatReply(220, ['x', 7 as never])).toThrow(TypeError);
    expect(() => formatReply(220, new Array(2))).toThrow(TypeError);
  });
});

describe('properties of replies', () => {
  const code = fc.integer({ min: 100, max: 699 });
  const text = fc.string({ unit: 'binary' }).map(s => s.replaceAll(/[\r\n\0]/g, ''));
  const digits = fc.stringMatching(/^[0-9]{3}([ -].?)?$/);
  const texts = fc.array(fc.oneof(text, digits), { minLength: 1, maxLength: 8 });

  it('parse(format(x)) is x, but for a padded line', () => {
    fc.assert(
      fc.property(code, texts, (code, lines) => {
        const padded = lines.map((l, i) => (i > 0 && i < lines.length - 1 && /^\d{3}/.test(l) ? ` ${l}` : l));
        const octets = formatReply(code, lines);
        expect(plain(parseReply(octets))).toEqual({ code, lines: padded, raw: octets });
      }),
    );
  });

  it('format(parse(b)) is b, for octets that format could have written', () => {
    fc.assert(
      fc.property(code, texts, (code, lines) => {
        const octets = formatReply(code, lines);
        const reply = parseReply(octets);
        expect(formatReply(reply.code, reply.lines)).toEqual(octets);
      }),
    );
  });

  it('any chunking gives the same', () => {
    const limits = fc.record({
      maxLine: fc.integer({ min: 4, max: 30 }),
      maxReply: fc.integer({ min: 7, max: 60 }),
      bareLf: fc.boolean(),
    });
    fc.assert(
      fc.property(stream, chunkSizes, limits, (octets, sizes, options) => {
        const whole = readAll(new ReplyReader(options), [octets]);
        expect(readAll(new ReplyReader(options), inChunks(octets, sizes))).toEqual(whole);
        expect(readAll(new ReplyReader(options), octetByOctet(octets))).toEqual(whole);
      }),
    );
  });

  it('any prefix needs more: a reader waits and close says so, and parse refuses all but a line without its end', () => {
    fc.assert(
      fc.property(code, texts, (code, lines) => {
        const octets = formatReply(code, lines);
        const text = octets.length - 2;
        // From the code of the last line on, and at that of the first: the bare code ends a reply.
        const lastBegun = text - toUtf8(lines.at(-1)!).length - 1;
        for (let length = 1; length < octets.length; length++) {
          const prefix = octets.subarray(0, length);
          expect(readAll(new ReplyReader(), [prefix])).toEqual(['syntax/truncated']);
          if (length !== 3 && (length < lastBegun || length > text)) errorOf(() => parseReply(prefix));
          else expect(parseReply(prefix).raw).toEqual(prefix);
        }
      }),
      { numRuns: 50 },
    );
  });

  it('what a reader gives can be read again from its octets', () => {
    const plain = stream.map(octets => octets.filter(octet => octet !== 0xff));
    fc.assert(
      fc.property(plain, octets => {
        for (const reply of readAll(new ReplyReader(), [octets])) {
          if (typeof reply !== 'string') expect(parseReply(reply.raw)).toEqual(reply);
        }
      }),
    );
  });

  it('a strict scan, cut at any line end and gone on with, finds the same end', () => {
    fc.assert(
      fc.property(code, texts, fc.nat(), (code, lines, n) => {
        const octets = formatReply(code, lines);
        const at = lines.length > 1 ? octets.indexOf(0x0a, n % (octets.length - 1)) + 1 : octets.length;
        const first = scanReply(octets.subarray(0, at), { strict: true });
        expect(first).toEqual({ code, end: at, open: at < octets.length });
        fc.pre(first.open);
        const rest = scanReply(octets.subarray(at), { strict: true, code: first.code });
        expect(rest).toEqual({ code, end: octets.length - at, open: false });
      }),
    );
  });

  it('throws only FtpSecurityError, for any octets', () => {
    fc.assert(
      fc.property(fc.oneof(stream, fc.uint8Array()), fc.boolean(), (octets, strict) => {
        const reply = onlyRefuses(() => parseReply(octets));
        if (reply !== undefined) expect(reply.raw).toEqual(octets);
        onlyRefuses(() => scanReply(octets, { strict }));
      }),
    );
  });

  it('work is linear in lines, short and long, in one chunk and octet by octet', () => {
    const manyLines = (size: number) => {
      const reader = new ReplyReader({ maxReply: 2 * size });
      reader.push(ascii('211-begin\r\n'));
      reader.push(new Uint8Array(size).fill(0x0a));
      reader.push(ascii('211 end\r\n'));
      expect(reader.next()?.lines.length).toBe(size + 2);
    };
    const single = ascii('x');
    const octets = (size: number) => {
      const reader = new ReplyReader({ maxLine: 2 * size, maxReply: 2 * size });
      reader.push(ascii('220 '));
      for (let i = 0; i < size; i++) {
        reader.push(single);
        reader.next();
      }
      reader.push(ascii('\r\n'));
      expect(reader.next()?.raw.length).toBe(size + 6);
    };
    const parse = (size: number) => {
      const text = formatReply(211, new Array<string>(size).fill('x'));
      expect(parseReply(text).lines.length).toBe(size);
    };
    expect(growth(manyLines, 20_000)).toBeLessThan(LINEAR);
    expect(growth(octets, 20_000)).toBeLessThan(LINEAR);
    expect(growth(parse, 20_000)).toBeLessThan(LINEAR);
  });
});

describe('the lines of a reply', () => {
  it('each have the limit of a line, wherever they are in the reply', () => {
    const read = (...chunks: string[]) => {
      const reader = new ReplyReader({ maxLine: 10 });
      return chunks.map(chunk => {
        reader.push(ascii(chunk));
        return reader.next()?.lines;
      });
    };
    expect(read('211-abcdef\r\n', '211-abcdef\r\n', '211 abcd', 'ef\r\n')).toEqual([
      ...[undefined, undefined, undefined],
      ['abcdef', '211-abcdef', 'abcdef'],
    ]);
    expectCode(() => read('211-abcdef\r\n', '211 abcdefg\r\n'), 'syntax/limit-exceeded');
  });

  it('are told with a place in the line, if one ends in LF alone and may not', () => {
    const reader = new ReplyReader({ bareLf: false });
    reader.push(ascii('211-a\r\nxy\n211 b\r\n'));
    expect(errorOf(() => reader.next())).toMatchObject({ code: 'syntax/bad-line', offset: 2 });
  });

  it('that are not finished are told with the place in the last of them', () => {
    const reader = new ReplyReader();
    reader.push(ascii('211-a\r\n22'));
    expect(reader.next()).toBeUndefined();
    expect(errorOf(() => reader.close())).toMatchObject({ code: 'syntax/truncated', offset: 2 });
  });

  it('begin with digits, and not with what is below them', () => {
    for (const code of ['2/0', '/20', '22/', '2:0', '22'])
      expectCode(() => parseReply(ascii(`${code} x\r\n`)), 'syntax/bad-reply');
  });

  it('are given as strings', () => {
    expect(() => formatReply(200, { length: 1 } as never)).toThrow(/must be a string or an array/);
  });
});
