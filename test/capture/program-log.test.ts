/** What FTP clients print of a control connection, real output (vectors/transcripts) and that of secured sessions. */
import { readFileSync } from 'node:fs';
import { describe, expect, it, test } from 'vitest';
import { recordingFormat, verifyRecording } from '../../src/capture/index.js';
import { krb5, parseKeytab } from '../../src/mechanisms/krb5/index.js';
import { ascii } from '../helpers.js';
import { realCapture, vectorPath } from './helpers.js';

const NAME = 'heimdal-safe-aes128-cts-hmac-sha1-96';
const keys = parseKeytab(readFileSync(vectorPath(`${NAME}.keytab`)));
const mechanisms = [krb5({ observer: { keys } })];
const transcript = (name: string) => readFileSync(new URL(`../../vectors/transcripts/${name}.txt`, import.meta.url));

const LOGIN = ['220-Welcome', '220 ready', 'USER anna', '331 password please'];

describe('what a program prints of a session in the clear', () => {
  test.each([
    ['curl', 15, [...LOGIN, 'PASS secret', '230 logged in', 'PWD', '257 "/" is here', 'EPSV']],
    ['tnftp', 19, [...LOGIN, 'PASS XXXX', '230 logged in', 'SYST', '215 UNIX Type: L8', 'FEAT']],
    ['inetutils', 16, ['220-Welcome', '220 ready', 'SYST', '215 UNIX Type: L8', 'USER anna']],
    ['yafc', 23, ['220-Welcome', '220 ready', 'AUTH GSSAPI', '504 no such mechanism', 'USER anna']],
  ])('%s', (name, count, first) => {
    expect(recordingFormat(transcript(name))).toBe('text');
    const { records } = verifyRecording(transcript(name), { mechanisms });
    const messages = records.filter(record => record.type === 'message');
    expect(messages.slice(0, first.length).map(({ text }) => text)).toEqual(first);
    expect(messages.every(({ error }) => error === null)).toBe(true);
    expect(records.at(-1)).toMatchObject({ type: 'summary', connections: 1, messages: count, unread: {} });
  });

  it.each([
    ['a time', () => '09:41:02.123456 '],
    ['numbers', () => '[0-0] '],
    ['both', (line: string) => `09:41:02.123456 ${line.startsWith('*') ? '[0-x] ' : '[0-0] '}`],
  ])('curl, with %s before each line', (_, prefix) => {
    const printed = Buffer.from(transcript('curl')).toString('latin1');
    const prefixed = printed.replace(/^[<>*] .*$/gm, line => prefix(line) + line);
    const { records } = verifyRecording(Buffer.from(prefixed, 'latin1'), { mechanisms });
    expect(records).toEqual(verifyRecording(transcript('curl'), { mechanisms }).records);
  });

  it('is not taken for FTP if it is SMTP', () => {
    expect(recordingFormat(ascii('> EHLO me\r\n< 250 hello\r\n> MAIL FROM:<a>\r\n< 250 ok\r\n'))).toBeUndefined();
  });
});

interface Said {
  from: string;
  text: string;
  wire: string;
  token: string;
}

/** The session of a capture: what was said, and the line as it was sent. */
const said: Said[] = (() => {
  const { records } = verifyRecording(realCapture(NAME), { mechanisms });
  const sent = new TextDecoder('latin1')
    .decode(readFileSync(vectorPath('../transcripts/secured.txt')))
    .trimEnd()
    .split('\n');
  const messages = records.filter(record => record.type === 'message');
  expect(messages).toHaveLength(sent.length);
  return messages.map(({ from, text, wire }, i) => ({ from, text: text!.trimEnd(), wire, token: sent[i]!.slice(3) }));
})();
const isSealed = ({ wire }: Said) => /^(MIC|ENC|63.)/.test(wire);
const count = (from: string) => said.filter(it => it.from === from && isSealed(it)).length;

describe('what a program prints of a secured session', () => {
  const mit = said.map(it => {
    if (it.from === 'server') return isSealed(it) ? it.text : it.token;
    return isSealed(it)
      ? `---> ${it.text}\nsealed (MIC) 45 bytes\nsecure_command(${it.text})\nencoding 45 bytes ${it.token}`
      : `---> ${it.token}`;
  });
  const heimdal = said.map(it => `${it.from === 'client' ? '---> ' : ''}${isSealed(it) ? it.text : it.token}`);
  const yafc = said.map(it => `${it.from === 'client' ? '-->' : '<--'} [host] ${isSealed(it) ? it.text : it.token}`);
  const curl = said.map(it => {
    if (it.from === 'client') return `> ${isSealed(it) ? it.text : it.token}`;
    return isSealed(it) ? `< ${it.token}\n< ${it.text}` : `< ${it.token}`;
  });

  test.each([
    ["MIT's ftp: the tokens of commands", mit, count('client'), count('server')],
    ["Heimdal's ftp: no token", heimdal, 0, count('client') + count('server')],
    ['yafc: no token', yafc, 0, count('client') + count('server')],
    ['curl: the tokens of replies', curl, count('server'), count('client')],
  ])('%s is verified, and lines without a token are counted', (_, lines, verified, missing) => {
    const { records } = verifyRecording(ascii(lines.join('\n')), { mechanisms });
    const errors = records.filter(record => record.type === 'message' && record.error !== null);
    expect(errors).toEqual([]);
    const unread = { 'line printed without its token (capture the packets)': missing };
    expect(records.at(-1)).toMatchObject({ type: 'summary', verified, failed: 0, unread });
  });
});
