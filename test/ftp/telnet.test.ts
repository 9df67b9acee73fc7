import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TelnetFilter } from '../../src/ftp/telnet.js';
import { ascii } from '../helpers.js';
import { chunkSizes, inChunks, octetByOctet, stream } from './readers.js';

const filtered = (chunks: readonly Uint8Array[]) => {
  const filter = new TelnetFilter();
  return chunks.flatMap(chunk => Array.from(filter.filter(chunk)));
};

const CASES: [what: string, octets: string, text: string][] = [
  ['no command', 'NOOP\r\n', 'NOOP\r\n'],
  ['a doubled IAC', 'a\xff\xffb', 'a\xffb'],
  ['WILL', 'a\xff\xfb\x01b', 'ab'],
  ['WONT', 'a\xff\xfc\x01b', 'ab'],
  ['DO', 'a\xff\xfd\x01b', 'ab'],
  ['DONT', 'a\xff\xfe\x01b', 'ab'],
  ['a line end where an option is due, which stays', 'a\xff\xfb\r\xff\xfd\nb', 'a\r\nb'],
  ['a subnegotiation', 'a\xff\xfa\x18\x00vt\xff\xf0b', 'ab'],
  ['a subnegotiation without end, which ends with its line', 'a\xff\xfa\x18\x00vt\xff\r\nb', 'a\nb'],
  ['a subnegotiation with a doubled IAC', 'a\xff\xfa\x18\xff\xff\xf0\xff\xf0b', 'ab'],
  ['a subnegotiation with an SE that has no IAC before it', 'a\xff\xfa\x18\xf0vt\xff\xf0b', 'ab'],
  ['a subnegotiation with an SE after another command', 'a\xff\xfa\x18\xff\x01\xf0b\xff\xf0c', 'ac'],
  ['a subnegotiation with a doubled IAC before what is then no SE', 'a\xff\xfa\x18\xff\xff\xf0x\xff\xf0b', 'ab'],
  ['IP and the Data Mark before ABOR (RFC 959 §4.1.3)', '\xff\xf4\xff\xf2ABOR\r\n', 'ABOR\r\n'],
  ['the same less the IAC of the Data Mark, which was urgent data and is lost', '\xff\xf4\xf2ABOR\r\n', 'ABOR\r\n'],
  [
    'that Data Mark once, and only directly after IP',
    '\xff\xf4\xf2\xf2a\xff\xf4b\xf2\xff\xf1\xf2\xf2',
    '\xf2ab\xf2\xf2\xf2',
  ],
  ['IP with another command after it', '\xff\xf4\xff\xfb\x01\xf2a\xff\xf4\xff\xffb', '\xf2a\xffb'],
  ['the commands of RFC 1184', '\xff\xec\xff\xed\xff\xeea', 'a'],
  ['SE without SB', 'a\xff\xf0b', 'ab'],
  ['an IAC that begins no command, as in Latin-1', '\xff\r\n', '\xff\r\n'],
  ['an IAC before the highest octet that is not a command', '\xff\xeb', '\xff\xeb'],
];

describe('Telnet commands in a control connection', () => {
  it.each(CASES)('%s', (_what, octets, text) => {
    expect(filtered([ascii(octets)])).toEqual([...ascii(text)]);
    expect(filtered(octetByOctet(ascii(octets)))).toEqual([...ascii(text)]);
  });

  it('gives the chunk itself when there is nothing to take out', () => {
    const chunk = ascii('NOOP\r\n');
    expect(new TelnetFilter().filter(chunk)).toBe(chunk);
  });

  it.each(['\xff', '\xff\xfb', '\xff\xfa', '\xff\xfa\x18\xff'])('is open after %j, until it is reset', octets => {
    const filter = new TelnetFilter();
    expect(filter.open).toBe(false);
    filter.filter(ascii(octets));
    expect(filter.open).toBe(true);
    filter.reset();
    expect(filter.open).toBe(false);
    expect(filter.filter(ascii('x'))).toEqual(ascii('x'));
  });

  it('is not open after IP, and forgets the Data Mark that may follow when octets are lost', () => {
    const filter = new TelnetFilter();
    filter.filter(ascii('\xff\xf4'));
    expect(filter.open).toBe(false);
    filter.reset();
    expect(filter.filter(ascii('\xf2'))).toEqual(ascii('\xf2'));
  });

  it('gives the same for any chunking', () => {
    fc.assert(
      fc.property(stream, chunkSizes, (octets, sizes) => {
        expect(filtered(inChunks(octets, sizes))).toEqual(filtered([octets]));
      }),
    );
  });

  it('gives back any text in which each IAC was doubled', () => {
    fc.assert(
      fc.property(fc.uint8Array(), text => {
        const doubled = Uint8Array.from([...text].flatMap(octet => (octet === 0xff ? [octet, octet] : [octet])));
        expect(filtered([doubled])).toEqual([...text]);
      }),
    );
  });
});
