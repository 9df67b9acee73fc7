/** The octets of both sides of a control connection in one file, as Wireshark and tshark give them. */
import { readFileSync } from 'node:fs';
import { describe, expect, it, test } from 'vitest';
import { recordingFormat, verifyRecording } from '../../src/capture/index.js';
import { krb5, parseKeytab } from '../../src/mechanisms/krb5/index.js';
import { ascii } from '../helpers.js';
import { flowsOf, realCapture, segmentsOf, vectorPath } from './helpers.js';

const NAME = 'heimdal-safe-aes128-cts-hmac-sha1-96';
const keys = parseKeytab(readFileSync(vectorPath(`${NAME}.keytab`)));
const mechanisms = [krb5({ observer: { keys } })];
const recordsOf = (text: string) => verifyRecording(ascii(text), { mechanisms }).records;
const saidIn = (text: string) =>
  recordsOf(text).flatMap(it => (it.type === 'message' ? [[it.from, it.verdict, it.text]] : []));

/** What was said, and the lines as they were sent. */
const { records } = verifyRecording(realCapture(NAME), { mechanisms });
const messages = records.filter(record => record.type === 'message');
const sent = readFileSync(vectorPath('../transcripts/secured.txt'), 'latin1').trimEnd().split('\n');
const lines = sent.map(line => ({ from: line[0] === 'C' ? 0 : 1, text: `${line.slice(3)}\r\n` }));
const SAID = messages.map(it => [it.from, it.verdict, it.text]);

const hex = (text: string) => Buffer.from(text, 'latin1').toString('hex');
/** As tshark 4.0 prints it. @param first  the side that spoke first is node 0 of some versions */
const tshark = (form: 'ascii' | 'raw', chunks: readonly { from: number; text: string }[], client = 0) => {
  const printed = chunks.map(({ from, text }) => {
    const tab = from === client ? '' : '\t';
    return form === 'raw' ? `${tab}${hex(text)}\n` : `${tab}${text.length}\n${text}\n`;
  });
  const rule = '='.repeat(67);
  return `\n${rule}\nFollow: tcp,${form}\nFilter: tcp.stream eq 0\nNode 0: [::1]:45880\nNode 1: [::1]:21\n${printed.join('')}${rule}\n`;
};
/** The same octets in segments that end within lines, a line of one side at a time. */
const cut = lines.flatMap(({ from, text }) => (text.match(/[\s\S]{1,99}/g) ?? []).map(part => ({ from, text: part })));

describe('a session that Wireshark has followed is verified', () => {
  test.each([
    ['as it saves it', lines.map(({ text }) => text).join('')],
    ['as it saves it, with LF', lines.map(({ text }) => text.replace('\r', '')).join('')],
    ['as tshark prints it', tshark('ascii', lines)],
    ['as tshark prints it, in hex', tshark('raw', lines)],
    ['as tshark prints it, in segments that end within lines', tshark('ascii', cut)],
    ['as tshark prints it, in hex and in such segments', tshark('raw', cut)],
    ['as tshark prints it, the other node first', tshark('ascii', lines, 1)],
  ])('%s', (_, text) => {
    expect(recordingFormat(ascii(text.slice(0, 65_536)))).toBe('text');
    expect(saidIn(text)).toEqual(SAID);
  });

  test('several streams are several connections, without those of data', () => {
    const data = tshark('ascii', [{ from: 1, text: 'drwxr-xr-x 2 root root .\r\n' }]);
    const summary = recordsOf(tshark('ascii', lines) + data + tshark('ascii', lines)).at(-1);
    expect(summary).toMatchObject({ type: 'summary', connections: 2, verified: 228 });
  });
});

describe('lines of both sides without a sign of the side', () => {
  it('are told apart by their forms, in multi-line replies too', () => {
    const text =
      '220-Hello\r\nUSER is a line here\r\n\r\n220 ready\r\nuser anna\r\n331 go on\r\n\r\nXPWD\r\n257 "/"\r\n230\r\n';
    expect(saidIn(text).map(([from, , said]) => `${from} ${said}`)).toEqual([
      ...['server 220-Hello', 'server USER is a line here', 'server ', 'server 220 ready'],
      ...['client user anna', 'server 331 go on', 'client XPWD', 'server 257 "/"', 'server 230'],
    ]);
  });

  it('may end anywhere', () => {
    const text = lines.map(it => it.text).join('');
    expect(recordingFormat(ascii(text.slice(0, 300)))).toBe('text');
  });

  it.each([
    ['SMTP', '220 hello\r\nEHLO me\r\n250 hello\r\nQUIT\r\n221 bye\r\n'],
    ['replies alone', '220 hello\r\n331 password\r\n'],
    ['commands alone', 'USER anna\r\nPASS secret\r\n'],
    ['a list', '100 apples\n200 pears\nLIST of fruit\nend\n'],
    ['nothing', '\n\n'],
  ])('are no recording if not all of them are those of FTP: %s', (_, text) => {
    expect(recordingFormat(ascii(text))).toBeUndefined();
  });
});

it('the octets are those of the connection', () => {
  const [flow] = flowsOf(segmentsOf(realCapture(NAME)));
  expect([0, 1].map(side => lines.flatMap(it => (it.from === side ? [it.text] : [])).join(''))).toEqual(flow!.texts);
});
