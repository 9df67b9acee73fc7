import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseReply, ReplyReader } from '../../src/ftp/reply.js';
import { decodeProtectedReply, encodeProtectedReply, hasClearLine } from '../../src/protection/protected-reply.js';
import type { TokenLevel } from '../../src/protection/protection-level.js';
import { ascii, errorOf, expectCode, onlyRefuses } from '../helpers.js';

const decode = (text: string, tolerate?: []) => decodeProtectedReply(parseReply(ascii(text)), tolerate && { tolerate });
const token = fc.uint8Array({ minLength: 1, maxLength: 40 });
const level = fc.constantFrom<TokenLevel>('safe', 'private', 'confidential');

describe('63z replies without crypto (RFC 2228 §5.2)', () => {
  it('decodes one line', () => {
    expect(decode('631 Zm9v\r\n')).toEqual({ level: 'safe', tokens: [ascii('foo')] });
    expect(decode('632 Zm9v')).toEqual({ level: 'private', tokens: [ascii('foo')] });
    expect(decode('633 Zg==\r\n')).toEqual({ level: 'confidential', tokens: [ascii('f')] });
  });

  it('decodes one token for each line', () => {
    const { level, tokens } = decode('631-Zm9v\r\n631-Zg==\r\n631 Zm8=\r\n');
    expect(level).toBe('safe');
    expect(tokens).toEqual([ascii('foo'), ascii('f'), ascii('fo')]);
  });

  it('encodes in canonical form', () => {
    const octets = encodeProtectedReply({ level: 'private', tokens: [ascii('foo'), ascii('f')] });
    expect(octets).toEqual(ascii('632-Zm9v\r\n632 Zg==\r\n'));
  });

  it('is strict about the lines, as §5.2 is', () => {
    for (const line of ['Zg==', '63', ''])
      expect(errorOf(() => decode(`631-Zm9v\r\n${line}\r\n631 Zg==\r\n`))).toMatchObject({
        code: 'syntax/bad-reply',
        offset: 10,
      });
    expectCode(() => decode('631-Zm9v\r\n632-Zg==\r\n631 Zg==\r\n'), 'syntax/bad-reply');
    expectCode(() => decode('631-Zm9v\r\n631_Zg==\r\n631 Zg==\r\n'), 'syntax/bad-reply');
    expectCode(() => decode('631-\r\n631 Zg==\r\n'), 'syntax/bad-reply');
    expectCode(() => decode('631 \r\n'), 'syntax/bad-reply');
    expect(errorOf(() => decode('631\r\n'))).toMatchObject({
      code: 'syntax/bad-reply',
      message: 'line 1 of a 631 reply: the token is missing',
    });
    expect(errorOf(() => decode('631-Zg==\r\n631'))).toMatchObject({
      message: 'line 2 of a 631 reply: the token is missing',
      offset: 14,
    });
    expectCode(() => decode('634 Zg==\r\n'), 'syntax/bad-reply');
    expectCode(() => decode('220 hello\r\n'), 'sequence/unprotected');
  });

  it('counts the offset of a fault from the start of the reply', () => {
    expect(errorOf(() => decode('631-Zm9v\r\n631 Z*==\r\n'))).toMatchObject({ code: 'syntax/bad-base64', offset: 15 });
  });

  it.each([
    ['631 Zm9v \r\n', 'blank-around-base64'],
    ['631  Zm9v\r\n', 'blank-around-base64'],
    ['631 Zm9v done\r\n', 'text-after-base64'],
    ['631 Zm9v\n', 'bare-lf'],
  ])('%j: %s is named, reported, and refused when strict', (text, deviation) => {
    expect(decode(text)).toEqual({ level: 'safe', tokens: [ascii('foo')], tolerated: [deviation] });
    expectCode(() => decode(text, []), 'syntax/bad-reply');
  });

  it('refuses misuse', () => {
    expect(() => encodeProtectedReply({ level: 'safe', tokens: [] })).toThrow(RangeError);
    expect(() => encodeProtectedReply({ level: 'safe', tokens: [new Uint8Array()] })).toThrow(RangeError);
    expect(() => encodeProtectedReply({ level: 'clear' as TokenLevel, tokens: [ascii('f')] })).toThrow(RangeError);
    expect(() => encodeProtectedReply({ level: 'safe', tokens: ['f' as never] })).toThrow(TypeError);
  });

  it('decodes what it encodes, through a ReplyReader in any chunking', () => {
    fc.assert(
      fc.property(level, fc.array(token, { minLength: 1, maxLength: 4 }), fc.nat(20), (level, tokens, size) => {
        const octets = encodeProtectedReply({ level, tokens });
        const reader = new ReplyReader();
        for (let at = 0; at < octets.length; at += size + 1) reader.push(octets.subarray(at, at + size + 1));
        expect(decodeProtectedReply(reader.next()!)).toEqual({ level, tokens });
      }),
    );
  });

  it('encodes again to the same octets what is canonical', () => {
    fc.assert(
      fc.property(level, fc.array(token, { minLength: 1, maxLength: 4 }), (level, tokens) => {
        const octets = encodeProtectedReply({ level, tokens });
        expect(encodeProtectedReply(decodeProtectedReply(parseReply(octets), { tolerate: [] }))).toEqual(octets);
      }),
    );
  });

  it('throws only FtpSecurityError, for any octets', () => {
    const line = fc.string({ unit: fc.constantFrom(...'63123- =Zm9v\r\n'), maxLength: 40 });
    fc.assert(
      fc.property(line, text => {
        const reply = onlyRefuses(() => parseReply(ascii(`631 ${text}`)));
        if (reply !== undefined) onlyRefuses(() => decodeProtectedReply(reply));
      }),
    );
  });
});

it('a line in the clear is one that does not begin with a code of a level', () => {
  const hasClear = (text: string) => hasClearLine(parseReply(ascii(text)));
  for (const line of ['text', ' 631 Zg==', 'a631', '6311 Zg==', '220-x', '', '634-Zg=='])
    expect(hasClear(`631-Zg==\r\n${line}\r\n631 Zg==\r\n`), line).toBe(true);
  for (const text of ['631-Zg==\r\n632-Zg==\r\n631 Zg==\r\n', '631-Zg==\r\n631', '633 Zg=='])
    expect(hasClear(text), text).toBe(false);
});

it('a reply of 6yz is no clear one, also where no level has its code', () => {
  expectCode(() => decodeProtectedReply(parseReply(ascii('599 x\r\n'))), 'sequence/unprotected');
  for (const code of [600, 634])
    expectCode(() => decodeProtectedReply(parseReply(ascii(`${code} x\r\n`))), 'syntax/bad-reply');
});
