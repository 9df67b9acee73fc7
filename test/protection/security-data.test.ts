import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { replyCodeFor } from '../../src/errors.js';
import { CommandReader, parseCommand } from '../../src/ftp/command.js';
import { COMMANDS, commandFacts } from '../../src/ftp/commands.js';
import { formatReply, parseReply } from '../../src/ftp/reply.js';
import { Deviations } from '../../src/protection/deviations.js';
import {
  EXCHANGE_REPLIES,
  exchangeReply,
  formatAdat,
  formatAdatReply,
  formatAuth,
  formatPbsz,
  formatPbszText,
  formatProt,
  parseAdatCommand,
  parseAdatReply,
  parseAuth,
  parseCcc,
  parsePbszCommand,
  parsePbszReply,
  parseProt,
} from '../../src/protection/security-data.js';
import { phaseAfter, verbAnsweredBy } from '../../src/session/rules.js';
import { ascii, errorOf, expectCode } from '../helpers.js';

const command = (text: string) => parseCommand(ascii(text));
const reply = (text: string) => parseReply(ascii(text));

describe('AUTH (RFC 2228 §3)', () => {
  it('names a mechanism, in any case', () => {
    expect(parseAuth(command('AUTH gssapi\r\n'))).toBe('GSSAPI');
    expect(formatAuth('GSSAPI')).toEqual(ascii('AUTH GSSAPI\r\n'));
  });

  it('refuses none, and more than one word', () => {
    for (const text of ['AUTH', 'AUTH ', 'AUTH a b']) expectCode(() => parseAuth(command(text)), 'syntax/bad-command');
    expect(() => formatAuth('')).toThrow(RangeError);
    expect(() => parseAuth(command('USER me'))).toThrow(RangeError);
  });
});

describe('ADAT (RFC 2228 §3, §5.1)', () => {
  it('carries security data in a command', () => {
    expect(parseAdatCommand(command('ADAT Zm9v\r\n'))).toEqual({ token: ascii('foo'), tolerated: [] });
    expect(formatAdat(ascii('foo'))).toEqual(ascii('ADAT Zm9v\r\n'));
    expectCode(() => parseAdatCommand(command('ADAT')), 'syntax/bad-command');
    expect(replyCodeFor(errorOf(() => parseAdatCommand(command('ADAT !!!!'))))).toBe(501);
    expect(() => formatAdat(new Uint8Array())).toThrow(RangeError);
    expect(() => parseAdatCommand(command('MIC Zm9v'))).toThrow(RangeError);
  });

  it.each(EXCHANGE_REPLIES)(
    'is in a $code reply as the table says',
    ({ code, verb, completes, carriesData, answersAlone }) => {
      expect(commandFacts(verb)).toMatchObject({ exchange: true });
      expect(commandFacts(verb).replies).toContain(code);
      expect(phaseAfter('exchange', verb, code)).toBe(completes ? 'secured' : 'exchange');
      expect(verbAnsweredBy(code)).toBe(answersAlone ? verb : undefined);
      const make = () => formatAdatReply(code as 334, ascii('foo'));
      if (carriesData) expect(parseAdatReply(parseReply(make()), { tolerate: [] }).token).toEqual(ascii('foo'));
      else expect(make).toThrow(RangeError);
      expect(parseAdatReply(reply(`${code} ADAT=Zm9v\r\n`)).token).toEqual(ascii('foo'));
    },
  );

  it('is every reply by which AUTH and ADAT are accepted (§8.2), and no other', () => {
    const accepting = COMMANDS.filter(({ exchange }) => exchange).flatMap(({ replies }) =>
      replies.filter(it => it < 400),
    );
    expect(EXCHANGE_REPLIES.map(({ code }) => code).sort()).toEqual(accepting.sort());
    for (let code = 100; code < 700; code++) expect(exchangeReply(code) !== undefined).toBe(accepting.includes(code));
  });

  it('carries it in a reply, or none, or an empty token', () => {
    expect(parseAdatReply(reply('235 ADAT=Zm9v\r\n'))).toEqual({ token: ascii('foo'), tolerated: [] });
    expect(parseAdatReply(reply('335 ADAT=Zm9v'))).toEqual({ token: ascii('foo'), tolerated: [] });
    expect(parseAdatReply(reply('334 Send authorization data.\r\n'))).toEqual({ token: undefined, tolerated: [] });
    expect(parseAdatReply(reply('335 ADAT=\r\n'))).toEqual({ token: new Uint8Array(), tolerated: [] });
    expect(parseAdatReply(reply('234 Security data exchange complete.\r\n')).token).toBeUndefined();
    expect(formatAdatReply(235, ascii('foo'))).toEqual(ascii('235 ADAT=Zm9v\r\n'));
    expectCode(() => parseAdatReply(reply('230 ADAT=Zm9v\r\n')), 'syntax/bad-reply');
    expect(() => formatAdatReply(230 as 235, ascii('foo'))).toThrow(RangeError);
  });

  it.each([
    ['235 adat=Zm9v\r\n', ['adat-case']],
    ['235 done ADAT=Zm9v\r\n', ['text-before-adat']],
    ['235 ADAT=Zm9v done\r\n', ['text-after-base64']],
    ['235 ADAT= Zm9v\r\n', ['blank-around-base64']],
    ['235 ADAT=Zm9v\n', ['bare-lf']],
    ['235-ADAT=Zm9v\r\n235 done\r\n', ['multi-line-adat']],
    ['235-well\r\n235 ADAT=Zm9v\r\n', ['multi-line-adat']],
    ['335-ADAT=Zg==\r\n335-ADAT=bw==\r\n335 ADAT=bw==\r\n', ['multi-line-adat']],
    ['335-more\r\n ADAT=Zm9v\r\n335 done\r\n', ['text-before-adat', 'multi-line-adat']],
  ])('%j: %j named, reported, and refused when strict', (text, tolerated) => {
    expect(parseAdatReply(reply(text))).toEqual({ token: ascii('foo'), tolerated });
    expectCode(() => parseAdatReply(reply(text), { tolerate: [] }), 'syntax/bad-reply');
  });

  it('says where base 64 is broken', () => {
    const error = errorOf(() => parseAdatReply(reply('235-ADAT=Zm9v\r\n235 ADAT=Z*9v\r\n')));
    expect(error).toMatchObject({ code: 'syntax/bad-base64', offset: 25 });
  });

  it('reads what it formats', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1 }), fc.constantFrom(334, 335, 235), (token, code) => {
        expect(parseAdatCommand(parseCommand(formatAdat(token)), { tolerate: [] }).token).toEqual(token);
        const formatted = parseReply(formatAdatReply(code as 235, token));
        expect(parseAdatReply(formatted, { tolerate: [] })).toEqual({ token, tolerated: [] });
      }),
    );
  });

  it('names a bare LF in a command', () => {
    const reader = new CommandReader();
    reader.push(ascii('ADAT Zm9v\n'));
    expect(parseAdatCommand(reader.next()!).tolerated).toEqual(['bare-lf']);
  });
});

describe('PBSZ (RFC 2228 §3, §8.1)', () => {
  it('is a number of octets from 1 to 2^32-1', () => {
    expect(parsePbszCommand(command('PBSZ 1'))).toBe(1);
    expect(parsePbszCommand(command('PBSZ 0000000000065536'))).toBe(65536);
    expect(parsePbszCommand(command('PBSZ 4294967295'))).toBe(4294967295);
    expect(formatPbsz(65536)).toEqual(ascii('PBSZ 65536\r\n'));
  });

  it.each([
    'PBSZ',
    'PBSZ ',
    'PBSZ 0',
    'PBSZ -1',
    'PBSZ 1.5',
    'PBSZ abc',
    'PBSZ 4294967296',
    'PBSZ 99999999999999999999',
  ])('refuses %j with 501', text => {
    expect(replyCodeFor(errorOf(() => parsePbszCommand(command(text))))).toBe(501);
  });

  it('may be answered with a smaller size', () => {
    expect(parsePbszReply(reply('200 PBSZ=4096\r\n'))).toBe(4096);
    expect(parsePbszReply(reply('200 OK, PBSZ=4096\r\n'))).toBe(4096);
    expect(parsePbszReply(reply('200 fine\r\n'))).toBeUndefined();
    const deviations = new Deviations({});
    expect(parsePbszReply(reply('200 PBSZ =4096\r\n'), deviations)).toBe(4096);
    expect(deviations.seen).toEqual(['blank-in-pbsz']);
    expect(parsePbszReply(reply('200 PBSZ =4096\r\n'))).toBe(4096);
    expectCode(() => parsePbszReply(reply('200 PBSZ =4096\r\n'), new Deviations({ tolerate: [] })), 'syntax/bad-reply');
    expectCode(() => parsePbszReply(reply('200 PBSZ=lots\r\n')), 'syntax/bad-reply');
    expect(parsePbszReply(parseReply(formatReply(200, formatPbszText(32))))).toBe(32);
  });

  it('refuses misuse', () => {
    for (const size of [0, -1, 1.5, 2 ** 32, Number.NaN]) {
      expect(() => formatPbsz(size)).toThrow(RangeError);
      expect(() => formatPbszText(size)).toThrow(RangeError);
    }
  });
});

describe('PROT and CCC (RFC 2228 §3, §8.1)', () => {
  it.each([
    ['C', 'clear'],
    ['S', 'safe'],
    ['E', 'confidential'],
    ['P', 'private'],
  ] as const)('PROT %s is level %s', (letter, level) => {
    expect(parseProt(command(`PROT ${letter}\r\n`))).toBe(level);
    expect(formatProt(level)).toEqual(ascii(`PROT ${letter}\r\n`));
  });

  it('is answered by 501 without a letter, and by 504 for an unknown one', () => {
    expect(replyCodeFor(errorOf(() => parseProt(command('PROT'))))).toBe(501);
    expect(replyCodeFor(errorOf(() => parseProt(command('PROT X'))))).toBe(504);
  });

  it('CCC takes no argument', () => {
    expect(parseCcc(command('CCC\r\n'))).toBeUndefined();
    expectCode(() => parseCcc(command('CCC now')), 'syntax/bad-command');
  });
});

describe('one word, one line, and the code of what is refused', () => {
  it('a mechanism name is one word, wherever the blank is', () => {
    for (const name of ['A B', ' A', 'A ', '\u00e4A', 'A\u00e4']) expect(() => formatAuth(name)).toThrow(RangeError);
  });

  it('a level that PROT does not have is a bad command', () => {
    expect(errorOf(() => parseProt(command('PROT X')))).toMatchObject({ code: 'syntax/bad-command', reply: 504 });
  });

  it('the size of PBSZ does not begin in one line and end in the next', () => {
    expect(parsePbszReply(reply('200-x PB\r\nSZ=5\r\n200 end'), new Deviations({}))).toBeUndefined();
  });
});
