/** Lines that an attacker removes, moves or repeats: what a session concludes from the sequence numbers behind them. */
import { describe, expect, it } from 'vitest';
import { concat, fromUtf8, toUtf8, u32be, viewOf } from '../../src/bytes.js';
import type { FtpSecurityError } from '../../src/errors.js';
import { parseCommand } from '../../src/ftp/command.js';
import { parseReply } from '../../src/ftp/reply.js';
import { krb5Context } from '../../src/mechanisms/krb5/index.js';
import { protectReply } from '../../src/protection/protect.js';
import { decodeProtectedCommand } from '../../src/protection/protected-command.js';
import { decodeProtectedReply, encodeProtectedReply } from '../../src/protection/protected-reply.js';
import type { CommandEvent } from '../../src/session/events.js';
import { errorOf, expectCode } from '../helpers.js';
import { MECHANISMS, type MechanismRow, NUMBERED } from './mechanisms.js';
import { type Contexts, Pair, type PairOptions, pskContexts, secured } from './pair.js';

const FILE = new Uint8Array(300).fill(0x41);
const WEAK = { client: { allowWeak: true }, server: { allowWeak: true } };
type Transfer = 'STOR a' | 'RETR a';

/** A pair, and how an attacker removes its lines. */
class Course {
  readonly pair: Pair;
  readonly #contexts: Contexts;

  constructor({ contexts }: MechanismRow, lines: readonly string[], options: PairOptions = WEAK) {
    this.#contexts = contexts();
    // The refusal of a line would end the client.
    const client = { ...options.client, allowInsertedLines: true };
    this.pair = secured({ ...options, client, contexts: this.#contexts });
    for (const line of lines) this.pair.settle(line);
  }

  /** What a side says never comes: it has used a number. */
  gap(from: 'client' | 'server'): void {
    const { initiator, acceptor } = this.#contexts;
    (from === 'client' ? initiator : acceptor).wrap(toUtf8('200 lost'), 'safe');
  }

  /** The next line of a side: what becomes of it. */
  heard(from: 'client' | 'server'): string {
    const { client, server } = this.pair;
    const event = this.pair.toServer(client.send(toUtf8('NOOP'), 'private'));
    if (event?.type === 'answered') {
      this.pair.toClient(event.octets);
      return `${event.error?.code}`;
    }
    if (event?.type !== 'command') throw new Error('it waits');
    const octets = server.reply(200, 'next', event);
    if (from === 'client') {
      this.pair.toClient(octets);
      return event.sequence;
    }
    return this.#replied(octets);
  }

  #replied(octets: Uint8Array): string {
    try {
      const reply = this.pair.toClient(octets);
      return reply?.type === 'reply' ? reply.sequence : `${reply?.type}`;
    } catch (error) {
      return (error as FtpSecurityError).code;
    }
  }

  /** A transfer up to what comes behind its 150. */
  begin(command: Transfer) {
    const { client, server } = this.pair;
    const [from, to] = command === 'STOR a' ? [client, server] : [server, client];
    const event = this.pair.command(command);
    this.pair.reply(server.reply(150, 'go on', event));
    const reader = to.dataReader();
    const writer = from.dataWriter();
    const octets = concat(writer.write(FILE), writer.end());
    return {
      event,
      blocks: () => blocksOf(octets),
      read(blocks?: Uint8Array[]) {
        reader.push(blocks === undefined ? octets : concat(...blocks));
        while (reader.next() !== undefined);
        return reader.ended;
      },
      end: (code = 226) => this.#replied(server.reply(code, 'so it ends', event)),
    };
  }
}

function blocksOf(octets: Uint8Array): Uint8Array[] {
  const blocks: Uint8Array[] = [];
  for (let start = 0; start < octets.length; ) {
    const end = start + 4 + viewOf(octets).getUint32(start);
    blocks.push(octets.subarray(start, end));
    start = end;
  }
  return blocks;
}

const SIDES = ['client', 'server'] as const;
const MISSED = 'security/out-of-sequence';
const at = (letter: string, ...more: string[]) => ['PBSZ 128', `PROT ${letter}`, ...more];
/** The transfer whose blocks a side sends. */
const OWN = { client: 'STOR a', server: 'RETR a' } as const;
const OTHER = { client: 'RETR a', server: 'STOR a' } as const;

describe.each(NUMBERED)('a line that was taken out, $name', row => {
  it.each(SIDES)('of the %s is reported, at every PBSZ and PROT', from => {
    for (const lines of [[], ['PBSZ 128'], at('C'), at('P'), at('P', 'CCC')]) {
      const course = new Course(row, lines);
      course.gap(from);
      expect(course.heard(from)).toBe(MISSED);
      if (from === 'client') expect([course.heard(from), course.heard(from)]).toEqual(['ok', 'ok']);
    }
  });

  it.each(SIDES)('of the %s is a gap with allowMissingLines, and a moved line is refused all the same', from => {
    const allowed = { client: { allowMissingLines: true }, server: { allowMissingLines: true } };
    const course = new Course(row, [], {
      client: { ...WEAK.client, ...allowed.client },
      server: { ...WEAK.server, ...allowed.server },
    });
    course.gap(from);
    expect([course.heard(from), course.heard(from)]).toEqual(['gap', 'ok']);
  });

  it.each(SIDES)('of the %s is reported during a transfer that uses no numbers of its lines', from => {
    const courses: [string, Transfer][] = [
      ['C', OWN[from]],
      ['C', OTHER[from]],
      ['P', OTHER[from]],
      ...(row.letters.includes('E') ? [['E', OWN[from]] satisfies [string, Transfer]] : []),
    ];
    for (const [letter, command] of courses) {
      const course = new Course(row, at(letter));
      const transfer = course.begin(command);
      course.gap(from);
      if (from === 'server') expect(transfer.end(), letter + command).toBe(MISSED);
      else if (letter !== 'E') {
        // What the session answers itself waits for the end of the transfer.
        expect(course.pair.toServer(course.pair.client.send(toUtf8('STAT'), 'private'))).toBeUndefined();
        transfer.end();
        expect(course.pair.server.next(), letter + command).toMatchObject({ code: 535, error: { code: MISSED } });
      }
    }
  });

  it('of the server is reported after the end of any transfer', () => {
    for (const letter of ['S', 'P']) {
      for (const code of [226, 426]) {
        const unread = new Course(row, at(letter));
        expect(unread.begin('RETR a').end(code)).toBe('gap');
        unread.gap('server');
        expect(unread.heard('server')).toBe(MISSED);
      }
    }
  });

  it('of the client is reported after a transfer that was read, else after the next line', () => {
    for (const letter of ['S', 'P']) {
      const read = new Course(row, at(letter));
      const whole = read.begin('STOR a');
      expect(whole.read()).toBe(true);
      expect(whole.end()).toBe('ok');
      read.gap('client');
      expect(read.heard('client')).toBe(MISSED);
      for (const code of [226, 426, 552]) {
        const unread = new Course(row, at(letter));
        unread.begin('STOR a').end(code);
        expect(unread.heard('client')).toBe('gap');
        unread.gap('client');
        expect(unread.heard('client')).toBe(MISSED);
      }
    }
  });

  it('is not explained by a transfer that was refused', () => {
    for (const from of SIDES) {
      const course = new Course(row, at('P'));
      course.pair.reply(course.pair.server.reply(550, 'no', course.pair.command(OWN[from])));
      course.gap(from);
      expect(course.heard(from)).toBe(MISSED);
    }
  });

  it('is not reported during a transfer, whose blocks could have its number', () => {
    const course = new Course(row, at('P'));
    const transfer = course.begin('RETR a');
    const status = course.pair.command('STAT');
    course.pair.reply(course.pair.server.reply(211, 'going on', status));
    expect(transfer.end()).toBe('ok');
    const read = new Course(row, at('P'));
    const upload = read.begin('STOR a');
    upload.read();
    expect(read.pair.command('STAT').sequence).toBe('ok'); // Behind the last block it leaves no number out.
  });

  it('of the server is reported after the last block of a transfer, before its final reply too', () => {
    for (const letter of ['S', 'P']) {
      const course = new Course(row, at(letter));
      const transfer = course.begin('RETR a');
      expect(transfer.read()).toBe(true);
      course.gap('server');
      expect(transfer.end(451), letter).toBe(MISSED);
    }
  });

  it('of the client is reported after the last block of a transfer, before its final reply too', () => {
    const course = new Course(row, at('P'));
    const { read } = course.begin('STOR a');
    expect(read()).toBe(true);
    course.gap('client');
    expect(course.pair.toServer(course.pair.client.send(toUtf8('STAT')))).toBeUndefined();
  });

  it('ends the connection of a server, because later commands were meant to come after the missing one', () => {
    const course = new Course(row, []);
    const { client, server } = course.pair;
    course.gap('client');
    const event = course.pair.toServer(client.send(toUtf8('DELE a')), client.send(toUtf8('DELE b')));
    expect(event).toMatchObject({ code: 535, error: { code: MISSED }, ends: true });
    expect(server.reply(421, 'bye').length).toBeGreaterThan(0);
  });
});

describe.each(NUMBERED)('blocks that were taken out, $name', row => {
  const courses = (['STOR a', 'RETR a'] as const).flatMap(command => [[], ['CCC']].map(ccc => [command, ccc] as const));

  it.each(courses)('%s %s: the reader reports them, after any earlier transfer', (command, ccc) => {
    for (const before of ['none', 'whole', 'other'] as const) {
      for (const taken of [0, 1, 2]) {
        const course = new Course(row, at('P', ...ccc));
        if (before !== 'none') {
          const earlier = course.begin(before === 'whole' ? command : command === 'STOR a' ? 'RETR a' : 'STOR a');
          earlier.read();
          earlier.end();
        }
        const { blocks, read } = course.begin(command);
        expectCode(() => read(blocks().filter((_, i) => i !== taken)), MISSED);
      }
    }
  });

  it.each(courses)(
    '%s %s: after a transfer that was not read, only the first ones can go unnoticed, and only after CCC',
    (command, ccc) => {
      for (const taken of [0, 1]) {
        const course = new Course(row, at('P', ...ccc));
        course.begin(command).end(426);
        const { blocks, read } = course.begin(command);
        const run = () => read(blocks().filter((_, i) => i !== taken));
        if (ccc.length > 0 && taken === 0) expect(run()).toBe(true);
        else expectCode(run, MISSED);
      }
    },
  );

  it.each(courses)('%s %s: blocks of an earlier transfer that was read cannot replace them', (command, ccc) => {
    const course = new Course(row, at('P', ...ccc));
    const earlier = course.begin(command);
    const [first, ...rest] = earlier.blocks();
    expectCode(() => earlier.read([...rest]), MISSED);
    earlier.end(426);
    expectCode(() => course.begin(command).read([first!]), MISSED);
  });
});

describe.each(NUMBERED)('the 1yz of a download, $name', row => {
  it('cannot be used as its first block: no block is accepted before it', () => {
    for (const letter of ['S', 'P']) {
      for (const early of [true, false]) {
        const { pair } = new Course(row, at(letter));
        const made = early ? pair.client.dataReader() : undefined;
        const event = pair.command('RETR a');
        const line = parseReply(pair.server.reply(150, 'go on', event));
        const [token] = decodeProtectedReply(line).tokens;
        const writer = pair.server.dataWriter();
        const reader = made ?? pair.client.dataReader();
        reader.push(concat(u32be(token!.length), token!, writer.write(FILE), writer.end()));
        expectCode(() => reader.next(), MISSED);
      }
    }
  });
});

describe.each(MECHANISMS)('a line that could be moved into a file, $name', row => {
  const refused = (run: () => unknown) => {
    const error = errorOf(run);
    expect([error.code, error.side]).toEqual(['sequence/unexpected-command', 'local']);
    expect(error.message).toMatch(/file/);
  };

  it.each(['STOR a', 'STOU', 'APPE a'])('is not sent between %s and its final reply', upload => {
    for (const letter of ['S', 'P']) {
      const { pair } = new Course(row, at(letter));
      const event = pair.command(upload);
      const tries = () => {
        for (const command of ['NOOP', 'CWD b', 'DELE a', 'PROT C', 'STOR b']) {
          refused(() => pair.client.send(toUtf8(command)));
        }
      };
      tries();
      pair.reply(pair.server.reply(150, 'go on', event));
      tries();
      expect(pair.client.pending.map(({ verb }) => verb)).toEqual([event.command.verb]);
      pair.reply(pair.server.reply(226, 'done', event));
      expect(pair.command('NOOP').level).toBe('private');
    }
  });

  it('is sent if no PROT that waits would protect the file', () => {
    const { client } = new Course(row, at('C')).pair;
    for (const line of ['PROT C', 'STOR a']) client.send(toUtf8(line));
    expect(client.send(toUtf8('NOOP'))).toBeDefined();
  });

  it('is sent if no block of ours could have its number', () => {
    const unprotected = new Course(row, at('C'));
    unprotected.begin('STOR a');
    expect(unprotected.pair.command('STAT').level).toBe('private');
    const download = new Course(row, at('P'));
    download.begin('RETR a');
    expect(download.pair.command('STAT').level).toBe('private');
    const cleared = new Course(row, at('P', 'CCC'));
    cleared.begin('STOR a');
    expect(cleared.pair.command('STAT').level).toBe('clear');
    refused(() => cleared.pair.client.send(toUtf8('NOOP'), 'private'));
    const refusedUpload = new Course(row, at('P'));
    refusedUpload.pair.reply(refusedUpload.pair.server.reply(553, 'no', refusedUpload.pair.command('STOR a')));
    expect(refusedUpload.pair.command('NOOP').level).toBe('private');
  });

  it('is not sent while PROT and an upload wait', () => {
    const { client } = new Course(row, ['PBSZ 128']).pair;
    client.send(toUtf8('PROT P'));
    client.send(toUtf8('STOR a'));
    refused(() => client.send(toUtf8('NOOP')));
    const other = new Course(row, ['PBSZ 128']);
    expect(other.pair.settle(`PROT ${row.letters.at(-1)}`).reply.code).toBe(200);
    other.pair.settle('PROT C');
    other.pair.command('STOR a');
    expect(other.pair.command('NOOP').level).toBe('private');
  });

  it('is sent if it is ABOR, which leaves the file without an end', () => {
    const course = new Course(row, at('P'));
    const { pair } = course;
    const event = pair.command('STOR a');
    pair.reply(pair.server.reply(150, 'go on', event));
    const reader = pair.server.dataReader();
    const blocks = blocksOf(pair.client.dataWriter().write(FILE));
    const line = new TextDecoder().decode(pair.client.send(toUtf8('ABOR')));
    const token = decodeProtectedCommand(parseCommand(toUtf8(line.trimEnd()))).token;
    reader.push(concat(...blocks, u32be(token.length), token));
    while (reader.next() !== undefined);
    expectCode(() => reader.close(), 'syntax/truncated');
  });

  it('leaves the file without an end if it is ABOR, also for a writer that is made later', () => {
    const { pair } = new Course(row, at('P'));
    const event = pair.command('STOR a');
    pair.reply(pair.server.reply(150, 'go on', event));
    const writer = pair.client.dataWriter();
    writer.write(FILE);
    pair.client.check(toUtf8('ABOR'));
    writer.write(FILE);
    const abort = pair.command('ABOR');
    for (const one of [writer, pair.client.dataWriter()]) {
      expectCode(() => one.end(), 'sequence/closed');
      expectCode(() => one.write(FILE), 'sequence/closed');
    }
    pair.reply(pair.server.reply(426, 'aborted', event));
    pair.reply(pair.server.reply(226, 'aborted', abort));
    const next = pair.command('STOR a');
    pair.reply(pair.server.reply(150, 'go on', next));
    expect(pair.client.dataWriter().end().length).toBeGreaterThan(0);
  });

  it('leaves the file without an end if it is ABOR, also where a download ends after it', () => {
    for (const isLate of [false, true]) {
      const { pair } = new Course(row, at('P'));
      const download = pair.command('RETR b');
      const upload = pair.command('STOR a');
      const early = isLate ? undefined : pair.client.dataWriter();
      const abort = isLate ? pair.command('ABOR') : undefined;
      pair.reply(pair.server.reply(226, 'done', download));
      if (!isLate) pair.command('ABOR');
      pair.reply(pair.server.reply(150, 'go on', upload));
      for (const one of [early, pair.client.dataWriter()]) {
        if (one !== undefined) expectCode(() => one.end(), 'sequence/closed');
      }
      pair.reply(pair.server.reply(426, 'aborted', upload));
      if (abort !== undefined) pair.reply(pair.server.reply(226, 'aborted', abort));
      expect(pair.client.dataWriter().end().length).toBeGreaterThan(0);
    }
  });

  it('uses only one number if no block is sent: STAT and its reply leave numbers out only during a protected transfer', () => {
    const sequences = (lines: string[], command: Transfer) => {
      const course = new Course(row, lines);
      const { pair } = course;
      const event = pair.command(command);
      pair.reply(pair.server.reply(150, 'go on', event));
      const status = pair.command('STAT');
      const said = pair.reply(pair.server.reply(211, 'going on', status));
      return [status.sequence, said.sequence, said.command?.verb];
    };
    const ok = row.name === 'KERBEROS_V4' ? 'none' : 'ok';
    const gap = row.name === 'KERBEROS_V4' ? 'none' : 'gap';
    expect(sequences(at('P'), 'RETR a')).toEqual([ok, gap, 'STAT']);
    expect(sequences(at('S'), 'STOR a')).toEqual([gap, ok, 'STAT']);
    expect(sequences(at('C'), 'RETR a')).toEqual([ok, ok, 'STAT']);
    expect(sequences(at('C'), 'STOR a')).toEqual([ok, ok, 'STAT']);
    expect(sequences(at('P', 'CCC'), 'RETR a')).toEqual(['none', 'none', 'STAT']);
    expect(sequences(at('P', 'CCC'), 'STOR a')).toEqual(['none', 'none', 'STAT']);
  });
});

/** A token of a line as a block. */
function asBlock(line: Uint8Array): Uint8Array {
  const [, base64 = ''] = /^\S+ (\S+)\r\n$/.exec(fromUtf8(line)) ?? [];
  const token = Uint8Array.from(Buffer.from(base64, 'base64'));
  return concat(u32be(token.length), token);
}

describe.each(NUMBERED)('a line that was moved into a file, $name', row => {
  it.each([0, 1, 2])('is refused there: STAT, QUIT and the reply to STAT, after block %i', place => {
    for (const [command, said] of [
      ['STOR a', 'STAT'],
      ['STOR a', 'QUIT'],
      ['RETR a', 'reply'],
    ] as const) {
      const { pair } = new Course(row, at('P'));
      const event = pair.command(command);
      pair.reply(pair.server.reply(150, 'go on', event));
      const reader = command === 'STOR a' ? pair.server.dataReader() : pair.client.dataReader();
      const writer = command === 'STOR a' ? pair.client.dataWriter() : pair.server.dataWriter();
      const before = writer.write(FILE.subarray(0, 100 * place));
      const line =
        said === 'reply'
          ? pair.server.reply(211, 'going on', pair.command('STAT'))
          : pair.client.send(toUtf8(said), 'private');
      reader.push(concat(before, asBlock(line), writer.end()));
      expectCode(() => {
        while (reader.next() !== undefined);
      }, MISSED);
    }
  });
});

describe.each(NUMBERED)('a further 1yz reply to a download, $name', row => {
  it('leaves a number out, so that it is refused within the file and accepted in its place', () => {
    for (const isMoved of [true, false]) {
      const { pair } = new Course(row, at('P'));
      const event = pair.command('RETR a');
      pair.reply(pair.server.reply(150, 'go on', event));
      const reader = pair.client.dataReader();
      const writer = pair.server.dataWriter();
      const before = writer.write(FILE.subarray(0, 100));
      const line = pair.server.reply(110, 'MARK a = b', event);
      const read = (octets: Uint8Array) => {
        reader.push(octets);
        while (reader.next() !== undefined);
      };
      if (isMoved) expectCode(() => read(concat(before, asBlock(line), writer.end())), MISSED);
      else {
        read(before);
        expect(pair.toClient(line)).toMatchObject({ type: 'reply', reply: { code: 110 } });
      }
    }
  });

  it('leaves one out in every download, also before its writer is made', () => {
    const course = new Course(row, at('P'));
    const { pair } = course;
    const earlier = course.begin('RETR a');
    expect(earlier.read()).toBe(true);
    earlier.end();
    const event = pair.command('RETR b');
    pair.reply(pair.server.reply(150, 'go on', event));
    const reader = pair.client.dataReader();
    const line = pair.server.reply(110, 'MARK a = b', event);
    reader.push(concat(asBlock(line), pair.server.dataWriter().end()));
    expectCode(() => reader.next(), MISSED);
  });
});

it('under KERBEROS_V4, which has no numbers, nothing is reported', () => {
  const row = MECHANISMS.find(({ name }) => name === 'KERBEROS_V4')!;
  const course = new Course(row, at('P'));
  for (const from of SIDES) {
    course.gap(from);
    expect(course.heard(from)).toBe('none');
  }
  const { blocks, read } = course.begin('RETR a');
  expect(read(blocks().slice(1))).toBe(true);
});

describe('a reply that overtakes', () => {
  /** STAT during a RETR, each at its level, after CCC. */
  const during = (
    retr: 'clear' | 'private' | 'confidential',
    stat: 'clear' | 'private' | 'confidential',
    client = {},
  ) => {
    const contexts = pskContexts();
    const pair = secured({ contexts, client });
    pair.settle('CCC');
    const event = pair.toServer(pair.client.send(toUtf8('RETR a'), retr)) as CommandEvent;
    pair.reply(pair.server.reply(150, 'go on', event));
    pair.client.send(toUtf8('STAT'), stat);
    return { pair, acceptor: contexts.acceptor };
  };

  it('in the clear answers STAT in the clear, whatever RETR had', () => {
    const { pair } = during('private', 'clear');
    expect(pair.toClient('211 going on')).toMatchObject({ level: 'clear', command: { verb: 'STAT' } });
    expectCode(() => pair.toClient('226 done'), 'sequence/unprotected');
  });

  it('in the clear does not answer a protected STAT, whatever RETR had', () => {
    expectCode(() => during('clear', 'private').pair.toClient('211 going on'), 'sequence/unprotected');
  });

  it('that is protected answers a protected STAT without any deviation', () => {
    const { pair, acceptor } = during('clear', 'private');
    const event = pair.toClient(protectReply(acceptor, 'private', toUtf8('211 going on')));
    expect(event).toMatchObject({ level: 'private', tolerated: [], command: { verb: 'STAT' } });
    const other = during('private', 'clear');
    const odd = other.pair.toClient(protectReply(other.acceptor, 'private', toUtf8('211 going on')));
    expect(odd).toMatchObject({ tolerated: ['protected-after-ccc'], command: { verb: 'STAT' } });
    const strict = during('private', 'clear', { tolerate: [] });
    expectCode(
      () => strict.pair.toClient(protectReply(strict.acceptor, 'private', toUtf8('211 going on'))),
      'sequence/wrong-level',
    );
  });

  it('must have the integrity of STAT, and not that of RETR', () => {
    const said = ({ pair, acceptor }: ReturnType<typeof during>) =>
      pair.toClient(protectReply(acceptor, 'confidential', toUtf8('211 going on')));
    expect(said(during('private', 'confidential'))).toMatchObject({ level: 'confidential', command: { verb: 'STAT' } });
    expectCode(() => said(during('confidential', 'private')), 'sequence/wrong-level');
    const { pair, acceptor } = during('confidential', 'private');
    const { token } = acceptor.wrap(toUtf8('211 going on'), 'private');
    const event = pair.toClient(encodeProtectedReply({ level: 'confidential', tokens: [token] }));
    expect(event).toMatchObject({ level: 'private', tolerated: ['integrity-under-633'] });
  });
});

describe('a peer that accepts only the next token', () => {
  /** Kerberos contexts that require order on both sides, and the fact that says so. */
  function strictlyOrdered(...lines: string[]): Pair {
    const shared = { enctype: 18, key: new Uint8Array(32).fill(1), acceptorSubkey: true, strictOrder: true };
    const initiator = krb5Context({ ...shared, role: 'initiator', sendSequence: 7, receiveSequence: 9 });
    const acceptor = krb5Context({ ...shared, role: 'acceptor', sendSequence: 9, receiveSequence: 7 });
    const pair = new Pair().secure({ initiator, acceptor }, { inOrder: true });
    for (const line of lines) pair.settle(line);
    return pair;
  }

  it.each(['STAT', 'QUIT'])('is not sent %s during a protected upload, which goes on, but after it', verb => {
    const pair = strictlyOrdered(...at('P'));
    const upload = pair.command('STOR a');
    const writer = pair.client.dataWriter();
    pair.reply(pair.server.reply(150, 'go on', upload));
    const begun = writer.write(FILE);
    expectCode(() => pair.client.send(toUtf8(verb)), 'sequence/unexpected-command');
    const reader = pair.server.dataReader();
    reader.push(concat(begun, writer.end()));
    while (reader.next() !== undefined);
    expect(reader.ended).toBe(true);
    pair.reply(pair.server.reply(226, 'done', upload));
    expect(pair.command(verb).sequence).toBe('ok');
  });

  it('may be sent STAT during a transfer whose blocks have no numbers of these lines', () => {
    for (const [letter, transfer] of [
      ['C', 'STOR a'],
      ['P', 'RETR a'],
    ] as const) {
      const pair = strictlyOrdered(...at(letter));
      pair.reply(pair.server.reply(150, 'go on', pair.command(transfer)));
      expect(pair.command('STAT').sequence).toBe('ok');
    }
  });

  it('is sent no further 1yz reply during its protected download, and misses no number then', () => {
    const pair = strictlyOrdered(...at('P'));
    const download = pair.command('RETR a');
    pair.reply(pair.server.reply(150, 'go on', download));
    expect(() => pair.server.reply(110, 'MARK a = b', download)).toThrow(RangeError);
    const reader = pair.client.dataReader();
    reader.push(pair.server.dataWriter().end());
    while (reader.next() !== undefined);
    expect(pair.reply(pair.server.reply(226, 'done', download)).sequence).toBe('ok');
  });

  it('gets the reply to STAT during its protected download after the final reply to that', () => {
    const pair = strictlyOrdered(...at('P'));
    const download = pair.command('RETR a');
    pair.reply(pair.server.reply(150, 'go on', download));
    const writer = pair.server.dataWriter();
    const begun = writer.write(FILE);
    const status = pair.command('STAT');
    expect(pair.server.reply(211, 'going on', status)).toHaveLength(0);
    const reader = pair.client.dataReader();
    reader.push(concat(begun, writer.end()));
    while (reader.next() !== undefined);
    expect(reader.ended).toBe(true);
    const { command, sequence } = pair.reply(pair.server.reply(226, 'done', download));
    expect([command?.verb, sequence]).toEqual(['RETR', 'ok']);
    const next = pair.client.next();
    expect(next).toMatchObject({ command: { verb: 'STAT' }, sequence: 'ok' });
  });
});

it('a client guards an upload if any PROT that waits may protect it, also if a later one is refused', () => {
  const pair = secured({ server: { transfers: ['private'] } });
  pair.settle('PBSZ 1000');
  const events = ['PROT P', 'PROT C', 'STOR a'].map(line => pair.toServer(pair.client.send(toUtf8(line)))!);
  const codes = events.map(event => {
    const octets = event.type === 'answered' ? event.octets : pair.server.reply(150, 'go on', event as CommandEvent);
    return (pair.toClient(octets) as { reply: { code: number } }).reply.code;
  });
  expect([codes, pair.client.protection]).toEqual([[200, 534, 150], 'private']);
  expectCode(() => pair.client.send(toUtf8('NOOP')), 'sequence/unexpected-command');
});
