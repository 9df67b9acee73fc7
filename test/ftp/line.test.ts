import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromUtf8 } from '../../src/bytes.js';
import { assertOneLine, limitOf } from '../../src/ftp/argument-checks.js';
import { type Line, type LineOptions, LineReader } from '../../src/ftp/line.js';
import { ascii, errorOf, expectCode } from '../helpers.js';
import { chunkSizes, drain, growth, inChunks, LINEAR, octetByOctet, readAll, stream } from './readers.js';

const texts = (outcomes: readonly (Line | string)[]) =>
  outcomes.map(outcome => (typeof outcome === 'string' ? outcome : fromUtf8(outcome.bytes)));
const read = (text: string, options?: LineOptions) => texts(readAll(new LineReader(options), [ascii(text)]));

describe('lines', () => {
  it('come out without their line end, and raw with it', () => {
    const reader = new LineReader();
    reader.push(ascii('NOOP\r\nQUIT\r\n'));
    expect(reader.next()).toEqual({ raw: ascii('NOOP\r\n'), bytes: ascii('NOOP') });
    expect(reader.next()).toEqual({ raw: ascii('QUIT\r\n'), bytes: ascii('QUIT') });
    expect(reader.next()).toBeUndefined();
    reader.close();
  });

  it('are pending until they have been asked for', () => {
    const reader = new LineReader();
    expect(reader.pending).toBe(false);
    reader.push(ascii('NOOP\r\n2'));
    expect(reader.pending).toBe(true);
    reader.gap();
    expect(reader.pending).toBe(true);
    reader.next();
    expect(reader.pending).toBe(false);
  });

  it('have begun, or begin with the next octet', () => {
    const reader = new LineReader({ maxLine: 4 });
    const told = (octets: string) => {
      reader.push(ascii(octets));
      const before = reader.atLineStart;
      drain(reader);
      return [before, reader.atLineStart];
    };
    expect(reader.atLineStart).toBe(true);
    expect(told('NO')).toEqual([false, false]);
    expect(told('OP\r\n')).toEqual([true, true]);
    expect(told('\xff')).toEqual([false, false]);
    expect(told('\xf1')).toEqual([true, true]);
    expect(told('1234567')).toEqual([false, false]);
    expect(told('89')).toEqual([false, false]);
    expect(told('\n')).toEqual([false, true]);
    reader.gap();
    expect(reader.atLineStart).toBe(false);
  });

  it('wait for the octets that are missing', () => {
    const reader = new LineReader();
    reader.push(ascii('220 Wel'));
    expect(reader.next()).toBeUndefined();
    reader.push(ascii('come\r'));
    expect(reader.next()).toBeUndefined();
    reader.push(ascii('\n'));
    expect(reader.next()?.bytes).toEqual(ascii('220 Welcome'));
  });

  it('may be empty, and hold a CR', () => {
    expect(read('\r\na\rb\r\r\n')).toEqual(['', 'a\rb\r']);
  });

  it('have no Telnet commands in them, which may stand between CR and LF', () => {
    expect(readAll(new LineReader(), [ascii('A\xff\xfb\x01B\r\xff\xf1\n')])).toEqual([
      { raw: ascii('AB\r\n'), bytes: ascii('AB') },
    ]);
  });

  it('are plain octets of their own: no Buffer, and the chunk may be used again', () => {
    const chunk = Buffer.from('NOOP\r\n');
    const reader = new LineReader();
    reader.push(chunk);
    const line = reader.next()!;
    chunk.fill(0);
    reader.push(ascii('overwrites what was held\r\n'));
    expect(line.bytes).toEqual(ascii('NOOP'));
    expect(line.raw.constructor).toBe(Uint8Array);
    expect(line.bytes.constructor).toBe(Uint8Array);
  });

  it('are refused by a TypeError when they are no octets', () => {
    expect(() => new LineReader().push('NOOP\r\n' as never)).toThrow(TypeError);
  });
});

describe('a chunk that is one line', () => {
  const one = (chunk: string) =>
    readAll(new LineReader(), [ascii(chunk)]).map(line => String.fromCharCode(...(line as Line).bytes));

  it('is that line, whatever one of its octets is, and wherever', () => {
    for (let length = 1; length <= 10; length++) {
      for (let at = 0; at < length; at++) {
        const [before, after] = ['abcdefghij'.slice(0, at), 'abcdefghij'.slice(at + 1, length)];
        for (const octet of ['\0', '\x1f', ' ', '`', '~', '\x7f', '\x80', '\xff\xff'])
          expect(one(`${before}${octet}${after}\r\n`)).toEqual([`${before}${octet.slice(0, 1)}${after}`]);
        expect(one(`${before}\n${after}\r\n`)).toEqual([before, after]);
        expect(one(`${before}\xff\xf1${after}\r\n`)).toEqual([before + after]);
      }
    }
  });

  it('begins with the rest of a Telnet command, if one is open', () => {
    const read = (...chunks: string[]) => texts(readAll(new LineReader(), chunks.map(ascii)));
    expect(read('\xff\xfb', 'A220 hi\r\n')).toEqual(['220 hi']);
    expect(read('\xff\xfa', 'option\r\n', '220 hi\r\n')).toEqual(['', '220 hi']);
    expect(read('22', '0 hi\r\n')).toEqual(['220 hi']);
    expect(read('ab\r\xff', '\xf1\n')).toEqual(['ab']);
    expect(read('ab\xff\n', 'cd\xff\r\n').length).toBe(2);
  });
});

describe('a bare LF', () => {
  it('ends a line, and raw shows it', () => {
    const reader = new LineReader();
    reader.push(ascii('a\nb\n\n'));
    expect(reader.next()).toEqual({ raw: ascii('a\n'), bytes: ascii('a') });
    expect(texts(drain(reader))).toEqual(['b', '']);
  });

  it('is an error if it is not tolerated, and the next line begins after it', () => {
    const reader = new LineReader({ bareLf: false });
    reader.push(ascii('ab\ncd\r\n\n'));
    expect(errorOf(() => reader.next())).toMatchObject({ code: 'syntax/bad-line', offset: 2 });
    expect(texts(drain(reader))).toEqual(['cd', 'syntax/bad-line']);
  });
});

describe('a line that is too long', () => {
  it('is one that is longer than the limit without its line end', () => {
    expect(read('1234\r\n12345\r\n1234\n12345\n', { maxLine: 4 })).toEqual([
      '1234',
      'syntax/limit-exceeded',
      '1234',
      'syntax/limit-exceeded',
    ]);
  });

  it('is refused before it ends, once, and its rest is skipped', () => {
    const reader = new LineReader({ maxLine: 4 });
    reader.push(ascii('12345'));
    expect(drain(reader)).toEqual([]);
    reader.push(ascii('6'));
    expect(errorOf(() => reader.next())).toMatchObject({ code: 'syntax/limit-exceeded', offset: 4 });
    reader.push(ascii('7890'));
    expect(drain(reader)).toEqual([]);
    expectCode(() => reader.close(), 'syntax/truncated');
    reader.push(ascii('1234567890\r\nok\r\n'));
    expect(texts(drain(reader))).toEqual(['ok']);
    reader.close();
  });

  it('takes no memory for its rest', () => {
    const reader = new LineReader({ maxLine: 4 });
    reader.push(ascii('123456'));
    expectCode(() => reader.next(), 'syntax/limit-exceeded');
    reader.push(ascii('789'));
    expect([reader.next(), reader.pending]).toEqual([undefined, false]);
  });

  it('has more than 1 MiB unless the caller says so', () => {
    const reader = new LineReader();
    reader.push(new Uint8Array(0x100000).fill(0x41));
    reader.push(ascii('\r\n'));
    expect(reader.next()?.bytes.length).toBe(0x100000);
    reader.push(new Uint8Array(0x100002).fill(0x41));
    expectCode(() => reader.next(), 'syntax/limit-exceeded');
  });
});

describe('lost octets', () => {
  it('damage the line they were in, up to the next line end, and it fails where it would have come out', () => {
    const reader = new LineReader();
    reader.push(ascii('one\r\ntw'));
    reader.gap();
    reader.push(ascii('o and'));
    expect(texts(drain(reader))).toEqual(['one']);
    reader.push(ascii(' three\r\nfour\r\n'));
    expect(texts(drain(reader))).toEqual(['syntax/truncated', 'four']);
  });

  it('damage the next line if they were lost between lines, since its beginning may be lost', () => {
    const reader = new LineReader();
    reader.push(ascii('one\r\n'));
    reader.gap();
    reader.push(ascii('two\r\nthree\r\n'));
    expect(texts(drain(reader))).toEqual(['one', 'syntax/truncated', 'three']);
  });

  it('give one error for one damaged line, however many there are', () => {
    const reader = new LineReader({ bareLf: false });
    for (let i = 0; i < 3; i++) {
      reader.push(ascii('x'));
      reader.gap();
    }
    reader.push(ascii('y\nz\r\n'));
    expect(texts(drain(reader))).toEqual(['syntax/truncated', 'z']);
  });

  it('end a Telnet command that was begun', () => {
    const reader = new LineReader();
    reader.push(ascii('\xff\xfa'));
    reader.gap();
    reader.push(ascii('a\r\nb\r\n'));
    expect(texts(drain(reader))).toEqual(['syntax/truncated', 'b']);
  });

  it('in a line that was too long already may hide its end, so both are said', () => {
    const reader = new LineReader({ maxLine: 2 });
    reader.push(ascii('12345'));
    expect(texts(drain(reader))).toEqual(['syntax/limit-exceeded']);
    reader.gap();
    reader.push(ascii('67890\r\nok\r\n'));
    expect(texts(drain(reader))).toEqual(['syntax/truncated', 'ok']);
  });

  it('leave the input unfinished until a line end comes', () => {
    const reader = new LineReader();
    reader.gap();
    expectCode(() => reader.close(), 'syntax/truncated');
    reader.push(ascii('\n'));
    expectCode(() => reader.next(), 'syntax/truncated');
    reader.close();
  });
});

describe('the end of the input', () => {
  it.each(['a', 'a\r', '\xff', 'a\r\n\xff\xfa'])('within a line or a Telnet command is an error: %j', octets => {
    const outcomes = read(octets);
    expect(outcomes.at(-1)).toBe('syntax/truncated');
  });

  it('is told with its place in the line', () => {
    const reader = new LineReader();
    reader.push(ascii('NOOP\r\nab'));
    reader.next();
    expect(errorOf(() => reader.close()).offset).toBe(2);
  });

  it('after a line end is no error, whether or not the line was read', () => {
    const reader = new LineReader();
    reader.close();
    reader.push(ascii('a\r\n'));
    reader.close();
  });
});

describe('properties of lines', () => {
  const options = fc.record({ maxLine: fc.integer({ min: 1, max: 30 }), bareLf: fc.boolean() });

  it('any chunking gives the same', () => {
    fc.assert(
      fc.property(stream, chunkSizes, options, (octets, sizes, limits) => {
        const whole = readAll(new LineReader(limits), [octets]);
        expect(readAll(new LineReader(limits), inChunks(octets, sizes))).toEqual(whole);
        expect(readAll(new LineReader(limits), octetByOctet(octets))).toEqual(whole);
      }),
    );
  });

  it('octets lost anywhere give the same, asked for at once or in the end', () => {
    const steps = fc.array(fc.option(stream, { nil: undefined }), { maxLength: 12 });
    fc.assert(
      fc.property(steps, parts => {
        const eager = new LineReader();
        const lazy = new LineReader();
        const outcomes = parts.flatMap(part => {
          for (const reader of [eager, lazy]) {
            if (part === undefined) reader.gap();
            else reader.push(part);
          }
          return drain(eager);
        });
        expect(drain(lazy)).toEqual(outcomes);
      }),
    );
  });

  it('raw octets, put together, are what came', () => {
    fc.assert(
      fc.property(fc.uint8Array({ max: 0xfe, maxLength: 200 }), octets => {
        const lines = readAll(new LineReader(), [Uint8Array.from([...octets, 0x0a])]);
        expect(lines.flatMap(line => [...(line as Line).raw])).toEqual([...octets, 0x0a]);
      }),
    );
  });

  it('work is linear in single octets without a line end, and in short lines in one chunk', () => {
    const single = Uint8Array.of(0x41);
    const oneByOne = (size: number) => {
      const reader = new LineReader({ maxLine: size });
      for (let i = 0; i < size; i++) {
        reader.push(single);
        reader.next();
      }
    };
    const atOnce = (size: number) => {
      const reader = new LineReader();
      reader.push(new Uint8Array(size).fill(0x0a));
      let lines = 0;
      while (reader.next() !== undefined) lines++;
      expect(lines).toBe(size);
    };
    expect(growth(oneByOne, 20_000)).toBeLessThan(LINEAR);
    expect(growth(atOnce, 20_000)).toBeLessThan(LINEAR);
  });
});

describe('misuse', () => {
  it('of a limit', () => {
    expect(limitOf(undefined, 7, 'limit')).toBe(7);
    expect(limitOf(1, 7, 'limit')).toBe(1);
    for (const value of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => new LineReader({ maxLine: value })).toThrow(RangeError);
    }
    expect(() => new LineReader({ maxLine: '10' as never })).toThrow(TypeError);
  });

  it('of a text that has to stand in one line', () => {
    assertOneLine('', 'text');
    assertOneLine('übel\t', 'text');
    for (const text of ['a\r', 'a\nb', '\0']) expect(() => assertOneLine(text, 'text')).toThrow(RangeError);
    expect(() => assertOneLine(7 as never, 'text')).toThrow(TypeError);
  });
});
