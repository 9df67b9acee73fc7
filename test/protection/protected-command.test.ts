import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CommandReader, parseCommand } from '../../src/ftp/command.js';
import { decodeProtectedCommand, encodeProtectedCommand } from '../../src/protection/protected-command.js';
import type { TokenLevel } from '../../src/protection/protection-level.js';
import { ascii, errorOf, expectCode } from '../helpers.js';

const decode = (text: string, tolerate?: []) =>
  decodeProtectedCommand(parseCommand(ascii(text)), tolerate && { tolerate });

describe('MIC, CONF and ENC without crypto (RFC 2228 §3)', () => {
  it.each([
    ['MIC', 'safe'],
    ['CONF', 'confidential'],
    ['ENC', 'private'],
    ['enc', 'private'],
  ])('%s is level %s', (verb, level) => {
    expect(decode(`${verb} Zm9v\r\n`)).toEqual({ level, token: ascii('foo') });
  });

  it('refuses what is no protected command', () => {
    expectCode(() => decode('PASS secret\r\n'), 'sequence/unprotected');
    expectCode(() => decode('MIC\r\n'), 'syntax/bad-command');
    expectCode(() => decode('MIC \r\n'), 'syntax/bad-command');
    expectCode(() => decode('MIC   \r\n'), 'syntax/bad-command');
    expect(errorOf(() => decode('MIC Zm9'))).toMatchObject({ code: 'syntax/bad-base64', offset: 7 });
  });

  it.each([
    ['MIC Zm9v  \r\n', 'blank-around-base64'],
    ['MIC  Zm9v\r\n', 'blank-around-base64'],
    ['MIC Zm9v more words\r\n', 'text-after-base64'],
  ])('%j: %s is named, reported, and refused when strict', (text, deviation) => {
    expect(decode(text)).toEqual({ level: 'safe', token: ascii('foo'), tolerated: [deviation] });
    expectCode(() => decode(text, []), 'syntax/bad-command');
  });

  it('names a bare LF', () => {
    const reader = new CommandReader();
    reader.push(ascii('MIC Zm9v\n'));
    const command = reader.next()!;
    expect(decodeProtectedCommand(command).tolerated).toEqual(['bare-lf']);
    expectCode(() => decodeProtectedCommand(command, { tolerate: [] }), 'syntax/bad-command');
  });

  it('decodes what it encodes', () => {
    const level = fc.constantFrom<TokenLevel>('safe', 'private', 'confidential');
    fc.assert(
      fc.property(level, fc.uint8Array({ minLength: 1 }), (level, token) => {
        const octets = encodeProtectedCommand({ level, token });
        expect(decodeProtectedCommand(parseCommand(octets), { tolerate: [] })).toEqual({ level, token });
      }),
    );
  });

  it('refuses misuse', () => {
    expect(() => encodeProtectedCommand({ level: 'safe', token: new Uint8Array() })).toThrow(RangeError);
    expect(() => encodeProtectedCommand({ level: 'clear' as TokenLevel, token: ascii('f') })).toThrow(RangeError);
    expect(() => encodeProtectedCommand({ level: 'safe', token: 'f' as never })).toThrow(TypeError);
  });
});
