/** Packets that programs print in hex, and captures that are printed as a whole. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { CaptureFile } from '../../src/capture/capture-file.js';
import { recordingFormat, verifyRecording } from '../../src/capture/index.js';
import { FtpSecurityError } from '../../src/errors.js';
import { krb5, parseKeytab } from '../../src/mechanisms/krb5/index.js';
import { ascii } from '../helpers.js';
import { LINKS } from './encapsulations.js';
import { ipPacket, lines, pcapOf, realCapture, talk, vectorPath } from './helpers.js';

const NAME = 'probe-heimdal-nomutual';
const CAPTURE = realCapture(NAME);
const keys = parseKeytab(readFileSync(vectorPath(`${NAME}.keytab`)));
const mechanisms = [krb5({ observer: { keys } })];
const recordsOf = (recording: Uint8Array) => verifyRecording(recording, { mechanisms }).records;
/** Without what a dump does not have. */
const timeless = (recording: Uint8Array) =>
  JSON.parse(JSON.stringify(recordsOf(recording), (key, value) => (/time|problem|Time/.test(key) ? undefined : value)));

const hexOf = (octets: Uint8Array) => Buffer.from(octets).toString('hex');
const textOf = (octets: Uint8Array) =>
  Buffer.from(octets)
    .toString('latin1')
    .replace(/[^!-~]/g, '.');

/** Octets in lines of 16. */
function dump(octets: Uint8Array, line: (offset: number, hex: string, text: string) => string): string {
  let text = '';
  for (let at = 0; at < octets.length; at += 16) {
    const part = octets.subarray(at, at + 16);
    text += `${line(at, hexOf(part), textOf(part))}\n`;
  }
  return text;
}

const offset = (value: number, digits: number) => value.toString(16).padStart(digits, '0');
const pairs = (hex: string) => hex.replace(/..(?=.)/g, '$& ');
const fours = (hex: string) => hex.replace(/....(?=.)/g, '$& ');
const tcpdump = (at: number, hex: string, text: string) =>
  `\t0x${offset(at, 4)}:  ${fours(hex).padEnd(39)}${text && `  ${text}`}`;
const HEADER = '11:00:49.714063 IP localhost.45880 > localhost.12210: Flags [S], seq 53940194, length 0\n';
const withoutLink = (octets: Uint8Array) => octets.subarray(14);

type Format = (octets: Uint8Array) => string;
const PROGRAMS: Record<string, Format> = {
  'tcpdump -x': octets => HEADER + dump(withoutLink(octets), (at, hex) => tcpdump(at, hex, '')),
  'tcpdump -X': octets => HEADER + dump(withoutLink(octets), tcpdump),
  'tcpdump -XX': octets => HEADER + dump(octets, tcpdump),
  'tcpdump -v -X, which prints two lines before': octets =>
    `${HEADER}    127.0.0.1.45880 > 127.0.0.1.12210: Flags [S]\n${dump(withoutLink(octets), tcpdump)}`,
  'tshark -x': octets => `${dump(octets, (at, hex, text) => `${offset(at, 4)}  ${pairs(hex).padEnd(47)}   ${text}`)}\n`,
  'tshark -x with parts that are no packets': octets =>
    `Frame (${octets.length} bytes):\n${dump(octets, (at, hex) => `${offset(at, 4)}  ${pairs(hex)}`)}\n` +
    `Reassembled TCP (20 bytes):\n${dump(octets.subarray(0, 20), (at, hex) => `${offset(at, 4)}  ${pairs(hex)}`)}\n`,
  'text2pcap, as od -Ax -tx1': octets => dump(octets, (at, hex) => `${offset(at, 6)} ${pairs(hex)}`),
  "FortiGate's sniffer": octets =>
    `1.714063 port1 in 127.0.0.1.45880 -> 127.0.0.1.12210: syn 53940194\n` +
    `${dump(octets, (at, hex, text) => `0x${offset(at, 4)}\t ${fours(hex)}\t${text}`)}\n`,
};

const packets = [...new CaptureFile([CAPTURE])].map(({ data }) => data);
const printed = (format: Format) => ascii(packets.map(format).join(''));

describe('a dump of packets is read as the capture: that of', () => {
  test.each(Object.entries(PROGRAMS))('%s', (_, format) => {
    const text = printed(format);
    expect(recordingFormat(text.subarray(0, 65_536))).toBe('text');
    expect(timeless(text)).toEqual(timeless(CAPTURE));
    expect(timeless(ascii(Buffer.from(text).toString().replaceAll('\n', '\r\n')))).toEqual(timeless(CAPTURE));
  });

  test.each(['loopback', 'Linux cooked', 'Linux cooked 2'])('tcpdump -XX of %s', link => {
    const said = lines('S: 220 ready', 'C: USER anna', 'S: 331 password');
    const frames = talk(said).map(it => LINKS[link]!.frame({ etherType: 0x0800, octets: ipPacket(it) })!);
    const text = ascii(frames.map(octets => HEADER + dump(octets, tcpdump)).join(''));
    expect(timeless(text)).toEqual(timeless(pcapOf(talk(said))));
  });

  test('PowerShell, which redirects in UTF-16', () => {
    const text = Buffer.from(`\ufeff${Buffer.from(printed(PROGRAMS['tcpdump -X']!)).toString()}`, 'utf16le');
    expect(timeless(text)).toEqual(timeless(CAPTURE));
  });
});

describe('a dump of a capture file is read as that file: that of', () => {
  test.each<[string, Format]>([
    ['xxd', octets => dump(octets, (at, hex, text) => `${offset(at, 8)}: ${fours(hex).padEnd(39)}  ${text}`)],
    [
      'hexdump -C',
      octets =>
        dump(
          octets,
          (at, hex, text) =>
            `${offset(at, 8)}  ${pairs(hex)
              .replace(/^(.{23}) /, '$1  ')
              .padEnd(48)}  |${text}|`,
        ) + offset(octets.length, 8),
    ],
  ])('%s', (_, format) => {
    expect(recordsOf(ascii(format(CAPTURE)))).toEqual(recordsOf(CAPTURE));
  });
});

describe('the time of a packet', () => {
  const withTime = (time: string) => {
    const text = ascii(packets.map(it => time + PROGRAMS['tcpdump -X']!(it).slice(15)).join(''));
    return recordsOf(text).flatMap(record => (record.type === 'message' ? [record.time] : []))[0];
  };

  it('is known with its date and its zone', () => {
    expect(withTime('1795345249.714063')).toBe('2026-11-22T11:00:49.714063Z');
  });

  it('is not known otherwise', () => {
    expect(['11:00:49.714063', '2026-11-22 11:00:49.714063'].map(withTime)).toEqual([null, null]);
  });
});

describe('lines that are not of the dump', () => {
  it('are passed over, also those that look like it', () => {
    const noise = 'reading from file x, link-type EN10MB (Ethernet)\n1234 00 what\n12 packets captured\n';
    expect(timeless(ascii(packets.map(it => noise + PROGRAMS['tcpdump -x']!(it)).join('')))).toEqual(timeless(CAPTURE));
  });

  it('take octets from a packet where they are in it', () => {
    const text = Buffer.from(printed(PROGRAMS['tcpdump -x']!)).toString().replace('\n\t0x0040:', '\nnoise\n\t0x0040:');
    expect(recordsOf(ascii(text)).at(-1)).toMatchObject({ type: 'summary', lost_segments: 1 });
  });

  it('as ARP, which tcpdump prints without its link, are no packets that could not be read', () => {
    const arp = dump(Buffer.from('0001080006040001020000000001c0000201000000000000c0000202', 'hex'), tcpdump);
    expect(timeless(ascii(arp + Buffer.from(printed(PROGRAMS['tcpdump -x']!)).toString()))).toEqual(timeless(CAPTURE));
  });

  it('end it where the offset does not follow, and what came before is there', () => {
    const text = Buffer.from(printed(PROGRAMS['tcpdump -x']!)).toString();
    const at = text.lastIndexOf('0x0020:');
    const { records, error } = verifyRecording(ascii(`${text.slice(0, at)}0x0030:${text.slice(at + 7)}`), {
      mechanisms,
    });
    expect(error).toMatchObject({ code: 'syntax/bad-file', message: 'hex dump with offset 48 where 32 should follow' });
    expect(records.at(-1)).toMatchObject({ type: 'summary', verified: 7 });
  });
});

describe('whatever the text', () => {
  it.each([
    ['a text with numbers', '0000 00 11 22 33\n0004 44 55\n'],
    ['a dump of something else', PROGRAMS['tshark -x']!(ascii('this is no packet at all, but 48 octets of text.....'))],
    ['octets without offsets', hexOf(CAPTURE)],
    ['a list of packets', HEADER.repeat(3)],
  ])('%s is no recording', (_, text) => {
    expect(recordingFormat(ascii(text))).toBeUndefined();
  });

  it('nothing escapes but a refusal', () => {
    const piece = fc.oneof(
      fc.constantFrom(
        '0000  ',
        '0010  ',
        '\t0x0000:  ',
        ' ',
        '  ',
        '\n',
        '\r\n',
        'Frame (20 bytes):',
        '\n\n',
        '45 00 00 14 ',
      ),
      fc.string({ maxLength: 6 }),
      fc.uint8Array({ maxLength: 40 }).map(hexOf),
    );
    const whole = Buffer.from(printed(PROGRAMS['tcpdump -X']!)).toString();
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), fc.nat(whole.length), (pieces, at) => {
        for (const text of [pieces.join(''), whole.slice(0, at) + pieces.join('') + whole.slice(at)]) {
          try {
            verifyRecording(Buffer.from(text), { mechanisms });
          } catch (error) {
            expect(error).toBeInstanceOf(FtpSecurityError);
          }
        }
      }),
    );
  });
});
