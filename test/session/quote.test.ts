import { expect, it } from 'vitest';
import { parseReply } from '../../src/ftp/reply.js';
import { quote } from '../../src/session/quote.js';
import { ascii } from '../helpers.js';

const quoted = (text: string) => quote(parseReply(ascii(text)));

it('a reply is quoted on one line, without codes that its lines repeat', () => {
  expect(quoted('535-no ticket\r\n535-for you\r\n of 535-a\r\n535 bye\r\n')).toBe(
    '535 no ticket for you  of 535-a bye',
  );
  expect(quoted('535 no\r\n')).toBe('535 no');
});

it('control characters are escaped, and long texts shortened', () => {
  expect(quoted('535 a\x1b[2J\r\n')).not.toContain('\x1b');
  const long = quoted(`535 ${'a'.repeat(1000)}\r\n`);
  expect(long.length).toBeLessThan(260);
  expect(long.startsWith(`535 ${'a'.repeat(200)}`)).toBe(true);
  expect(quoted(`535 ${'a'.repeat(240)}\r\n`)).toBe(`535 ${'a'.repeat(240)}`);
});
