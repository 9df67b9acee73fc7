import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ReplyDetails, replyDetails } from '../../src/ftp/reply-details.js';
import { errorOf, expectCode, onlyRefuses } from '../helpers.js';

const details = (code: number, text: string, verb?: string) => replyDetails({ code, lines: text.split('\n') }, verb);

type Good = [code: number, text: string, verb: string | undefined, details: ReplyDetails];
type Bad = [code: number, text: string, verb: string | undefined, why: string];

const GOOD: Good[] = [
  // RFC 959 §4.2.2
  [110, 'MARK yyyy = mmmm', undefined, { kind: 'restart-marker', user: 'yyyy', server: 'mmmm' }],
  [110, 'MARK = = ~!', undefined, { kind: 'restart-marker', user: '=', server: '~!' }],
  [120, 'Service ready in 005 minutes.', undefined, { kind: 'service-delay', minutes: 5 }],
  [120, 'In 999 Minuten ist der Dienst bereit', undefined, { kind: 'service-delay', minutes: 999 }],
  // RFC 3659 §4.4 and §3.4
  [213, '1830', 'SIZE', { kind: 'file-size', octets: 1830 }],
  [213, '0', 'size', { kind: 'file-size', octets: 0 }],
  [213, '9007199254740991', 'SIZE', { kind: 'file-size', octets: Number.MAX_SAFE_INTEGER }],
  [213, '19980615100045', 'SIZE', { kind: 'file-size', octets: 19980615100045 }],
  [213, '19980615100045.014', 'MDTM', time(1998, 6, 15, 10, 0, 45, '014')],
  [213, '19980705132316', 'Mdtm', time(1998, 7, 5, 13, 23, 16, '')],
  [213, '20161231235960', 'MDTM', time(2016, 12, 31, 23, 59, 60, '')],
  [213, '20000229000000', 'MDTM', time(2000, 2, 29, 0, 0, 0, '')],
  [213, '99991231235959', 'MDTM', time(9999, 12, 31, 23, 59, 59, '')],
  [213, '10000101000000', 'MDTM', time(1000, 1, 1, 0, 0, 0, '')],
  // RFC 3659 §7.7, and the forms of RFC 1123 §4.1.2.6
  [227, 'Entering Passive Mode (127,0,0,1,255,46)', undefined, passive('127.0.0.1', 65326)],
  [227, 'Entering Passive Mode. 10,1,255,0,0,1', undefined, passive('10.1.255.0', 1)],
  [227, 'Entering Passive Mode (127, 0, 0, 1, 255, 46)', undefined, passive('127.0.0.1', 65326)],
  [227, '( 10 , 0 ,  0,1 ,4,1 )', undefined, passive('10.0.0.1', 1025)],
  [227, 'Mode 2, (10, 0,0, 1,4, 1)', undefined, passive('10.0.0.1', 1025)],
  // RFC 1123 §4.1.2.9
  [150, 'FILE: stou.a b', 'STOU', { kind: 'unique-file', pathname: 'stou.a b' }],
  [125, 'FILE: /in/\u00e9', 'stou', { kind: 'unique-file', pathname: '/in/\u00e9' }],
  [213, 'SIZE 1830', 'SIZE', { kind: 'file-size', octets: 1830 }],
  [213, 'size 0', 'SIZE', { kind: 'file-size', octets: 0 }],
  [227, '=192,168,000,001,4,1', undefined, passive('192.168.0.1', 1025)],
  [227, 'Mode 2, (1,2,3,4,255,255).', undefined, passive('1.2.3.4', 65535)],
  [227, 'Passive\nat 1,2,3,4,5,6', undefined, passive('1.2.3.4', 1286)],
  [
    228,
    'Entering Long Passive Mode (4,4,127,0,0,1,2,4,1)',
    undefined,
    { kind: 'long-passive', family: 4, host: Uint8Array.of(127, 0, 0, 1), port: Uint8Array.of(4, 1) },
  ],
  [
    228,
    '6,16,254,128,0,0,0,0,0,0,2,96,176,255,254,193,123,47,2,134,7',
    undefined,
    {
      kind: 'long-passive',
      family: 6,
      host: Uint8Array.of(254, 128, 0, 0, 0, 0, 0, 0, 2, 96, 176, 255, 254, 193, 123, 47),
      port: Uint8Array.of(134, 7),
    },
  ],
  // RFC 2428 §3, and the addresses of §2
  [229, 'Entering Extended Passive Mode (|||6446|)', undefined, { kind: 'extended-passive', port: 6446 }],
  [229, 'EPSV (extended) (!!!65535!)', undefined, { kind: 'extended-passive', port: 65535 }],
  [229, '()))1))', undefined, { kind: 'extended-passive', port: 1 }],
  [
    229,
    'ok (|1|132.235.1.2|6275|)',
    undefined,
    { kind: 'extended-passive', port: 6275, family: 1, host: '132.235.1.2' },
  ],
  [
    229,
    'ok (|2|1080::8:800:200C:417A|5282|)',
    undefined,
    { kind: 'extended-passive', port: 5282, family: 2, host: '1080::8:800:200C:417A' },
  ],
  [229, 'ok (|2||5282|)', undefined, { kind: 'extended-passive', port: 5282, family: 2 }],
  // RFC 959 appendix II
  [257, '"/usr/dm/pathname" directory created', undefined, { kind: 'directory', pathname: '/usr/dm/pathname' }],
  [257, '"/usr/dm/foo""bar" directory created', undefined, { kind: 'directory', pathname: '/usr/dm/foo"bar' }],
  [257, '""""""', undefined, { kind: 'directory', pathname: '""' }],
  [257, '""', undefined, { kind: 'directory', pathname: '' }],
  [257, '"/é"\nis current', undefined, { kind: 'directory', pathname: '/é' }],
];

const BAD: Bad[] = [
  [110, 'mark a = b', undefined, 'MARK'],
  [110, 'MARK a=b', undefined, 'MARK'],
  [110, 'MARK a  = b', undefined, 'MARK'],
  [110, 'MARK a = b ', undefined, 'MARK'],
  [110, 'MARK a = é', undefined, 'MARK'],
  [110, 'MARK a = b\nmore', undefined, 'MARK'],
  [120, 'Service ready soon', undefined, 'is missing'],
  [120, 'Service ready in 1000 minutes', undefined, 'three digits'],
  [213, '1830 ', 'SIZE', 'consist of digits'],
  [213, '-1', 'SIZE', 'consist of digits'],
  [213, '', 'SIZE', 'consist of digits'],
  [213, '1\n2', 'SIZE', 'consist of digits'],
  [213, '9007199254740992', 'SIZE', '2^53'],
  [213, '1998061510004', 'MDTM', 'fourteen digits'],
  [213, '199806151000455', 'MDTM', 'fourteen digits'],
  [213, '19980615100045.', 'MDTM', 'fourteen digits'],
  [213, '19980615100045 ', 'MDTM', 'fourteen digits'],
  [213, '09990615100045', 'MDTM', 'year'],
  [213, '19980015100045', 'MDTM', 'month'],
  [213, '19981315100045', 'MDTM', 'month'],
  [213, '19980600100045', 'MDTM', 'day'],
  [213, '19980631100045', 'MDTM', 'day'],
  [213, '19000229000000', 'MDTM', 'day'],
  [213, '19980615240045', 'MDTM', 'hour'],
  [213, '19980615106045', 'MDTM', 'minute'],
  [213, '19980615100061', 'MDTM', 'second'],
  [227, 'Entering Passive Mode', undefined, 'six numbers'],
  [227, '(1,2,3,4,5)', undefined, 'six numbers'],
  [227, '(1,2,3,4,5,6,7)', undefined, 'six numbers'],
  [227, '(1,2,3,4,5,256)', undefined, 'six numbers'],
  [227, '(1,2,3,4,5,6666)', undefined, 'six numbers'],
  [227, '(1111,2,3,4,5,6)', undefined, 'six numbers'],
  [227, '(1, 2, 3, 4, 5, 6, 7)', undefined, 'six numbers'],
  [227, '(1 2 3 4 5 6)', undefined, 'six numbers'],
  [227, '(1,   2, 3, 4, 5, 6)', undefined, 'six numbers'],
  [227, '(1, 2, 3, 4, 5,\n6)', undefined, 'six numbers'],
  [227, '0, 1, 2, 3, 4, 5, 666', undefined, 'six numbers'],
  [213, 'SIZE', 'SIZE', 'consist of digits'],
  [150, 'Ok to send data', 'STOU', 'FILE: pathname'],
  [125, 'FILE: ', 'STOU', 'FILE: pathname'],
  [150, 'FILE: a\nb', 'STOU', 'FILE: pathname'],
  [213, 'SIZE  5', 'SIZE', 'consist of digits'],
  [213, 'SIZE 19980615100045', 'MDTM', 'fourteen digits'],
  [227, '(1,2,3,4,0,0)', undefined, 'port'],
  [228, 'Entering Long Passive Mode', undefined, 'list'],
  [228, '(4,4,127,0,0,256,2,4,1)', undefined, 'list'],
  [228, '(4,4,127,0,0,1,3,4,1)', undefined, 'lengths'],
  [228, '(4,4,127,0,0,1,2,4,1,1)', undefined, 'lengths'],
  [228, '(4,200,127,0,0,1,2,4,1)', undefined, 'lengths'],
  [228, '(4,0,2,4,1)', undefined, 'lengths'],
  [228, '(4,2,127,0,0)', undefined, 'lengths'],
  [229, 'Entering Extended Passive Mode 6446', undefined, 'port between'],
  [229, '(||6446|)', undefined, 'port between'],
  [229, '(|||6446!)', undefined, 'port between'],
  [229, '(|||6446|', undefined, 'port between'],
  [229, '(||||)', undefined, 'port between'],
  [229, '(|||0|)', undefined, '1 to 65535'],
  [229, '(|||65536|)', undefined, '1 to 65535'],
  [257, '/usr/dm', undefined, 'must begin with'],
  [257, ' "/usr/dm"', undefined, 'must begin with'],
  [257, '', undefined, 'must begin with'],
  [257, '"/usr/dm', undefined, 'ends the pathname'],
  [257, '"', undefined, 'ends the pathname'],
  [257, '"/usr/dm""', undefined, 'ends the pathname'],
  [257, '"/usr/"dm"', undefined, 'not doubled'],
  [257, '"/usr/dm"created', undefined, 'not doubled'],
  [257, '"/usr\n/dm"', undefined, 'line end'],
];

type TimeFields = [
  year: number,
  month: number,
  day: number,
  hour: number,
  minute: number,
  second: number,
  fraction: string,
];

function time(...[year, month, day, hour, minute, second, fraction]: TimeFields) {
  return { kind: 'modification-time', year, month, day, hour, minute, second, fraction } as const;
}

function passive(host: string, port: number) {
  return { kind: 'passive', host, port } as const;
}

describe('what a reply says besides its code', () => {
  it.each(GOOD)('%i %j to %s', (code, text, verb, expected) => {
    expect(details(code, text, verb)).toEqual(expected);
  });

  it.each(BAD)('%i %j to %s is malformed: %s', (code, text, verb, why) => {
    const error = errorOf(() => details(code, text, verb));
    expect(error.code).toBe('syntax/bad-reply');
    expect(error.message).toContain(`${code}: `);
    expect(error.message).toContain(why);
  });

  it('is nothing for a reply without grammar', () => {
    expect(details(220, 'ready')).toBeUndefined();
    expect(details(550, '"/x"', 'MDTM')).toBeUndefined();
  });

  it('is nothing for a 213 whose command is not known, or is STAT: fourteen digits may be a time or a size', () => {
    expect(details(213, '19980615100045')).toBeUndefined();
    expect(details(213, '-rw-r--r-- 1 root 0 README', 'STAT')).toBeUndefined();
  });
});

describe('properties of details', () => {
  it('every address and port comes back', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.integer({ min: 1, max: 65535 }), (host, port) => {
        const octets = [...host, port >> 8, port & 255];
        expect(details(227, `ok (${octets})`)).toEqual(passive(host.join('.'), port));
        expect(details(229, `ok (|||${port}|)`)).toEqual({ kind: 'extended-passive', port });
        expect(details(228, `ok (4,4,${[...host]},2,${octets.slice(4)})`)).toEqual({
          kind: 'long-passive',
          family: 4,
          host,
          port: Uint8Array.from(octets.slice(4)),
        });
      }),
    );
  });

  it('every pathname comes back', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('"', 'a', ' ', '/', 'é') }), pathname => {
        const text = `"${pathname.replaceAll('"', '""')}" is current "x"`;
        expect(details(257, text)).toEqual({ kind: 'directory', pathname });
      }),
    );
  });

  it('every time of the calendar comes back', () => {
    const date = fc.date({
      min: new Date('1000-01-01T00:00:00Z'),
      max: new Date('9999-12-31T23:59:59Z'),
      noInvalidDate: true,
    });
    fc.assert(
      fc.property(date, date => {
        const digits = date.toISOString().replaceAll(/[-:TZ]/g, '');
        const found = details(213, digits, 'MDTM');
        if (found?.kind !== 'modification-time') throw new Error('no time');
        const { year, month, day, hour, minute, second, fraction } = found;
        expect(Date.UTC(year, month - 1, day, hour, minute, second, Number(fraction))).toBe(date.getTime());
      }),
    );
  });

  it('throws only FtpSecurityError, for any text', () => {
    const text = fc.string({ unit: fc.constantFrom(...'MARK =0129,.()|"\n x') });
    const code = fc.constantFrom(110, 120, 213, 227, 228, 229, 257);
    fc.assert(
      fc.property(code, text, fc.constantFrom('MDTM', 'SIZE', undefined), (code, text, verb) => {
        onlyRefuses(() => details(code, text, verb));
      }),
      { numRuns: 2000 },
    );
  });
});

it('nothing may be before the MARK of 110', () => {
  expect(replyDetails({ code: 110, lines: ['MARK a = b'] })).toEqual({
    kind: 'restart-marker',
    user: 'a',
    server: 'b',
  });
  expectCode(() => replyDetails({ code: 110, lines: ['xMARK a = b'] }), 'syntax/bad-reply');
});
