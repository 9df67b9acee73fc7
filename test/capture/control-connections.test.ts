import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { ControlConnections, type PortOptions } from '../../src/capture/control-connections.js';
import { verifyRecording } from '../../src/capture/index.js';
import type { Segment } from '../../src/capture/link-layer.js';
import { preambleOf } from '../../src/capture/preamble.js';
import { reassemble } from '../../src/capture/tcp.js';
import { CLIENT, type Line, lines, pcapOf, realCapture, SERVER, segmentsOf, talk, vectorPath } from './helpers.js';

const found = (segments: readonly Segment[], options?: PortOptions) =>
  controlOf(segments, options).map(({ client, server }) => `${client} ${server}`);

function controlOf(segments: readonly Segment[], options?: PortOptions) {
  const control = new ControlConnections(reassemble(segments).connections, options);
  return control.ids.map(id => control.get(id)!);
}

const CONTROL = '192.0.2.1:40000 192.0.2.2:21';
const LOGIN = lines('S: 220 hello', 'C: USER me', 'S: 331 password');
const withoutSyn = (segments: Segment[]) => segments.slice(3);
const another = (port: number, ...spoken: string[]) =>
  talk(lines(...spoken), { ends: [`192.0.2.1:${port}`, `192.0.2.2:${port + 1}`] });

describe('a control connection', () => {
  test.each([
    ['an ordinary one', talk(LOGIN)],
    ['one whose client leaves at the greeting', talk(lines('S: 421 too many users'))],
    ['one whose greeting is the bare code', talk(lines('S: 220', 'C: USER me', 'S: 331'))],
    ['one whose client leaves at a greeting of the bare code', talk(lines('S: 220'))],
    ['one with text before its greeting', talk(lines('S: Welcome', 'S: 220 x', 'C: USER me', 'S: 331 a'))],
    ['one with Telnet before its greeting', talk(lines('S: \xff\xfb\x01220 x', 'C: USER me', 'S: 331 a'))],
    ['one with Telnet in its greeting', talk(lines('S: 2\xff\xfd\x0320 x', 'C: \xff\xfc\x01USER me', 'S: 331 a'))],
    ['one that greets with 500, and no more', talk(lines('S: 500 OOPS: vsftpd: cannot run'))],
    ['one with an empty line before its greeting', talk(lines('S: ', 'S: 220 hello', 'C: USER me', 'S: 331 a'))],
    ['one whose capture starts late', withoutSyn(talk(lines('C: CWD x', 'S: 250 fine')))],
    [
      'one whose capture starts inside a long reply',
      withoutSyn(talk(lines('S:  x', 'S:  y', 'S: 214 end', 'C: PWD', 'S: 257 a'))),
    ],
    [
      'one whose greeting was lost in part',
      talk(lines('S: 220-hello', 'S: banner', 'S: 220 ready', 'C: USER a', 'S: 331 x')).filter((_, i) => i !== 3),
    ],
  ])('is found: %s', (_, segments) => {
    expect(found(segments)).toEqual([CONTROL]);
  });

  test.each([
    ['SMTP', talk(lines('S: 220 hello', 'C: EHLO me', 'S: 250 fine', 'C: QUIT', 'S: 221 bye'))],
    ['SMTP from the middle on', withoutSyn(talk(lines('C: MAIL FROM:<a>', 'S: 250 fine', 'C: QUIT', 'S: 221 bye')))],
    ['NNTP', talk(lines('S: 200 news ready', 'C: MODE READER', 'S: 200 fine', 'C: QUIT', 'S: 205 bye'))],
    ['a connection that says nothing', talk([])],
    ['a client alone', talk(lines('C: USER me'))],
  ])('is not %s', (_, segments) => {
    expect(found(segments)).toEqual([]);
  });

  test('is not a data connection whose content begins like a greeting', () => {
    expect(found([...talk(LOGIN), ...another(50_000, 'S: 220 lines of a log')])).toEqual([CONTROL]);
  });

  test('is whatever connects where one is served', () => {
    const silent = talk([], { ends: ['192.0.2.3:1', '192.0.2.2:21'] });
    expect(found([...silent, ...talk(LOGIN)])).toEqual(['192.0.2.3:1 192.0.2.2:21', CONTROL]);
  });

  test('is on the port that is asked for, whatever it says, and with onlyPorts nowhere else', () => {
    const both = [...talk(LOGIN), ...another(50_000, 'S: hello', 'C: hi')];
    const forced = '192.0.2.1:50000 192.0.2.2:50001';
    expect(found(both)).toEqual([CONTROL]);
    expect(found(both, { ports: [50_001] })).toEqual([CONTROL, forced]);
    expect(found(both, { ports: [50_001], onlyPorts: true })).toEqual([forced]);
    expect(found(withoutSyn(talk(lines('C: x'))), { ports: [21] })).toEqual([CONTROL]);
    expect(found(both.slice(0, 1), { ports: [21] })).toEqual([]);
  });
});

describe('what comes before the greeting', () => {
  const SOCKS5 = { client: '\x05\x02\x00\x02', server: '\x05\x02' };
  const both = (client: string, server: string): Line[] => [
    { from: 0, text: client },
    { from: 1, text: server },
  ];
  const ASKED = 'CONNECT ftp.example:21 HTTP/1.1\r\nHost: ftp.example:21\r\n\r\n';
  const hidden: [string, Line[]][] = [
    ['a header of the PROXY protocol', [{ from: 0, text: 'PROXY TCP4 192.0.2.7 192.0.2.2 40000 21\r\n' }]],
    ['one without information', [{ from: 0, text: 'PROXY UNKNOWN\r\n' }]],
    ['one of version 2', [{ from: 0, text: `\r\n\r\n\0\r\nQUIT\n!\x11\0\x0c${'\x01'.repeat(12)}` }]],
    ['SOCKS 4', both('\x04\x01\x00\x15\x0a\x00\x00\x01me\0', '\x00\x5a\x00\x00\x00\x00\x00\x00')],
    ['SOCKS 4A', both('\x04\x01\x00\x15\0\0\0\x01me\0ftp.example\0', '\x00\x5a\x00\x00\x00\x00\x00\x00')],
    [
      'SOCKS 5 with a name',
      [...both('\x05\x01\x00', '\x05\x00'), ...both('\x05\x01\x00\x03\x03ftp\0\x15', '\x05\0\0\x01\0\0\0\0\0\0')],
    ],
    [
      'SOCKS 5 with a password and an IPv6 address',
      [
        ...both(SOCKS5.client, SOCKS5.server),
        ...both('\x01\x02me\x03pwd', '\x01\x00'),
        ...both(`\x05\x01\x00\x04${'\x01'.repeat(16)}\0\x15`, '\x05\0\0\x01\0\0\0\0\0\0'),
      ],
    ],
    ['CONNECT of HTTP', both(ASKED, 'HTTP/1.1 200 Connection established\r\nVia: ä\r\n\r\n')],
    [
      'CONNECT of HTTP with a password',
      [
        ...both(ASKED, 'HTTP/1.0 407\r\ncontent-length:  7\r\nConnection: keep-alive\r\n\r\n220 no\n'),
        ...both(ASKED.replace('\r\n\r\n', '\r\nProxy-Authorization: Basic eDp5\r\n\r\n'), 'HTTP/1.1 204\r\n\r\n'),
      ],
    ],
  ];

  test.each(hidden)('is no part of it: %s', (_, before) => {
    const [control] = controlOf(talk([...before, ...LOGIN]));
    const length = (from: number) => before.reduce((sum, it) => sum + (it.from === from ? it.text.length : 0), 0);
    expect(control?.preamble).toEqual([length(0), length(1)]);
    const { records } = verifyRecording(pcapOf(talk([...before, ...LOGIN])), { mechanisms: [] });
    const messages = records.filter(record => record.type === 'message');
    expect(messages.map(({ wire, error }) => [wire, error])).toEqual([
      ['220 ', null],
      ['USER', null],
      ['331 ', null],
    ]);
  });

  test('makes no control connection of what else goes through a proxy', () => {
    const proxied = both('\x04\x01\x00\x15\x0a\x00\x00\x01me\0', '\x00\x5a\x00\x00\x00\x00\x00\x00');
    const web = [
      ...proxied,
      { from: 0 as const, text: 'GET / HTTP/1.0\r\n\r\n' },
      { from: 1 as const, text: 'HTTP/1.0 200 OK\r\n' },
    ];
    const other: [string, string] = ['192.0.2.1:40009', SERVER];
    expect(found([...talk([...proxied, ...LOGIN]), ...talk(web, { ends: other })])).toHaveLength(1);
    // A load balancer puts its header in front of each connection to one server.
    const header = { from: 0 as const, text: 'PROXY UNKNOWN\r\n' };
    expect(found([...talk([header, ...LOGIN]), ...talk([header], { ends: other })])).toHaveLength(2);
  });

  test('is no header where SOCKS refuses, or is not whole', () => {
    const refused = both('\x04\x01\x00\x15\x0a\x00\x00\x01me\0', '\x00\x5b\x00\x00\x00\x00\x00\x00');
    expect(found(talk(refused))).toEqual([]);
    expect(found(talk(both('\x05\x01\x00', '\x05\xff')))).toEqual([]);
    for (const answer of [
      'HTTP/1.1 503 No\r\n\r\n',
      'HTTP/1.1 407 No\r\n\r\n',
      'HTTP/1.1 200 OK\r\n',
      '200 OK\r\n\r\n',
    ])
      expect(preambleOf(Buffer.from(ASKED), Buffer.from(answer))).toEqual([0, 0]);
    for (const start of [...hidden.map(([, [line]]) => line!.text), '\x05', '\x04']) {
      for (let length = 0; length <= start.length; length++) {
        expect(preambleOf(Buffer.from(start.slice(0, length), 'latin1'), new Uint8Array(0))[1]).toBe(0);
      }
    }
  });
});

describe.each(['', ' ESMTP', ' hello'])(
  'another protocol with "%s" in its greeting is not one, wherever it is cut off',
  text => {
    test.each([
      [
        'SMTP',
        25,
        `S: 220 mail.example${text}`,
        'C: EHLO me',
        'S: 250 fine',
        'C: AUTH LOGIN',
        'S: 334 x',
        'C: QUIT',
        'S: 221 bye',
      ],
      ['SMTP, in a hurry', 587, `S: 220 mail.example${text}`, 'C: NOOP', 'S: 250 fine', 'C: QUIT', 'S: 221 bye'],
      ['SMTP that refuses', 25, `S: 554 mail.example${text}`, 'C: QUIT', 'S: 221 bye'],
      ['LMTP', 24, `S: 220 mail.example${text}`, 'C: LHLO me', 'S: 250 fine', 'C: MAIL FROM:<a>', 'S: 250 fine'],
      [
        'NNTP',
        119,
        `S: 200 news${text}`,
        'C: MODE READER',
        'S: 200 fine',
        'C: LIST',
        'S: 215 groups',
        'C: QUIT',
        'S: 205 bye',
      ],
      ['NNTP that refuses', 119, `S: 502 no${text}`, 'C: MODE READER', 'S: 502 no', 'C: QUIT', 'S: 205 bye'],
      ['NNTP with a password', 119, `S: 201 news${text}`, 'C: AUTHINFO USER me', 'S: 381 more', 'C: STAT', 'S: 223 0'],
      [
        'DICT',
        2628,
        `S: 220 dict.example${text} <auth.mime> <1.2@dict.example>`,
        'C: CLIENT me',
        'S: 250 ok',
        'C: AUTH me x',
        'S: 230 ok',
      ],
      [
        'DICT, in a hurry',
        2628,
        `S: 220 dict.example${text} <auth.mime> <1.2@dict.example>`,
        'C: HELP',
        'S: 113 help',
        'C: QUIT',
        'S: 221 bye',
      ],
      [
        'POP',
        110,
        `S: +OK pop${text}`,
        'C: USER me',
        'S: +OK',
        'C: PASS it',
        'S: +OK',
        'C: RETR 1',
        'S: +OK',
        'C: QUIT',
        'S: +OK',
      ],
    ])('%s', (_, port, ...spoken) => {
      for (let said = 1; said <= spoken.length; said++) {
        const whole = talk(lines(...(spoken as string[]).slice(0, said)), { ends: [CLIENT, `192.0.2.2:${port}`] });
        expect(found(whole)).toEqual([]);
        for (let start = 1; start < whole.length; start++) expect(found(whole.slice(start))).toEqual([]);
        for (const end of [CLIENT, `192.0.2.2:${port}`]) {
          expect(found(whole.filter(({ source }) => source !== end))).toEqual([]);
        }
      }
    });
  },
);

describe('a real session is one', () => {
  const NAME = 'heimdal-safe-aes128-cts-hmac-sha1-96';
  const { control_port } = JSON.parse(readFileSync(vectorPath(`${NAME}.json`), 'utf8'));
  const server = `:${control_port}`;
  const control = segmentsOf(realCapture(NAME)).filter(
    it => it.source.endsWith(server) || it.destination.endsWith(server),
  );
  const loaded = control.filter(({ payload }) => payload.length > 0);

  test('from each of its packets on, while both ends speak', () => {
    const last = control.lastIndexOf(loaded.at(-2)!);
    for (let start = 0; start <= last; start++) expect(found(control.slice(start))).toHaveLength(1);
  });

  test('with one direction alone', () => {
    for (const isKept of [true, false]) {
      const [one, ...more] = found(control.filter(({ source }) => source.endsWith(server) === isKept));
      expect(more).toEqual([]);
      expect(one?.split(' ')[1]).toMatch(new RegExp(`${server}$`));
    }
  });
});
