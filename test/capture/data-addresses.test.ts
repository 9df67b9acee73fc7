/** The addresses that commands and replies announce, in the form of the ends of captured connections. */
import { describe, expect, test } from 'vitest';
import { announcedByCommand, announcedByReply, commandIn } from '../../src/capture/data-addresses.js';
import { parseReply } from '../../src/ftp/reply.js';
import { ascii } from '../helpers.js';

const byCommand = (text: string) => announcedByCommand(commandIn(text)!).map(({ host, port }) => `${host}:${port}`);
const byReply = (...lines: string[]) =>
  announcedByReply(parseReply(ascii(lines.map(line => `${line}\r\n`).join('')))).map(
    ({ host, port }) => `${host ?? 'its own'}:${port}`,
  );

describe('a command announces', () => {
  test.each([
    ['PORT 192,0,2,1,4,1', ['192.0.2.1:1025']],
    ['EPRT |1|192.0.2.1|1025|', ['192.0.2.1:1025']],
    ['LPRT 4,4,192,0,2,1,2,4,1', ['192.0.2.1:1025']],
    ['LPRT 6,16,32,1,13,184,0,0,0,0,0,0,0,0,0,0,0,1,2,4,1', ['[2001:db8::1]:1025']],
    ['SPOR 192,0,2,1,4,1 198,51,100,2,8,2', ['192.0.2.1:1025', '198.51.100.2:2050']],
  ])('an address by %s', (text, addresses) => {
    expect(byCommand(text)).toEqual(addresses);
  });

  // RFC 4291 §2.2 has three forms of text for one address.
  test.each([
    ['2001:db8::1', '2001:db8::1'],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:0db8::0001', '2001:db8::1'],
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'],
    ['ffff:100:a0b:c::', 'ffff:100:a0b:c::'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
    ['64:ff9b:1:2:3:4:10.200.30.40', '64:ff9b:1:2:3:4:ac8:1e28'],
    ['::ffff:192.0.2.33', '::ffff:192.0.2.33'],
    ['::ffff:c000:221', '::ffff:192.0.2.33'],
  ])('the IPv6 address %s in one form', (text, host) => {
    expect(byCommand(`EPRT |2|${text}|1025|`)).toEqual([`[${host}]:1025`]);
  });

  test.each([
    'NOOP',
    'SPOR',
    'SPOR nothing',
    'PORT 192,0,2,1,4',
    // TCP has ports of two octets, and runs over IPv4 and IPv6.
    'LPRT 4,4,192,0,2,1,1,21',
    'LPRT 4,4,192,0,2,1,3,0,4,1',
    'LPRT 16,2,1,2,2,4,1',
    'LPRT 9,8,1,2,3,4,5,6,7,8,2,4,1',
  ])('none by %s', text => {
    expect(byCommand(text)).toEqual([]);
  });
});

describe('a reply announces', () => {
  test.each([
    ['to PASV', ['227 Entering Passive Mode (192,0,2,1,4,1)'], ['192.0.2.1:1025']],
    ['to LPSV', ['228 Entering Long Passive Mode (4,4,192,0,2,1,2,4,1)'], ['192.0.2.1:1025']],
    ['to EPSV, a port alone', ['229 Entering Extended Passive Mode (|||1025|)'], ['its own:1025']],
    [
      'to SPAS, several',
      ['229-Entering Striped Passive Mode', ' 192,0,2,1,4,1', ' 192,0,2,2,4,2', '229 End'],
      ['192.0.2.1:1025', '192.0.2.2:1026'],
    ],
  ])('an address %s', (_, lines, addresses) => {
    expect(byReply(...lines)).toEqual(addresses);
  });

  test.each(['200 OK (192,0,2,1,4,1)', '227 Entering Passive Mode', '228 Long', '229 Entering Extended Passive Mode'])(
    'none by %s',
    line => {
      expect(byReply(line)).toEqual([]);
    },
  );
});
