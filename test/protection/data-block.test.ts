import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { concat, u32be } from '../../src/bytes.js';
import type { ErrorCode } from '../../src/errors.js';
import { type BlockOptions, BlockReader, BlockWriter } from '../../src/protection/data-block.js';
import type { SecurityContext } from '../../src/protection/mechanism.js';
import type { ProtectionLevel, TokenLevel } from '../../src/protection/protection-level.js';
import { growth, inChunks, LINEAR, octetByOctet, readAll } from '../ftp/readers.js';
import { ascii, errorOf, expectCode } from '../helpers.js';
import { contextPair, ENCTYPE_NUMBERS } from '../mechanisms/krb5/tokens.js';
import { pskSubject } from '../mechanisms/psk/subject.js';
import { PASSING, visibleContext, visibleToken } from './visible-context.js';

const TEXT = Uint8Array.from({ length: 5000 }, (_, i) => (i * 31) ^ (i >> 5));
const PBSZ = 1024;

const PAIRS: [
  name: string,
  levels: TokenLevel[],
  pair: () => { initiator: SecurityContext; acceptor: SecurityContext },
][] = [
  ['X-PSK', ['safe', 'confidential', 'private'], () => pskSubject.contexts() as never],
  ...ENCTYPE_NUMBERS.map((enctype): (typeof PAIRS)[number] => [
    `enctype ${enctype}`,
    ['safe', 'private'],
    () => contextPair(enctype),
  ]),
];

/** The octets of a whole transfer. */
function sent(context: SecurityContext, level: ProtectionLevel, chunks: Uint8Array[], bufferSize = PBSZ): Uint8Array {
  const writer = new BlockWriter(context, level, { bufferSize });
  return concat(...chunks.map(chunk => writer.write(chunk)), writer.end());
}

interface Received {
  text: Uint8Array;
  blocks: number;
  error: ErrorCode | undefined;
  ended: boolean;
}

function received(context: SecurityContext, level: ProtectionLevel, chunks: Uint8Array[], bufferSize = PBSZ): Received {
  const reader = new BlockReader(context, level, { bufferSize });
  const texts: Uint8Array[] = [];
  let error: ErrorCode | undefined;
  try {
    for (const chunk of chunks) {
      reader.push(chunk);
      for (let text = reader.next(); text !== undefined; text = reader.next()) texts.push(text);
    }
    reader.close();
  } catch (thrown) {
    error = errorOf(() => {
      throw thrown;
    }).code;
  }
  return { text: concat(...texts), blocks: texts.length, error, ended: reader.ended };
}

/** The blocks of a transfer, each with its length. */
function blocksOf(wire: Uint8Array): Uint8Array[] {
  const blocks: Uint8Array[] = [];
  for (let at = 0; at < wire.length; ) {
    const length = new DataView(wire.buffer, wire.byteOffset + at).getUint32(0);
    blocks.push(wire.subarray(at, at + 4 + length));
    at += 4 + length;
  }
  return blocks;
}

function block(token: Uint8Array): Uint8Array {
  return concat(u32be(token.length), token);
}

describe.each(PAIRS)('blocks of %s', (_, levels, contexts) => {
  it.each(levels)('at level %s: what is read is what was written, in any chunks', async level => {
    const { initiator, acceptor } = await contexts();
    const wire = sent(initiator, level, [TEXT.subarray(0, 1), TEXT.subarray(1, 3000), TEXT.subarray(3000)]);
    expect(blocksOf(wire).every(it => it.length <= PBSZ + 4)).toBe(true);
    expect(received(acceptor, level, octetByOctet(wire))).toMatchObject({ text: TEXT, error: undefined, ended: true });
    const back = sent(acceptor, level, octetByOctet(TEXT));
    expect(received(initiator, level, [back])).toMatchObject({ text: TEXT, error: undefined, ended: true });
  });

  it.each(levels)('at level %s: blocks are as full as the buffer allows', async level => {
    const { initiator, acceptor } = await contexts();
    const size = initiator.wrapSizeLimit(level, PBSZ);
    const texts = [size - 1, size, size + 1, 2 * size].map(length => TEXT.subarray(0, length));
    const counts = texts.map(text => {
      const wire = sent(initiator, level, [text]);
      expect(received(acceptor, level, [wire])).toMatchObject({ text, error: undefined });
      return blocksOf(wire).length;
    });
    expect(counts).toEqual([2, 2, 3, 3]);
  });

  it.each(levels)('at level %s: the smallest buffer that holds an octet serves, one less does not', async level => {
    const { initiator, acceptor } = await contexts();
    let smallest = 1;
    while (initiator.wrapSizeLimit(level, smallest) === 0) smallest++;
    const text = TEXT.subarray(0, 20);
    const wire = sent(initiator, level, [text], smallest);
    expect(received(acceptor, level, [wire], smallest)).toMatchObject({ text, error: undefined });
    const error = errorOf(() => new BlockWriter(initiator, level, { bufferSize: smallest - 1 }));
    expect([error.code, error.side]).toEqual(['syntax/limit-exceeded', 'local']);
  });
});

describe('a transfer', () => {
  const whole = async (level: TokenLevel = 'private') => {
    const { initiator, acceptor } = await pskSubject.contexts();
    return { acceptor, wire: sent(initiator, level, [TEXT]) };
  };

  it('ends with the block of zero octets, and an empty file is that block', async () => {
    const { initiator, acceptor } = await pskSubject.contexts();
    const wire = sent(initiator, 'safe', []);
    expect(wire.length).toBe(4 + 9 + 32);
    expect(received(acceptor, 'safe', [wire])).toEqual({
      text: new Uint8Array(),
      blocks: 0,
      error: undefined,
      ended: true,
    });
  });

  it('is truncated wherever it is cut', async () => {
    const { initiator, acceptor } = await pskSubject.contexts();
    for (let cut = 0; ; cut++) {
      const wire = sent(initiator, 'safe', [TEXT.subarray(0, 40)], 60);
      if (cut >= wire.length) break;
      const { error, ended, text } = received(acceptor, 'safe', [wire.subarray(0, cut)], 60);
      expect([error, ended]).toEqual(['syntax/truncated', false]);
      expect(text).toEqual(TEXT.subarray(0, text.length));
    }
  });

  it.each(['safe', 'private'] as const)('at level %s gives no text from a flipped bit on', async level => {
    const { initiator, acceptor } = await pskSubject.contexts();
    const length = sent(initiator, level, [TEXT.subarray(0, 100)], 100).length;
    fc.assert(
      fc.property(fc.nat(8 * length - 1), bit => {
        const wire = sent(initiator, level, [TEXT.subarray(0, 100)], 100);
        const good = blocksOf(wire);
        wire[bit >> 3]! ^= 1 << (bit & 7);
        const { text, error, ended } = received(acceptor, level, [wire], 100);
        expect(error).toBeDefined();
        expect(ended).toBe(false);
        const before = good.findIndex((_, index) => concat(...good.slice(0, index + 1)).length > bit >> 3);
        const size = initiator.wrapSizeLimit(level, 100);
        expect(text).toEqual(TEXT.subarray(0, Math.min(before * size, 100)));
      }),
    );
  });

  it('is the same in any chunks, and chunks are not kept', async () => {
    const { initiator, acceptor } = await pskSubject.contexts();
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 400 }),
        fc.array(fc.nat(90)),
        fc.array(fc.nat(90)),
        (text, mine, theirs) => {
          const parts = inChunks(text, mine).map(part => Buffer.from(part));
          const writer = new BlockWriter(initiator, 'private', { bufferSize: 80 });
          const wire = concat(...parts.map(part => wiped(part, it => writer.write(it))), writer.end());
          const reader = new BlockReader(acceptor, 'private', { bufferSize: 80 });
          const texts = inChunks(wire, theirs).flatMap(part => {
            wiped(Buffer.from(part), it => reader.push(it));
            const ready: Uint8Array[] = [];
            for (let next = reader.next(); next !== undefined; next = reader.next()) ready.push(next);
            return ready;
          });
          reader.close();
          expect(texts.every(it => it.constructor === Uint8Array)).toBe(true);
          expect(concat(...texts)).toEqual(text);
        },
      ),
    );
  });

  it('refuses lengths that no block has, before any of it has come', async () => {
    const { acceptor } = await whole();
    const refused = (length: number, bufferSize = 0xffff_ffff) =>
      received(acceptor, 'safe', [u32be(length)], bufferSize).error;
    expect(refused(0)).toBe('syntax/bad-block');
    expect(refused(2 ** 31)).toBe('syntax/bad-block');
    expect(refused(0xffff_ffff)).toBe('syntax/bad-block');
    expect(refused(2 ** 31 - 1)).toBe('syntax/truncated');
    expect(refused(1025, 1024)).toBe('syntax/limit-exceeded');
    expect(refused(1024, 1024)).toBe('syntax/truncated');
  });

  it('rejects octets after the last block, at any time', async () => {
    for (const late of [false, true]) {
      const { wire, acceptor } = await whole();
      const more = Uint8Array.of(0);
      const chunks = late ? [wire, more] : [concat(wire, more)];
      expect(received(acceptor, 'private', chunks)).toMatchObject({ error: 'syntax/trailing-data', ended: false });
    }
    const { wire, acceptor } = await whole();
    const reader = new BlockReader(acceptor, 'private', { bufferSize: PBSZ });
    reader.push(wire);
    while (reader.next() !== undefined);
    reader.push(Uint8Array.of(0));
    expectCode(() => reader.close(), 'syntax/trailing-data');
    const again = await whole();
    const impatient = new BlockReader(again.acceptor, 'private', { bufferSize: PBSZ });
    impatient.push(again.wire);
    while (impatient.next() !== undefined);
    impatient.push(Uint8Array.of(0));
    expectCode(() => impatient.next(), 'syntax/trailing-data');
  });

  it('says which block is damaged', async () => {
    const { wire, acceptor } = await whole();
    const blocks = blocksOf(wire);
    blocks[2]![20]! ^= 1;
    const reader = new BlockReader(acceptor, 'private', { bufferSize: PBSZ });
    reader.push(concat(...blocks));
    const error = errorOf(() => {
      while (reader.next() !== undefined);
    });
    expect([error.code, error.message]).toEqual(['security/bad-checksum', expect.stringMatching(/^block 3: /)]);
  });

  it('refuses a block weaker than the level, and takes a stronger one', async () => {
    const weak = await whole('safe');
    expect(received(weak.acceptor, 'private', [weak.wire])).toMatchObject({ error: 'sequence/wrong-level', blocks: 0 });
    const unsigned = await whole('confidential');
    expect(received(unsigned.acceptor, 'safe', [unsigned.wire]).error).toBe('sequence/wrong-level');
    const strong = await whole('private');
    expect(received(strong.acceptor, 'safe', [strong.wire])).toMatchObject({ text: TEXT, error: undefined });
  });

  it('is answered by 535 after any failure', async () => {
    const { acceptor } = await whole();
    const reader = (octets: number[]) => {
      const it = new BlockReader(acceptor, 'safe', { bufferSize: 8 });
      it.push(Uint8Array.from(octets));
      return it;
    };
    expect(errorOf(() => reader([0, 0, 0, 9]).next()).reply).toBe(535);
    expect(errorOf(() => reader([]).close()).reply).toBe(535);
  });
});

describe('the order of blocks', () => {
  it.each(PAIRS)('is held by the numbers of %s: none twice, none swapped, none taken out', async (_, __, contexts) => {
    const damage: [ErrorCode, (blocks: Uint8Array[]) => Uint8Array[]][] = [
      ['security/replayed', ([a, b, ...rest]) => [a!, a!, b!, ...rest]],
      ['security/out-of-sequence', ([a, b, c, ...rest]) => [a!, c!, b!, ...rest]],
      ['security/out-of-sequence', ([a, b, ...rest]) => [b!, a!, ...rest]],
      ['security/out-of-sequence', ([a, , ...rest]) => [a!, ...rest]],
      ['security/out-of-sequence', blocks => [blocks[0]!, blocks.at(-1)!]],
    ];
    for (const [code, harm] of damage) {
      const { initiator, acceptor } = await contexts();
      const blocks = blocksOf(sent(initiator, 'private', [TEXT]));
      const { error, ended } = received(acceptor, 'private', harm(blocks));
      expect([error, ended]).toEqual([code, false]);
    }
  });

  it('is shared with the control connection, however far it is ahead', async () => {
    const { initiator, acceptor } = await pskSubject.contexts();
    const text = new Uint8Array(10_000);
    const wire = sent(initiator, 'private', [text], 28);
    const reply = initiator.wrap(ascii('226 Done\r\n'), 'safe');
    expect(acceptor.unwrap(reply.token).sequence).toBe('gap');
    const read = received(acceptor, 'private', [wire], 28);
    expect([read.error, read.blocks, read.ended]).toEqual([undefined, 3334, true]);
    const next = sent(initiator, 'private', [text], 28);
    expect(received(acceptor, 'private', [next], 28).text).toEqual(text);
  });

  it('lets tokens of the control connection in between, if they have been read or are waited for', async () => {
    const { initiator, acceptor } = await pskSubject.contexts();
    const writer = new BlockWriter(initiator, 'safe', { bufferSize: 60 });
    const wire = () => writer.write(new Uint8Array(19));
    const [first, status, second] = [wire(), initiator.wrap(ascii('STAT'), 'safe').token, wire()];
    const [command, third, end] = [initiator.wrap(ascii('STAT'), 'safe').token, wire(), writer.end()];
    const reader = new BlockReader(acceptor, 'safe', { bufferSize: 60, interleaved: true });
    reader.push(first);
    expect(reader.next()).toHaveLength(19);
    acceptor.unwrap(status);
    reader.push(concat(second, third, end));
    expect([reader.next(), reader.next(), reader.next()].map(it => it?.length)).toEqual([19, 19, undefined]);
    expect(reader.ended).toBe(true);
    expect(acceptor.unwrap(command).sequence).toBe('late');
  });

  it('begins after the last line, and no block is missing at its beginning', async () => {
    const transfer = async (harm: (blocks: Uint8Array[]) => Uint8Array[], said = true) => {
      const { initiator, acceptor } = await pskSubject.contexts();
      const before = initiator.wrap(ascii('STOR a'), 'safe').token;
      const blocks = blocksOf(sent(initiator, 'safe', [TEXT.subarray(0, 40)], 60));
      if (said) acceptor.unwrap(before);
      const after = acceptor.lastReceived ?? -1n;
      const first = vi.fn(() => ({ after }));
      const reader = new BlockReader(acceptor, 'safe', { bufferSize: 60, first });
      reader.push(concat(...harm(blocks)));
      expect(first).not.toHaveBeenCalled();
      const texts: Uint8Array[] = [];
      const drain = () => {
        for (let text = reader.next(); text !== undefined; text = reader.next()) texts.push(text);
      };
      return { run: drain, texts, first };
    };
    const whole = await transfer(blocks => blocks);
    whole.run();
    expect(concat(...whole.texts)).toEqual(TEXT.subarray(0, 40));
    expect(whole.first).toHaveBeenCalledTimes(1);
    for (const harm of [([, ...rest]) => rest, blocks => blocks.slice(-1), ([a, b, ...rest]) => [b!, a!, ...rest]] as ((
      blocks: Uint8Array[],
    ) => Uint8Array[])[]) {
      const { run, texts } = await transfer(harm);
      expect(errorOf(run).code).toBe('security/out-of-sequence');
      expect(texts).toEqual([]);
    }
    expect(errorOf((await transfer(blocks => blocks, false)).run).code).toBe('security/out-of-sequence');
  });

  it('knows a block that was moved to the control connection, where it passes for a line', async () => {
    for (const at of [0, 1]) {
      const { initiator, acceptor } = await pskSubject.contexts();
      acceptor.unwrap(initiator.wrap(ascii('STOR a'), 'safe').token);
      const blocks = blocksOf(sent(initiator, 'safe', [ascii('DELE bDELE c')], 47));
      const after = acceptor.lastReceived;
      const reader = new BlockReader(acceptor, 'safe', { bufferSize: 60, first: () => ({ after }) });
      acceptor.unwrap(blocks[at]!.subarray(4));
      blocks.splice(at, 1);
      reader.push(concat(...blocks));
      const error = errorOf(() => {
        while (reader.next() !== undefined);
      });
      expect([error.code, reader.ended]).toEqual(['security/out-of-sequence', false]);
    }
  });

  it('takes no blocks of a transfer before it, which never came', async () => {
    const { initiator, acceptor } = await pskSubject.contexts();
    const aborted = blocksOf(sent(initiator, 'safe', [TEXT.subarray(0, 40)], 60));
    acceptor.unwrap(initiator.wrap(ascii('STOR b'), 'safe').token);
    const after = acceptor.lastReceived;
    const reader = new BlockReader(acceptor, 'safe', { bufferSize: 60, first: () => ({ after }) });
    reader.push(aborted[0]!);
    expect(errorOf(() => reader.next()).code).toBe('security/out-of-sequence');
  });

  it('cannot be checked without numbers', () => {
    const context = visibleContext();
    const tokens = [visibleToken('safe', 1, 'b'), visibleToken('safe', 0, 'a'), visibleToken('safe', 2, '')];
    expect(received(context, 'safe', tokens.map(block)).text).toEqual(ascii('ba'));
  });
});

describe('in the clear', () => {
  it('octets pass, and the end of the connection is the end of the file', () => {
    const writer = new BlockWriter(undefined, 'clear');
    const wire = concat(writer.write(TEXT.subarray(0, 10)), writer.write(new Uint8Array()), writer.end());
    expect(wire).toEqual(TEXT.subarray(0, 10));
    const reader = new BlockReader(undefined, 'clear');
    expect(readAll(reader, octetByOctet(wire)).map(it => (it as Uint8Array)[0])).toEqual([...wire]);
    expect(reader.ended).toBe(true);
    expect(writer.write.bind(writer, TEXT)).toThrow();
  });
});

describe('what is over stays so', () => {
  it('a writer that has ended, or whose mechanism has failed', async () => {
    const { initiator } = await pskSubject.contexts();
    const ended = new BlockWriter(initiator, 'safe', { bufferSize: PBSZ });
    ended.end();
    for (const run of [() => ended.write(TEXT), () => ended.end()]) {
      const error = errorOf(run);
      expect([error.code, error.side]).toEqual(['sequence/closed', 'local']);
    }
    const broken = new BlockWriter(initiator, 'safe', { bufferSize: PBSZ });
    initiator.destroy();
    const first = errorOf(() => broken.write(TEXT));
    expect(errorOf(() => broken.end())).toBe(first);
  });

  it('a reader that has met an error', async () => {
    const { initiator, acceptor } = await pskSubject.contexts();
    const reader = new BlockReader(acceptor, 'safe', { bufferSize: PBSZ });
    reader.push(concat(u32be(0), sent(initiator, 'safe', [TEXT])));
    const first = errorOf(() => reader.next());
    reader.push(sent(initiator, 'safe', [TEXT]));
    expect(errorOf(() => reader.next())).toBe(first);
    expect(errorOf(() => reader.close())).toBe(first);
    expect(reader.ended).toBe(false);
  });
});

describe('misuse by the caller', () => {
  it('is a TypeError or a RangeError', async () => {
    const { initiator } = await pskSubject.contexts();
    const [good, bad] = [{ bufferSize: 1024 }, { bufferSize: 2 ** 32 }];
    const makers = [BlockWriter, BlockReader] as const;
    for (const Maker of makers) {
      expect(() => new Maker(undefined, 'safe', good)).toThrow(TypeError);
      expect(() => new Maker(initiator, 'safe')).toThrow(RangeError);
      for (const bufferSize of [0, -1, 1.5, Number.NaN, bad.bufferSize]) {
        expect(() => new Maker(initiator, 'safe', { bufferSize } as BlockOptions)).toThrow(RangeError);
      }
    }
    expect(() => new BlockWriter(initiator, 'safe', good).write('text' as never)).toThrow(TypeError);
    expect(() => new BlockReader(initiator, 'safe', good).push('text' as never)).toThrow(TypeError);
    expectCode(() => new BlockWriter(contextPair(18).initiator, 'confidential', good), 'security/level-unsupported');
  });
});

describe('work and memory', () => {
  it('a block is 256 KiB at most, however large the buffer', async () => {
    const { initiator } = await pskSubject.contexts();
    const wire = sent(initiator, 'safe', [new Uint8Array(3 << 20)], 0xffff_ffff);
    expect(Math.max(...blocksOf(wire).map(it => it.length))).toBe(4 + (1 << 18));
  });

  it('are linear in the length of the file', () => {
    const run = (length: number) => {
      const context = { ...visibleContext(), wrapSizeLimit: () => 50 };
      const writer = new BlockWriter(context, 'safe', { bufferSize: 1000 });
      const wire = concat(writer.write(new Uint8Array(length)), writer.end());
      const reader = new BlockReader(context, 'safe', { bufferSize: 1000 });
      reader.push(wire);
      while (reader.next() !== undefined);
      reader.close();
    };
    expect(growth(run, 100_000)).toBeLessThan(LINEAR);
  });
});

/** Hands a chunk over, and overwrites it afterwards. */
function wiped<T>(chunk: Uint8Array, use: (chunk: Uint8Array) => T): T {
  const result = use(chunk);
  chunk.fill(0xee);
  return result;
}

it('an aborted writer refuses what comes then, as a mistake of our own', () => {
  const writer = new BlockWriter(undefined, 'clear');
  expect(writer.closed).toBe(false);
  writer.abort();
  expect(writer.closed).toBe(true);
  for (const more of [() => writer.write(ascii('a')), () => writer.end()])
    expect(errorOf(more)).toMatchObject({ code: 'sequence/closed', side: 'local' });
});

it('the smallest size of PBSZ is one octet', () => {
  expect(() => new BlockReader(visibleContext(), 'safe', { bufferSize: 1 })).not.toThrow();
  for (const bufferSize of [0, undefined])
    expect(() => new BlockReader(visibleContext(), 'safe', { bufferSize })).toThrow();
});

describe('a mechanism without memory of its own', () => {
  const cases = PASSING.flatMap(([what, context]) => [1, 7, 100, 5000].map(size => [what, size, context] as const));

  it.each(cases)('with %s, a file in chunks of %i octets is written and read unchanged', (_what, size, context) => {
    const chunksOf = (octets: Uint8Array) =>
      inChunks(octets, new Array<number>(Math.ceil(octets.length / size)).fill(size));
    const wire = sent(context, 'safe', chunksOf(TEXT));
    expect(wire).toEqual(sent(context, 'safe', [TEXT]));
    expect(received(context, 'safe', chunksOf(wire)).text).toEqual(TEXT);
  });
});
