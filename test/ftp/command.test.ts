import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toUtf8 } from '../../src/bytes.js';
import { CommandReader, commandOf, formatCommand, parseCommand } from '../../src/ftp/command.js';
import type { LineOptions } from '../../src/ftp/line.js';
import { ascii, errorOf, expectCode, onlyRefuses } from '../helpers.js';
import { chunkSizes, growth, inChunks, LINEAR, octetByOctet, readAll, stream } from './readers.js';

const read = (text: string, options?: LineOptions) =>
  readAll(new CommandReader(options), [ascii(text)]).map(outcome =>
    typeof outcome === 'string' ? outcome : [outcome.verb, outcome.argument],
  );

describe('a command', () => {
  it('is a verb, and an argument after the first space', () => {
    expect(parseCommand(ascii('RETR a file\r\n'))).toEqual({
      verb: 'RETR',
      argument: 'a file',
      raw: ascii('RETR a file\r\n'),
    });
    expect(parseCommand(ascii('PASV'))).toEqual({ verb: 'PASV', argument: undefined, raw: ascii('PASV') });
  });

  it('distinguishes no argument from an empty one, and keeps each space after the first', () => {
    expect(parseCommand(ascii('CWD\r\n')).argument).toBeUndefined();
    expect(parseCommand(ascii('CWD \r\n')).argument).toBe('');
    expect(parseCommand(ascii('MIC  Zm9v \r\n')).argument).toBe(' Zm9v ');
  });

  it.each(['RETR', 'Retr', 'retr', 'ReTr', 'rETr'])('has a verb in any case (RFC 959 §5.3): %s', verb => {
    expect(parseCommand(ascii(`${verb} x`)).verb).toBe('RETR');
  });

  it('may have a verb with digits, of up to 16 octets', () => {
    expect(parseCommand(ascii('XSHA512 f')).verb).toBe('XSHA512');
    expect(parseCommand(ascii('A234567890123456')).verb).toBe('A234567890123456');
  });

  it('has an argument in UTF-8 (RFC 2640 §2), and the octets when it is not', () => {
    expect(parseCommand(toUtf8('CWD é€\r\n')).argument).toBe('é€');
    const latin1 = parseCommand(ascii('CWD \xe9\r\n'));
    expect(latin1.argument).toBe('\ufffd');
    expect(latin1.raw).toEqual(ascii('CWD \xe9\r\n'));
  });

  it.each([
    ['', 0],
    ['\r\n', 0],
    [' NOOP', 0],
    ['1ST', 0],
    ['US-R x', 0],
    ['USER\tx', 0],
    ['\xc3\x9cSER', 0],
    ['A2345678901234567 x', 16],
    ['NOOP\n', 4],
    ['NOOP\r', 4],
    ['NOOP\r\n\r\n', 4],
    ['CWD a\nb\r\n', 5],
    ['CWD a\rb\r\n', 5],
    ['USER x\0', 6],
  ])('is not %j', (text, offset) => {
    expect(errorOf(() => parseCommand(ascii(text)))).toMatchObject({
      code: 'syntax/bad-command',
      side: 'peer',
      offset,
    });
  });

  it('is plain octets of its own', () => {
    const input = Buffer.from('NOOP\r\n');
    const command = parseCommand(input);
    input.fill(0);
    expect(command.raw).toEqual(ascii('NOOP\r\n'));
    expect(command.raw.constructor).toBe(Uint8Array);
    expect(() => parseCommand('NOOP' as never)).toThrow(TypeError);
  });

  it('is never part of an error: it could be a password', () => {
    const error = errorOf(() => parseCommand(ascii('PASS\tsecret')));
    expect(JSON.stringify([error.message, error])).not.toContain('secret');
  });

  it('can be read from a line too', () => {
    expect(commandOf({ raw: ascii('NOOP\n'), bytes: ascii('NOOP') })).toEqual({
      verb: 'NOOP',
      argument: undefined,
      raw: ascii('NOOP\n'),
    });
  });
});

describe('a CommandReader', () => {
  it('returns commands one by one, and resumes at the next line after an error', () => {
    expect(read('USER a\r\n\r\nPASS  b\nQUIT\r\n')).toEqual([
      ['USER', 'a'],
      'syntax/bad-command',
      ['PASS', ' b'],
      ['QUIT', undefined],
    ]);
  });

  it('takes out the Synch before ABOR (RFC 959 §4.1.3)', () => {
    expect(read('\xff\xf4\xff\xf2ABOR\r\n')).toEqual([['ABOR', undefined]]);
  });

  it('keeps the line end in raw', () => {
    const reader = new CommandReader();
    reader.push(ascii('NOOP\n'));
    expect(reader.next()?.raw).toEqual(ascii('NOOP\n'));
  });

  it('has the limits of lines', () => {
    expect(read('NOOP\nUSER abc\r\nQUIT\r\n', { bareLf: false, maxLine: 7 })).toEqual([
      'syntax/bad-line',
      'syntax/limit-exceeded',
      ['QUIT', undefined],
    ]);
  });

  it('is not at the end within a command', () => {
    const reader = new CommandReader();
    reader.push(ascii('NOO'));
    expect(reader.next()).toBeUndefined();
    expectCode(() => reader.close(), 'syntax/truncated');
  });
});

describe('formatCommand', () => {
  it('writes the verb in upper case, and the argument as it is', () => {
    expect(formatCommand('noop')).toEqual(ascii('NOOP\r\n'));
    expect(formatCommand('CWD', '')).toEqual(ascii('CWD \r\n'));
    expect(formatCommand('CWD', ' é ')).toEqual(toUtf8('CWD  é \r\n'));
  });

  it('refuses misuse', () => {
    for (const verb of ['', '1A', 'A B', 'A-B', 'Ä', 'A\n', 'A2345678901234567']) {
      expect(() => formatCommand(verb)).toThrow(RangeError);
    }
    for (const argument of ['a\rb', 'a\n', '\0']) expect(() => formatCommand('CWD', argument)).toThrow(RangeError);
    expect(() => formatCommand(7 as never)).toThrow(TypeError);
    expect(() => formatCommand('CWD', 7 as never)).toThrow(TypeError);
    expect(() => formatCommand('CWD', null as never)).toThrow(TypeError);
  });
});

describe('properties of commands', () => {
  const verb = fc.stringMatching(/^[A-Z][A-Z0-9]{0,15}$/);
  const text = fc.string({ unit: 'binary' }).map(s => s.replaceAll(/[\r\n\0]/g, ''));
  const argument = fc.option(text, { nil: undefined });

  it('parse(format(x)) is x, and format(parse(b)) is b', () => {
    fc.assert(
      fc.property(verb, argument, (verb, argument) => {
        const octets = formatCommand(verb, argument);
        const command = parseCommand(octets);
        expect(command).toEqual({ verb, argument, raw: octets });
        expect(formatCommand(command.verb, command.argument)).toEqual(octets);
      }),
    );
  });

  it('any chunking gives the same', () => {
    fc.assert(
      fc.property(stream, chunkSizes, fc.boolean(), (octets, sizes, bareLf) => {
        const whole = readAll(new CommandReader({ bareLf }), [octets]);
        expect(readAll(new CommandReader({ bareLf }), inChunks(octets, sizes))).toEqual(whole);
        expect(readAll(new CommandReader({ bareLf }), octetByOctet(octets))).toEqual(whole);
      }),
    );
  });

  it('any prefix makes a reader wait, and close says so', () => {
    fc.assert(
      fc.property(verb, argument, fc.nat(), (verb, argument, n) => {
        const octets = formatCommand(verb, argument);
        const prefix = octets.subarray(0, 1 + (n % (octets.length - 1)));
        expect(readAll(new CommandReader(), [prefix])).toEqual(['syntax/truncated']);
      }),
    );
  });

  it('throws only FtpSecurityError, for any octets', () => {
    fc.assert(
      fc.property(fc.oneof(stream, fc.uint8Array()), octets => {
        const command = onlyRefuses(() => parseCommand(octets));
        if (command !== undefined) expect(command.raw).toEqual(octets);
      }),
    );
  });

  it('work is linear', () => {
    const long = (size: number) =>
      expectCode(() => parseCommand(new Uint8Array(size).fill(0x41)), 'syntax/bad-command');
    const argument = (size: number) => parseCommand(formatCommand('CWD', 'x'.repeat(size)));
    expect(growth(long, 100_000)).toBeLessThan(LINEAR);
    expect(growth(argument, 100_000)).toBeLessThan(LINEAR);
  });
});

describe('a verb', () => {
  const LONGEST = 'ABCDEFGHIJKLMNOP';

  it('has up to 16 octets, each of them a letter or a digit', () => {
    expect(parseCommand(ascii(LONGEST)).verb).toBe(LONGEST);
    expect(formatCommand(LONGEST)).toEqual(ascii(`${LONGEST}\r\n`));
    expect(() => formatCommand(`${LONGEST}Q`)).toThrow(RangeError);
    for (let at = 0; at < LONGEST.length; at++) {
      const other = `${LONGEST.slice(0, at)}!${LONGEST.slice(at + 1)}`;
      expect(errorOf(() => parseCommand(ascii(other)))).toMatchObject({ code: 'syntax/bad-command', offset: 0 });
    }
  });
});
