import { isIPv4, isIPv6 } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatEprt,
  formatExtendedPassiveText,
  formatLongPassiveText,
  formatLprt,
  formatPassiveText,
  formatPort,
  parseEprt,
  parseExtendedPassiveReply,
  parseLongPassiveReply,
  parseLprt,
  parsePassiveReply,
  parsePort,
} from '../../src/ftp/addresses.js';
import { parseCommand } from '../../src/ftp/command.js';
import { ascii, errorOf, expectCode, onlyRefuses } from '../helpers.js';

const STRICT = { strict: true };
const reply = (text: string) => ({ lines: text.split('\n') });
const command = (text: string) => parseCommand(ascii(text));
/** Parses the argument of any of the three commands. */
const parseAny = (verb: string, argument: string) =>
  ({ PORT: parsePort, EPRT: parseEprt, LPRT: parseLprt })[verb]!({ verb, argument });

const ports = fc.integer({ min: 1, max: 65535 });
const octets = fc.uint8Array({ minLength: 1, maxLength: 255 });
const long = fc.record({ family: fc.integer({ min: 0, max: 255 }), host: octets, port: octets });

describe('arguments of commands', () => {
  it('are read as the RFCs show them', () => {
    expect(parsePort(command('PORT 132,235,1,2,24,131\r\n'))).toEqual({ host: '132.235.1.2', port: 6275 });
    // RFC 2428 §2
    expect(parseEprt(command('EPRT |1|132.235.1.2|6275|'))).toEqual({ family: 1, host: '132.235.1.2', port: 6275 });
    const host = '1080::8:800:200C:417A';
    expect(parseEprt(command(`EPRT |2|${host}|5282|`))).toEqual({ family: 2, host, port: 5282 });
    expect(parseEprt(command('EPRT !9!abc!1!'))).toEqual({ family: 9, host: 'abc', port: 1 });
    const address = { family: 4, host: Uint8Array.of(132, 235, 1, 2), port: Uint8Array.of(24, 131) };
    expect(parseLprt(command('LPRT 4,4,132,235,1,2,2,24,131'))).toEqual(address);
  });

  it.each([
    ['PORT', ''],
    ['PORT', '1,2,3,4,5'],
    ['PORT', '1,2,3,4,5,6,7'],
    ['PORT', '1,2,3,4,5,256'],
    ['PORT', '1,2,3,4,0,0'],
    ['PORT', '1, 2,3,4,5,6'],
    ['PORT', '1,2,3,4,5,6 '],
    ['PORT', '(1,2,3,4,5,6)'],
    ['PORT', '1,2,3,-4,5,6'],
    ['EPRT', ''],
    ['EPRT', '|1|1.2.3.4|1'],
    ['EPRT', '|1|1.2.3.4|1|x'],
    ['EPRT', '|1|1.2.3.4!1|'],
    ['EPRT', '|1|1.2.3.4|0|'],
    ['EPRT', '|1|1.2.3.4|65536|'],
    ['EPRT', '|1|1.2.3|1|'],
    ['EPRT', '|1|01.2.3.4|1|'],
    ['EPRT', '|1|::1|1|'],
    ['EPRT', '|2|1.2.3.4|1|'],
    ['EPRT', '|2|1::2::3|1|'],
    ['EPRT', '|2|::1%eth0|1|'],
    ['EPRT', '|1||1|'],
    ['EPRT', ' |1|1.2.3.4|1|'],
    ['LPRT', ''],
    ['LPRT', '4,4,1,2,3,4,2,24'],
    ['LPRT', '4,4,1,2,3,4,2,24,256'],
    ['LPRT', '4,4,1,2,3,4,2,24,1,1'],
    ['LPRT', '4,0,2,24,1'],
    ['LPRT', '4,200,1,2,3,4,2,24,1'],
  ])('are refused by 501, as a whole: %s %j', (verb, argument) => {
    const error = errorOf(() => parseAny(verb, argument));
    expect(error.code).toBe('syntax/bad-command');
  });

  it('are those of their own command', () => {
    for (const parse of [parsePort, parseEprt, parseLprt]) {
      expect(() => parse(command('NOOP'))).toThrow(RangeError);
      const verb = parse.name.slice('parse'.length).toUpperCase();
      expectCode(() => parse({ verb, argument: undefined }), 'syntax/bad-command');
    }
  });

  it('are written so that they are read again', () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.ipV6(), ports, long, (v4, v6, port, address) => {
        expect(parsePort(parseCommand(formatPort({ host: v4, port })))).toEqual({ host: v4, port });
        expect(parseEprt(parseCommand(formatEprt({ host: v4, port })))).toEqual({ family: 1, host: v4, port });
        expect(parseEprt(parseCommand(formatEprt({ host: v6, port })))).toEqual({ family: 2, host: v6, port });
        expect(parseLprt(parseCommand(formatLprt(address)))).toEqual(address);
      }),
    );
  });
});

describe('texts of replies', () => {
  it('are written so that they are read again, strictly too', () => {
    fc.assert(
      fc.property(fc.ipV4(), ports, long, (host, port, address) => {
        for (const options of [undefined, STRICT]) {
          expect(parsePassiveReply(reply(formatPassiveText({ host, port })), options)).toEqual({ host, port });
          expect(parseLongPassiveReply(reply(formatLongPassiveText(address)), options)).toEqual(address);
          expect(parseExtendedPassiveReply(reply(formatExtendedPassiveText(port)), options)).toEqual({ port });
        }
      }),
    );
  });

  it.each([
    [parsePassiveReply, 'Entering Passive Mode 1,2,3,4,5,6'],
    [parsePassiveReply, 'Entering Passive Mode (1, 2, 3, 4, 5, 6)'],
    [parsePassiveReply, 'Entering Passive Mode (1,2,3,4,5,6'],
    [parseLongPassiveReply, 'Entering Long Passive Mode 4,4,1,2,3,4,2,24,131'],
    [parseExtendedPassiveReply, 'ok (|1|132.235.1.2|6275|)'],
    [parseExtendedPassiveReply, 'ok (|2||6275|)'],
  ])('%o takes what servers send, and strictly only the form of the RFC: %j', (parse, text) => {
    parse(reply(text));
    expectCode(() => parse(reply(text), STRICT), 'syntax/bad-reply');
  });
});

describe('addresses', () => {
  it('are checked for their family like in Node', () => {
    const piece = fc.constantFrom('0', '1', '10', '255', '256', '01', 'ffff', '10000', 'g', ':', '::', '.', '1.2.3.4');
    const text = fc.oneof(
      fc.array(piece, { maxLength: 17 }).map(it => it.join('')),
      fc.ipV6(),
      fc.ipV4(),
    );
    const takes = (family: number, host: string) => {
      const argument = `|${family}|${host}|1|`;
      return onlyRefuses(() => parseEprt({ verb: 'EPRT', argument })) !== undefined;
    };
    fc.assert(
      fc.property(text, host => {
        fc.pre(host.length <= 45);
        expect([takes(1, host), takes(2, host)], host).toEqual([isIPv4(host), isIPv6(host)]);
      }),
      { numRuns: 5000 },
    );
    for (const host of [
      '::',
      '1::',
      '::1',
      '1:2:3:4:5:6:7::',
      '1:2:3:4:5:6:7:8',
      '::ffff:1.2.3.4',
      '1:2:3:4:5:6:1.2.3.4',
    ]) {
      expect([takes(2, host), isIPv6(host)], host).toEqual([true, true]);
    }
    for (const host of [
      ':',
      ':1',
      '1:',
      ':::',
      '1:2:3:4:5:6:7',
      '1:2:3:4:5:6:7:8:9',
      '1:2:3:4:5:6:7::8:9',
      '::1.2.3',
      '1.2.3.4::',
    ]) {
      expect([takes(2, host), isIPv6(host)], host).toEqual([false, false]);
    }
  });

  it('that are none can not be written', () => {
    for (const port of [0, 65536, 1.5, Number.NaN]) {
      for (const write of [formatPort, formatEprt, formatPassiveText]) {
        expect(() => write({ host: '1.2.3.4', port })).toThrow(RangeError);
      }
      expect(() => formatExtendedPassiveText(port)).toThrow(RangeError);
    }
    for (const host of ['', '1.2.3', '::1', '1.2.3.4\r\nQUIT']) {
      expect(() => formatPort({ host, port: 1 })).toThrow(RangeError);
      expect(() => formatPassiveText({ host, port: 1 })).toThrow(RangeError);
    }
    for (const host of ['', 'localhost', '::1|1|\r\nQUIT'])
      expect(() => formatEprt({ host, port: 1 })).toThrow(RangeError);
    const [one, none, many] = [new Uint8Array(1), new Uint8Array(), new Uint8Array(256)];
    for (const family of [-1, 256, 0.5]) {
      expect(() => formatLprt({ family, host: one, port: one })).toThrow(RangeError);
    }
    for (const [host, port] of [
      [none, one],
      [one, none],
      [many, one],
      [one, many],
    ] as const) {
      expect(() => formatLprt({ family: 4, host, port })).toThrow(RangeError);
      expect(() => formatLongPassiveText({ family: 4, host, port })).toThrow(RangeError);
    }
  });

  it('throw only FtpSecurityError, for any text', () => {
    const text = fc.string({ unit: fc.constantFrom(...'0129,.:|!()af \n') });
    fc.assert(
      fc.property(text, fc.boolean(), (text, strict) => {
        for (const verb of ['PORT', 'EPRT', 'LPRT']) onlyRefuses(() => parseAny(verb, text));
        for (const parse of [parsePassiveReply, parseLongPassiveReply, parseExtendedPassiveReply]) {
          onlyRefuses(() => parse(reply(text), { strict }));
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('what is around an address', () => {
  it('may not belong to its numbers', () => {
    const lprt = '4,4,192,0,2,7,2,0,21';
    expect(parseLongPassiveReply({ lines: [`x,${lprt}`] }).port).toEqual(Uint8Array.of(0, 21));
    expect(parseLprt({ verb: 'LPRT', argument: lprt }).port).toEqual(Uint8Array.of(0, 21));
    for (const argument of [`x${lprt}`, `${lprt}x`])
      expectCode(() => parseLprt({ verb: 'LPRT', argument }), 'syntax/bad-command');
    for (const more of ['3', ',3', '34'])
      expectCode(() => parsePassiveReply({ lines: [`=192,0,2,7,0,123${more}`] }), 'syntax/bad-reply');
    for (const more of ['3', '34'])
      expectCode(() => parseLongPassiveReply({ lines: [`${lprt}${more}4`] }), 'syntax/bad-reply');
    expectCode(() => parseEprt({ verb: 'EPRT', argument: '|2|::1.2.3.4x|21|' }), 'syntax/bad-command');
    expect(() => formatEprt({ host: '::1.2.3.4x', port: 21 })).toThrow(RangeError);
    expect(parseEprt({ verb: 'EPRT', argument: '|2|::1.2.3.4|21|' }).host).toBe('::1.2.3.4');
  });

  it('may not go on in the next line', () => {
    const cut = (text: string) => ({ lines: [text, '1)'] });
    expect(parsePassiveReply(cut('=192,0,2,7,0,2')).port).toBe(2);
    expect(parseLongPassiveReply(cut('4,4,192,0,2,7,2,0,2')).port).toEqual(Uint8Array.of(0, 2));
    expectCode(() => parseExtendedPassiveReply({ lines: ['(|||2', '1|)'] }), 'syntax/bad-reply');
  });

  it('ports and lengths at their limits are written', () => {
    expect(formatPort({ host: '192.0.2.7', port: 1 })).toEqual(ascii('PORT 192,0,2,7,0,1\r\n'));
    const octets = new Uint8Array(255).fill(7);
    expect(formatLprt({ family: 255, host: octets, port: octets })).toEqual(
      ascii(`LPRT 255,255${',7'.repeat(255)},255${',7'.repeat(255)}\r\n`),
    );
  });
});
