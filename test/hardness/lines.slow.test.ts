/** Flaws of lines rather than of tokens: quadratic parsing, injected line ends, replies in replies, replies without an end. */
import { describe, expect, it } from 'vitest';
import { encodeBase64 } from '../../src/base64.js';
import { concat, fromUtf8, toUtf8, u32be } from '../../src/bytes.js';
import { FtpSecurityError } from '../../src/errors.js';
import { CommandReader, formatCommand } from '../../src/ftp/command.js';
import { LineReader } from '../../src/ftp/line.js';
import { formatReply, ReplyReader } from '../../src/ftp/reply.js';
import { BlockReader } from '../../src/protection/data-block.js';
import { protectCommand, protectReply } from '../../src/protection/protect.js';
import { formatAuth } from '../../src/protection/security-data.js';
import { Observer } from '../../src/session/observer.js';
import { growth, LINEAR } from '../ftp/readers.js';
import { pskContexts } from '../session/pair.js';
import { lineAround, observed, PATHS, ROWS, SECRET, securedClient, securedServer, sidesOf } from './paths.js';

const OCTET = (octets: Uint8Array, read: (octet: Uint8Array) => void) => {
  for (let at = 0; at < octets.length; at++) read(octets.subarray(at, at + 1));
};

describe('quadratic parsing: what has come is read again with each chunk, so that small chunks cost hours', () => {
  const line = (size: number) => concat(toUtf8('200 '), new Uint8Array(size).fill(0x41), toUtf8('\r\n'));
  const reply = (size: number) => toUtf8(`200-a\r\n${'b\r\n'.repeat(size / 3)}200 c\r\n`);
  /** The smallest size is 3000 octets, or that of the row: quadratic work shows from there on, and still ends in seconds. */
  const readers: [name: string, work: (size: number) => void, smallest?: number][] = [
    ['a line', size => drained(new LineReader(), line(size))],
    ['a command', size => drained(new CommandReader(), concat(toUtf8('SITE'), line(size).subarray(3)))],
    ['a reply of many lines', size => drained(new ReplyReader(), reply(size))],
    [
      'a block',
      size => drained(new BlockReader(pskContexts().acceptor, 'safe', { bufferSize: 0x10_0000 }), blockOf(size)),
    ],
    [
      'a protected reply, by a client',
      size => {
        const { initiator, acceptor } = pskContexts();
        const client = securedClient(initiator);
        OCTET(protectReply(acceptor, 'safe', reply(size)), octet => {
          client.receive(octet);
          client.next();
        });
      },
      800, // a token for each of its lines
    ],
    [
      'a protected command, by a server',
      size => {
        const { initiator, acceptor } = pskContexts();
        const server = securedServer(acceptor);
        OCTET(protectCommand(initiator, 'safe', concat(toUtf8('SITE '), line(size))), octet => {
          server.receive(octet);
          server.next();
        });
      },
    ],
    [
      'a reply, by an observer',
      size => {
        const observer = new Observer({ mechanisms: [observed(pskContexts())] });
        OCTET(reply(size), octet => {
          observer.push('server', octet);
          observer.next();
        });
      },
    ],
  ];

  function drained(reader: { push(chunk: Uint8Array): void; next(): unknown }, octets: Uint8Array): void {
    OCTET(octets, octet => {
      reader.push(octet);
      reader.next();
    });
  }

  function blockOf(size: number): Uint8Array {
    const { token } = pskContexts().initiator.wrap(new Uint8Array(size), 'safe');
    return concat(u32be(token.length), token);
  }

  it.each(readers)('%s that comes octet by octet takes linear time', (_, work, smallest = 3000) => {
    expect(growth(work, smallest)).toBeLessThan(LINEAR);
  });
});

describe('CRLF injection: a name with a line end in it made the client send a second command', () => {
  const NAMES = ['a\r\nDELE b', 'a\nDELE b', 'a\rDELE b', 'a\r\n', '\r\nDELE b', 'a\0DELE b'];

  it('nothing that we format has it, nor does a session send or a server answer it', () => {
    for (const name of NAMES) {
      const { initiator, acceptor } = pskContexts();
      const server = securedServer(acceptor);
      server.receive(protectCommand(initiator, 'private', toUtf8('NOOP')));
      expect(server.next()).toMatchObject({ type: 'command' });
      expect(() => server.reply(200, name)).toThrow(RangeError);
      server.reply(200, 'ok');
      const client = securedClient(initiator);
      const attempts = [
        () => formatCommand('RETR', name),
        () => formatCommand(`RETR ${name}`),
        () => formatAuth(name),
        () => formatReply(200, name),
        () => formatReply(200, ['first', name, 'last']),
      ];
      for (const attempt of attempts) expect(attempt, name).toThrow(RangeError);
      // One final CRLF is the end of the command itself.
      if (name !== 'a\r\n') {
        expect(() => protectCommand(initiator, 'safe', toUtf8(`RETR ${name}`))).toThrow(RangeError);
        expect(() => client.send(toUtf8(`RETR ${name}`))).toThrow(RangeError);
      }
    }
  });

  it('a token with two commands is refused by servers, observers and captures, with every mechanism', () => {
    for (const row of ROWS) {
      for (const path of PATHS.filter(({ from }) => from === 'client')) {
        for (const text of [`SITE ${SECRET}\r\nDELE b\r\n`, `SITE ${SECRET}\nDELE b`, `SITE ${SECRET}\rb\r\n`]) {
          const contexts = row.contexts();
          const { token } = contexts.initiator.wrap(toUtf8(text), row.levels[0]!);
          const outcome = path.read(contexts, lineAround('client', row.levels[0]!, token));
          expect([row.name, path.name, outcome.texts, outcome.error]).toEqual([
            row.name,
            path.name,
            [],
            'syntax/bad-command',
          ]);
        }
      }
    }
  });
});

describe('smuggled inner replies and commands: one token answers two commands, or hides a second protected line', () => {
  const REPLIES = [
    `200 ${SECRET}\r\n230 Logged in\r\n`,
    `200 ${SECRET}\r\n200 ${SECRET}\r\n`,
    `200-${SECRET}\r\n200 a\r\n230 Logged in\r\n`,
    '631 QUJD\r\n',
    '632 QUJD\r\n',
    `200 ${SECRET}\n230 Logged in\r\n`,
    `200 ${SECRET}\r230 Logged in\r\n`,
    `600 ${SECRET}\r\n`,
    `099 ${SECRET}\r\n`,
    `${SECRET}\r\n`,
    '\r\n',
    '',
  ];
  const COMMANDS = ['MIC QUJD', 'ENC QUJD', 'CONF QUJD', 'enc QUJD', ' NOOP', '', '\r\n'];

  it('is refused by clients, servers, observers and captures, with every mechanism', () => {
    for (const row of ROWS) {
      const level = row.levels[0]!;
      for (const path of PATHS) {
        for (const text of path.from === 'server' ? REPLIES : COMMANDS) {
          const contexts = row.contexts();
          if (text === '' && contexts.initiator.neverEmpty) continue;
          const { token } = sidesOf(contexts, path.from).sender.wrap(toUtf8(text), level);
          const outcome = path.read(contexts, lineAround(path.from, level, token));
          expect([path.name, text, outcome.texts]).toEqual([path.name, text, []]);
          expect(outcome.error).toMatch(/^syntax\/bad-(reply|command)$/);
        }
      }
    }
  });

  it('a token is not cut into two lines by what is written around it', () => {
    for (const path of PATHS) {
      const contexts = pskContexts();
      const { sender } = sidesOf(contexts, path.from);
      const { token } = sender.wrap(toUtf8(path.from === 'client' ? 'NOOP\r\n' : '200 ok\r\n'), 'private');
      const word = path.from === 'client' ? 'ENC' : '632';
      const base64 = fromUtf8(encodeBase64(token));
      const cut = `${base64.slice(0, 8)}\r\n${word} ${base64.slice(8)}`;
      for (const text of [cut, `${base64}=`, `${base64}AAAA`, base64.slice(4)]) {
        expect(path.read(contexts, toUtf8(`${word} ${text}\r\n`)).texts).toEqual([]);
      }
    }
  });
});

describe('endless multi-line replies: a reply that never ends fills the memory', () => {
  const LIMIT = 10_000;
  const CHUNK = '200-and so on\r\n'.repeat(20);

  it('in the clear, it is refused at the limit of the reader', () => {
    const reader = new ReplyReader({ maxReply: LIMIT });
    expect(
      octetsUntilRefused(
        octets => [reader.push(octets), reader.next()],
        () => toUtf8(CHUNK),
      ),
    ).toBeLessThan(LIMIT * 1.1);
  });

  it('a line without an end too, in both directions', () => {
    for (const reader of [new LineReader({ maxLine: LIMIT }), new CommandReader({ maxLine: LIMIT })]) {
      const sent = octetsUntilRefused(
        octets => [reader.push(octets), reader.next()],
        () => new Uint8Array(500).fill(0x41),
      );
      expect(sent).toBeLessThan(LIMIT * 1.1);
    }
  });

  it('in tokens, whether of one outer reply or of many, it is refused at the limit, with every mechanism', () => {
    for (const row of ROWS) {
      const level = row.levels[0]!;
      const code = level === 'safe' ? '631' : '632';
      for (const separator of ['-', ' ']) {
        const { initiator, acceptor } = row.contexts();
        const client = securedClient(initiator, { maxReply: LIMIT });
        const inner = () => {
          const { token } = acceptor.wrap(toUtf8('200-and so on\r\n'), level);
          return concat(toUtf8(`${code}${separator}`), encodeBase64(token), toUtf8('\r\n'));
        };
        const sent = octetsUntilRefused(octets => [client.receive(octets), client.next()], inner);
        // Inner replies of several outer ones are limited by what is in their tokens.
        expect(sent).toBeLessThan(LIMIT * 20);
      }
    }
  });

  function octetsUntilRefused(read: (octets: Uint8Array) => unknown, next: () => Uint8Array): number {
    for (let sent = 0; sent < 100 * LIMIT; ) {
      const octets = next();
      sent += octets.length;
      try {
        read(octets);
      } catch (error) {
        if (!(error instanceof FtpSecurityError)) throw error;
        expect(error.code).toBe('syntax/limit-exceeded');
        return sent;
      }
    }
    throw new Error('it was never refused');
  }
});
